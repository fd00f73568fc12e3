"""Pages of closing counties (县级撤并), the province's alone: preview, asking, the second person's word, progress, result."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Demand
from core.db.session import unit_of_work
from core.errors import BangfuError, NotFound
from core.funds.sources import source_names
from core.jobs.repository import OPEN
from core.jobs.service import progress
from core.scope import Level, Standing, current_scope
from core.tenancy.service import counties_of
from core.transfers.models import CountyClosing
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.step_up import fresh_proof
from tenants.merging import (
    ASK,
    DECIDE,
    GO_ON,
    PREVIEW,
    SEAL_JOB,
    STATES_ZH,
    STOP,
    WITHDRAW,
    ask_closing,
    closing_of,
    closings,
    decide_closing,
    go_on,
    job_of,
    preview,
    stop_closing,
    withdraw_closing,
)
from tenants.plugin import READ_FIGURES

router = APIRouter()

READ = Depends(requires(Demand(READ_FIGURES, levels=frozenset({Level.PROVINCE}))))
_FRESH = Depends(fresh_proof())
_TONES = {"asked": "info", "agreed": "warn", "refused": "bad", "withdrawn": "", "stopped": "bad", "done": "ok"}
_COUNTED = (
    ("households", "在管家庭", "户"),
    ("persons", "人员", "人"),
    ("papers", "材料", "份"),
    ("findings", "审计问题（未处理）", "项"),
)

Code = Annotated[str, Form(max_length=6)]
Reason = Annotated[str, Form(max_length=2000)]


@router.get("/mergers", dependencies=[READ])
def overview(request: Request) -> HTMLResponse:
    """Closings so far, and the form that begins one with its preview."""
    return _overview(request)


@router.post("/mergers/preview", dependencies=[Depends(requires(PREVIEW))])
def look(request: Request, closing: Code = "", successor: Code = "") -> HTMLResponse:
    """What a closing would mean; that somebody looked is on record in both counties."""
    typed = {"closing": closing, "successor": successor}
    try:
        with unit_of_work() as session:
            seen = preview(session, closing, successor or None)
    except BangfuError as error:
        return _overview(request, error, typed)
    return _figures(request, seen.as_json(), typed=typed)


@router.post("/mergers", dependencies=[Depends(requires(ASK)), _FRESH])
def ask(request: Request, tenant: str, closing: Code = "", successor: Code = "", reason: Reason = "") -> Response:
    """Ask for it."""
    typed = {"closing": closing, "successor": successor, "reason": reason}
    return changed(
        lambda session: ask_closing(session, closing, successor or None, reason),
        lambda made: go(f"/{tenant}/mergers/{made.id}", "已提出，等待本单位领导同意"),
        lambda error: _overview(request, error, typed),
    )


@router.get("/mergers/{closing_id}", dependencies=[READ])
def one(request: Request, closing_id: uuid.UUID) -> HTMLResponse:
    """One closing: its figures, how far it is, what came of it."""
    return _one(request, closing_id)


@router.post("/mergers/{closing_id}", dependencies=[Depends(requires(DECIDE)), _FRESH])
def decide(
    request: Request,
    tenant: str,
    closing_id: uuid.UUID,
    outcome: Annotated[str, Form(max_length=20)] = "",
    why: Reason = "",
) -> Response:
    """The second person's word."""
    if outcome not in ("agreed", "refused"):
        raise NotFound("没有这一操作", "no such outcome", where="outcome")
    agreed = outcome == "agreed"
    return changed(
        lambda session: decide_closing(session, closing_id, agreed=agreed, why=why),
        lambda _: go(f"/{tenant}/mergers/{closing_id}", "已同意，正在移转" if agreed else "已答复不同意"),
        lambda error: _one(request, closing_id, error, why),
    )


@router.post("/mergers/{closing_id}/withdraw", dependencies=[Depends(requires(WITHDRAW))])
def withdraw(request: Request, tenant: str, closing_id: uuid.UUID) -> Response:
    """Take back what one asked."""
    return changed(
        lambda session: withdraw_closing(session, closing_id),
        lambda _: go(f"/{tenant}/mergers/{closing_id}", "已撤回"),
        lambda error: _one(request, closing_id, error),
    )


@router.post("/mergers/{closing_id}/go-on", dependencies=[Depends(requires(GO_ON))])
def continue_it(request: Request, tenant: str, closing_id: uuid.UUID) -> Response:
    """Take a closing up again that stands still."""
    return changed(
        lambda session: go_on(session, closing_id),
        lambda _: go(f"/{tenant}/mergers/{closing_id}", "已继续，正在按现有档案重新安排移转"),
        lambda error: _one(request, closing_id, error),
    )


@router.post("/mergers/{closing_id}/stop", dependencies=[Depends(requires(STOP)), _FRESH])
def stop(request: Request, tenant: str, closing_id: uuid.UUID, why: Reason = "") -> Response:
    """End a closing that was agreed."""
    return changed(
        lambda session: stop_closing(session, closing_id, why),
        lambda _: go(f"/{tenant}/mergers/{closing_id}", "已停止撤并，该单位可由本级恢复办理"),
        lambda error: _one(request, closing_id, error, why),
    )


def _overview(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        rows = closings(session)
        counties = counties_of(session, current_scope().tenant, Standing.OPEN, Standing.SUSPENDED)
    names = words.union_names({code for row in rows for code in (row.closing, row.successor) if code})
    return show(
        request,
        "plugin/tenants/mergers.html",
        refusal=refused,
        rows=rows,
        names=names,
        states=STATES_ZH,
        tones=_TONES,
        counties=counties,
        typed={"closing": "", "successor": "", "reason": ""} | dict(typed or {}),
        may_ask=current_scope().may(PREVIEW.permission or ""),
    )


def _one(request: Request, closing_id: uuid.UUID, refused: BangfuError | None = None, why: str = "") -> HTMLResponse:
    with unit_of_work() as session:
        row = closing_of(session, closing_id)
        jobs = _jobs(session, row)
    return _figures(request, row.preview, row=row, jobs=jobs, refused=refused, typed={"why": why})


def _jobs(session: Session, row: CountyClosing) -> list[dict[str, Any]]:
    """How far the two jobs are."""
    ids = [row.job_id, job_of(session, row, SEAL_JOB)]
    return [progress(session, job_id, chunks=False) for job_id in ids if job_id is not None]


def _figures(
    request: Request,
    seen: Mapping[str, Any],
    *,
    row: CountyClosing | None = None,
    jobs: list[dict[str, Any]] | None = None,
    refused: BangfuError | None = None,
    typed: Mapping[str, str],
) -> HTMLResponse:
    scope = current_scope()
    waiting = row if row is not None and row.state == "asked" else None
    going = row is not None and row.state == "agreed" and scope.may(STOP.permission or "")
    may_decide = waiting is not None and scope.may(DECIDE.permission or "")
    return show(
        request,
        "plugin/tenants/merger.html",
        refusal=refused,
        seen=seen,
        row=row,
        jobs=jobs or [],
        typed={"why": "", "closing": "", "successor": "", "reason": ""} | dict(typed),
        counted=_COUNTED,
        sources=source_names(),
        purposes=words.purposes(),
        states=STATES_ZH,
        tones=_TONES,
        names=words.staff_names([row.asked_by, row.decided_by, row.stopped_by]) if row else {},
        may_decide=may_decide and waiting is not None and not scope.persons & set(waiting.asked_persons),
        may_go_on=going and not any(job["state"] in OPEN for job in jobs or []),
        may_stop=going,
        may_withdraw=waiting is not None and waiting.asked_by == scope.actor,
    )
