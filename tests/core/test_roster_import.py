"""An import from its file to the files of households: looked through, corrected, written once, sent again."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.jobs.runner import run_inline
from core.people.imports import importer, jobs, writing
from core.people.imports.annotated import write_copy
from core.people.imports.importer import import_roster, look_through
from core.people.imports.models import RosterChange, RosterHeading, RosterImport, RosterPart, RosterProblem
from core.people.imports.service import (
    LEAVE,
    changes,
    choose_changes,
    correct_columns,
    discard,
    discard_overdue,
    import_named,
    imports,
    problems,
    send,
    start_commit,
)
from core.people.models import Household, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.people.search.finding import find
from core.people.service import correct_income, household_view
from core.spreadsheets.reading import open_spreadsheet
from core.trail.models import TrailEntry
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.rosters import HEAD, Acting, Row, clerk, counties, family, number_of, saved, workbook

__all__ = ["counties"]


def sent(acting: Acting, rows: list[Row], tenant: str = COUNTY, head: tuple[str, ...] = HEAD) -> RosterImport:
    """Sent and checked."""
    with clerk(acting, tenant), unit_of_work() as session:
        made = send(session, "名册.xlsx", workbook(rows, head)).made
    return finished(acting, made, tenant)


def finished(acting: Acting, made: RosterImport, tenant: str = COUNTY) -> RosterImport:
    assert made.job_id is not None
    assert run_inline(tenant, made.job_id)["state"] == "done"
    with clerk(acting, tenant), unit_of_work() as session:
        return import_named(session, made.id)


def committed(acting: Acting, rows: list[Row], tenant: str = COUNTY, head: tuple[str, ...] = HEAD) -> RosterImport:
    made = sent(acting, rows, tenant, head)
    with clerk(acting, tenant), unit_of_work() as session:
        made = start_commit(session, made.id)
    return finished(acting, made, tenant)


def count(session: Session, model: Any) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_file_is_looked_through_then_written_once(counties: Acting) -> None:
    rows = [*family(1), *family(11, 3), *family(21).copy()]
    rows[-1] = rows[-1].but(身份证号=number_of(22)[:-1] + "?")
    made = sent(counties, rows)
    assert (made.state, made.households, made.persons, made.held_back) == ("checked", 2, 5, 1)
    assert made.counts["read"]["households"] == 3
    with clerk(counties), unit_of_work() as session:
        assert count(session, Person) == 0
        assert count(session, RosterPart) == 2
        (found,) = problems(session, made.id, severity="error")
        assert (found.sheet, found.row, found.column, found.letter) == ("名册", 8, "身份证号", "D")
        assert number_of(22)[6:14] not in found.value
        assert all(number_of(1) not in str(values) for values in made.samples.values())
        made = start_commit(session, made.id)
        with pytest.raises(Conflict):
            start_commit(session, made.id)
    made = finished(counties, made)
    assert (made.state, made.households, made.persons, made.held_back) == ("committed", 2, 5, 1)
    with clerk(counties), unit_of_work() as session:
        assert (count(session, Person), count(session, Household), count(session, Membership)) == (5, 2, 5)
        assert count(session, RosterPart) == 0
        assert count(session, RosterProblem) == made.counts["errors"] + made.counts["warnings"] == 1
        assert count(session, SearchToken) == 2  # the files' numbers
        assert session.scalars(select(Person.id).where(Person.spelling.is_(None) | Person.last_four.is_(None))).all() == []
        file = session.scalars(select(WorkerFile).where(WorkerFile.file_number == "D0001")).one()
        assert (file.import_key, file.import_version, file.version) == ("H1", 1, 1)
        facts = session.scalars(select(PersonFact)).all()
        assert {fact.source for fact in facts} == {f"import:{made.id}"}
        assert {fact.monthly_income_fen for fact in facts} == {120_000}
        again = send(session, "另存.xlsx", workbook(rows))
        assert (again.new, again.made.id == made.id) == (True, False)  # a household was held back
        assert send(session, "名册.xlsx", workbook(rows)).made.id == again.made.id
    repeated = finished(counties, again.made)
    assert (repeated.counts["new"], repeated.counts["changed"], repeated.counts["same"], repeated.held_back) == (0, 0, 2, 1)
    with clerk(counties), unit_of_work() as session, pytest.raises(Conflict):
        start_commit(session, repeated.id)
    with clerk(counties, OTHER_COUNTY), unit_of_work() as session:
        assert imports(session) == []
        with pytest.raises(NotFound):
            import_named(session, made.id)
        assert count(session, Person) == 0


def test_a_file_that_was_held_back_goes_in_as_it_is_once_nothing_holds_it(counties: Acting) -> None:
    rows = [*family(1), *family(11)]
    committed(counties, family(11))
    with clerk(counties), unit_of_work() as session:
        session.execute(update(WorkerFile).where(WorkerFile.file_number == "D0011").values(status="cancelled"))
    first = committed(counties, rows)
    assert (first.households, first.held_back) == (1, 1)
    with clerk(counties), unit_of_work() as session:
        session.execute(update(WorkerFile).where(WorkerFile.file_number == "D0011").values(status="on_file"))
    again = sent(counties, rows)
    assert again.id != first.id
    assert (again.counts["new"], again.counts["same"], again.held_back) == (0, 2, 0)
    with clerk(counties), unit_of_work() as session:
        assert count(session, WorkerFile) == 2
        assert discard(session, again.id).state == "discarded"
        assert send(session, "名册.xlsx", workbook(rows)).new
        assert not send(session, "名册.xlsx", workbook(family(11))).new


def test_a_corrected_file_writes_what_differs_and_nothing_else(counties: Acting) -> None:
    rows = [*family(1), *family(11)]
    committed(counties, rows)
    changed = [rows[0].but(income=1500), rows[1].but(月收入=None), Row("H1", "子女", "王小军", 5), rows[2]]
    made = sent(counties, changed)
    told = made.counts
    assert (told["new"], told["changed"], told["same"], told["held_back"]) == (0, 1, 1, 0)
    with clerk(counties), unit_of_work() as session:
        shown = [(one.name, one.was, one.becomes, one.contested, one.taken) for one in changes(session, made.id)]
        assert ("王建国", "1,200.00 元", "1,500.00 元", False, True) in shown
        assert any(name == "王小军" and was == "不在册" for name, was, *_ in shown)
        assert len(shown) == 2
        assert [one.kind for one in problems(session, made.id, severity="warning")] == ["member_missing"]
        before = count(session, PersonFact), count(session, Membership)
        made = start_commit(session, made.id)
    made = finished(counties, made)
    assert (made.households, made.persons, made.counts["written_changed"]) == (1, 1, 1)
    with clerk(counties), unit_of_work() as session:
        assert (count(session, PersonFact), count(session, Membership)) == (before[0] + 2, before[1] + 1)
        file = session.scalars(select(WorkerFile).where(WorkerFile.file_number == "D0001")).one()
        view = household_view(session, file.household_id)
        assert view is not None
        assert sorted((one.person.name, one.fact.monthly_income_fen) for one in view.members if one.fact) == [
            ("王小军", 120_000), ("王小明", 120_000), ("王建国", 150_000)
        ]  # fmt: skip
        assert (file.version, file.import_version) == (2, 2)
        acts = session.scalars(select(TrailEntry.action).order_by(TrailEntry.seq)).all()
        assert acts.count("people.import_changed") == 1


def test_a_correction_made_here_stays_unless_the_importer_says_otherwise(counties: Acting) -> None:
    rows = family(1)
    committed(counties, rows)
    with clerk(counties), unit_of_work() as session:
        head = session.scalars(select(Person).where(Person.name == "王建国")).one()
        correct_income(session, head.id, lines={"income_wage_fen": 99_900, "income_unsorted_fen": 0}, valid_from=TODAY)
    changed = [rows[0].but(income=1800), rows[1].but(income=1300)]
    made = sent(counties, changed)
    assert (made.counts["changes"], made.counts["contested"]) == (2, 1)
    with clerk(counties), unit_of_work() as session:
        (asked,) = changes(session, made.id, contested=True)
        assert (asked.name, asked.taken, asked.by) == ("王建国", False, "clerk")
        made = start_commit(session, made.id)
    finished(counties, made)

    def incomes() -> dict[str, int]:
        with clerk(counties), unit_of_work() as session:
            file = session.scalars(select(WorkerFile)).one()
            view = household_view(session, file.household_id)
            assert view is not None
            return {one.person.name: one.fact.monthly_income_fen for one in view.members if one.fact}

    assert incomes() == {"王建国": 99_900, "王小明": 130_000}
    made = sent(counties, [changed[0].but(手机="13900007531"), changed[1]])
    with clerk(counties), unit_of_work() as session:
        found = changes(session, made.id)
        assert {one.column for one in found} == {"income_unsorted_fen", "phone"}
        (asked,) = (one for one in found if one.column == "income_unsorted_fen")
        choose_changes(session, made.id, [asked.no], [asked.no])
        made = start_commit(session, made.id)
    finished(counties, made)
    assert incomes()["王建国"] == 180_000
    with clerk(counties), unit_of_work() as session:
        assert [one.name for one in find(session, "7531")] == ["王建国"]


def test_a_sum_without_its_lines_is_not_added_to_the_lines_on_file(counties: Acting) -> None:
    """月收入 holds what its lines say (其中); a later file that gives the sum alone says nothing of the lines."""
    head = tuple("月工会帮扶金" if name == "健康状况" else name for name in HEAD)
    (person,) = family(1, 1)

    def lines() -> tuple[int, int]:
        with clerk(counties), unit_of_work() as session:
            asked = select(PersonFact).order_by(PersonFact.valid_from.desc(), PersonFact.recorded_at.desc()).limit(1)
            fact = session.scalars(asked).one()
            return fact.income_union_grant_fen, fact.income_unsorted_fen

    committed(counties, [person.but(income=1000, 健康状况=200)], head=head)
    assert lines() == (20_000, 80_000)
    made = sent(counties, [person.but(income=1000)])
    with clerk(counties), unit_of_work() as session:
        assert {one.column for one in changes(session, made.id)} == {"health_status"}
    for income, found in ((1500, (20_000, 130_000)), (100, (0, 10_000))):
        committed(counties, [person.but(income=income)])
        assert lines() == found


def test_who_is_on_file_otherwise_is_held_back_with_the_reason(counties: Acting) -> None:
    committed(counties, [*family(1), *family(11), *family(21), *family(31)])
    with clerk(counties), unit_of_work() as session:
        session.execute(update(WorkerFile).where(WorkerFile.file_number == "D0021").values(status="cancelled"))
    mixed = [
        *family(1)[:1], family(11)[1].but(household="H1"),  # somebody of another household
        *family(21),  # closed
        Row("H31", "户主", "王小明", 32), Row("H31", "其他", "王建国", 31),  # another head
        *[row.but(职工编号="D0011") if row.relation == "户主" else row for row in family(41)],  # a number that is taken
    ]  # fmt: skip
    made = sent(counties, mixed)
    assert (made.households, made.held_back) == (0, 4)
    with clerk(counties), unit_of_work() as session:
        kinds = [one.kind for one in problems(session, made.id, severity="error")]
        assert sorted(kinds) == ["file_closed", "file_number_taken", "head_differs", "on_file_elsewhere_here"]
        with pytest.raises(Conflict):
            start_commit(session, made.id)


def test_the_county_s_word_for_a_heading_is_remembered(counties: Acting) -> None:
    head = tuple("每月到手" if name == "月收入" else name for name in HEAD)
    made = sent(counties, family(1), head=head)
    column = next(one for one in made.understanding["sheets"][0]["columns"] if one["heading"] == "每月到手")
    assert column["field"] is None
    with clerk(counties), unit_of_work() as session:
        with pytest.raises(InvalidInput):
            correct_columns(session, made.id, {column["key"]: "no_such_field"})
        made = correct_columns(session, made.id, {column["key"]: "income"})
        assert made.state == "checking"
    made = finished(counties, made)
    column = next(one for one in made.understanding["sheets"][0]["columns"] if one["heading"] == "每月到手")
    assert (column["field"], column["how"]) == ("income", "remembered")
    other = sent(counties, family(11), head=head)
    assert any(one["how"] == "remembered" for one in other.understanding["sheets"][0]["columns"])
    with clerk(counties), unit_of_work() as session:
        correct_columns(session, other.id, {column["key"]: LEAVE})
        assert session.scalars(select(RosterHeading)).one().field is None
        assert correct_columns(session, made.id, {}).state == "checked"


def test_a_guess_that_is_saved_as_it_stands_is_one_no_more(counties: Acting) -> None:
    head = tuple("健康壮况" if name == "健康状况" else name for name in HEAD)
    made = sent(counties, family(1), head=head)
    with clerk(counties), unit_of_work() as session:
        assert [one.kind for one in problems(session, made.id, kind="heading_guessed")] == ["heading_guessed"]
        made = correct_columns(session, made.id, {"健康壮况": "health_status"})
        assert made.state == "checking"
    made = finished(counties, made)
    (column,) = (one for one in made.understanding["sheets"][0]["columns"] if one["heading"] == "健康壮况")
    assert (column["field"], column["how"]) == ("health_status", "remembered")
    with clerk(counties), unit_of_work() as session:
        assert problems(session, made.id, kind="heading_guessed") == []


def test_a_commit_that_dies_writes_nothing_and_goes_on_once(
    counties: Acting, monkeypatch: pytest.MonkeyPatch, db: Database
) -> None:
    made = sent(counties, [*family(1), *family(11)])
    with clerk(counties), unit_of_work() as session:
        made = start_commit(session, made.id)
    write = writing.write_new

    def dies(*given: Any, **named: Any) -> None:
        write(*given, **named)
        raise RuntimeError("lost")

    monkeypatch.setattr(importer, "write_new", dies)
    assert made.job_id is not None
    assert run_inline(COUNTY, made.job_id)["state"] == "failed"
    with clerk(counties), unit_of_work() as session:
        assert (count(session, Person), count(session, Household)) == (0, 0)
        assert import_named(session, made.id).state == "committing"
        assert count(session, RosterPart) == 2
    monkeypatch.setattr(importer, "write_new", write)
    with clerk(counties), unit_of_work() as session:
        from core.people.imports.service import go_on

        go_on(session, made.id)
    made = finished(counties, made)
    assert (made.state, made.persons) == ("committed", 4)
    with clerk(counties), unit_of_work() as session:
        assert count(session, Person) == 4
        assert jobs.commit_import(session, {"import": str(made.id)}, {}) == {}


def test_two_clerks_who_send_the_same_file_at_once_make_one_import(counties: Acting) -> None:
    rows = family(1)
    found: list[bool] = []

    def one() -> None:
        with clerk(counties), unit_of_work() as session:
            found.append(send(session, "名册.xlsx", workbook(rows)).new)

    at_once = [threading.Thread(target=one) for _ in range(2)]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    assert sorted(found) == [False, True]


def test_what_is_given_up_or_forgotten_leaves_nothing_behind(counties: Acting) -> None:
    made, other = sent(counties, family(1)), sent(counties, family(11))
    with clerk(counties), unit_of_work() as session:
        assert discard(session, made.id).state == "discarded"
        assert discard(session, made.id).state == "discarded"
        assert count(session, RosterPart) == 2
    with clerk(counties, on=TODAY + timedelta(days=15)), unit_of_work() as session:
        assert discard_overdue(session) == 1
        assert count(session, RosterPart) == 0
        assert import_named(session, other.id).state == "discarded"
        assert send(session, "名册.xlsx", workbook(family(1))).new


def test_what_cannot_be_read_says_why(counties: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    with clerk(counties), unit_of_work() as session:
        with pytest.raises(InvalidInput, match=r"\.xlsx"):
            send(session, "名册.docx", workbook(family(1)))
        monkeypatch.setenv("BANGFU_IMPORT_LIMIT_BYTES", "100")
        from core.settings import settings

        settings.cache_clear()
        with pytest.raises(InvalidInput, match="MB"):
            send(session, "名册.xlsx", workbook(family(1)))
        monkeypatch.delenv("BANGFU_IMPORT_LIMIT_BYTES")
        settings.cache_clear()
        made = send(session, "../../etc/名\u202e册.csv", BytesIO("甲,乙\n1,2\n".encode()))
        assert made.made.file_name == "名册.csv"
    refused = finished(counties, made.made)
    assert refused.state == "refused"
    assert refused.refusal is not None
    assert refused.refusal["kind"]
    reader = counties(COUNTY, actor="reader", permissions=frozenset({"people.read"}))
    with reader, unit_of_work() as session, pytest.raises(Forbidden):
        send(session, "名册.xlsx", workbook(family(1)))


def test_a_dry_run_writes_nothing_and_the_direct_way_writes_the_same(counties: Acting, tmp_path: Path) -> None:
    path = saved(tmp_path, "名册.xlsx", [*family(1), *family(11, 3)])
    with counties(COUNTY), unit_of_work() as session:
        session.connection().exec_driver_sql("set transaction read only")
        seen = look_through(session, path)
    assert (seen.id, seen.households, seen.persons, seen.held_back) == (None, 2, 5, 0)
    with counties(COUNTY), unit_of_work() as session:
        made = import_roster(session, path)
    with counties(COUNTY), unit_of_work() as session:
        assert count(session, RosterImport) == 1
        assert (made.households, made.persons, made.problems) == (2, 5, seen.problems)
        assert import_roster(session, path).id == made.id
        assert count(session, Person) == 5


def test_the_copy_names_errors_first_and_says_them_at_the_cells(counties: Acting, tmp_path: Path, db: Database) -> None:
    rows = [family(1)[0].but(健康状况="很好很好", 家庭编号=None), family(1)[1].but(身份证号="51010419800101", 家庭编号=None)]
    made = sent(counties, rows)
    with clerk(counties), unit_of_work() as session:
        found = problems(session, made.id)
        with open_spreadsheet(saved(tmp_path, "名册.xlsx", rows)) as reading:
            write_copy(reading, found, tmp_path / "copy.xlsx")
    with open_spreadsheet(tmp_path / "copy.xlsx") as copy:
        assert [head.name for head in copy.sheets] == ["错误与提示", "名册"]
        listed = [row.cells for chunk in copy.rows(0) for row in chunk]
        assert [row[0] for row in listed[1:]] == sorted((row[0] for row in listed[1:]), key=lambda one: one != "错误")
        assert {row[4] for row in listed[1:]} == {"自第 2 行起", "自第 3 行起"}
        assert [row.cells[3] for chunk in copy.rows(1) for row in chunk][1:] == [number_of(1), "51010419800101"]
    assert b"comments" in (tmp_path / "copy.xlsx").read_bytes()
    assert count_changes(counties) == 0


def count_changes(acting: Acting) -> int:
    with clerk(acting), unit_of_work() as session:
        return count(session, RosterChange)
