"""Being told by the provider that a session ended there (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from core.db.session import reference_work
from core.errors import Conflict
from core.identity.models import Account, SeenToken, StaffSession
from core.identity.oidc.provider import provider
from core.identity.oidc.tokens import TOLERANCE, verified_logout_token


def heard_logout(token: str) -> int:
    """End the sessions that a logout token names, by the provider's session or by the person; how many ended.

    Raises ``TokenRefused``, ``IssuerUnavailable``, and ``Conflict`` for a token that was taken before.
    """
    told = verified_logout_token(token, provider().trust)
    now = datetime.now(UTC)
    with reference_work() as session:
        session.execute(delete(SeenToken).where(SeenToken.expires_at < now))
        seen = insert(SeenToken).values(number=told.token_id, expires_at=told.expires_at + timedelta(seconds=TOLERANCE))
        if session.scalar(seen.on_conflict_do_nothing().returning(SeenToken.number)) is None:
            raise Conflict("该注销通知已处理过", "this logout token was taken before")
        ending = update(StaffSession).where(StaffSession.ended_at.is_(None)).values(ended_at=now)
        if told.session is not None:
            ending = ending.where(StaffSession.provider_sid == told.session)
        if told.subject is not None:
            theirs = select(Account.id).where(Account.subject == told.subject)
            ending = ending.where(StaffSession.account_id.in_(theirs))
        return len(session.scalars(ending.returning(StaffSession.token_hash)).all())
