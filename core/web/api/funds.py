"""The fund's books of a year (资金账): balances, what was paid, how many grants stand. Amounts are fen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict

from core.db.session import unit_of_work
from core.funds.repository import balances, grants_by_programme, paid_by_source_and_purpose
from core.web.context import requires

router = APIRouter(tags=["funds"], dependencies=[Depends(requires("funds.read"))])


class BalanceOut(BaseModel):
    """An account's balance; that of ``income`` is negative: what has come in."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    purpose: str
    state: str
    fen: int


class PaidOut(BaseModel):
    """What went out from a source for a purpose, and to how many."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    purpose: str
    fen: int
    grants: int
    households: int


class FundsOut(BaseModel):
    """The year."""

    year: int
    balances: list[BalanceOut]
    paid: list[PaidOut]
    grants: dict[str, int]


@router.get("/funds/{year}")
def funds_of_year(year: Annotated[int, Path(ge=2000, le=2100)]) -> FundsOut:
    """The books of one year; a year without money is empty."""
    with unit_of_work() as session:
        return FundsOut(
            year=year,
            balances=[BalanceOut.model_validate(row) for row in balances(session, year)],
            paid=[PaidOut.model_validate(row) for row in paid_by_source_and_purpose(session, year)],
            grants=dict(grants_by_programme(session, year)),
        )
