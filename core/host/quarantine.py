"""Shutting a plugin off for all counties in one act, and letting it in again (停用隔离)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.errors import Conflict, InvalidInput, NotFound
from core.host.declared import QUARANTINE
from core.host.manager import host
from core.host.models import PluginQuarantine
from core.scope import Level, current_scope, lacks
from core.trail.service import record

SHUT_OFF = Demand(QUARANTINE, levels=frozenset({Level.PROVINCE}))
"""What the act asks for: the system administrator of the province."""
BY_MIGRATION = "system:migration"


def quarantined(session: Session) -> Mapping[str, PluginQuarantine]:
    """The plugins that are shut off for all counties, by name."""
    rows = session.scalars(select(PluginQuarantine).where(PluginQuarantine.lifted_at.is_(None)))
    return {row.plugin: row for row in rows}


def is_shut_off(session: Session, name: str) -> bool:
    """Whether one plugin is shut off for all counties now."""
    asked = select(PluginQuarantine.plugin).where(PluginQuarantine.plugin == name, PluginQuarantine.lifted_at.is_(None))
    return session.scalar(asked) is not None


def shut_off(session: Session, name: str, reason: str) -> None:
    """Shut the plugin ``name`` off for every tenant from its next request or task on; what each has switched on stays as it is.

    A plugin that could not be loaded may be shut off too. Raises ``Forbidden``, ``NotFound`` (neither installed nor left out),
    ``InvalidInput`` (no reason), ``Conflict`` (the platform's own, or shut off already).
    """
    _allow(reason)
    installed = host()
    if name not in installed.infos and name not in {found.name for found in installed.left_out}:
        raise NotFound(f"没有名为 {name} 的业务插件", f"no plugin is called {name}", where=name)
    if name in installed.always_on:
        raise Conflict(f"插件 {name} 属于平台基础，不可停用", f"{name} is part of the platform itself", where=name)
    if name in quarantined(session):
        raise Conflict(f"插件 {name} 已在全省停用", f"{name} is shut off already", where=name)
    _write(session, name, reason.strip(), current_scope().actor)
    record(session, "plugin.quarantined", "plugin", None, {"plugin": name})


def let_in(session: Session, name: str, reason: str) -> None:
    """Let a plugin in again where each tenant has it switched on. Raises ``Forbidden``, ``InvalidInput``, and ``Conflict``
    where it is not shut off."""
    _allow(reason)
    row = session.scalar(
        select(PluginQuarantine).where(PluginQuarantine.plugin == name, PluginQuarantine.lifted_at.is_(None)).with_for_update()
    )
    if row is None:
        raise Conflict(f"插件 {name} 没有被停用", f"{name} is not shut off", where=name)
    row.lifted_at = datetime.now(UTC)
    record(session, "plugin.released", "plugin", None, {"plugin": name})


def shut_off_by_migration(owner: Connection, failed: Mapping[str, Exception], sound: frozenset[str]) -> None:
    """After a migration, as the owner: shut off the plugins in ``failed``; let those of ``sound`` in again that a former
    migration had shut off."""
    row = PluginQuarantine
    owner.execute(
        update(row)
        .where(row.plugin.in_(sorted(sound)), row.actor == BY_MIGRATION, row.lifted_at.is_(None))
        .values(lifted_at=datetime.now(UTC))
    )
    for name, error in failed.items():
        _write(owner, name, f"数据结构更新失败：{error}", BY_MIGRATION)


def _allow(reason: str) -> None:
    scope = current_scope()
    if not scope.is_system:
        require(SHUT_OFF)
    if scope.level not in SHUT_OFF.levels:
        raise lacks(QUARANTINE)
    if not reason.strip():
        raise InvalidInput("请填写原因", "a reason is needed", where="reason", mend_zh="写明故障或依据", mend_en="state why")


def _write(session: Session | Connection, name: str, reason: str, actor: str) -> None:
    row = {"reason": reason, "actor": actor, "at": datetime.now(UTC), "lifted_at": None}
    fresh = insert(PluginQuarantine).values(plugin=name, **row)
    session.execute(fresh.on_conflict_do_update(index_elements=["plugin"], set_=row))
