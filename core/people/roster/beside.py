"""Sheets beside those of persons: forms of one household, and sheets that add to persons and households listed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from core.people.roster.binding import Binding, Bound
from core.people.roster.drafts import Home, PersonDraft
from core.people.roster.fields import Field
from core.people.roster.gathering import Gathering, put
from core.people.roster.grid import Grid, value_of_inline
from core.people.roster.identity import born, sex
from core.people.roster.labels import HEAD
from core.people.roster.persons import TableRun
from core.people.roster.problems import Fault
from core.spreadsheets.cells import Cell, Merge, SheetRow


def take_form(binding: Binding, gathering: Gathering, rows: Sequence[SheetRow], merges: Sequence[Merge]) -> None:
    """The household of a form: the head by labels, the others by the table inside."""
    sheet = binding.sheet
    home = gathering.home(("sheet", sheet.name), sheet.name, sheet.columns[0].row)
    grid = Grid(rows, merges, upto=len(rows))
    group = binding.groups.pop("", None)
    gathering.rows += 1
    if group is not None and group.name is not None:
        head = PersonDraft(sheet.name, group.name.row, HEAD, "", "")
        home.people.append(head)
        home.row = group.name.row
        for bound, missing in ((group.name, "name_missing"), (group.identity, "identity_missing")):
            value = _read(gathering, bound, grid, home) if bound else None
            if bound is None or (value is None and not _is_faulty(bound, grid)):
                gathering.note(sheet.name, home.row, binding.column("identity_number"), Fault(missing), None, home)
            elif bound is group.identity:
                head.number = str(value or "")
            else:
                head.name = str(value or "")
        if group.phone is not None:
            phone = _read(gathering, group.phone, grid, home)
            head.phone = None if phone is None else str(phone)
        for bound in group.others:
            _set(gathering, bound, head, _read(gathering, bound, grid, home), home, grid)
    for bound in binding.of_home:
        value = _read(gathering, bound, grid, home)
        if value is not None:
            put(gathering, bound, home, value, (sheet.name, bound.row), _raw(bound, grid), is_head=True)
    if sheet.first_row:
        binding.of_home.clear()
        run = TableRun(binding, gathering, only=home)
        run.take([row for row in rows if sheet.first_row <= row.number <= sheet.last_row] or rows[:1])


def _raw(bound: Bound, grid: Grid) -> Cell:
    cell = value_of_inline(grid.at(bound.row, bound.index), bound.column.heading)
    return ("TRUE" if cell else "FALSE") if isinstance(cell, bool) else cell


def _is_faulty(bound: Bound, grid: Grid) -> bool:
    return _raw(bound, grid) in bound.reader.faults


def _read(gathering: Gathering, bound: Bound, grid: Grid, home: Home) -> object:
    raw = _raw(bound, grid)
    value = bound.reader[raw]
    fault = bound.reader.faults.get(raw)
    if fault is not None:
        gathering.note(home.sheet, bound.row, bound.column, fault, raw, home)
    return value


def _set(gathering: Gathering, bound: Bound, head: PersonDraft, value: object, home: Home, grid: Grid) -> None:
    if value is None:
        return
    if bound.field.place != "told":
        told = head.columns if bound.field.place == "person" else head.fact
        if told.setdefault(bound.field.key, value) != value:
            other = {"other": bound.field.zh}
            gathering.note(home.sheet, bound.row, bound.column, Fault("two_values", other), _raw(bound, grid), home)
    elif head.number:
        number = head.number
        if bound.field.code == "gender":
            same = value == sex(number) or str(value) not in "12"
        else:
            same = value in (born(number), (born(number).year, born(number).month))
        if not same:
            kind = "sex_differs" if bound.field.code == "gender" else "birth_date_differs"
            gathering.note(home.sheet, bound.row, bound.column, Fault(kind), _raw(bound, grid), home)


class Listed:
    """Persons and households of all sheets, by identity number and by household number."""

    def __init__(self, homes: Sequence[Home]) -> None:
        self.persons: dict[str, tuple[PersonDraft, Home]] = {}
        self.homes: dict[str, list[Home]] = {}
        for home in homes:
            if home.number:
                self.homes.setdefault(home.number, []).append(home)
            for person in home.people:
                if person.number:
                    self.persons.setdefault(person.number, (person, home))
        self.in_home = {(home.number, person.number): (person, home) for home in homes if home.number for person in home.people}


def take_supplement(
    binding: Binding, gathering: Gathering, rows: Sequence[SheetRow], listed: Listed, seen: dict[str, int]
) -> None:
    """Add what a sheet tells of persons and households that other sheets list. ``seen`` are the numbers met in it so far."""
    sheet = binding.sheet
    group = next(iter(binding.groups.values()), None)
    identity = group.identity if group else None
    for row in rows:
        if row.number < sheet.first_row:
            continue
        width = len(row.cells)
        number = _cell(binding.number, row, width)
        key = _cell(identity, row, width)
        if number is None and key is None:
            gathering.skipped += 1
            continue
        gathering.rows += 1
        found = _found(listed, number, key) if key is not None or identity is None else None
        at = identity or binding.number
        column = binding.column("identity_number" if identity else "household_number")
        if found is None:
            fault = (at.reader.faults.get(row.cells[at.index]) if at and at.index < width else None) or Fault(
                "supplement_unmatched"
            )
            alone = listed.homes.get(number or "", [])
            gathering.note(sheet.name, row.number, column, fault, _at(at, row, width), alone[0] if len(alone) == 1 else None)
            continue
        person, home = found
        if key is not None:
            former = seen.setdefault(key, row.number)
            if former != row.number:
                gathering.note(sheet.name, row.number, column, Fault("supplement_twice", {"other": former}), None, home)
        _add(binding, gathering, row, person, home)


def _found(listed: Listed, number: str | None, key: str | None) -> tuple[PersonDraft | None, Home] | None:
    if key is not None:
        return listed.in_home.get((number or "", key)) if number is not None and listed.homes else listed.persons.get(key)
    homes = listed.homes.get(number or "", [])
    return (None, homes[0]) if len(homes) == 1 else None


def _at(bound: Bound | None, row: SheetRow, width: int) -> Cell:
    if bound is None or bound.index >= width:
        return None
    cell = row.cells[bound.index]
    return ("TRUE" if cell else "FALSE") if isinstance(cell, bool) else cell


def _cell(bound: Bound | None, row: SheetRow, width: int) -> str | None:
    raw = _at(bound, row, width)
    return None if bound is None or raw is None else bound.reader[raw]


def _add(binding: Binding, gathering: Gathering, row: SheetRow, person: PersonDraft | None, home: Home) -> None:
    name, width = binding.sheet.name, len(row.cells)
    is_head = person is not None and person.relation == HEAD
    of_person = [bound for group in binding.groups.values() for bound in (group.phone, *group.others) if bound is not None]
    for bound in (*of_person, *binding.of_home):
        raw = _at(bound, row, width)
        if raw is None:
            continue
        value = bound.reader[raw]
        fault = bound.reader.faults.get(raw)
        if fault is not None:
            gathering.note(name, row.number, bound.column, fault, raw, home)
        if value is None:
            continue
        if not bound.field.of_person:
            put(gathering, bound, home, value, (name, row.number), raw, is_head=is_head or person is None)
        elif person is not None and not _told(bound.field, person, value):
            other = {"other": bound.field.zh}
            gathering.note(name, row.number, bound.column, Fault("two_values", other), raw, home)


def _told(field: Field, person: PersonDraft, value: object) -> bool:
    """Give a person a value; whether it is the one that was there, if any."""
    if field.code == "phone":
        person.phone = person.phone or str(value)
        return person.phone == value
    if field.code == "gender":
        return not person.number or value == sex(person.number) or str(value) not in "12"
    if field.code == "birth_date":
        return not person.number or value in (born(person.number), (born(person.number).year, born(person.number).month))
    told: dict[str, object] = person.columns if field.place == "person" else person.fact
    return told.setdefault(field.key, value) == value
