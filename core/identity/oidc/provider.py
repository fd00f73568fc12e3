"""The identity provider of this installation (统一身份认证): where browsers are sent, and what is asked of it directly."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from core.errors import BangfuError
from core.identity.oidc.endpoints import Issuer
from core.identity.oidc.errand import Errand
from core.identity.oidc.errors import IssuerUnavailable
from core.identity.oidc.keys import SigningKeys
from core.identity.oidc.reach import Reach
from core.identity.oidc.tokens import Trust
from core.settings import settings

CALLBACK = "/oidc/callback"
AFTER_SIGN_OUT = "/sign-in"
"""The only addresses below the public one that the realm sends browsers back to."""
STEPPED_UP = "2"
"""``acr`` of whoever proved anew that he is there: by a one-time code, or by the password where he has no device."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class GrantRefused(BangfuError):
    """The provider no longer honours a code or a refresh token (``invalid_grant``): it is used up, too old, or the person was
    signed out or switched off there."""

    code = "grant_refused"
    status = 401


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider hands out at once. Nothing of it prints."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    identity: str = field(repr=False)


class Provider:
    """The realm under its client ``client``; ``public_url`` is our own address as browsers know it."""

    def __init__(self, issuer: Issuer, client: str, secret: str, public_url: str) -> None:
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._public_url = public_url
        self.trust = Trust(issuer=issuer.issuer, client=client, audience=client, keys=SigningKeys(issuer))
        self.reach = Reach()

    def authorization_address(self, errand: Errand, **more: str) -> str:
        """Where the browser goes on its errand; ``more`` adds parameters. Raises ``IssuerUnavailable``."""
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._public_url + CALLBACK,
            "scope": "openid",
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{self._issuer.endpoints().authorization}?{urlencode(asked)}"

    def end_session_address(self, id_token: str | None) -> str | None:
        """Where the browser signs out at the provider, to come back to the sign-in page; None where the provider has no such
        address, or does not answer now. Without ``id_token`` the provider asks whether that is meant."""
        try:
            self.require_answer()
            address = self._issuer.endpoints().end_session
        except IssuerUnavailable:
            return None
        asked = {"client_id": self._client, "post_logout_redirect_uri": self._public_url + AFTER_SIGN_OUT}
        if id_token is not None:
            asked["id_token_hint"] = id_token
        return f"{address}?{urlencode(asked)}" if address is not None else None

    def require_answer(self) -> None:
        """Raise ``IssuerUnavailable`` where the provider does not answer now: a browser that is sent there would show an
        error of its own. One thread asks anew after a failure."""
        if self.reach.is_recent():
            return
        if not self.reach.may_try():
            raise IssuerUnavailable(
                "统一身份认证服务器没有响应", "the identity provider does not answer", where=self.trust.issuer
            )
        self._noting(lambda: self._issuer.published(f"{self.trust.issuer}/.well-known/openid-configuration"))

    def exchange(self, code: str, verifier: str) -> Tokens:
        """The tokens for an authorization code. Raises ``GrantRefused``, ``IssuerUnavailable``."""
        fields = {"code": code, "code_verifier": verifier, "redirect_uri": self._public_url + CALLBACK}
        return self._granted({"grant_type": "authorization_code", **fields})

    def renewed(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which is used up by that. Raises ``GrantRefused``, ``IssuerUnavailable``."""
        return self._granted({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _granted(self, fields: Mapping[str, str]) -> Tokens:
        known = {"client_id": self._client, "client_secret": self._secret}
        where = ""

        def ask() -> tuple[int, dict[str, Any]]:
            nonlocal where
            where = self._issuer.endpoints().token
            return self._issuer.asked(where, {**fields, **known})

        status, found = self._noting(ask)
        if found.get("error") == "invalid_grant":
            raise GrantRefused(
                "登录已在统一身份认证处失效",
                "the identity provider no longer honours this sign-in",
                mend_zh="请重新登录",
                mend_en="sign in again",
            )
        parts = [found.get(name) for name in ("access_token", "refresh_token", "id_token")]
        if status != 200 or not all(isinstance(part, str) for part in parts):
            # The client's own fault (its secret, its settings), or an answer without a token: for whoever runs the
            # installation. Sessions are kept meanwhile, as when the server is away.
            log.error("the token endpoint %s answers %d %s", where, status, str(found.get("error"))[:60])
            raise IssuerUnavailable(
                f"认证服务器未发放令牌（{status}）", f"the issuer hands out no tokens ({status})", where=where
            )
        access, refresh, identity = (str(part) for part in parts)
        return Tokens(access, refresh, identity)

    def _noting(self, ask: Callable[[], T]) -> T:
        """What ``ask`` brings; whether the provider answered is remembered."""
        try:
            found = ask()
        except IssuerUnavailable:
            self.reach.failed()
            raise
        self.reach.answered()
        return found


@lru_cache(maxsize=1)
def _provider(issuer: str, client: str, secret: str, public_url: str, ca_file: Path | None) -> Provider:
    return Provider(Issuer(issuer, ca_file=ca_file), client, secret, public_url)


def provider() -> Provider:
    """The provider that the settings name, kept for the life of this process with its addresses and keys."""
    own = settings()
    secret = own.keycloak_client_secret.get_secret_value()
    return _provider(own.issuer, own.keycloak_client_id, secret, own.public_url.rstrip("/"), own.keycloak_ca_file)
