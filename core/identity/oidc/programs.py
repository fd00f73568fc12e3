"""Other systems that come with an access token of their own (service accounts by client credentials, RFC 6749 4.4)."""

from __future__ import annotations

from sqlalchemy import select

from core.db.session import reference_work
from core.identity.models import Account
from core.identity.oidc.errors import Reason, TokenRefused
from core.identity.oidc.provider import provider
from core.identity.oidc.tokens import AccessToken, verified_access_token
from core.identity.sessions import SignedIn

NOT_PROVEN = 0
"""The assurance of a program: nobody sits there who could prove himself."""


def program_of(token: str) -> SignedIn:
    """The program that an access token speaks for, as if it were signed in, but without a session or a page's token.

    Its account's login is the client's id, its subject that of the client's service account. Raises ``TokenRefused``,
    also over a token of a person, whichever client asked for it, and ``IssuerUnavailable``.
    """
    programs = Account.is_program.is_(True), Account.disabled_at.is_(None)
    with reference_work() as session:
        clients = session.scalars(select(Account.login).where(*programs)).all()
    # Without a connection in hand: the key may have to be fetched.
    found = verified_access_token(token, provider().trust, services=clients)
    with reference_work() as session:
        account = session.scalar(select(Account).where(*programs, Account.login == found.client))
    if account is None or _is_of_a_person(found) or account.subject != found.subject:
        raise TokenRefused(Reason.CLIENT, "access_token.azp")
    return SignedIn(
        account_id=account.id,
        login=account.login,
        display_name=account.display_name,
        csrf_token="",
        token_hash=b"",
        authenticated_at=found.issued_at,
        assurance=NOT_PROVEN,
        must_change_password=False,
        has_password=False,
        has_second_factor=False,
    )


def _is_of_a_person(token: AccessToken) -> bool:
    return token.session is not None or token.auth_time is not None
