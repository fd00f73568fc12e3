"""First door: facts upward. Each tenant writes its own aggregate figures; the levels above read figures, never rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.statements import tenant_core, tenant_sql
from core.exchange.models import Fact
from core.host.apart import apart
from core.host.manager import host
from core.scope import current_scope


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one tenant below, or of the tenant itself."""

    tenant: str
    prefecture: str | None
    name: str
    dimension: str
    value: int


def report_facts(session: Session, year: int) -> int:
    """Measure all declared facts of the tenant in scope for ``year`` and put them where the levels above see them."""
    scope = current_scope()
    rows = [
        {
            "tenant": scope.tenant,
            "id": new_id(),
            "prefecture": scope.prefecture,
            "province": scope.province,
            "name": name,
            "period": str(year),
            "dimension": dimension,
            "value": value,
            "as_of": scope.business_date,
        }
        for plugin, facts in host().asked("bangfu_facts")
        for declared in facts
        for name, dimension, value in apart(session, plugin, partial(declared.measure, session, year)) or ()
    ]
    if not rows:
        return 0
    statement = insert(Fact).values(rows)
    statement = statement.on_conflict_do_update(
        index_elements=["tenant", "name", "period", "dimension"],
        set_={"value": statement.excluded.value, "as_of": statement.excluded.as_of},
    )
    session.execute(tenant_core(statement))
    return len(rows)


def latest_year(session: Session) -> int | None:
    """The newest year for which the tenant in scope may read figures; None where there are none."""
    newest: str | None = session.execute(
        tenant_sql("select max(period) from fact where tenant = :tenant or province = :tenant or prefecture = :tenant")
    ).scalar()
    return int(newest) if newest else None


def figures_below(session: Session, year: int, names: Sequence[str] | None = None) -> list[Figure]:
    """The figures that the tenant in scope may read: its own and those of the tenants below it."""
    rows = session.execute(
        tenant_sql(
            "select tenant, prefecture, name, dimension, value from fact"
            " where (tenant = :tenant or province = :tenant or prefecture = :tenant) and period = :period"
            " and (cast(:names as text[]) is null or name = any (:names)) order by tenant, name, dimension"
        ),
        {"period": str(year), "names": list(names) if names is not None else None},
    )
    return [Figure(*row) for row in rows]
