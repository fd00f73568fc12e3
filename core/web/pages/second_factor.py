"""The second factor of one's own account (第二重验证): set up by scanning, recovery codes, given up."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from markupsafe import Markup

from core.errors import BangfuError, InvalidInput
from core.identity import local
from core.identity.second_factor import Setup, WrongCode, begin_setup, resume_setup
from core.web.account_duties import SECOND_FACTOR_PAGE
from core.web.context import go
from core.web.pages.account import ACCOUNT, show_account_page
from core.web.step_up import fresh_proof, signed_in_of

router = APIRouter(dependencies=[Depends(fresh_proof())])


@router.get(SECOND_FACTOR_PAGE)
def setup_page(request: Request) -> Response:
    """A new secret as QR code and as text, and the field for its first code."""
    signed_in = signed_in_of(request)
    if not signed_in.has_password:
        return go(ACCOUNT, "您通过统一身份认证登录，第二重验证请在那里设置", "info")
    return _setup(request, begin_setup(signed_in.account_id, signed_in.login, datetime.now(UTC)))


@router.post(SECOND_FACTOR_PAGE)
def setup_posted(
    request: Request,
    code: Annotated[str, Form(max_length=100)] = "",
    setup: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Make the second factor count once its first code is right. A wrong one keeps the secret that was scanned."""
    signed_in, now = signed_in_of(request), datetime.now(UTC)
    try:
        codes = local.set_up_second_factor(signed_in, setup, code, at=now)
    except WrongCode as error:
        return _setup(request, resume_setup(signed_in.account_id, signed_in.login, setup, now), error)
    except InvalidInput as error:
        return _setup(request, begin_setup(signed_in.account_id, signed_in.login, now), error)
    return _codes(request, codes, fresh=True)


@router.post("/account/second-factor/codes")
def renew(request: Request) -> Response:
    """New recovery codes, shown once."""
    try:
        return _codes(request, local.renew_recovery_codes(signed_in_of(request)), fresh=False)
    except InvalidInput as error:
        return go(ACCOUNT, error.zh, "bad")


@router.post("/account/second-factor/end")
def give_up(request: Request) -> Response:
    """Go without a second factor, where the posts allow it."""
    try:
        local.give_up_second_factor(signed_in_of(request))
    except InvalidInput as error:
        return go(ACCOUNT, f"{error.zh}。{error.mend_zh}", "bad")
    return go(ACCOUNT, "第二重验证已停用")


def qr_code(text: str) -> Markup:
    """``text`` as a QR code: SVG with attributes alone, since the content policy allows no inline style."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn,
        kind="svg",
        border=4,
        xmldecl=False,
        svgns=False,
        omitsize=True,
        svgclass="qr",
        lineclass=None,
        nl=False,
        light="#fff",
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704  drawn from numbers; nothing of ``text`` stands in it as text


def _setup(request: Request, setup: Setup, error: BangfuError | None = None) -> Response:
    signed_in = signed_in_of(request)
    return show_account_page(
        request,
        "account_second_factor.html",
        error=error,
        picture=qr_code(setup.address),
        secret=" ".join(setup.secret[start : start + 4] for start in range(0, len(setup.secret), 4)),
        address=setup.address,
        sealed=setup.sealed,
        replaces=signed_in.has_second_factor,
        needed=local.standing(signed_in).needs_second_factor,
    )


def _codes(request: Request, codes: list[str], *, fresh: bool) -> Response:
    return show_account_page(request, "account_codes.html", codes=codes, fresh=fresh)
