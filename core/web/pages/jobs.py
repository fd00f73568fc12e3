"""Background work: the list, one job with its chunks, stopping it and taking it up again (后台任务)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden
from core.jobs.recurring import schedule
from core.jobs.service import (
    CANCEL,
    STATES_ZH,
    cancel_job,
    may_resume,
    progress,
    recent_jobs,
    resume_job,
    start_for_year,
    startable_kinds,
)
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words

router = APIRouter()

READ = Depends(requires("job.read"))
_OPEN = ("queued", "running")
_SQUARES = {"done": "done", "failed": "failed", "running": "running", "queued": "waiting", "cancelled": "waiting"}


@router.get("/jobs", dependencies=[READ])
def job_list(request: Request) -> HTMLResponse:
    """The newest jobs."""
    return _list(request)


@router.post("/jobs", dependencies=[READ])
def start(
    request: Request,
    tenant: str,
    kind: Annotated[str, Form(max_length=60)] = "",
    year: Annotated[int, Form(ge=2000, le=2100)] = 2000,
) -> Response:
    """Start the work of a year, or show the one of that kind and year that is under way."""
    try:
        with unit_of_work() as session:
            started = start_for_year(session, kind, year)
            url, title = f"/{tenant}/jobs/{started.job.id}", started.job.title
    except Forbidden:
        raise
    except BangfuError as error:
        return _list(request, error)
    return go(url, f"已发起：{title}" if started.new else f"{title}正在办理，未另行发起")


@router.get("/jobs/{job_id}", dependencies=[READ])
def one_job(request: Request, job_id: uuid.UUID) -> HTMLResponse:
    """One job; while it runs the page asks for news."""
    return _job(request, _seen(job_id), "job.html")


@router.get("/jobs/{job_id}/progress", dependencies=[READ])
def news(request: Request, job_id: uuid.UUID) -> HTMLResponse:
    """The part of the page that changes; when the job is over the browser is told to load the whole page anew."""
    job = _seen(job_id)
    answer = _job(request, job, "job_progress.html")
    if job["state"] not in _OPEN:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(requires(CANCEL))])
def cancel(request: Request, tenant: str, job_id: uuid.UUID) -> Response:
    """Ask for the end of a job; what is done stays done."""
    done = "已要求中止，正在办理的一段办完即停"
    return _change(request, tenant, job_id, done, lambda session: cancel_job(session, job_id))


@router.post("/jobs/{job_id}/resume", dependencies=[READ])
def resume(request: Request, tenant: str, job_id: uuid.UUID) -> Response:
    """Take up a job that failed or was stopped; the service asks for the permission of its kind."""
    return _change(request, tenant, job_id, "已继续办理", lambda session: resume_job(session, job_id))


def _change(request: Request, tenant: str, job_id: uuid.UUID, done: str, act: Callable[[Session], object]) -> Response:
    return changed(
        act,
        lambda _: go(f"/{tenant}/jobs/{job_id}", done),
        lambda error: _job(request, _seen(job_id), "job.html", error),
    )


def _list(request: Request, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        jobs = recent_jobs(session)
        recurring = schedule(session)
    return show(
        request,
        "jobs.html",
        refusal=refused,
        jobs=jobs,
        recurring=recurring,
        states=STATES_ZH,
        kinds=[(kind.kind, kind.zh) for kind in startable_kinds()],
        year=current_scope().business_date.year,
        names=words.staff_names(job.actor for job in jobs),
    )


def _seen(job_id: uuid.UUID) -> dict[str, Any]:
    with unit_of_work() as session:
        return progress(session, job_id)


def _job(request: Request, job: Mapping[str, Any], template: str, refused: BangfuError | None = None) -> HTMLResponse:
    return show(
        request,
        template,
        refusal=refused,
        job=job,
        squares=[(chunk["label"], _SQUARES[chunk["state"]]) for chunk in job["chunks"]],
        failed=[chunk for chunk in job["chunks"] if chunk["error"]],
        running=job["state"] in _OPEN,
        may_cancel=current_scope().may("job.cancel") and CANCEL.fits(job["state"]),
        may_resume=may_resume(job["kind"], job["state"]),
    )
