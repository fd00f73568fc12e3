"""What a roster is read into before anything is written: persons and households, as far as the file tells of them.

A dictionary holds what the file gives and nothing else: what is not in it is unknown. Values are plain, so that a hundred
thousand persons are kept cheaply; ``repr`` shows nothing of them, and what is sealed comes out as its own type.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.people.identity_number import IdentityNumber, Sex
from core.people.roster.identity import born, sex
from core.people.roster.problems import Problem, holds_number
from core.people.roster.understanding import letter_of
from core.vault import masking
from core.vault.sensitive import Sensitive


@dataclass(slots=True, eq=False)
class PersonDraft:
    """A person as the file gives one: ``columns`` of the person, ``fact`` of the first fact."""

    sheet: str
    row: int
    relation: str
    number: str = field(repr=False)
    """The identity number, 18 characters; empty where it could not be read (its household is held back then)."""
    name: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)
    role: str = ""
    """Whom of the row the columns spoke of; empty for a row that is one person."""
    columns: dict[str, Any] = field(default_factory=dict, repr=False)
    fact: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def identity(self) -> IdentityNumber:
        """The identity number with what it says, sealed against printing."""
        number = Sensitive(self.number, masking.identity_number)
        return IdentityNumber(number, self.number[:6], born(self.number), Sex(sex(self.number)))

    @property
    def birth_date(self) -> date:
        """The birth date that the identity number states."""
        return born(self.number)

    @property
    def gender(self) -> str:
        """The sex that the identity number states, by the code of GB/T 2261.1."""
        return sex(self.number)


@dataclass(slots=True, eq=False)
class HouseholdDraft:
    """A household as the file gives it; the first of ``people`` is the worker (户主)."""

    key: str
    people: list[PersonDraft]
    address: str | None = field(default=None, repr=False)
    account: str | None = field(default=None, repr=False)
    household: dict[str, Any] = field(default_factory=dict, repr=False)
    file: dict[str, Any] = field(default_factory=dict, repr=False)
    fact: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def worker(self) -> PersonDraft:
        """The worker, on whose name the file is kept."""
        return self.people[0]


class Home:
    """A household while its rows are gathered. ``at`` tells where values stand that are judged when all rows are known."""

    __slots__ = (
        "at", "bad", "file", "found", "head", "household", "left", "means", "named", "number", "people", "row", "sheet",
        "stated",
    )  # fmt: skip

    def __init__(self, sheet: str, row: int, number: str = "", found: str = "") -> None:
        self.sheet = sheet
        self.row = row
        self.number = number
        self.left = 0
        """The first column of its form, where forms stand side by side."""
        self.found = found
        """How it was found; by ``number`` it may be joined with rows of another sheet."""
        self.named = "" if holds_number(number) else number
        """The key in the file; longer than the number where several sheets use it. An identity number that an office gives
        its households as their number is none: keys are stored and shown."""
        self.people: list[PersonDraft] = []
        self.head: PersonDraft | None = None
        """The head as columns of other rows name one."""
        self.household: dict[str, Any] = {}
        self.file: dict[str, Any] = {}
        self.means: dict[str, Any] = {}
        self.stated: dict[str, Any] = {}
        self.at: dict[str, tuple[str, int]] = {}
        self.bad = False

    @property
    def key(self) -> str:
        """The number that the office gave it, else the place of its first row."""
        return self.named or f"{self.sheet}!{letter_of(self.left) if self.left else ''}{self.row}"

    def part(self, place: str) -> dict[str, Any]:
        """The values of one place (``fields.Place``) by key."""
        found: dict[str, Any] = getattr(self, place)
        return found


def said_of(key: str | None, sheets: Collection[str]) -> str | None:
    """A household's ``key`` as it is shown: the number that the office gave it; of one without, where it begins."""
    sheet, _, place = (key or "").rpartition("!")
    if sheet not in sheets:
        return key
    return f"自第 {place} 行起" if place.isdigit() else f"自 {place} 格起"


class Problems:
    """The problems of one check: all counted, so many errors and so many warnings kept in full."""

    def __init__(self, most: int) -> None:
        self.kept: list[Problem] = []
        self.errors = 0
        self.warnings = 0
        self._most = most

    def add(self, problem: Problem) -> None:
        """Count a problem, and keep it while there is room: warnings take none from the errors."""
        if problem.is_error:
            self.errors += 1
        else:
            self.warnings += 1
        if (self.errors if problem.is_error else self.warnings) <= self._most:
            self.kept.append(problem)
