"""Asking the provider, before its access token runs out, whether a session still holds (会话续期).

Refresh tokens are good once, and a second use of one ends the session there: of all requests, over all processes, one asks.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from sqlalchemy import select

from core.db.session import reference_work
from core.identity.models import Account, StaffSession
from core.identity.oidc.entry import IDENTITY, REFRESH, kept_identity
from core.identity.oidc.errors import IssuerUnavailable, Reason, TokenRefused
from core.identity.oidc.provider import GrantRefused, Provider, Tokens, provider
from core.identity.oidc.reach import RETRY
from core.identity.oidc.sealing import sealed, unsealed
from core.identity.oidc.tokens import verified_access_token, verified_id_token
from core.vault.errors import SealBroken

EARLY = timedelta(seconds=10)
"""So long before the access token expires the provider is asked, so that nobody who works on has to wait for it."""

log = logging.getLogger(__name__)


class Renewal(Enum):
    """What became of it: the session ``HOLDS`` (renewed, or the provider is away), has ``ENDED``, or another request is
    ``ASKING`` for it at this moment."""

    HOLDS = auto()
    ENDED = auto()
    ASKING = auto()


def is_due(fresh_until: datetime) -> bool:
    """Whether the provider is to be asked about a session."""
    return fresh_until - datetime.now(UTC) < EARLY


def renewal(token_hash: bytes) -> Renewal:
    """Renew a session of the provider's where it is due and nobody else is at it.

    The row is locked while the provider is asked; whoever finds it locked is told so instead of waiting with a connection
    in his hands. An answer that the provider no longer honours the session ends it; no answer leaves it as it is.
    """
    with reference_work() as session:
        found = session.execute(
            select(StaffSession, Account.subject)
            .join(Account, Account.id == StaffSession.account_id)
            .where(StaffSession.token_hash == token_hash)
            .with_for_update(of=StaffSession, skip_locked=True)
        ).one_or_none()
        if found is None:
            return Renewal.ASKING
        row, subject = found
        if row.ended_at is not None or row.fresh_until is None:
            return Renewal.ENDED
        # Asked again under the lock: another may have renewed it between the question and the lock.
        if not is_due(row.fresh_until) or not provider().reach.may_try():
            return Renewal.HOLDS
        return _renew(row, subject, provider())


def _renew(row: StaffSession, subject: str | None, asked: Provider) -> Renewal:
    try:
        nonce, _ = kept_identity(row)
        tokens = asked.renewed(unsealed(REFRESH, row.refresh_cipher or b"", row.token_hash))
    except IssuerUnavailable:
        return Renewal.HOLDS
    except (GrantRefused, SealBroken):
        return _ended(row)
    # First of all: the former one is used up, whatever is found below.
    row.refresh_cipher = sealed(REFRESH, tokens.refresh, row.token_hash)
    try:
        row.fresh_until = _checked(tokens, nonce, subject, row.provider_sid, asked)
    except (IssuerUnavailable, TokenRefused) as error:
        if isinstance(error, TokenRefused) and error.reason is not Reason.UNKNOWN_KEY:
            log.error("a renewed token is not believed: %s", error.reason)
            return _ended(row)
        # The key is not to be had at the moment (decision 0010): passing.
        row.fresh_until = datetime.now(UTC) + EARLY + timedelta(seconds=RETRY)
        return Renewal.HOLDS
    row.id_token_cipher = sealed(IDENTITY, json.dumps([nonce, tokens.identity]), row.token_hash)
    return Renewal.HOLDS


def _checked(tokens: Tokens, nonce: str, subject: str | None, sid: str | None, asked: Provider) -> datetime:
    person = verified_id_token(tokens.identity, asked.trust, nonce=nonce, access_token=tokens.access, refreshed=True)
    if person.subject != subject or person.session != sid:
        raise TokenRefused(Reason.CLAIM, "id_token.sub")
    return verified_access_token(tokens.access, asked.trust).expires_at


def _ended(row: StaffSession) -> Renewal:
    row.ended_at = datetime.now(UTC)
    return Renewal.ENDED
