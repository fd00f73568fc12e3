"""Sheets beside those of persons: forms of one household, and sheets that add to persons and households listed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from core.people.roster.binding import Binding, Bound, Group
from core.people.roster.drafts import Home, PersonDraft
from core.people.roster.fields import Field
from core.people.roster.forms import introduced_beside
from core.people.roster.gathering import Gathering, put
from core.people.roster.grid import Grid, is_identity, label, value_of_inline
from core.people.roster.identity import born, sex
from core.people.roster.labels import HEAD
from core.people.roster.labels import relation as read_relation
from core.people.roster.persons import TableRun, sexed
from core.people.roster.problems import NO_COLUMN, Column, Fault
from core.people.roster.tables import READER
from core.people.roster.understanding import SheetUnderstanding
from core.spreadsheets.cells import Cell, SheetRow


def take_form(
    binding: Binding, gathering: Gathering, grid: Grid, rows: Sequence[SheetRow], above: Home | None = None
) -> Home | None:
    """The household of one form, whose rows ``grid`` and ``rows`` are: the head by labels, the others by the table inside. A
    form whose person is related to the head belongs to the household ``above`` it. Gives the household that a form below may
    belong to; one that nobody filled in changes nothing."""
    sheet = binding.sheet
    group = binding.groups.pop("", None)
    if not _is_filled(group, sheet, grid, rows):
        if any(_raw(bound, grid) is not None for bound in binding.of_home):
            gathering.note(sheet.name, grid.numbers[0], NO_COLUMN, Fault("row_ignored"))
        return above
    key = ("form", sheet.name, grid.numbers[0], grid.left)
    home = gathering.home(key, sheet.name, sheet.columns[0].row or grid.numbers[0])
    home.left = grid.left
    gathering.rows += 1
    is_head = True
    if group is not None and group.name is not None:
        relation = _read(gathering, group.relation, grid, home) if group.relation else None
        is_head = relation in (None, HEAD) or above is None
        if not is_head and above is not None:
            home = above
        _take_person(binding, gathering, group, grid, home, HEAD if relation is None else str(relation))
    _refuse_other_numbers(gathering, sheet, grid, home)
    for role in [role for role, one in binding.groups.items() if any(bound.row for bound in one.bounds())]:
        _take_other(binding, gathering, binding.groups.pop(role), grid, home)
    for bound in binding.of_home:
        value = _read(gathering, bound, grid, home)
        if value is not None:
            put(gathering, bound, home, value, (sheet.name, bound.row), _raw(bound, grid), is_head=is_head)
    if sheet.first_row:
        binding.of_home.clear()
        run = TableRun(binding, gathering, only=home)
        run.take([row for row in rows if sheet.first_row <= row.number <= sheet.last_row] or list(rows[:1]))
    return home


def _refuse_other_numbers(gathering: Gathering, sheet: SheetUnderstanding, grid: Grid, home: Home) -> None:
    """A second identity number that a form does not say whose it is holds the household back: the first may be another's."""
    told = {person.number for person in home.people}  # once more, however it is written, such a number says nothing new
    for one in sheet.columns:
        if one.how == "doubled" and one.field is None and (label(one.heading).target or "").endswith("identity_number"):
            cell = value_of_inline(grid.at(one.row, one.index), one.heading)
            read = READER(cell)
            if is_identity(cell, READER) and getattr(read, "value", read) not in told and not _is_outsiders(grid, one.row):
                column = Column(one.heading, one.letter, "identity")
                gathering.note(sheet.name, one.row, column, Fault("identity_of_nobody"), cell, home)


def _is_outsiders(grid: Grid, row: int) -> bool:
    """Whether a row says beside a name that it speaks of somebody outside the household (代理人)."""
    named = (column for column in range(grid.width) if label(grid.at(row, column)).target == "name")
    return any(introduced_beside(grid, row, column) == "outsider" for column in named)


def _is_filled(group: Group | None, sheet: SheetUnderstanding, grid: Grid, rows: Sequence[SheetRow]) -> bool:
    """Whether a form names anybody: a copy of the form that nobody filled in is no household."""
    bounds = (group.name, group.identity) if group else ()
    listed = sheet.first_row and any(
        row.cells[column.index : column.index + 1] not in ([], [None])
        for row in rows
        if sheet.first_row <= row.number <= sheet.last_row
        for column in sheet.columns
        if column.field in ("member:name", "member:identity_number")
    )
    return bool(listed) or any(_raw(bound, grid) is not None for bound in bounds if bound is not None)


def _take_other(binding: Binding, gathering: Gathering, group: Group, grid: Grid, home: Home) -> None:
    """Somebody else of the household whom labels speak of (配偶姓名), where they tell name and identity number."""
    if group.name is None or group.identity is None:
        for bound in group.bounds():
            gathering.note(home.sheet, bound.row, bound.column, Fault("heading_unknown", {"heading": bound.column.heading}))
        return
    told = _read(gathering, group.relation, grid, home) if group.relation else read_relation(group.relation_label or None)
    _take_person(binding, gathering, group, grid, home, told if isinstance(told, str) else "")


def _take_person(binding: Binding, gathering: Gathering, group: Group, grid: Grid, home: Home, relation: str) -> None:
    """The person whom the labels of a form speak of."""
    name = group.name
    if name is None:
        return
    person = PersonDraft(binding.sheet.name, name.row, relation, "", "", role=group.role)
    home.people.append(person)
    if relation == HEAD:
        home.row = name.row
    for bound, missing in ((name, "name_missing"), (group.identity, "identity_missing")):
        value = _read(gathering, bound, grid, home) if bound else None
        if bound is None or (value is None and not _is_faulty(bound, grid)):
            column, row = (bound.column, bound.row) if bound else (NO_COLUMN, name.row)
            gathering.note(person.sheet, row, column, Fault(missing), None, home)
        elif bound is name:
            person.name = str(value or "")
        else:
            person.number = str(value or "")
    person.relation = sexed(relation, person.number)
    if group.phone is not None:
        phone = _read(gathering, group.phone, grid, home)
        person.phone = None if phone is None else str(phone)
    for bound in group.others:
        _set(gathering, bound, person, _read(gathering, bound, grid, home), home, grid)


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
