"""The fund's books of a year (资金账): receipts, the journal, and making payment batches of what is due."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, InvalidInput
from core.funds.payments import BATCH, PREPARE
from core.funds.repository import Balance, balances, batches, entries, latest_year
from core.funds.service import batches_with_open_reversals, prepare_batch, receive
from core.funds.sources import source_names, sources_here
from core.funds.waiting import due, years_due
from core.money import parse_yuan
from core.scope import current_scope
from core.web.context import go, requires, show
from core.web.pages import words
from core.web.pages.case_opening import filled_form

router = APIRouter()

READ = Depends(requires("funds.read"))
_PAGE = 50
_KINDS = {
    "receipt": "资金到账",
    "reserve": "救助决定预留",
    "release": "撤销预留",
    "pay": "发放",
    "reverse": "冲销",
    "carry": "划转",
}
Year = Annotated[int | None, Query(ge=2000, le=2100)]
ShownYear = Annotated[int | None, Query(alias="year", ge=2000, le=2100)]
"""The year of the books beside which a form stood."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Money of one source for one purpose, in fen."""

    received: int
    paid: int
    reserved: int
    available: int
    carried: int = 0
    """What came from a county that closed, or, negative, went over to another when this one closed."""

    @property
    def parts(self) -> list[tuple[float, str]]:
        """Shares of 100 for the bar: paid, reserved, available."""
        whole = self.received + max(self.carried, 0) or 1
        shares = ((self.paid, "ok"), (self.reserved, "warn"), (self.available, "soft"))
        return [(100 * fen / whole, tone) for fen, tone in shares]


def table_of(found: list[Balance]) -> dict[tuple[str, str], Cell]:
    """Balances by (source, purpose)."""
    states: dict[tuple[str, str], dict[str, int]] = {}
    for row in found:
        states.setdefault((row.source, row.purpose), {})[row.state] = row.fen
    return {
        key: Cell(
            -fen.get("income", 0),
            fen.get("paid", 0),
            fen.get("reserved", 0),
            fen.get("available", 0),
            -fen.get("carried", 0),
        )
        for key, fen in states.items()
    }


@router.get("/funds", dependencies=[READ])
def books(request: Request, year: Year = None, before: Annotated[int | None, Query(ge=1)] = None) -> HTMLResponse:
    """Sources by purposes, the batches and the journal of one year."""
    with unit_of_work() as session:
        of_year = year or latest_year(session) or current_scope().business_date.year
    return _books(request, of_year, before)


@router.post("/funds/receipts", dependencies=[Depends(requires("funds.receive"))])
def book_receipt(
    request: Request, tenant: str, filled: Annotated[Mapping[str, str], Depends(filled_form)], shown: ShownYear = None
) -> Response:
    """Book money that came in for the year that the form names; sent twice, the form books it once."""
    try:
        year = _year_of(filled)
        key = filled.get("key", "").strip()
        if not key:
            raise InvalidInput("请填写银行回单号", "the number of the bank's slip is missing", where="key")
        with unit_of_work() as session:
            entry = receive(
                session,
                year=year,
                source=filled.get("source", ""),
                purpose=filled.get("purpose", ""),
                amount_fen=parse_yuan(filled.get("amount", ""), where="amount"),
                key=key,
                note=filled.get("note", "").strip(),
            )
            voucher = entry.voucher
    except Forbidden:
        raise
    except BangfuError as error:
        return _books(request, shown or current_scope().business_date.year, None, error, filled)
    return go(f"/{tenant}/funds?year={year}", f"已登记到账，{year} 年度凭证第 {voucher} 号")


@router.post("/funds/payments", dependencies=[Depends(requires(PREPARE))])
def prepare(request: Request, tenant: str, filled: Annotated[Mapping[str, str], Depends(filled_form)]) -> Response:
    """Gather everything that is due of the year that the page showed into a batch: money of last year's grants is paid in
    January too."""
    year = _year_of(filled)
    try:
        with unit_of_work() as session:
            batch = prepare_batch(session, year=year, key=filled.get("key", "")[:100] or str(uuid.uuid4()))
            url, number = f"/{tenant}/funds/payments/{batch.id}", batch.number
    except Forbidden:
        raise
    except BangfuError as error:
        return _books(request, year, None, error)
    return go(url, f"已编制 {number}，等待支付审批人审批")


def _year_of(filled: Mapping[str, str]) -> int:
    """The year that the form was shown for; this one where it names none."""
    named = filled.get("year", "").strip()
    if not named:
        return current_scope().business_date.year
    if re.fullmatch("20[0-9]{2}", named) is None:
        raise InvalidInput("年度不正确", "not a fund year", where="year")
    return int(named)


def _books(
    request: Request,
    year: int,
    before: int | None,
    refused: BangfuError | None = None,
    filled: Mapping[str, str] | None = None,
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        cells = table_of(balances(session, year))
        journal = entries(session, year, before=before, limit=_PAGE + 1)
        made = batches(session, year)
        sent_back = batches_with_open_reversals(session)
        waiting = due(session, year, scope.business_date) if scope.may("funds.prepare") else []
        elsewhere = years_due(session, scope.business_date) if scope.may("funds.prepare") else {}
    rows = journal[:_PAGE]
    later = f"/{scope.tenant}/funds?year={year}&before={rows[-1].entry.voucher}" if len(journal) > _PAGE else None
    return show(
        request,
        "funds.html",
        refusal=refused,
        year=year,
        this_year=scope.business_date.year,
        years=[(str(one), str(one)) for one in sorted({scope.business_date.year, year}, reverse=True)],
        cells=cells,
        rows=rows,
        next=later,
        batches=made,
        sent_back=sent_back,
        due_count=sum(1 for item in waiting if item.payable),
        due_fen=sum(item.amount_fen for item in waiting if item.payable),
        without_account=sum(1 for item in waiting if not item.payable and not item.damaged),
        damaged=sorted({item.file_number or "" for item in waiting if item.damaged}),
        other_years_due=[(one, count) for one, count in elsewhere.items() if one != year],
        filled=dict(filled or {}),
        fresh_key=str(uuid.uuid4()),
        may_receive=scope.may("funds.receive"),
        may_prepare=scope.may("funds.prepare"),
        **_funds_words(cells),
    )


def _funds_words(cells: Mapping[tuple[str, str], Cell]) -> dict[str, Any]:
    named = source_names()
    every = words.purposes()
    used, came_from = {purpose for _, purpose in cells}, sorted({source for source, _ in cells})
    here = sources_here()
    return {
        "sources": [(source, named.get(source, source)) for source in dict.fromkeys((*here, *came_from))],
        "open_sources": [(source, named[source]) for source in here],
        "purposes": [(code, name) for code, name in every.items() if code in used],
        "all_purposes": list(every.items()),
        "purpose_names": every,
        "entry_kinds": _KINDS,
        "batch_states": BATCH.states,
    }
