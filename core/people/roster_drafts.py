"""What a roster is read into before anything is written: persons, households, and what was found wrong (domain 11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.people.identity_number import IdentityNumber
from core.people.roster_cells import Cells, Problem
from core.people.roster_reading import SheetRow
from core.vault.sensitive import Sensitive


@dataclass(slots=True)
class PersonDraft:
    """A person as the roster gives one: columns of the person, of the first fact, and what will be sealed."""

    row: SheetRow
    relation: str
    identity: IdentityNumber
    phone: Sensitive[str] | None
    columns: dict[str, Any]
    fact: dict[str, Any]


@dataclass(slots=True)
class HouseholdDraft:
    """A household as the roster gives it; the first of ``people`` is the worker (户主)."""

    key: str
    people: list[PersonDraft]
    address: str
    account: Sensitive[str] | None
    household: dict[str, Any]
    file: dict[str, Any]
    fact: dict[str, Any]

    @property
    def worker(self) -> PersonDraft:
        """The worker, on whose name the file is kept."""
        return self.people[0]


@dataclass(slots=True)
class Checked:
    """What came of a workbook: households to write, problems, and the numbers of the households held back."""

    drafts: list[HouseholdDraft] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    held_back: set[str] = field(default_factory=set)

    def hold_back(self, draft: HouseholdDraft, person: PersonDraft, column: str, zh: str, en: str) -> None:
        """Keep back a household for what only the whole file or the database shows."""
        Cells(person.row, draft.key, self.problems).note(
            column, zh, en, "请核对是否重复建档", "check whether the household is on file twice"
        )
        self.held_back.add(draft.key)
