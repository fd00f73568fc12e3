"""Payments that the bank sends back after its return was taken (退汇), or that were booked as paid by mistake: the payer tells
it, the payment approver decides, and the money is reserved and due again (domain 7.1)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.codes import code_list
from core.db.base import new_id
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.funds import repository
from core.funds.errors import SamePerson
from core.funds.ledger import AccountKey, Posting, hold, post
from core.funds.models import Grant, Instalment, PaymentAttempt, PaymentBatch, PaymentReversal
from core.scope import current_scope
from core.trail.service import record

SLIP_LENGTH = 100
PAYMENT = Kind("payment", "单笔支付", {"open": "待发放", "succeeded": "已发放", "failed": "银行退回", "cancelled": "已作废"})
REVERSAL = Kind("payment_reversal", "退汇登记", {"told": "待审批", "approved": "已冲销", "declined": "不同意"})
TELL = Demand("funds.pay", of=PAYMENT, states=frozenset({"succeeded"}))
DECIDE = Demand("funds.approve_payment", of=REVERSAL, states=frozenset({"told"}))


def tell_reversal(session: Session, attempt_id: uuid.UUID, *, reason: str, slip: str) -> PaymentReversal:
    """The payer tells that the bank sent a payment back: ``reason`` is a code of the list bank_return_reason, ``slip`` the
    number of the bank's slip. Nothing is booked before it is approved; told again with the same words it changes nothing.

    Raises ``InvalidInput`` without slip or for another reason, ``Conflict`` where the payment is not booked as paid or was
    told with other words, ``SamePerson`` for the one who prepared or approved the batch.
    """
    scope = current_scope()
    require(TELL)
    slip = slip.strip()
    if not slip or len(slip) > SLIP_LENGTH:
        raise InvalidInput(
            f"请填写银行退汇回单号，不超过 {SLIP_LENGTH} 字",
            "the number of the bank's slip is missing or too long",
            where="slip",
        )
    code_list("bank_return_reason").item(reason)
    attempt, batch = _payment(session, attempt_id)
    if scope.persons & {batch.prepared_by, batch.approved_by}:
        raise SamePerson("登记退汇的人不得是制单人或支付审批人", "who prepared or approved the batch must not tell this")
    first = session.scalar(
        select(PaymentReversal).where(PaymentReversal.attempt_id == attempt_id, PaymentReversal.state != "declined")
    )
    if first is not None and (first.reason, first.slip, first.told_by) == (reason, slip, scope.actor):
        return first
    if first is not None or not TELL.fits(attempt.state):
        raise Conflict(
            "该笔支付没有记为发放成功，或已登记退汇",
            "the payment is not booked as paid, or its coming back was told before",
            where=batch.number,
            mend_zh="请刷新页面查看该笔支付的当前状态",
            mend_en="reload to see the payment's present state",
        )
    reversal = PaymentReversal(
        id=new_id(),
        attempt_id=attempt_id,
        reason=reason,
        slip=slip,
        state="told",
        told_by=scope.actor,
        told_on=scope.business_date,
    )
    session.add(reversal)
    session.flush()
    _trail(session, "funds.reversal_told", reversal, attempt, batch)
    return reversal


def decide_reversal(session: Session, reversal_id: uuid.UUID, *, approved: bool) -> PaymentReversal:
    """The payment approver's word on what the payer told. Repeated by the same person it changes nothing.

    Approved, an entry moves the money from paid back to reserved, the payment has failed and its instalment is due again;
    the grant's case stays as it is. Raises ``SamePerson`` for the one who told it and for those who prepared, sent or took
    the return of the batch, ``Conflict`` where it is decided.
    """
    scope = current_scope()
    require(DECIDE)
    attempt_id = session.scalar(select(PaymentReversal.attempt_id).where(PaymentReversal.id == reversal_id))
    if attempt_id is None:
        raise NotFound("没有该退汇登记", "no such reversal")
    # The batch's lock comes first; what is read behind it is the last word.
    attempt, batch = _payment(session, attempt_id)
    statement = select(PaymentReversal).where(PaymentReversal.id == reversal_id).with_for_update()
    reversal = session.scalars(statement.execution_options(populate_existing=True)).one()
    outcome = "approved" if approved else "declined"
    if (reversal.state, reversal.decided_by) == (outcome, scope.actor):
        return reversal
    if not DECIDE.fits(reversal.state):
        raise Conflict("该退汇登记已有处理结果", "the reversal is decided", where=batch.number)
    if scope.persons & {reversal.told_by, batch.prepared_by, batch.paid_by, batch.returned_by}:
        raise SamePerson("退汇审批人不得是制单人或出纳", "who prepared, sent or told it must not decide")
    if approved:
        _reverse(session, reversal, attempt, batch)
    reversal.state = outcome
    reversal.decided_by = scope.actor
    reversal.decided_on = scope.business_date
    session.flush()
    _trail(session, f"funds.reversal_{outcome}", reversal, attempt, batch)
    return reversal


def reversals_of(session: Session, attempts: Sequence[PaymentAttempt]) -> list[PaymentReversal]:
    """What was told of the payments, the earliest first."""
    ids = [attempt.id for attempt in attempts]
    statement = select(PaymentReversal).where(among(PaymentReversal.attempt_id, ids)).order_by(PaymentReversal.id)
    return list(session.scalars(statement))


def batches_with_open_reversals(session: Session) -> list[PaymentBatch]:
    """Batches with payments of which it was told, and not yet decided, that the bank sent them back, the oldest first."""
    told = (
        select(PaymentAttempt.batch_id)
        .join(
            PaymentReversal,
            (PaymentReversal.tenant == PaymentAttempt.tenant) & (PaymentReversal.attempt_id == PaymentAttempt.id),
        )
        .where(PaymentReversal.state == "told")
    )
    return list(session.scalars(select(PaymentBatch).where(PaymentBatch.id.in_(told)).order_by(PaymentBatch.number)))


def _payment(session: Session, attempt_id: uuid.UUID) -> tuple[PaymentAttempt, PaymentBatch]:
    """The payment as it is now, its batch locked."""
    batch_id = session.scalar(select(PaymentAttempt.batch_id).where(PaymentAttempt.id == attempt_id))
    batch = None if batch_id is None else repository.lock_batch(session, batch_id)
    if batch is None:
        raise NotFound("没有该笔支付", "no such payment")
    statement = select(PaymentAttempt).where(PaymentAttempt.id == attempt_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one(), batch


def _reverse(session: Session, reversal: PaymentReversal, attempt: PaymentAttempt, batch: PaymentBatch) -> None:
    hold(session, [batch.year])
    (grant,) = repository.lock_grants(session, [attempt.grant_id])
    attempt.state = "failed"
    attempt.bank_reason = reversal.reason
    instalment = session.scalars(select(Instalment).where(Instalment.id == attempt.instalment_id)).one()
    instalment.state = "due"
    grant.state = "reserved"
    session.flush()
    note = f"发放批次 {batch.number} 退汇，回单 {reversal.slip}"
    paid, reserved = _account(grant, "paid"), _account(grant, "reserved")
    post(
        session,
        [
            Posting(
                "reverse",
                f"reverse:{attempt.id}",
                paid,
                reserved,
                attempt.amount_fen,
                note,
                grant_id=grant.id,
                attempt_id=attempt.id,
            )
        ],
    )


def _account(grant: Grant, state: str) -> AccountKey:
    return AccountKey(grant.year, grant.source, grant.purpose, state)


def _trail(session: Session, action: str, reversal: PaymentReversal, attempt: PaymentAttempt, batch: PaymentBatch) -> None:
    fields: dict[str, Any] = {
        "number": batch.number,
        "attempt": attempt.id,
        "amount_fen": attempt.amount_fen,
        "reason": reversal.reason,
        "slip": reversal.slip,
    }
    record(session, action, "payment_reversal", reversal.id, fields)
