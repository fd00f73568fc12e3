"""What an import must not let out: identity numbers in names and messages, files on the disk, rows of what was killed."""

from __future__ import annotations

import json
import os
import re
import signal
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from xlsxwriter import Workbook

from core.centre.numbering import parse
from core.centre.settings import centre_settings
from core.db.session import app_engine, unit_of_work
from core.errors import InvalidInput
from core.jobs import recovery
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.people.imports import importer, writing
from core.people.imports.annotated import annotate
from core.people.imports.importer import import_roster, look_through
from core.people.imports.matching import _differing
from core.people.imports.models import RosterImport, RosterPart
from core.people.imports.service import correct_columns, discard_overdue, import_named, send, start_commit
from core.people.imports.staging import open_kept
from core.people.models import Household, Person, WorkerFile
from core.people.roster import check, understand
from core.people.roster.checking import MOST_PROBLEMS
from core.people.roster.drafts import Problems
from core.people.roster.gathering import Gathering
from core.people.roster.grid import Grid
from core.people.roster.layout import names_of
from core.people.roster.problems import NO_COLUMN, Problem, holds_number, named, shown
from core.spreadsheets.cells import Merge, SheetHead, SheetRow
from core.spreadsheets.reading import open_spreadsheet
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.rosters import HEAD, Acting, Row, clerk, counties, family, number_of, saved, workbook

__all__ = ["counties"]

_IDENTITY = re.compile(r"\d{17}[\dXx]|(?:\d[\s-]?){17}[\dXx]")


def telling() -> BytesIO:
    """A file in which identity numbers stand wherever offices put them."""
    one, two, spaced = number_of(1), number_of(2), f"{number_of(11)[:6]} {number_of(11)[6:14]} {number_of(11)[14:]}"
    target = BytesIO()
    with Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet(one)
        rows: list[list[str | None]] = [
            ["家庭编号", "关系", "姓名", "身份证号", "职工编号", "健康状况", f"户主{one}的杂项", "住址"],
            [one, "户主", "王建国", one, one, f"病 {one}", spaced, f"蜀门北路 {one}"],
            [one, "子女", two, two + "1", None, spaced, two, None],
            [spaced, "户主", "王强", number_of(11), spaced, "健康", None, None],
        ]
        for number, cells in enumerate(rows):
            sheet.write_row(number, 0, [cell or "" for cell in cells])
    target.seek(0)
    return target


def test_no_identity_number_is_told_of(counties: Acting, tmp_path: Path, db: Database) -> None:
    name = f"{number_of(1)}的表.xlsx"
    (tmp_path / name).write_bytes(telling().getvalue())
    with counties(COUNTY), unit_of_work() as session:
        seen = look_through(session, tmp_path / name)
    assert len(seen.problems) > 4
    assert not _IDENTITY.search(json.dumps(seen.problems, ensure_ascii=False))
    with clerk(counties), unit_of_work() as session:
        made = send(session, name, telling()).made
    assert made.job_id is not None
    run_inline(COUNTY, made.job_id)
    with clerk(counties), unit_of_work() as session:
        start_commit(session, made.id)
    with clerk(counties), unit_of_work() as session:
        job = import_named(session, made.id).job_id
    assert job is not None
    assert run_inline(COUNTY, job)["state"] == "done"
    with counties(COUNTY), unit_of_work() as session:
        assert import_named(session, made.id).file_name == f"{number_of(1)[:6]}********{number_of(1)[-4:]}的表.xlsx"
    known = re.compile("|".join([number_of(1), number_of(2), number_of(11), "[ -]?".join(number_of(11))]))
    with db.owner.connect() as connection:
        for table in ("roster_import", "roster_problem", "job", "job_chunk", "trail_entry", "worker_file", "roster_change"):
            rows = connection.execute(text(f"select to_jsonb(t)::text from {table} t")).scalars().all()
            assert rows or table == "roster_change"
            assert not [row for row in rows if known.search(row)], table


_GROUPED = ("510104 19800101 0014", "5101-0419-8001-0100-14", "５１０１０４１９８００１０１００１４", 510104198001010014)


@pytest.mark.parametrize("value", _GROUPED)
def test_a_number_in_groups_is_hidden_too(value: object) -> None:
    assert not re.search(r"\d{4}.*\d{4}", shown("", value))


def test_dates_and_amounts_are_shown() -> None:
    assert [shown("", value) for value in ("2024-01-01", "2024.10", 1980.01)] == ["2024-01-01", "2024.10", "1980.01"]
    assert shown("", "510104-2025-00001") == named("510104-2025-00001") == "510104-2025-00001"
    assert not holds_number("510104-2025-00001")
    assert shown("", "6217 0012 3456 7890 123") == "****"
    assert named("510104 19800101 0014 王") == "510104********0014 王"


def test_the_same_file_in_two_counties_is_two_imports(counties: Acting) -> None:
    with clerk(counties), unit_of_work() as session:
        here = send(session, "名册.xlsx", workbook(family(1)))
    with clerk(counties, OTHER_COUNTY), unit_of_work() as session:
        there = send(session, "名册.xlsx", workbook(family(1)))
        assert there.new
        assert there.made.id != here.made.id
        assert session.scalars(select(RosterImport.id)).all() == [there.made.id]


def test_the_file_is_never_on_the_disk_under_a_name(counties: Acting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with clerk(counties), unit_of_work() as session:
        made = send(session, "名册.xlsx", workbook(family(1))).made
    with clerk(counties), unit_of_work() as session, open_kept(session, made.id, made.file_name) as reading:
        assert [row.number for rows in reading.rows(0) for row in rows] == [1, 2, 3]
        assert list(tmp_path.iterdir()) == []


def test_what_waited_is_dropped_by_the_direct_way_and_when_a_commit_was_left_lying(counties: Acting, tmp_path: Path) -> None:
    rows = family(1)
    with clerk(counties), unit_of_work() as session:
        waiting = send(session, "名册.xlsx", workbook(rows)).made
        left = send(session, "名册2.xlsx", workbook(family(11))).made
    for made in (waiting, left):
        assert made.job_id is not None
        run_inline(COUNTY, made.job_id)
    with counties(COUNTY), unit_of_work() as session:
        assert import_roster(session, saved(tmp_path, "名册.xlsx", rows)).id == waiting.id
        assert not session.scalar(select(func.count()).select_from(RosterPart).where(RosterPart.import_id == waiting.id))
    with clerk(counties), unit_of_work() as session:
        job = start_commit(session, left.id).job_id
    with counties(COUNTY, on=TODAY + timedelta(days=30)), unit_of_work() as session:
        assert discard_overdue(session) == 0
        session.scalars(select(Job).where(Job.id == job)).one().state = "failed"
        session.flush()
        assert discard_overdue(session) == 1
        assert session.scalar(select(func.count()).select_from(RosterPart)) == 0


def test_a_process_killed_while_it_writes_leaves_nothing_and_is_followed(
    counties: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clerk(counties), unit_of_work() as session:
        made = send(session, "名册.xlsx", workbook([*family(1), *family(11)])).made
    assert made.job_id is not None
    run_inline(COUNTY, made.job_id)
    with clerk(counties), unit_of_work() as session:
        job = start_commit(session, made.id).job_id
    assert job is not None
    child = os.fork()
    if child == 0:
        app_engine().dispose(close=False)
        write = writing.write_new

        def dies(*given: Any, **named: Any) -> None:
            write(*given, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(importer, "write_new", dies)
        try:
            run_inline(COUNTY, job)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with clerk(counties), unit_of_work() as session:
        assert [session.scalar(select(func.count()).select_from(one)) for one in (Person, Household, WorkerFile)] == [0, 0, 0]
        assert import_named(session, made.id).state == "committing"
    recovery.free(COUNTY, job)
    assert run_inline(COUNTY, job)["state"] == "done"
    with clerk(counties), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 4
        assert import_named(session, made.id).state == "committed"


def test_the_copy_finds_the_sheets_that_are_told_of_otherwise(counties: Acting, tmp_path: Path) -> None:
    with clerk(counties), unit_of_work() as session:
        made = send(session, "表.xlsx", telling()).made
    assert made.job_id is not None
    run_inline(COUNTY, made.job_id)
    with clerk(counties), unit_of_work() as session, (tmp_path / "copy.xlsx").open("wb") as copied:
        annotate(session, made.id, copied)
    with open_spreadsheet(tmp_path / "copy.xlsx") as copy:
        assert [head.name for head in copy.sheets] == ["错误与提示", number_of(1)]
    assert b"comments1.xml" in (tmp_path / "copy.xlsx").read_bytes()


def test_sheets_of_one_name_are_kept_apart() -> None:
    heads = [SheetHead(place, name, True, ()) for place, name in enumerate(("东街道", "东街道", "东街道 (2)", number_of(1)))]
    assert names_of(heads) == ["东街道", "东街道 (2)", "东街道 (2) (2)", f"{number_of(1)[:6]}********{number_of(1)[-4:]}"]


def test_merged_ranges_take_no_more_room_than_there_are_cells() -> None:
    rows = [SheetRow(1, ["姓名", "身份证号"]), SheetRow(9_000, ["甲", "乙"])]
    grid = Grid(rows, [Merge(1, 0, 9_000, 16_000)] * 5_000, upto=120)
    assert len(grid._anchors) <= 4
    assert grid.at(9_000, 1) == "姓名"


def test_bad_relations_are_looked_up_and_not_searched_for(tmp_path: Path) -> None:
    rows: list[Row] = [one.but(relation="说不清") if place else one for place, one in enumerate(family(1, 4))]
    with open_spreadsheet(saved(tmp_path, "名册.xlsx", rows)) as reading:
        checked = check(reading, understand(reading, {}), TODAY, {}, county=COUNTY)
    assert [(one.row, one.kind) for one in checked.problems] == [(3, "code_unknown"), (4, "code_unknown"), (5, "code_unknown")]
    assert Gathering(Problems(MOST_PROBLEMS)).unread_relations == set()


def test_many_warnings_hide_no_error() -> None:
    kept = Problems(2)
    for kind in ("code_vague", "code_vague", "code_vague", "no_head", "no_head", "no_head"):
        kept.add(Problem("名册", 2, NO_COLUMN, kind))
    assert [one.kind for one in kept.kept] == ["code_vague", "code_vague", "no_head", "no_head"]
    assert (kept.errors, kept.warnings) == (3, 3)


def test_a_number_that_the_file_brings_along_is_not_drawn_for_another(counties: Acting, tmp_path: Path) -> None:
    with counties(COUNTY), unit_of_work() as session:
        pattern = parse(centre_settings(session).pattern_of("file"), "file")
        first, second, third = (pattern.number(COUNTY, TODAY.year, seq) for seq in (1, 2, 3))
        rows = [family(serial)[0].but(职工编号=given) for serial, given in ((1, first), (11, None), (21, second), (31, None))]
        import_roster(session, saved(tmp_path, "名册.xlsx", rows))
        numbers = sorted(session.scalars(select(WorkerFile.file_number)))
        assert numbers[:3] == [first, second, third]
        assert len(set(numbers)) == 4


def test_a_column_without_a_heading_cannot_be_remembered(counties: Acting) -> None:
    rows = [family(serial)[0] for serial in (1, 11)]
    with clerk(counties), unit_of_work() as session:
        made = send(session, "名册.xlsx", workbook([one.but(健康状况="x") for one in rows], (*HEAD[:7], "", *HEAD[8:]))).made
    assert made.job_id is not None
    run_inline(COUNTY, made.job_id)
    with clerk(counties), unit_of_work() as session, pytest.raises(InvalidInput, match="没有列名"):
        correct_columns(session, made.id, {"": "remark"})


def test_an_opinion_on_file_stays_where_the_file_has_only_another_one_s() -> None:
    mine, theirs = {"union": "unit", "text": "同意", "on": None}, {"union": "county", "text": "属实", "on": "2025-09-01"}
    newer = {**theirs, "text": "已核实"}
    assert list(_differing({"opinions": [theirs]}, {"opinions": [mine, theirs]})) == []
    assert list(_differing({"opinions": [newer]}, {"opinions": [mine, theirs]})) == [
        ("opinions", [mine, theirs], [mine, newer])
    ]
