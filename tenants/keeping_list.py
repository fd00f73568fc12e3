"""The tenants below, listed and searched (单位管理): state, divisions old and new, how far the checklist is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from core.scope import Standing, current_scope
from core.tenancy.life import STATES_ZH, below_scope
from core.tenancy.models import Tenant, TenantDivision
from tenants.checklist import Point, checklists, gathered, lines_of


@dataclass(frozen=True, slots=True)
class Kept:
    """A tenant below: its row, its division of today, its lines that are on, and its checklist while it is in preparation."""

    tenant: Tenant
    division: str
    lines: tuple[str, ...]
    points: Sequence[Point]

    @property
    def state_zh(self) -> str:
        """The state in words."""
        return STATES_ZH[self.tenant.state]

    @property
    def done(self) -> int:
        """How many points of the checklist are done."""
        return sum(point.done for point in self.points)


def tenants_kept(session: Session, *, text: str = "", state: str = "", after: str = "", limit: int = 50) -> list[Kept]:
    """The tenants below the one in scope by code, after the one with the code ``after``.

    ``text`` is part of a name or the beginning of a code, also of one that a division bore before; ``state`` one of
    ``STATES_ZH``, empty for all but those that nobody opened.
    """
    wanted = select(Tenant).where(below_scope(), Tenant.code > after).order_by(Tenant.code).limit(limit)
    wanted = wanted.where(Tenant.state == state) if state else wanted.where(Tenant.state != Standing.PLANNED.value)
    if part := text.strip():
        borne = exists().where(
            TenantDivision.tenant_code == Tenant.code,
            or_(TenantDivision.division_code.startswith(part, autoescape=True), func.strpos(TenantDivision.name, part) > 0),
        )
        named = or_(func.strpos(Tenant.union_name, part) > 0, Tenant.code.startswith(part, autoescape=True))
        wanted = wanted.where(or_(named, borne))
    return described(session, session.scalars(wanted).all())


def described(session: Session, tenants: Sequence[Tenant]) -> list[Kept]:
    """What a list says of tenants: a few statements, and one question for each that travels with the others."""
    on = current_scope().business_date
    there = [tenant for tenant in tenants if tenant.state not in (Standing.PLANNED, Standing.CLOSED)]
    found = gathered(there, on)
    codes = [tenant.code for tenant in tenants]
    lists = checklists(session, [tenant.code for tenant in there if tenant.state == Standing.PREPARING.value])
    own = TenantDivision.tenant_code.in_(codes), TenantDivision.former_tenant.is_(None)
    rows = select(TenantDivision).where(*own).order_by(TenantDivision.valid_from)
    divisions = {row.tenant_code: row.division_code for row in session.scalars(rows)}
    return [
        Kept(
            tenant,
            divisions.get(tenant.code, tenant.code),
            tuple(name for name, state in lines_of(tenant, found[tenant.code], on).items() if state.on)
            if tenant.code in found
            else (),
            lists.get(tenant.code, []),
        )
        for tenant in tenants
    ]


def counted(session: Session) -> dict[str, int]:
    """How many tenants below there are in each state."""
    rows = session.execute(select(Tenant.state, func.count().label("tenants")).where(below_scope()).group_by(Tenant.state))
    return {row.state: row.tenants for row in rows}
