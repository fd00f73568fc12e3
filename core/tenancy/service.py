"""Tenants as the core needs them: whom a scope is built for, business dates, running numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.calendar import business_today
from core.db.session import reference_work, unit_of_work
from core.db.statements import tenant_core
from core.errors import NotFound
from core.scope import Level, Scope, current_scope, entered
from core.settings import settings
from core.tenancy.models import BusinessClock, Tenant, TenantCounter
from core.tenancy.plugin_state import enabled_plugins


def business_date(session: Session) -> date:
    """Today in Asia/Shanghai, or the date that the sample's story stands at where the installation allows it."""
    if settings().movable_business_date:
        moved: date | None = session.scalar(select(BusinessClock.on))
        if moved is not None:
            return moved
    return business_today(datetime.now(UTC))


def tenant_named(session: Session, code: str) -> Tenant:
    """The tenant with ``code``; raises ``NotFound``."""
    found = session.scalar(select(Tenant).where(Tenant.code == code, Tenant.closed_on.is_(None)))
    if found is None:
        raise NotFound(f"没有代码为 {code} 的单位", f"no tenant has the code {code}", where=code)
    return found


def system_scope(code: str, what: str, *, on: date | None = None, guest_reason: str | None = None) -> Scope:
    """A scope in which a job of the platform acts for the tenant ``code``; ``what`` names the job."""
    with reference_work() as session:
        tenant = tenant_named(session, code)
        day = on or business_date(session)
    bare = Scope(
        tenant=tenant.code,
        level=Level(tenant.level),
        province=tenant.province,
        union_name=tenant.union_name,
        prefecture=tenant.prefecture,
        actor=f"system:{what}",
        actor_name="系统",
        business_date=day,
        guest_reason=guest_reason,
    )
    return with_plugins(bare)


def with_plugins(bare: Scope) -> Scope:
    """``bare`` with the plugins that its tenant has on at this moment."""
    with entered(bare), unit_of_work() as session:
        plugins = enabled_plugins(session)
    return replace(bare, plugins=plugins)


def next_numbers(session: Session, kind: str, year: int, count: int = 1) -> range:
    """The next ``count`` running numbers of a kind in a year, without gaps; the row stays locked until the commit."""
    table = TenantCounter
    statement = (
        insert(table)
        .values(tenant=current_scope().tenant, kind=kind, year=year, last=count)
        .on_conflict_do_update(index_elements=["tenant", "kind", "year"], set_={"last": table.last + count})
        .returning(table.last)
    )
    last = session.execute(tenant_core(statement)).scalar_one()
    return range(last - count + 1, last + 1)
