"""Reading and writing dated figures of policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.statements import tenant_core
from core.parameters.models import NationalParameter, TenantParameter
from core.scope import Scope


def national_until(session: Session, on: date) -> Sequence[NationalParameter]:
    """All national values that hold from ``on`` or an earlier day, oldest first."""
    wanted = select(NationalParameter).where(NationalParameter.valid_from <= on)
    return session.scalars(wanted.order_by(NationalParameter.name, NationalParameter.valid_from)).all()


def tenants_until(session: Session, scope: Scope, on: date) -> Sequence[TenantParameter]:
    """What the tenant in scope and the levels above it have set to hold from ``on`` or an earlier day, oldest first."""
    line = [code for code in (scope.province, scope.prefecture, scope.tenant) if code is not None]
    wanted = select(TenantParameter).where(TenantParameter.tenant.in_(line), TenantParameter.valid_from <= on)
    ordered = wanted.order_by(TenantParameter.name, TenantParameter.valid_from, TenantParameter.recorded_at, TenantParameter.id)
    return session.scalars(tenant_core(ordered)).all()


def all_words(session: Session, scope: Scope, name: str | None = None) -> Sequence[TenantParameter]:
    """All that the tenant in scope and the levels above it have ever set, or of one figure, oldest first."""
    line = [code for code in (scope.province, scope.prefecture, scope.tenant) if code is not None]
    wanted = select(TenantParameter).where(TenantParameter.tenant.in_(line))
    if name is not None:
        wanted = wanted.where(TenantParameter.name == name)
    ordered = wanted.order_by(TenantParameter.valid_from, TenantParameter.recorded_at, TenantParameter.id)
    return session.scalars(tenant_core(ordered)).all()


def write_national(owner: Connection | Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write national values; a value that is declared anew for the same day replaces the former."""
    if not rows:
        return
    statement = insert(NationalParameter)
    renewed = {name: statement.excluded[name] for name in ("value", "source", "clause")}
    owner.execute(statement.on_conflict_do_update(index_elements=["name", "valid_from"], set_=renewed), list(rows))
