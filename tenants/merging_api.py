"""Closing counties as resources (县级撤并接口): the list, asking, the second person's word."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from core.db.session import unit_of_work
from core.transfers.models import CountyClosing
from core.web.context import requires
from core.web.step_up import fresh_proof
from tenants.merging import ASK, DECIDE, GO_ON, STOP, ask_closing, closings, decide_closing, go_on, stop_closing
from tenants.merging_pages import READ

router = APIRouter(tags=["tenants"])
_FRESH = Depends(fresh_proof())

SixDigits = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class ClosingIn(BaseModel):
    """Which county closes, which takes over (none: it is dissolved), and the document that says so."""

    closing: SixDigits
    successor: SixDigits | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class WordIn(BaseModel):
    """The second person's word; ``why`` is needed to refuse."""

    agreed: bool
    why: Annotated[str, Field(max_length=500)] = ""


class StopIn(BaseModel):
    """Why a closing is stopped."""

    why: Annotated[str, Field(min_length=1, max_length=500)]


class ClosingOut(BaseModel):
    """A closing: ``state`` is asked, agreed, refused, withdrawn, stopped or done; ``result`` counts what went over."""

    id: uuid.UUID
    closing: str
    successor: str | None
    reason: str
    state: str
    asked_on: date
    job_id: uuid.UUID | None
    result: dict[str, Any]


def _out(row: CountyClosing) -> ClosingOut:
    return ClosingOut(
        id=row.id,
        closing=row.closing,
        successor=row.successor,
        reason=row.reason,
        state=row.state,
        asked_on=row.asked_on,
        job_id=row.job_id,
        result=row.result,
    )


@router.get("/mergers", dependencies=[READ])
def merger_list() -> list[ClosingOut]:
    """The newest closings of the province."""
    with unit_of_work() as session:
        return [_out(row) for row in closings(session)]


@router.post("/mergers", status_code=201, dependencies=[Depends(requires(ASK)), _FRESH])
def merger_ask(wanted: ClosingIn) -> ClosingOut:
    """Ask for a closing; 409 with what has to be finished first."""
    with unit_of_work() as session:
        return _out(ask_closing(session, wanted.closing, wanted.successor, wanted.reason))


@router.post("/mergers/{closing_id}/decision", dependencies=[Depends(requires(DECIDE)), _FRESH])
def merger_decide(closing_id: uuid.UUID, word: WordIn) -> ClosingOut:
    """The second person's word; 403 for whoever asked."""
    with unit_of_work() as session:
        return _out(decide_closing(session, closing_id, agreed=word.agreed, why=word.why))


@router.post("/mergers/{closing_id}/go-on", dependencies=[Depends(requires(GO_ON))])
def merger_go_on(closing_id: uuid.UUID) -> ClosingOut:
    """Take a closing up again that stands still: what is there is planned anew."""
    with unit_of_work() as session:
        return _out(go_on(session, closing_id))


@router.post("/mergers/{closing_id}/stop", dependencies=[Depends(requires(STOP)), _FRESH])
def merger_stop(closing_id: uuid.UUID, word: StopIn) -> ClosingOut:
    """End a closing that was agreed, while the county has not closed."""
    with unit_of_work() as session:
        return _out(stop_closing(session, closing_id, word.why))
