"""Imports that are looked through before they are written (导入预览): sent, checked, corrected, committed or discarded.

Nothing of a spreadsheet reaches the files before somebody commits it. Until then it is kept sealed, for ``KEPT_DAYS``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import IO, Any, Final
from uuid import UUID

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.db.base import new_id
from core.errors import Conflict, InvalidInput, NotFound
from core.host.declarations import COUNTIES
from core.jobs.models import Job
from core.jobs.repository import OPEN
from core.jobs.service import resume_job, start_job
from core.people.imports.importer import import_of, lock_imports, new_import
from core.people.imports.models import STATES, RosterChange, RosterHeading, RosterImport, RosterProblem
from core.people.imports.staging import PIECE_BYTES, drop_parts, keep_file
from core.people.roster import targets
from core.scope import current_scope
from core.settings import settings
from core.trail.service import record

IMPORT: Final = Kind("roster_import", "导入批次", STATES)
READ: Final = Demand("people.import", levels=COUNTIES)
SEND: Final = Demand("people.import", levels=COUNTIES, begins=True)
CORRECT: Final = Demand("people.import", levels=COUNTIES, of=IMPORT, states=frozenset({"checked", "refused"}))
COMMIT: Final = Demand("people.import", levels=COUNTIES, of=IMPORT, states=frozenset({"checked"}))
DISCARD: Final = Demand(
    "people.import",
    levels=COUNTIES,
    of=IMPORT,
    states=frozenset({"checking", "checked", "refused", "committing"}),
    again=frozenset({"discarded"}),
)
CHECK_JOB: Final = "roster.check"
COMMIT_JOB: Final = "roster.commit"
KEPT_DAYS: Final = 14
"""Days for which a file waits to be committed; then it is discarded by itself."""
LEAVE: Final = "-"
"""Chosen for a column that is left alone."""
BY_ITSELF: Final = "*"
"""Chosen for a heading of which the county remembers nothing any more."""
SUFFIXES: Final = (".xlsx", ".xls", ".ods", ".csv", ".txt")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """An import, and whether sending the file made it or found it there."""

    made: RosterImport
    new: bool


def send(session: Session, file_name: str, source: IO[bytes]) -> Sent:
    """Take in a file that somebody sends, sealed, and have it checked. The same bytes give the same import again, unless it
    was given up, or was written and held households back: then they make a new one.

    Raises ``InvalidInput`` for a file that is empty, too large, or of a type that is no spreadsheet.
    """
    require(SEND)
    name = _plain_name(file_name)
    digest, size = _measured(source, name)
    lock_imports(session)
    known = import_of(session, digest)
    if known is not None:
        return Sent(known, new=False)
    made = new_import(digest, name, size)
    made.kept_until = current_scope().business_date + timedelta(days=KEPT_DAYS)
    session.add(made)
    session.flush()
    keep_file(session, made.id, source)
    _have_checked(session, made)
    record(session, "people.import_sent", "roster_import", made.id, {"bytes": size})
    return Sent(made, new=True)


def _plain_name(file_name: str) -> str:
    """The name as it is shown: without folders and characters that would mislead; raises ``InvalidInput`` for other types."""
    name = _CONTROLS.sub("", PurePath(file_name.replace("\\", "/")).name).strip()
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInput(
            "不能导入这种类型的文件" if name else "请选择要导入的文件",
            "not a type of file that is imported" if name else "no file was chosen",
            where=name or "file",
            mend_zh="请上传 .xlsx、.xls、.ods、.csv 或 .txt 表格",
            mend_en="send an .xlsx, .xls, .ods, .csv or .txt table",
        )
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - len(suffix)]}{suffix}"


def _measured(source: IO[bytes], name: str) -> tuple[str, int]:
    """Digest and size of what is sent, read piece by piece and no further than the limit."""
    limit, size, digest = settings().import_limit_bytes, 0, hashlib.sha256()
    source.seek(0)
    while size <= limit and (piece := source.read(PIECE_BYTES)):
        size += len(piece)
        digest.update(piece)
    if not 0 < size <= limit:
        raise InvalidInput(
            f"文件为空或超过 {limit // 1024 // 1024} MB",
            f"the file is empty or larger than {limit // 1024 // 1024} MB",
            where=name,
            mend_zh="请删除图片和无关工作表，或拆分后分别导入",
            mend_en="remove pictures and other sheets, or split it and import the parts",
        )
    source.seek(0)
    return digest.hexdigest(), size


def _have_checked(session: Session, made: RosterImport) -> None:
    made.state, made.refusal = "checking", None
    made.rounds += 1
    params = {"import": str(made.id), "rounds": made.rounds}
    made.job_id = start_job(session, CHECK_JOB, f"{made.id}/{made.rounds}", params, f"核对导入文件 {made.file_name}").id


def correct_columns(session: Session, import_id: UUID, chosen: Mapping[str, str]) -> RosterImport:
    """Say what headings mean, by their keys: a target, ``LEAVE`` or ``BY_ITSELF``. Remembered for the county's later files; the
    file is checked again where something changed, or a guess was said to be right.

    Raises ``InvalidInput`` for a target that is none, ``Conflict`` where the import does not wait.
    """
    made = _locked(session, import_id, CORRECT)
    known = {target for target, _ in targets()} | {LEAVE, BY_ITSELF}
    now = {column["key"]: column for sheet in made.understanding.get("sheets", ()) for column in sheet["columns"]}
    for key, target in chosen.items():
        if target not in known or key not in now:
            raise InvalidInput("没有这一项", "there is no such column or field", where=key[:40])
        if not key:  # remembered, it would be said of every column without a heading of every later file
            raise InvalidInput(
                "该列没有列名",
                "the column has no heading",
                where=now[key]["letter"],
                mend_zh="请在文件中写上列名后重新上传",
                mend_en="give it a heading in the file and send it again",
            )
    said = {key: None if now[key]["how"] == "guessed" else said_of(now[key]) for key in chosen}
    differing = {key: target for key, target in chosen.items() if target != said[key]}
    if not differing:
        return made
    session.execute(delete(RosterHeading).where(RosterHeading.heading.in_(list(differing))))
    session.add_all(
        RosterHeading(id=new_id(), heading=key, field=None if target == LEAVE else target, actor=current_scope().actor)
        for key, target in differing.items()
        if target != BY_ITSELF
    )
    _have_checked(session, made)
    session.flush()
    record(session, "people.import_mapped", "roster_import", made.id, {"headings": len(differing)})
    return made


def said_of(column: Mapping[str, Any]) -> str:
    """What stands chosen for a column now."""
    return str(column["field"] or (LEAVE if column["how"] in ("left", "remembered") else BY_ITSELF))


def choose_changes(session: Session, import_id: UUID, shown: Collection[int], taken: Collection[int]) -> RosterImport:
    """Say of contested changes, by number, for which the file's value is taken; of those ``shown`` the others keep what is on
    file."""
    made = _locked(session, import_id, COMMIT)
    contested = update(RosterChange).where(RosterChange.import_id == import_id, RosterChange.contested)
    for value, numbers in ((True, set(taken) & set(shown)), (False, set(shown) - set(taken))):
        wanted = contested.where(RosterChange.no.in_(sorted(numbers))).values(taken=value)
        session.execute(wanted.execution_options(synchronize_session=False))
    return made


def start_commit(session: Session, import_id: UUID) -> RosterImport:
    """Have the import written, as background work in one transaction. Raises ``Conflict`` where it does not wait for that, or
    where nothing would be written."""
    made = _locked(session, import_id, COMMIT)
    if not made.households:
        raise Conflict("没有可以导入的家庭", "there is no household to be written", where=made.file_name)
    made.state = "committing"
    made.job_id = start_job(session, COMMIT_JOB, str(made.id), {"import": str(made.id)}, f"导入 {made.file_name}").id
    session.flush()
    record(session, "people.import_confirmed", "roster_import", made.id, {"households": made.households})
    return made


def go_on(session: Session, import_id: UUID) -> RosterImport:
    """Take up the interrupted work of an import again. Raises ``Conflict`` where none was interrupted."""
    require(SEND)
    made = import_named(session, import_id)
    if made.job_id is None:
        raise Conflict("没有中断的任务", "no work was interrupted", where=made.file_name)
    resume_job(session, made.job_id)
    return made


def discard(session: Session, import_id: UUID) -> RosterImport:
    """Give an import up before it is written (放弃导入): what was kept of it is deleted, that it was there stays on record.

    Raises ``Conflict`` once it is written, and while it is being written.
    """
    made = _locked(session, import_id, DISCARD)
    if made.state == "discarded":
        return made
    if made.state == "committing" and _is_at_work(session, made):
        raise Conflict("正在导入，不能放弃", "it is being written", where=made.file_name)
    _give_up(session, [made.id])
    made.state, made.kept_until = "discarded", None
    session.flush()
    record(session, "people.import_discarded", "roster_import", made.id)
    return made


def discard_overdue(session: Session) -> int:
    """Discard what nobody has committed in time; how many imports that were."""
    today = current_scope().business_date
    at_work = exists().where(Job.id == RosterImport.job_id, Job.state.in_(OPEN))
    waiting = select(RosterImport.id).where(
        RosterImport.kept_until < today,
        RosterImport.state.in_(("checking", "checked", "refused")) | ((RosterImport.state == "committing") & ~at_work),
    )
    overdue = list(session.scalars(waiting.with_for_update()))
    if overdue:
        _give_up(session, overdue)
        gone = update(RosterImport).where(RosterImport.id.in_(overdue)).values(state="discarded", kept_until=None)
        session.execute(gone.execution_options(synchronize_session=False))
        for import_id in overdue:
            record(session, "people.import_discarded", "roster_import", import_id)
    return len(overdue)


def _give_up(session: Session, import_ids: Sequence[UUID]) -> None:
    drop_parts(session, import_ids)
    for model in (RosterProblem, RosterChange):
        session.execute(delete(model).where(model.import_id.in_(import_ids)))


def _is_at_work(session: Session, made: RosterImport) -> bool:
    return session.scalar(select(func.count()).select_from(Job).where(Job.id == made.job_id, Job.state.in_(OPEN))) != 0


def _locked(session: Session, import_id: UUID, demand: Demand) -> RosterImport:
    """The import, locked, where the demand fits its state."""
    require(demand)
    asked = select(RosterImport).where(RosterImport.id == import_id).with_for_update()
    made = session.scalar(asked.execution_options(populate_existing=True))
    if made is None:
        raise _unknown(import_id)
    if not demand.fits(made.state) and made.state not in demand.again:
        raise Conflict(f"该导入{STATES[made.state]}，不能这样办理", f"the import is {made.state}", where=made.file_name)
    return made


def _unknown(import_id: UUID) -> NotFound:
    return NotFound("没有这次导入", "no such import", where=str(import_id))


def import_named(session: Session, import_id: UUID) -> RosterImport:
    """One import; raises ``NotFound``."""
    made = session.scalar(select(RosterImport).where(RosterImport.id == import_id))
    if made is None:
        raise _unknown(import_id)
    return made


def imports(session: Session, after: UUID | None = None, limit: int = 50) -> list[RosterImport]:
    """Imports, the newest first, behind the one ``after``."""
    asked = select(RosterImport).order_by(RosterImport.id.desc()).limit(limit)
    return list(session.scalars(asked.where(RosterImport.id < after) if after else asked))


def unconfirmed(session: Session) -> int:
    """How many imports are checked and wait for somebody who confirms them, corrects them or gives them up."""
    return session.scalar(select(func.count()).select_from(RosterImport).where(RosterImport.state == "checked")) or 0


@dataclass(frozen=True, slots=True)
class Facet:
    """How many problems of one kind there are in one sheet."""

    severity: str
    kind: str
    sheet: str
    count: int


def facets(session: Session, import_id: UUID) -> list[Facet]:
    """The problems of an import by severity, kind and sheet."""
    parts = (RosterProblem.severity, RosterProblem.kind, RosterProblem.sheet)
    asked = select(*parts, func.count()).where(RosterProblem.import_id == import_id).group_by(*parts).order_by(*parts)
    return [Facet(*row) for row in session.execute(asked)]


def problems(
    session: Session,
    import_id: UUID,
    *,
    severity: str | None = None,
    kind: str | None = None,
    sheet: str | None = None,
    after: int = 0,
    limit: int = 50,
) -> list[RosterProblem]:
    """Problems of an import behind the number ``after``, errors first, of one severity, kind or sheet where that is said."""
    asked = select(RosterProblem).where(RosterProblem.import_id == import_id, RosterProblem.no > after)
    for column, value in ((RosterProblem.severity, severity), (RosterProblem.kind, kind), (RosterProblem.sheet, sheet)):
        if value is not None:
            asked = asked.where(column == value)
    return list(session.scalars(asked.order_by(RosterProblem.no).limit(limit)))


def changes(
    session: Session, import_id: UUID, *, contested: bool | None = None, after: int = 0, limit: int = 50
) -> list[RosterChange]:
    """Values that change by an import behind the number ``after``, household by household."""
    asked = select(RosterChange).where(RosterChange.import_id == import_id, RosterChange.no > after)
    if contested is not None:
        asked = asked.where(RosterChange.contested == contested)
    return list(session.scalars(asked.order_by(RosterChange.no).limit(limit)))
