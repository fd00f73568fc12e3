"""The scope: on whose behalf code runs (作用域).

A scope is built once per request, per task and per command, and lives in a ContextVar. Whatever needs one and finds
none raises ``NoScope``: no scope, no query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from core.errors import BangfuError, Forbidden

TENANT_CODE = re.compile(r"[0-9]{6}")
ACTOR_KEY = re.compile(r"[a-z0-9][a-z0-9:_.\-]{0,79}")


class Level(StrEnum):
    """Level of a union (domain 1.3)."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


class NoScope(BangfuError):
    """Code that touches a tenant's data ran without a scope: always a programming error, and always refused."""

    code = "no_scope"
    status = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf code runs.

    ``tenant``, ``prefecture`` and ``province`` are six-digit tenant codes (``prefecture`` is None for a province and for
    a county run by its province); ``union_name`` is what pages call the tenant. ``actor`` is an account's id or
    ``system:<what>``. ``business_date`` is the civil date in Asia/Shanghai on which decisions are taken, apart from the
    instants in the trail.
    """

    tenant: str
    level: Level
    province: str
    actor: str
    business_date: date
    prefecture: str | None = None
    actor_name: str = ""
    union_name: str = ""
    roles: frozenset[str] = field(default_factory=frozenset)
    permissions: frozenset[str] = field(default_factory=frozenset)
    plugins: frozenset[str] = field(default_factory=frozenset)
    guest_reason: str | None = None
    guest_from: str | None = None
    """The tenant whose post a guest acts from, where a level above looks after this one."""
    principals: frozenset[str] = frozenset()
    """Actors for whom the actor stands in here during their leave (代理); what they may not do, he may not do for them."""

    def __post_init__(self) -> None:
        for code in (self.tenant, self.province, self.prefecture, self.guest_from):
            if code is not None and not TENANT_CODE.fullmatch(code):
                raise ValueError(f"not a tenant code: {code!r}")
        if not ACTOR_KEY.fullmatch(self.actor):
            raise ValueError(f"not an actor key: {self.actor!r}")

    @property
    def is_system(self) -> bool:
        """Whether a job of the platform acts, not a person."""
        return self.actor.startswith("system:")

    @property
    def persons(self) -> frozenset[str]:
        """The actor and those for whom he stands in: none of them may have had a part that excludes the act."""
        return self.principals | {self.actor}

    def may(self, permission: str) -> bool:
        """Whether the actor holds ``permission`` in this tenant."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Refuse with ``Forbidden`` unless the actor holds ``permission``."""
        if not self.may(permission):
            raise lacks(permission)
        note_right(permission)


def lacks(permission: str) -> Forbidden:
    """The refusal of a post that does not hold ``permission``."""
    return Forbidden(
        "您的岗位不能办理此事项",
        f"your post lacks the permission {permission}",
        where=permission,
        mend_zh="请由具备相应岗位职责的人员办理，或联系本级管理员",
        mend_en="ask someone whose post holds it, or the tenant's administrator",
    )


_current: ContextVar[Scope] = ContextVar("bangfu_scope")
_used: ContextVar[dict[str, None] | None] = ContextVar("bangfu_used", default=None)


def note_rights() -> dict[str, None]:
    """Note from here on, in this context, which rights are asked for and held (``Scope.require``): the keys of the value, in
    the order in which they were first asked for."""
    used: dict[str, None] = {}
    _used.set(used)
    return used


def note_right(permission: str) -> None:
    """Note that a right was asked for and held, where somebody notes them."""
    if (used := _used.get()) is not None:
        used.setdefault(permission)


def current_scope() -> Scope:
    """The scope in force; raises ``NoScope`` where there is none."""
    try:
        return _current.get()
    except LookupError:
        raise NoScope("没有作用域，拒绝访问数据", "no scope is in force, so no data is touched") from None


def set_scope(scope: Scope) -> None:
    """Put ``scope`` in force for the rest of this context (a request's task). Commands and jobs use ``entered``."""
    _current.set(scope)


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Run the body on behalf of ``scope``; the former scope, or none, is in force again afterwards."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)
