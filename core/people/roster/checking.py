"""Checking a file that was understood: every row is read whole, every problem told, a household with an error held back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from core.people.heaps import without_collections
from core.people.roster.beside import Listed, take_form, take_supplement
from core.people.roster.binding import Binding, Bindings
from core.people.roster.columns import Readers
from core.people.roster.drafts import HouseholdDraft, PersonDraft, Problems
from core.people.roster.fields import BY_CODE, label_of
from core.people.roster.gathering import Gathering
from core.people.roster.headings import plain_meaning
from core.people.roster.judging import Judge
from core.people.roster.layout import rows_of
from core.people.roster.persons import TableRun
from core.people.roster.problems import NO_COLUMN, Column, Fault, Problem
from core.people.roster.stacks import forms_of
from core.people.roster.understanding import SheetUnderstanding, Understanding
from core.spreadsheets.cells import Reading

MOST_PROBLEMS: Final = 100_000
"""Errors kept in full, and warnings; ``counts`` tells how many there were."""


@dataclass(slots=True)
class Checked:
    """What came of a file: households that may go in, all problems in the order of the file, the keys of households held back.

    ``counts``: ``households`` and ``persons`` that were read (held back or not), ``rows``, ``skipped_rows``, ``errors``,
    ``warnings``.
    """

    drafts: list[HouseholdDraft] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    held_back: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    columns: Mapping[tuple[str, str, str], Column] = field(default_factory=dict, repr=False)

    def hold_back(self, draft: HouseholdDraft, person: PersonDraft | None, kind: str, code: str, **words: object) -> None:
        """Keep back a household for what only the database shows: a problem of ``kind`` at the field ``code``."""
        self.doubt(draft, person, kind, code, **words)
        self.held_back.add(draft.key)

    def doubt(self, draft: HouseholdDraft, person: PersonDraft | None, kind: str, code: str, **words: object) -> None:
        """Tell what only the database shows, without keeping the household back."""
        at = person or draft.worker
        column = self.columns.get((at.sheet, at.role, code)) or self.columns.get((at.sheet, "", code)) or NO_COLUMN
        given = {"identity_number": at.number, "name": at.name}.get(code) or draft.file.get(code)
        problem = Problem(at.sheet, at.row, column, kind, given, draft, words)
        severity = "errors" if problem.is_error else "warnings"
        self.counts[severity] += 1
        if self.counts[severity] <= MOST_PROBLEMS:
            self.problems.append(problem)


def check(
    reading: Reading, understanding: Understanding, on: date, programmes: Mapping[str, str], *, county: str | None = None
) -> Checked:
    """Check a file as of the business date ``on``. ``programmes`` maps labels of 申请项目 to codes; ``county`` is the code of
    the county that takes the file in. Raises ``RosterRefused`` where no sheet holds a roster."""
    if understanding.refusal is not None:
        raise understanding.refusal
    with without_collections():
        return _checked(reading, understanding, on, programmes, county)


def _checked(
    reading: Reading, understanding: Understanding, on: date, programmes: Mapping[str, str], county: str | None
) -> Checked:
    gathering = Gathering(Problems(MOST_PROBLEMS))
    readers = Readers(on, programmes, county=county, date_1904=reading.date_1904, of_text=reading.format == "text")
    bindings: dict[str, Binding] = {}
    for sheet in understanding.sheets:
        _of_sheet(gathering, sheet)
        if sheet.layout != "ignored":
            bindings[sheet.name] = Binding(sheet, readers)
    by_row = Bindings()
    for binding in bindings.values():
        if binding.sheet.layout == "form":
            _take_forms(reading, binding.sheet, gathering, readers, by_row)
            continue
        by_row.add(binding)
        if binding.sheet.holds_persons:
            _take(reading, binding, gathering, readers)
    judge = Judge(gathering, by_row, on, county)
    judge.join_sheets()
    judge.name_apart()
    beside = [one for one in bindings.values() if not one.sheet.holds_persons]
    if beside:
        listed = Listed(list(gathering.homes.values()))
        for binding in beside:
            seen: dict[str, int] = {}
            for rows in reading.rows(binding.sheet.index):
                take_supplement(binding, gathering, rows, listed, seen)
                readers.rest()
    drafts = list(judge.judge())
    for (sheet_name, column), (row, count) in gathering.unused.items():
        gathering.note(sheet_name, row, column, Fault("only_head", {"count": count}))
    return _summed(gathering, drafts, understanding)


def columns_of(understanding: Understanding) -> dict[tuple[str, str, str], Column]:
    """The columns that are read, by sheet, by whom of a row they speak of, and by field. What a form says of its person beside
    another label than the name has no letter: a problem of it is told in the row of the name."""
    found: dict[tuple[str, str, str], Column] = {}
    for sheet in understanding.sheets:
        name_row = next((column.row for column in sheet.columns if column.field == "name"), 0)
        for column in sheet.columns:
            role, _, code = (column.field or "").rpartition(":")
            if code and sheet.layout != "ignored":
                letter = column.letter if column.row in (0, name_row) else ""
                place = Column(column.heading.rpartition(" / ")[2], letter, BY_CODE[code].holds)
                found.setdefault((sheet.name, role, code), place)
    return found


def _summed(gathering: Gathering, drafts: list[HouseholdDraft], understanding: Understanding) -> Checked:
    homes = [home for home in gathering.homes.values() if home.people]
    problems = gathering.problems
    places = {sheet.name: sheet.index for sheet in understanding.sheets}
    problems.kept.sort(key=lambda problem: (places[problem.sheet], problem.row, len(problem.letter), problem.letter))
    return Checked(
        drafts=drafts,
        problems=problems.kept,
        held_back={home.key for home in homes if home.bad},
        counts=Counter(
            households=len(homes),
            persons=sum(len(home.people) for home in homes),
            rows=gathering.rows,
            skipped_rows=gathering.skipped,
            errors=problems.errors,
            warnings=problems.warnings,
        ),
        columns=columns_of(understanding),
    )


def _take(reading: Reading, binding: Binding, gathering: Gathering, readers: Readers) -> None:
    run = TableRun(binding, gathering)
    for rows in reading.rows(binding.sheet.index):
        run.take(rows)
        readers.rest()


def _take_forms(
    reading: Reading, sheet: SheetUnderstanding, gathering: Gathering, readers: Readers, bindings: Bindings
) -> None:
    """The forms of a sheet, each a household of its own."""
    rows = rows_of(reading, sheet.index)
    home, left = None, 0
    for part, grid in forms_of(sheet, reading.sheets[sheet.index], rows):
        binding = Binding(part, readers)
        bindings.add(binding, grid.numbers[0], grid.left)
        home, left = home if grid.left == left else None, grid.left
        home = take_form(binding, gathering, grid, grid.rows, home)


def _of_sheet(gathering: Gathering, sheet: SheetUnderstanding) -> None:
    """What is to be told of a sheet and its columns before its rows."""
    if sheet.layout == "ignored":
        if sheet.missing and sheet.identities:
            columns = "、".join(BY_CODE[code].zh for code in sheet.missing)
            gathering.note(sheet.name, sheet.header_rows[-1], NO_COLUMN, Fault("columns_missing", {"columns": columns}))
        elif sheet.identities:
            gathering.note(sheet.name, 0, NO_COLUMN, Fault("sheet_unread"))
        return
    row = sheet.header_rows[-1] if sheet.header_rows else 0
    for understood in sheet.columns:
        heading = understood.heading.rpartition(" / ")[2]
        column = Column(heading, understood.letter)
        at = understood.row or row
        if understood.how == "unknown":
            gathering.note(sheet.name, at, column, Fault("heading_unknown", {"heading": heading or understood.letter}))
        elif understood.how == "doubled" and understood.field is None:
            field = plain_meaning(understood.key.rpartition("/")[2]).target
            gathering.note(sheet.name, at, column, Fault("column_doubled", {"field": label_of(field) if field else heading}))
        elif understood.how == "guessed":
            words = {"heading": heading, "field": label_of(understood.field or "")}
            gathering.note(sheet.name, at, column, Fault("heading_guessed", words))
        elif understood.how == "content":
            gathering.note(sheet.name, at, column, Fault("found_by_content", {"field": label_of(understood.field or "")}))
        if understood.field and understood.conversion:
            gathering.note(sheet.name, at, column, Fault("unit_converted", {"rule": understood.conversion}))
