"""Background work: the list, one job with its chunks, stopping it and taking it up again (后台任务)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.host.declarations import JobKindDecl
from core.host.manager import host
from core.jobs.service import STATES_ZH, cancel_job, progress, recent_jobs, resume_job, start_job
from core.scope import current_scope
from core.web.context import go, requires, show
from core.web.pages import words

router = APIRouter()

READ = Depends(requires("job.read"))
_SQUARES = {"done": "done", "failed": "failed", "running": "running", "queued": "waiting", "cancelled": "waiting"}


def _startable() -> list[tuple[str, str]]:
    """Kinds of work of a year that this post may start: (kind, name)."""
    scope = current_scope()
    kinds: list[JobKindDecl] = host().collected_here("bangfu_job_kinds")
    return [(kind.kind, kind.zh) for kind in kinds if scope.may(kind.permission)]


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
    """Start the work of a year; the same kind and year give the job that there is."""
    try:
        with unit_of_work() as session:
            job = start_job(session, kind, str(year), {"year": year})
            url, title = f"/{tenant}/jobs/{job.id}", job.title
    except Forbidden:
        raise
    except BangfuError as error:
        return _list(request, error)
    return go(url, f"已发起：{title}")


@router.get("/jobs/{job_id}", dependencies=[READ])
def one_job(request: Request, job_id: uuid.UUID) -> HTMLResponse:
    """One job; while it runs the page asks for news."""
    return _job(request, job_id, "job.html")


@router.get("/jobs/{job_id}/progress", dependencies=[READ])
def news(request: Request, job_id: uuid.UUID) -> HTMLResponse:
    """The part of the page that changes."""
    return _job(request, job_id, "job_progress.html")


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(requires("job.cancel"))])
def cancel(request: Request, tenant: str, job_id: uuid.UUID) -> Response:
    """Ask for the end of a job; what is done stays done."""
    try:
        with unit_of_work() as session:
            cancel_job(session, job_id)
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _job(request, job_id, "job.html", error)
    return go(f"/{tenant}/jobs/{job_id}", "已要求中止，正在办理的一段办完即停")


@router.post("/jobs/{job_id}/resume", dependencies=[READ])
def resume(request: Request, tenant: str, job_id: uuid.UUID) -> Response:
    """Take up a job that failed or was stopped; needs the permission of its kind."""
    try:
        with unit_of_work() as session:
            resume_job(session, job_id)
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _job(request, job_id, "job.html", error)
    return go(f"/{tenant}/jobs/{job_id}", "已继续办理")


def _list(request: Request, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        jobs = recent_jobs(session)
    return show(
        request,
        "jobs.html",
        status=refused.status if refused else 200,
        messages=[words.refusal(refused)] if refused else [],
        jobs=jobs,
        states=STATES_ZH,
        kinds=_startable(),
        year=current_scope().business_date.year,
        names=words.staff_names(job.actor for job in jobs),
    )


def _job(request: Request, job_id: uuid.UUID, template: str, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        job: dict[str, Any] = progress(session, job_id)
    return show(
        request,
        template,
        status=refused.status if refused else 200,
        messages=[words.refusal(refused)] if refused else [],
        job=job,
        squares=[(chunk["label"], _SQUARES[chunk["state"]]) for chunk in job["chunks"]],
        failed=[chunk for chunk in job["chunks"] if chunk["error"]],
        running=job["state"] in ("queued", "running"),
        may_cancel=current_scope().may("job.cancel") and job["state"] in ("queued", "running"),
        may_resume=job["state"] in ("failed", "cancelled"),
    )
