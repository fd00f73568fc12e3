"""Signing in (登录). The form has a token of its own, since there is no session yet."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from core.errors import Forbidden, InvalidInput, TooMany
from core.identity.local import sign_in
from core.identity.sessions import sign_out
from core.settings import settings
from core.web import cookies
from core.web.preferences import keep_preferences, language_of, other_language_url
from core.web.render import render_public
from core.web.security import local_path, new_visit, visit_holds, visit_token
from core.web.throttle import count_try, forget_tries

router = APIRouter()

SIGN_IN = "/sign-in"
AFTER = "/"
_VISIT_S = 3600


def address_of(request: Request) -> str:
    """From where the request came; behind a proxy that the server trusts, from where the proxy says."""
    given = request.client.host if request.client else ""
    try:
        return str(ip_address(given))
    except ValueError:
        return "unknown"


def _form(request: Request, *, login: str, wanted: str, error: Exception | None = None) -> Response:
    visit = cookies.cookie_of(request, cookies.VISIT) or new_visit()
    html = render_public(
        language_of(request),
        "login.html",
        csrf_token=visit_token(visit),
        login=login,
        wanted=wanted,
        error=error,
        demo=settings().demo,
        language_url=other_language_url(request),
    )
    response = HTMLResponse(html, getattr(error, "status", 200))
    cookies.set_cookie(response, cookies.VISIT, visit, max_age=_VISIT_S)
    keep_preferences(request, response)
    return response


@router.get(SIGN_IN)
def sign_in_page(request: Request, wanted: Annotated[str, Query(alias="next")] = AFTER) -> Response:
    """The form."""
    return _form(request, login="", wanted=local_path(wanted, AFTER))


@router.post(SIGN_IN)
def sign_in_posted(
    request: Request,
    login: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=500)] = AFTER,
) -> Response:
    """Check the password and open a session with a new token; what was typed stays in the form, but for the password."""
    wanted = local_path(wanted, AFTER)
    address = address_of(request)
    try:
        if not visit_holds(cookies.cookie_of(request, cookies.VISIT), csrf_token):
            raise Forbidden("登录页已过期，请再登录一次", "the page was too old; sign in once more")
        count_try(login, address)
        token = sign_in(login, password, address=address, agent=request.headers.get("user-agent"))
        if token is None:
            raise InvalidInput("账号或密码不正确", "the account or the password is wrong")
    except (Forbidden, InvalidInput, TooMany) as error:
        return _form(request, login=login, wanted=wanted, error=error)
    forget_tries(login, address)
    _end_former(request)
    response = RedirectResponse(wanted, 303)
    cookies.set_cookie(response, cookies.SESSION, token)
    cookies.drop_cookie(response, cookies.VISIT)
    return response


def _end_former(request: Request) -> None:
    if (former := cookies.cookie_of(request, cookies.SESSION)) is not None:
        sign_out(former)
