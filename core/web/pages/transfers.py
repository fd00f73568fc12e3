"""Households that move between two counties by the word of both offices: offered, accepted or refused (家庭转移)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from core.authorisation import Demand, Verdict, answer
from core.db.session import unit_of_work
from core.errors import BangfuError, NotFound
from core.exchange.envelopes import UNHEARD_ZH, unheard
from core.host.declarations import COUNTIES
from core.people.models import WorkerFile
from core.scope import Standing, current_scope
from core.tenancy.service import counties_of
from core.transfers.offers import (
    ACCEPTING,
    OFFERING,
    REFUSED,
    STATES_ZH,
    WITHDRAWING,
    answer_offer,
    offer,
    offered_households,
    offers,
    withdraw_offer,
)
from core.web.context import changed, go, requires, show
from core.web.pages import words

router = APIRouter()

READ = Depends(requires(Demand("exchange.take", levels=COUNTIES)))
OFFERS = Depends(requires(OFFERING))
Reason = Annotated[str, Form(max_length=2000)]


@router.get("/transfers", dependencies=[READ])
def transfer_list(request: Request) -> HTMLResponse:
    """Households that are offered here or came, and those that were offered from here or went."""
    return _list(request)


@router.get("/households/{household_id}/transfer", dependencies=[OFFERS])
def offering(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The form that offers a household to another county."""
    return _form(request, household_id)


@router.post("/transfers", dependencies=[OFFERS])
def offer_one(
    request: Request,
    tenant: str,
    household: Annotated[uuid.UUID, Form()],
    peer: Annotated[str, Form(max_length=6)] = "",
    reason: Reason = "",
) -> Response:
    """Offer it."""
    return changed(
        lambda session: offer(session, household, peer, reason),
        lambda made: go(f"/{tenant}/transfers", f"已提出转出 {made.file_number}，等待对方答复"),
        lambda error: _form(request, household, error, {"peer": peer, "reason": reason}),
    )


@router.post("/transfers/{transfer_id}/answer", dependencies=[READ])
def answer_one(
    request: Request,
    tenant: str,
    transfer_id: uuid.UUID,
    outcome: Annotated[str, Form(max_length=20)] = "",
    why: Reason = "",
) -> Response:
    """Accept a household that is offered here, or refuse it with a reason."""
    if outcome not in ("accepted", "refused"):
        raise NotFound("没有这一操作", "no such outcome", where="outcome")
    accept = outcome == "accepted"
    return changed(
        lambda session: answer_offer(session, transfer_id, accept=accept, why=why),
        lambda _: go(f"/{tenant}/transfers", "已同意，档案送达后可办理" if accept else "已答复不同意"),
        lambda error: _list(request, error, {"form": str(transfer_id), "why": why}),
    )


@router.post("/transfers/{transfer_id}/withdraw", dependencies=[OFFERS])
def withdraw_one(request: Request, tenant: str, transfer_id: uuid.UUID) -> Response:
    """Take back an offer that was not answered."""
    return changed(
        lambda session: withdraw_offer(session, transfer_id),
        lambda _: go(f"/{tenant}/transfers", "已撤回"),
        lambda error: _list(request, error),
    )


def _list(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        came, went = offers(session, "in"), offers(session, "out")
        who = offered_households(session, [one for one in came if one.state == "offered"])
        refused_here = [one.package_id for one in came if one.state == "refused" and one.package_id]
        unheard_of = unheard(session, REFUSED, refused_here)
    scope = current_scope()
    return show(
        request,
        "transfers.html",
        refusal=refused,
        came=came,
        went=went,
        who=who,
        unheard_of=unheard_of,
        unheard=UNHEARD_ZH,
        union_names=words.union_names({one.peer for one in (*came, *went)}),
        states=STATES_ZH,
        typed={"form": "", "why": ""} | dict(typed or {}),
        may_accept=answer(ACCEPTING, scope) is Verdict.ALLOWED,
        may_withdraw=answer(WITHDRAWING, scope) is Verdict.ALLOWED,
    )


def _form(
    request: Request, household: uuid.UUID, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        file = session.scalar(select(WorkerFile).where(WorkerFile.household_id == household))
        counties = counties_of(session, scope.province, Standing.OPEN)
    if file is None:
        raise NotFound("没有这户家庭的档案", "no such household on file", where=str(household))
    return show(
        request,
        "transfer_new.html",
        refusal=refused,
        file=file,
        counties=[county for county in counties if county[0] != scope.tenant],
        typed={"peer": "", "reason": ""} | dict(typed or {}),
    )
