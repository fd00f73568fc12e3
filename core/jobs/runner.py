"""Runs jobs: plans them, does their chunks one transaction each, sums them up. Any process may run any part at any time.

A chunk is claimed in one short transaction (so that it shows as running, and counts an attempt) and done in another that
holds its row locked: a process that dies gives the lock back, and `core.jobs.recovery` the chunk.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.exchange.models import Opening
from core.host.declarations import JobKindDecl
from core.jobs import recovery, repository
from core.jobs.failures import retryable, told
from core.jobs.models import Job, JobChunk
from core.jobs.service import is_halted, job_kind, progress
from core.scope import Scope, entered
from core.tenancy.service import system_scope
from core.trail.service import record

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.2


class Outcome(StrEnum):
    """What came of a call for a chunk."""

    DONE = "done"
    FAILED = "failed"
    AGAIN = "again"
    """It failed in a way that may pass, and waits for its next attempt."""
    CANCELLED = "cancelled"
    NOT_MINE = "not_mine"
    """Somebody else has it, or it is over."""
    HALTED = "halted"
    """It waits: its plugin is shut off for all counties. The sweep finds it again when the plugin is let in."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A job as its parts need it: ``keeper`` keeps its rows, ``scope`` is the actor's, in which the work is done."""

    job_id: uuid.UUID
    title: str
    kind: JobKindDecl
    params: Mapping[str, Any]
    keeper: Scope
    scope: Scope


def _work(tenant: str, job_id: uuid.UUID) -> _Work:
    keeper = system_scope(tenant, "jobs")
    with entered(keeper), unit_of_work() as session:
        job = repository.job_of(session, job_id)
    try:
        kind = job_kind(job.kind)
    except NotFound as error:
        _fail(keeper, job_id, error)
        raise
    scope = replace(
        keeper,
        actor=job.actor,
        actor_name="系统" if job.actor.startswith("system:") else "",
        business_date=job.business_date,
        permissions=frozenset(job.permissions),
    )
    return _Work(job_id, job.title, kind, job.params, keeper, scope)


def plan_job(tenant: str, job_id: uuid.UUID) -> list[int]:
    """Split the job into chunks unless that is done; the numbers of the chunks that wait. Safe to call at any time.

    A plan that raises fails the job, except where another try may help: then the error is raised and the job stays queued. None
    wait, and nothing is planned, while the plugin is shut off for all counties.
    """
    work = _work(tenant, job_id)
    with entered(work.keeper), unit_of_work() as session:
        if is_halted(session, work.kind.kind):
            return []
    try:
        with entered(work.scope), unit_of_work() as session:
            job = repository.job_of(session, job_id, lock=True)
            if job.state == "queued":
                _lay_out(session, job, work)
    except Exception as error:
        if retryable(error):
            raise
        _fail(work.keeper, job_id, error)
        return []
    with entered(work.keeper), unit_of_work() as session:
        waiting = repository.queued_numbers(session, job_id)
    if not waiting:
        _settle(work)
    return waiting


def _lay_out(session: Session, job: Job, work: _Work) -> None:
    plans = work.kind.plan(session, work.params)
    session.add_all(
        JobChunk(job_id=job.id, no=no, label=plan.label, payload=dict(plan.payload)) for no, plan in enumerate(plans, 1)
    )
    job.total = len(plans)
    job.state = "running"
    job.started_at = job.heartbeat_at = datetime.now(UTC)


def run_chunk(tenant: str, job_id: uuid.UUID, no: int) -> Outcome:
    """Do one chunk if it waits, then settle the job if that was the last. Safe to call twice and from two processes."""
    work = _work(tenant, job_id)
    outcome = _tried(work, no)
    if outcome in (Outcome.DONE, Outcome.FAILED, Outcome.CANCELLED):
        _settle(work)
    return outcome


def _tried(work: _Work, no: int) -> Outcome:
    claimed = _claim(work, no)
    if isinstance(claimed, Outcome):
        return claimed
    try:
        return Outcome.DONE if _do(work, no, claimed) else Outcome.NOT_MINE
    except Exception as error:
        return _give_up(work, no, claimed, error)


def _claim(work: _Work, no: int) -> int | Outcome:
    """The number of the attempt that this process now makes, or why it makes none."""
    with entered(work.keeper), unit_of_work() as session:
        repository.beat(session, work.job_id)
        chunk = repository.lock_chunk(session, work.job_id, no)
        if chunk is None:
            return Outcome.NOT_MINE
        if repository.job_of(session, work.job_id).cancel_requested:
            chunk.state = "cancelled"
            return Outcome.CANCELLED
        if is_halted(session, work.kind.kind):
            return Outcome.HALTED
        chunk.state = "running"
        chunk.attempts += 1
        chunk.started_at = datetime.now(UTC)
        return chunk.attempts


def _do(work: _Work, no: int, attempt: int) -> bool:
    with entered(work.scope), unit_of_work() as session:
        chunk = repository.lock_chunk(session, work.job_id, no, attempt=attempt)
        if chunk is None:
            return False
        here = work.kind.run
        result = _in_county(work, chunk.payload) if work.kind.fan_out else here(session, work.params, chunk.payload)
        chunk.result = dict(result)
        chunk.state = "done"
        chunk.error = None
        chunk.finished_at = datetime.now(UTC)
    return True


def _in_county(work: _Work, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do a county's part as a guest there, in its own transaction; the opening is on record even if the part fails."""
    code = str(payload["tenant"])
    reason = f"{work.kind.zh}（{work.title}）"
    there = replace(
        system_scope(code, f"job.{work.kind.kind}", on=work.scope.business_date, guest_reason=reason),
        permissions=frozenset({work.kind.permission}),
    )
    if work.scope.tenant not in (there.tenant, there.prefecture, there.province):
        raise Forbidden("该单位不在本级管辖范围内", "that tenant does not belong to this one", where=code)
    with entered(there):
        with unit_of_work() as session:
            session.add(
                Opening(guest=work.scope.actor, guest_tenant=work.scope.tenant, reason=reason, until=there.business_date)
            )
        with unit_of_work() as session:
            return work.kind.run(session, work.params, payload)


def _give_up(work: _Work, no: int, attempt: int, error: Exception) -> Outcome:
    again = retryable(error) and attempt < repository.MAX_ATTEMPTS
    _log_failure(f"job {work.job_id} chunk {no} attempt {attempt}", error)
    with entered(work.keeper), unit_of_work() as session:
        chunk = repository.lock_chunk(session, work.job_id, no, attempt=attempt)
        if chunk is None:
            return Outcome.NOT_MINE
        chunk.state = "queued" if again else "failed"
        chunk.error = told(error)
        chunk.finished_at = None if again else datetime.now(UTC)
    return Outcome.AGAIN if again else Outcome.FAILED


def _log_failure(what: str, error: Exception) -> None:
    level = logging.INFO if isinstance(error, BangfuError) else logging.ERROR
    log.log(level, "%s failed: %s", what, told(error))


def _settle(work: _Work) -> None:
    """Bring the job's counts up to date and, where no chunk is open any more, sum it up. Safe to call at any time.

    The kind's ``finish`` gets the results of the chunks that are done. It is called when all are, and for a job that fans
    out also when some counties failed: they fail alone. A job that is resumed is summed up again.
    """
    try:
        with entered(work.scope), unit_of_work() as session:
            job = repository.job_of(session, work.job_id, lock=True)
            if job.state == "running":
                counted = _tally(session, job)
                job.heartbeat_at = datetime.now(UTC)
                if not any(counted.get(state) for state in repository.OPEN):
                    _sum_up(session, job, work, counted)
    except Exception as error:
        if retryable(error):
            raise
        _fail(work.keeper, work.job_id, error)


def _tally(session: Session, job: Job) -> dict[str, int]:
    counted = repository.counts(session, job.id)
    job.done, job.failed = counted.get("done", 0), counted.get("failed", 0)
    return counted


def _sum_up(session: Session, job: Job, work: _Work, counted: Mapping[str, int]) -> None:
    dropped = counted.get("cancelled", 0)
    if work.kind.finish and not dropped and (work.kind.fan_out or not job.failed):
        job.result = dict(work.kind.finish(session, work.params, repository.results(session, job.id)))
    job.state = "cancelled" if dropped else "failed" if job.failed else "done"
    if job.failed:
        parts = "个单位" if work.kind.fan_out else "个分段"
        job.error = f"{job.failed} {parts}未完成 / {job.failed} of {job.total} parts failed"
    job.finished_at = datetime.now(UTC)
    record(session, f"job.{job.state}", "job", job.id, {"kind": job.kind, "done": job.done, "failed": job.failed})


def _fail(keeper: Scope, job_id: uuid.UUID, error: Exception) -> None:
    _log_failure(f"job {job_id}", error)
    with entered(keeper), unit_of_work() as session:
        job = repository.job_of(session, job_id, lock=True)
        if job.state in repository.OPEN:
            _tally(session, job)
            job.state = "failed"
            job.error = told(error)
            job.finished_at = datetime.now(UTC)
            record(session, "job.failed", "job", job.id, {"kind": job.kind})


def run_inline(
    tenant: str, job_id: uuid.UUID, on_progress: Callable[[Mapping[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Run the whole job in this process and return its progress; ``on_progress`` is told after each chunk (without the list).

    A worker may work at the same job: each chunk is done by one of them, and this call returns when the job is over, or rests
    because its plugin was shut off.
    """
    while True:
        for no in plan_job(tenant, job_id):
            run_chunk(tenant, job_id, no)
            if on_progress:
                on_progress(_look(tenant, job_id, chunks=False))
        seen = _look(tenant, job_id)
        if seen["state"] not in repository.OPEN or seen["halted"]:
            return seen
        if not seen["queued"]:
            recovery.free(tenant, job_id)
            time.sleep(_LOOK_AGAIN_S)


def _look(tenant: str, job_id: uuid.UUID, *, chunks: bool = True) -> dict[str, Any]:
    with entered(system_scope(tenant, "jobs")), unit_of_work() as session:
        return progress(session, job_id, chunks=chunks)
