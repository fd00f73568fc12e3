"""The first page of a tenant: what is due, and what waits for this post (今天要办); and all running deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from core.audit.service import list_findings
from core.cases.service import DueItem, case_counts, due_items
from core.db.session import unit_of_work
from core.exchange.envelopes import envelopes
from core.exchange.matters import MATTER
from core.funds.models import PaymentBatch
from core.funds.repository import batches
from core.scope import Scope, current_scope
from core.web.context import requires, show
from core.web.pages.words import line_title, newest_workflows

router = APIRouter()

_SOON_DAYS = 14
_FAR_DAYS = 90
_BATCH_STEPS = {
    "draft": ("funds.approve_payment", "审批"),
    "approved": ("funds.pay", "发盘"),
    "sent": ("funds.pay", "登记回盘"),
}


@dataclass(frozen=True, slots=True)
class DueGroup:
    """Deadlines that belong together on the page."""

    title: str
    icon: str
    items: Sequence[DueItem]
    tone: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for this post: how many, for which act, and where they are listed."""

    text: str
    act: str
    count: int
    href: str


def grouped(items: Sequence[DueItem]) -> list[DueGroup]:
    """Deadlines by urgency: overdue, today, within a week, later."""
    parts = (
        ("已超期", "alert-triangle", "bad", range(-10_000, 0)),
        ("今天到期", "clock", "warn", range(1)),
        ("7 日内到期", "calendar", "", range(1, 8)),
        ("以后到期", "calendar-time", "", range(8, 10_000)),
    )
    found = [(title, sign, [item for item in items if item.days_left in days], tone) for title, sign, tone, days in parts]
    return [DueGroup(title, sign, some, tone) for title, sign, some, tone in found if some]


def waiting_cases(session: Session, scope: Scope) -> list[Waiting]:
    """Cases in states from which this post may make a step."""
    counts = case_counts(session)
    found = []
    for flow in newest_workflows().values():
        for state in flow.states:
            count = counts.get((flow.plugin, state.code), 0)
            mine = [step for step in flow.transitions if state.code in step.sources and scope.may(step.permission)]
            # The step onward is named before one that sends back or ends the case.
            mine.sort(key=lambda step: (step.decision == "refused", step.note_required))
            acts = [step.zh for step in mine]
            if count and acts:
                href = f"/{scope.tenant}/cases?line={flow.plugin}&state={state.code}"
                found.append(Waiting(f"{line_title(flow.plugin)} · {state.zh}", acts[0], count, href))
    return found


def waiting_batches(session: Session, scope: Scope, year: int) -> list[tuple[PaymentBatch, str]]:
    """Payment batches whose next step is this post's; none that the same person prepared or approved."""
    found = []
    for batch in batches(session, year):
        permission, act = _BATCH_STEPS.get(batch.state, ("", ""))
        mine = scope.actor in (batch.prepared_by, batch.approved_by)
        if permission and scope.may(permission) and not mine:
            found.append((batch, act))
    return found


def _board(session: Session, scope: Scope, until: date) -> dict[str, Any]:
    reads_cases = scope.may("case.read")
    matters = envelopes(session, "in", kind=MATTER) if scope.may("exchange.take") else []
    return {
        "due": grouped(due_items(session, until)) if reads_cases else [],
        "cases": waiting_cases(session, scope) if reads_cases else [],
        "batches": waiting_batches(session, scope, scope.business_date.year) if scope.may("funds.read") else [],
        "findings": list_findings(session, state="open", limit=6) if scope.may("audit.read") else [],
        "matters": [matter for matter in matters if matter.state == "delivered"],
    }


@router.get("/", dependencies=[Depends(requires("home.read"))])
def home(request: Request) -> HTMLResponse:
    """What is due in a fortnight, and what waits for this post."""
    scope = current_scope()
    with unit_of_work() as session:
        board = _board(session, scope, scope.business_date + timedelta(days=_SOON_DAYS))
    total = sum(len(group.items) for group in board["due"])
    overdue = sum(len(group.items) for group in board["due"] if group.tone == "bad")
    return show(request, "home.html", total=total, overdue=overdue, line_title=line_title, scope=scope, **board)


@router.get("/deadlines", dependencies=[Depends(requires("case.read"))])
def deadlines(request: Request) -> HTMLResponse:
    """All deadlines that run and fall due in a quarter of a year."""
    with unit_of_work() as session:
        items = due_items(session, current_scope().business_date + timedelta(days=_FAR_DAYS))
    return show(request, "deadlines.html", due=grouped(items), line_title=line_title, days=_FAR_DAYS)
