"""The tasks: each takes ids, is safe to run twice, and leaves everything else to `core.jobs`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TypeVar

from core.jobs.outbox import CHUNK, JOB, RELAY, SWEEP
from core.jobs.outbox import send as send_on
from worker.app import app
from worker.relay import use_queue

_F = TypeVar("_F", bound=Callable[..., None])


def _task(name: str) -> Callable[[_F], _F]:
    def declare(function: _F) -> _F:
        app.task(name=name)(function)
        return function

    return declare


@_task(RELAY)
def relay(tenant: str) -> None:
    """Carry out what waits in the tenant's outbox."""
    from core.jobs import outbox

    outbox.relay(tenant)


@_task(JOB)
def job(tenant: str, job_id: str) -> None:
    """Plan a job, or take it up again, and send its chunks that wait."""
    from core.jobs.runner import plan_job

    for no in plan_job(tenant, uuid.UUID(job_id)):
        send_on(CHUNK, [tenant, job_id, no])


@_task(CHUNK)
def chunk(tenant: str, job_id: str, no: int) -> None:
    """Do one chunk of a job."""
    from core.jobs.runner import Outcome, run_chunk

    if run_chunk(tenant, uuid.UUID(job_id), no) is Outcome.AGAIN:
        send_on(CHUNK, [tenant, job_id, no])


@_task(SWEEP)
def sweep() -> None:
    """Find what was not sent or was left lying, in every tenant."""
    from core.jobs.recovery import sweep_all

    sweep_all()


use_queue()
