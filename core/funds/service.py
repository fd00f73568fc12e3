"""The fund's service: money comes in, is granted, paid, and accounted for (帮扶资金, domain 6, 7.1)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.errors import InvalidInput
from core.funds import repository
from core.funds.grants import GrantDraft, approve_grants, release_grants
from core.funds.ledger import AccountKey, Posting, hold, post
from core.funds.models import LedgerEntry
from core.funds.payments import BankTotals, approve_batch, cancel_batch, prepare_batch, send_batch, take_return
from core.funds.repository import (
    balances,
    batches,
    differences,
    entries,
    paid_by_source_and_purpose,
)
from core.funds.reversals import batches_with_open_reversals, decide_reversal, reversals_of, tell_reversal
from core.funds.sources import check_source
from core.funds.waiting import due
from core.money import FEN_PER_YUAN, MAX_YUAN, Fen
from core.scope import current_scope
from core.trail.service import record

__all__ = [
    "BankTotals",
    "GrantDraft",
    "approve_batch",
    "approve_grants",
    "balances",
    "batches",
    "batches_with_open_reversals",
    "cancel_batch",
    "decide_reversal",
    "differences",
    "due",
    "entries",
    "paid_by_source_and_purpose",
    "prepare_batch",
    "receive",
    "release_grants",
    "reversals_of",
    "send_batch",
    "take_return",
    "tell_reversal",
]

_YEARS = range(2000, 2101)


def receive(session: Session, *, year: int, source: str, purpose: str, amount_fen: Fen, key: str, note: str) -> LedgerEntry:
    """Book money that came in (资金到账): from ``source`` (domain 6.1 to 6.3), earmarked for ``purpose`` in ``year``.

    ``key`` makes a repeated command give the first entry; raises ``KeyUsed`` where it comes with other content.
    """
    current_scope().require("funds.receive")
    _check_receipt(year, source, purpose, amount_fen)
    receipt = Posting(
        "receipt",
        f"receipt:{key}",
        AccountKey(year, source, purpose, "income"),
        AccountKey(year, source, purpose, "available"),
        amount_fen,
        note,
    )
    hold(session, [year])
    repeated = bool(repository.entries_by_key(session, [receipt.key]))
    (entry,) = post(session, [receipt])
    if repeated:
        return entry
    fields = {"voucher": entry.voucher, "source": source, "purpose": purpose, "amount_fen": amount_fen}
    record(session, "funds.received", "ledger_entry", entry.id, fields)
    return entry


def _check_receipt(year: int, source: str, purpose: str, amount_fen: Fen) -> None:
    if year not in _YEARS:
        raise InvalidInput("年度不正确", "not a fund year", where="year")
    check_source(source, purpose)
    if not 0 < amount_fen <= MAX_YUAN * FEN_PER_YUAN:
        raise InvalidInput("金额须大于零", "the amount must be above zero", where="amount_fen")
