"""Changes of handlers of confidential cases (承办人变更): asking and agreeing, by two people, each with a fresh proof."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from core.cases.handler_changes import BREAK_GLASS, Emergency, ask_change, ask_emergency, decide_change
from core.cases.handler_lists import ChangeLine, changes_of_mine, changes_to_decide
from core.cases.models import HandlerChange
from core.db.session import unit_of_work
from core.web.context import requires
from core.web.step_up import fresh_proof

router = APIRouter(tags=["handlers"], dependencies=[Depends(requires("home.read"))])

_FRESH = Depends(fresh_proof())
Actors = list[Annotated[str, Field(max_length=80)]]


class ChangeOut(BaseModel):
    """A change of handlers: the case's number, whom it names, and where it stands; nothing of the case."""

    id: uuid.UUID
    number: str
    emergency: bool
    added: list[str]
    removed: list[str]
    clears: bool
    reason: str
    asked_by: str
    asked_on: date
    expires_on: date
    state: str
    decided_by: str | None
    decided_on: date | None


class ChangesOut(BaseModel):
    """What waits for the account's word, and what it asked or decided last."""

    to_decide: list[ChangeOut]
    mine: list[ChangeOut]


class ChangeIn(BaseModel):
    """What a handler asks for on a case: whom to add, who leaves, and why (not what the matter is about)."""

    model_config = ConfigDict(extra="forbid")

    case_id: uuid.UUID
    add: Actors = Field(default_factory=list, max_length=20)
    remove: Actors = Field(default_factory=list, max_length=20)
    reason: str = Field(max_length=500)


class EmergencyIn(BaseModel):
    """What the vice chair in charge asks for by the case's number; ``order_number`` goes with the ground ``order`` alone."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(max_length=60)
    add: Actors = Field(max_length=20)
    ground: Literal["nobody_left", "order"]
    order_number: str = Field(default="", max_length=100)
    clears: bool = True
    reason: str = Field(max_length=500)


class WordIn(BaseModel):
    """The second person's word; ``why`` is needed to refuse."""

    model_config = ConfigDict(extra="forbid")

    agreed: bool
    why: str = Field(default="", max_length=500)


@router.get("/handler-changes")
def change_list() -> ChangesOut:
    """Changes that concern the account."""
    with unit_of_work() as session:
        return ChangesOut(
            to_decide=[_told(line) for line in changes_to_decide(session)],
            mine=[_told(line) for line in changes_of_mine(session)],
        )


@router.post("/handler-changes", status_code=201, dependencies=[Depends(requires("case.read")), _FRESH])
def ask(body: ChangeIn) -> ChangeOut:
    """A handler asks for a change on a case that he handles."""
    with unit_of_work() as session:
        change = ask_change(session, body.case_id, add=body.add, remove=body.remove, reason=body.reason)
        return _mine(session, change)


@router.post("/handler-changes/emergency", status_code=201, dependencies=[Depends(requires(BREAK_GLASS)), _FRESH])
def ask_in_emergency(body: EmergencyIn) -> ChangeOut:
    """The vice chair in charge asks, without seeing the case."""
    what = Emergency(body.ground, body.order_number, body.clears)
    with unit_of_work() as session:
        return _mine(session, ask_emergency(session, body.number, add=body.add, what=what, reason=body.reason))


@router.post("/handler-changes/{change_id}/decision", dependencies=[_FRESH])
def decide(change_id: uuid.UUID, body: WordIn) -> ChangeOut:
    """Agree or refuse; sent again by the same account it changes nothing."""
    with unit_of_work() as session:
        return _mine(session, decide_change(session, change_id, agreed=body.agreed, why=body.why))


def _mine(session: Session, change: HandlerChange) -> ChangeOut:
    """A change that the account has just asked or decided."""
    return next(_told(line) for line in changes_of_mine(session, change.id))


def _told(line: ChangeLine) -> ChangeOut:
    change = line.change
    return ChangeOut(
        id=change.id,
        number=line.number,
        emergency=change.is_emergency,
        added=change.added,
        removed=change.removed,
        clears=change.clears,
        reason=change.reason,
        asked_by=change.asked_by,
        asked_on=change.asked_on,
        expires_on=change.expires_on,
        state=line.state,
        decided_by=change.decided_by,
        decided_on=change.decided_on,
    )
