"""The life of a tenant (单位状态): planned -> preparing -> open <-> suspended -> closed.

What others build on::

    move(session, [code], "suspend", reason=...)   # in the scope of the province, or of the prefecture above; moves the state,
                                                   # writes a TenantChange and the trail of the union in scope
    tenants.lifecycle.suspend / resume / close     # the acts as people call them: right, checks, what follows
    at_work(), is_there()                          # conditions for statements that go over tenants
    Scope.standing, Scope.withheld, Scope.pause    # what a request or task sees of it; no statement of its own

The state stands in ``tenant.state`` and travels with the row that every scope reads anyway. Row-level security lets only a
scope of the levels above write it. Code that must move a tenant in a way of its own (a merger) adds a word to ``ACTS``.

=========== ======================== ============================ ================================ =====================
state       who gets in              lines and jobs               what staff may do                seen from above
=========== ======================== ============================ ================================ =====================
planned     nobody (404)             none                         nothing                          list of counties
preparing   its staff                lines on, nothing recurs     prepare; no case, no payment     list of counties
open        its staff                all                          all                              everything
suspended   its staff                lines off, nothing recurs    ``GOES_ON``, and what clocks owe figures, audit
read_only   its staff                none                         read, as in a closed one         list of counties
closed      whom a post is left or   none                         read (``READS``); the database   by its auditors
            given for reading        none                         refuses all writes but the log
=========== ======================== ============================ ================================ =====================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.manager import host
from core.scope import Level, Pause, Scope, Standing, current_scope
from core.tenancy.models import Tenant, TenantChange
from core.trail.service import record

STATES_ZH: Mapping[str, str] = MappingProxyType(
    {
        Standing.PLANNED: "未开通",
        Standing.PREPARING: "开通中",
        Standing.OPEN: "已开通",
        Standing.SUSPENDED: "已暂停",
        Standing.READ_ONLY: "仅供查阅",
        Standing.CLOSED: "已关闭",
    }
)


@dataclass(frozen=True, slots=True)
class Act:
    """A step in a tenant's life: from which states it is made and to which it leads (None: the state stays)."""

    zh: str
    en: str
    since: frozenset[Standing]
    leads_to: Standing | None


_LIVING = frozenset({Standing.PREPARING, Standing.OPEN, Standing.SUSPENDED, Standing.READ_ONLY})
_WORKING = frozenset({Standing.OPEN, Standing.SUSPENDED})

ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "add": Act("着手开通", "opened for preparation", frozenset({Standing.PLANNED}), Standing.PREPARING),
        "go_live": Act("正式开通", "went live", frozenset({Standing.PREPARING}), Standing.OPEN),
        "suspend": Act("暂停办理", "suspended", frozenset({Standing.OPEN}), Standing.SUSPENDED),
        "read_only": Act("转为仅供查阅", "left for reading", _WORKING, Standing.READ_ONLY),
        "resume": Act("恢复办理", "resumed", frozenset({Standing.SUSPENDED, Standing.READ_ONLY}), Standing.OPEN),
        "recode": Act("区划变更", "division changed", _LIVING, None),
        "close": Act("撤并关闭", "closed", _LIVING | {Standing.PLANNED}, Standing.CLOSED),
    }
)

NOT_YET = frozenset(
    {
        "case.open",
        "case.advance",
        "case.decide",
        "notice.post",
        "survey.open",
        "funds.prepare",
        "funds.pay",
        "announcement.publish",
        "exchange.hand_over",
        "exchange.take",
    }
)
"""Permissions that a tenant in preparation keeps back, beside all that service lines bring."""

GOES_ON = frozenset(
    {
        "people.read",
        "case.read",
        "case.advance",
        "case.decide",
        "case.withdraw",
        "document.read",
        "notice.read",
        "notice.register_objection",
        "notice.answer_objection",
        "funds.read",
        "funds.prepare",
        "funds.approve_payment",
        "funds.pay",
        "exchange.hand_over",
        "exchange.take",
        "audit.read",
        "audit.run",
        "audit.answer",
        "job.read",
        "log.read",
    }
)
"""What goes on in a suspended tenant: steps that a started clock obliges to (its lines are off, so the engine lets no other
pass), aid that was approved (its batches, the bank's returns, what the bank sends back and paying that again), objections
while a notice stands, answering or returning matters, refusing or taking back offers, the audit, reading. What begins anew by
the same rights is kept back by ``Demand.begins``. So whatever stands in the way of a closing can be finished."""

READS = frozenset(
    {
        "home.read",
        "people.read",
        "case.read",
        "document.read",
        "notice.read",
        "survey.read",
        "funds.read",
        "audit.read",
        "job.read",
        "log.read",
    }
)
"""What is left of a post in a tenant that is closed or left for reading."""

_RESTING = frozenset({Standing.SUSPENDED, Standing.READ_ONLY, Standing.CLOSED})


def at_work() -> ColumnElement[bool]:
    """Condition: the tenant has gone live and is not closed, so that it is measured and audited from above."""
    return Tenant.state.in_([state.value for state in sorted(_WORKING)])


def is_there() -> ColumnElement[bool]:
    """Condition: the tenant has been opened for preparation at least and is not closed, so that people and posts enter it."""
    return Tenant.state.in_([state.value for state in sorted(_LIVING)])


def rests(standing: Standing) -> bool:
    """Whether the tenant's lines are off because of its standing, whatever was said of them."""
    return standing in _RESTING


def narrowed(scope: Scope) -> Scope:
    """The scope of a person with what the tenant's standing leaves of the posts' permissions; what it keeps back is withheld,
    so that the refusal names the reason."""
    match scope.standing:
        case Standing.PREPARING:
            kept = scope.permissions - NOT_YET - _of_lines()
        case Standing.SUSPENDED:
            kept = scope.permissions & GOES_ON
        case Standing.READ_ONLY | Standing.CLOSED:
            kept = scope.permissions & READS
        case _:
            return scope
    plugins = host().always_on if rests(scope.standing) else scope.plugins
    return replace(scope, permissions=kept, withheld=scope.permissions - kept, plugins=plugins)


def _of_lines() -> frozenset[str]:
    return frozenset(
        declared.code
        for plugin, found in host().installed("bangfu_permissions")
        if plugin not in host().always_on
        for declared in found
    )


def pause_of(session: Session, tenant: str) -> Pause | None:
    """Who suspended the tenant or left it for reading, since when, why, and whom to call: asked only where that is so."""
    said = session.execute(
        select(TenantChange, Tenant.union_name)
        .join(Tenant, Tenant.code == TenantChange.by_tenant)
        .where(TenantChange.tenant_code == tenant, TenantChange.act.in_(["suspend", "read_only"]))
        .order_by(TenantChange.id.desc())
        .limit(1)
    ).one_or_none()
    if said is None:
        return None
    change, union = said
    return Pause(union, change.business_date, change.reason, str(change.detail.get("contact") or f"{union}本级管理员"))


def history(session: Session, tenant: str) -> Sequence[TenantChange]:
    """The steps of a tenant's life, newest first; of a tenant that is neither the one in scope nor below it there are none."""
    mine = select(TenantChange).where(TenantChange.tenant_code == tenant).order_by(TenantChange.id.desc())
    return session.scalars(mine).all()


def below_scope() -> ColumnElement[bool]:
    """Condition: the tenant lies below the one in scope."""
    here = current_scope().tenant
    return or_(Tenant.province == here, Tenant.prefecture == here) & (Tenant.code != here)


def tenant_below(session: Session, code: str) -> Tenant:
    """A tenant below the one in scope; raises ``NotFound``."""
    found = session.scalar(select(Tenant).where(Tenant.code == code, below_scope()))
    if found is None:
        raise NotFound("没有该单位", "no such tenant below", where="code")
    return found


def tenants_to_move(session: Session, codes: Sequence[str]) -> list[Tenant]:
    """Tenants below the one in scope, locked, in the order of their codes; raises ``NotFound`` where one is not below."""
    wanted = select(Tenant).where(Tenant.code.in_(codes), below_scope()).order_by(Tenant.code)
    found = list(session.scalars(wanted.with_for_update().execution_options(populate_existing=True)))
    if missing := sorted(set(codes) - {tenant.code for tenant in found}):
        raise NotFound(f"本级下没有代码为 {missing[0]} 的单位", f"no tenant below has the code {missing[0]}", where=missing[0])
    return found


def move(
    session: Session,
    codes: Sequence[str],
    act: str,
    *,
    reason: str,
    detail: Mapping[str, Any] | None = None,
) -> list[TenantChange]:
    """Make one step with many tenants below the one in scope: state, history and trail, in three statements and the lock.

    Asks for no right: the acts do. Raises ``Forbidden`` in a county's scope, ``InvalidInput`` without a reason, ``NotFound``
    for a tenant that is not below, ``Conflict`` where the state of one does not allow the step; then none is moved.
    """
    scope, step = current_scope(), ACTS[act]
    if scope.level is Level.COUNTY:
        raise Forbidden("县级没有下级单位", "a county has no tenants below it", where=scope.tenant)
    if not reason.strip():
        raise InvalidInput(
            "请填写依据", "a reason is needed", where="reason", mend_zh="写明文号或会议决定", mend_en="state why"
        )
    tenants = tenants_to_move(session, codes)
    for tenant in tenants:
        if Standing(tenant.state) not in step.since:
            raise Conflict(
                f"{tenant.union_name}{STATES_ZH[tenant.state]}，不能{step.zh}",
                f"{tenant.code} is {tenant.state} and cannot be {step.en}",
                where=tenant.code,
            )
    if step.leads_to is not None:
        changed: dict[str, Any] = {"state": step.leads_to.value}
        if act == "go_live":
            changed["onboarded_on"] = scope.business_date
        if step.leads_to is Standing.CLOSED:
            changed["closed_on"] = scope.business_date
        session.execute(update(Tenant).where(Tenant.code.in_(codes)).values(changed))
    changes = [
        TenantChange(
            id=new_id(),
            tenant_code=tenant.code,
            province=tenant.province,
            prefecture=tenant.prefecture,
            act=act,
            state=(step.leads_to or Standing(tenant.state)).value,
            reason=reason.strip(),
            detail=dict(detail or {}),
            actor=scope.actor,
            by_tenant=scope.tenant,
            business_date=scope.business_date,
        )
        for tenant in tenants
    ]
    session.add_all(changes)
    session.flush()
    for change in changes:
        record(session, f"tenant.{act}", "tenant_change", change.id, {"tenant": change.tenant_code, **(detail or {})})
    return changes
