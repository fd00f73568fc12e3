"""The line's resources under ``/api/v1/{tenant}/mutual_aid``: members, batches, claims."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.scope import current_scope
from core.web.context import requires
from core.web.paging import After, Limit
from plugins.mutual_aid.claims import Event, claims_of_year, file_claim
from plugins.mutual_aid.members import (
    Enrolment,
    batches,
    member_named,
    members,
    receive_contribution,
    register_batch,
)
from plugins.mutual_aid.names import BATCHES, READ, REGISTER

router = APIRouter()

Year = Annotated[int | None, Query(ge=2000, le=2100)]
_READ, _REGISTER = Depends(requires(READ)), Depends(requires(REGISTER))


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class MemberOut(_Out):
    """A member of a plan in a year; ``covered`` once the contribution is in."""

    id: uuid.UUID
    name: str
    file_number: str
    year: int
    plan: str
    unit_name: str
    valid_from: date
    valid_to: date
    contribution_fen: int
    covered: bool


class ClaimOut(_Out):
    """A claim and its case."""

    case_id: uuid.UUID
    number: str
    state: str
    plan: str
    event_from: date
    event_to: date
    amount_fen: int


class BatchOut(_Out):
    """A batch of members; ``contribution_fen`` is one member's."""

    id: uuid.UUID
    number: str
    unit_name: str
    plan: str
    valid_from: date
    valid_to: date
    members: int
    contribution_fen: int
    received_on: date | None


class BatchIn(BaseModel):
    """Members to be registered together."""

    model_config = ConfigDict(extra="forbid")

    unit_name: Annotated[str, Field(max_length=100)]
    plan: Annotated[str, Field(max_length=20)]
    valid_from: date
    valid_to: date
    file_numbers: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=500)]


class ReceiptIn(BaseModel):
    """The bank's slip of a contribution."""

    model_config = ConfigDict(extra="forbid")

    slip: Annotated[str, Field(max_length=100)]


class ClaimIn(BaseModel):
    """A stay in hospital, or an illness on the day on which it was found."""

    model_config = ConfigDict(extra="forbid")

    event_from: date
    event_to: date | None = None
    diagnosis: Annotated[str, Field(max_length=200)]


class FiledOut(BaseModel):
    """The case of a claim that was filed, with how its amount was found."""

    case_id: uuid.UUID
    number: str
    amount_fen: int
    basis: str


@router.get("/mutual_aid/members", dependencies=[_READ])
def member_list(year: Year = None, after: After = None, limit: Limit = 50) -> list[MemberOut]:
    """Members of a year (this one where none is named), the newest first; ``after`` is the id of the last one seen."""
    with unit_of_work() as session:
        found = members(session, year or current_scope().business_date.year, after, limit)
        return [MemberOut.model_validate(one) for one in found]


@router.get("/mutual_aid/members/{member_id}/claims", dependencies=[_READ])
def member_claims(member_id: uuid.UUID) -> list[ClaimOut]:
    """All claims of the worker in the membership's year."""
    with unit_of_work() as session:
        return [ClaimOut.model_validate(one) for one in claims_of_year(session, member_named(session, member_id))]


@router.post("/mutual_aid/members/{member_id}/claims", dependencies=[_REGISTER], status_code=201)
def claim_filed(member_id: uuid.UUID, body: ClaimIn) -> FiledOut:
    """File a claim."""
    with unit_of_work() as session:
        case = file_claim(session, member_id, Event(body.event_from, body.event_to or body.event_from, body.diagnosis))
        return FiledOut(
            case_id=case.id, number=case.number, amount_fen=case.requested_fen or 0, basis=str(case.form.get("basis", ""))
        )


@router.get("/mutual_aid/batches", dependencies=[Depends(requires(BATCHES))])
def batch_list(after: After = None, limit: Limit = 50) -> list[BatchOut]:
    """Batches, the newest first; ``after`` is the id of the last one seen."""
    with unit_of_work() as session:
        return [BatchOut.model_validate(one) for one in batches(session, after, limit)]


@router.post("/mutual_aid/batches", dependencies=[_REGISTER], status_code=201)
def batch_registered(body: BatchIn) -> BatchOut:
    """Register members together."""
    told = Enrolment(body.unit_name, body.plan, body.valid_from, body.valid_to, body.file_numbers)
    with unit_of_work() as session:
        return BatchOut.model_validate(register_batch(session, told))


@router.post("/mutual_aid/batches/{batch_id}/receipt", dependencies=[Depends(requires("funds.receive"))], status_code=201)
def contribution_received(batch_id: uuid.UUID, body: ReceiptIn) -> BatchOut:
    """Book the contribution of a batch."""
    with unit_of_work() as session:
        return BatchOut.model_validate(receive_contribution(session, batch_id, body.slip))
