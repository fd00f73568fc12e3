"""Background work (后台任务): start it, stop it, take it up again, and see how far it is.

The rows are the truth. Nothing here reaches the message queue: an outbox item of the same transaction does.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, Verdict, answer, require
from core.db.base import new_id
from core.errors import Conflict, Forbidden, NotFound
from core.host.declarations import ChunkPlan, JobKindDecl
from core.host.manager import host
from core.host.quarantine import is_shut_off
from core.jobs import repository
from core.jobs.models import Job
from core.jobs.outbox import JOB_TOPIC, post
from core.scope import Level, current_scope
from core.tenancy.life import at_work
from core.tenancy.models import Tenant
from core.trail.service import record

STATES_ZH: Mapping[str, str] = {
    "queued": "等待办理",
    "running": "正在办理",
    "done": "已完成",
    "failed": "未完成",
    "cancelled": "已中止",
}
HALTED_ZH = "已暂停（该业务已在全省停用，恢复后继续）"
"""How the state of an open job reads while its plugin is shut off."""
JOB = Kind("job", "后台任务", STATES_ZH)
CANCEL = Demand("job.cancel", of=JOB, states=frozenset(repository.OPEN))


def starting(kind: JobKindDecl) -> Demand:
    """What starting work of a kind asks for."""
    return Demand(kind.permission, levels=kind.levels)


def resuming(kind: JobKindDecl) -> Demand:
    """What taking up a job of a kind again asks for: who may start such work may go on with it."""
    return Demand(kind.permission, of=JOB, states=frozenset({"failed", "cancelled"}))


def job_kind(kind: str) -> JobKindDecl:
    """The declaration of a kind of job among all installed plugins; raises ``NotFound``."""
    found: JobKindDecl
    for found in host().collected("bangfu_job_kinds"):
        if found.kind == kind:
            return found
    raise NotFound(f"没有名为 {kind} 的后台任务", f"no kind of job is called {kind}", where=kind)


def is_halted(session: Session, kind: str) -> bool:
    """Whether work of a kind rests because its plugin is shut off for all counties: no chunk begins before it is let in."""
    declaring = [
        name for name, kinds in host().installed("bangfu_job_kinds") if any(declared.kind == kind for declared in kinds)
    ]
    return any(name not in host().always_on and is_shut_off(session, name) for name in declaring)


def _require(demand: Demand) -> None:
    if not current_scope().is_system:
        require(demand)


@dataclass(frozen=True, slots=True)
class Started:
    """A job, and whether the call made it or found it there."""

    job: Job
    new: bool


def startable_kinds() -> list[JobKindDecl]:
    """The kinds of work that the actor in scope may start for a year here: switched on, of this level, with the permission
    held, and not started in a place of their own."""
    scope = current_scope()
    kinds: list[JobKindDecl] = host().collected_here("bangfu_job_kinds")
    return [kind for kind in kinds if kind.listed and answer(starting(kind), scope) is Verdict.ALLOWED]


def _startable(kind: str) -> JobKindDecl:
    scope = current_scope()
    kinds: list[JobKindDecl] = host().collected_here("bangfu_job_kinds")
    declared = next((found for found in kinds if found.kind == kind), None)
    if declared is None:
        raise NotFound(f"没有名为 {kind} 的后台任务", f"no kind of job is called {kind}", where=kind)
    _require(Demand(declared.permission))
    if scope.level not in declared.levels:
        raise Forbidden(
            f"本级单位不办理{declared.zh}",
            f"a tenant of this level has no {declared.en}",
            where=kind,
            mend_zh="请由有权办理的上级单位发起",
            mend_en="let the level above start it",
        )
    return declared


def start_job(session: Session, kind: str, key: str, params: Mapping[str, Any], title: str | None = None) -> Job:
    """Start background work in this transaction, or return the job of the same kind and key.

    ``key`` says what makes the work one piece (a year, the digest of a file); ``params`` is a JSON object. The job's
    chunks run on behalf of the actor in scope, with the permissions held now. Raises ``NotFound`` for a kind that the
    tenant has not switched on, ``Forbidden`` without the kind's permission or at a level that has no such work.
    """
    return _started(session, _startable(kind), key, params, title).job


def start_for_year(session: Session, kind: str, year: int) -> Started:
    """Start the work of a year on somebody's word: as often as wanted, but never twice at the same time.

    Rosters arrive after the survey and findings are mended after the audit, so the key holds the business date, and a
    number from the second start of a day on. Where such a job is open, that one is given. Raises as ``start_job``.
    """
    declared = _startable(kind)
    if not declared.listed:
        raise NotFound(f"{declared.zh}不在此发起", f"{declared.en} is not started for a year", where=kind)
    running = repository.open_of_year(session, kind, year)
    if running is not None:
        return Started(running, new=False)
    today = f"{year}/{current_scope().business_date}"
    before = repository.keyed_below(session, kind, today)
    # two who start at once arrive at the same key: the second waits for the first one's commit and gets its job
    return _started(session, declared, f"{today}/{before + 1}" if before else today, {"year": year}, None)


def _started(session: Session, declared: JobKindDecl, key: str, params: Mapping[str, Any], title: str | None) -> Started:
    scope = current_scope()
    made = repository.insert_job(
        session,
        {
            "tenant": scope.tenant,
            "id": new_id(),
            "kind": declared.kind,
            "key": key,
            "title": title or declared.zh,
            "state": "queued",
            "actor": scope.actor,
            "permissions": sorted(scope.permissions | {declared.permission}),
            "business_date": scope.business_date,
            "params": dict(params),
        },
    )
    if made is None:
        return Started(repository.job_keyed(session, declared.kind, key), new=False)
    post(session, JOB_TOPIC, {"job": str(made)})
    record(session, "job.start", "job", made, {"kind": declared.kind, "key": key})
    return Started(repository.job_of(session, made), new=True)


def cancel_job(session: Session, job_id: uuid.UUID) -> Job:
    """Ask for the end of a job: chunks that wait are dropped, those at work may finish, what is done stays done.

    Raises ``Conflict`` where the job is over.
    """
    _require(CANCEL)
    return end_job(session, job_id)


def end_job(session: Session, job_id: uuid.UUID) -> Job:
    """As ``cancel_job``, for what the job serves, whose own right was asked before."""
    job = repository.job_of(session, job_id, lock=True)
    if not CANCEL.fits(job.state):
        raise Conflict("任务已结束，不能中止", "the job is over", where=job.title)
    job.cancel_requested = True
    repository.set_chunks(session, job_id, ["queued"], "cancelled")
    if not repository.counts(session, job_id).get("running"):
        job.state = "cancelled"
        job.finished_at = datetime.now(UTC)
    record(session, "job.cancel", "job", job_id)
    return job


def may_resume(kind: str, state: str) -> bool:
    """Whether the actor in scope may take up a job of this kind in this state: who may start such work may go on with it."""
    try:
        demand = resuming(job_kind(kind))
    except NotFound:
        return False
    scope = current_scope()
    return demand.fits(state) and (scope.is_system or answer(demand, scope) is Verdict.ALLOWED)


def resume_job(session: Session, job_id: uuid.UUID) -> Job:
    """Take up a failed or cancelled job again: what failed or was dropped is queued anew, what is done stays done.

    Raises ``Forbidden`` without the permission of the job's kind, ``Conflict`` where the job is neither.
    """
    job = repository.job_of(session, job_id, lock=True)
    demand = resuming(job_kind(job.kind))
    _require(demand)
    if not demand.fits(job.state):
        raise Conflict("任务没有中断，无需继续", "the job has neither failed nor been cancelled", where=job.title)
    repository.set_chunks(session, job_id, ["failed", "cancelled"], "queued", attempts=0, error=None)
    job.state = "running" if job.total else "queued"
    job.failed, job.error, job.cancel_requested = 0, None, False
    job.finished_at, job.heartbeat_at = None, datetime.now(UTC)
    post(session, JOB_TOPIC, {"job": str(job_id)})
    record(session, "job.resume", "job", job_id)
    return job


def progress(session: Session, job_id: uuid.UUID, *, chunks: bool = True) -> dict[str, Any]:
    """How far a job is, for the browser and the terminal: two statements, whatever the number of chunks, and for an open job of
    a service line another one, since it rests while its plugin is shut off (``halted``).

    ``total``, ``done``, ``failed``, ``running`` count chunks; ``chunks`` lists them (number, label, state, error). Raises
    ``NotFound``.
    """
    job = repository.job_of(session, job_id)
    halted = job.state in repository.OPEN and is_halted(session, job.kind)
    found: dict[str, Any] = {
        "id": str(job.id),
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "state_zh": HALTED_ZH if halted else STATES_ZH[job.state],
        "halted": halted,
        "total": job.total,
        "error": job.error,
        "result": job.result,
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
    if chunks:
        lines = repository.chunk_lines(session, job_id)
        found["chunks"] = [{**line, "state_zh": STATES_ZH[line["state"]]} for line in lines]
        states = [line["state"] for line in lines]
        return found | {state: states.count(state) for state in ("done", "failed", "running", "queued", "cancelled")}
    counted = repository.counts(session, job_id)
    return found | {state: counted.get(state, 0) for state in ("done", "failed", "running", "queued", "cancelled")}


def recent_jobs(session: Session, limit: int = 50) -> Sequence[Job]:
    """The tenant's newest jobs, newest first."""
    return repository.recent_jobs(session, limit)


def tree_chunks(session: Session) -> list[ChunkPlan]:
    """One chunk for the tenant in scope and for each one below it: the plan of a job that fans out to all of them."""
    here = current_scope().tenant
    return _chunks(session, or_(Tenant.code == here, Tenant.province == here, Tenant.prefecture == here))


def county_chunks(session: Session) -> list[ChunkPlan]:
    """One chunk for each county under the tenant in scope: the plan of a job that fans out."""
    here = current_scope().tenant
    return _chunks(session, Tenant.level == Level.COUNTY.value, or_(Tenant.province == here, Tenant.prefecture == here))


def _chunks(session: Session, *which: ColumnElement[bool]) -> list[ChunkPlan]:
    """One chunk for each open tenant that is meant, in the order of their codes."""
    question = select(Tenant.code, Tenant.name).where(at_work(), *which).order_by(Tenant.code)
    return [ChunkPlan(name, {"tenant": code}) for code, name in session.execute(question)]
