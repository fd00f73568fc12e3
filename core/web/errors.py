"""Errors as they reach a person or a program: an error page, or a problem document of RFC 9457 (出错提示).

What a request carried is never echoed; what nobody foresaw shows a number, and the log holds the number, the kind of
error and its place, but no text of the error: texts of drivers quote rows.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from core.errors import BangfuError, Conflict, InvalidInput, NotFound
from core.scope import NotAtWork, Standing
from core.vault.unsaid import masked, without_numbers
from core.web.preferences import language_of
from core.web.render import render_public
from core.web.unsaid import kept_address

log = logging.getLogger("bangfu.web")

API_PREFIX = "/api/"
_TENANT_ALONE = re.compile(r"/[0-9]{6}")
TITLES: Mapping[int, tuple[str, str]] = {
    400: ("请求有误", "Bad request"),
    401: ("请先登录", "Sign in first"),
    403: ("无权办理", "Not yours to do"),
    404: ("没有找到", "Not found"),
    405: ("不支持该操作", "Method not allowed"),
    409: ("与当前状态不符", "Does not fit the present state"),
    412: ("内容已被他人更改", "Changed meanwhile"),
    413: ("文件过大", "Too large"),
    422: ("填写有误", "Cannot be taken as it is"),
    428: ("缺少版本", "Version missing"),
    429: ("操作过于频繁", "Too many tries"),
    500: ("系统出错", "Something went wrong"),
    503: ("服务暂不可用", "Not available now"),
}


class NotSignedIn(BangfuError):
    """There is no live session: never signed in, signed out, expired or idle too long."""

    code = "not_signed_in"
    status = 401


class BearerRefused(BangfuError):
    """Another system's access token is not taken (RFC 6750 3): ``reason`` is the stable name of the check that failed."""

    code = "token_refused"
    status = 401

    def __init__(self, told: BangfuError, reason: str) -> None:
        super().__init__(told.zh, told.en, where=told.where, mend_zh=told.mend_zh, mend_en=told.mend_en)
        self.headers = {"WWW-Authenticate": f'Bearer realm="bangfu", error="invalid_token", error_description="{reason}"'}


class LedElsewhere(BangfuError):
    """Something must be done on another page first; ``url`` is that page's address. A page is led there, or answered with
    ``response`` where there is one; a program is told."""

    code = "elsewhere_first"
    status = 403

    def __init__(self, zh: str, en: str, url: str = "/", **more: str) -> None:
        super().__init__(zh, en, **more)
        self.url = url
        self.headers: Mapping[str, str] = {}
        self.response: Response | None = None


class RecodedTo(BangfuError):
    """The address names a tenant by a division's code, old or new, that is not the tenant's own: the same address with the
    tenant's code is the one."""

    code = "recoded"
    status = 308

    def __init__(self, named: str, tenant: str) -> None:
        super().__init__("区划代码已变更，请用单位代码访问", "the division was recoded: use the tenant's code", where=tenant)
        self.named, self.tenant = named, tenant


class VersionNeeded(BangfuError):
    """A change was sent without saying which version it changes (If-Match)."""

    code = "precondition_required"
    status = 428


class _OfHttp(BangfuError):
    """What the framework itself refuses: an address that no route has, a method that it does not take."""

    def __init__(self, status: int) -> None:
        zh, en = TITLES.get(status, TITLES[400])
        super().__init__(zh, en)
        self.status = status
        self.code = "http_error"


def number_of(request: Request) -> str:
    """The number of this request, by which a person can name what went wrong."""
    number: str = request.scope.get("state", {}).get("number", "")
    return number


def is_api(request: Request) -> bool:
    """Whether a program asks, which gets a problem document."""
    return request.url.path.startswith(API_PREFIX)


def no_such_place() -> NotFound:
    """The one answer for what is not there and for what belongs to another tenant (law 1)."""
    return NotFound("没有找到该页面或记录", "there is no such page or record")


def log_fault(error: BaseException, number: str) -> None:
    """Log where an unforeseen error arose, with its number and kind, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("request %s failed: %s.%s at %s", number, type(error).__module__, type(error).__qualname__, places)


class _Busy(BangfuError):
    """The database does not answer, or not in time."""

    code = "not_available"
    status = 503


def _of_database(error: Exception) -> BangfuError:
    """What the database refused, without its words, which quote rows."""
    if isinstance(error, IntegrityError):
        return Conflict(
            "与已有记录冲突，或引用了不存在的记录",
            "it conflicts with a record, or names one that is not there",
            mend_zh="请刷新后核对再试",
            mend_en="reload, check and try again",
        )
    if isinstance(error, OperationalError | PoolTimeout):
        return _Busy("系统繁忙，没有办成", "the database did not answer in time", mend_zh="请稍后再试", mend_en="try again")
    return InvalidInput("有内容超出可保存的范围", "a value cannot be stored", mend_zh="请检查后重新提交", mend_en="check it")


def _hidden() -> BangfuError:
    return BangfuError(
        "系统出错，没有办成",
        "something went wrong and nothing was done",
        mend_zh="请稍后再试；仍不行时把下面的编号告诉管理员",
        mend_en="try again; if it persists, tell the administrator the number",
    )


def _problem(request: Request, error: BangfuError, more: Mapping[str, Any]) -> JSONResponse:
    title, _ = TITLES.get(error.status, TITLES[500])
    body: dict[str, Any] = {
        "type": f"urn:bangfu:error:{error.code}",
        "title": title,
        "status": error.status,
        "detail": error.zh,
        "detail_en": error.en,
        "where": error.where,
        "mend": error.mend_zh,
        "mend_en": error.mend_en,
        "number": number_of(request),
        **more,
    }
    headers = dict(error.headers) if isinstance(error, LedElsewhere | BearerRefused) else None
    return JSONResponse(body, error.status, headers, media_type="application/problem+json")


def _page(request: Request, error: BangfuError) -> HTMLResponse:
    title_zh, title_en = TITLES.get(error.status, TITLES[500])
    html = render_public(
        language_of(request),
        "error.html",
        error=error,
        title_zh=title_zh,
        title_en=title_en,
        number=number_of(request),
        back=back_url(request),
    )
    return HTMLResponse(html, error.status)


_GOES_ON = (
    ("case.read", "在办事项（法定时限内须办的环节）", "cases"),
    ("funds.read", "资金账、发放与银行回盘", "funds"),
    ("audit.read", "审计发现问题", "audit"),
    ("log.read", "操作日志", "log"),
)


def _at_rest(request: Request, error: NotAtWork) -> HTMLResponse:
    """One page that says why the tenant is not at work, and what its posts may still do there."""
    visit = getattr(request.state, "visit", None)
    scope = visit.scope if visit is not None else None
    left = [(zh, path) for permission, zh, path in _GOES_ON if scope is not None and scope.may(permission)]
    preparing = scope is not None and scope.standing is Standing.PREPARING
    html = render_public(
        language_of(request),
        "at_rest.html",
        error=error,
        pause=error.pause,
        left=[] if preparing else left,
        tenant=scope.tenant if scope is not None else "",
        checklist=preparing and scope is not None and scope.may("tenants.switch_plugins"),
        number=number_of(request),
    )
    return HTMLResponse(html, error.status)


def back_url(request: Request) -> str:
    """The first page of the tenant that the address names, or the choice of tenants."""
    first = request.url.path.split("/", 2)[1]
    return f"/{first}/" if len(first) == 6 and first.isdigit() else "/"


def _to_sign_in(request: Request) -> Response:
    fragment = request.headers.get("hx-request") == "true"
    there = back_url(request)
    if fragment:
        there = kept_address(request.headers.get("hx-current-url", "/")) or there
    elif request.method in {"GET", "HEAD"}:
        there = kept_address(f"{request.url.path}?{request.url.query}") or there
    url = "/sign-in" if there == "/" else f"/sign-in?next={quote(there)}"
    return Response(status_code=401, headers={"HX-Redirect": url}) if fragment else RedirectResponse(url, 303)


def _under_own_code(request: Request, error: RecodedTo) -> Response:
    parts = request.url.path.split("/")
    parts[parts.index(error.named)] = error.tenant
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse("/".join(parts) + query, 308)


def _lead(request: Request, url: str) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=403, headers={"HX-Redirect": url})
    return RedirectResponse(url, 303)


def answer(request: Request, error: BangfuError, more: Mapping[str, Any] | None = None) -> Response:
    """``error`` as the one who asks can read it; faults of the program itself show only their number."""
    if error.status == 500:
        log_fault(error, number_of(request))
        error = _hidden()
    error = masked(error)
    if isinstance(error, RecodedTo):
        return _under_own_code(request, error)
    if is_api(request):
        return _problem(request, error, more or {})
    if isinstance(error, NotAtWork):
        return _at_rest(request, error)
    if isinstance(error, NotSignedIn):
        return _to_sign_in(request)
    if isinstance(error, LedElsewhere):
        return error.response or _lead(request, error.url)
    return _page(request, error)


def answer_fault(request: Request, error: Exception) -> Response:
    """The answer to what nobody foresaw: a number, nothing else."""
    log_fault(error, number_of(request))
    return _problem(request, _hidden(), {}) if is_api(request) else _page(request, _hidden())


_KINDS = {"missing": "必填", "json_invalid": "不是有效的 JSON", "extra_forbidden": "不接受该字段"}


def _place(loc: Sequence[object], kind: str) -> str:
    """Where in the request it is; the name of a field that there is not was typed, so the place is what holds it."""
    parts = loc[:-1] if kind == "extra_forbidden" else loc
    return without_numbers(".".join(str(part) for part in parts))


def _not_valid(request: Request, error: RequestValidationError) -> Response:
    """Names the fields and what is wrong with them; what was typed is left out."""
    problems = [
        {
            "where": _place(problem["loc"], problem["type"]),
            "kind": problem["type"],
            "zh": _KINDS.get(problem["type"], "格式或取值不符合要求"),
        }
        for problem in error.errors()
    ]
    first = problems[0]["where"] if problems else None
    told = InvalidInput(
        f"有 {len(problems)} 处填写不符合要求",
        f"{len(problems)} values cannot be taken as they are",
        where=first,
        mend_zh="请检查后重新提交",
        mend_en="check them and send again",
    )
    return answer(request, told, {"errors": problems})


def install_handlers(app: FastAPI, admit: Callable[[Request], Awaitable[None]]) -> None:
    """Have ``app`` answer every kind of error in one manner.

    ``admit`` raises where the request's sender may not enter: a body that is no JSON is found before any dependency has
    asked, and nobody learns of an address by sending one.
    """

    @app.exception_handler(BangfuError)
    async def foreseen(request: Request, error: BangfuError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def not_valid(request: Request, error: RequestValidationError) -> Response:
        if any(problem["type"] == "json_invalid" for problem in error.errors()):
            try:
                await admit(request)
            except BangfuError as refused:
                return answer(request, refused)
        return _not_valid(request, error)

    @app.exception_handler(IntegrityError)
    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeout)
    @app.exception_handler(DataError)
    @app.exception_handler(UnicodeEncodeError)
    async def of_database(request: Request, error: Exception) -> Response:
        log_fault(error, number_of(request))
        return answer(request, _of_database(error))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and _TENANT_ALONE.fullmatch(request.url.path):
            return RedirectResponse(f"{request.url.path}/", 307)
        response = answer(request, no_such_place() if error.status_code == 404 else _OfHttp(error.status_code))
        response.headers.update(error.headers or {})
        return response
