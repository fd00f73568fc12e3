"""What was gathered of a file: households with their persons, and what is wrong; nothing is raised."""

from __future__ import annotations

from typing import Final

from core.people.roster.binding import LOCATED, Bound
from core.people.roster.drafts import Home, Problems
from core.people.roster.problems import Column, Fault, Problem
from core.spreadsheets.cells import Cell

Key = tuple[object, ...]
_UNREAD: Final = frozenset(("code_unknown", "formula_error", "formula_without_value", "too_long", "control_character"))


class Gathering:
    """What was gathered of a file so far."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.homes: dict[Key, Home] = {}
        self.rows = 0
        self.skipped = 0
        self.unused: dict[tuple[str, Column], list[int]] = {}
        """Cells of members' rows that are kept of the head alone: the first such row, and how many."""
        self.unread_relations: set[tuple[str, int, str]] = set()
        """Sheet, row and letter of relations of which an error is noted already."""

    def home(self, key: Key, sheet: str, row: int, number: str = "", found: str = "") -> Home:
        """The household under a key, a new one where there is none."""
        known = self.homes.get(key)
        if known is None:
            known = self.homes[key] = Home(sheet, row, number, found)
        return known

    def note(
        self,
        sheet: str,
        row: int,
        column: Column,
        fault: Fault,
        given: object = None,
        home: Home | None = None,
    ) -> None:
        """Note a problem; an error holds the household back."""
        problem = Problem(sheet, row, column, fault.kind, given, home, fault.words)
        self.problems.add(problem)
        if home is not None and problem.is_error:
            home.bad = True
            if column.holds == "relation" and fault.kind in _UNREAD:
                self.unread_relations.add((sheet, row, column.letter))


def put(
    gathering: Gathering, bound: Bound, home: Home, value: object, where: tuple[str, int], raw: Cell, *, is_head: bool
) -> None:
    """Set a value of a household, unless another row says otherwise."""
    key, part = bound.field.key, home.part(bound.field.place)
    if part.setdefault(key, value) != value:
        other = {"other": home.at[key][1] if key in home.at else home.row}
        gathering.note(*where, bound.column, Fault("differs_within_household", other), raw, home)
        if not is_head:
            return
        part[key] = value
    if key in LOCATED:
        home.at[key] = where
