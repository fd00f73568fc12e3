"""The issuer's addresses, from its discovery document (OpenID Connect Discovery 1.0, 4)."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.errors import Misconfigured
from core.identity.oidc.compact import NotReadable, json_object
from core.identity.oidc.errors import IssuerUnavailable
from core.identity.oidc.fetched import Fetched, in_a_thread
from core.protected import is_protected

TIMEOUT = 5.0
"""Seconds for connecting, and for each wait for more bytes."""

WHOLE_ANSWER = 8.0
"""Seconds after which an answer that is still trickling in is given up."""

LARGEST = 256 * 1024
"""Bytes of the largest answer that is read."""

FRESH_FOR = 3600.0
"""Seconds after which the addresses are read anew, in the background."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the issuer is asked for what. The last two are not published by every issuer."""

    issuer: str
    authorization: str
    token: str
    keys: str
    end_session: str | None
    introspection: str | None


@lru_cache
def _authorities(ca_file: Path | None) -> ssl.SSLContext:
    """Kept: reading the machine's authorities takes 50 ms."""
    return ssl.create_default_context(cafile=ca_file)


class Issuer:
    """The server whose tokens this installation believes, as configured: its exact ``issuer`` identifier.

    ``ca_file`` names the authority that signed its certificate where that is not one of the machine's own (an internal
    network's). Raises ``Misconfigured`` for an address that is neither https nor on this machine.
    """

    def __init__(
        self,
        issuer: str,
        *,
        ca_file: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        background: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        if not is_protected(issuer) or urlsplit(issuer).query:
            raise Misconfigured(
                "认证服务器地址必须使用 https",
                "the issuer's address must be https",
                where=issuer,
                mend_zh="请改用 https 地址；仅本机回环地址可用 http",
                mend_en="use its https address; plain http only on the loopback of this machine",
            )
        self.issuer = issuer
        self._ca_file = ca_file
        self._endpoints = Fetched(self._discover, fresh_for=FRESH_FOR, monotonic=monotonic, background=background)

    def endpoints(self) -> Endpoints:
        """The addresses; fetched at the first call, renewed in the background. Raises ``IssuerUnavailable``."""
        return self._endpoints.that(lambda _: True)

    def published(self, address: str) -> dict[str, Any]:
        """The JSON object at one of the issuer's addresses. Raises ``IssuerUnavailable``: no answer in time, another status
        than 200 (redirections are not followed: they could leave https), too large, not JSON."""
        status, found = self._answer("GET", address)
        if status != httpx.codes.OK:
            raise IssuerUnavailable(f"认证服务器答复 {status}", f"the issuer answers {status}", where=address)
        return found

    def asked(self, address: str, fields: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """What the issuer answers to a form: the status, whichever it is, and the JSON object.

        Raises ``IssuerUnavailable`` as ``published`` does, for a status from 500 on as well.
        """
        status, found = self._answer("POST", address, fields)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise IssuerUnavailable(f"认证服务器答复 {status}", f"the issuer answers {status}", where=address)
        return status, found

    def _answer(self, method: str, address: str, fields: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        status = 0
        try:
            status, body = self._read(method, address, fields)
            return status, json_object(body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            name = type(error).__name__
            raise IssuerUnavailable(
                f"无法连接认证服务器（{name}）", f"the issuer cannot be reached ({name})", where=address
            ) from error
        except NotReadable as error:
            # An error page need not be JSON; its status says more than that.
            if status != httpx.codes.OK:
                return status, {}
            raise IssuerUnavailable(
                f"认证服务器的答复无法使用（{error.reason}）",
                f"the issuer's answer is unusable ({error.reason})",
                where=address,
            ) from error

    def _read(self, method: str, address: str, fields: Mapping[str, str] | None) -> tuple[int, bytes]:
        """A client for each request: they are far apart. No proxy of the environment stands between the two servers."""
        give_up_at = time.monotonic() + WHOLE_ANSWER
        body = bytearray()
        with (
            httpx.Client(
                verify=_authorities(self._ca_file), timeout=TIMEOUT, trust_env=False, follow_redirects=False
            ) as client,
            client.stream(method, address, headers={"Accept": "application/json"}, data=fields) as answer,
        ):
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > LARGEST or time.monotonic() > give_up_at:
                    raise IssuerUnavailable(
                        "认证服务器的答复过大或过慢", "the issuer's answer is too large or too slow", where=address
                    )
        return answer.status_code, bytes(body)

    def _discover(self) -> Endpoints:
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = self.published(address)
        # Exact, also as to a final slash: whoever can make us read another issuer's document could name his own keys.
        if document.get("issuer") != self.issuer:
            raise IssuerUnavailable(
                "认证服务器自称的签发者与设置不一致", "the issuer calls itself by another name than configured", where=address
            )
        return Endpoints(
            issuer=self.issuer,
            authorization=_address(document, "authorization_endpoint", address),
            token=_address(document, "token_endpoint", address),
            keys=_address(document, "jwks_uri", address),
            end_session=_optional_address(document, "end_session_endpoint", address),
            introspection=_optional_address(document, "introspection_endpoint", address),
        )


def _optional_address(document: dict[str, Any], name: str, where: str) -> str | None:
    return _address(document, name, where) if name in document else None


def _address(document: dict[str, Any], name: str, where: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not is_protected(value):
        raise IssuerUnavailable(
            f"认证服务器公布的 {name} 缺失或不是 https 地址", f"the issuer's {name} is missing or not https", where=where
        )
    return value
