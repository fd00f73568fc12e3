"""One's own account (我的账号): what it is called and may do, its password, its sessions; proving anew who one is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from core.errors import BangfuError, InvalidInput, TooMany
from core.identity import local
from core.identity.service import desks
from core.identity.sessions import SignedIn
from core.settings import settings
from core.web import cookies
from core.web.account_duties import PASSWORD_PAGE
from core.web.context import go, told_before
from core.web.preferences import keep_preferences, language_of, other_language_url
from core.web.render import render_public
from core.web.security import local_path
from core.web.step_up import CONFIRM, confirm, confirmation, is_fresh, signed_in_of
from core.web.throttle import count_try, forget_tries

router = APIRouter()

ACCOUNT = "/account"
_HASH = re.compile(r"[0-9a-f]{64}")
Secret = Annotated[str, Form(max_length=1000)]


def show_account_page(request: Request, template: str, *, error: BangfuError | None = None, **values: object) -> HTMLResponse:
    """A page of the account: ``template`` without a tenant's frame, with what the page before left to be said."""
    signed_in = signed_in_of(request)
    told = told_before(request)
    html = render_public(
        language_of(request),
        template,
        csrf_token=signed_in.csrf_token,
        login=signed_in.login,
        user_name=signed_in.display_name,
        told=told,
        error=error,
        demo=settings().demo,
        language_url=other_language_url(request),
        **values,
    )
    response = HTMLResponse(html, error.status if error is not None else 200)
    keep_preferences(request, response)
    if told is not None:
        cookies.drop_cookie(response, cookies.FLASH)
    return response


@router.get(ACCOUNT)
def account_page(request: Request) -> Response:
    """The account, its posts, how it is protected, and where it is signed in."""
    return _account(request)


def _account(request: Request, error: BangfuError | None = None) -> Response:
    signed_in = signed_in_of(request)
    return show_account_page(
        request,
        "account.html",
        error=error,
        desks=desks(signed_in.account_id),
        has_password=signed_in.has_password,
        has_second_factor=signed_in.has_second_factor,
        standing=local.standing(signed_in),
        sessions=[
            (row, row.token_hash == signed_in.token_hash, browser_of(row.agent)) for row in local.own_sessions(signed_in)
        ],
    )


_BROWSERS = (("Edg", "Edge"), ("QQBrowser", "QQ 浏览器"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser_of(agent: str | None) -> str:
    """What a person calls the browser of a ``User-Agent``: its kind and the system; empty where neither is known."""
    text = agent or ""
    names = (next((name for mark, name in known if mark in text), "") for known in (_BROWSERS, _SYSTEMS))
    return " · ".join(name for name in names if name)


@router.get(PASSWORD_PAGE)
def password_page(request: Request) -> Response:
    """The form for a new password; where the first one must be changed, every page leads here."""
    return _password(request)


@router.post(PASSWORD_PAGE)
def password_posted(request: Request, current: Secret = "", password: Secret = "", again: Secret = "") -> Response:
    """Change the password; all other sessions of the account end."""
    signed_in = signed_in_of(request)
    counted, session = f"change/{signed_in.login}", signed_in.token_hash.hex()
    try:
        count_try(counted, "", session)
        if password != again:
            raise InvalidInput("两次输入的新密码不一致", "the two new passwords differ", where="again", mend_zh="请重新输入")
        ended = local.change_password(signed_in, current, password)
    except (InvalidInput, TooMany) as error:
        return _password(request, error)
    forget_tries(counted, "", session)
    return go("/" if signed_in.must_change_password else ACCOUNT, _changed(ended))


def _changed(ended: int) -> str:
    return "密码已修改" + (f"，其他 {ended} 处登录已退出" if ended else "")


def _password(request: Request, error: BangfuError | None = None) -> Response:
    signed_in = signed_in_of(request)
    return show_account_page(
        request,
        "account_password.html",
        error=error,
        forced=signed_in.must_change_password,
        has_password=signed_in.has_password,
        shortest=local.standing(signed_in).shortest_password,
    )


@router.post("/account/sessions/end")
def end_session(request: Request, which: Annotated[str, Form(max_length=64)] = "") -> Response:
    """End one of one's sessions by its number, or with ``others`` all but this one."""
    signed_in = signed_in_of(request)
    if which == "others":
        return go(ACCOUNT, f"其他 {local.end_other_sessions(signed_in)} 处登录已退出")
    ended = _HASH.fullmatch(which) and local.end_own_session(signed_in, bytes.fromhex(which))
    if not ended:
        return go(ACCOUNT, "该处登录已经结束", "info")
    return go(ACCOUNT, "该处登录已退出")


@router.get(CONFIRM)
def confirm_page(request: Request, wanted: Annotated[str | None, Query(alias="next", max_length=500)] = None) -> Response:
    """Prove anew who one is, to go on to another page."""
    return _confirm_or_lead(request, signed_in_of(request), local_path(wanted, CONFIRM))


@router.post(CONFIRM)
def confirm_posted(
    request: Request,
    proof_password: Secret = "",
    proof_code: Annotated[str, Form(max_length=100)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=500)] = CONFIRM,
) -> Response:
    """Check password and code, and go on."""
    signed_in, wanted = signed_in_of(request), local_path(wanted, CONFIRM)
    try:
        confirm(signed_in, proof_password, proof_code)
    except (InvalidInput, TooMany) as error:
        return confirmation(request, signed_in, wanted=wanted, error=error)
    return RedirectResponse(wanted, 303)


def _confirm_or_lead(request: Request, signed_in: SignedIn, wanted: str) -> Response:
    fresh = is_fresh(signed_in, datetime.now(UTC))
    if fresh and wanted != CONFIRM:
        return RedirectResponse(wanted, 303)
    return confirmation(request, signed_in, wanted=wanted, done=fresh)
