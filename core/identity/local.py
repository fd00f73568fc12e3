"""Local accounts (本地账号): who signs in with a password that this installation keeps. The default without Keycloak."""

from __future__ import annotations

from sqlalchemy import select

from core.db.session import reference_work
from core.identity.models import Account
from core.identity.passwords import matches
from core.identity.sessions import Origin, open_session


def sign_in(login: str, password: str, *, address: str | None = None, agent: str | None = None) -> str | None:
    """Check a local account's password and open a session; the cookie's token, or None where they do not match."""
    with reference_work() as session:
        account = session.scalar(select(Account).where(Account.login == login.strip().lower()))
        good = matches(account.password_hash if account else None, password)
        if account is None or not good or account.disabled_at is not None or account.is_program:
            return None
        token, _ = open_session(session, account, Origin(address, agent))
        return token
