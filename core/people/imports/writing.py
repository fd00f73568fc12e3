"""Writing households that are new: persons, households, files, first facts, search words and identity marks, in bulk.

While the database takes in one chunk, the next one is sealed: the one works on its processor, the other on ours.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.beside import short_turns
from core.centre.numbering import draw
from core.db.base import Base, new_id_text
from core.db.bulk import copy_written, default_of, written
from core.db.copy_text import Written
from core.exchange.models import IdentityMark
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.people.roster import HouseholdDraft, PersonDraft
from core.people.sealing import Sealer
from core.people.search.words import renew_search_words
from core.people.townships import township_in
from core.scope import current_scope
from core.trail.service import record
from core.vault.keys import PersonKey

CHUNK: Final = 2_000
"""Households written, and entered in the trail, at a time."""
_FIRST: Final = 250
"""So many at first, so that the database is at work soon; then twice as many each time."""

Id = UUID | str
"""An id, or its text where the row is made here."""
Told = Callable[[int], None]
"""Is told how many households are written."""
Columns = Mapping[str, Sequence[Any]]
"""Rows of one table by columns, all of one length."""
_MADE_LATER: Final = frozenset({"id", "tenant", "recorded_at"})


@dataclass(frozen=True, slots=True)
class NewHousehold:
    """A household that is not on file here; ``known`` are its persons who are known here already, by place, with their keys."""

    draft: HouseholdDraft
    known: Mapping[int, tuple[UUID, PersonKey]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table that are ready to be written."""

    model: type[Base]
    rows: Written
    keep_former: bool = False


@dataclass(slots=True)
class Rows:
    """Rows of one chunk, table by table, those that others refer to first; written out while the database is at another."""

    sealer: Sealer
    parts: list[Part] = field(default_factory=list)
    returned: list[UUID] = field(default_factory=list)
    """Workers who were known here before, by whom their new files are found."""
    persons: int = 0

    def take(self, model: type[Base], columns: Columns) -> None:
        """Take rows of a table."""
        self.parts.append(Part(model, written(model, columns)))

    def find(self, ids: Sequence[Id], words: Sequence[set[str]]) -> None:
        """Let persons be found by further words."""
        rows = [(id_, word) for id_, of_person in zip(ids, words, strict=True) for word in of_person]
        if rows:
            kinds = ["person"] * len(rows)
            self.take(
                SearchToken,
                {"token": [word for _, word in rows], "subject_id": [id_ for id_, _ in rows], "subject_kind": kinds},
            )

    def mark(self, hashes: Sequence[bytes]) -> None:
        """Put marks of persons into the identity index; one that stands already stays."""
        if hashes:
            alike = {name: [value] * len(hashes) for name, value in self.sealer.mark.items()}
            self.parts.append(Part(IdentityMark, written(IdentityMark, {"hash": hashes, **alike}), keep_former=True))

    def write(self, session: Session) -> None:
        """Write everything."""
        for part in self.parts:
            copy_written(session, part.model, part.rows, keep_former=part.keep_former)
        if self.returned:
            renew_search_words(session, self.returned)


def columns_of(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Any]]:
    """Rows of a table turned into columns; where a row does not name one, the column's default stands."""
    blanks, names = blanks_of(model), set[str]().union(*rows)
    if unknown := names - blanks.keys():
        raise ValueError(f"{model.__name__} has no columns {sorted(unknown)} that an import fills")
    return {name: [row.get(name, blanks[name]) for row in rows] for name in names}


@cache
def blanks_of(model: type[Base]) -> Mapping[str, Any]:
    """The columns of a table that an import fills, with what stands there by default."""
    table: Any = model.__table__
    return {
        column.name: default_of(column)
        for column in table.columns
        if column.name not in _MADE_LATER and column.computed is None
    }


def write_new(session: Session, import_id: UUID, households: Sequence[NewHousehold], told: Told = lambda _: None) -> None:
    """Write new households of one import; one trail entry per chunk.

    Facts hold from the first day of the business year, the survey's year; a membership from the day the file was opened,
    where that is earlier.
    """
    scope = current_scope()
    _number(session, [one.draft for one in households])
    adding = Adding(Sealer(session), import_id, date(scope.business_date.year, 1, 1), scope.business_date)
    with _written_beside(session) as write:
        start, size = 0, _FIRST
        while chunk := households[start : start + size]:
            rows = adding.households(chunk)
            fields = {"first": start + 1, "households": len(chunk), "persons": rows.persons}
            write(rows, fields, import_id)
            told(start)
            start, size = start + len(chunk), min(2 * size, CHUNK)


def _number(session: Session, drafts: Sequence[HouseholdDraft]) -> None:
    """Give numbers to files without one; those that the spreadsheet itself brings along are passed over."""
    unnumbered = [draft for draft in drafts if draft.file.get("file_number") is None]
    brought = {draft.file.get("file_number") for draft in drafts}
    year, drawn = current_scope().business_date.year, list[str]()
    while len(drawn) < len(unnumbered):
        drawn += [one for one in draw(session, "file", year, len(unnumbered) - len(drawn)) if one not in brought]
    for draft, number in zip(unnumbered, drawn, strict=True):
        draft.file["file_number"] = number


@contextmanager
def _written_beside(session: Session) -> Iterator[Callable[[Rows, Mapping[str, Any], UUID], None]]:
    """Give chunks to a thread that writes them one after the other; no more than one waits. Until the end of the body the
    session belongs to that thread."""

    def write(rows: Rows, fields: Mapping[str, Any], import_id: UUID) -> None:
        rows.write(session)
        record(session, "people.imported", "roster_import", import_id, fields)

    with short_turns(), ThreadPoolExecutor(1) as pool:
        at_work: Future[None] | None = None

        def hand_over(rows: Rows, fields: Mapping[str, Any], import_id: UUID) -> None:
            nonlocal at_work
            if at_work is not None:
                at_work.result()
            at_work = pool.submit(contextvars.copy_context().run, write, rows, fields, import_id)

        yield hand_over
        if at_work is not None:
            at_work.result()


@dataclass(slots=True)
class Adding:
    """Adds households and persons of one import to rows that will be written."""

    sealer: Sealer
    import_id: UUID
    facts_from: date
    on: date
    source: str = field(init=False)
    """What facts say of where they come from."""

    def __post_init__(self) -> None:
        self.source = f"import:{self.import_id}"

    def households(self, households: Sequence[NewHousehold]) -> Rows:
        """New households with their persons, files and first facts."""
        rows, drafts = Rows(self.sealer), [one.draft for one in households]
        files = [{"opened_on": self.on, "updated_on": self.on, "township": None} | draft.file for draft in drafts]
        for file, draft in zip(files, drafts, strict=True):
            file["township"] = file["township"] or township_in(draft.address)
        homes = _ids(len(drafts))
        # The workers' places among all persons.
        workers = list(accumulate([len(draft.people) for draft in drafts], initial=0))[:-1]
        known = {start + at: one for home, start in zip(households, workers, strict=True) for at, one in home.known.items()}
        rows.returned += [known[start][0] for start in workers if start in known]
        people = [person for draft in drafts for person in draft.people]
        numbers = {start: number for start, file in zip(workers, files, strict=True) if (number := file.get("file_number"))}
        ids, keys, pinyin = self.persons(rows, people, known, numbers)
        heads = [keys[start] for start in workers]
        addresses = self.sealer.sealed_addresses(heads, [draft.address or "" for draft in drafts])
        rows.take(Household, {**columns_of(Household, [draft.household for draft in drafts]), **addresses, "id": homes})
        since = [
            min(file["opened_on"], self.facts_from) for file, draft in zip(files, drafts, strict=True) for _ in draft.people
        ]
        self.members(rows, people, [home for home, draft in zip(homes, drafts, strict=True) for _ in draft.people], ids, since)
        told: dict[str, Sequence[Any]] = {
            "household_id": homes,
            "worker_id": [ids[start] for start in workers],
            "pinyin": [pinyin[start] for start in workers],
            "status": ["on_file"] * len(drafts),
            "import_id": [self.import_id] * len(drafts),
            "import_key": [draft.key for draft in drafts],
            "import_version": [1] * len(drafts),
        }
        accounts = self.sealer.sealed_accounts(heads, [draft.account or None for draft in drafts])
        rows.take(WorkerFile, {**columns_of(WorkerFile, files), **accounts, **told})
        said = {"household_id": homes, **self._where([self.facts_from] * len(drafts))}
        rows.take(HouseholdFact, {**columns_of(HouseholdFact, [draft.fact for draft in drafts]), **said})
        return rows

    def persons(
        self,
        rows: Rows,
        people: Sequence[PersonDraft],
        known: Mapping[int, tuple[UUID, PersonKey]],
        numbers: Mapping[int, str],
    ) -> tuple[list[Id], list[PersonKey], list[str | None]]:
        """Persons of whom those whose places are ``known`` are here already and the others are put down; ``numbers`` are the
        files' by their workers' places. Gives ids, keys and, of the new, the sort keys of the names."""
        new = [at for at in range(len(people)) if at not in known]
        drafts, made = [people[at] for at in new], _ids(len(new))
        sealed = self.sealer.sealed(
            [bytes.fromhex(id_.replace("-", "")) for id_ in made],
            [person.name for person in drafts],
            [person.number for person in drafts],
            [person.phone or None for person in drafts],
            [(numbers[at].lower(),) if at in numbers else () for at in new],
        )
        if new:
            stated: dict[str, Sequence[Any]] = {
                "id": made,
                "name": [person.name for person in drafts],
                "gender": [person.gender for person in drafts],
                "birth_date": [person.birth_date for person in drafts],
            }
            rows.take(Person, {**columns_of(Person, [person.columns for person in drafts]), **stated, **sealed.columns})
            rows.find(made, sealed.words)
        rows.mark(self.sealer.marks([person.number for person in people]))
        rows.persons += len(new)
        ids: dict[int, Id] = dict(zip(new, made, strict=True)) | {at: id_ for at, (id_, _) in known.items()}
        keys = dict(zip(new, sealed.keys, strict=True)) | {at: key for at, (_, key) in known.items()}
        spoken = dict(zip(new, sealed.columns["pinyin"], strict=True))
        places = range(len(people))
        return [ids[at] for at in places], [keys[at] for at in places], [spoken.get(at) for at in places]

    def members(
        self, rows: Rows, people: Sequence[PersonDraft], homes: Sequence[Id], ids: Sequence[Id], since: Sequence[date]
    ) -> None:
        """Memberships of persons from a day on, and what the file says of each."""
        relations = [person.relation for person in people]
        rows.take(Membership, {"household_id": homes, "person_id": ids, "relation": relations, "valid_from": since})
        facts = columns_of(PersonFact, [person.fact for person in people])
        rows.take(PersonFact, {**facts, "person_id": ids, **self._where([max(day, self.facts_from) for day in since])})

    def _where(self, days: Sequence[date]) -> dict[str, Sequence[Any]]:
        """Since when facts hold, and where they come from."""
        return {"valid_from": days, "source": [self.source] * len(days)}


def _ids(count: int) -> list[str]:
    return [new_id_text() for _ in range(count)]
