"""Who sends a request: the session of a browser's cookie, or another system by its access token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from core.identity.oidc.errors import IssuerUnavailable, TokenRefused
from core.identity.oidc.programs import program_of
from core.identity.oidc.renewal import Renewal, is_due, renewal
from core.identity.sessions import SignedIn, session_of
from core.settings import settings
from core.web.errors import BearerRefused, NotSignedIn, is_api

T = TypeVar("T")

_BEARER = "bearer "
# As long as a provider that trickles is waited for, and somewhat longer; the first look is soon, since most answer in 30 ms.
_WAITS = (0.03, 0.06, 0.12, *[0.25] * 60)


class BeingRenewed(Exception):
    """Another request asks the provider at this moment whether the session still holds, and it may not."""


def not_signed_in() -> NotSignedIn:
    """The answer to whoever has no live session."""
    return NotSignedIn("请先登录", "sign in first", mend_zh="登录已失效时请重新登录", mend_en="sign in again if it ran out")


def session_from(token: str | None) -> SignedIn:
    """The live session of a cookie. Raises as ``still_signed_in``."""
    return still_signed_in(session_of(token) if token else None)


def still_signed_in(found: SignedIn | None) -> SignedIn:
    """A live session, renewed at the identity provider where that is due: not to be asked with a connection in hand.

    Raises ``NotSignedIn``, also for a session that was opened in another way than the installation now has people sign in.
    Raises ``BeingRenewed`` where another request is asking for one whose time there is over.
    """
    if found is None or (found.fresh_until is None) != (settings().identity == "local"):
        raise not_signed_in()
    if found.fresh_until is None or not is_due(found.fresh_until):
        return found
    outcome = renewal(found.token_hash)
    if outcome is Renewal.ENDED:
        raise not_signed_in()
    if outcome is Renewal.ASKING and found.fresh_until <= datetime.now(UTC):
        raise BeingRenewed
    return found


def bearer_of(request: Request) -> str | None:
    """The access token that a request to the interface brings; pages take none."""
    given = request.headers.get("authorization", "")
    return given[len(_BEARER) :].strip() if is_api(request) and given[: len(_BEARER)].lower() == _BEARER else None


def program_from(bearer: str) -> SignedIn:
    """The program of an access token. Raises ``BearerRefused``, and ``IssuerUnavailable`` where its key cannot be had."""
    if settings().identity == "local":
        raise BearerRefused(_no_provider(), "no_provider")
    try:
        return program_of(bearer)
    except TokenRefused as refused:
        raise BearerRefused(refused, refused.reason) from None


def _no_provider() -> NotSignedIn:
    return NotSignedIn(
        "本平台未启用统一身份认证，不接受访问令牌",
        "no identity provider is set up here, so no access token is taken",
        mend_zh="请由系统管理员启用统一身份认证",
        mend_en="have the system's administrator set one up",
    )


async def patiently(look_up: Callable[[], T]) -> T:
    """What ``look_up`` finds, tried again while another request renews the session; without a thread or a connection in hand
    meanwhile. Raises ``IssuerUnavailable`` where that takes longer than any provider is given."""
    for pause in _WAITS:
        try:
            return await run_in_threadpool(look_up)
        except BeingRenewed:
            await asyncio.sleep(pause)
    raise IssuerUnavailable(
        "统一身份认证服务器答复过慢", "the identity provider takes too long to answer", where=settings().issuer
    )
