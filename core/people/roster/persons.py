"""Tables of persons: their rows are taken in a chunk at a time and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from core.people.roster.aside import persons_among
from core.people.roster.binding import LOCATED, Binding, Bound, Group
from core.people.roster.drafts import Home, PersonDraft
from core.people.roster.gathering import Gathering, put
from core.people.roster.identity import FEMALE, born, sex
from core.people.roster.labels import BY_SEX, HEAD
from core.people.roster.labels import relation as read_relation
from core.people.roster.problems import NO_COLUMN, Fault
from core.spreadsheets.cells import Cell, Chunk, CodedCells, SheetRow


class TableRun:
    """Takes in the rows of one table of persons, a chunk at a time and column by column."""

    def __init__(self, binding: Binding, gathering: Gathering, *, only: Home | None = None) -> None:
        self._binding = binding
        self._sheet = binding.sheet
        self._name = binding.sheet.name
        self._all = gathering
        self._only = only
        self._current: Home | None = None
        self._indices = sorted(binding.indices())
        groups = binding.groups
        self._main = groups.get("") or groups.get("head")
        self._rest = [group for group in groups.values() if group is not self._main]
        self._referring = "" in groups and "head" in groups

    def take(self, rows: Sequence[SheetRow]) -> None:
        """Take in a chunk of rows."""
        chunk = Chunk.of(rows)
        first, last = self._sheet.first_row, self._sheet.last_row or chunk.numbers[-1]
        within = [place for place, number in enumerate(chunk.numbers) if first <= number <= last]
        kept = persons_among(chunk, within, self._binding, self._all)
        self._all.skipped += len(within) - len(kept)
        if not kept:
            return
        self._all.rows += len(kept)
        numbers = [chunk.numbers[place] for place in kept]
        cells = {index: _without_truths(_chosen(chunk.column(index), kept)) for index in self._indices}
        main = self._main
        relations = self._relations(main, cells, len(kept))
        homes = self._homes(numbers, relations, cells)
        heads = [relation == HEAD for relation in relations]
        if main is not None:
            self._persons(main, numbers, homes, relations, cells)
        for group in self._rest:
            self._persons(group, numbers, homes, None, cells)
        places = {bound.field.place for bound in self._binding.of_home}
        parts: dict[str, list[dict[str, Any]]] = {place: list(map(attrgetter(place), homes)) for place in places}
        for bound in self._binding.of_home:
            self._of_home(bound, numbers, homes, parts[bound.field.place], heads, cells[bound.index])

    def _relations(self, main: Group | None, cells: Mapping[int, Sequence[Cell]], count: int) -> list[str | None]:
        """The relations of the rows' own persons; where no column tells one, each row is a head's."""
        if main is None:
            return [None] * count
        if main.relation is None or main.is_head:
            alone = main.is_head or self._rest or self._sheet.households_by == "row"
            return [HEAD if alone and not self._referring else None] * count
        found = main.relation.reader.read(cells[main.relation.index])
        if self._sheet.blank_head:
            return [
                HEAD if one is None and raw is None else one for one, raw in zip(found, cells[main.relation.index], strict=True)
            ]
        return found

    def _homes(
        self, numbers: Sequence[int], relations: Sequence[str | None], cells: Mapping[int, Sequence[Cell]]
    ) -> list[Home]:
        if self._only is not None:
            return [self._only] * len(numbers)
        by = self._sheet.households_by
        if by == "number" and self._binding.number is not None:
            bound = self._binding.number
            raws = cells[bound.index]
            return [
                self._numbered(row, key, relation, bound)
                for row, key, relation in zip(numbers, bound.reader.read(raws), relations, strict=True)
            ]
        if by == "head":
            return self._by_head(numbers, relations, cells)
        if by == "relation":
            return [self._opened(row, new=relation == HEAD) for row, relation in zip(numbers, relations, strict=True)]
        return [self._opened(row, new=True) for row in numbers]

    def _opened(self, row: int, *, new: bool) -> Home:
        if new or self._current is None:
            self._current = self._all.home(("row", self._name, row), self._name, row)
        return self._current

    def _numbered(self, row: int, number: str | None, relation: str | None, bound: Bound) -> Home:
        if number is not None:
            self._current = self._all.home(("number", self._name, number), self._name, row, number, "number")
        elif not self._sheet.carry or relation == HEAD or self._current is None:
            lost = self._all.home(("row", self._name, row), self._name, row)
            self._all.note(self._name, row, bound.column, Fault("household_missing"), None, lost)
            return lost
        return self._current

    def _by_head(
        self, numbers: Sequence[int], relations: Sequence[str | None], cells: Mapping[int, Sequence[Cell]]
    ) -> list[Home]:
        group = self._binding.groups.get("head") or self._main
        raw_names, _ = _read(group.name if group else None, cells, len(numbers))
        raw_ids, ids = _read(group.identity if group else None, cells, len(numbers))
        own = _read(self._main.identity if self._main and self._referring else None, cells, len(numbers))[1]
        found = []
        for place, row in enumerate(numbers):
            raw_name, identity = raw_names[place], ids[place]
            if raw_name is None and raw_ids[place] is None and relations[place] == HEAD:
                # The head's own row need not name its head.
                identity = own[place]
            if identity is not None:
                self._current = self._all.home(("head", identity), self._name, row, found="head")
            elif raw_ids[place] is not None or raw_name is not None:
                key = ("named", self._name, raw_name if self._referring else row)
                self._current = self._all.home(key, self._name, row)
            found.append(self._opened(row, new=False))
        return found

    def _persons(
        self,
        group: Group,
        numbers: Sequence[int],
        homes: Sequence[Home],
        relations: Sequence[str | None] | None,
        cells: Mapping[int, Sequence[Cell]],
    ) -> None:
        """One person of each row that has one in these columns."""
        count = len(numbers)
        names = cells[group.name.index] if group.name else (None,) * count
        ids = cells[group.identity.index] if group.identity else (None,) * count
        places = None
        if relations is None or group.is_head:
            places = [place for place in range(count) if names[place] is not None or ids[place] is not None]
            if self._referring and group.is_head:
                places = [place for place in places if homes[place].head is None]
            elif group.is_head:
                places = self._first_told(places, group, ids, homes)
        if places is not None and len(places) < count:
            if not places:
                return
            cells = {index: _chosen(column, places) for index, column in cells.items()}
            numbers, homes = [numbers[place] for place in places], [homes[place] for place in places]
            relations = None if relations is None else [relations[place] for place in places]
        self._people(group, numbers, homes, relations, cells)

    @staticmethod
    def _first_told(places: list[int], group: Group, ids: Sequence[Cell], homes: Sequence[Home]) -> list[int]:
        """Of rows that repeat their head, the first: a head's cells that were merged down may come filled."""
        if group.identity is None:
            return places
        kept = []
        seen: set[tuple[int, object]] = set()
        for place in places:
            home = homes[place]
            told = (id(home), ids[place])
            if told not in seen and not (
                ids[place] is not None and any(p.number == ids[place] for p in home.people if p.role == "head")
            ):
                seen.add(told)
                kept.append(place)
        return kept

    def _people(
        self,
        group: Group,
        numbers: Sequence[int],
        homes: Sequence[Home],
        relations: Sequence[str | None] | None,
        cells: Mapping[int, Sequence[Cell]],
    ) -> None:
        """Persons with everything that the columns of their group give."""
        sheet, role, count = self._name, group.role, len(numbers)
        if relations is None:
            relations = self._group_relations(group, cells, count)
        nothing = [None] * count
        names = group.name.reader.read(cells[group.name.index]) if group.name else nothing
        ids = group.identity.reader.read(cells[group.identity.index]) if group.identity else nothing
        phones = group.phone.reader.read(cells[group.phone.index]) if group.phone else nothing
        people = [
            PersonDraft(sheet, row, sexed(relation, number), number or "", name or "", phone, role, {}, {})
            for row, relation, number, name, phone in zip(numbers, relations, ids, names, phones, strict=True)
        ]
        if group.is_head and self._referring:
            for person, home in zip(people, homes, strict=True):
                home.head = person
        else:
            for person, home in zip(people, homes, strict=True):
                home.people.append(person)
        self._faulty(group.relation if relations is not None and not group.is_head else None, numbers, homes, cells)
        self._faulty(group.phone, numbers, homes, cells)
        for bound, values, kind in ((group.name, names, "name_missing"), (group.identity, ids, "identity_missing")):
            self._faulty(bound, numbers, homes, cells)
            if None in values and not (group.is_head and self._referring):
                self._missing(bound, values, Fault(kind), numbers, homes, cells)
        shared = group.shared()
        drafts = {"person": [person.columns for person in people], "fact": [person.fact for person in people]}
        for bound in group.others:
            raws = cells[bound.index]
            if _is_blank(raws):
                continue
            values = bound.reader.read(raws)
            self._faulty(bound, numbers, homes, cells)
            if bound.field.place == "told":
                self._compare(bound, people, values, numbers, homes, raws)
            elif bound.field.key in shared:
                self._shared(bound, drafts[bound.field.place], values, numbers, homes, raws)
            else:
                key = bound.field.key
                for draft, value in zip(drafts[bound.field.place], values, strict=True):
                    if value is not None:
                        draft[key] = value

    def _group_relations(self, group: Group, cells: Mapping[int, Sequence[Cell]], count: int) -> Sequence[str | None]:
        if group.is_head:
            return [HEAD] * count
        if group.relation is not None:
            return group.relation.reader.read(cells[group.relation.index])
        told = read_relation(group.relation_label) if group.relation_label else None
        return [told if isinstance(told, str) else None] * count

    def _missing(
        self,
        bound: Bound | None,
        values: Sequence[object],
        fault: Fault,
        numbers: Sequence[int],
        homes: Sequence[Home],
        cells: Mapping[int, Sequence[Cell]],
    ) -> None:
        column = bound.column if bound else NO_COLUMN
        raws = cells[bound.index] if bound else [None] * len(values)
        faults = bound.reader.faults if bound else {}
        for place, value in enumerate(values):
            if value is None and raws[place] not in faults:
                self._all.note(self._name, numbers[place], column, fault, None, homes[place])

    def _faulty(
        self, bound: Bound | None, numbers: Sequence[int], homes: Sequence[Home], cells: Mapping[int, Sequence[Cell]]
    ) -> None:
        if bound is None or not bound.reader.faults:
            return
        faults, raws = bound.reader.faults, cells[bound.index]
        if faults.keys().isdisjoint(raws.said if isinstance(raws, CodedCells) else raws):
            return
        for place, raw in enumerate(raws):
            if raw in faults:
                self._all.note(self._name, numbers[place], bound.column, faults[raw], raw, homes[place])

    def _shared(
        self,
        bound: Bound,
        drafts: Sequence[dict[str, Any]],
        values: Sequence[Any],
        numbers: Sequence[int],
        homes: Sequence[Home],
        raws: Sequence[Cell],
    ) -> None:
        """A column that fills the same as another one: they may not differ."""
        key = bound.field.key
        for place, (draft, value) in enumerate(zip(drafts, values, strict=True)):
            if value is not None and draft.setdefault(key, value) != value:
                other = {"other": _other(self._binding, bound)}
                self._all.note(self._name, numbers[place], bound.column, Fault("two_values", other), raws[place], homes[place])

    def _compare(
        self,
        bound: Bound,
        people: Sequence[PersonDraft],
        values: Sequence[Any],
        numbers: Sequence[int],
        homes: Sequence[Home],
        raws: Sequence[Cell],
    ) -> None:
        """Sex and birth date are the identity number's; another one is a contradiction."""
        is_sex = bound.field.code == "gender"
        fault = Fault("sex_differs" if is_sex else "birth_date_differs")
        for place, (person, value) in enumerate(zip(people, values, strict=True)):
            number = person.number
            if value is None or not number:
                continue
            if is_sex:
                same = value == sex(number) or value not in "12"
            elif value.__class__ is tuple:
                same = value == (int(number[6:10]), int(number[10:12]))
            else:
                same = value == born(number)
            if not same:
                self._all.note(self._name, numbers[place], bound.column, fault, raws[place], homes[place])

    def _of_home(
        self,
        bound: Bound,
        numbers: Sequence[int],
        homes: Sequence[Home],
        parts: Sequence[dict[str, Any]],
        heads: Sequence[bool],
        raws: Sequence[Cell],
    ) -> None:
        """A column of the households; where rows of one differ, the head's counts."""
        if _is_blank(raws):
            return
        values = bound.reader.read(raws)
        self._faulty(bound, numbers, homes, {bound.index: raws})
        key, located = bound.field.key, bound.field.key in LOCATED
        if bound.field.of_worker and self._members_apart:
            members = [place for place, value in enumerate(values) if value is not None and not heads[place]]
            if members:
                self._all.unused.setdefault((self._name, bound.column), [numbers[members[0]], 0])[1] += len(members)
                values = [value if is_head else None for value, is_head in zip(values, heads, strict=True)]
        last_part: dict[str, Any] | None = None
        last: Any = None
        for place in [place for place, value in enumerate(values) if value is not None]:
            part, value = parts[place], values[place]
            if part is last_part and value is last:
                continue
            last_part, last = part, value
            if key not in part:
                part[key] = value
                if located:
                    homes[place].at[key] = (self._name, numbers[place])
            elif part[key] != value:
                put(self._all, bound, homes[place], value, (self._name, numbers[place]), raws[place], is_head=heads[place])

    @property
    def _members_apart(self) -> bool:
        """Whether rows tell whose they are, the head's or a member's."""
        return self._main is not None and self._main.relation is not None and not self._rest and self._only is None


def _read(bound: Bound | None, cells: Mapping[int, Sequence[Cell]], count: int) -> tuple[Sequence[Cell], Sequence[Any]]:
    """The cells of a column and their values; blanks where there is no column."""
    if bound is None:
        return [None] * count, [None] * count
    return cells[bound.index], bound.reader.read(cells[bound.index])


def sexed(relation: str | None, number: str | None) -> str:
    """The code of a relation; a spouse is a husband or a wife by the identity number."""
    if relation is not None and relation in BY_SEX:
        return BY_SEX[relation][sex(number) == FEMALE] if number else "other"
    return relation or ""


def _other(binding: Binding, bound: Bound) -> str:
    """The heading of the other column that fills the same."""
    for group in binding.groups.values():
        for other in group.others:
            if other is not bound and other.field.key == bound.field.key and bound in group.others:
                return other.column.heading
    return bound.column.heading


def _chosen(column: Sequence[Cell], places: Sequence[int]) -> Sequence[Cell]:
    """The cells of some places, in order."""
    if len(places) == len(column):
        return column
    if isinstance(column, CodedCells):
        return CodedCells(column.said, bytes(map(column.codes.__getitem__, places)))
    return [column[place] for place in places]


def _is_blank(cells: Sequence[Cell]) -> bool:
    return isinstance(cells, CodedCells) and not any(cell is not None for cell in cells.said)


def _without_truths(cells: Sequence[Cell]) -> Sequence[Cell]:
    """The cells of a column; true and false as texts, for they would be found under 1 and 0."""
    said = cells.said if isinstance(cells, CodedCells) else cells
    if bool not in set(map(type, said)):
        return cells
    texts = [("TRUE" if cell else "FALSE") if cell.__class__ is bool else cell for cell in said]
    return CodedCells(texts, cells.codes) if isinstance(cells, CodedCells) else texts
