"""Background jobs (后台任务): how far they are, ending one, taking one up again."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from core.db.session import unit_of_work
from core.jobs.service import cancel_job, progress, recent_jobs, resume_job
from core.web.context import requires
from core.web.paging import Limit

router = APIRouter(tags=["jobs"], dependencies=[Depends(requires("job.read"))])


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


@router.get("/jobs")
def job_list(limit: Limit = 50) -> list[JobLineOut]:
    """The tenant's newest jobs."""
    with unit_of_work() as session:
        return [JobLineOut.model_validate(job) for job in recent_jobs(session, limit)]


@router.get("/jobs/{job_id}")
def one_job(job_id: uuid.UUID) -> JobOut:
    """How far a job is."""
    with unit_of_work() as session:
        return JobOut.model_validate(progress(session, job_id))


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(requires("job.cancel"))])
def cancel(job_id: uuid.UUID) -> JobOut:
    """End a job: what waits is dropped, what is done stays."""
    with unit_of_work() as session:
        cancel_job(session, job_id)
        session.flush()
        return JobOut.model_validate(progress(session, job_id))


@router.post("/jobs/{job_id}/resume", dependencies=[Depends(requires("job.start"))])
def resume(job_id: uuid.UUID) -> JobOut:
    """Take up a failed or cancelled job again."""
    with unit_of_work() as session:
        resume_job(session, job_id)
        session.flush()
        return JobOut.model_validate(progress(session, job_id))
