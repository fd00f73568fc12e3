"""What protects every answer and every change: headers, tokens against forged requests, where one may be sent on to."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import MutableMapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Forbidden
from core.settings import settings
from core.vault.key_file import load_installation_key
from core.web.errors import answer_fault
from core.web.sign_in_ways import provider_origin

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
# Tabler draws its ticks and arrows as data: pictures.
CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAPER_POLICY = "sandbox; default-src 'none'; img-src 'self'; frame-ancestors 'none'"
"""Of a paper that somebody handed in: whatever it holds, nothing of it runs."""
_FIXED_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_FORM_BYTES = 256 * 1024
# A bank's return has a field for each payment of the batch.
MOST_FIELDS = 20_000
_IMPORTS = re.compile(r"(/api/v1)?/[0-9]{6}/imports")
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class Envelope:
    """Around every request: its number, the protecting headers, a limit to its size (``upload_limit_bytes`` or
    ``import_limit_bytes``, and what a form adds), and an answer where nobody foresaw the error.

    Answers are not kept by browsers or proxies (several people share a window's computer) unless they say otherwise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["number"] = number = secrets.token_hex(5)
        started, taken = False, 0
        limit = _limit_of(scope["path"]) + _FORM_BYTES

        async def receive_on() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413)
            return message

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _protect(MutableHeaders(scope=message), number)
            await send(message)

        try:
            await self._app(scope, receive_on, send_on)
        except Exception as error:
            if started:
                raise
            await answer_fault(Request(scope), error)(scope, receive, send_on)


def _limit_of(path: str) -> int:
    """How many bytes may be sent to an address: spreadsheets are larger than papers. A little more than the limit arrives, so
    that the page itself can say what is wrong."""
    own = settings()
    return own.import_limit_bytes + _FORM_BYTES if _IMPORTS.fullmatch(path) else own.upload_limit_bytes


def _protect(headers: MutableHeaders, number: str) -> None:
    is_paper = headers.get("Content-Security-Policy") == PAPER_POLICY
    for name, value in _FIXED_HEADERS.items():
        headers[name] = value
    if (origin := provider_origin()) is not None:
        # Browsers hold the address that a sent form is redirected to against this as well: signing out, proving oneself anew.
        headers["Content-Security-Policy"] = CONTENT_POLICY.replace("form-action 'self'", f"form-action 'self' {origin}")
    if is_paper:
        headers["Content-Security-Policy"] = PAPER_POLICY
    headers["X-Request-Id"] = number
    if "cache-control" not in headers:
        headers["Cache-Control"] = "no-store"
    if settings().secure_cookies:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"


@lru_cache(maxsize=8)
def _key(use: str) -> bytes:
    return load_installation_key(settings().installation_key_file).derive(f"web/{use}")


def signature(use: str, text: str) -> str:
    """The keyed signature of ``text`` for one use; another installation's or use's does not fit."""
    return hmac.new(_key(use), text.encode(), sha256).hexdigest()


def same(expected: str, given: str) -> bool:
    """Whether the two are equal, taking as long for any guess."""
    return hmac.compare_digest(expected.encode(), given.encode())


def _forged() -> Forbidden:
    return Forbidden(
        "页面已过期，没有办理",
        "the request lacks the page's token, so nothing was done",
        where=CSRF_FIELD,
        mend_zh="请返回并刷新页面后再试",
        mend_en="go back, reload the page and try again",
    )


async def guard_form(request: Request) -> None:
    """Refuse a change whose form or header lacks the session's token (防止跨站请求伪造). For pages."""
    if request.method in SAFE_METHODS:
        return
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        kind = request.headers.get("content-type", "")
        if kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
            field = (await request.form(max_fields=MOST_FIELDS)).get(CSRF_FIELD)
            given = field if isinstance(field, str) else None
    _compare(request, given)


async def guard_header(request: Request) -> None:
    """The same for programs: the token stands in the header ``X-CSRF-Token``. A request with an access token of its own needs
    none: no browser adds that by itself."""
    if request.method not in SAFE_METHODS and not getattr(request.state, "by_program", False):
        _compare(request, request.headers.get(CSRF_HEADER))


def _compare(request: Request, given: str | None) -> None:
    expected: str = request.state.csrf_token
    if given is None or not same(expected, given):
        raise _forged()


def new_visit() -> str:
    """A random number for a browser that is about to sign in."""
    return secrets.token_urlsafe(18)


def visit_token(visit: str) -> str:
    """The token of the sign-in form for that browser."""
    return signature("sign-in", visit)


def visit_holds(visit: str | None, given: str) -> bool:
    """Whether a sign-in form was made for the browser that sends it."""
    return visit is not None and same(visit_token(visit), given)


def local_path(wanted: str | None, otherwise: str) -> str:
    """``wanted`` where it is a path of this site, else ``otherwise``: nobody is sent on to a stranger's page."""
    return wanted if wanted is not None and len(wanted) <= 500 and _LOCAL_PATH.fullmatch(wanted) else otherwise
