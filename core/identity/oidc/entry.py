"""Signing in with the provider's tokens, and proving oneself anew with them (issue 5; ASVS 2.1, 3.2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from core.db.session import reference_work
from core.errors import Forbidden
from core.identity.models import Account, StaffSession
from core.identity.oidc.errand import Errand
from core.identity.oidc.provider import STEPPED_UP, Tokens, provider
from core.identity.oidc.sealing import sealed, unsealed
from core.identity.oidc.tokens import TOLERANCE, IdToken, verified_access_token, verified_id_token
from core.identity.sessions import PASSWORD, SECOND_FACTOR, Origin, open_session
from core.vault.errors import SealBroken

REFRESH, IDENTITY = "session/refresh", "session/identity"
PROVEN_FOR = timedelta(seconds=300)
"""How long the realm holds a second proof to be good (``loa-max-age``), and answers a request for it at once."""


class NotProven(Forbidden):
    """Who came back from the provider is another person, or has not proven himself as was asked (再次认证)."""

    code = "not_proven"


def admitted(tokens: Tokens, errand: Errand, origin: Origin) -> str:
    """Open a session for the person of ``tokens``; the cookie's token.

    Accounts come from provisioning alone: raises ``Forbidden`` where none has that subject, where it is a program's, and
    where it is switched off here. Raises ``TokenRefused``, ``IssuerUnavailable``.
    """
    person, fresh_until = _verified(tokens, errand)
    with reference_work() as session:
        account = session.scalar(select(Account).where(Account.subject == person.subject))
        if account is None or account.is_program:
            raise Forbidden(
                "该账号尚未在本平台开通",
                "this account has not been set up on the platform",
                mend_zh="请联系本单位管理员开通，或换一个账号登录",
                mend_en="ask your union's administrator to set it up, or sign in with another account",
            )
        if account.disabled_at is not None:
            raise Forbidden(
                "该账号已停用",
                "this account has been switched off",
                mend_zh="请联系本单位管理员",
                mend_en="ask your union's administrator",
            )
        assurance = SECOND_FACTOR if person.acr == STEPPED_UP else PASSWORD
        token, row = open_session(session, account, origin, assurance=assurance, way="provider")
        _keep(row, tokens, errand.nonce, person, fresh_until)
        return token


def stepped_up(tokens: Tokens, errand: Errand, token_hash: bytes) -> None:
    """Raise the assurance of the session ``token_hash``, which must be the one that was sent to prove itself.

    Raises ``NotProven`` where another person came back, where ``acr`` is not what was asked, and where the proof is older
    than the realm lets it be: ``acr`` alone stays the same in later tokens (decision 0009).
    """
    person, fresh_until = _verified(tokens, errand)
    with reference_work() as session:
        row = session.get_one(StaffSession, token_hash, with_for_update=True)
        account = session.get_one(Account, row.account_id)
        if errand.session != token_hash.hex() or row.ended_at is not None or account.subject != person.subject:
            raise NotProven(
                "再次认证的不是当前登录的人员",
                "another person than the one signed in has proven himself",
                mend_zh="请以当前账号重新认证",
                mend_en="prove yourself with the account that is signed in",
            )
        if person.acr != STEPPED_UP or not _recent(person.auth_time):
            raise NotProven(
                "再次认证没有完成",
                "the proof that was asked for was not given",
                mend_zh="请重试，并完成动态口令或密码验证",
                mend_en="try again and give the one-time code or the password",
            )
        row.assurance = SECOND_FACTOR
        _keep(row, tokens, errand.nonce, person, fresh_until)


def _recent(proven_at: datetime | None) -> bool:
    return proven_at is not None and datetime.now(UTC) - proven_at <= PROVEN_FOR + timedelta(seconds=TOLERANCE)


def _verified(tokens: Tokens, errand: Errand) -> tuple[IdToken, datetime]:
    trust = provider().trust
    person = verified_id_token(tokens.identity, trust, nonce=errand.nonce, access_token=tokens.access)
    return person, verified_access_token(tokens.access, trust).expires_at


def _keep(row: StaffSession, tokens: Tokens, nonce: str, person: IdToken, fresh_until: datetime) -> None:
    row.authenticated_at = person.auth_time or datetime.now(UTC)
    row.provider_sid = person.session
    row.refresh_cipher = sealed(REFRESH, tokens.refresh, row.token_hash)
    # The nonce beside it: a renewed token may repeat it, but bear no other.
    row.id_token_cipher = sealed(IDENTITY, json.dumps([nonce, tokens.identity]), row.token_hash)
    row.fresh_until = fresh_until


def kept_identity(row: StaffSession) -> tuple[str, str]:
    """The nonce and the ID token of a session that the provider opened; raises ``SealBroken``."""
    nonce, token = json.loads(unsealed(IDENTITY, row.id_token_cipher or b"", row.token_hash))
    return nonce, token


def id_token_of(token_hash: bytes) -> str | None:
    """The ID token that signing out at the provider is asked with; None for a session that it did not open."""
    with reference_work() as session:
        row = session.get(StaffSession, token_hash)
        if row is None or row.id_token_cipher is None:
            return None
        try:
            return kept_identity(row)[1]
        except SealBroken:
            return None
