"""Sessions of signed-in browsers (会话), however a person proved who he is: opened, found by the cookie, listed, ended."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.db.session import reference_work
from core.identity.models import Account, StaffSession
from core.trail.models import SignInEvent

SESSION_HOURS = 12
IDLE_MINUTES = 60
PASSWORD, SECOND_FACTOR = 1, 2
"""How well a person proved who he is (``assurance``): by a password, or by a second factor as well."""


Way = Literal["password", "code", "provider"]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session: the account, its CSRF token, the session's own key, and when and how well the person proved himself."""

    account_id: uuid.UUID
    login: str
    display_name: str
    csrf_token: str
    token_hash: bytes
    authenticated_at: datetime
    assurance: int
    must_change_password: bool
    has_password: bool
    """Whether the account has a password here; who signs in at an identity provider alone has none."""
    has_second_factor: bool
    """Whether more than the password can be asked for; an identity provider always finds something (``acr`` 2)."""
    fresh_until: datetime | None = None
    """When the identity provider is to be asked again; None for a local session."""


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a browser signed in."""

    address: str | None = None
    agent: str | None = None


def open_session(
    session: Session, account: Account, origin: Origin, *, assurance: int = PASSWORD, way: Way | None = None
) -> tuple[str, StaffSession]:
    """A new session of ``account``: the cookie's token, which is stored nowhere, and the row, which holds its hash.

    ``way`` is how the person came in, where the assurance does not say it.
    """
    now = datetime.now(UTC)
    token = secrets.token_urlsafe(32)
    row = StaffSession(
        token_hash=token_hash(token),
        account_id=account.id,
        csrf_token=secrets.token_urlsafe(24),
        expires_at=now + timedelta(hours=SESSION_HOURS),
        address=origin.address,
        agent=(origin.agent or "")[:200] or None,
        authenticated_at=now,
        assurance=assurance,
    )
    account.signed_in_at = now
    session.add(row)
    note_sign_in(
        session, account.id, way or ("code" if assurance >= SECOND_FACTOR else "password"), "signed_in", origin.address
    )
    return token, row


def note_sign_in(
    session: Session,
    account_id: uuid.UUID | None,
    way: Way,
    outcome: Literal["signed_in", "refused", "throttled"],
    address: str | None,
) -> None:
    """Keep a try to sign in and what came of it; ``account_id`` is None where the name that was typed is nobody's."""
    session.add(SignInEvent(account_id=account_id, way=way, outcome=outcome, address=address))


def session_of(token: str) -> SignedIn | None:
    """``live_session`` in a unit of work of its own."""
    with reference_work() as session:
        return live_session(session, token)


def live_session(session: Session, token: str) -> SignedIn | None:
    """The live session of a cookie's token: not ended, not expired, not idle too long, account not disabled. That it is in use
    is noted."""
    now = datetime.now(UTC)
    row = session.execute(
        select(StaffSession, Account)
        .join(Account, Account.id == StaffSession.account_id)
        .where(
            StaffSession.token_hash == token_hash(token),
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > now,
            StaffSession.last_seen_at > now - timedelta(minutes=IDLE_MINUTES),
            Account.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    live, account = row
    if now - live.last_seen_at > timedelta(minutes=1):
        _touch(session, live.token_hash, now)
    # Whoever came from an identity provider has his password and second factor there, whatever stands here as well.
    is_local = live.fresh_until is None
    return SignedIn(
        account.id,
        account.login,
        account.display_name,
        live.csrf_token,
        live.token_hash,
        live.authenticated_at,
        live.assurance,
        account.must_change_password and is_local,
        account.password_hash is not None and is_local,
        account.totp_cipher is not None or not is_local,
        live.fresh_until,
    )


def _touch(session: Session, row: bytes, now: datetime) -> None:
    """Note that a session is in use. A row that is locked, since its provider is being asked, is passed over: waiting for it
    would hold a connection for as long as the provider takes."""
    free = select(StaffSession.token_hash).where(StaffSession.token_hash == row).with_for_update(skip_locked=True)
    session.execute(update(StaffSession).where(StaffSession.token_hash.in_(free)).values(last_seen_at=now))


def live_sessions(session: Session, account_id: uuid.UUID) -> Sequence[StaffSession]:
    """The sessions of an account that have not ended, newest first."""
    now = datetime.now(UTC)
    return session.scalars(
        select(StaffSession)
        .where(
            StaffSession.account_id == account_id,
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > now,
            StaffSession.last_seen_at > now - timedelta(minutes=IDLE_MINUTES),
        )
        .order_by(StaffSession.created_at.desc())
    ).all()


def end_sessions(session: Session, account_id: uuid.UUID, *, but: bytes | None = None) -> int:
    """End all sessions of an account, all but the one with the hash ``but``; how many ended."""
    ending = (
        update(StaffSession)
        .where(StaffSession.account_id == account_id, StaffSession.ended_at.is_(None))
        .values(ended_at=datetime.now(UTC))
        .returning(StaffSession.token_hash)
    )
    if but is not None:
        ending = ending.where(StaffSession.token_hash != but)
    return len(session.scalars(ending).all())


def sign_out(token: str) -> None:
    """End the session of a cookie's token; one that has ended keeps its time."""
    with reference_work() as session:
        session.execute(
            update(StaffSession)
            .where(StaffSession.token_hash == token_hash(token), StaffSession.ended_at.is_(None))
            .values(ended_at=datetime.now(UTC))
        )


def token_hash(token: str) -> bytes:
    """What is stored of a token: a random one of 256 bits needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()
