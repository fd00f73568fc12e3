"""Money that goes over to another county because this one closes (划转): what is available, by year, source and purpose.

Both sides book it under the same key. The giver's entry and the package that tells of it are one transaction, the receiver's
entry and the arrival another, so that whatever is killed in between is gone on with and nothing is booked twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.exchange.envelopes import UNDELIVERED_ZH, on_arrival, on_return, seal_envelope
from core.exchange.models import Envelope
from core.funds.ledger import AccountKey, Posting, hold, post
from core.funds.models import FundAccount, LedgerEntry
from core.money import Fen
from core.trail.service import record

CARRIED = "funds.carried"


@dataclass(frozen=True, slots=True)
class Held:
    """What an account of one year, source and purpose still holds in fen."""

    year: int
    source: str
    purpose: str
    available_fen: Fen
    reserved_fen: Fen


def held(session: Session) -> list[Held]:
    """What is available and reserved in all years, accounts that hold nothing left out."""
    columns = (FundAccount.year, FundAccount.source, FundAccount.purpose)
    available, reserved = (
        func.coalesce(func.sum(FundAccount.balance_fen).filter(FundAccount.state == state), 0)
        for state in ("available", "reserved")
    )
    rows = session.execute(select(*columns, available, reserved).group_by(*columns).order_by(*columns))
    return [Held(year, source, purpose, int(free), int(kept)) for year, source, purpose, free, kept in rows if free or kept]


def carry_over(session: Session, peer: str, reason: str) -> list[Held]:
    """Book all that is available out of this county's accounts and tell the county ``peer``; nothing where nothing is left."""
    hold(session, {row.year for row in held(session)})
    moving = [row for row in held(session) if row.available_fen]
    if not moving:
        return []
    batch = new_id()
    post(session, _postings(batch, moving, reason, out=True))
    told = [[row.year, row.source, row.purpose, row.available_fen] for row in moving]
    seal_envelope(session, peer=peer, kind=CARRIED, body={"batch": str(batch), "accounts": told, "reason": reason})
    fields = {"peer": peer, "batch": batch, "amount_fen": sum(row.available_fen for row in moving)}
    record(session, "funds.carried_out", "ledger_entry", None, fields)
    return moving


@on_arrival(CARRIED)
def _came(session: Session, envelope: Envelope) -> None:
    moving = [Held(int(year), source, purpose, int(fen), 0) for year, source, purpose, fen in envelope.body["accounts"]]
    batch = uuid.UUID(envelope.body["batch"])
    post(session, _postings(batch, moving, str(envelope.body["reason"]), out=False))
    fields = {"peer": envelope.peer, "batch": batch, "amount_fen": sum(row.available_fen for row in moving)}
    record(session, "funds.carried_in", "ledger_entry", None, fields)


@on_return(CARRIED)
def _came_back(session: Session, envelope: Envelope) -> None:
    """The money stays here: what was booked out is booked back by entries of its own."""
    moving = [Held(int(year), source, purpose, int(fen), 0) for year, source, purpose, fen in envelope.body["accounts"]]
    batch = uuid.UUID(envelope.body["batch"])
    hold(session, {row.year for row in moving})
    post(session, _postings(batch, moving, UNDELIVERED_ZH, out=False, key="carry-back"))
    fields = {"peer": envelope.peer, "batch": batch, "amount_fen": sum(row.available_fen for row in moving)}
    record(session, "funds.carried_back", "ledger_entry", None, fields)


def _postings(batch: uuid.UUID, moving: Sequence[Held], reason: str, *, out: bool, key: str = "carry") -> list[Posting]:
    found = []
    for row in moving:
        available, carried = (AccountKey(row.year, row.source, row.purpose, state) for state in ("available", "carried"))
        found.append(
            Posting(
                "carry",
                f"{key}:{batch}:{row.year}:{row.source}:{row.purpose}",
                available if out else carried,
                carried if out else available,
                row.available_fen,
                reason,
            )
        )
    return found


def batches_to(session: Session, peer: str) -> list[str]:
    """The batches in which money went from the tenant in scope over to the county ``peer``."""
    sent = select(Envelope.body["batch"].astext).where(
        Envelope.direction == "out", Envelope.kind == CARRIED, Envelope.peer == peer
    )
    return list(session.scalars(sent))


def carried(session: Session, batches: Sequence[str]) -> dict[str, Fen]:
    """What was booked for ``batches``, by key of the entry: the same at both sides of a package. Opening balances and money of
    earlier closings are other entries of the same kind, and not meant."""
    mine = LedgerEntry.idempotency_key.startswith("carry:") & func.split_part(LedgerEntry.idempotency_key, ":", 2).in_(batches)
    rows = session.execute(select(LedgerEntry.idempotency_key, LedgerEntry.amount_fen).where(LedgerEntry.kind == "carry", mine))
    return dict(rows.all())
