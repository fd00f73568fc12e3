"""The line's pages: members of a year, batches with their contributions, one member with claims."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput
from core.money import format_yuan
from core.parameters.service import resolve
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages.case_opening import filled_form
from core.web.paging import After, cut, next_url
from plugins.mutual_aid.claims import Event, claims_of_year, file_claim
from plugins.mutual_aid.members import (
    Enrolment,
    batches,
    member_named,
    members,
    receive_contribution,
    register_batch,
)
from plugins.mutual_aid.models import Batch
from plugins.mutual_aid.names import BATCHES, PLANS, READ, REGISTER, contribution_parameter
from plugins.mutual_aid.workflow import STATES

router = APIRouter()

_PAGE = 50
Filled = Annotated[Mapping[str, str], Depends(filled_form)]
Year = Annotated[int | None, Query(ge=2000, le=2100)]


@router.get("/mutual_aid", dependencies=[Depends(requires(READ))])
def member_page(request: Request, year: Year = None, after: After = None) -> HTMLResponse:
    """Members of a year, and the form that registers a batch."""
    return _members(request, year, after)


@router.post("/mutual_aid", dependencies=[Depends(requires(REGISTER))])
def registered(request: Request, tenant: str, filled: Filled) -> Response:
    """Register a batch of members."""

    def act(session: Session) -> Batch:
        told = Enrolment(
            unit_name=filled.get("unit_name", ""),
            plan=filled.get("plan", ""),
            valid_from=_day(filled, "valid_from"),
            valid_to=_day(filled, "valid_to"),
            file_numbers=filled.get("file_numbers", "").splitlines(),
        )
        return register_batch(session, told)

    return changed(
        act,
        lambda batch: go(f"/{tenant}/mutual_aid?year={batch.year}", f"已登记 {batch.number}，{batch.members} 人，等待会费到账"),
        lambda refused: _members(request, None, None, refused, filled),
    )


@router.get("/mutual_aid/batches", dependencies=[Depends(requires(BATCHES))])
def batch_page(request: Request, after: After = None) -> HTMLResponse:
    """Batches with what is owed and what came in; no persons."""
    return _batches(request, after)


@router.post("/mutual_aid/batches/{batch_id}/receipt", dependencies=[Depends(requires("funds.receive"))])
def contribution_received(
    request: Request, tenant: str, batch_id: uuid.UUID, slip: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Book the contribution of a batch."""
    return changed(
        lambda session: receive_contribution(session, batch_id, slip),
        lambda batch: go(f"/{tenant}/mutual_aid/batches", f"{batch.number} 会费已登记到账"),
        lambda refused: _batches(request, None, refused, {str(batch_id): slip}),
    )


@router.get("/mutual_aid/members/{member_id}", dependencies=[Depends(requires(READ))])
def one_member(request: Request, member_id: uuid.UUID) -> HTMLResponse:
    """One member with the claims of the year, and the form of another."""
    return _member(request, member_id)


@router.post("/mutual_aid/members/{member_id}/claims", dependencies=[Depends(requires(REGISTER))])
def claimed(request: Request, tenant: str, member_id: uuid.UUID, filled: Filled) -> Response:
    """File a claim; its papers follow on the case."""

    def act(session: Session) -> Case:
        begun = _day(filled, "event_from")
        ended = _day(filled, "event_to") if filled.get("event_to", "").strip() else begun
        return file_claim(session, member_id, Event(begun, ended, filled.get("diagnosis", "")))

    return changed(
        act,
        lambda case: go(f"/{tenant}/cases/{case.id}", f"已申请 {case.number}，请补齐证明材料"),
        lambda refused: _member(request, member_id, refused, filled),
    )


def _day(filled: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(filled.get(name, "").strip())
    except ValueError:
        raise InvalidInput("请填写日期", "a day is wanted", where=name) from None


def _members(
    request: Request,
    year: int | None,
    after: uuid.UUID | None,
    refused: BangfuError | None = None,
    filled: Mapping[str, str] | None = None,
) -> HTMLResponse:
    scope = current_scope()
    of_year = year or scope.business_date.year
    with unit_of_work() as session:
        page = cut(members(session, of_year, after, _PAGE + 1), _PAGE, lambda member: member.id)
        figures = resolve(session, scope.business_date)
    return show(
        request,
        "plugin/mutual_aid/members.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        year=of_year,
        plans=PLANS,
        choices=[
            (plan, f"{zh}（{format_yuan(int(figures.value(contribution_parameter(plan))))}）") for plan, zh in PLANS.items()
        ],
        filled=filled or {},
        may_register=scope.may(REGISTER),
    )


def _batches(
    request: Request, after: uuid.UUID | None, refused: BangfuError | None = None, slips: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        page = cut(batches(session, after, _PAGE + 1), _PAGE, lambda batch: batch.id)
    return show(
        request,
        "plugin/mutual_aid/batches.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        plans=PLANS,
        slips=slips or {},
        may_receive=current_scope().may("funds.receive"),
    )


def _member(
    request: Request, member_id: uuid.UUID, refused: BangfuError | None = None, filled: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        member = member_named(session, member_id)
        claims = claims_of_year(session, member)
    return show(
        request,
        "plugin/mutual_aid/member.html",
        refusal=refused,
        member=member,
        claims=claims,
        plans=PLANS,
        states=STATES,
        filled=filled or {},
        may_claim=current_scope().may(REGISTER) and member.covered,
    )
