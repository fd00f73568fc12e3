"""Personal rights: requests with their deadline, who looked at a file, a copy of everything about one person (PIPL)."""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import event, select, text, update

from core.cases.models import Case, Party
from core.cases.sealing import sealed_form
from core.db.base import new_id
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.people.duplicates.merging import merge
from core.people.fields import BY_CODE, ON_PAGES
from core.people.models import PersonFact, WorkerFile
from core.people.papers.attachments import NewPaper, add_paper, open_paper
from core.people.service import reveal
from core.rights.copies import take, write
from core.rights.requests import NewRequest, answer, register, requests_of, requests_open
from core.rights.views import Period, statement, views_of
from core.trail.models import ReadLog
from core.trail.service import record_page
from core.vault import masking
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import PDF
from tests.core.rights_story import DOUBLE, STRANGER, WIFE, WORKER, Acting, Family, aid, everybody, family, keyed


@pytest.fixture
def county(db: Database, acting: Acting) -> Acting:
    keyed(db, acting)
    return acting


def _asked(county: Acting, found: Family, kind: str = "export", person: int = 0, actor: str = "clerk") -> uuid.UUID:
    with everybody(county, actor), unit_of_work() as session:
        return register(session, NewRequest(kind, found.household, found.persons[person], "身份证原件")).id


def test_a_request_has_a_number_a_day_and_one_answer(county: Acting) -> None:
    theirs = family(county, WORKER, WIFE)
    new = NewRequest(
        "correction", theirs.household, theirs.persons[1], "委托书", agent_name="欧阳修武", asked_on=date(2025, 8, 29)
    )
    with everybody(county, "clerk"), unit_of_work() as session:
        made = register(session, new)
        # fifteen working days from a Friday, none of them a holiday
        assert (made.number, made.due_on, made.asker) == ("QL-2025-0001", date(2025, 9, 19), "agent")
        with pytest.raises(Conflict, match="正在办理"):
            register(session, new)
        for wrong in (
            NewRequest("other", theirs.household, theirs.persons[0], "x"),
            NewRequest("export", theirs.household, theirs.persons[0], "  "),
            NewRequest("export", theirs.household, theirs.persons[0], "x", asked_on=date(2026, 1, 1)),
        ):
            with pytest.raises(InvalidInput):
                register(session, wrong)
        with pytest.raises(NotFound):
            register(session, NewRequest("export", theirs.household, uuid.uuid4(), "x"))
        assert [row.id for row in requests_open(session)] == [made.id]
        with pytest.raises(InvalidInput):
            answer(session, made.id, outcome="refused", why=" ")
        assert answer(session, made.id, outcome="answered", why="已更正姓名").state == "answered"
        with pytest.raises(Conflict):
            answer(session, made.id, outcome="refused", why="x")
        assert (requests_open(session), [row.id for row in requests_open(session, ended=True)]) == ([], [made.id])
    with county(COUNTY, actor="nobody"), unit_of_work() as session, pytest.raises(Forbidden):
        requests_of(session, theirs.household)
    with everybody(county, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert requests_of(session, theirs.household) == []
        with pytest.raises(NotFound):
            register(session, NewRequest("export", theirs.household, theirs.persons[0], "x"))


def test_the_family_learns_who_looked_when_and_at_what(county: Acting) -> None:
    theirs, beside = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2")
    with everybody(county, "clerk"), unit_of_work() as session:
        page = "/households/{household_id}"
        record_page(session, page, "people.read", "household", theirs.household, ["name", "area"])
        record_page(session, page, "people.read", "household", beside.household, ["name"])
        reveal(session, theirs.persons[1], "identity_number", "核对证件")
    with everybody(county, "auditor"), unit_of_work() as session:
        found = views_of(session, theirs.household)
        assert [(row.act, row.whom, row.fields, row.reason) for row in found] == [
            ("查阅完整信息", WIFE.name, "身份证号", "核对证件"),
            ("打开页面（查看困难职工档案）", "", "姓名、住址（到社区、村）", ""),
            ("查阅完整信息", WORKER.name, "电话", f"核对{WORKER.name}电话"),
        ]
        assert views_of(session, theirs.household, limit=1) == found[:1]
        assert views_of(session, theirs.household, after=found[0].id) == found[1:]
        assert views_of(session, theirs.household, Period(until=date(2000, 1, 1))) == []
        with pytest.raises(NotFound):
            views_of(session, uuid.uuid4())
    request = _asked(county, theirs, "view_log")
    with everybody(county, "clerk"), unit_of_work() as session:
        asked, told = statement(session, request)
        # looks at another member's number are that member's to know
        assert [row.whom for row in told] == [WORKER.name, ""]
        assert (asked.state, asked.answered_by) == ("answered", "clerk")
    with everybody(county, "auditor"), unit_of_work() as session:
        assert views_of(session, theirs.household)[0].act == "提供查阅记录"
    with everybody(county, "auditor", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        views_of(session, theirs.household)


def test_a_look_at_a_card_says_so_and_one_at_the_double_counts(county: Acting) -> None:
    theirs, double = family(county, WORKER, status="on_file"), family(county, DOUBLE, number="SB2", status="on_file")
    with everybody(county, "clerk"), unit_of_work() as session:
        made = add_paper(session, theirs.household, NewPaper("identity_card", "", PDF))
        merge(session, double.persons[0], theirs.persons[0], "同一人，已核对证件", households=True)
    with everybody(county, "clerk"), unit_of_work() as session:
        open_paper(session, theirs.household, made.id, "核对证件")
    request = _asked(county, theirs)
    _, _, everything = _copy(county, request)
    assert [value for value in (WORKER.number, DOUBLE.number, DOUBLE.phone) if value not in everything] == []
    with everybody(county, "auditor"), unit_of_work() as session:
        found = views_of(session, theirs.household)
        assert [(row.act, row.whom, row.fields) for row in found] == [
            ("提供个人信息副本", WORKER.name, ""),
            ("查阅完整信息", "", "居民身份证"),
            ("查阅完整信息", WORKER.name, "电话"),
            ("查阅完整信息", WORKER.name, "电话"),
        ]


def test_a_copy_names_nobody_of_the_office_and_runs_nothing(county: Acting) -> None:
    theirs = family(county, WORKER)
    with everybody(county, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        file.file_opener, file.reviewer, file.data_entry_clerk = "经办哨兵甲", "审核哨兵乙", "录入哨兵丙"
        file.remark, file.bank_branch = "=HYPERLINK(1)", "a\x07b"
    made = io.BytesIO()
    with everybody(county, "clerk"), unit_of_work() as session:
        asked = register(session, NewRequest("export", theirs.household, theirs.persons[0], "身份证原件"))
        write(take(session, asked.id), made)
    with zipfile.ZipFile(made) as archive:
        told, workbook = archive.read("个人信息副本.json").decode(), archive.read("个人信息副本.xlsx")
    assert "哨兵" not in told
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        texts = book.read("xl/sharedStrings.xml").decode()
        sheets = [book.read(name) for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
    assert [sheet for sheet in sheets if b"<f>" in sheet or b"<hyperlink" in sheet] == []
    assert "=HYPERLINK(1)" in texts
    assert "哨兵" not in texts


def _many_looks(county: Acting, db: Database) -> None:
    """Looks of a busy year at others: of a table that is all but empty every index is as good, and the planner takes any."""
    with everybody(county, "clerk"), unit_of_work() as session:
        session.execute(
            tenant_sql(
                "insert into read_log (tenant, id, actor, what, subject_kind, subject_id, reason, business_date)"
                " select :tenant, gen_random_uuid(), 'clerk', '/x', 'household', gen_random_uuid(), '', :on"
                " from generate_series(1, 3000)"
            ),
            {"on": TODAY},
        )
    with db.owner.begin() as connection:
        connection.execute(text("analyze read_log"))


def test_looks_are_found_by_their_index(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER)
    _many_looks(county, db)
    asked: list[tuple[str, dict[str, object]]] = []
    with everybody(county, "auditor"), unit_of_work() as session:

        def noted(_c: object, _cursor: object, statement: str, parameters: dict[str, object], *_: object) -> None:
            asked.append((statement, parameters))

        event.listen(session.get_bind(), "before_cursor_execute", noted)
        views_of(session, theirs.household, Period(TODAY, TODAY))
        event.remove(session.get_bind(), "before_cursor_execute", noted)
        (looked, bound), *more = [one for one in asked if "read_log" in one[0]]
        assert not more
        # a few statements, however many looks there are
        assert len(asked) <= 9
        raw = session.connection().connection.driver_connection
        assert raw is not None
        with raw.cursor() as cursor:
            # no other way is left than an index; which one is used, and by which conditions, tells whether ours serves
            cursor.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
            cursor.execute(f"explain (format json) {looked}", bound)
            [found] = cursor.fetchone() or [None]
    (scan,) = [one for one in _parts((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]) if _reads_log(one)]
    assert scan["Node Type"] in ("Index Scan", "Index Only Scan"), scan
    assert scan["Index Name"] == "ix_read_log_subject", scan
    assert re.search(r"tenant.*subject_id = ANY.*at >=", scan["Index Cond"]), scan


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _parts(inner)


def _reads_log(part: dict[str, Any]) -> bool:
    return part.get("Relation Name") == "read_log"


def test_what_pages_show_is_named_by_kinds_that_there_are() -> None:
    for codes in ON_PAGES.values():
        assert set(codes) <= BY_CODE.keys()


def _copy(county: Acting, request: uuid.UUID, actor: str = "clerk") -> tuple[dict[str, object], dict[str, bytes], str]:
    """The copy that is taken out: its JSON, its papers by name, and everything that is written in it."""
    file = io.BytesIO()
    with everybody(county, actor), unit_of_work() as session:
        write(take(session, request), file)
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read("个人信息副本.json"))
        book = CalamineWorkbook.from_filelike(io.BytesIO(archive.read("个人信息副本.xlsx")))
        cells = [str(cell) for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python() for cell in row]
        papers = {name: archive.read(name) for name in archive.namelist() if name.startswith("材料/")}
    return told, papers, json.dumps(told, ensure_ascii=False) + "\n".join(cells)


def test_a_copy_holds_everything_about_the_one_and_no_number_of_another(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    aid(county, theirs)
    family(county, STRANGER, number="SB2")
    family(county, STRANGER, tenant=OTHER_COUNTY)
    told, papers, everything = _copy(county, _asked(county, theirs))
    for value in (
        WORKER.name,
        WORKER.number,
        WORKER.phone,
        WORKER.account,
        "7栋",
        "蜀门北路",
        "同意救助",
        "已入户核实",
        "7654000",
    ):
        assert value in everything, value
    assert list(papers.values()) == [PDF + b"own"]
    for value in (WIFE.number, WIFE.phone, *STRANGER.told(), "wrapped_key", "decider", "7654001"):
        assert value not in everything, value
    assert WIFE.name in everything
    tables = told["tables"]
    assert isinstance(tables, dict)
    assert {"person", "household", "worker_file", "person_fact", "case_record", "payment_attempt", "ledger_entry"} <= set(
        tables
    )
    assert [row["income_wage_fen"] for row in tables["person_fact"]["rows"]] == [100_000]
    _, papers, everything = _copy(county, _asked(county, theirs, person=1))
    for value in (WIFE.name, WIFE.number, WIFE.phone, "7654001"):
        assert value in everything, value
    for value in (WORKER.number, WORKER.phone, WORKER.account, *STRANGER.told(), "7654000"):
        assert value not in everything, value
    assert papers == {}


def test_a_paper_that_is_damaged_is_told_of_and_the_rest_is_given(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER)
    with db.owner.begin() as connection:
        connection.execute(text("update document set wrapped_key = :key"), {"key": bytes(60)})
    told, papers, _ = _copy(county, _asked(county, theirs))
    assert told["person"] == WORKER.name
    assert [name.endswith(".损坏.txt") for name in papers] == [True]


def _damage(db: Database, person: uuid.UUID) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("update person set wrapped_key = :key where id = :id"), {"key": bytes(60), "id": person})


def test_a_damaged_key_of_another_keeps_nobody_from_a_copy_and_tells_no_number(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    with everybody(county, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        file.remark = f"{WIFE.number.lower()}，{WIFE.phone}，{WORKER.number}"
    _damage(db, theirs.persons[1])
    _, _, everything = _copy(county, _asked(county, theirs))
    for value in (WORKER.number, WORKER.account, masking.identity_number(WIFE.number), masking.phone(WIFE.phone)):
        assert value in everything, value
    for value in (WIFE.number, WIFE.phone):
        assert value not in everything, value
    _damage(db, theirs.persons[0])
    request = _asked(county, theirs)
    with everybody(county, "clerk"), unit_of_work() as session, pytest.raises(Conflict, match="本人的加密信息已损坏") as told:
        take(session, request)
    assert (told.value.where, told.value.mend_zh is not None, told.value.mend_en is not None) == ("QL-2025-0002", True, True)
    with everybody(county, "clerk"), unit_of_work() as session:
        assert [row.id for row in requests_open(session)] == [request]


def test_a_number_of_the_worker_does_not_stand_in_the_copy_of_another_though_it_cannot_be_opened(
    county: Acting, db: Database
) -> None:
    theirs = family(county, WORKER, WIFE)
    with db.owner.begin() as connection:
        said = update(PersonFact).values(unit_or_school=f"{WORKER.account}，{WORKER.phone}，{WIFE.phone}")
        connection.execute(said.where(PersonFact.person_id == theirs.persons[1]))
    _damage(db, theirs.persons[0])
    _, _, everything = _copy(county, _asked(county, theirs, person=1))
    assert masking.bank_account(WORKER.account) in everything
    assert [value for value in (WORKER.number, WORKER.phone, WORKER.account) if value in everything] == []


def test_a_value_that_is_damaged_is_told_of_and_the_rest_is_given(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    with db.owner.begin() as connection:
        connection.execute(text("update person set phone_cipher = :cipher"), {"cipher": bytes(60)})
    told, _, everything = _copy(county, _asked(county, theirs, person=1))
    tables: Any = told["tables"]
    assert [row["phone_cipher"] for row in tables["person"]["rows"]] == ["（加密信息已损坏，无法解开）"]
    # the house number is the worker's
    assert [row["house_number_cipher"] for row in tables["household"]["rows"]] == ["（以他人密钥加密，不提供）"]
    assert (WIFE.number in everything, WORKER.phone in everything) == (True, False)


def test_a_copy_is_taken_once_by_whoever_registered_it(county: Acting) -> None:
    theirs = family(county, WORKER, WIFE)
    request = _asked(county, theirs)
    with everybody(county, "other"), unit_of_work() as session, pytest.raises(Forbidden):
        take(session, request)
    with everybody(county, "clerk", on=date(2025, 12, 1)), unit_of_work() as session, pytest.raises(Conflict, match="过期"):
        take(session, request)
    with everybody(county, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        take(session, request)
    _copy(county, request)
    with everybody(county, "clerk"), unit_of_work() as session, pytest.raises(Conflict, match="已取出"):
        take(session, request)
    with everybody(county, "clerk"), unit_of_work() as session:
        logged = session.scalars(select(ReadLog).where(ReadLog.what == "rights.copy")).one()
        assert logged.subject_id == theirs.persons[0]


@pytest.mark.parametrize(("handler", "told"), [("clerk", True), ("someone", False)])
def test_a_confidential_case_is_in_the_copy_of_its_handler_alone(county: Acting, handler: str, told: bool) -> None:
    theirs = family(county, WORKER)
    with everybody(county, handler), unit_of_work() as session:
        case = new_id()
        session.add(
            Case(
                id=case, number="XF-2025-0099", plugin="petitions", workflow="petition", workflow_version=1, state="registered",
                clerk=handler, opened_on=TODAY, handlers=[handler],
                form_cipher=sealed_form(session, case, {"content": "检举内容哨兵"}),
            )
        )  # fmt: skip
        session.flush()
        session.add(Party(case_id=case, role="applicant", person_id=theirs.persons[0], label="甲", handlers=[handler]))
    _, _, everything = _copy(county, _asked(county, theirs))
    assert ("检举内容哨兵" in everything) is told
    assert ("XF-2025-0099" in everything) is told
