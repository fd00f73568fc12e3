"""What the pages about staff, posts and the log share: which tenant is looked at, days that were typed, their words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import Query

from core.errors import InvalidInput
from core.identity.subtree import tenants_below
from core.scope import current_scope
from core.web.typed import day_typed

Of = Annotated[str | None, Query(pattern=r"^[0-9]{6}$", description="tenant below that is looked after")]
"""Which tenant of the subtree a page is about; the own one where it is left out."""

Typed = Annotated[str, Query(max_length=60)]
LOOKS_AFTER = "上级代管人员与岗位"
"""Why a level above enters a tenant below, as its record of openings says."""


def unions(own_name: str) -> list[tuple[str, str]]:
    """The tenants that can be looked after from here, the own one first: (code, name of the union)."""
    below = tenants_below()
    return [(current_scope().tenant, own_name), *below] if below else []


def tail(of: str | None, **more: str) -> str:
    """The query of an address that stays with the tenant looked at."""
    parts = {"of": of, **more}
    query = "&".join(f"{name}={quote(value)}" for name, value in parts.items() if value)
    return f"?{query}" if query else ""


def day_of(text: str, where: str, *, otherwise: date | None = None) -> date:
    """The day that was typed in the field ``where``; raises ``InvalidInput``. An empty field is ``otherwise``, if given."""
    if not text.strip() and otherwise is not None:
        return otherwise
    wrong = InvalidInput(
        "日期不正确", "not a date", where=where, mend_zh="请按 2026-11-25 的写法填写", mend_en="write it as 2026-11-25"
    )
    return day_typed(text, wrong)


def day_or_none(text: str, where: str) -> date | None:
    """The day that was typed, None where the field is empty; raises ``InvalidInput``."""
    return day_of(text, where) if text.strip() else None


def kept(typed: Mapping[str, str] | None) -> Mapping[str, str]:
    """What was typed, by field, for a form that shows it again; what was not typed is empty."""
    return defaultdict(str, typed or {})


def codes_of(given: Sequence[str]) -> list[str]:
    """Values of a repeated field without empty ones."""
    return [value for value in given if value.strip()]
