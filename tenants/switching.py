"""Switching a service line on or off for a tenant, and its settings (启停业务).

One function serves the page, the API and the command line. Each change has a version, a reason and an entry in the trail;
it works at the next request or task of every process, since the row is read with every scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import Conflict, InvalidInput
from core.host.declarations import PluginInfo
from core.host.manager import host
from core.scope import current_scope
from core.tenancy.models import TenantPlugin, TenantPluginChange
from core.trail.service import record
from tenants.plugin import SWITCH


@dataclass(frozen=True, slots=True)
class PluginCard:
    """A plugin as a tenant's administrator sees it."""

    info: PluginInfo
    enabled: bool
    version: int
    settings: Mapping[str, Any]


def plugin_cards(session: Session) -> list[PluginCard]:
    """All installed service lines with their state in the tenant in scope."""
    rows = {row.plugin: row for row in session.scalars(select(TenantPlugin))}
    cards = []
    for name, info in host().infos.items():
        if info.always_on:
            continue
        row = rows.get(name)
        cards.append(PluginCard(info, row is not None and row.enabled, row.version if row else 0, row.settings if row else {}))
    return cards


def switch_plugin(
    session: Session,
    name: str,
    *,
    enabled: bool,
    reason: str,
    settings: Mapping[str, Any] | None = None,
    expected_version: int | None = None,
) -> TenantPlugin:
    """Switch ``name`` on or off for the tenant in scope, optionally with new settings.

    Data stays and old cases stay readable when a line is off; started statutory clocks, approved payments and audit
    checks go on. Raises ``NotFound`` (no such plugin), ``Forbidden``, ``InvalidInput`` (no reason, settings that the
    plugin's model refuses), ``Conflict`` (always on, nothing to change, or changed meanwhile).
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require(SWITCH)
    info = host().info(name)
    if info.always_on:
        raise Conflict(f"{info.title_zh}不可停用", f"{info.title_en} is always on", where=name)
    if not reason.strip():
        raise InvalidInput(
            "请填写启停原因", "a reason is needed", where="reason", mend_zh="写明依据或会议决定", mend_en="state why"
        )
    row = session.scalar(select(TenantPlugin).where(TenantPlugin.plugin == name).with_for_update())
    version = row.version if row else 0
    if expected_version is not None and expected_version != version:
        raise Conflict(
            "该业务的设置已被他人更改",
            "the line was changed meanwhile",
            where=name,
            mend_zh="请刷新后再操作",
            mend_en="reload and try again",
        )
    checked = _checked_settings(name, settings if settings is not None else (row.settings if row else {}))
    stands = (row.enabled, row.settings) if row is not None else (False, None)
    wanted = (enabled, checked if row is not None or settings is not None else None)
    if stands == wanted:
        raise Conflict(
            f"{info.title_zh}已处于{'启用' if enabled else '停用'}状态",
            f"{info.title_en} is already {'on' if enabled else 'off'}",
            where=name,
        )
    if row is None:
        row = TenantPlugin(plugin=name, enabled=enabled, settings=checked, version=1)
        session.add(row)
    else:
        row.enabled, row.settings, row.version = enabled, checked, version + 1
    change = TenantPluginChange(
        plugin=name,
        version=row.version,
        enabled=enabled,
        settings=checked,
        reason=reason.strip(),
        actor=scope.actor,
        business_date=scope.business_date,
    )
    session.add(change)
    session.flush()
    record(
        session,
        "plugin.on" if enabled else "plugin.off",
        "plugin_change",
        change.id,
        {"plugin": name, "version": row.version},
    )
    return row


def plugin_history(session: Session, name: str, limit: int = 50) -> Sequence[TenantPluginChange]:
    """The changes of one plugin in the tenant in scope, newest first."""
    return session.scalars(
        select(TenantPluginChange)
        .where(TenantPluginChange.plugin == name)
        .order_by(TenantPluginChange.version.desc())
        .limit(limit)
    ).all()


def _checked_settings(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    models = dict(host().installed("bangfu_settings"))
    model = models.get(name)
    if model is None:
        if given:
            raise InvalidInput("该业务没有可配置项", "the plugin has no settings", where=name)
        return {}
    unknown = sorted(set(given) - set(model.model_fields))
    if unknown:
        raise InvalidInput(f"未声明的配置项：{'、'.join(unknown)}", f"undeclared settings: {', '.join(unknown)}", where=name)
    try:
        checked: dict[str, Any] = model(**given).model_dump(mode="json")
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        where = ".".join(str(part) for part in problems[0]["loc"])
        raise InvalidInput(f"配置项不合要求：{where}", problems[0]["msg"], where=where) from error
    return checked
