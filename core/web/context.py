"""What stands before every page and resource: who asks, in which tenant, with which rights; and the frame of a page.

The dependencies are asynchronous on purpose: a value that they put into the request's context is seen by the endpoint,
which runs in the thread pool with a copy of that context. The endpoint opens its own unit of work.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Demand, Verdict, answer, enters, require
from core.db.session import reference_work, unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.host.declarations import NavEntry
from core.host.manager import host
from core.identity.names import READ_CASES
from core.identity.service import Seat, roles, seat_of, seated
from core.identity.sessions import SignedIn, live_session
from core.scope import TENANT_CODE, Scope, Standing, at_rest, current_scope, set_scope
from core.settings import settings
from core.tenancy.service import system_scope, tenant_named
from core.vault.unsaid import masked
from core.web import cookies
from core.web.account_duties import owe_nothing
from core.web.errors import RecodedTo, no_such_place
from core.web.preferences import (
    keep_preferences,
    language_of,
    large_type_of,
    other_language_url,
    other_type_url,
)
from core.web.render import Message, NavItem, PageContext, Tone, render
from core.web.security import same, signature
from core.web.who_asks import bearer_of, patiently, program_from, session_from, still_signed_in

CENTRE_NAME = "困难职工援助中心"
_FLASH_S = 120

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """One signed-in request in one tenant."""

    signed_in: SignedIn
    scope: Scope


def _seat_in(session: Session, tenant: str, account_id: uuid.UUID) -> Seat | None:
    try:
        return seat_of(session, account_id, tenant)
    except (Forbidden, NotFound):
        return None


def _person_in(tenant: str, token: str | None) -> Visit:
    """Whose the session of a cookie is, and where that account sits: asked with every request, in one unit of work, to which
    one in the tenant's scope adds the rights."""
    found, seat = None, None
    if token:
        with reference_work() as session:
            found = live_session(session, token)
            seat = _seat_in(session, tenant, found.account_id) if found is not None else None
    return _visit(still_signed_in(found), seat, tenant)


def _program_in(tenant: str, bearer: str) -> Visit:
    program = program_from(bearer)
    with reference_work() as session:
        seat = _seat_in(session, tenant, program.account_id)
    return _visit(program, seat, tenant)


def _visit(signed_in: SignedIn, seat: Seat | None, tenant: str) -> Visit:
    if seat is None:
        raise no_such_place()
    scope = seated(seat)
    if not enters(scope, tenant):
        raise RecodedTo(tenant, scope.tenant)
    return Visit(signed_in, scope)


async def enter_tenant(request: Request, tenant: str) -> None:
    """Put the scope of the sender's account in ``tenant`` in force for this request: that of the session, or of the program
    whose access token a request to the interface brings.

    Raises ``NotSignedIn``, ``BearerRefused``, and ``NotFound`` alike for a tenant that is none and one where the account has
    no post.
    """
    if not TENANT_CODE.fullmatch(tenant):
        raise no_such_place()
    bearer = bearer_of(request)
    cookie = cookies.cookie_of(request, cookies.SESSION)
    visit = await patiently(partial(_person_in, tenant, cookie) if bearer is None else partial(_program_in, tenant, bearer))
    owe_nothing(request, visit.signed_in, visit.scope.roles)
    set_scope(visit.scope)
    request.state.visit = visit
    request.state.csrf_token = visit.signed_in.csrf_token
    request.state.by_program = bearer is not None


async def enter_session(request: Request) -> None:
    """For places that belong to no tenant: only that somebody is signed in."""
    signed_in = await patiently(partial(session_from, cookies.cookie_of(request, cookies.SESSION)))
    owe_nothing(request, signed_in)
    request.state.signed_in = signed_in
    request.state.csrf_token = signed_in.csrf_token


def _public_scope(tenant: str) -> Scope:
    try:
        return system_scope(tenant, "public")
    except NotFound:
        raise _led_on(tenant) from None


def _led_on(tenant: str) -> Exception:
    """Where a code leads that is no tenant's own, or a closed one's."""
    try:
        with reference_work() as session:
            return RecodedTo(tenant, tenant_named(session, tenant).code)
    except NotFound:
        return no_such_place()


async def enter_public(tenant: str) -> None:
    """For what anybody may read: a scope without an account and without any right."""
    if not TENANT_CODE.fullmatch(tenant):
        raise no_such_place()
    scope = await run_in_threadpool(_public_scope, tenant)
    if scope.standing is Standing.PREPARING:
        raise no_such_place()
    set_scope(scope)


class Requires:
    """Dependency: the post must have the permission that ``demand`` names; ``Forbidden`` otherwise, inside one's own tenant.
    What it says of states is read by the service, and by the table of permissions."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand

    async def __call__(self) -> None:
        require(self.demand)


def requires(asked: str | Demand) -> Requires:
    """``dependencies=[Depends(requires("case.read"))]``; a ``Demand`` for an act on something that has states."""
    return Requires(Demand(asked) if isinstance(asked, str) else asked)


class PluginOn:
    """Dependency: the plugin must be on in the tenant; where it is off its addresses do not exist."""

    def __init__(self, plugin: str) -> None:
        self.demand = Demand(plugin=plugin)

    async def __call__(self) -> None:
        scope = current_scope()
        if scope.standing in (Standing.SUSPENDED, Standing.READ_ONLY) and not scope.is_system:
            raise at_rest(scope)
        if answer(self.demand, scope) is not Verdict.ALLOWED:
            raise no_such_place()


def visit_of(request: Request) -> Visit:
    """Who asks, after ``enter_tenant``."""
    visit: Visit = request.state.visit
    return visit


@lru_cache(maxsize=1)
def platform_version() -> str:
    """The version of the installed platform."""
    try:
        return version("bangfu")
    except PackageNotFoundError:
        return "0"


def _shown(plugin: str, entry: NavEntry, scope: Scope) -> bool:
    kept = entry.permission == READ_CASES and host().info(plugin).service_line and not scope.reads_line(plugin)
    return scope.level in entry.levels and scope.may(entry.permission) and not kept


def _closeness(href: str, path: str, asked: frozenset[tuple[str, str]]) -> tuple[int, int] | None:
    """How closely a page lies under an entry: by the length of its path, then by the filters that both name; None where it
    does not, also for another filter of the same list."""
    parts = urlsplit(href)
    wanted = frozenset(parse_qsl(parts.query))
    if not wanted <= asked or not (path == parts.path or path.startswith(parts.path.rstrip("/") + "/")):
        return None
    return len(parts.path), len(wanted)


def navigation(scope: Scope, path: str, english: bool = False, query: str = "") -> list[NavItem]:
    """The entries that the post may use at its level, in order; the one that the page of ``path`` and ``query`` lies under
    is marked."""
    declared = host().asked("bangfu_navigation", scope.plugins)
    found: list[NavEntry] = [entry for plugin, all_of in declared for entry in all_of if _shown(plugin, entry, scope)]
    found.sort(key=lambda entry: (entry.order, entry.path))
    items = [
        NavItem(
            label=entry.en if english else entry.zh,
            href=f"/{scope.tenant}{entry.path}",
            icon=entry.icon,
            group=entry.group_en if english else entry.group_zh,
        )
        for entry in found
    ]
    asked = frozenset(parse_qsl(query))
    close = {item.href: near for item in items if (near := _closeness(item.href, path, asked)) is not None}
    here = max(close, key=lambda href: close[href], default=None)
    home = f"/{scope.tenant}/"
    return [replace(item, current=item.href == here and (here != home or path == home)) for item in items]


def _titles(scope: Scope, english: bool) -> str:
    known = roles()
    names = [known[code].en if english else known[code].zh for code in sorted(scope.roles) if code in known]
    if scope.principals:
        names.append("standing in" if english else "含代理岗位")
    return " · ".join(names)


def page_context(request: Request, *, messages: Sequence[Message] = (), data_time: datetime | None = None) -> PageContext:
    """The frame of a page in the tenant that was entered. Asks no database."""
    visit = visit_of(request)
    scope, lang = visit.scope, language_of(request)
    english = lang == "en"
    if scope.standing is Standing.PREPARING and scope.may("tenants.switch_plugins"):
        list_url = f"/{scope.tenant}/checklist"
        messages = [*messages, Message("本单位开通中，完成开通清单后由上级工会确认开通。", "info", list_url, "查看开通清单")]
    return PageContext(
        tenant=scope.tenant,
        tenant_name=scope.union_name,
        centre_name=CENTRE_NAME,
        user_name=visit.signed_in.display_name,
        user_role=_titles(scope, english),
        navigation=navigation(scope, request.url.path, english, request.url.query),
        csrf_token=visit.signed_in.csrf_token,
        business_date=scope.business_date,
        demo=settings().demo,
        lang=lang,
        messages=messages,
        data_time=data_time,
        may_find=scope.may("people.read"),
        version=platform_version(),
        large_type=large_type_of(request),
        language_url=other_language_url(request),
        large_type_url=other_type_url(request),
    )


def show(
    request: Request,
    template: str,
    *,
    status: int = 200,
    refusal: BangfuError | None = None,
    messages: Sequence[Message] = (),
    data_time: datetime | None = None,
    **values: object,
) -> HTMLResponse:
    """A page of the tenant: ``template`` in the frame, with what the page before left to be said. ``refusal`` is why what was
    asked for is not done: it gives the answer its status and the page its line."""
    if refusal is not None:
        status, messages = refusal.status, [refusal_message(refusal), *messages]
    request.state.drawn_again = status >= 400  # what the log of reads asks (``core.web.use_log``)
    left = told_before(request)
    told = [*messages, left] if left else messages
    page = page_context(request, messages=told, data_time=data_time)
    response = HTMLResponse(render(page, template, **values), status)
    keep_preferences(request, response)
    if left:
        cookies.drop_cookie(response, cookies.FLASH)
    return response


def refusal_message(error: BangfuError) -> Message:
    """Why a change was not made, as the line under the heading."""
    told = masked(error)
    return Message(f"没有办成：{told.zh}" + (f"。{told.mend_zh}" if told.mend_zh else ""), "bad")


def go(url: str, text: str = "", tone: Tone = "ok") -> RedirectResponse:
    """After a change: on to ``url`` (of this site), which then says ``text``."""
    response = RedirectResponse(url, 303)
    if text:
        told = base64.urlsafe_b64encode(json.dumps([text, tone]).encode()).decode()
        cookies.set_cookie(response, cookies.FLASH, f"{told}.{signature('flash', told)}", max_age=_FLASH_S)
    return response


def changed(
    act: Callable[[Session], T], then: Callable[[T], Response], again: Callable[[BangfuError], HTMLResponse]
) -> Response:
    """Make a change in one transaction, then answer with ``then`` of what it gave; a refusal is shown by ``again``, with what
    was typed. ``Forbidden`` and ``NotFound`` are answered as everywhere."""
    try:
        with unit_of_work() as session:
            made = act(session)
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return again(error)
    return then(made)


def told_before(request: Request) -> Message | None:
    """What the page before left to be said; whoever shows it drops the cookie."""
    told, _, signed = (cookies.cookie_of(request, cookies.FLASH) or "").partition(".")
    if not told or not same(signature("flash", told), signed):
        return None
    text, tone = json.loads(base64.urlsafe_b64decode(told))
    return Message(text, tone)
