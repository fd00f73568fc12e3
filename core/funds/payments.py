"""Payments (发放): a batch is prepared by the fund manager, approved by the payment approver and sent by the payer, three
people (domain 7.1); the bank's return settles every payment in it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.centre.numbering import draw
from core.codes import code_list
from core.db.base import new_id
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.funds import events, repository
from core.funds.bank_file import written
from core.funds.errors import KeyUsed, SamePerson
from core.funds.ledger import AccountKey, Posting, hold, post
from core.funds.models import Grant, Instalment, PaymentAttempt, PaymentBatch
from core.funds.waiting import Due, due
from core.money import Fen, format_yuan
from core.scope import current_scope
from core.trail.service import record

_REASON_LENGTH = 500

BATCH = Kind(
    "payment_batch",
    "发放批次",
    {"draft": "待审批", "approved": "待发盘", "sent": "待回盘", "returned": "已回盘", "cancelled": "已作废"},
)
PREPARE = Demand("funds.prepare")
APPROVE = Demand("funds.approve_payment", of=BATCH, states=frozenset({"draft"}))
SEND = Demand("funds.pay", of=BATCH, states=frozenset({"approved"}))
CANCEL = Demand("funds.prepare", of=BATCH, states=frozenset({"draft", "approved"}), again=frozenset({"cancelled"}))
RETURN = Demand("funds.pay", of=BATCH, states=frozenset({"sent"}), again=frozenset({"returned"}))


def prepare_batch(session: Session, *, year: int, key: str, grant_ids: Sequence[uuid.UUID] | None = None) -> PaymentBatch:
    """Gather all due instalments of the year's grants that have no live payment, or those of ``grant_ids``.

    Instalments whose payee has no bank account, or one that a damaged key keeps closed, wait (``waiting.due`` lists them).
    ``key`` makes a repeated command give the first batch. Raises ``Conflict`` where nothing can be paid, or a grant that was
    asked for cannot.
    """
    scope = current_scope()
    require(PREPARE)
    hold(session, [year])
    first = repository.batch_of_key(session, key)
    if first is not None:
        _refuse_other_content(session, first, year, grant_ids)
        return first
    waiting = due(session, year, scope.business_date, grant_ids)
    payable = [item for item in waiting if item.payable]
    if not payable or (grant_ids is not None and {item.grant_id for item in payable} != set(grant_ids)):
        raise Conflict(
            "没有可发放的款项，或所选救助已在发放、已发放、缺少收款账户或账户已损坏",
            "nothing to pay, or a chosen grant is in payment, paid, or lacks a bank account that can be opened",
            mend_zh="请核对待发放清单与收款人的银行账户；账户损坏的，请联系系统管理员从备份恢复",
            mend_en="compare the list of due payments and the payees' accounts; have a damaged one restored from a backup",
        )
    batch = PaymentBatch(
        id=new_id(),
        number=draw(session, "batch", year, 1)[0],
        idempotency_key=key,
        state="draft",
        year=year,
        total_fen=sum(item.amount_fen for item in payable),
        items=len(payable),
        prepared_by=scope.actor,
        prepared_on=scope.business_date,
    )
    session.add(batch)
    session.flush()
    session.add_all(_attempt(batch, item) for item in payable)
    session.flush()
    _trail(session, "funds.batch_prepared", batch, left_out=len(waiting) - len(payable))
    return batch


def _refuse_other_content(session: Session, batch: PaymentBatch, year: int, grant_ids: Sequence[uuid.UUID] | None) -> None:
    held = {attempt.grant_id for attempt in repository.attempts(session, batch.id)}
    if batch.year != year or (grant_ids is not None and held != set(grant_ids)):
        raise KeyUsed(batch.idempotency_key)


def _attempt(batch: PaymentBatch, item: Due) -> PaymentAttempt:
    return PaymentAttempt(
        id=new_id(),
        instalment_id=item.instalment_id,
        grant_id=item.grant_id,
        batch_id=batch.id,
        payee_id=item.payee_id,
        amount_fen=item.amount_fen,
        state="open",
        account_cipher=item.account_cipher,
        account_masked=item.account_masked,
        account_token=item.account_token,
    )


def approve_batch(session: Session, batch_id: uuid.UUID) -> PaymentBatch:
    """The payment approver's yes. Repeated by the same person it changes nothing.

    Raises ``SamePerson`` for the one who prepared the batch, ``Conflict`` where it is no longer a draft.
    """
    scope = current_scope()
    require(APPROVE)
    batch = _locked(session, batch_id)
    if batch.state == "approved" and batch.approved_by == scope.actor:
        return batch
    _expect(batch, APPROVE)
    if batch.prepared_by in scope.persons:
        raise SamePerson("支付审批人不得是制单人", "who prepared the batch must not approve it")
    batch.state = "approved"
    batch.approved_by = scope.actor
    batch.approved_on = scope.business_date
    _changed(session, batch, "funds.batch_approved")
    return batch


def send_batch(session: Session, batch_id: uuid.UUID) -> bytes:
    """Release an approved batch and give the bank file (银行批量代发文件); the payer may fetch it again until the return.

    Account numbers are opened here alone, and every opening is recorded. Raises ``SamePerson`` for the one who prepared or
    approved the batch, ``Conflict`` where it is not approved, ``AccountsDamaged`` where accounts do not open: nothing is sent.
    """
    scope = current_scope()
    require(SEND)
    batch = _locked(session, batch_id)
    if scope.persons & {batch.prepared_by, batch.approved_by}:
        raise SamePerson("出纳不得是制单人或支付审批人", "who prepared or approved the batch must not pay it")
    if batch.state != "sent" or batch.paid_by != scope.actor:
        _expect(batch, SEND)
        batch.state = "sent"
        batch.paid_by = scope.actor
        batch.sent_on = scope.business_date
        _changed(session, batch, "funds.batch_sent")
    return written(session, batch)


def cancel_batch(session: Session, batch_id: uuid.UUID, reason: str) -> PaymentBatch:
    """Give up a batch that has not been sent; its instalments are due again. Repeated it changes nothing.

    Raises ``InvalidInput`` without a ``reason`` of at most 500 characters: the trail says why money was not paid.
    """
    require(CANCEL)
    if not reason.strip() or len(reason) > _REASON_LENGTH:
        raise InvalidInput(f"请填写作废理由，不超过 {_REASON_LENGTH} 字", "say why the batch is given up", where="reason")
    batch = _locked(session, batch_id)
    if batch.state in CANCEL.again:
        return batch
    _expect(batch, CANCEL)
    batch.state = "cancelled"
    session.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.batch_id == batch_id, PaymentAttempt.state == "open")
        .values(state="cancelled")
    )
    _changed(session, batch, "funds.batch_cancelled", reason=reason)
    return batch


@dataclass(frozen=True, slots=True)
class BankTotals:
    """What the bank's receipt says was paid (银行回单): number of payments and their sum in fen."""

    items: int
    fen: Fen


def take_return(session: Session, batch_id: uuid.UUID, failures: Mapping[uuid.UUID, str], paid: BankTotals) -> PaymentBatch:
    """Take the bank's answer (回盘): ``failures`` gives the bank's reason by attempt, a code of the list
    bank_return_reason; all others have been paid, which ``paid``, read from the bank's receipt, must confirm.

    Paid money moves from reserved to paid, grants with nothing left are paid and their cases closed. Failed money stays
    reserved and due. The same return taken again changes nothing; another one raises ``Conflict``. Raises ``InvalidInput``
    for a payment of another batch, a reason that is not in the list, or totals that are not those of the payments without
    a reason, and takes nothing then; ``SamePerson`` for the one who prepared or approved the batch.
    """
    scope = current_scope()
    require(RETURN)
    batch = _locked(session, batch_id)
    if scope.persons & {batch.prepared_by, batch.approved_by}:
        raise SamePerson("登记回盘的人不得是制单人或支付审批人", "who prepared or approved the batch must not take its return")
    told = {attempt_id: reason.strip() for attempt_id, reason in failures.items()}
    attempts = repository.attempts(session, batch_id)
    _check_return(attempts, told)
    succeeded = [attempt for attempt in attempts if attempt.id not in told]
    _check_totals(succeeded, paid)
    if batch.state in RETURN.again and _told_before(attempts) == told:
        return batch
    _expect(batch, RETURN)
    repository.lock_cases_of_batch(session, batch_id)
    hold(session, [batch.year])
    if told:
        repository.fail_attempts(session, batch_id, told, scope.business_date)
    closed = _settle(session, batch, succeeded) if succeeded else []
    batch.state = "returned"
    batch.returned_by = scope.actor
    batch.returned_on = scope.business_date
    _changed(session, batch, "funds.batch_returned", succeeded=paid.items, failed=len(told), paid_fen=paid.fen)
    if closed:
        for follow in events.AFTER_PAID:
            follow(session, closed)
    return batch


def _check_return(attempts: Sequence[PaymentAttempt], told: Mapping[uuid.UUID, str]) -> None:
    strangers = set(told) - {attempt.id for attempt in attempts}
    if strangers:
        raise InvalidInput(
            "回盘中有不属于本批次的支付",
            "the return names payments that are not in this batch",
            where=str(min(strangers)),
        )
    if not all(told.values()):
        raise InvalidInput("请填写银行退回原因", "a failed payment needs the bank's reason")
    for reason in set(told.values()):
        code_list("bank_return_reason").item(reason)


def _check_totals(succeeded: Sequence[PaymentAttempt], paid: BankTotals) -> None:
    """A form that lost its reasons on the way must not pay the batch: the receipt's totals tell it."""
    marked = BankTotals(len(succeeded), sum(attempt.amount_fen for attempt in succeeded))
    if paid != marked:
        raise InvalidInput(
            f"银行回单写明成功 {paid.items} 笔、{format_yuan(paid.fen)}，"
            f"而未选退回原因的支付为 {marked.items} 笔、{format_yuan(marked.fen)}",
            f"the bank's receipt says {paid.items} paid, {format_yuan(paid.fen)};"
            f" without a reason are {marked.items}, {format_yuan(marked.fen)}",
            where="paid_items" if paid.items != marked.items else "paid_total",
            mend_zh="请对照银行回单核对每笔的退回原因、成功笔数和金额",
            mend_en="compare reasons, number and sum with the bank's receipt",
        )


def _told_before(attempts: Sequence[PaymentAttempt]) -> dict[uuid.UUID, str | None]:
    return {attempt.id: attempt.bank_reason for attempt in attempts if attempt.state == "failed"}


def _settle(session: Session, batch: PaymentBatch, attempts: Sequence[PaymentAttempt]) -> list[uuid.UUID]:
    """Book the successful payments; the cases whose grants are now paid in full."""
    on = current_scope().business_date
    ids = [attempt.id for attempt in attempts]
    session.execute(
        update(PaymentAttempt)
        .where(among(PaymentAttempt.id, ids), PaymentAttempt.state == "open")
        .values(state="succeeded", settled_on=on)
    )
    instalments = [attempt.instalment_id for attempt in attempts]
    session.execute(update(Instalment).where(among(Instalment.id, instalments)).values(state="paid"))
    grants = {grant.id: grant for grant in repository.lock_grants(session, {attempt.grant_id for attempt in attempts})}
    post(session, [_payment(attempt, grants[attempt.grant_id], batch) for attempt in attempts])
    unpaid = set(
        session.scalars(select(Instalment.grant_id).where(among(Instalment.grant_id, grants), Instalment.state == "due"))
    )
    complete = [grant for grant_id, grant in grants.items() if grant_id not in unpaid]
    for grant in complete:
        grant.state = "paid"
    session.flush()
    return [grant.case_id for grant in complete]


def _payment(attempt: PaymentAttempt, grant: Grant, batch: PaymentBatch) -> Posting:
    return Posting(
        "pay",
        f"pay:{attempt.id}",
        AccountKey(grant.year, grant.source, grant.purpose, "reserved"),
        AccountKey(grant.year, grant.source, grant.purpose, "paid"),
        attempt.amount_fen,
        f"发放批次 {batch.number}",
        grant_id=grant.id,
        attempt_id=attempt.id,
    )


def _locked(session: Session, batch_id: uuid.UUID) -> PaymentBatch:
    batch = repository.lock_batch(session, batch_id)
    if batch is None:
        raise NotFound("没有该发放批次", "no such payment batch")
    return batch


def _expect(batch: PaymentBatch, demand: Demand) -> None:
    if not demand.fits(batch.state):
        raise Conflict(
            "发放批次的状态已改变，不能办理此步骤",
            f"the payment batch is {batch.state}, which does not allow this step",
            where=batch.number,
            mend_zh="请刷新页面查看批次的当前状态",
            mend_en="reload to see the batch's present state",
        )


def _changed(session: Session, batch: PaymentBatch, action: str, **fields: object) -> None:
    session.flush()
    _trail(session, action, batch, **fields)


def _trail(session: Session, action: str, batch: PaymentBatch, **fields: object) -> None:
    shown = {"number": batch.number, "items": batch.items, "total_fen": batch.total_fen, **fields}
    record(session, action, "payment_batch", batch.id, shown)
