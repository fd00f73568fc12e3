"""Tenants as the core needs them: whom a scope is built for, business dates, running numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.calendar import business_today
from core.db.session import reference_work, unit_of_work
from core.db.statements import tenant_core
from core.errors import NotFound
from core.host.manager import host
from core.scope import Level, Scope, Standing, current_scope, entered
from core.settings import settings
from core.tenancy.life import is_there, rests
from core.tenancy.models import BusinessClock, Tenant, TenantCounter, TenantDivision
from core.tenancy.plugin_state import enabled_plugins


def business_date(session: Session) -> date:
    """Today in Asia/Shanghai, or the date that the sample's story stands at where the installation allows it."""
    if settings().movable_business_date:
        moved: date | None = session.scalar(select(BusinessClock.on))
        if moved is not None:
            return moved
    return business_today(datetime.now(UTC))


def tenant_named(session: Session, code: str, *, closed: bool = False) -> Tenant:
    """The tenant with ``code`` that is in preparation, open or suspended; also a closed one where that is wanted.

    Where no tenant has the code itself, it is the tenant that covers the division of that code, or covered it: old and new
    codes lead to the same one. Raises ``NotFound``, also for a division that nobody has opened.
    """
    found = _itself(session, code, closed=closed) or session.scalar(_covering(code))
    if found is None:
        raise _unknown(code)
    return found


def heir_of(session: Session, code: str) -> str | None:
    """The code of the tenant to which ``code`` leads (``tenant_named``): its own while it is there, else that of whoever took
    over; None where nobody did."""
    try:
        return tenant_named(session, code).code
    except NotFound:
        return None


def reached_at(session: Session, code: str) -> str | None:
    """``heir_of``, for what shall be written there: None also where that tenant is left for reading (仅供查阅), since it has
    moved to another installation or stands here as a copy."""
    try:
        found = tenant_named(session, code)
    except NotFound:
        return None
    return None if found.state == Standing.READ_ONLY.value else found.code


def counties_of(session: Session, province: str, *states: Standing) -> list[tuple[str, str]]:
    """Counties of a province in one of ``states`` by code, each with its code and name as a form offers it."""
    wanted = select(Tenant.code, Tenant.union_name).where(
        Tenant.province == province,
        Tenant.level == Level.COUNTY.value,
        Tenant.state.in_([state.value for state in states]),
    )
    return [(code, f"{code} {name}") for code, name in session.execute(wanted.order_by(Tenant.code))]


def _itself(session: Session, code: str, *, closed: bool) -> Tenant | None:
    unfit = {Standing.PLANNED} if closed else {Standing.PLANNED, Standing.CLOSED}
    found = session.scalar(select(Tenant).where(Tenant.code == code))
    return None if found is None or Standing(found.state) in unfit else found


def _unknown(code: str) -> NotFound:
    return NotFound(f"没有代码为 {code} 的单位", f"no tenant has the code {code}", where=code)


def _covering(division: str) -> Select[Tenant]:
    """The tenant that came last to cover a division."""
    covers = TenantDivision.tenant_code == Tenant.code
    wanted = select(Tenant).join(TenantDivision, covers).where(TenantDivision.division_code == division, is_there())
    return wanted.order_by(TenantDivision.valid_from.desc(), Tenant.code).limit(1)


def system_scope(
    code: str, what: str, *, on: date | None = None, guest_reason: str | None = None, closed: bool = False
) -> Scope:
    """A scope in which a job of the platform acts for the tenant ``code`` itself; ``what`` names the job. In that of a
    ``closed`` one the database takes no writes.

    Former codes lead nowhere here: work that was meant for a county that has closed must not be done in its successor. Raises
    ``NotFound``.
    """
    with reference_work() as session:
        tenant = _itself(session, code, closed=closed)
        if tenant is None:
            raise _unknown(code)
        day = on or business_date(session)
    return with_plugins(replace(scope_of(tenant, f"system:{what}", day), guest_reason=guest_reason))


def scope_of(tenant: Tenant, actor: str, on: date, actor_name: str = "系统") -> Scope:
    """The scope of a tenant for an actor on a day, as its row says it: nothing of rights and lines yet."""
    return Scope(
        tenant=tenant.code,
        level=Level(tenant.level),
        province=tenant.province,
        prefecture=tenant.prefecture,
        union_name=tenant.union_name,
        actor=actor,
        actor_name=actor_name,
        business_date=on,
        standing=Standing(tenant.state),
    )


def with_plugins(bare: Scope) -> Scope:
    """``bare`` with the plugins that its tenant has on at this moment; a tenant that rests has none but those always on."""
    if rests(bare.standing):
        return replace(bare, plugins=host().always_on)
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
