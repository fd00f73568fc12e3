"""Opening balances (期初余额) of a county in preparation: told by one person, confirmed by another."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput
from core.funds.opening import DECIDE, OPENING, TELL, decide_opening, opening_balances, tell_opening
from core.funds.opening_models import OpeningBalance
from core.funds.sources import source_names, sources_here
from core.money import parse_yuan
from core.scope import Standing, current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.pages.staff_common import kept
from core.web.step_up import fresh_proof

router = APIRouter()
READS = Depends(requires("funds.read"))
PROVES = Depends(fresh_proof())
Line = Annotated[str, Form(max_length=200)]


@router.get("/opening-balances", dependencies=[READS])
def balances_page(request: Request) -> HTMLResponse:
    """What was told, with the forms of whoever may tell or decide."""
    return _page(request)


@router.post("/opening-balances", dependencies=[Depends(requires(TELL))])
def tell(
    request: Request,
    tenant: str,
    none: Line = "",
    year: Line = "",
    source: Line = "",
    purpose: Line = "",
    amount: Line = "",
    document: Line = "",
    reason: Line = "",
) -> Response:
    """Tell a balance, or that there is none (``none``)."""
    nothing = none == "yes"
    typed = {"year": year, "source": source, "purpose": purpose, "amount": amount, "document": document, "reason": reason}

    def act(session: Session) -> OpeningBalance:
        if re.fullmatch("20[0-9]{2}", year.strip()) is None:
            raise InvalidInput("年度不正确", "not a fund year", where="year")
        return tell_opening(
            session,
            year=int(year),
            source="" if nothing else source,
            purpose="" if nothing else purpose,
            amount_fen=0 if nothing else parse_yuan(amount, where="amount"),
            document=document,
            reason=reason,
        )

    return changed(
        act,
        lambda _row: go(f"/{tenant}/opening-balances", "已登记，等待支付审批人复核"),
        lambda error: _page(request, error, typed),
    )


@router.post("/opening-balances/{balance_id}", dependencies=[Depends(requires(DECIDE)), PROVES])
def decide(
    request: Request, tenant: str, balance_id: uuid.UUID, confirmed: Annotated[str, Form(max_length=3)] = ""
) -> Response:
    """The second person's word; confirmed, it is booked."""
    return changed(
        lambda session: decide_opening(session, balance_id, confirmed=confirmed == "yes"),
        lambda row: go(f"/{tenant}/opening-balances", "已复核入账" if row.state == "confirmed" else "已退回，请重新登记"),
        lambda error: _page(request, error),
    )


def _page(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        rows = opening_balances(session)
    sources = source_names()
    this_year = scope.business_date.year
    return show(
        request,
        "opening_balances.html",
        refusal=refused,
        rows=rows,
        states=OPENING.states,
        sources=sources,
        open_sources=[(source, sources[source]) for source in sources_here()],
        purposes=list(words.purposes().items()),
        purpose_names=words.purposes(),
        years=[(str(year), str(year)) for year in range(this_year, this_year - 6, -1)],
        may_tell=scope.may("funds.receive") and scope.standing is Standing.PREPARING,
        may_decide=scope.may("funds.approve_payment"),
        actor=scope.actor,
        names=words.staff_names([*(row.told_by for row in rows), *(row.decided_by for row in rows)]),
        typed=kept(typed),
    )
