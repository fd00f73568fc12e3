"""The list of files (档案列表): filtered, in the order of the heads' names by pinyin, page by page.

Each filter has an index that holds the order as well (``WorkerFile.pinyin``), so that a page reads its own rows and no more,
however many files there are; what a filter leaves out of such an index is looked at on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.parameters.service import resolve
from core.people.life.models import FileProposal
from core.people.life.proposals import KINDS, stale_before
from core.people.life.steps import OPENING, STATE
from core.people.models import Person, WorkerFile
from core.scope import current_scope

NEVER: Final = "none"
"""Asked for as a kind: files that were never determined, or found not in difficulty. As a township: files without one."""


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files are asked for; None and False leave a thing open.

    ``stale``: on file and unchanged for longer than the parameter allows. ``reassess``: with a kind of an older scheme and
    none of today's. ``proposed``: a kind of ``core.people.life.proposals.KINDS`` that waits for a clerk. ``category``: a code
    of the list worker_category. ``township``: a name as ``core.people.townships`` writes it.
    """

    status: str | None = None
    kind: str | None = None
    stale: bool = False
    reassess: bool = False
    proposed: str | None = None
    employer_id: UUID | None = None
    category: str | None = None
    township: str | None = None


@dataclass(frozen=True, slots=True)
class FileRow:
    """A line in the list of files: identity masked, never in full."""

    file_id: UUID
    household_id: UUID
    worker_id: UUID
    file_number: str
    name: str
    identity_masked: str | None
    employer_name: str | None
    township: str | None
    status: str
    kind: str | None
    former_kind: str | None
    opened_on: date
    updated_on: date


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How many files there are by state and kind, how many are stale, wait to be reassessed, or are proposed for something."""

    by_state: dict[str, int]
    by_kind: dict[str | None, int]
    stale: int
    reassess: int
    proposed: dict[str, int]

    @property
    def all(self) -> int:
        """All files."""
        return sum(self.by_state.values())


_COLUMNS: Final[tuple[Any, ...]] = (
    WorkerFile.id,
    WorkerFile.household_id,
    WorkerFile.worker_id,
    WorkerFile.file_number,
    Person.name,
    Person.identity_masked,
    WorkerFile.employer_name,
    WorkerFile.township,
    WorkerFile.status,
    WorkerFile.kind,
    WorkerFile.former_kind,
    WorkerFile.opened_on,
    WorkerFile.updated_on,
)
_ORDER: Final = (WorkerFile.pinyin, WorkerFile.id)
_TOWNSHIPS: Final = """
with recursive named (township) as (
    (select township from worker_file where tenant = :tenant and township is not null order by township limit 1)
    union all
    select (select f.township from worker_file f where f.tenant = :tenant and f.township > named.township
        order by f.township limit 1) from named where named.township is not null
)
select township from named where township is not null
"""
"""From one name in the index to the next, whatever number of files bears it."""


def list_files(session: Session, wanted: FileFilter | None = None, after: UUID | None = None, limit: int = 50) -> list[FileRow]:
    """The next ``limit`` files behind the file ``after``, by the pinyin of the head's name. Behind a file that is gone there is
    nothing."""
    page = in_order(select(WorkerFile.id)).where(*conditions(session, wanted or FileFilter())).limit(limit)
    if after is not None:
        last = session.execute(select(*_ORDER).where(WorkerFile.id == after)).one_or_none()
        if last is None:
            return []
        page = page.where(tuple_(*_ORDER) > tuple_(*last))
    # Names are looked up for the page alone: joined before the limit, the planner may sort all that the filter meets.
    found = page.subquery()
    asked = select(*_COLUMNS).join(found, found.c.id == WorkerFile.id).join(Person, Person.id == WorkerFile.worker_id)
    return [FileRow(*row) for row in session.execute(in_order(asked))]


def in_order(asked: Select[Any]) -> Select[Any]:
    """``asked`` in the order of the list."""
    return asked.order_by(*_ORDER)


def conditions(session: Session, wanted: FileFilter) -> list[ColumnElement[bool]]:
    """What a file must be that ``wanted`` asks for."""
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(WorkerFile.status == wanted.status)
    if wanted.kind is not None:
        found.append(WorkerFile.kind.is_(None) if wanted.kind == NEVER else WorkerFile.kind == wanted.kind)
    if wanted.township is not None:
        found.append(WorkerFile.township.is_(None) if wanted.township == NEVER else WorkerFile.township == wanted.township)
    if wanted.category is not None:
        found.append(WorkerFile.categories.any_() == wanted.category)
    if wanted.stale:
        today = current_scope().business_date
        found += [WorkerFile.status == "on_file", WorkerFile.updated_on < stale_before(resolve(session, today))]
    if wanted.reassess:
        found += [WorkerFile.former_kind.is_not(None), WorkerFile.kind.is_(None)]
    if wanted.employer_id is not None:
        found.append(WorkerFile.employer_id == wanted.employer_id)
    if wanted.proposed is not None:
        waiting = select(FileProposal.household_id).where(
            FileProposal.kind == wanted.proposed, FileProposal.settled_on.is_(None)
        )
        found.append(WorkerFile.household_id.in_(waiting))
    return found


def count_files(session: Session) -> FileCounts:
    """Numbers for the filters of the list, in four statements however many files there are."""
    by_state: dict[str, int] = dict.fromkeys(STATE, 0)
    by_kind: dict[str | None, int] = {}
    asked = select(WorkerFile.status, WorkerFile.kind, func.count()).group_by(WorkerFile.status, WorkerFile.kind)
    for status, kind, count in session.execute(asked):
        by_state[status] += count
        by_kind[kind] = by_kind.get(kind, 0) + count
    return FileCounts(
        by_state,
        by_kind,
        stale=_count(session, FileFilter(stale=True)),
        reassess=_count(session, FileFilter(reassess=True)),
        proposed=_proposed(session),
    )


def count_waiting(session: Session) -> FileCounts:
    """Numbers for the first page: files that are being opened, those to be reassessed, and proposals. Of all files only these
    are counted."""
    asked = select(WorkerFile.status, func.count()).where(WorkerFile.status.in_(OPENING)).group_by(WorkerFile.status)
    return FileCounts(dict(session.execute(asked).all()), {}, 0, _count(session, FileFilter(reassess=True)), _proposed(session))


def townships(session: Session) -> list[str]:
    """The townships of the tenant's files, by their names."""
    return sorted(session.scalars(tenant_sql(_TOWNSHIPS)))


def _proposed(session: Session) -> dict[str, int]:
    waiting = dict.fromkeys(KINDS, 0)
    asked = select(FileProposal.kind, func.count()).where(FileProposal.settled_on.is_(None)).group_by(FileProposal.kind)
    for kind, count in session.execute(asked):
        waiting[kind] = count
    return waiting


def _count(session: Session, wanted: FileFilter) -> int:
    return session.scalar(select(func.count()).select_from(WorkerFile).where(*conditions(session, wanted))) or 0
