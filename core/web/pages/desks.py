"""Choosing in which tenant to act, and signing out (选择单位, 退出登录)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from core.identity.oidc.entry import id_token_of
from core.identity.oidc.provider import provider
from core.identity.service import desks
from core.identity.sessions import SignedIn, sign_out
from core.settings import settings
from core.web import cookies
from core.web.preferences import keep_preferences, language_of, other_language_url
from core.web.render import render_public

router = APIRouter()


def _show(request: Request) -> Response:
    signed_in: SignedIn = request.state.signed_in
    html = render_public(
        language_of(request),
        "desks.html",
        user_name=signed_in.display_name,
        csrf_token=signed_in.csrf_token,
        desks=desks(signed_in.account_id),
        demo=settings().demo,
        language_url=other_language_url(request),
    )
    response = HTMLResponse(html)
    keep_preferences(request, response)
    return response


@router.get("/")
def first(request: Request) -> Response:
    """On to the one tenant of the account; the choice where there are several."""
    signed_in: SignedIn = request.state.signed_in
    found = desks(signed_in.account_id)
    return RedirectResponse(f"/{found[0].tenant}/", 303) if len(found) == 1 else RedirectResponse("/desks", 303)


@router.get("/desks")
def choice(request: Request) -> Response:
    """The tenants in which the account has posts."""
    return _show(request)


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """End the session here, at the server, and at the identity provider where it was opened there."""
    signed_in: SignedIn = request.state.signed_in
    id_token = id_token_of(signed_in.token_hash)
    sign_out(cookies.cookie_of(request, cookies.SESSION) or "")
    there = provider().end_session_address(id_token) if id_token is not None else None
    response = RedirectResponse(there or "/sign-in", 303)
    cookies.drop_cookie(response, cookies.SESSION)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
