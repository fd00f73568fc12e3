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
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.centre.numbering import draw
from core.db.base import Base, new_id_text
from core.db.bulk import JOINED, copy_rows
from core.db.copy_text import copy_line, is_plain
from core.exchange.models import IdentityMark
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.people.roster import HouseholdDraft
from core.people.sealing import Mark, Sealer
from core.people.search.words import renew_search_words
from core.people.townships import township_in
from core.scope import current_scope
from core.trail.service import record
from core.vault.keys import PersonKey
from core.vault.sensitive import Sensitive

CHUNK: Final = 2_000
"""Households written, and entered in the trail, at a time."""

MARK: Final = ("id", "province", "hash", "year", "matter")
_ORDER: Final[tuple[type[Base], ...]] = (Person, Household, Membership, WorkerFile, PersonFact, HouseholdFact)
"""Tables that rows of an import go to, those that others refer to first."""

Id = UUID | str
"""An id, or its text where the row is made here."""
Told = Callable[[int], None]
"""Is told how many households are written."""
_BY_THE_DATABASE: Final = frozenset({"tenant", "recorded_at"})


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The columns of a table that an import fills, and what stands in those of which a file says nothing."""

    columns: tuple[str, ...]
    blanks: Mapping[str, Any]
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """Takes the values of the columns, in their order."""
    plain: bool
    """Whether its rows can be written out ahead (``core.db.copy_text``)."""

    def row(self, *parts: Mapping[str, Any]) -> tuple[Any, ...] | str:
        """A row out of what is told of it, with an id of its own where none is told."""
        whole = dict(self.blanks)
        whole["id"] = new_id_text()
        for part in parts:
            whole.update(part)
        return copy_line(self.pick(whole)) if self.plain else self.pick(whole)


@cache
def shape_of(model: type[Base]) -> Shape:
    """The shape of a table."""
    table: Any = model.__table__
    named = [column for column in table.columns if column.name not in _BY_THE_DATABASE and column.computed is None]
    blanks = {column.name: _blank(column) for column in named if column.name != "id"}
    columns = tuple(column.name for column in named)
    return Shape(columns, blanks, itemgetter(*columns), is_plain(table, columns))


def _blank(column: Any) -> Any:
    default = column.default
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg


@dataclass(frozen=True, slots=True)
class NewHousehold:
    """A household that is not on file here; ``known`` are its persons who are known here already, by place, with their keys."""

    draft: HouseholdDraft
    known: Mapping[int, tuple[UUID, PersonKey]] = field(default_factory=dict)


@dataclass(slots=True)
class Rows:
    """Rows of one chunk, table by table."""

    by_table: dict[type[Base], list[Any]] = field(default_factory=lambda: {model: [] for model in _ORDER})
    words: list[str] = field(default_factory=list)
    """Search words of each person, joined, with the person whom they find."""
    marks: list[str] = field(default_factory=list)
    returned: list[UUID] = field(default_factory=list)
    """Workers who were known here before, by whom their new files are found."""
    persons: int = 0

    def add(self, model: type[Base], *parts: Mapping[str, Any]) -> None:
        """Add a row of a table."""
        self.by_table[model].append(shape_of(model).row(*parts))

    def write(self, session: Session) -> None:
        """Write everything, rows that others refer to first."""
        for model, rows in self.by_table.items():
            copy_rows(session, model, rows, shape_of(model).columns)
        found = {"subject_kind": "person", "handlers": None}
        copy_rows(session, SearchToken, self.words, ("token", "subject_id"), found, spread="token")
        copy_rows(session, IdentityMark, self.marks, MARK, keep_former=True)
        if self.returned:
            renew_search_words(session, self.returned)

    def mark(self, mark: Mark) -> None:
        """Add a mark in the identity index; one that stands already stays."""
        self.marks.append(copy_line((new_id_text(), *mark)))


def write_new(session: Session, import_id: UUID, households: Sequence[NewHousehold], told: Told = lambda _: None) -> None:
    """Write new households of one import; one trail entry per chunk.

    Facts hold from the first day of the business year, the survey's year; a membership from the day the file was opened,
    where that is earlier.
    """
    scope, sealer = current_scope(), Sealer(session)
    _number(session, [one.draft for one in households])
    adding = Adding(sealer, import_id, date(scope.business_date.year, 1, 1), scope.business_date)
    with _written_beside(session) as write:
        for start in range(0, len(households), CHUNK):
            chunk, rows = households[start : start + CHUNK], Rows()
            for one in chunk:
                adding.household(rows, one)
            fields = {"first": start + 1, "households": len(chunk), "persons": rows.persons}
            write(rows, fields, import_id)
            told(start)


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

    with ThreadPoolExecutor(1) as pool:
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

    def household(self, rows: Rows, one: NewHousehold) -> None:
        """Add a household with its persons, its file and its first facts."""
        draft, household_id = one.draft, new_id_text()
        file = {"opened_on": self.on, "updated_on": self.on, "township": None} | draft.file
        file["township"] = file["township"] or township_in(draft.address)
        member_from = min(file["opened_on"], self.facts_from)
        for place in range(len(draft.people)):
            known = one.known.get(place)
            person_id, key, pinyin = (*known, None) if known else self.person(rows, draft, place)
            if known:
                rows.mark(self.sealer.mark(draft.people[place].number))
                rows.returned += [known[0]] if place == 0 else []
            self.member(rows, draft, place, household_id, person_id, member_from)
            if place == 0:
                address = self.sealer.address(key, draft.address or "")
                rows.add(Household, draft.household, address, {"id": household_id})
                account = self.sealer.account(key, Sensitive(draft.account) if draft.account else None)
                told = self._told(draft, household_id, person_id)
                rows.add(WorkerFile, file, account, told, {"pinyin": pinyin})
        told = {"household_id": household_id, "valid_from": self.facts_from, "source": self.source}
        rows.add(HouseholdFact, draft.fact, told)

    def _told(self, draft: HouseholdDraft, household_id: Id, worker_id: Id) -> dict[str, Any]:
        return {
            "id": new_id_text(),
            "household_id": household_id,
            "worker_id": worker_id,
            "status": "on_file",
            "import_id": self.import_id,
            "import_key": draft.key,
            "import_version": 1,
        }

    def person(self, rows: Rows, draft: HouseholdDraft, place: int) -> tuple[Id, PersonKey, str]:
        """Add a person who is not known here; the id, the key and the sort key of the name."""
        person = draft.people[place]
        number = draft.file.get("file_number")
        more = (number.lower(),) if place == 0 and number else ()
        id_ = new_id_text()
        sealed = self.sealer.sealed(bytes.fromhex(id_.replace("-", "")), person.name, person.number, person.phone, more)
        rows.add(Person, person.all_columns, sealed.columns, {"id": id_})
        rows.words.append(copy_line((JOINED.join(sealed.words), id_)))
        rows.mark(sealed.mark)
        rows.persons += 1
        return id_, sealed.key, sealed.columns["pinyin"]

    def member(self, rows: Rows, draft: HouseholdDraft, place: int, household_id: Id, person_id: Id, since: date) -> None:
        """Add a person's membership from a day on, and what the file says of the person."""
        person = draft.people[place]
        told = {"household_id": household_id, "person_id": person_id, "relation": person.relation, "valid_from": since}
        rows.add(Membership, told)
        from_ = self.facts_from if since <= self.facts_from else since
        rows.add(PersonFact, person.fact, {"person_id": person_id, "valid_from": from_, "source": self.source})
