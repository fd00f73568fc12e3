"""The fund's books of a year, and payment batches with their steps (资金账, 发放批次)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, InvalidInput, NotFound
from core.funds.models import SOURCES
from core.funds.repository import Balance, attempts, balances, batches, due, entries, latest_year
from core.funds.service import approve_batch, cancel_batch, prepare_batch, receive, send_batch, take_return
from core.money import parse_yuan
from core.scope import current_scope
from core.web.context import go, requires, show
from core.web.pages import queries, words
from core.web.pages.case_opening import filled_form

router = APIRouter()

READ = Depends(requires("funds.read"))
_PAGE = 50
_KINDS = {
    "receipt": "资金到账",
    "reserve": "救助决定预留",
    "release": "撤销预留",
    "pay": "发放",
    "reverse": "冲正",
}
Year = Annotated[int | None, Query(ge=2000, le=2100)]


@dataclass(frozen=True, slots=True)
class Cell:
    """Money of one source for one purpose, in fen."""

    received: int
    paid: int
    reserved: int
    available: int

    @property
    def parts(self) -> list[tuple[float, str]]:
        """Shares of 100 for the bar: paid, reserved, available."""
        whole = self.received or 1
        shares = ((self.paid, "ok"), (self.reserved, "warn"), (self.available, "soft"))
        return [(100 * fen / whole, tone) for fen, tone in shares]


def table_of(found: list[Balance]) -> dict[tuple[str, str], Cell]:
    """Balances by (source, purpose)."""
    states: dict[tuple[str, str], dict[str, int]] = {}
    for row in found:
        states.setdefault((row.source, row.purpose), {})[row.state] = row.fen
    return {
        key: Cell(-fen.get("income", 0), fen.get("paid", 0), fen.get("reserved", 0), fen.get("available", 0))
        for key, fen in states.items()
    }


@router.get("/funds", dependencies=[READ])
def books(request: Request, year: Year = None, before: Annotated[int | None, Query(ge=1)] = None) -> HTMLResponse:
    """Sources by purposes, the batches and the journal of one year."""
    with unit_of_work() as session:
        of_year = year or latest_year(session) or current_scope().business_date.year
    return _books(request, of_year, before)


@router.post("/funds/receipts", dependencies=[Depends(requires("funds.receive"))])
def book_receipt(request: Request, tenant: str, filled: Annotated[Mapping[str, str], Depends(filled_form)]) -> Response:
    """Book money that came in; sent twice, the form books it once."""
    year = current_scope().business_date.year
    try:
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
        return _books(request, year, None, error, filled)
    return go(f"/{tenant}/funds", f"已登记到账，凭证第 {voucher} 号")


@router.post("/funds/payments", dependencies=[Depends(requires("funds.prepare"))])
def prepare(request: Request, tenant: str, key: Annotated[str, Form(max_length=100)] = "") -> Response:
    """Gather everything that is due into a batch."""
    year = current_scope().business_date.year
    try:
        with unit_of_work() as session:
            batch = prepare_batch(session, year=year, key=key or str(uuid.uuid4()))
            url, number = f"/{tenant}/funds/payments/{batch.id}", batch.number
    except Forbidden:
        raise
    except BangfuError as error:
        return _books(request, year, None, error)
    return go(url, f"已编制 {number}，等待支付审批人审批")


@router.get("/funds/payments/{batch_id}", dependencies=[READ])
def one_batch(request: Request, batch_id: uuid.UUID) -> HTMLResponse:
    """One payment batch: failed payments first."""
    return _batch(request, batch_id)


@router.post("/funds/payments/{batch_id}/approve", dependencies=[Depends(requires("funds.approve_payment"))])
def approve(request: Request, tenant: str, batch_id: uuid.UUID) -> Response:
    """The payment approver's yes."""
    return _change(request, tenant, batch_id, "已审批，等待出纳发盘", lambda session: approve_batch(session, batch_id))


@router.post("/funds/payments/{batch_id}/cancel", dependencies=[Depends(requires("funds.prepare"))])
def cancel(request: Request, tenant: str, batch_id: uuid.UUID, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Give up a batch that has not been sent."""
    return _change(request, tenant, batch_id, "批次已作废", lambda session: cancel_batch(session, batch_id, reason))


@router.post("/funds/payments/{batch_id}/send", dependencies=[Depends(requires("funds.pay"))])
def send(request: Request, batch_id: uuid.UUID) -> Response:
    """Release the batch and hand out the bank file; the payer may fetch it again until the return."""
    try:
        with unit_of_work() as session:
            data = send_batch(session, batch_id)
            name = f"{queries.payment_batch(session, batch_id).number}.xlsx"
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _batch(request, batch_id, error)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" if data[:2] == b"PK" else "text/csv"
    name = name if data[:2] == b"PK" else name.removesuffix(".xlsx") + ".csv"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return Response(data, media_type=kind, headers=headers)


@router.post("/funds/payments/{batch_id}/return", dependencies=[Depends(requires("funds.pay"))])
def bank_return(
    request: Request,
    tenant: str,
    batch_id: uuid.UUID,
    filled: Annotated[Mapping[str, str], Depends(filled_form)],
) -> Response:
    """Take the bank's answer: payments with a reason have failed, all others have been paid."""

    def act(session: Session) -> None:
        reasons = words.words_of("bank_return_reason")
        told = {
            attempt.id: reasons[filled[name]]
            for attempt in attempts(session, batch_id)
            if filled.get(name := f"failed.{attempt.id}") in reasons
        }
        take_return(session, batch_id, told)

    return _change(request, tenant, batch_id, "回盘已登记", act)


def _change(request: Request, tenant: str, batch_id: uuid.UUID, done: str, act: Callable[[Session], object]) -> Response:
    try:
        with unit_of_work() as session:
            act(session)
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _batch(request, batch_id, error)
    return go(f"/{tenant}/funds/payments/{batch_id}", done)


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
        waiting = due(session, year, scope.business_date) if scope.may("funds.prepare") else []
    rows = journal[:_PAGE]
    later = f"/{scope.tenant}/funds?year={year}&before={rows[-1].entry.voucher}" if len(journal) > _PAGE else None
    return show(
        request,
        "funds.html",
        status=refused.status if refused else 200,
        messages=[words.refusal(refused)] if refused else [],
        year=year,
        cells=cells,
        rows=rows,
        next=later,
        batches=made,
        due_count=sum(1 for item in waiting if item.payable),
        due_fen=sum(item.amount_fen for item in waiting if item.payable),
        without_account=sum(1 for item in waiting if not item.payable),
        filled=dict(filled or {}),
        fresh_key=str(uuid.uuid4()),
        may_receive=scope.may("funds.receive"),
        may_prepare=scope.may("funds.prepare"),
        **_funds_words(cells),
    )


def _funds_words(cells: Mapping[tuple[str, str], Cell]) -> dict[str, Any]:
    named = words.words_of("fund_source")
    every = words.purposes()
    used = {purpose for _, purpose in cells}
    return {
        "sources": [(source, named[source]) for source in SOURCES],
        "purposes": [(code, name) for code, name in every.items() if code in used],
        "all_purposes": list(every.items()),
        "purpose_names": every,
        "entry_kinds": _KINDS,
        "batch_states": words.BATCH_STATES,
    }


def _batch(request: Request, batch_id: uuid.UUID, refused: BangfuError | None = None) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        batch = queries.payment_batch(session, batch_id)
        found = attempts(session, batch_id)
        payees = queries.names_of(session, {attempt.payee_id for attempt in found})
    found.sort(key=lambda attempt: (attempt.state != "failed", attempt.id))
    mine = scope.actor in (batch.prepared_by, batch.approved_by)
    return show(
        request,
        "payment_batch.html",
        status=refused.status if refused else 200,
        messages=[words.refusal(refused)] if refused else [],
        batch=batch,
        attempts=found,
        payees=payees,
        names=words.staff_names([batch.prepared_by, batch.approved_by, batch.paid_by]),
        batch_states=words.BATCH_STATES,
        attempt_states={"open": "待发放", "succeeded": "已发放", "failed": "银行退回", "cancelled": "已作废"},
        reasons=list(words.words_of("bank_return_reason").items()),
        may_approve=batch.state == "draft" and scope.may("funds.approve_payment") and not mine,
        may_cancel=batch.state in ("draft", "approved") and scope.may("funds.prepare"),
        may_send=batch.state in ("approved", "sent") and scope.may("funds.pay") and not mine,
        may_return=batch.state == "sent" and scope.may("funds.pay") and not mine,
    )
