"""Switching a service line on or off for a tenant (启停业务), at once or from a later day.

One function serves the page, the API and the command line. Each change has a version, a reason and an entry in the trail; it
works at the next request or task of every process, since what was said is read with every scope. A later day comes by the
business date alone: no job switches anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.errors import Conflict, InvalidInput
from core.host.declarations import PluginInfo
from core.host.manager import host
from core.scope import current_scope
from core.tenancy.models import TenantPlugin, TenantPluginChange
from core.tenancy.plugin_state import Own, State, conflicts_of, place_of, plugin_row, said_here, states, states_here
from core.trail.service import record
from tenants.plugin import SWITCH
from tenants.words import union_name

SWITCHED = Kind("plugin", "业务启停", {"on": "启用", "off": "停用", "required": "上级要求启用", "forbidden": "上级不允许启用"})


def switching(*, on: bool) -> Demand:
    """What switching a line on, or off, asks for; what a level above has ruled, nobody here switches."""
    return Demand(SWITCH, of=SWITCHED, states=frozenset({"off" if on else "on"}))


@dataclass(frozen=True, slots=True)
class PluginCard:
    """A plugin as a tenant's administrator sees it: who it is, and its state here. ``version`` counts the tenant's switches."""

    info: PluginInfo
    state: State

    @property
    def enabled(self) -> bool:
        """Whether it is on here today."""
        return self.state.on

    @property
    def version(self) -> int:
        """How often the tenant has switched it."""
        return self.state.own.version

    @property
    def on_from(self) -> date | None:
        """The later day from which the tenant has it on, None where there is none."""
        return self.state.own.on_from if self.state.why == "waits" else None


def plugin_cards(session: Session) -> list[PluginCard]:
    """All installed service lines with their state in the tenant in scope: one statement."""
    found = states_here(session)
    return [PluginCard(info, found[name]) for name, info in host().infos.items() if name in found]


def switch_plugin(
    session: Session,
    name: str,
    *,
    enabled: bool,
    reason: str,
    on_from: date | None = None,
    expected_version: int | None = None,
) -> TenantPlugin:
    """Switch ``name`` on or off for the tenant in scope; on also from a later day, and off takes such a plan back.

    Data stays and old cases stay readable when a line is off; started statutory clocks, approved payments and audit checks go
    on. Raises ``NotFound`` (no such plugin), ``Forbidden``, ``InvalidInput`` (no reason, a day that has passed), ``Conflict``
    (always on, ruled by a level above, needed by another line or in need of one, nothing to change, or changed meanwhile).
    """
    scope = current_scope()
    if not scope.is_system:
        require(switching(on=enabled))
    info = host().info(name)
    if info.always_on:
        raise Conflict(f"{info.title_zh}不可停用", f"{info.title_en} is always on", where=name)
    if not reason.strip():
        raise InvalidInput(
            "请填写启停原因", "a reason is needed", where="reason", mend_zh="写明依据或会议决定", mend_en="state why"
        )
    later = _later(on_from, enabled=enabled)
    row = plugin_row(session, name)
    _refuse_stale(name, row.version if row else 0, expected_version)
    own, rules = said_here(session)
    said = own.get(name, Own(False))
    day = later or scope.business_date
    here = states(host().infos, own, rules, place_of(scope), day)
    _refuse_ruled(session, info, here[name], enabled=enabled)
    if (said.enabled, said.on_from if said.on_from and said.on_from > scope.business_date else None) == (enabled, later):
        raise Conflict(
            f"{info.title_zh}已处于{'启用' if enabled else '停用'}状态",
            f"{info.title_en} is already {'on' if enabled else 'off'}",
            where=name,
        )
    if enabled:
        if said.on(scope.business_date):
            raise Conflict(f"{info.title_zh}已经启用", f"{info.title_en} is on already", where=name)
        _refuse_unfit(info, here)
    else:
        _refuse_needed(info, here)
    return _written(session, row, name, enabled=enabled, on_from=later, reason=reason.strip())


def _written(
    session: Session, row: TenantPlugin | None, name: str, *, enabled: bool, on_from: date | None, reason: str
) -> TenantPlugin:
    scope = current_scope()
    if row is None:
        row = TenantPlugin(plugin=name, enabled=enabled, on_from=on_from, version=1)
        session.add(row)
    else:
        row.enabled, row.on_from, row.version = enabled, on_from, row.version + 1
    change = TenantPluginChange(
        plugin=name,
        version=row.version,
        enabled=enabled,
        on_from=on_from,
        reason=reason,
        actor=scope.actor,
        business_date=scope.business_date,
    )
    session.add(change)
    session.flush()
    fields = {"plugin": name, "version": row.version} | ({"on_from": on_from} if on_from else {})
    record(session, "plugin.on" if enabled else "plugin.off", "plugin_change", change.id, fields)
    return row


def _later(on_from: date | None, *, enabled: bool) -> date | None:
    """The later day, None for today."""
    today = current_scope().business_date
    if on_from is None or on_from == today:
        return None
    if not enabled:
        raise InvalidInput("停用自即日起，不能定日期", "off holds from today", where="on_from")
    if on_from < today:
        raise InvalidInput(
            "启用日期不得早于今天",
            "it cannot be on from a day that has passed",
            where="on_from",
            mend_zh="请填写今天或以后的日期",
            mend_en="name today or a later day",
        )
    return on_from


def _refuse_stale(name: str, version: int, expected: int | None) -> None:
    if expected is not None and expected != version:
        raise Conflict(
            "该业务的启停已被他人更改",
            "the line was switched meanwhile",
            where=name,
            mend_zh="请刷新后再操作",
            mend_en="reload and try again",
        )


def _refuse_ruled(session: Session, info: PluginInfo, state: State, *, enabled: bool) -> None:
    rule = state.rule
    if rule is None:
        return
    union = union_name(session, rule.tenant)
    required = rule.word == "require"
    if required and not enabled:
        raise Conflict(
            f"{union}要求启用{info.title_zh}，本单位不能停用",
            f"{info.title_en} is required by {rule.tenant}",
            where=info.name,
            mend_zh=f"确需停用的，请报{union}",
            mend_en="ask the union above",
        )
    if required:
        raise Conflict(
            f"{union}已要求启用{info.title_zh}", f"{info.title_en} is on by a rule of {rule.tenant}", where=info.name
        )
    if enabled:
        raise Conflict(
            f"{union}不允许启用{info.title_zh}",
            f"{info.title_en} is forbidden by {rule.tenant}",
            where=info.name,
            mend_zh=f"确需启用的，请报{union}",
            mend_en="ask the union above",
        )


def titles(names: Iterable[str]) -> str:
    """The Chinese names of plugins, as a sentence lists them."""
    infos = host().infos
    return "、".join(infos[name].title_zh if name in infos else name for name in sorted(names))


def _refuse_unfit(info: PluginInfo, here: Mapping[str, State]) -> None:
    """A line is switched on only where all that it needs is on by then, and nothing that it cannot stand beside."""
    lacking = {name for name in info.requires if name in here and not here[name].on}
    if lacking:
        raise Conflict(
            f"{info.title_zh}须与{titles(lacking)}一同启用",
            f"{info.name} needs {', '.join(sorted(lacking))}",
            where=info.name,
            mend_zh=f"请先启用{titles(lacking)}",
            mend_en="switch these on first",
        )
    beside = {name for name in conflicts_of(host().infos, info.name) if name in here and here[name].on}
    if beside:
        raise Conflict(
            f"{info.title_zh}不能与{titles(beside)}同时启用",
            f"{info.name} cannot be on beside {', '.join(sorted(beside))}",
            where=info.name,
            mend_zh=f"请先停用{titles(beside)}",
            mend_en="switch these off first",
        )


def needing(name: str, here: Mapping[str, State]) -> set[str]:
    """The lines that need ``name`` and are on here, or shall be from a later day."""
    infos = host().infos
    return {other for other, state in here.items() if name in infos[other].requires and (state.on or state.own.enabled)}


def _refuse_needed(info: PluginInfo, here: Mapping[str, State]) -> None:
    needed_by = needing(info.name, here)
    if needed_by:
        raise Conflict(
            f"{titles(needed_by)}依赖{info.title_zh}，不能单独停用",
            f"{', '.join(sorted(needed_by))} need {info.name}",
            where=info.name,
            mend_zh=f"请先停用{titles(needed_by)}",
            mend_en="switch these off first",
        )


def plugin_history(session: Session, name: str, limit: int = 50) -> Sequence[TenantPluginChange]:
    """The switches of one plugin in the tenant in scope, newest first."""
    return session.scalars(
        select(TenantPluginChange)
        .where(TenantPluginChange.plugin == name)
        .order_by(TenantPluginChange.version.desc())
        .limit(limit)
    ).all()


def last_changes(session: Session) -> Mapping[str, TenantPluginChange]:
    """The last switch of each plugin in the tenant in scope, by plugin: one statement."""
    newest = select(TenantPluginChange).ext(distinct_on(TenantPluginChange.plugin))
    rows = session.scalars(newest.order_by(TenantPluginChange.plugin, TenantPluginChange.version.desc()))
    return {row.plugin: row for row in rows}
