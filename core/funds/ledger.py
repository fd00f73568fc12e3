"""The double-entry ledger (复式记账, domain 7.1): the only place that writes entries and balances.

Lock order of every money command: the year's voucher counter, then the accounts in the order of their keys. The counter
is held until the commit anyway, so that vouchers have no gaps; taking it first makes the order total, and whatever is read
after it is the last word of every earlier command.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.funds import repository
from core.funds.errors import KeyUsed, Overdrawn
from core.funds.models import FundAccount, LedgerEntry
from core.funds.sources import source_names
from core.money import Fen, format_yuan
from core.scope import current_scope
from core.tenancy.service import next_numbers

VOUCHER = "voucher"
EntryKind = Literal["receipt", "reserve", "release", "pay", "reverse", "carry"]


class AccountKey(NamedTuple):
    """Which account (会计科目): year, source of the money, purpose (earmark), state. Sorts in the order of locking."""

    year: int
    source: str
    purpose: str
    state: str


@dataclass(frozen=True, slots=True)
class LockedAccount:
    """An account whose row is locked until the end of the transaction; balance in fen."""

    id: uuid.UUID
    balance_fen: Fen


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of ``amount_fen`` between two accounts of one year. ``key`` is its idempotency key."""

    kind: EntryKind
    key: str
    origin: AccountKey
    target: AccountKey
    amount_fen: Fen
    note: str
    grant_id: uuid.UUID | None = None
    attempt_id: uuid.UUID | None = None

    def __post_init__(self) -> None:
        if self.amount_fen <= 0 or self.origin.year != self.target.year or self.origin == self.target:
            raise ValueError("a posting moves a positive amount between two accounts of one year")


def hold(session: Session, years: Iterable[int]) -> None:
    """Lock the voucher counters of ``years``: from here on no other command of the tenant moves their money."""
    for year in sorted(set(years)):
        next_numbers(session, VOUCHER, year, 0)


def lock_existing(session: Session, keys: Iterable[AccountKey]) -> dict[AccountKey, LockedAccount]:
    """Lock those accounts of ``keys`` that exist, in their order."""
    wanted = sorted(set(keys))
    hold(session, (key.year for key in wanted))
    return {
        AccountKey(row.year, row.source, row.purpose, row.state): LockedAccount(row.id, row.balance_fen)
        for row in repository.lock_accounts(session, wanted)
    }


def _lock(session: Session, keys: Iterable[AccountKey]) -> dict[AccountKey, LockedAccount]:
    wanted = sorted(set(keys))
    found = lock_existing(session, wanted)
    missing = [key._asdict() for key in wanted if key not in found]
    if missing:
        session.execute(insert(FundAccount), missing)
        found = lock_existing(session, wanted)
    return found


def post(session: Session, postings: Sequence[Posting]) -> list[LedgerEntry]:
    """Write one entry (会计分录) per posting and move each balance once.

    A posting whose key has been posted gives the first entry again. Raises ``KeyUsed`` where the key was used for
    something else and ``Overdrawn`` where an account would fall below zero; nothing is written then.
    """
    accounts = _lock(session, (key for posting in postings for key in (posting.origin, posting.target)))
    entries = repository.entries_by_key(session, [posting.key for posting in postings])
    fresh: dict[str, Posting] = {}
    for posting in postings:
        if posting.key in entries:
            _refuse_other_content(posting, entries[posting.key], accounts)
        elif fresh.setdefault(posting.key, posting) != posting:
            raise KeyUsed(posting.key)
    _move(session, fresh.values(), accounts)
    made = _entries(session, list(fresh.values()), accounts)
    session.add_all(made)
    session.flush()
    entries.update((entry.idempotency_key, entry) for entry in made)
    return [entries[posting.key] for posting in postings]


def _move(session: Session, postings: Iterable[Posting], accounts: Mapping[AccountKey, LockedAccount]) -> None:
    deltas: dict[AccountKey, Fen] = {}
    for posting in postings:
        deltas[posting.origin] = deltas.get(posting.origin, 0) - posting.amount_fen
        deltas[posting.target] = deltas.get(posting.target, 0) + posting.amount_fen
    for key, delta in deltas.items():
        balance = accounts[key].balance_fen
        if key.state not in ("income", "carried") and balance + delta < 0:
            raise overdrawn(-delta, {key.source: balance}, key.purpose)
    repository.move_balances(session, {accounts[key].id: delta for key, delta in deltas.items() if delta})


def _entries(session: Session, postings: Sequence[Posting], accounts: Mapping[AccountKey, LockedAccount]) -> list[LedgerEntry]:
    scope = current_scope()
    counts: dict[int, int] = {}
    for posting in postings:
        counts[posting.origin.year] = counts.get(posting.origin.year, 0) + 1
    vouchers = {year: iter(next_numbers(session, VOUCHER, year, count)) for year, count in sorted(counts.items())}
    return [
        LedgerEntry(
            year=posting.origin.year,
            voucher=next(vouchers[posting.origin.year]),
            kind=posting.kind,
            legs=_legs(posting, accounts),
            amount_fen=posting.amount_fen,
            business_date=scope.business_date,
            idempotency_key=posting.key,
            grant_id=posting.grant_id,
            attempt_id=posting.attempt_id,
            note=posting.note,
            actor=scope.actor,
        )
        for posting in postings
    ]


def _legs(posting: Posting, accounts: Mapping[AccountKey, LockedAccount]) -> list[dict[str, str | int]]:
    return [
        {"account": str(accounts[posting.origin].id), "fen": -posting.amount_fen},
        {"account": str(accounts[posting.target].id), "fen": posting.amount_fen},
    ]


def _refuse_other_content(posting: Posting, first: LedgerEntry, accounts: Mapping[AccountKey, LockedAccount]) -> None:
    if (first.kind, first.legs, first.note) != (posting.kind, _legs(posting, accounts), posting.note):
        raise KeyUsed(posting.key)


def overdrawn(needed_fen: Fen, available: Mapping[str, Fen], purpose: str) -> Overdrawn:
    """The refusal that says how much is needed and what each source still holds."""
    names = source_names()
    held_zh = "、".join(f"{names.get(source, source)} {format_yuan(fen)}" for source, fen in available.items())
    held_en = ", ".join(f"{source} {format_yuan(fen)}" for source, fen in available.items())
    return Overdrawn(
        f"专项资金不足：需要 {format_yuan(needed_fen)}，现有{held_zh}",
        f"the earmarked money does not suffice: {format_yuan(needed_fen)} needed, {held_en} held",
        where=purpose,
        mend_zh="请先登记到账资金，或减少本次审批的数量",
        mend_en="register money received first, or approve fewer at once",
    )
