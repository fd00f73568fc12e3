"""Signing in on Keycloak's own forms without a browser: the authorization code flow with PKCE, form by form.

Keycloak marks its cookies ``Secure``. A browser sends them to loopback over plain HTTP all the same, an HTTP library does
not; so they are kept and sent by hand here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
import struct
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

_FORM = re.compile(r'<form[^>]*\saction="([^"]+)"')
_CHALLENGE_BYTES = 48
_PATIENCE_S = 60.0
"""For machines that are busy with other tests: Keycloak hashes passwords slowly on purpose."""


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, its signature unchecked: for tests that ask what Keycloak put in."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def one_time_code(secret: str, at: float | None = None) -> str:
    """The six digits of RFC 6238 that an authenticator with ``secret`` (its raw text) shows now, or at an instant."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(secret.encode(), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


@dataclass
class Visitor:
    """One person's browser before the sign-in page of ``realm_url``; ``page`` is the page it shows."""

    realm_url: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    page: str = ""
    arrived_at: str = ""
    """The web's address that Keycloak sent the browser back to; empty while it shows a page of its own."""
    arrived: dict[str, str] = field(default_factory=dict)
    """What that redirect carried (code, state or error)."""
    _cookies: dict[str, str] = field(default_factory=dict, repr=False)
    _verifier: str = field(default="", repr=False)

    def ask(self, **more: str) -> None:
        """Go to the sign-in page as the web would send the person there; ``more`` adds or replaces parameters, and
        an empty value leaves one out."""
        self._verifier = secrets.token_urlsafe(_CHALLENGE_BYTES)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": self.client_id,
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": self.redirect_uri,
            "state": secrets.token_urlsafe(8),
            "nonce": secrets.token_urlsafe(8),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        self._walk("GET", f"{self.realm_url}/protocol/openid-connect/auth", params={k: v for k, v in asked.items() if v})

    def go(self, address: str) -> None:
        """Go where the web has sent the browser."""
        self._walk("GET", address)

    def send(self, **fields: str) -> None:
        """Fill in the form that is shown and send it."""
        found = _FORM.search(self.page)
        assert found is not None, self.page
        self._walk("POST", html.unescape(found[1]), data=fields)

    def tokens(self) -> dict[str, Any]:
        """Exchange the code that arrived for tokens."""
        return self.token_request(
            grant_type="authorization_code",
            code=self.arrived["code"],
            redirect_uri=self.redirect_uri,
            code_verifier=self._verifier,
        )

    def leave(self, id_token: str, goal: str) -> None:
        """Sign out at Keycloak as the web would send the person there, to come back to ``goal``."""
        asked = {"id_token_hint": id_token, "post_logout_redirect_uri": goal}
        self._walk("GET", f"{self.realm_url}/protocol/openid-connect/logout", params=asked)

    def token_request(self, **fields: str) -> dict[str, Any]:
        """Ask the token endpoint as the web; what it answers, refusals (``error``) as well."""
        answer = httpx2.post(
            f"{self.realm_url}/protocol/openid-connect/token",
            data=fields,
            auth=(self.client_id, self.client_secret),
            timeout=_PATIENCE_S,
        )
        found: dict[str, Any] = answer.json()
        return found

    def _walk(self, method: str, url: str, **more: Any) -> None:
        self.page, self.arrived_at, self.arrived = "", "", {}
        while True:
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            answer = httpx2.request(method, url, headers={"Cookie": cookies}, timeout=_PATIENCE_S, **more)
            self._keep(answer)
            if not answer.is_redirect:
                self.page = answer.text
                return
            method, url, more = "GET", answer.headers["location"], {}
            if not url.startswith(self.realm_url):
                self.arrived_at = url.partition("?")[0]
                self.arrived = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                return

    def _keep(self, answer: httpx2.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            if "max-age=0" in line.lower():
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = value.strip('"')
