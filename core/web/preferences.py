"""How a person wants pages to look: language and type size, kept in cookies that hold nothing else (显示偏好)."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request, Response

from core.web.cookies import cookie_of, set_cookie
from core.web.render import Language
from core.web.unsaid import kept_query

_YEAR_S = 365 * 24 * 3600
_LANGUAGE = "bangfu_lang"
_TYPE = "bangfu_type"


def language_of(request: Request) -> Language:
    """English where it was chosen (in the address or before), else Chinese."""
    chosen = request.query_params.get("lang") or cookie_of(request, _LANGUAGE)
    return "en" if chosen == "en" else "zh-Hans"


def large_type_of(request: Request) -> bool:
    """Whether the large type (大字模式) was chosen."""
    chosen = request.query_params.get("type") or cookie_of(request, _TYPE)
    return chosen == "large"


def other_language_url(request: Request) -> str:
    """The same page in the other language."""
    return _with(request, "lang", "zh-Hans" if language_of(request) == "en" else "en")


def other_type_url(request: Request) -> str:
    """The same page in the other type size."""
    return _with(request, "type", "standard" if large_type_of(request) else "large")


def _with(request: Request, name: str, value: str) -> str:
    kept = [pair for pair in kept_query(request.url.query) if pair[0] != name]
    return f"?{urlencode([*kept, (name, value)])}"


def keep_preferences(request: Request, response: Response) -> None:
    """Remember what the address chose."""
    if "lang" in request.query_params:
        set_cookie(response, _LANGUAGE, language_of(request), max_age=_YEAR_S)
    if "type" in request.query_params:
        set_cookie(response, _TYPE, "large" if large_type_of(request) else "standard", max_age=_YEAR_S)
