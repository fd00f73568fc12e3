"""Opening balances of a county in preparation (期初余额)."""

from __future__ import annotations

import uuid
from datetime import date

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.funds.opening import DECIDE, TELL, decide_opening, opening_balances, tell_opening
from core.web.context import requires
from core.web.step_up import fresh_proof

router = APIRouter(tags=["funds"])


class BalanceOut(BaseModel):
    """What was told; ``source`` and ``purpose`` are empty where the county brings nothing along. Amounts in fen."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    year: int
    source: str
    purpose: str
    amount_fen: int
    document: str
    reason: str
    state: str
    told_on: date
    decided_on: date | None


class BalanceIn(BaseModel):
    """A balance to be told, in fen; without source, purpose and amount: there is none."""

    year: int
    source: str = Field("", max_length=40)
    purpose: str = Field("", max_length=40)
    amount_fen: int = Field(0, ge=0)
    document: str = Field(max_length=100)
    reason: str = Field(max_length=200)


class DecisionIn(BaseModel):
    """Whether it is confirmed and booked, or declined."""

    confirmed: bool


@router.get("/opening-balances", dependencies=[Depends(requires("funds.read"))])
def balance_list() -> list[BalanceOut]:
    """What was told, the earliest first."""
    with unit_of_work() as session:
        return [BalanceOut.model_validate(row) for row in opening_balances(session)]


@router.post("/opening-balances", status_code=201, dependencies=[Depends(requires(TELL))])
def balance_told(wanted: BalanceIn) -> BalanceOut:
    """Tell a balance; told again with the same words it changes nothing."""
    with unit_of_work() as session:
        return BalanceOut.model_validate(tell_opening(session, **wanted.model_dump()))


@router.post("/opening-balances/{balance_id}/decision", dependencies=[Depends(requires(DECIDE)), Depends(fresh_proof())])
def balance_decided(balance_id: uuid.UUID, wanted: DecisionIn) -> BalanceOut:
    """The second person's word."""
    with unit_of_work() as session:
        return BalanceOut.model_validate(decide_opening(session, balance_id, confirmed=wanted.confirmed))
