"""A realm for tests that signs people in without forms and hands out tokens as Keycloak does: codes and refresh tokens are good
once, and a second use ends the session."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.core.issuer import CLIENT, TestIssuer, access_claims, b64, id_claims, logout_claims, token

SECRET = "of-these-tests"
LIFE = 60


@dataclass
class Sso:
    """A session at the realm."""

    subject: str
    sid: str = field(default_factory=lambda: str(uuid.uuid4()))
    acr: str = "1"
    auth_time: int = field(default_factory=lambda: int(time.time()))
    live: bool = True


class Realm(TestIssuer):
    """``refreshes`` counts refresh requests; ``slow`` seconds pass before each answer; ``lifetime`` is that of access tokens.
    ``altered`` claims are put into the next tokens."""

    __test__ = False

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.refreshes = 0
        self.slow = 0.0
        self.lifetime = LIFE
        self.altered: dict[str, Any] = {}
        self.away = False
        self._codes: dict[str, tuple[Sso, dict[str, str]]] = {}
        self._refresh: dict[str, Sso] = {}
        self._used: dict[str, Sso] = {}
        self._lock = threading.Lock()

    def arrive(self, address: str, sso: Sso) -> dict[str, str]:
        """What the browser brings back, that was sent to ``address`` and signed in there as ``sso``."""
        asked = dict(parse_qsl(urlsplit(address).query))
        code = secrets.token_urlsafe(8)
        self._codes[code] = (sso, asked)
        return {"code": code, "state": asked["state"], "session_state": sso.sid}

    def answer(self, path: str) -> tuple[int, bytes]:
        return (503, b"{}") if self.away else super().answer(path)

    def granted(self, path: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        time.sleep(self.slow)
        with self._lock:
            self.asked[path] += 1
            if self.away:
                return 503, b"{}"
            if fields.get("client_secret") != SECRET:
                return 401, b'{"error": "unauthorized_client"}'
            found = self._of_code(fields) if fields["grant_type"] == "authorization_code" else self._of_refresh(fields)
            if found is None:
                return 400, b'{"error": "invalid_grant"}'
            return 200, json.dumps(found).encode()

    def _of_code(self, fields: Mapping[str, str]) -> dict[str, str] | None:
        sso, asked = self._codes.pop(fields["code"], (None, {}))
        if sso is None or fields["redirect_uri"] != asked["redirect_uri"] or asked["code_challenge_method"] != "S256":
            return None
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        return self._tokens(sso, nonce=asked["nonce"])

    def _of_refresh(self, fields: Mapping[str, str]) -> dict[str, str] | None:
        self.refreshes += 1
        given = fields["refresh_token"]
        if given in self._used:
            self._used[given].live = False
        sso = self._refresh.pop(given, None)
        if sso is None or not sso.live:
            return None
        self._used[given] = sso
        return self._tokens(sso, nonce=None)

    def claims(self, sso: Sso, **more: Any) -> dict[str, Any]:
        """What tokens of ``sso`` say now."""
        now = int(time.time())
        said = {"iat": now, "exp": now + self.lifetime, "sub": sso.subject, "sid": sso.sid, "acr": sso.acr}
        return {**said, "auth_time": sso.auth_time, "aud": CLIENT, **more}

    def access(self, sso: Sso, **more: Any) -> str:
        """An access token alone."""
        return token(access_claims(self.url, **self.claims(sso, **more)))

    def _tokens(self, sso: Sso, nonce: str | None) -> dict[str, str]:
        said = {**self.claims(sso, nonce=nonce), **self.altered}
        access = token(access_claims(self.url, **{**said, "nonce": None}))
        half = hashlib.sha256(access.encode()).digest()[:16]
        refresh = secrets.token_urlsafe(16)
        self._refresh[refresh] = sso
        identity = token(id_claims(self.url, **said, at_hash=b64(half)))
        return {"access_token": access, "refresh_token": refresh, "id_token": identity}

    def logout_token(self, **more: Any) -> str:
        """What is posted when a session ends here."""
        now = int(time.time())
        return token(logout_claims(self.url, **{"iat": now, "exp": now + 120, "jti": str(uuid.uuid4()), **more}))
