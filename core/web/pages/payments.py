"""A payment batch and its steps: approval, the bank file, the bank's return, payments sent back later (发放批次)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput, NotFound
from core.funds.models import PaymentAttempt, PaymentBatch, PaymentReversal
from core.funds.payments import APPROVE, BATCH, CANCEL, RETURN, SEND
from core.funds.repository import attempts
from core.funds.reversals import DECIDE, PAYMENT, TELL
from core.funds.service import (
    BankTotals,
    approve_batch,
    cancel_batch,
    decide_reversal,
    reversals_of,
    send_batch,
    take_return,
    tell_reversal,
)
from core.money import parse_yuan
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.handing_out import saved_as
from core.web.pages import queries, words
from core.web.pages.case_opening import filled_form
from core.web.step_up import fresh_proof
from core.web.typed import id_typed

router = APIRouter()

_READ = Depends(requires("funds.read"))
FRESH = Depends(fresh_proof())
_FAILED = "failed."
_COUNT = re.compile(r"[0-9]{1,6}")
_DECISIONS = {"approved": True, "declined": False}
Filled = Annotated[Mapping[str, str], Depends(filled_form)]


@router.get("/funds/payments/{batch_id}", dependencies=[_READ])
def one_batch(request: Request, batch_id: uuid.UUID) -> HTMLResponse:
    """One payment batch: failed payments first."""
    return _batch(request, batch_id)


@router.post("/funds/payments/{batch_id}/approve", dependencies=[Depends(requires(APPROVE)), FRESH])
def approve(request: Request, tenant: str, batch_id: uuid.UUID) -> Response:
    """The payment approver's yes."""
    return _change(request, tenant, batch_id, "已审批，等待出纳发盘", lambda session: approve_batch(session, batch_id))


@router.post("/funds/payments/{batch_id}/cancel", dependencies=[Depends(requires(CANCEL))])
def cancel(request: Request, tenant: str, batch_id: uuid.UUID, filled: Filled) -> Response:
    """Give up a batch that has not been sent."""
    reason = filled.get("reason", "")
    return _change(request, tenant, batch_id, "批次已作废", lambda session: cancel_batch(session, batch_id, reason), filled)


@router.post("/funds/payments/{batch_id}/send", dependencies=[Depends(requires(SEND)), FRESH])
def send(request: Request, batch_id: uuid.UUID) -> Response:
    """Release the batch and hand out the bank file; the payer may fetch it again until the return."""

    def act(session: Session) -> tuple[bytes, str]:
        return send_batch(session, batch_id), f"{queries.payment_batch(session, batch_id).number}.csv"

    return changed(act, _file, lambda error: _batch(request, batch_id, error))


def _file(made: tuple[bytes, str]) -> Response:
    data, name = made
    headers = {"Content-Disposition": saved_as(name)}
    return Response(data, media_type="text/csv", headers=headers)


@router.post("/funds/payments/{batch_id}/return", dependencies=[Depends(requires(RETURN)), FRESH])
def bank_return(
    request: Request,
    tenant: str,
    batch_id: uuid.UUID,
    filled: Filled,
) -> Response:
    """Take the bank's answer: payments with a reason have failed, all others have been paid. Whatever else the form holds
    for a payment is refused, and so is a form without the receipt's totals: what is not understood must not count as paid."""
    told = {name.removeprefix(_FAILED): reason for name, reason in filled.items() if name.startswith(_FAILED) and reason}
    return _change(
        request,
        tenant,
        batch_id,
        "回盘已登记",
        lambda session: take_return(
            session, batch_id, {_attempt_id(name): reason for name, reason in told.items()}, _totals(filled)
        ),
        filled,
    )


@router.post("/funds/payments/{batch_id}/reversals", dependencies=[Depends(requires(TELL)), FRESH])
def tell(request: Request, tenant: str, batch_id: uuid.UUID, filled: Filled) -> Response:
    """The payer tells that the bank sent a payment of the batch back."""

    def act(session: Session) -> None:
        attempt_id = _attempt_id(filled.get("attempt", ""))
        if attempt_id not in {attempt.id for attempt in attempts(session, queries.payment_batch(session, batch_id).id)}:
            raise _stranger(str(attempt_id))
        tell_reversal(session, attempt_id, reason=filled.get("back_reason", ""), slip=filled.get("slip", ""))

    return _change(request, tenant, batch_id, "退汇已登记，等待支付审批人审批", act, filled)


@router.post("/funds/payments/{batch_id}/reversals/{reversal_id}", dependencies=[Depends(requires(DECIDE)), FRESH])
def decide(request: Request, tenant: str, batch_id: uuid.UUID, reversal_id: uuid.UUID, filled: Filled) -> Response:
    """The payment approver's word on a payment that the payer told to have been sent back."""

    def act(session: Session) -> None:
        approved = _DECISIONS.get(filled.get("decision", ""))
        found = attempts(session, queries.payment_batch(session, batch_id).id)
        if reversal_id not in {reversal.id for reversal in reversals_of(session, found)}:
            raise NotFound("没有该退汇登记", "no such reversal", where=str(reversal_id))
        if approved is None:
            raise InvalidInput("请选择同意或不同意", "approved or declined", where="decision")
        decide_reversal(session, reversal_id, approved=approved)

    return _change(request, tenant, batch_id, "退汇已审批", act)


def _attempt_id(text: str) -> uuid.UUID:
    return id_typed(text, _stranger(text))


def _stranger(text: str) -> InvalidInput:
    return InvalidInput(
        "所列支付不属于本批次",
        "the form names a payment that is not in this batch",
        where=text[:40],
        mend_zh="请刷新页面后重填",
    )


def _totals(filled: Mapping[str, str]) -> BankTotals:
    """What the payer typed from the bank's receipt."""
    items = filled.get("paid_items", "").strip()
    if _COUNT.fullmatch(items) is None:
        raise InvalidInput(
            "请填写银行回单的成功笔数", "the number of payments on the bank's receipt is missing", where="paid_items"
        )
    return BankTotals(int(items), parse_yuan(filled.get("paid_total", ""), where="paid_total"))


def _change(
    request: Request,
    tenant: str,
    batch_id: uuid.UUID,
    done: str,
    act: Callable[[Session], object],
    filled: Mapping[str, str] | None = None,
) -> Response:
    return changed(
        act,
        lambda _: go(f"/{tenant}/funds/payments/{batch_id}", done),
        lambda error: _batch(request, batch_id, error, filled),
    )


def _batch(
    request: Request,
    batch_id: uuid.UUID,
    refused: BangfuError | None = None,
    filled: Mapping[str, str] | None = None,
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        batch = queries.payment_batch(session, batch_id)
        found = attempts(session, batch_id)
        payees = queries.names_of(session, {attempt.payee_id for attempt in found})
        told = reversals_of(session, found)
    found.sort(key=lambda attempt: (attempt.state != "failed", attempt.id))
    hands = [batch.prepared_by, batch.approved_by, batch.paid_by, batch.returned_by]
    mine = scope.actor in (batch.prepared_by, batch.approved_by)
    return show(
        request,
        "payment_batch.html",
        refusal=refused,
        batch=batch,
        attempts=found,
        payees=payees,
        names=words.staff_names([*hands, *(one.told_by for one in told), *(one.decided_by for one in told)]),
        batch_states=BATCH.states,
        attempt_states=PAYMENT.states,
        reasons=words.words_of("bank_return_reason"),
        filled=dict(filled or {}),
        may_approve=APPROVE.fits(batch.state) and scope.may("funds.approve_payment") and not mine,
        may_cancel=CANCEL.fits(batch.state) and scope.may("funds.prepare"),
        may_send=batch.state in ("approved", "sent") and scope.may("funds.pay") and not mine,
        may_return=RETURN.fits(batch.state) and scope.may("funds.pay") and not mine,
        by_id={attempt.id: attempt for attempt in found},
        told=told,
        may_tell=_untold(found, told) if batch.state == "returned" and scope.may("funds.pay") and not mine else [],
        may_decide=_decidable(told) if scope.may("funds.approve_payment") and not _moved(batch) else set(),
    )


def _untold(found: Sequence[PaymentAttempt], told: Sequence[PaymentReversal]) -> list[PaymentAttempt]:
    """Payments booked as paid of which nobody has told that they came back."""
    named = {reversal.attempt_id for reversal in told if reversal.state != "declined"}
    return [attempt for attempt in found if attempt.state == "succeeded" and attempt.id not in named]


def _decidable(told: Sequence[PaymentReversal]) -> set[uuid.UUID]:
    """What waits for the word of somebody else than who told it."""
    actor = current_scope().actor
    return {reversal.id for reversal in told if reversal.state == "told" and reversal.told_by != actor}


def _moved(batch: PaymentBatch) -> bool:
    """Whether the actor prepared the batch, sent it or took its return."""
    return current_scope().actor in (batch.prepared_by, batch.paid_by, batch.returned_by)
