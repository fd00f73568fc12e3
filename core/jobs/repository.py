"""Questions about jobs, their chunks and the outbox; the caller's session is in the tenant's scope.

Lock order everywhere: the job's row, then rows of its chunks.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.session import ask_each
from core.db.statements import tenant_core
from core.errors import NotFound
from core.jobs.models import Job, JobChunk, OutboxItem
from core.scope import Scope

MAX_ATTEMPTS = 3
OPEN = ("queued", "running")


def insert_job(session: Session, values: Mapping[str, Any]) -> uuid.UUID | None:
    """Insert a job; None where the tenant has one of the same kind and key already."""
    statement = insert(Job).values(**values).on_conflict_do_nothing(index_elements=["tenant", "kind", "key"]).returning(Job.id)
    made: uuid.UUID | None = session.execute(tenant_core(statement)).scalar_one_or_none()
    return made


def job_of(session: Session, job_id: uuid.UUID, *, lock: bool = False) -> Job:
    """The job, as the database has it now; raises ``NotFound``."""
    question = select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    found = session.scalar(question.with_for_update() if lock else question)
    if found is None:
        raise NotFound("没有这项后台任务", "no such job", where=str(job_id))
    return found


def job_keyed(session: Session, kind: str, key: str) -> Job:
    """The job of a kind and key; raises ``NotFound``."""
    found = session.scalar(select(Job).where(Job.kind == kind, Job.key == key))
    if found is None:
        raise NotFound("没有这项后台任务", "no such job", where=f"{kind}/{key}")
    return found


def open_of_year(session: Session, kind: str, year: int) -> Job | None:
    """The oldest job of a kind and year that is not over."""
    question = select(Job).where(Job.kind == kind, Job.params["year"].as_integer() == year, Job.state.in_(OPEN))
    return session.scalar(question.order_by(Job.created_at, Job.id).limit(1))


def keyed_below(session: Session, kind: str, key: str) -> int:
    """How many jobs of a kind have this key or one that goes on from it with a slash."""
    question = select(func.count()).select_from(Job).where(Job.kind == kind)
    return session.scalar(question.where((Job.key == key) | Job.key.startswith(f"{key}/", autoescape=True))) or 0


def recent_jobs(session: Session, limit: int) -> Sequence[Job]:
    """The newest jobs of the tenant."""
    return session.scalars(select(Job).order_by(Job.created_at.desc()).limit(limit)).all()


def beat(session: Session, job_id: uuid.UUID) -> None:
    """Note that somebody works on the job; keeps its row locked until the end of the transaction."""
    session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(OPEN))
        .values(heartbeat_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def lock_chunk(session: Session, job_id: uuid.UUID, no: int, *, attempt: int | None = None) -> JobChunk | None:
    """A queued chunk, or the running one of ``attempt``, locked; None where somebody else has it or it is over."""
    question = select(JobChunk).where(JobChunk.job_id == job_id, JobChunk.no == no)
    if attempt is None:
        question = question.where(JobChunk.state == "queued")
    else:
        question = question.where(JobChunk.state == "running", JobChunk.attempts == attempt)
    return session.scalar(question.with_for_update(skip_locked=True))


def queued_numbers(session: Session, job_id: uuid.UUID) -> list[int]:
    """Numbers of the chunks that wait to be run."""
    question = select(JobChunk.no).where(JobChunk.job_id == job_id, JobChunk.state == "queued").order_by(JobChunk.no)
    return list(session.scalars(question))


def counts(session: Session, job_id: uuid.UUID) -> dict[str, int]:
    """How many chunks are in each state."""
    question = select(JobChunk.state, func.count()).where(JobChunk.job_id == job_id).group_by(JobChunk.state)
    return dict(session.execute(question).all())


def results(session: Session, job_id: uuid.UUID) -> list[dict[str, Any]]:
    """Results of the chunks that are done, in their order."""
    question = select(JobChunk.result).where(JobChunk.job_id == job_id, JobChunk.state == "done").order_by(JobChunk.no)
    return list(session.scalars(question))


def chunk_lines(session: Session, job_id: uuid.UUID) -> list[dict[str, Any]]:
    """What screens show of the chunks: number, label, state, attempts, error, times."""
    question = (
        select(
            JobChunk.no,
            JobChunk.label,
            JobChunk.state,
            JobChunk.attempts,
            JobChunk.error,
            JobChunk.started_at,
            JobChunk.finished_at,
        )
        .where(JobChunk.job_id == job_id)
        .order_by(JobChunk.no)
    )
    return [dict(line) for line in session.execute(question).mappings()]


def set_chunks(session: Session, job_id: uuid.UUID, states: Sequence[str], target: str, **values: Any) -> None:
    """Move all chunks of the job that are in one of ``states`` to ``target``."""
    session.execute(
        update(JobChunk)
        .where(JobChunk.job_id == job_id, JobChunk.state.in_(states))
        .values(state=target, **values)
        .execution_options(synchronize_session=False)
    )


def lock_stale(session: Session, before: datetime) -> list[uuid.UUID]:
    """Open jobs that nobody has worked on since ``before``, locked."""
    question = (
        select(Job.id)
        .where(Job.state.in_(OPEN), func.coalesce(Job.heartbeat_at, Job.created_at) < before)
        .order_by(Job.id)
        .with_for_update(skip_locked=True)
    )
    return list(session.scalars(question))


def free_orphans(session: Session, job_ids: Sequence[uuid.UUID], before: datetime, error: str) -> int:
    """Give back chunks whose process is gone: they say running since before ``before``, and nobody holds their row.

    A chunk that has used up its attempts fails instead. Returns how many were given back or failed.
    """
    question = (
        select(JobChunk.id)
        .where(JobChunk.job_id.in_(job_ids), JobChunk.state == "running", JobChunk.started_at < before)
        .order_by(JobChunk.id)
        .with_for_update(skip_locked=True)
    )
    found = list(session.scalars(question))
    if found:
        session.execute(
            update(JobChunk)
            .where(JobChunk.id.in_(found))
            .values(state=case((JobChunk.attempts < MAX_ATTEMPTS, "queued"), else_="failed"), error=error)
            .execution_options(synchronize_session=False)
        )
    return len(found)


def _is_due() -> ColumnElement[bool]:
    return or_(OutboxItem.not_before.is_(None), OutboxItem.not_before <= func.clock_timestamp())


def waiting_items(session: Session, topics: Sequence[str], limit: int) -> list[tuple[uuid.UUID, str]]:
    """Outbox items not carried out yet that may be tried now, with their topics; those that never failed first."""
    question = (
        select(OutboxItem.id, OutboxItem.topic)
        .where(OutboxItem.sent_at.is_(None), OutboxItem.topic.in_(topics), _is_due())
        .order_by(OutboxItem.attempts, OutboxItem.at, OutboxItem.id)
        .limit(limit)
    )
    return [(item, topic) for item, topic in session.execute(question)]


def lock_item(session: Session, item_id: uuid.UUID) -> OutboxItem | None:
    """The item if it still waits and nobody else carries it out, locked."""
    question = select(OutboxItem).where(OutboxItem.id == item_id, OutboxItem.sent_at.is_(None))
    return session.scalar(question.with_for_update(skip_locked=True))


_ANYTHING = (
    "select exists (select from outbox where tenant = %(tenant)s and sent_at is null"
    " and (not_before is null or not_before <= clock_timestamp()))"
    " or exists (select from job where tenant = %(tenant)s and state = any (%(open)s)"
    " and coalesce(heartbeat_at, created_at) < %(before)s)"
)


def anything_to_sweep(scopes: Sequence[Scope], before: datetime) -> set[str]:
    """Which of the tenants have items that may be tried now or jobs that nobody works on."""
    found = ask_each(scopes, _ANYTHING, {"open": list(OPEN), "before": before})
    return {tenant for tenant, waits in found.items() if waits}
