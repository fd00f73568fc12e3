"""Opening balances (期初余额): what a county holds of each source and purpose when it begins, told by whoever books money that
comes in, confirmed and thereby booked by whoever approves payments (domain 7.1).

They are carried, not received: no figure of a year's receipts counts them. They are told before the county goes live.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.errors import Conflict, InvalidInput, NotFound
from core.funds.errors import SamePerson
from core.funds.ledger import AccountKey, Posting, hold, post
from core.funds.opening_models import OpeningBalance
from core.funds.sources import check_source
from core.money import FEN_PER_YUAN, MAX_YUAN, Fen
from core.scope import Standing, current_scope
from core.trail.service import record

YEARS = range(2000, 2101)
DOCUMENT_LENGTH = 100
OPENING = Kind("opening_balance", "期初余额", {"told": "待复核", "confirmed": "已入账", "declined": "已退回"})
TELL = Demand("funds.receive")
DECIDE = Demand("funds.approve_payment", of=OPENING, states=frozenset({"told"}))


def tell_opening(
    session: Session, *, year: int, source: str, purpose: str, amount_fen: Fen, document: str, reason: str
) -> OpeningBalance:
    """Tell what the county in scope holds of a source and purpose, and which document proves it. Told again with the same words
    it changes nothing; told while another stands for the same year, source and purpose it is refused.

    ``source``, ``purpose`` and ``amount_fen`` empty: the county brings nothing along. Raises ``Forbidden``, ``InvalidInput``,
    and ``Conflict`` where it contradicts what was told or the county is at work already.
    """
    require(TELL)
    scope = current_scope()
    if scope.standing is not Standing.PREPARING:
        raise Conflict(
            "单位已正式开通，不再登记期初余额",
            "the tenant has gone live: opening balances were told before",
            where="year",
            mend_zh="开通后到账的资金请在资金账登记到账",
            mend_en="book money that comes in as received",
        )
    none = not source and not purpose and amount_fen == 0
    if year not in YEARS:
        raise InvalidInput("年度不正确", "not a fund year", where="year")
    if not none:
        check_source(source, purpose)
        if not 0 < amount_fen <= MAX_YUAN * FEN_PER_YUAN:
            raise InvalidInput("金额须大于零", "the amount must be above zero", where="amount")
    document, reason = document.strip(), reason.strip()
    if not document or len(document) > DOCUMENT_LENGTH:
        raise InvalidInput(
            f"请填写凭证或对账单编号，不超过 {DOCUMENT_LENGTH} 字",
            "the document that proves it is missing or its number too long",
            where="document",
        )
    if not reason:
        raise InvalidInput("请填写说明", "a reason is needed", where="reason")
    # The counter's lock orders those who tell at the same time.
    hold(session, [year])
    standing = opening_balances(session, open_only=True)
    first = next((row for row in standing if (row.year, row.source, row.purpose) == (year, source, purpose)), None)
    if first is not None:
        if (first.amount_fen, first.document, first.reason) == (amount_fen, document, reason):
            return first
        raise Conflict(
            "该年度、来源和用途的期初余额已登记",
            "an opening balance of that year, source and purpose was told before",
            where="amount",
            mend_zh="填错的请由复核人退回后重新登记",
            mend_en="have it declined first, then tell it anew",
        )
    if any((row.amount_fen == 0) != none for row in standing):
        raise Conflict(
            "期初余额与“无期初余额”不能并存",
            "there cannot be balances and none at once",
            where="amount",
            mend_zh="请由复核人先退回其中一项",
            mend_en="have one of them declined first",
        )
    row = OpeningBalance(
        year=year,
        source=source,
        purpose=purpose,
        amount_fen=amount_fen,
        document=document,
        reason=reason,
        state="told",
        told_by=scope.actor,
        told_on=scope.business_date,
    )
    session.add(row)
    session.flush()
    _trail(session, "funds.opening_told", row)
    return row


def decide_opening(session: Session, balance_id: uuid.UUID, *, confirmed: bool) -> OpeningBalance:
    """The second person's word: confirmed, one entry carries the amount to the available account of its year. Repeated by the
    same person it changes nothing.

    Raises ``NotFound``, ``SamePerson`` for the one who told it, ``Conflict`` where it is decided otherwise.
    """
    require(DECIDE)
    scope = current_scope()
    year = session.scalar(select(OpeningBalance.year).where(OpeningBalance.id == balance_id))
    if year is None:
        raise NotFound("没有该期初余额登记", "no such opening balance")
    hold(session, [year])
    row = session.scalars(
        select(OpeningBalance).where(OpeningBalance.id == balance_id).execution_options(populate_existing=True)
    ).one()
    outcome = "confirmed" if confirmed else "declined"
    if (row.state, row.decided_by) == (outcome, scope.actor):
        return row
    if not DECIDE.fits(row.state):
        raise Conflict("该期初余额已有处理结果", "the opening balance is decided", where="state")
    if row.told_by in scope.persons:
        raise SamePerson("登记期初余额的人不得复核", "who told the opening balance must not decide it")
    entry_id = _booked(session, row) if confirmed and row.amount_fen else None
    row.state, row.decided_by, row.decided_on, row.entry_id = outcome, scope.actor, scope.business_date, entry_id
    session.flush()
    _trail(session, f"funds.opening_{outcome}", row)
    return row


def _booked(session: Session, row: OpeningBalance) -> uuid.UUID:
    carried = Posting(
        "carry",
        f"opening:{row.id}",
        AccountKey(row.year, row.source, row.purpose, "carried"),
        AccountKey(row.year, row.source, row.purpose, "available"),
        row.amount_fen,
        f"期初余额：{row.reason}（{row.document}）",
    )
    return post(session, [carried])[0].id


def opening_balances(session: Session, *, open_only: bool = False) -> Sequence[OpeningBalance]:
    """What was told in the tenant in scope, the earliest first; ``open_only`` leaves out what was declined."""
    wanted = select(OpeningBalance).order_by(OpeningBalance.id)
    return session.scalars(wanted.where(OpeningBalance.state != "declined") if open_only else wanted).all()


def _trail(session: Session, action: str, row: OpeningBalance) -> None:
    fields = {"year": row.year, "source": row.source, "purpose": row.purpose, "amount_fen": row.amount_fen}
    record(session, action, "opening_balance", row.id, fields)
