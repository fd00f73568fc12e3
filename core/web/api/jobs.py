"""Background jobs (后台任务): starting one, how far they are, ending one, taking one up again."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.host.declarations import Recurrence
from core.jobs.recurring import Scheduled, schedule
from core.jobs.service import CANCEL, cancel_job, progress, recent_jobs, resume_job, start_for_year
from core.web.context import requires
from core.web.paging import Limit

router = APIRouter(tags=["jobs"], dependencies=[Depends(requires("job.read"))])


class JobIn(BaseModel):
    """Which work of which year."""

    kind: str = Field(pattern=r"^[a-z_.]{1,60}$")
    year: int = Field(ge=2000, le=2100)


class JobLineOut(BaseModel):
    """A job as lists show it; the numbers count chunks."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: str
    key: str
    title: str
    state: str
    total: int
    done: int
    failed: int
    created_at: datetime
    finished_at: datetime | None


class ChunkOut(BaseModel):
    """A chunk of a job."""

    no: int
    label: str
    state: str
    error: str | None = None


class JobOut(BaseModel):
    """A job with its chunks."""

    id: uuid.UUID
    kind: str
    title: str
    state: str
    state_zh: str
    total: int
    done: int
    failed: int
    running: int
    queued: int
    cancelled: int
    cancel_requested: bool
    error: str | None
    result: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    chunks: list[ChunkOut] = []


class LastOut(BaseModel):
    """The last job that started by itself."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    state: str
    created_at: datetime
    finished_at: datetime | None


class ScheduleOut(BaseModel):
    """Work that recurs: at ``hour`` in Asia/Shanghai, of which day of the month (None: every day), of which month (None: every
    month); ``last`` is None before the first, ``next_on`` the day of the next."""

    kind: str
    title: str
    when: str
    hour: int
    day: int | None
    month: int | None
    last: LastOut | None
    next_on: date


@router.get("/schedules")
def schedules() -> list[ScheduleOut]:
    """What recurs in the tenant: period, last start, next day."""
    with unit_of_work() as session:
        return [_schedule(one, recurs) for one in schedule(session) if (recurs := one.kind.recurs) is not None]


def _schedule(one: Scheduled, recurs: Recurrence) -> ScheduleOut:
    return ScheduleOut(
        kind=one.kind.kind,
        title=one.kind.zh,
        when=one.when,
        hour=recurs.hour,
        day=recurs.day,
        month=recurs.month,
        last=LastOut.model_validate(one.last) if one.last is not None else None,
        next_on=one.next_on,
    )


@router.get("/jobs")
def job_list(limit: Limit = 50) -> list[JobLineOut]:
    """The tenant's newest jobs."""
    with unit_of_work() as session:
        return [JobLineOut.model_validate(job) for job in recent_jobs(session, limit)]


@router.post("/jobs", status_code=201, responses={200: {"model": JobOut, "description": "Under way already"}})
def start(tenant: str, wanted: JobIn, response: Response) -> JobOut:
    """Start the work of a year (201), or get the job of that kind and year that is under way (200).

    Needs the permission of the kind, and a tenant of a level that has such work.
    """
    with unit_of_work() as session:
        started = start_for_year(session, wanted.kind, wanted.year)
        response.headers["Location"] = f"/api/v1/{tenant}/jobs/{started.job.id}"
        if not started.new:
            response.status_code = 200
        return JobOut.model_validate(progress(session, started.job.id))


@router.get("/jobs/{job_id}")
def one_job(job_id: uuid.UUID) -> JobOut:
    """How far a job is."""
    with unit_of_work() as session:
        return JobOut.model_validate(progress(session, job_id))


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(requires(CANCEL))])
def cancel(job_id: uuid.UUID) -> JobOut:
    """End a job: what waits is dropped, what is done stays."""
    with unit_of_work() as session:
        cancel_job(session, job_id)
        session.flush()
        return JobOut.model_validate(progress(session, job_id))


@router.post("/jobs/{job_id}/resume")
def resume(job_id: uuid.UUID) -> JobOut:
    """Take up a failed or cancelled job again; the service asks for the permission of its kind."""
    with unit_of_work() as session:
        resume_job(session, job_id)
        session.flush()
        return JobOut.model_validate(progress(session, job_id))
