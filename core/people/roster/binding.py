"""The columns of one sheet, bound to their readers and sorted by whom they speak of."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from core.people.roster.columns import ColumnReader, Readers
from core.people.roster.drafts import Home
from core.people.roster.fields import BY_CODE, BY_ROLE, Field
from core.people.roster.problems import NO_COLUMN, Column
from core.people.roster.understanding import ColumnUnderstanding, SheetUnderstanding

LOCATED: Final = frozenset(("total", "size", "per_head", "opened_on", "updated_on", "file_number", "secondary_causes"))
"""Fields of a household that are judged when all rows are known: where they stand is kept."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A column that is read: where it is, what it holds, by what it is read, how a problem names it."""

    index: int
    field: Field
    reader: ColumnReader
    column: Column
    times: int
    row: int


@dataclass(slots=True)
class Group:
    """The columns of one person of a row."""

    role: str
    relation_label: str = ""
    name: Bound | None = None
    identity: Bound | None = None
    relation: Bound | None = None
    phone: Bound | None = None
    others: list[Bound] = field(default_factory=list)

    def bounds(self) -> list[Bound]:
        """All columns of the person."""
        return [*filter(None, (self.name, self.identity, self.relation, self.phone)), *self.others]

    def shared(self) -> set[str]:
        """Keys of drafts that several columns fill: their values are compared."""
        keys = Counter(bound.field.key for bound in self.others)
        return {key for key, count in keys.items() if count > 1}

    @property
    def is_head(self) -> bool:
        """Whether its person is the head by the columns' own words."""
        return self.role == "head"


class Binding:
    """All columns of a sheet that are read."""

    def __init__(self, sheet: SheetUnderstanding, readers: Readers) -> None:
        self.sheet = sheet
        self.groups: dict[str, Group] = {}
        self.of_home: list[Bound] = []
        self.number: Bound | None = None
        self.serial: int | None = None
        self._by_target: dict[str, Column] = {}
        self._rows: dict[str, int] = {}
        for understood in sheet.columns:
            if understood.field:
                self._bind(understood, readers)
        if "" in self.groups and self.groups[""].name is None and self.groups[""].identity is None:
            self._hand_over(self.groups.pop(""))

    def _bind(self, understood: ColumnUnderstanding, readers: Readers) -> None:
        target = understood.field or ""
        role, _, code = target.rpartition(":")
        found = BY_CODE[code]
        column = Column(understood.heading.rpartition(" / ")[2], understood.letter, found.holds)
        self._by_target.setdefault(target, column)
        self._rows.setdefault(target, understood.row)
        reader = readers.reader(found, understood.times, understood.parts)
        bound = Bound(understood.index, found, reader, column, understood.times, understood.row)
        if found.holds == "serial":
            self.serial = understood.index
        elif found.holds == "key":
            self.number = self.number or bound
        elif not found.of_person:
            self.of_home.append(bound)
        else:
            self._add(self.groups.setdefault(role, Group(role, _relation_label(role))), bound)

    @staticmethod
    def _add(group: Group, bound: Bound) -> None:
        slot = {"name": "name", "identity_number": "identity", "relation": "relation", "phone": "phone"}.get(bound.field.code)
        if slot is not None and getattr(group, slot) is None:
            setattr(group, slot, bound)
        elif slot is None:
            group.others.append(bound)

    def _hand_over(self, nobody: Group) -> None:
        """Columns that say of nobody whose they are speak of the head; a relation is never the head's own."""
        heir = self.groups.get("head") or next(iter(self.groups.values()), None)
        if heir is None:
            return
        for bound in filter(None, (nobody.phone, *nobody.others)):
            self._add(heir, bound)
        for group in self.groups.values():
            if not group.is_head and group.relation is None:
                group.relation = nobody.relation

    def column(self, code: str, role: str = "") -> Column:
        """How a problem names the column of a field; of nobody's where the sheet has none."""
        found = self._by_target.get(f"{role}:{code}" if role else code) or self._by_target.get(code)
        if found is not None:
            return found
        return next((column for target, column in self._by_target.items() if target.endswith(f":{code}")), NO_COLUMN)

    def row(self, code: str, role: str, row: int) -> int:
        """The row in which the value of a field stands for the person of ``row``: in a form each label has its own."""
        return self._rows.get(f"{role}:{code}" if role else code) or row

    def indices(self) -> set[int]:
        """All columns that are read."""
        bound = [*self.of_home, *filter(None, (self.number,))]
        for group in self.groups.values():
            bound += group.bounds()
        return {one.index for one in bound}


class Bindings:
    """The bindings of a file by sheet; where a sheet holds several forms, each of them has its own from its first row and
    its first column on."""

    def __init__(self) -> None:
        self._of: dict[str, dict[int, tuple[list[int], list[Binding]]]] = {}

    def add(self, binding: Binding, top: int = 0, left: int = 0) -> None:
        """Add what is bound from the row ``top`` on; of the forms of a sheet that begin in one column the rows ascend."""
        tops, bindings = self._of.setdefault(binding.sheet.name, {}).setdefault(left, ([], []))
        tops.append(top)
        bindings.append(binding)

    def at(self, sheet: str, row: int, home: Home) -> Binding:
        """The binding of a row of a household. Raises KeyError for a sheet that has none."""
        tops, bindings = self._of[sheet][home.left if sheet == home.sheet else 0]
        return bindings[max(bisect_right(tops, row) - 1, 0)]

    def __contains__(self, sheet: object) -> bool:
        return sheet in self._of


def _relation_label(role: str) -> str:
    plain = role.rstrip("0123456789")
    return BY_ROLE[plain].relation if plain else ""
