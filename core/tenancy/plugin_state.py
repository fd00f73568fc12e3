"""Which plugins are on in a tenant on a day: what it said, the rules of the levels above, what plugins need of each other.

``states`` is pure. What it reads travels in one statement, asked with every scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import tenant_core, tenant_sql
from core.host.declarations import PluginInfo
from core.host.manager import host
from core.scope import Level, Scope, current_scope
from core.tenancy.models import PluginRule, TenantPlugin, TenantPluginChange

Why = Literal["own", "waits", "required", "forbidden", "lacks", "conflicts", "shut_off"]
_SHUT_OFF = "shut_off"
"""The word of the rule that stands for a plugin which is shut off for all tenants (``core.host.quarantine``)."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the tenant itself last said of a plugin; ``on_from`` where it was to be on from a later day."""

    enabled: bool
    on_from: date | None = None
    version: int = 0

    def on(self, day: date) -> bool:
        """Whether the tenant's own word has it on that day."""
        return self.enabled and (self.on_from is None or self.on_from <= day)


@dataclass(frozen=True, slots=True)
class Rule:
    """What ``tenant``, a level above, says of a plugin in its counties, or in those of one ``prefecture``."""

    tenant: str
    plugin: str
    prefecture: str | None
    word: str
    valid_from: date
    version: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tenant stands in the tree."""

    level: Level
    province: str
    prefecture: str | None


@dataclass(frozen=True, slots=True)
class State:
    """Whether a plugin is on, and why: the tenant's ``own`` word, a day that has not come (``waits``), the ``rule`` of a level
    above, or the plugins ``others`` that it needs or cannot stand beside; ``shut_off`` goes before all of these."""

    on: bool
    why: Why
    own: Own
    rule: Rule | None = None
    others: tuple[str, ...] = ()


def place_of(scope: Scope) -> Place:
    """The place of the tenant in scope."""
    return Place(scope.level, scope.province, scope.prefecture)


def _last(rules: Iterable[Rule], day: date) -> Rule | None:
    come = [rule for rule in rules if rule.valid_from <= day]
    return max(come, key=lambda rule: (rule.valid_from, rule.version), default=None)


def rule_over(rules: Sequence[Rule], place: Place, plugin: str, day: date) -> Rule | None:
    """The rule that binds a county on a day; None where the plugin is left free, and above the counties.

    What the province says for one prefecture goes before what it says for all; the prefecture speaks where the province leaves
    it free.
    """
    if place.level is not Level.COUNTY:
        return None
    mine = [rule for rule in rules if rule.plugin == plugin]
    above = [rule for rule in mine if rule.tenant == place.province]
    found = None
    if place.prefecture is not None:
        found = _last((rule for rule in above if rule.prefecture == place.prefecture), day)
    if found is None or found.word == "general":
        found = _last((rule for rule in above if rule.prefecture is None), day)
    if (found is None or found.word == "free") and place.prefecture is not None:
        found = _last((rule for rule in mine if rule.tenant == place.prefecture and rule.prefecture is None), day)
    return None if found is None or found.word == "free" else found


def states(
    infos: Mapping[str, PluginInfo], own: Mapping[str, Own], rules: Sequence[Rule], place: Place, day: date
) -> dict[str, State]:
    """The state of every plugin that can be switched. One that is required is on by itself, one that is forbidden is off; then
    goes what cannot stand beside a required one, and what lacks a plugin that it needs."""
    found: dict[str, State] = {}
    shut = {rule.plugin: rule for rule in rules if rule.word == _SHUT_OFF}
    for name, info in infos.items():
        if info.always_on:
            continue
        if name in shut:
            found[name] = State(False, "shut_off", own.get(name, Own(False)), shut[name])
            continue
        said, rule = own.get(name, Own(False)), rule_over(rules, place, name, day)
        if rule is not None:
            is_required = rule.word == "require"
            found[name] = State(is_required, "required" if is_required else "forbidden", said, rule)
        else:
            waits = said.enabled and not said.on(day)
            found[name] = State(said.on(day), "waits" if waits else "own", said)
    required = {name for name, state in found.items() if state.why == "required"}
    for name, state in found.items():
        beside = tuple(sorted(required & conflicts_of(infos, name)))
        if state.on and state.why == "own" and beside:
            found[name] = replace(state, on=False, why="conflicts", others=beside)
    changed = True
    while changed:
        changed = False
        on = {name for name, state in found.items() if state.on} | {name for name, info in infos.items() if info.always_on}
        for name, state in found.items():
            lacking = tuple(sorted(set(infos[name].requires) - on))
            if state.on and lacking:
                found[name] = replace(state, on=False, why="lacks", others=lacking)
                changed = True
    return found


def conflicts_of(infos: Mapping[str, PluginInfo], name: str) -> set[str]:
    """The installed plugins that cannot be on beside ``name``, whichever of the two says so."""
    said = {other for other, info in infos.items() if name in info.conflicts}
    return (said | set(infos[name].conflicts)) & set(infos) - {name}


_ASKED = (
    "select null as ruler, plugin, null as prefecture, case when enabled then 'on' else 'off' end as word, on_from as since,"
    " version from tenant_plugin where tenant = :tenant"
)
_SHUT = (
    " union all select 'nation', plugin, null, 'shut_off', cast(at as date), 0 from plugin_quarantine where lifted_at is null"
)
_BOUND = (
    " union all (select distinct on (tenant, plugin, prefecture) tenant, plugin, prefecture, word, valid_from, version"
    " from plugin_rule where tenant in (:province, :prefecture) and valid_from <= :day"
    " order by tenant, plugin, prefecture, valid_from desc, version desc)"
)


def said_here(session: Session) -> tuple[dict[str, Own], list[Rule]]:
    """What the tenant in scope says of plugins, the rules over it that have come, and what is shut off for all:
    one statement."""
    scope = current_scope()
    if scope.level is Level.COUNTY:
        line = {"province": scope.province, "prefecture": scope.prefecture or scope.province, "day": scope.business_date}
        rows = session.execute(tenant_sql(_ASKED + _SHUT + _BOUND), line)
    else:
        rows = session.execute(tenant_sql(_ASKED + _SHUT))
    own: dict[str, Own] = {}
    rules: list[Rule] = []
    for ruler, plugin, prefecture, word, since, version in rows:
        if ruler is None:
            own[plugin] = Own(word == "on", since, version)
        else:
            by = scope.province if word == _SHUT_OFF else ruler
            rules.append(Rule(by, plugin, prefecture, word, since, version))
    return own, rules


def states_here(session: Session) -> dict[str, State]:
    """The state of every plugin in the tenant in scope today: one statement."""
    scope = current_scope()
    own, rules = said_here(session)
    return states(host().infos, own, rules, place_of(scope), scope.business_date)


def enabled_plugins(session: Session) -> frozenset[str]:
    """Plugins that are on in the tenant in scope today: one statement, asked with every scope."""
    return frozenset(name for name, state in states_here(session).items() if state.on) | host().always_on


def rules_over_scope(session: Session) -> list[Rule]:
    """All rules of the levels above the tenant in scope, and of itself; also those whose day has not come."""
    scope = current_scope()
    line = {code for code in (scope.province, scope.prefecture, scope.tenant) if code is not None}
    rows = session.scalars(tenant_core(select(PluginRule).where(PluginRule.tenant.in_(line)).order_by(PluginRule.version)))
    return [Rule(row.tenant, row.plugin, row.prefecture, row.word, row.valid_from, row.version) for row in rows]


def on_between(session: Session, first: date, last: date) -> frozenset[str]:
    """Plugins that were on in the tenant in scope at any time from ``first`` to ``last``: two statements.

    A line that was on and off again on one day was on.
    """
    infos, place = host().infos, place_of(current_scope())
    changes = session.scalars(
        select(TenantPluginChange)
        .where(TenantPluginChange.business_date <= last)
        .order_by(TenantPluginChange.plugin, TenantPluginChange.version)
    ).all()
    spans: list[tuple[str, date, date]] = []
    for number, change in enumerate(changes):
        following = changes[number + 1] if number + 1 < len(changes) else None
        until = following.business_date if following is not None and following.plugin == change.plugin else date.max
        if change.enabled:
            spans.append((change.plugin, change.on_from or change.business_date, until))
    rules = [rule for rule in rules_over_scope(session) if rule.valid_from <= last]
    days = {first, *(start for _, start, _ in spans), *(rule.valid_from for rule in rules)}
    on: set[str] = set()
    for day in sorted(day for day in days if first <= day <= last):
        own = {plugin: Own(True) for plugin, start, until in spans if start <= day <= until}
        on |= {name for name, state in states(infos, own, rules, place, day).items() if state.on}
    return frozenset(on) | host().always_on


def plugin_row(session: Session, name: str) -> TenantPlugin | None:
    """The tenant's own word on a plugin, held until the commit."""
    return session.scalar(select(TenantPlugin).where(TenantPlugin.plugin == name).with_for_update())
