"""The search box: what a clerk types finds whom it should, best first, by indexes alone, in one county."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from core.db.session import app_engine, unit_of_work
from core.db.statements import tenant_sql
from core.people.employers.service import save_employer
from core.people.models import FOUND_BY, Person, SearchToken
from core.people.search.finding import find, find_cases, find_employers, questions
from core.people.search.words import MOST, found_by, further_words, renew_search_words
from core.scope import Scope
from core.text.pinyin import confused, confused_so_far, name_pinyin, other_pinyin, place_pinyin
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.people_story import number_of, put_on_file

Acting = Callable[..., AbstractContextManager[Scope]]
PHONE = "13800002468"
HOUSEHOLDS = (
    ("王小明", "王晓敏"),
    ("王芳", "李里"),
    ("汪小明",),
    ("单雄信",),
    ("仇英", "曾晟"),
    ("欧阳修文",),
    ("尉迟恭",),
    ("阿卜杜拉•买买提",),
    ("𬱖𠮷",),
    ("李明", "黎敏"),
    ("Li Ming",),
    ("吕张良",),
)
COMPARED = {*FOUND_BY, "token", "pinyin", "identity_token", "phone_token"}
"""Columns in which the search looks."""
TYPED: tuple[tuple[str, list[str]], ...] = (
    ("王小明", ["王小明", "汪小明", "王晓敏"]),
    ("王", ["王芳", "王小明", "王晓敏"]),
    ("小明", ["汪小明", "王小明"]),
    ("wangxiaoming", ["汪小明", "王小明", "王晓敏"]),
    ("Wang Xiao Ming", ["汪小明", "王小明", "王晓敏"]),
    ("wang'xiao", ["汪小明", "王小明", "王晓敏"]),
    ("wxm", ["汪小明", "王小明", "王晓敏"]),
    ("wanxiaomin", ["汪小明", "王小明", "王晓敏"]),
    ("wangxiaomig", ["汪小明", "王小明", "王晓敏"]),
    ("wnagxiaoming", ["汪小明", "王小明", "王晓敏"]),
    ("里明", ["李明", "Li Ming", "黎敏"]),
    ("单", ["单雄信"]),
    ("shanx", ["单雄信"]),
    ("danx", ["单雄信"]),
    ("dxx", ["单雄信"]),
    ("qiuying", ["仇英"]),
    ("chouying", ["仇英"]),
    ("zengsheng", ["曾晟"]),
    ("尉迟", ["尉迟恭"]),
    ("yuchi", ["尉迟恭"]),
    ("令狐", []),
    ("修文", ["欧阳修文"]),
    ("阿卜杜拉·买买提", ["阿卜杜拉•买买提"]),
    ("阿卜杜拉．买", ["阿卜杜拉•买买提"]),
    ("买买提", ["阿卜杜拉•买买提"]),
    ("𬱖", ["𬱖𠮷"]),
    ("ｌｉ　ｍｉｎｇ", ["李明", "Li Ming", "黎敏"]),
    ("luzhangniang", ["吕张良"]),
    ("JJ2025-K1", ["王小明"]),
    ("jj2025-k", ["王小明"]),
    (PHONE, ["王小明"]),
    ("+86 138-0000-2468", ["王小明"]),
    ("2468", ["王小明"]),
    ("246", ["王小明"]),
    ("%", []),
    ("··", []),
    ("——", []),
    (" ", []),
    ("'", []),
    ("\x00\u200b", []),
)


@pytest.fixture
def county(acting: Acting) -> Acting:
    serial = 0
    with acting(), unit_of_work() as session:
        for place, members in enumerate(HOUSEHOLDS):
            numbered = []
            for name in members:
                serial += 1
                numbered.append((name, number_of(serial, date(1960, 1, serial))))
            first = {"number": "JJ2025-K1", "phone": PHONE} if place == 0 else {}
            put_on_file(session, *numbered, **first)
    return acting


def test_what_is_typed_finds_whom_it_should_in_order_and_nobody_elsewhere(county: Acting) -> None:
    with county(), unit_of_work() as session:
        assert {text: [row.name for row in find(session, text)] for text, _ in TYPED} == dict(TYPED)
        known = session.scalar(select(Person).where(Person.name == "仇英"))
        assert known is not None
        whole = number_of(7, date(1960, 1, 7))
        old = whole[:6] + whole[8:17]
        # The 15 digits of an old card lead to the same person, though the search never sees them stored.
        for text in (whole, whole.lower(), whole[:6] + " " + whole[6:], old, whole[-4:]):
            assert "仇英" in [row.name for row in find(session, text)], text
    with county(OTHER_COUNTY), unit_of_work() as session:
        assert {text for text, _ in TYPED if find(session, text)} == set()
        assert find(session, whole) == []


def test_a_search_is_one_statement_and_two_where_nobody_fits(county: Acting) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    with county(), unit_of_work() as session:
        find(session, "wang")
        event.listen(app_engine(), "before_cursor_execute", note)
        try:
            find(session, "wang")
            once = len(asked)
            find(session, "xxxxxxxx")
        finally:
            event.remove(app_engine(), "before_cursor_execute", note)
    assert (once, len(asked)) == (1, 3)


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") or plan.get("Index Name"):
        yield plan
    for inner in plan.get("Plans", ()):
        yield from _scans(inner)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        *(("陈玉兰", "cheny"), ("林云", "liny"), ("哈力克·买买提", "哈"), ("尉迟恭", "尉"), ("万俟雄", "万"), ("单于浩", "单")),
        *(("曾·扎西", "曾"), ("7号", "7号"), ("7号", "7"), ("王已明", "已")),
    ],
)
def test_a_beginning_is_found_however_more_would_be_read(acting: Acting, name: str, typed: str) -> None:
    with acting(), unit_of_work() as session:
        put_on_file(session, (name, number_of(1)), ("李四", number_of(2)))
        assert [one.name for one in find(session, typed)] == [name]


def test_neither_a_second_reading_nor_a_file_number_comes_before_whose_name_begins_so(acting: Acting) -> None:
    with acting(), unit_of_work() as session:
        for serial, given_name in enumerate("明红玉萍鑫波斌宇浩凯健俊帆雪琳晶莉鹏辉晓建国"):
            put_on_file(session, (f"张{given_name}娜", number_of(serial)))
        put_on_file(session, ("张安", number_of(30)), number="JJ2025-99999")
        for serial in range(40, 50):
            put_on_file(session, ("王明", number_of(serial)), number=f"JJ2025-9{serial:04}")
        put_on_file(session, ("江明", number_of(31)), number="JJ2025-99998")
        assert find(session, "zhang")[0].name == find(session, "z")[0].name == "张安"
        assert find(session, "j")[0].name == "江明"


MANY = """
insert into person (tenant, id, name, pinyin, gender, spelling, sounds, initials, given_name, last_four, phone_last_four)
select :tenant, gen_random_uuid(), k, k, '1', k, k, k, k, k, k from generate_series(1, 3000) n, md5(n::text) k
"""


def test_every_branch_of_a_search_reads_an_index_by_what_is_compared(county: Acting, db: Database) -> None:
    with county(), unit_of_work() as session:
        session.execute(tenant_sql(MANY))
    with db.owner.begin() as connection:
        connection.exec_driver_sql("analyze person")
    with county(), unit_of_work() as session:
        session.connection().exec_driver_sql("set local enable_seqscan = off; set local enable_bitmapscan = off")
        for text in ("王", "王小明", "w", "wx", "wang", "zhangsna", "246", "2468", PHONE, "JJ2025-K1", number_of(1)):
            for question in questions(text):
                statement, bound = question.statement(), question.bound | {"on": date(2025, 1, 1), "most": 20}
                compiled = statement.compile(dialect=session.get_bind().dialect)
                values = {**compiled.params, **bound, "tenant": COUNTY}
                # The driver's own form of the statement, with its values.
                [[found]] = session.connection().exec_driver_sql(f"explain (format json) {compiled}", values).all()
                plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
                for scan in _scans(plan):
                    assert "Seq Scan" not in scan["Node Type"], (text, scan)
                    if scan.get("Relation Name") in ("search_token", "person") and scan["Alias"] != "p":
                        assert COMPARED & set(re.findall(r"\w+", scan["Index Cond"])), str(scan)


def test_words_written_anew_are_those_that_were_written_first(county: Acting) -> None:
    def words(session: Session) -> tuple[set[object], set[object]]:
        columns = [getattr(Person, name) for name in FOUND_BY]
        return set(session.execute(select(Person.id, *columns))), set(
            session.execute(select(SearchToken.subject_id, SearchToken.token))
        )

    with county(), unit_of_work() as session:
        put_on_file(session, ("钱七", number_of(500)), phone="028-87654321")
        before, ids = words(session), list(session.scalars(select(Person.id)))
        assert all(before)
        assert session.scalars(select(Person.phone_last_four).where(Person.phone_last_four.is_not(None))).all() == ["2468"]
        session.execute(update(Person).values(dict.fromkeys(FOUND_BY, "?")))
        renew_search_words(session, ids)
        assert words(session) == before
        person = session.scalars(select(Person).where(Person.name == "李里")).one()
        person.name, person.pinyin = "李丽", name_pinyin("李丽").sort_key
        session.flush()
        renew_search_words(session, [person.id])
        assert [row.name for row in find(session, "李丽")] == ["李丽"]
        assert [row.name for row in find(session, "李里")] == ["李丽"]  # by its sound


def test_cases_are_found_by_their_words_and_confidential_ones_by_their_handlers(county: Acting) -> None:
    from core.db.base import new_id

    open_case, closed_case = new_id(), new_id()
    with county(), unit_of_work() as session:
        for word in ("赵六", "zhaoliu", "zl", "xf-2025-0001"):
            session.add(SearchToken(token=word, subject_kind="case", subject_id=open_case))
        session.add(SearchToken(token="赵六", subject_kind="case", subject_id=closed_case, handlers=["h"]))
        session.flush()
        for text in ("赵六", "Zhao Liu", "zl", "XF-2025"):
            assert find_cases(session, text) == [open_case]
        assert find(session, "赵六") == []
    with county(actor="h"), unit_of_work() as session:
        assert set(find_cases(session, "赵六")) == {open_case, closed_case}
    with county(OTHER_COUNTY), unit_of_work() as session:
        assert find_cases(session, "赵六") == []


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=50))
def test_any_name_has_words_and_always_the_same(name: str) -> None:
    spoken = name_pinyin(name)
    columns = found_by([name], [spoken], ["510104********1234"])
    assert columns == found_by([name], [name_pinyin(name)], ["510104********1234"])
    assert {*columns, "phone_last_four"} == set(FOUND_BY)
    assert columns["last_four"] == ["1234"]
    assert all(value for [value] in columns.values() if value is not None)
    assert "jj-1" in further_words(name, ["jj-1"])
    assert len(further_words(name, ["jj-1"])) <= MOST
    assert all(spoken.full for other in other_pinyin(name) if other)
    assert place_pinyin(name).sort_key == place_pinyin(name).sort_key
    list(questions(name))


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=4))
@example("陈玉兰")
@example("吕张良")
@example("王高")
def test_sounds_begin_as_those_of_the_beginning_do(name: str) -> None:
    letters = name_pinyin(name).full
    for size in range(len(letters) + 1):
        assert confused(letters).startswith(confused_so_far(letters[:size]))


def test_places_are_read_as_phrases_and_surnames_in_either_way() -> None:
    assert place_pinyin("重庆建工集团").full == "chongqingjiangongjituan"
    assert place_pinyin("犍为县𠮷厂").initials == "qwx𠮷c"
    assert [other.full for other in other_pinyin("单雄信")] == ["danxiongxin"]
    assert other_pinyin("尉迟恭") == []


def test_employers_are_found_the_name_itself_first(acting: Acting) -> None:
    with acting(OTHER_COUNTY), unit_of_work() as session:
        save_employer(session, None, {"name": "锦江纺织厂"})
    with acting(), unit_of_work() as session:
        code = "91110000600037341L"
        for name, told in (("新锦江纺织厂", ""), ("锦江纺织厂二分厂", ""), ("锦江纺织厂", code), ("重庆100%_厂", "")):
            save_employer(session, None, {"name": name, "credit_code": told})

        def names(text: str) -> list[str]:
            return [one.name for one in find_employers(session, text)]

        assert names("锦江纺织厂") == ["锦江纺织厂", "锦江纺织厂二分厂", "新锦江纺织厂"]
        assert names("纺织厂二") == ["锦江纺织厂二分厂"]
        assert names("jjfzc") == ["锦江纺织厂", "锦江纺织厂二分厂"]
        assert names("chongqing") == names("100%_") == ["重庆100%_厂"]
        assert names(code.lower()) == names(f" {code} ") == ["锦江纺织厂"]
        assert names("") == names("\x00") == names("王小明") == []
