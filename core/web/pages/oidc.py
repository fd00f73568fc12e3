"""Signing in at the identity provider (统一身份认证): to it, back from it, and being told of an end there.

Where people sign in with local accounts these addresses do not exist.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from core.errors import BangfuError, Conflict, Forbidden
from core.identity.oidc.entry import admitted, stepped_up
from core.identity.oidc.errand import ERRAND_S, Errand, new_errand, packed, unpacked
from core.identity.oidc.errors import IssuerUnavailable, TokenRefused
from core.identity.oidc.logout import heard_logout
from core.identity.oidc.provider import CALLBACK, STEPPED_UP, GrantRefused, provider
from core.identity.sessions import Origin, SignedIn, session_of, sign_out
from core.web import cookies
from core.web.errors import no_such_place
from core.web.pages.login import AFTER, address_of
from core.web.security import local_path
from core.web.sign_in_ways import START, STEP_UP, by_provider, offer_provider, provider_silent

_STATE_SHOWN = 12
_MOST_ERRANDS = 6


def _only_by_provider() -> None:
    if not by_provider():
        raise no_such_place()


router = APIRouter(dependencies=[Depends(_only_by_provider)])
"""For whoever is not signed in, or comes back to be."""

session_router = APIRouter(dependencies=[Depends(_only_by_provider)])
"""For whoever is."""


def _cookie(state: str) -> str:
    return cookies.ERRAND + state[:_STATE_SHOWN]


def _beginning(errand: Errand) -> str:
    return START if errand.session is None else STEP_UP


def _send(request: Request, errand: Errand, **more: str) -> Response:
    """Send the browser on its errand. Tabs that were left before the provider's forms leave their cookies; too many go."""
    if (silent := provider_silent()) is not None:
        return offer_provider(request, errand.wanted, error=silent, start=_beginning(errand))
    response = RedirectResponse(provider().authorization_address(errand, **more), 303)
    prefix = cookies.cookie_name(cookies.ERRAND)
    former = [name for name in request.cookies if name.startswith(prefix)]
    for name in former if len(former) >= _MOST_ERRANDS else ():
        cookies.drop_cookie(response, cookies.ERRAND + name.removeprefix(prefix))
    cookies.set_cookie(response, _cookie(errand.state), packed(errand), max_age=ERRAND_S)
    return response


@router.get(START)
def start(request: Request, wanted: Annotated[str, Query(alias="next")] = AFTER) -> Response:
    """To the provider's sign-in page."""
    return _send(request, new_errand(local_path(wanted, AFTER)))


@session_router.get(STEP_UP)
def step_up(request: Request, wanted: Annotated[str, Query(alias="next")] = AFTER) -> Response:
    """To the provider, to prove oneself anew (再次认证)."""
    signed_in: SignedIn = request.state.signed_in
    errand = new_errand(local_path(wanted, AFTER), session=signed_in.token_hash)
    return _send(request, errand, acr_values=STEPPED_UP)


@router.get(CALLBACK)
def come_back(
    request: Request,
    code: Annotated[str, Query(max_length=4000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Back from the provider: the answer must be to a question that this browser asked, and is taken once."""
    errand = unpacked(cookies.cookie_of(request, _cookie(state)) or "", state)
    if errand is None:
        return offer_provider(request, AFTER, error=_not_asked())
    try:
        if error or not code:
            raise Forbidden("没有完成登录", "signing in was not completed", mend_zh="请再登录一次", mend_en="sign in once more")
        response = _back(request, code, errand)
    except (Forbidden, GrantRefused, TokenRefused, IssuerUnavailable) as refused:
        another = provider().end_session_address(None) if isinstance(refused, Forbidden) and code else None
        response = offer_provider(request, errand.wanted, error=refused, another=another, start=_beginning(errand))
    cookies.drop_cookie(response, _cookie(state))
    return response


def _back(request: Request, code: str, errand: Errand) -> Response:
    token = cookies.cookie_of(request, cookies.SESSION)
    tokens = provider().exchange(code, errand.verifier)
    response = RedirectResponse(errand.wanted, 303)
    if errand.session is None:
        origin = Origin(address_of(request), request.headers.get("user-agent"))
        opened = admitted(tokens, errand, origin)
        if token is not None:
            sign_out(token)
        cookies.set_cookie(response, cookies.SESSION, opened)
        return response
    signed_in = session_of(token) if token else None
    if signed_in is None:
        raise _not_asked()
    stepped_up(tokens, errand, signed_in.token_hash)
    return response


def _not_asked() -> Forbidden:
    return Forbidden(
        "本次登录已过期，或不是由这个浏览器发起",
        "this sign-in is too old, or was not begun in this browser",
        mend_zh="请再登录一次",
        mend_en="sign in once more",
    )


@router.post("/oidc/back-channel-logout")
def back_channel_logout(logout_token: Annotated[str, Form()] = "") -> Response:
    """The provider tells that a session ended there. Its token proves who sends it, so that no page's token is asked for."""
    try:
        heard_logout(logout_token)
    except (TokenRefused, Conflict) as refused:
        return _told(400, {"error": "invalid_request", "error_description": _why(refused)})
    except IssuerUnavailable as away:
        return _told(503, {"error": away.code})
    return _told(200, {})


def _why(refused: BangfuError) -> str:
    return str(refused.reason) if isinstance(refused, TokenRefused) else refused.code


def _told(status: int, body: dict[str, str]) -> JSONResponse:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
