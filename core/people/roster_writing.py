"""Writing a checked roster: persons, households, files, first facts, search tokens and identity marks, in bulk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.centre.numbering import draw
from core.db.base import TenantRow, new_id
from core.db.bulk import insert_rows
from core.exchange.models import IdentityMark
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.people.roster_drafts import HouseholdDraft
from core.people.sealing import Sealer
from core.scope import current_scope
from core.trail.service import record

CHUNK: Final = 500
"""Households written, and entered in the trail, at a time."""


@dataclass(slots=True)
class _Rows:
    """Rows of one chunk, table by table in the order in which they refer to each other."""

    persons: list[dict[str, Any]] = field(default_factory=list)
    households: list[dict[str, Any]] = field(default_factory=list)
    memberships: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    person_facts: list[dict[str, Any]] = field(default_factory=list)
    household_facts: list[dict[str, Any]] = field(default_factory=list)
    searches: list[dict[str, Any]] = field(default_factory=list)

    def by_table(self) -> Iterator[tuple[type[TenantRow], list[dict[str, Any]]]]:
        """Tables with their rows, referred ones first."""
        yield Person, self.persons
        yield Household, self.households
        yield Membership, self.memberships
        yield WorkerFile, self.files
        yield PersonFact, self.person_facts
        yield HouseholdFact, self.household_facts
        yield SearchToken, self.searches


def write(session: Session, import_id: UUID, drafts: Sequence[HouseholdDraft]) -> None:
    """Write the households of one import; one trail entry per chunk.

    Facts hold from the first day of the business year, the survey's year; a membership from the day the file was opened,
    where that is earlier.
    """
    sealer = Sealer(session)
    year = current_scope().business_date.year
    unnumbered = [draft for draft in drafts if draft.file["file_number"] is None]
    if unnumbered:
        for draft, number in zip(unnumbered, draw(session, "file", year, len(unnumbered)), strict=True):
            draft.file["file_number"] = number
    for start in range(0, len(drafts), CHUNK):
        chunk = drafts[start : start + CHUNK]
        rows, marks = _Rows(), []
        for draft in chunk:
            marks += _add(rows, draft, sealer, import_id, date(year, 1, 1))
        for table, values in rows.by_table():
            insert_rows(session, table, values)
        insert_rows(session, IdentityMark, marks, keep_former=True)
        record(
            session,
            "people.imported",
            "roster_import",
            import_id,
            {"first": start + 1, "households": len(chunk), "persons": len(rows.persons)},
        )


def _add(rows: _Rows, draft: HouseholdDraft, sealer: Sealer, import_id: UUID, facts_from: date) -> list[dict[str, Any]]:
    """Add one household's rows; the marks for the identity index."""
    household_id = new_id()
    source = f"import:{import_id}"
    member_from = min(draft.file["opened_on"], facts_from)
    number = draft.file["file_number"]
    marks: list[dict[str, Any]] = []
    for place, person in enumerate(draft.people):
        more = (number.lower(),) if place == 0 else ()
        sealed = sealer.person(person.identity, person.columns, phone=person.phone, more_searches=more)
        rows.persons.append(sealed.row)
        rows.searches += sealed.searches
        marks.append(sealed.mark)
        belongs = {"household_id": household_id, "person_id": sealed.id, "relation": person.relation}
        rows.memberships.append(belongs | {"valid_from": member_from})
        rows.person_facts.append(person.fact | {"person_id": sealed.id, "valid_from": facts_from, "source": source})
        if place == 0:
            rows.households.append(draft.household | {"id": household_id} | sealer.address(sealed.key, draft.address))
            told = {"household_id": household_id, "worker_id": sealed.id, "status": "on_file", "kind": None}
            where = {"import_id": import_id, "import_key": draft.key}
            rows.files.append(draft.file | told | where | sealer.account(sealed.key, draft.account))
    rows.household_facts.append(draft.fact | {"household_id": household_id, "valid_from": facts_from, "source": source})
    return marks
