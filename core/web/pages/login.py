"""Signing in (登录), in one step or two. The forms have a token of their own, since there is no session yet."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from core.errors import BangfuError, Forbidden, InvalidInput, TooMany
from core.identity.local import enter, note_throttled, prove
from core.identity.sessions import Origin, Way, sign_out
from core.settings import settings
from core.web import cookies
from core.web.first_step import FirstStep, first_step_of, keep_first_step
from core.web.known_browsers import number_of_browser, remember_browser
from core.web.preferences import keep_preferences, language_of, other_language_url
from core.web.render import render_public
from core.web.security import local_path, new_visit, visit_holds, visit_token
from core.web.sign_in_ways import by_local_account, by_provider, offer_provider, provider_silent
from core.web.throttle import count_try, forget_tries, is_news

router = APIRouter()

SIGN_IN = "/sign-in"
SECOND_STEP = "/sign-in/code"
AFTER = "/"
_VISIT_S = 3600


def address_of(request: Request) -> str:
    """From where the request came; behind a proxy that the server trusts, from where the proxy says."""
    given = request.client.host if request.client else ""
    try:
        return str(ip_address(given))
    except ValueError:
        return "unknown"


def origin_of(request: Request) -> Origin:
    """From where and with which program somebody signs in."""
    return Origin(address_of(request), request.headers.get("user-agent"))


def _shown(request: Request, template: str, error: BangfuError | None, **values: object) -> Response:
    visit = cookies.cookie_of(request, cookies.VISIT) or new_visit()
    html = render_public(
        language_of(request),
        template,
        csrf_token=visit_token(visit),
        error=error,
        demo=settings().demo,
        language_url=other_language_url(request),
        **values,
    )
    response = HTMLResponse(html, error.status if error is not None else 200)
    cookies.set_cookie(response, cookies.VISIT, visit, max_age=_VISIT_S)
    keep_preferences(request, response)
    return response


def _form(request: Request, *, login: str, wanted: str, error: BangfuError | None = None) -> Response:
    return _shown(request, "login.html", error, login=login, wanted=wanted)


def _check_visit(request: Request, csrf_token: str) -> None:
    if not visit_holds(cookies.cookie_of(request, cookies.VISIT), csrf_token):
        raise Forbidden("登录页已过期，请再登录一次", "the page was too old; sign in once more")


@router.get(SIGN_IN)
def sign_in_page(request: Request, wanted: Annotated[str, Query(alias="next")] = AFTER) -> Response:
    """The form, or the way to the identity provider."""
    if by_provider():
        return offer_provider(request, local_path(wanted, AFTER), error=provider_silent())
    return _form(request, login="", wanted=local_path(wanted, AFTER))


@router.post(SIGN_IN, dependencies=[Depends(by_local_account)])
def sign_in_posted(
    request: Request,
    login: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=500)] = AFTER,
) -> Response:
    """Check the password and open a session with a new token, or lead on to the second step; what was typed stays in the
    form, but for the password."""
    wanted = local_path(wanted, AFTER)
    address, known = address_of(request), number_of_browser(request, login)
    try:
        _check_visit(request, csrf_token)
        count_try(login, address, known)
        proof = prove(login, password, address=address)
        if proof is None:
            raise InvalidInput("账号或密码不正确", "the account or the password is wrong")
        if proof.needs_code:
            response = RedirectResponse(f"{SECOND_STEP}?next={quote(wanted)}", 303)
            keep_first_step(response, proof, login.strip().lower(), datetime.now(UTC))
            return response
        token = enter(proof, origin_of(request))
        if token is None:
            raise InvalidInput("账号状态刚刚变动，请再登录一次", "the account was changed just now; sign in once more")
    except (Forbidden, InvalidInput, TooMany) as error:
        _keep_refusal(error, login, "password", address)
        return _form(request, login=login, wanted=wanted, error=error)
    forget_tries(login, address, known)
    return _signed_in(request, login, token, wanted)


@router.get(SECOND_STEP, dependencies=[Depends(by_local_account)])
def code_page(request: Request, wanted: Annotated[str, Query(alias="next")] = AFTER) -> Response:
    """The second step: the code of the authenticator application."""
    wanted = local_path(wanted, AFTER)
    if first_step_of(request, datetime.now(UTC)) is None:
        return _again(request, wanted)
    return _shown(request, "login_code.html", None, wanted=wanted)


@router.post(SECOND_STEP, dependencies=[Depends(by_local_account)])
def code_posted(
    request: Request,
    code: Annotated[str, Form(max_length=100)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=500)] = AFTER,
) -> Response:
    """Check the code and open a session. The proof of the first step opens one alone."""
    wanted, now = local_path(wanted, AFTER), datetime.now(UTC)
    step = first_step_of(request, now)
    if step is None:
        return _again(request, wanted)
    try:
        _check_visit(request, csrf_token)
        token = _second_step(request, step, code)
    except (Forbidden, InvalidInput, TooMany) as error:
        _keep_refusal(error, step.login, "code", address_of(request))
        return _shown(request, "login_code.html", error, wanted=wanted)
    return _signed_in(request, step.login, token, wanted)


def _keep_refusal(error: BangfuError, login: str, way: Way, address: str) -> None:
    """Have a slowed-down guesser on record, once in a while: the slowing must not cost a row for each try."""
    if isinstance(error, TooMany) and is_news(f"{way}/{login}", address):
        note_throttled(login, way, address)


def _second_step(request: Request, step: FirstStep, code: str) -> str:
    # Counted apart from the passwords: a right password does not set the count of codes back.
    counted, address, known = f"code/{step.login}", address_of(request), number_of_browser(request, step.login)
    count_try(counted, address, known)
    token = enter(step.proof, origin_of(request), code=code, once=(step.number, step.until))
    if token is None:
        raise InvalidInput(
            "验证码不正确或已用过",
            "the code is wrong or was used before",
            where="code",
            mend_zh="请等验证器显示下一个验证码再输入",
            mend_en="wait for the next code of the application",
        )
    forget_tries(step.login, address, known)
    forget_tries(counted, address, known)
    return token


def _again(request: Request, wanted: str) -> Response:
    error = Forbidden("登录超过 5 分钟未完成，请重新输入密码", "signing in took too long; type the password again")
    return _form(request, login="", wanted=wanted, error=error)


def _signed_in(request: Request, login: str, token: str, wanted: str) -> Response:
    if (former := cookies.cookie_of(request, cookies.SESSION)) is not None:
        sign_out(former)
    response = RedirectResponse(wanted, 303)
    cookies.set_cookie(response, cookies.SESSION, token)
    remember_browser(request, response, login)
    cookies.drop_cookie(response, cookies.VISIT)
    cookies.drop_cookie(response, cookies.PROOF)
    return response
