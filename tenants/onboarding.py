"""Onboarding: the tree of tenants, their keys and their first plugins (开通).

The tree stands in reference tables, which the application role cannot write: ``plant_tree`` runs as the owner, in a process
of its own. What belongs to a tenant is then written in that tenant's scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from core.db.session import unit_of_work
from core.divisions import Division, children, division
from core.divisions import Level as DivisionLevel
from core.errors import InvalidInput
from core.identity.changes import tell_tenant_opened
from core.scope import entered
from core.tenancy.keys import give_key
from core.tenancy.models import Tenant, TenantDivision
from core.tenancy.service import system_scope
from tenants.switching import plugin_cards, switch_plugin


def plant_tree(connection: Connection, province: str, on: date) -> list[str]:
    """Make tenants of a province, its prefectures and its counties, as the owner; those that are there stay as they are.

    Returns the codes of all of them, from the top down. Raises ``InvalidInput`` where ``province`` is none.
    """
    if division(province).level is not DivisionLevel.PROVINCE:
        raise InvalidInput(f"{province} 不是省级代码", f"{province} is not a province", where="province")
    tree = [division(province)]
    for item in children(province):
        tree.append(item)
        tree.extend(children(item.code))
    tree.sort(key=lambda item: (("province", "prefecture", "county").index(str(item.level)), item.code))
    rows = [_tenant_row(item, province, on) for item in tree]
    planted = connection.scalars(pg_insert(Tenant).on_conflict_do_nothing().returning(Tenant.code), rows).all()
    covers = [{"tenant_code": code, "division_code": code, "valid_from": on} for code in planted]
    if covers:
        connection.execute(pg_insert(TenantDivision), covers)
    return [item.code for item in tree]


def _tenant_row(item: Division, province: str, on: date) -> dict[str, object]:
    prefecture = item.code if str(item.level) == "prefecture" else item.parent if item.parent != province else None
    return {
        "code": item.code,
        "name": item.name,
        "union_name": f"{item.name}总工会",
        "level": str(item.level),
        "province": province,
        "prefecture": None if str(item.level) == "province" else prefecture,
        "parent": item.parent if str(item.level) != "province" else None,
        "onboarded_on": on,
        "closed_on": None,
    }


def open_tenants(plugins_of: Mapping[str, Iterable[str]], on: date, reason: str) -> int:
    """Give each tenant its key and switch on its first plugins, each in its own scope; what is done already stays. Where an
    identity provider keeps the accounts, the tenant's group there follows through the outbox.

    ``plugins_of`` maps tenant codes to plugin names. Returns how many tenants were opened now.
    """
    opened = 0
    for code, plugins in plugins_of.items():
        with entered(system_scope(code, "onboarding", on=on)), unit_of_work() as session:
            give_key(session)
            known = {card.info.name for card in plugin_cards(session) if card.version}
            missing = [name for name in plugins if name not in known]
            for name in missing:
                switch_plugin(session, name, enabled=True, reason=reason)
            if missing:
                tell_tenant_opened(session, code)
            opened += bool(missing)
    return opened


def tenant_codes(connection: Connection, level: str | None = None) -> list[str]:
    """Codes of the open tenants, of one level or of all."""
    statement = select(Tenant.code).where(Tenant.closed_on.is_(None)).order_by(Tenant.code)
    if level is not None:
        statement = statement.where(Tenant.level == level)
    return list(connection.scalars(statement))
