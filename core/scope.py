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


class Standing(StrEnum):
    """How far a tenant is in its life (单位状态): ``core.tenancy.life`` says what follows from each."""

    PLANNED = "planned"
    """In the tree and nothing more (未开通)."""
    PREPARING = "preparing"
    """Opened, not yet at work (开通中)."""
    OPEN = "open"
    SUSPENDED = "suspended"
    READ_ONLY = "read_only"
    """Left for reading (仅供查阅): it has gone to another installation, or came from one as a copy."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a tenant rests: which union said so, since which day, for what reason, and whom to call."""

    by: str
    since: date
    reason: str
    contact: str


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
    standing: Standing = Standing.OPEN
    withheld: frozenset[str] = frozenset()
    """Permissions of the actor's posts that the tenant's standing keeps back."""
    pause: Pause | None = None
    principals: frozenset[str] = frozenset()
    """Actors for whom the actor stands in here during their leave (代理); what they may not do, he may not do for them."""
    case_lines: frozenset[str] | None = None
    """The service lines whose cases the actor reads, where his posts read those of some alone; None: no line is kept from
    him."""

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

    def reads_line(self, plugin: str) -> bool:
        """Whether cases of the line are there for the actor, as far as his posts go."""
        return self.case_lines is None or plugin in self.case_lines

    def require(self, permission: str) -> None:
        """Refuse with ``Forbidden`` unless the actor holds ``permission``, as ``NotAtWork`` where the tenant's standing alone
        keeps it back."""
        if not self.may(permission):
            raise at_rest(self) if permission in self.withheld else lacks(permission)
        note_right(permission)


class NotAtWork(Forbidden):
    """The post holds the right, but the tenant is not at work: not yet, not for a while, or no more."""

    code = "tenant_not_at_work"

    def __init__(self, zh: str, en: str, pause: Pause | None = None, **more: str) -> None:
        super().__init__(zh, en, **more)
        self.pause = pause


class Suspended(NotAtWork):
    """The tenant is suspended: who said so, why, since when and whom to call."""

    code = "tenant_suspended"


def at_rest(scope: Scope) -> NotAtWork:
    """The refusal that a tenant gives because of its standing."""
    if scope.standing is Standing.SUSPENDED:
        pause = scope.pause or Pause("上级工会", scope.business_date, "", "上级工会")
        return Suspended(
            f"{scope.union_name or '本单位'}自 {pause.since} 起已由{pause.by}暂停办理：{pause.reason}",
            f"suspended by {pause.by} since {pause.since}: {pause.reason}",
            pause,
            where=scope.tenant,
            mend_zh=f"请联系{pause.contact}",
            mend_en=f"call {pause.contact}",
        )
    if scope.standing is Standing.READ_ONLY:
        pause = scope.pause or Pause("上级工会", scope.business_date, "", "上级工会")
        return NotAtWork(
            f"{scope.union_name or '本单位'}自 {pause.since} 起仅供查阅：{pause.reason}",
            f"for reading only since {pause.since}: {pause.reason}",
            pause,
            where=scope.tenant,
            mend_zh=f"请到数据迁往的平台办理，或联系{pause.contact}",
            mend_en=f"work where its records have gone, or call {pause.contact}",
        )
    if scope.standing is Standing.CLOSED:
        return NotAtWork(
            "该单位已撤并，资料只供查阅",
            "the tenant is closed: its records can be read and nothing else",
            where=scope.tenant,
            mend_zh="需要办理的，请到承接单位办理",
            mend_en="go to the tenant that took over",
        )
    return NotAtWork(
        "本单位尚未正式开通，暂不能办理此事项",
        "the tenant has not gone live yet",
        where=scope.tenant,
        mend_zh="请先完成开通清单，由上级工会确认开通",
        mend_en="finish the checklist and have the level above let it go live",
    )


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
