"""Browsers in which an account has signed in before (常用浏览器), told by a cookie that the server signed.

Only the throttle asks: guesses of strangers slow each other down, and never the person at his own computer. The cookie opens
nothing. A window's computer is shared, so it holds several accounts; it names none of them.
"""

from __future__ import annotations

import secrets
from typing import Final

from fastapi import Request, Response

from core.web import cookies
from core.web.security import same, signature

_DAYS: Final = 180
_ACCOUNTS: Final = 8
_NUMBER_BYTES: Final = 12


def _seal(login: str, number: str) -> str:
    return signature("known-browser", f"{login.strip().lower()}\n{number}")[:32]


def _entries(request: Request) -> list[tuple[str, str]]:
    told = (cookies.cookie_of(request, cookies.KNOWN) or "").split(".")[:_ACCOUNTS]
    return [(number, seal) for number, _, seal in (entry.partition("-") for entry in told) if seal]


def number_of_browser(request: Request, login: str) -> str | None:
    """The number under which this browser is known to the account; None where it is not."""
    return next((number for number, seal in _entries(request) if same(_seal(login, number), seal)), None)


def remember_browser(request: Request, response: Response, login: str) -> None:
    """Have the browser known to the account, newest first, for half a year from now."""
    known = number_of_browser(request, login)
    others = [f"{number}-{seal}" for number, seal in _entries(request) if number != known]
    number = known or secrets.token_hex(_NUMBER_BYTES)
    told = [f"{number}-{_seal(login, number)}", *others][:_ACCOUNTS]
    cookies.set_cookie(response, cookies.KNOWN, ".".join(told), max_age=_DAYS * 24 * 3600)
