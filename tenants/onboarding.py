"""Onboarding: the tree of tenants, their keys and their first plugins (开通).

The tree of a province is planted by the owner, in a process of its own: the province's tenant is open from then on, all others
are planned. From there on the levels above open what lies below them (``tenants.opening``), in their own scope. What belongs to
a tenant, its key and its lines, is written in that tenant's scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from core.db.session import reference_work, unit_of_work
from core.divisions import Division, children, division
from core.divisions import Level as DivisionLevel
from core.errors import InvalidInput
from core.host.manager import host
from core.identity.changes import tell_tenant_opened
from core.scope import Scope, Standing, current_scope, entered
from core.tenancy.keys import give_key
from core.tenancy.life import is_there, move
from core.tenancy.models import Tenant, TenantDivision, TenantPlugin, TenantPluginChange
from core.tenancy.plugin_state import Own, place_of, said_here, states
from core.tenancy.service import system_scope
from core.trail.service import record

_ORDER = ("province", "prefecture", "county")
_UNFIT = frozenset({"forbidden", "shut_off", "lacks", "conflicts"})
_AT_ONCE: Final = 4
"""Tenants that are equipped at a time: most of it is waiting for the database and its disk."""


def plant_tree(connection: Connection, province: str, on: date) -> list[str]:
    """Make tenants of a province, its prefectures and its counties, as the owner; those that are there stay as they are, and a
    division that a tenant of another code covers gets none.

    Returns the codes of all of them, from the top down. Raises ``InvalidInput`` where ``province`` is none.
    """
    if division(province).level is not DivisionLevel.PROVINCE:
        raise InvalidInput(f"{province} 不是省级代码", f"{province} is not a province", where="province")
    tree = [division(province)]
    for item in children(province):
        tree.append(item)
        tree.extend(children(item.code))
    tree.sort(key=lambda item: (_ORDER.index(str(item.level)), item.code))
    covers = select(TenantDivision.division_code, TenantDivision.tenant_code).order_by(TenantDivision.valid_from)
    covered = {row.division_code: row.tenant_code for row in connection.execute(covers)}
    tree = [item for item in tree if covered.get(item.code, item.code) == item.code]
    rows = [tenant_row(item, province) for item in tree]
    rows[0] |= {"state": Standing.OPEN.value, "onboarded_on": on}
    planted = set(connection.scalars(pg_insert(Tenant).on_conflict_do_nothing().returning(Tenant.code), rows))
    fresh = [covering(row, on) for row in rows if row["code"] in planted]
    if fresh:
        connection.execute(pg_insert(TenantDivision), fresh)
    return [item.code for item in tree]


def tenant_row(item: Division, province: str) -> dict[str, object]:
    """The row of a division that nobody has opened yet."""
    prefecture = item.code if str(item.level) == "prefecture" else item.parent if item.parent != province else None
    return {
        "code": item.code,
        "name": item.name,
        "union_name": f"{item.name}总工会",
        "level": str(item.level),
        "province": province,
        "prefecture": None if str(item.level) == "province" else prefecture,
        "parent": item.parent if str(item.level) != "province" else None,
        "state": Standing.PLANNED.value,
        "onboarded_on": None,
        "closed_on": None,
    }


def covering(row: Mapping[str, object], on: date) -> dict[str, object]:
    """The row by which a tenant covers the division of its own code from a day on."""
    copied = {name: row[name] for name in ("name", "union_name", "province", "prefecture")}
    return {"tenant_code": row["code"], "division_code": row["code"], "valid_from": on, **copied}


def open_tenants(plugins_of: Mapping[str, Iterable[str]], on: date, reason: str) -> int:
    """Open tenants of a planted tree at once, as the platform, without the checklist that people go by: a sample, a bench.

    ``plugins_of`` maps tenant codes to plugin names. What is done already stays. Returns how many got their key or a plugin
    now.
    """
    _move_all(plugins_of, on, reason, "add", Standing.PLANNED)
    scopes = [system_scope(code, "onboarding", on=on) for code in plugins_of]
    opened = each_by_itself(scopes, lambda session: equip(session, list(plugins_of[current_scope().tenant]), reason))
    _move_all(plugins_of, on, reason, "go_live", Standing.PREPARING)
    return opened


def each_by_itself(scopes: Sequence[Scope], work: Callable[[Session], bool]) -> int:
    """Do ``work`` in each tenant's scope, in one transaction of its own, a few at a time; for how many it says yes.

    The first failure is raised when those under way have ended; what is committed stays.
    """

    def in_scope(scope: Scope) -> bool:
        with entered(scope), unit_of_work() as session:
            return work(session)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(in_scope, scopes))


def _move_all(codes: Iterable[str], on: date, reason: str, act: str, since: Standing) -> None:
    with reference_work() as session:
        waiting = select(Tenant.province, Tenant.code).where(Tenant.code.in_(list(codes)), Tenant.state == since.value)
        found = session.execute(waiting.order_by(Tenant.province, Tenant.code)).all()
    for province, rows in groupby(found, key=lambda row: row.province):
        with entered(system_scope(province, "onboarding", on=on)), unit_of_work() as session:
            move(session, [row.code for row in rows], act, reason=reason)


def equip(session: Session, plugins: Sequence[str], reason: str) -> bool:
    """Give the tenant in scope its data key and its first plugins, and have its group in the directory made; whether anything
    was lacking. Whoever comes second waits for the first and finds it done."""
    new_key = give_key(session)
    begun = begin_lines(session, plugins, reason)
    if new_key or begun:
        tell_tenant_opened(session, current_scope().tenant)
    return new_key or bool(begun)


def begin_lines(session: Session, plugins: Sequence[str], reason: str) -> list[str]:
    """Switch on the first plugins of the tenant in scope together, of those that it has never switched: one statement to see
    how they stand, and one for each kind of row. What a level above forbids, or what lacks another plugin, stays off."""
    scope, infos = current_scope(), host().infos
    own, rules = said_here(session)
    wanted = [name for name in dict.fromkeys(plugins) if name not in own and not host().info(name).always_on]
    after = states(infos, {**own, **{name: Own(True) for name in wanted}}, rules, place_of(scope), scope.business_date)
    begun = [name for name in wanted if after[name].why not in _UNFIT]
    changes = [
        TenantPluginChange(
            plugin=name, version=1, enabled=True, reason=reason, actor=scope.actor, business_date=scope.business_date
        )
        for name in begun
    ]
    session.add_all([*(TenantPlugin(plugin=name, enabled=True, version=1) for name in begun), *changes])
    session.flush()
    for change in changes:
        record(session, "plugin.on", "plugin_change", change.id, {"plugin": change.plugin, "version": 1})
    return begun


def tenant_codes(connection: Connection, level: str | None = None) -> list[str]:
    """Codes of the tenants that have been opened, of one level or of all."""
    statement = select(Tenant.code).where(is_there()).order_by(Tenant.code)
    if level is not None:
        statement = statement.where(Tenant.level == level)
    return list(connection.scalars(statement))
