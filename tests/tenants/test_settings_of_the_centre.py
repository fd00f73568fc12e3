"""Settings of the centre itself: lists of objects, office hours, and patterns of numbers that give each its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from core.centre.numbering import BadPattern, draw, line_of_case, parse
from core.centre.settings import NAME, CentreSettings, centre_settings
from core.db.session import unit_of_work
from core.people.models import WorkerFile
from core.scope import Scope
from core.tenancy.setting_fields import fields_of, read_typed, text_of, words_of
from core.tenancy.setting_words import SettingsRefused
from core.tenancy.settings import explained
from tenants.configuring import change_settings, differences, restore_settings
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY
from tests.core.test_survey import plant
from tests.tenants.conftest import asked

Admin = Callable[..., AbstractContextManager[Scope]]
LEADERS = [
    {"order": 2, "name": "李明", "office": "副主席", "duty": "困难帮扶"},
    {"order": 1, "name": "王芳", "office": "主席", "duty": ""},
]


def change(admin: Admin, tenant: str = COUNTY, **values: Any) -> int:
    with admin(tenant), unit_of_work() as session:
        return change_settings(session, NAME, values=values, reason="主席办公会决定").version


def drawn(admin: Admin, what: Any, count: int = 1, tenant: str = COUNTY, **more: Any) -> list[str]:
    with admin(tenant), unit_of_work() as session:
        return draw(session, what, TODAY.year, count, **more)


def test_a_list_of_objects_is_typed_kept_and_said() -> None:
    field = {one.name: one for one in fields_of(CentreSettings)}["leaders"]
    assert [(one.name, one.kind, one.title) for one in field.columns][:2] == [
        ("leaders.order", "integer", "顺序"),
        ("leaders.name", "text", "姓名"),
    ]
    text = text_of(field, LEADERS)
    assert read_typed(field, [text]) == LEADERS
    assert words_of(field, LEADERS) == "2 李明 副主席 困难帮扶；1 王芳 主席"
    # a row in which nothing but its number stands was never filled in
    assert read_typed(field, ['[{"order": "3", "name": " ", "office": "", "duty": ""}]']) == []


def test_the_centre_says_who_leads_it_and_when_it_is_open(admin: Admin) -> None:
    change(admin, PROVINCE, complaint_phone="028-8888 0000")
    first = change(
        admin,
        centre_name="锦江区困难职工援助中心",
        leaders=LEADERS,
        open_days=["1", "2", "3", "4", "5"],
        morning_from="09:00",
        morning_to="12:00",
        afternoon_from="13:30",
        afternoon_to="17:00",
        hours_note="法定节假日除外",
    )
    with admin(COUNTY), unit_of_work() as session:
        session.connection()
        with asked() as statements:
            found = centre_settings(session)
        assert len(statements) == 1
        assert found.hours == "周一至周五 09:00—12:00，13:30—17:00（法定节假日除外）"
        assert [one.name for one in found.members] == ["王芳", "李明"]
        assert found.complaint_phone == "028-8888 0000"
    second = change(admin, leaders=LEADERS[1:], open_days=["1", "3"])
    with admin(COUNTY), unit_of_work() as session:
        assert centre_settings(session).hours.startswith("周一、周三")
        told = differences(NAME, explained(session, NAME).own, first, second)
        assert [(one.title, one.was) for one in told if one.title == "领导小组成员"] == [
            ("领导小组成员", "2 李明 副主席 困难帮扶；1 王芳 主席")
        ]
        restore_settings(session, NAME, first, reason="恢复")
        assert len(centre_settings(session).leaders) == 2
    with admin(OTHER_COUNTY), unit_of_work() as session:
        assert centre_settings(session).leaders == []


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"leaders": [{"order": 1, "name": ""}]}, "leaders", "第 1 行“姓名”至少 1 个字"),
        ({"leaders": [*LEADERS, {"order": 100, "name": "赵"}]}, "leaders", "第 3 行“顺序”不得大于 99"),
        ({"phone": "打这个"}, "phone", "格式不符合要求"),
        ({"website": "javascript:alert(1)"}, "website", "格式不符合要求"),
        ({"morning_from": "09:00"}, "", "上午的起止时间须同时填写"),
        ({"file_number": "{seq:04d}"}, "file_number", "须有年度"),
        ({"case_number": "{year}-{seq:04d}"}, "case_number", "须有一个业务代号"),
    ],
)
def test_what_does_not_fit_is_told_by_row(admin: Admin, values: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(SettingsRefused) as error:
        change(admin, **values)
    assert [problem.field for problem in error.value.problems] == [field]
    assert said in error.value.zh


@pytest.mark.parametrize(
    "text",
    [
        "{seq:04d}",
        "{year}",
        "{year}{seq:4d}",
        "{year}{seq:04d}{seq:04d}",
        "{year}{year}{seq:04d}",
        "{line}-{year}-{seq:04d}",
        "{year.real}{seq:04d}",
        "{0}{year}{seq:04d}",
        "{year}{seq:04d}<b>",
        "{year}{seq:04d}}",
        "字" * 30 + "{year}{seq:04d}",
    ],
)
def test_a_pattern_that_would_not_do_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        parse(text, "file")


FIXED = st.text(st.sampled_from("ab-〔〕/字第0"), max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.tuples(FIXED, FIXED, FIXED, FIXED, FIXED),
    parts=st.permutations(["{year}", "{line}", "{seq:02d}", "{county}"]),
)
def test_no_two_numbers_of_a_pattern_are_the_same(texts: tuple[str, ...], parts: list[str]) -> None:
    pattern = parse("".join(fixed + part for fixed, part in zip(texts, [*parts, ""], strict=True)), "case")
    ones = list(product(("SH", "FY", "S", "SWN"), (2024, 2025), (1, 9, 10, 99, 100, 199, 1_000)))
    numbers = [pattern.number(COUNTY, year, seq, line) for line, year, seq in ones]
    assert len(set(numbers)) == len(numbers)
    for number, (line, year, seq) in zip(numbers, ones, strict=True):
        found = re.fullmatch(pattern.regex(COUNTY, year), number)
        assert found is not None
        assert int(found[1]) == seq
        assert line_of_case(number) == line


def test_numbers_go_on_by_the_pattern_that_holds(admin: Admin) -> None:
    assert drawn(admin, "file", 2) == ["DA2025000001", "DA2025000002"]
    assert drawn(admin, "case", line="SH") == ["SH-2025-0001"]
    assert drawn(admin, "batch") == ["FF2025-0001"]
    change(admin, PROVINCE, file_number="{county}-{year}-{seq:05d}")
    change(admin, case_number="川工{line}〔{year}〕{seq:03d}号")
    assert drawn(admin, "file", 2) == [f"{COUNTY}-2025-00003", f"{COUNTY}-2025-00004"]
    assert drawn(admin, "case", line="SH") == ["川工SH〔2025〕002号"]
    assert drawn(admin, "case", line="XF") == ["川工XF〔2025〕001号"]
    assert drawn(admin, "file", tenant=OTHER_COUNTY) == [f"{OTHER_COUNTY}-2025-00001"]


def test_a_pattern_that_would_give_numbers_again_is_refused(admin: Admin) -> None:
    with admin(COUNTY), unit_of_work() as session:
        plant(session, [0, 0, 0])
        for number, row in enumerate(session.scalars(select(WorkerFile)).all(), start=3):
            session.execute(
                update(WorkerFile).where(WorkerFile.id == row.id).values(file_number=f"川{TODAY.year}-{number:03d}")
            )
    with pytest.raises(SettingsRefused, match=f"会与已有编号重复，如 川{TODAY.year}-00"):
        change(admin, file_number="川{year}-{seq:03d}")
    # the level above cannot see them: what is borne already is passed over
    change(admin, PROVINCE, file_number="川{year}-{seq:03d}")
    assert drawn(admin, "file", 4) == [f"川{TODAY.year}-00{number}" for number in (1, 2, 6, 7)]
    # numbers that the counter has passed do no harm
    change(admin, COUNTY, file_number="川{year}-{seq:04d}")
    change(admin, COUNTY, file_number="川{year}-{seq:03d}")


def test_a_pattern_may_begin_with_the_new_year(admin: Admin) -> None:
    new_year = TODAY.replace(month=1, day=1).replace(year=TODAY.year + 1)
    with admin(COUNTY), unit_of_work() as session:
        change_settings(session, NAME, values={"file_number": "N{year}{seq:03d}"}, reason="新年启用", valid_from=new_year)
    assert drawn(admin, "file") == ["DA2025000001"]
    with admin(COUNTY, new_year + timedelta(days=1)), unit_of_work() as session:
        assert draw(session, "file", new_year.year, 1) == [f"N{new_year.year}001"]
