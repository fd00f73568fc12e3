"""Cookies: out of reach of scripts and foreign sites, and bound to this host where connections are encrypted."""

from __future__ import annotations

from fastapi import Request, Response

from core.settings import settings

SESSION = "bangfu_session"
"""The session's token."""
VISIT = "bangfu_visit"
"""A random number that the sign-in form's token is made from."""
ERRAND = "bangfu_errand_"
"""With the beginning of its state behind it: what the browser was sent to the identity provider for, one for each tab."""
PROOF = "bangfu_proof"
"""That the password was right, between the two steps of signing in."""
KNOWN = "bangfu_known"
"""Which accounts have signed in in this browser before."""
FLASH = "bangfu_flash"
"""What to say on the next page."""


def cookie_name(base: str) -> str:
    """The cookie's name; the prefix ``__Host-`` has browsers refuse it from other hosts, paths or plain connections."""
    return f"__Host-{base}" if settings().secure_cookies else base


def cookie_of(request: Request, base: str) -> str | None:
    """The cookie's value, if the request has it."""
    return request.cookies.get(cookie_name(base))


def set_cookie(response: Response, base: str, value: str, *, max_age: int | None = None) -> None:
    """Give the browser a cookie; without ``max_age`` (seconds) until it closes."""
    response.set_cookie(
        cookie_name(base),
        value,
        max_age=max_age,
        path="/",
        secure=settings().secure_cookies,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, base: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(cookie_name(base), path="/", secure=settings().secure_cookies, httponly=True, samesite="lax")
