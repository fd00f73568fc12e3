"""Printing and exporting many files at once (批量打印、导出): as background work that puts documents aside to be fetched.

What was asked for is the filter of the list, and is kept as such: a file that leaves it meanwhile is not printed, and papers
come in the list's order. Full values are a choice with a reason, recorded for each person when the part is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.centre.settings import centre_settings
from core.db.base import new_id
from core.db.statements import among
from core.errors import InvalidInput
from core.host.declarations import COUNTIES, ChunkPlan, JobKindDecl
from core.jobs.models import Job
from core.jobs.service import start_job
from core.people.listing import FileFilter, conditions, in_order
from core.people.models import WorkerFile
from core.people.papers.attachments import photos_of
from core.people.papers.export import XLSX, Block, file_list
from core.people.papers.form import WORKER_FILE, sheets_of
from core.people.whole_files import REVEAL, full_reason, full_values, whole_files
from core.printing.forms import Foot, Printing
from core.printing.typesetting import typeset
from core.printing.waiting import Fetched, Part, fetch, keep
from core.scope import current_scope
from core.trail.service import record

FORMS: Final = "people_print_forms"
LIST: Final = "people_export_list"
READ: Final = Demand("people.read")
PART: Final = 50
"""Forms in one document: a few seconds of work, some 4 MB with photos."""
LIST_AT_ONCE: Final = 1_000
"""Files in a list that is handed out without waiting."""
BLOCK: Final = 500
"""Households read at a time for a list."""
MOST_FORMS: Final = 5_000
_RECENT: Final = 10
Made = Literal["forms", "list"]
Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files of the list, as what; ``reason`` is why full values are needed, None for masked ones."""

    made: Made
    files: FileFilter = field(default_factory=FileFilter)
    reason: str | None = None

    def params(self, count: int) -> dict[str, Any]:
        """What a job keeps of it."""
        employer = self.files.employer_id
        files = {**asdict(self.files), "employer_id": str(employer) if employer else None}
        return {"made": self.made, "files": files, "reason": self.reason, "count": count, "by": current_scope().actor_name}


def matching(session: Session, wanted: Wanted) -> int:
    """How many files the filter meets."""
    return session.scalar(_filtered(session, select(func.count()), wanted.files)) or 0


def start(session: Session, wanted: Wanted, key: str) -> Job:
    """Start the work; ``key`` makes one of a form that is sent twice.

    Raises ``Forbidden`` without people.read, and without people.reveal where a reason is given; ``InvalidInput`` where no
    file, or more than ``MOST_FORMS`` for forms, meets the filter.
    """
    require(READ)
    count = _checked(session, wanted)
    if wanted.made == "forms" and count > MOST_FORMS:
        raise InvalidInput(
            f"符合条件的档案有 {count} 份，一次最多打印 {MOST_FORMS} 份",
            f"{count} files meet the filter, {MOST_FORMS} are printed at a time at most",
            where="kind",
            mend_zh="请按乡镇（街道）、困难类别或状态分次打印",
            mend_en="print them by township, kind or state",
        )
    kind = FORMS if wanted.made == "forms" else LIST
    params = {**wanted.params(count), "batch": str(new_id())}
    what = "打印档案表" if wanted.made == "forms" else "导出档案名册"
    job = start_job(session, kind, key, params, f"{what}（{count} 户）")
    record(session, "people.printed", "job", job.id, _told(wanted, count))
    return job


def list_now(session: Session, wanted: Wanted) -> Printing:
    """The workbook at once, for a list of at most ``LIST_AT_ONCE`` files. Raises as ``start``."""
    require(READ)
    count = _checked(session, wanted)
    params = wanted.params(count)
    homes = _homes(session, params)
    record(session, "people.printed", "list", None, _told(wanted, count))
    return _list(session, params, homes)


def _checked(session: Session, wanted: Wanted) -> int:
    """How many files; raises where the filter meets none, or full values may not be had."""
    if wanted.reason is not None:
        require(REVEAL)
        full_reason(wanted.reason)
    count = matching(session, wanted)
    if count == 0:
        raise InvalidInput("没有符合条件的档案", "no file meets the filter", where="status")
    return count


def _told(wanted: Wanted, count: int) -> dict[str, Any]:
    return {"made": wanted.made, "count": count, "full": wanted.reason is not None}


def fetch_made(session: Session, file_id: UUID) -> Fetched:
    """Hand a finished document out, once, to whoever had it made. Raises as ``core.printing.waiting.fetch``, and ``Forbidden``
    for full values where people.reveal was lost meanwhile; the document waits on then."""
    require(READ)
    found = fetch(session, file_id)
    if not found.masked:
        require(REVEAL)
    return found


def recent(session: Session) -> Sequence[Job]:
    """The newest work of this kind that the actor in scope started."""
    asked = select(Job).where(Job.actor == current_scope().actor, Job.kind.in_((FORMS, LIST)))
    return session.scalars(asked.order_by(Job.id.desc()).limit(_RECENT)).all()


def _filtered(session: Session, asked: Select[Any], wanted: FileFilter) -> Select[Any]:
    asked = asked.select_from(WorkerFile).where(WorkerFile.status.not_in(("moved", "merged")))
    return asked.where(*conditions(session, wanted))


def _asked_for(params: Params) -> FileFilter:
    """The filter that a job keeps."""
    files = dict(params["files"])
    employer = files.pop("employer_id")
    return FileFilter(**files, employer_id=UUID(employer) if employer else None)


def _homes(session: Session, params: Params, files: Sequence[str] | None = None) -> list[UUID]:
    """Households of the filter in the order of the list, of the files named alone where they are."""
    asked = in_order(_filtered(session, select(WorkerFile.household_id), _asked_for(params)))
    if files is not None:
        asked = asked.where(among(WorkerFile.id, [UUID(one) for one in files]))
    return list(session.scalars(asked))


def _foot(params: Params) -> Foot:
    scope = current_scope()
    return Foot(scope.union_name, params["by"], scope.business_date, params["reason"] is None, params["count"])


def plan_forms(session: Session, params: Params) -> Sequence[ChunkPlan]:
    """Cut the files into parts, by key: names stand in no job."""
    ids = [str(one) for one in session.scalars(in_order(_filtered(session, select(WorkerFile.id), _asked_for(params))))]
    parts = [ids[start : start + PART] for start in range(0, len(ids), PART)]
    return [
        ChunkPlan(f"第 {place * PART + 1} 至 {place * PART + len(part)} 份", {"no": place + 1, "files": part})
        for place, part in enumerate(parts)
    ]


def run_forms(session: Session, params: Params, payload: Params) -> Params:
    """Set one part's forms as one PDF and put it aside."""
    files = whole_files(session, _homes(session, params, payload["files"]))
    if not files:
        return {"files": 0}
    why: str | None = params["reason"]
    full = full_values(session, files, why) if why is not None else None
    union = centre_settings(session).seal_text or current_scope().union_name
    sheets = sheets_of(files, union, full=full, photos=photos_of(session, files))
    made = typeset(WORKER_FILE, sheets, _foot(params))
    first = (payload["no"] - 1) * PART + 1
    title = f"困难职工档案表 第{first}至{first + len(files) - 1}份"
    keep(session, made, Part(UUID(params["batch"]), payload["no"], title, len(files), masked=why is None))
    return {"files": len(files)}


def blocks_of(session: Session, homes: Sequence[UUID], why: str | None) -> Iterator[Block]:
    """The households a block at a time, masked without a reason; what was read of the last block is let go of."""
    for at in range(0, len(homes), BLOCK):
        files = whole_files(session, homes[at : at + BLOCK])
        yield files, full_values(session, files, why) if why is not None else None
        session.flush()
        for view in files:
            rows = [view.household, view.file, view.fact]
            for row in rows + [one for member in view.members for one in (member.person, member.fact)]:
                if row is not None and row in session:
                    session.expunge(row)


def plan_list(_session: Session, params: Params) -> Sequence[ChunkPlan]:
    """One workbook, whole."""
    return [ChunkPlan(f"{params['count']} 户", {"no": 1})]


def run_list(session: Session, params: Params, payload: Params) -> Params:
    """Write the workbook and put it aside."""
    homes = _homes(session, params)
    part = Part(UUID(params["batch"]), payload["no"], "困难职工档案表", len(homes), masked=params["reason"] is None)
    keep(session, _list(session, params, homes), part)
    return {"files": len(homes)}


def _list(session: Session, params: Params, homes: Sequence[UUID]) -> Printing:
    blocks = blocks_of(session, homes, params["reason"])
    return Printing(file_list(blocks, _foot(params), len(homes)), XLSX, ".xlsx")


def total(_session: Session, _params: Params, results: Sequence[Params]) -> Params:
    """How many files were printed."""
    return {"files": sum(int(one["files"]) for one in results)}


JOBS: Final = (
    JobKindDecl(
        FORMS,
        "打印困难职工档案表",
        "print forms of files",
        plan_forms,
        run_forms,
        total,
        "people.read",
        levels=COUNTIES,
        listed=False,
    ),
    JobKindDecl(
        LIST,
        "导出困难职工档案名册",
        "export files as a workbook",
        plan_list,
        run_list,
        total,
        "people.read",
        levels=COUNTIES,
        listed=False,
    ),
)
