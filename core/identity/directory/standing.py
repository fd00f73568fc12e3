"""How accounts stand with the directory, as their administrators see it (待同步), and whose sessions live there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import BangfuError
from core.identity.changes import kept_elsewhere
from core.identity.directory.models import DirectoryEntry
from core.identity.directory.there import SessionThere, directory
from core.identity.models import Account
from core.identity.sessions import live_sessions


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the entry there follows the account (``in_step``), and if not: since when it is behind, why the last try
    failed, and whether a first password is still on its way."""

    in_step: bool
    since: datetime | None = None
    error: str | None = None
    password_waits: bool = False


@dataclass(frozen=True, slots=True)
class SessionsThere:
    """The provider's sessions of a person that none here belongs to. ``answered`` is false where it could not be asked."""

    answered: bool
    others: Sequence[SessionThere] = ()


def standing(account: Account, entry: DirectoryEntry | None) -> Standing | None:
    """How an account stands; None for a program, and where accounts are kept here alone."""
    if account.is_program or not kept_elsewhere():
        return None
    # A switched-off account needs nobody there.
    settled = account.subject is not None or account.disabled_at is not None
    if entry is None:
        return Standing(settled)
    if entry.done == entry.told and settled:
        return Standing(in_step=True)
    # Kept in both languages; the Chinese part is what pages and administrators speak.
    why = entry.error.partition(" / ")[0] if entry.error else None
    return Standing(False, entry.told_at, why, entry.password_cipher is not None)


def standing_of(session: Session, account: Account) -> Standing | None:
    """``standing`` of one account."""
    return standing(account, session.get(DirectoryEntry, account.id))


def sids_here(session: Session, account_id: uuid.UUID) -> frozenset[str]:
    """The provider's sessions that sessions living here belong to."""
    return frozenset(row.provider_sid for row in live_sessions(session, account_id) if row.provider_sid is not None)


def sessions_there(subject: str | None, here: frozenset[str]) -> SessionsThere | None:
    """Ask the provider for a person's sessions beside those that live ``here``, without waiting long; None where people do not
    sign in there, or this one cannot yet. Call it without a transaction in hand."""
    if subject is None or not kept_elsewhere():
        return None
    try:
        found = directory(brief=True).sessions(subject)
    except BangfuError:
        return SessionsThere(answered=False)
    return SessionsThere(True, [one for one in found if one.id not in here])
