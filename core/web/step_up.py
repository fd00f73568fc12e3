"""A fresh proof of who sits there (再次验证) before money moves or a service line is switched.

The session must have been proven within the last minutes (setting ``fresh_proof_minutes``), with the second factor where the
account has one. A page that is asked for leads to the confirmation and back. A form is answered with the confirmation around
it: what was filled in stands there as hidden fields, and goes with password and code to the same address, so that nothing is
typed twice. A program is told in the words of RFC 9470.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from starlette.datastructures import UploadFile

from core.authorisation import Demand
from core.errors import BangfuError, InvalidInput, TooMany
from core.identity.local import prove_again
from core.identity.sessions import PASSWORD, SECOND_FACTOR, SignedIn
from core.settings import settings
from core.web.errors import LedElsewhere, back_url, is_api
from core.web.preferences import language_of, other_language_url
from core.web.render import render_public
from core.web.security import CSRF_FIELD, MOST_FIELDS, SAFE_METHODS, local_path
from core.web.sign_in_ways import step_up_url
from core.web.throttle import count_try, forget_tries
from core.web.unsaid import kept_address

CONFIRM: Final = "/account/confirm"
PROOF_PASSWORD: Final = "proof_password"  # noqa: S105  the field's name, no password
PROOF_CODE: Final = "proof_code"
_PROOF_FIELDS: Final = frozenset({PROOF_PASSWORD, PROOF_CODE})
# Never written into a page again, not even hidden.
_SECRET_FIELDS: Final = frozenset({"password", "current", "again"})


class FreshProofNeeded(LedElsewhere):
    """The session was proven too long ago, or without the second factor that the account has."""

    code = "fresh_proof_required"
    status = 401


@dataclass(frozen=True, slots=True)
class _Typed:
    """What a form held, without its token, its secrets and its files."""

    fields: list[tuple[str, str]]
    lost_files: bool


def is_fresh(signed_in: SignedIn, at: datetime) -> bool:
    """Whether the session's proof is as fresh and as strong as the account can give."""
    wanted = SECOND_FACTOR if signed_in.has_second_factor else PASSWORD
    return signed_in.assurance >= wanted and at - signed_in.authenticated_at <= _lasts()


def _lasts() -> timedelta:
    return timedelta(minutes=settings().fresh_proof_minutes)


def signed_in_of(request: Request) -> SignedIn:
    """Who asks, after ``enter_tenant`` or ``enter_session``."""
    visit = getattr(request.state, "visit", None)
    found: SignedIn = visit.signed_in if visit is not None else request.state.signed_in
    return found


def confirm(signed_in: SignedIn, password: str, code: str) -> None:
    """Prove anew who is signed in. Raises ``InvalidInput`` where password or code is wrong, ``TooMany`` after many tries."""
    # Counted by session: whoever has stolen one uses up nobody else's tries.
    counted, session = f"again/{signed_in.login}", signed_in.token_hash.hex()
    count_try(counted, "", session)
    if not prove_again(signed_in, password, code):
        both = signed_in.has_second_factor
        raise InvalidInput(
            "密码或验证码不正确" if both else "密码不正确",
            "the password or the code is wrong" if both else "the password is wrong",
            mend_zh="用过的验证码不能再用，请等下一个" if both else None,
            mend_en="a code works once: wait for the next one" if both else None,
        )
    forget_tries(counted, "", session)


class FreshProof:
    """Dependency: the person has proven himself within the last minutes; the confirmation comes first otherwise."""

    demand = Demand(fresh_proof=True)

    async def __call__(self, request: Request) -> None:
        signed_in = signed_in_of(request)
        if self.demand.is_proven(is_fresh(signed_in, datetime.now(UTC))):
            return
        if is_api(request):
            raise _for_program(signed_in)
        if request.method in SAFE_METHODS:
            raise _needed(step_up_url(kept_address(_address(request)) or "/"))
        if request.headers.get("hx-request") == "true":
            raise _needed(step_up_url(kept_address(request.headers.get("hx-current-url", "/")) or "/"))
        form = await request.form(max_fields=MOST_FIELDS)
        password, code = form.get(PROOF_PASSWORD), form.get(PROOF_CODE, "")
        error: BangfuError | None = None
        if isinstance(password, str) and isinstance(code, str):
            try:
                await run_in_threadpool(confirm, signed_in, password, code)
                return
            except (InvalidInput, TooMany) as refused:
                error = refused
        pairs = form.multi_items()
        kept = [(name, value) for name, value in pairs if isinstance(value, str) and not _left_out(name)]
        typed = _Typed(kept, any(isinstance(value, UploadFile) and value.filename for _, value in pairs))
        refusal = _needed(CONFIRM)
        refusal.response = confirmation(request, signed_in, typed=typed, error=error)
        raise refusal


def fresh_proof() -> FreshProof:
    """``dependencies=[Depends(fresh_proof())]``, behind what lets the person in at all."""
    return FreshProof()


def _left_out(name: str) -> bool:
    return name == CSRF_FIELD or name in _PROOF_FIELDS or name in _SECRET_FIELDS


def _address(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _back(request: Request) -> str:
    """The page from which it was asked for, for whoever changes his mind; the first page where that is not known."""
    came = urlsplit(request.headers.get("referer", ""))
    page = kept_address(f"{came.path}?{came.query}") if came.netloc == request.url.netloc else None
    return back_url(request) if page is None or came.path in {request.url.path, CONFIRM} else local_path(page, "/")


def _needed(url: str) -> FreshProofNeeded:
    return FreshProofNeeded(
        "办理前请再次验证身份",
        "prove once more who you are",
        url,
        mend_zh="请输入密码后继续",
        mend_en="type the password and go on",
    )


def _for_program(signed_in: SignedIn) -> FreshProofNeeded:
    error = _needed(CONFIRM)
    level = SECOND_FACTOR if signed_in.has_second_factor else PASSWORD
    error.headers = {
        "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", '
        'error_description="a fresh proof of the person is needed", '
        f'acr_values="{level}", max_age="{int(_lasts().total_seconds())}"'
    }
    return error


def confirmation(
    request: Request,
    signed_in: SignedIn,
    *,
    typed: _Typed | None = None,
    wanted: str = "/",
    done: bool = False,
    error: BangfuError | None = None,
) -> HTMLResponse:
    """The page that asks for password and code: around a form that was sent (``typed``), or by itself, to lead on to
    ``wanted``; ``done`` says that nothing is left to prove."""
    html = render_public(
        language_of(request),
        "confirm.html",
        csrf_token=signed_in.csrf_token,
        login=signed_in.login,
        user_name=signed_in.display_name,
        action=CONFIRM if typed is None else _address(request),
        back=_back(request),
        typed=typed,
        wanted=wanted,
        done=done,
        has_password=signed_in.has_password,
        asks_code=signed_in.has_second_factor,
        provider_url=step_up_url(CONFIRM if typed is not None else wanted),
        minutes=settings().fresh_proof_minutes,
        error=error,
        demo=settings().demo,
        language_url=other_language_url(request),
    )
    status = error.status if error is not None else 200 if typed is None else FreshProofNeeded.status
    return HTMLResponse(html, status)
