"""The two ways to sign in - local accounts, or an identity provider - as far as addresses and pages differ (登录方式)."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from core.errors import BangfuError
from core.identity.oidc.errors import IssuerUnavailable
from core.identity.oidc.provider import provider
from core.settings import settings
from core.web.errors import no_such_place
from core.web.preferences import keep_preferences, language_of, other_language_url
from core.web.render import render_public

START, STEP_UP = "/oidc/start", "/oidc/step-up"


def by_provider() -> bool:
    """Whether people sign in at an identity provider."""
    return settings().identity != "local"


def by_local_account() -> None:
    """Dependency: an address of local accounts, which does not exist where people sign in at a provider."""
    if by_provider():
        raise no_such_place()


def step_up_url(next: str) -> str:
    """Where somebody proves anew who he is before a weighty act (再次认证), to come back to the path ``next``."""
    return f"{STEP_UP if by_provider() else '/account/confirm'}?next={quote(next)}"


def provider_origin() -> str | None:
    """Scheme and host of the provider, where forms may lead to; None with local accounts."""
    if not by_provider():
        return None
    parts = urlsplit(settings().keycloak_url)
    return f"{parts.scheme}://{parts.netloc}"


def provider_silent() -> BangfuError | None:
    """Why the provider cannot be signed in at now; None where it answers."""
    try:
        provider().require_answer()
    except IssuerUnavailable:
        return IssuerUnavailable(
            "统一身份认证服务器没有响应，暂时无法登录；已登录的人员可以继续办理",
            "the identity provider does not answer, so nobody can sign in now; whoever is signed in may work on",
            where=settings().issuer,
        )
    return None


def offer_provider(
    request: Request, wanted: str, *, error: BangfuError | None = None, another: str | None = None, start: str = START
) -> Response:
    """The sign-in page with one way on, to the provider by ``start``. ``error`` says why the last try came to nothing;
    ``another`` is where to sign out at the provider, for whoever is signed in there with an account that is none here."""
    html = render_public(
        language_of(request),
        "login_provider.html",
        start_url=f"{start}?next={quote(wanted)}",
        error=error,
        another_url=another,
        demo=settings().demo,
        language_url=other_language_url(request),
    )
    response = HTMLResponse(html, error.status if error is not None else 200)
    keep_preferences(request, response)
    return response
