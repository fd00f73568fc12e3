"""Divisions that change (区划变更): a county is renamed or recoded, its tenant code stays, and both codes lead to it.

The division is a dated attribute of the tenant. ``core.tenancy.service.tenant_named`` finds a tenant by any code that its
division has or had, so the command line and jobs take either; a page or resource under such a code leads to the same address
under the tenant's own (``core.web.errors.RecodedTo``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.divisions import above, all_divisions
from core.errors import Conflict, InvalidInput, NotFound
from core.scope import Standing, current_scope
from core.tenancy.life import is_there, move, tenants_to_move
from core.tenancy.models import Tenant, TenantChange, TenantDivision
from tenants.lifecycle import require_keeper


def recode(
    session: Session,
    code: str,
    division: str,
    reason: str,
    *,
    name: str = "",
    union_name: str = "",
    valid_from: date | None = None,
) -> TenantChange:
    """Have the tenant ``code`` cover another division, or the same under another name, from a day on that has come (today).

    ``name`` is that of the division where it is left out, ``union_name`` follows the name. A row of the tree that nobody opened
    and that bears the new code is closed: this tenant stands for it. Raises as ``require_keeper`` and ``move``, ``NotFound``
    for a code that is none below the tenant in scope, ``InvalidInput`` for a division of another level or a day that is to come
    or lies before the last change, ``Conflict`` where another tenant covers it, or nothing changes, as when it is told again.
    """
    require_keeper(session)
    scope = current_scope()
    day = valid_from or scope.business_date
    (tenant,) = tenants_to_move(session, [code])
    item = all_divisions().get(division)
    if item is None or scope.tenant not in above(division):
        raise NotFound(f"本级下没有行政区划代码 {division}", f"no division below has the code {division}", where="division")
    if str(item.level) != tenant.level:
        raise InvalidInput("新区划的行政级别与单位不符", "the division is of another level", where="division")
    if day > scope.business_date:
        raise InvalidInput(
            "区划变更应在批准生效之日或以后办理", "the day has not come", where="valid_from", mend_zh="请在生效之日办理"
        )
    rows = covered(session, code)
    last = next((row for row in rows if row.former_tenant is None), None)
    former = (last.division_code, last.name, last.union_name) if last else (code, tenant.name, tenant.union_name)
    new_name = name.strip() or item.name
    new_union = union_name.strip() or f"{new_name}总工会"
    if former == (division, new_name, new_union):
        raise Conflict("区划代码和名称都没有变化", "nothing changes", where="division")
    if last and day <= last.valid_from:
        raise InvalidInput(f"生效日期须晚于上次变更的 {last.valid_from}", "it lies before the last change", where="valid_from")
    if any((row.division_code, row.valid_from) == (division, day) for row in rows):
        raise InvalidInput(
            f"{division} 当日因撤并并入本单位",
            "the division was taken over on that day",
            where="valid_from",
            mend_zh="请自次日起办理区划变更",
            mend_en="recode from the next day on",
        )
    _refuse_covered(session, tenant, division)
    row = TenantDivision(
        tenant_code=code,
        division_code=division,
        valid_from=day,
        name=new_name,
        union_name=new_union,
        province=tenant.province,
        prefecture=tenant.prefecture,
    )
    session.add(row)
    session.execute(update(Tenant).where(Tenant.code == code).values(name=new_name, union_name=new_union))
    _stand_for(session, tenant, division, reason)
    detail = {
        "division": division,
        "name": new_name,
        "former": former[0],
        "former_name": former[1],
        "valid_from": day.isoformat(),
    }
    return move(session, [code], "recode", reason=reason, detail=detail)[0]


def _refuse_covered(session: Session, tenant: Tenant, division: str) -> None:
    """No tenant that people work in may have the code already, as its own or as its division's."""
    other = (
        select(Tenant.union_name)
        .outerjoin(TenantDivision, TenantDivision.tenant_code == Tenant.code)
        .where((Tenant.code == division) | (TenantDivision.division_code == division), Tenant.code != tenant.code, is_there())
        .limit(1)
    )
    if (union := session.scalar(other)) is not None:
        raise Conflict(f"{division} 已由{union}管辖", f"{division} is covered by another tenant", where="division")


def _stand_for(session: Session, tenant: Tenant, division: str, reason: str) -> None:
    planned = select(Tenant.code).where(Tenant.code == division, Tenant.state == Standing.PLANNED.value)
    if division != tenant.code and session.scalar(planned) is not None:
        move(session, [division], "close", reason=reason, detail={"into": tenant.code})


def covered(session: Session, code: str) -> Sequence[TenantDivision]:
    """The divisions that a tenant covers and covered, with the names of their time, newest first; those of a tenant that it
    took over name that one (``former_tenant``)."""
    mine = select(TenantDivision).where(TenantDivision.tenant_code == code)
    return session.scalars(mine.order_by(TenantDivision.valid_from.desc())).all()


def name_on(session: Session, code: str, day: date) -> tuple[str, str]:
    """(name of the division, name of the union) of a tenant on a day, for what bears that day's date; raises ``NotFound``."""
    rows = [row for row in covered(session, code) if row.former_tenant is None]
    if not rows:
        tenant = session.get(Tenant, code)
        if tenant is None:
            raise NotFound(f"没有代码为 {code} 的单位", f"no tenant has the code {code}", where=code)
        return tenant.name, tenant.union_name
    held = next((row for row in rows if row.valid_from <= day), rows[-1])
    return held.name, held.union_name
