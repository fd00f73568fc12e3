"""What a province or prefecture says of a service line in the counties below: required, forbidden or left free (启用规定).

The province speaks for all its counties or for those of one prefecture; a prefecture for its own, as far as the province leaves
the line free. A required line is on by itself, a forbidden one is off; both hold from a day on, by the business date alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import tenant_core
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.declarations import PluginInfo
from core.host.manager import host
from core.scope import Level, Scope, current_scope
from core.tenancy.models import PluginRule, Tenant
from core.tenancy.plugin_state import Place, Rule, conflicts_of, rule_over, rules_over_scope, states
from core.tenancy.service import next_numbers
from core.trail.service import record
from tenants.plugin import SWITCH
from tenants.switching import titles
from tenants.words import union_name

WORDS = MappingProxyType(
    {"require": "要求启用", "forbid": "不允许启用", "free": "由各县自定", "general": "取消单列，按全省规定"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule that somebody wants to make."""

    word: str
    prefecture: str | None
    valid_from: date


def set_rule(
    session: Session,
    name: str,
    word: str,
    *,
    reason: str,
    prefecture: str | None = None,
    valid_from: date | None = None,
    expected_version: int | None = None,
) -> PluginRule:
    """Say of a line what holds in the counties below, or (the province) in those of one ``prefecture``, from a day on (today).

    ``word`` is one of ``WORDS``. Needs ``tenants.switch_plugins``. Raises ``NotFound`` (no such line or prefecture),
    ``Forbidden`` (a county has none below), ``InvalidInput`` (word, day or reason), ``Conflict`` (the province has spoken,
    lines that need or exclude each other, nothing to change, or changed meanwhile).
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require(SWITCH)
    info = host().info(name)
    if scope.level is Level.COUNTY:
        raise Forbidden("县级没有下级单位，不能作启用规定", "a county has no counties below it", where=scope.tenant)
    asked = _checked(session, info, word, reason, prefecture, valid_from)
    version = next_numbers(session, f"plugin_rule:{name}", 0).start
    if expected_version is not None and version != expected_version + 1:
        raise Conflict(
            "该业务的启用规定已被他人更改",
            "the rules were changed meanwhile",
            where=name,
            mend_zh="请刷新后再操作",
            mend_en="reload and try again",
        )
    rules = rules_over_scope(session)
    _refuse_spoken(session, info, rules, asked)
    new = Rule(scope.tenant, name, asked.prefecture, word, asked.valid_from, version)
    _refuse_same(info, rules, new)
    _refuse_broken(rules, new)
    row = PluginRule(
        plugin=name,
        version=version,
        prefecture=asked.prefecture,
        word=word,
        valid_from=asked.valid_from,
        reason=reason.strip(),
        actor=scope.actor,
        business_date=scope.business_date,
    )
    session.add(row)
    session.flush()
    said = {"plugin": name, "version": version, "word": word, "prefecture": asked.prefecture, "valid_from": asked.valid_from}
    record(session, "plugin.rule", "plugin_rule", row.id, said)
    return row


def _checked(
    session: Session, info: PluginInfo, word: str, reason: str, prefecture: str | None, valid_from: date | None
) -> Asked:
    scope = current_scope()
    if info.always_on:
        raise Conflict(f"{info.title_zh}始终启用，无须规定", f"{info.title_en} is always on", where=info.name)
    if word not in WORDS or (word == "general" and prefecture is None):
        raise InvalidInput(
            "请选择要求启用、不允许启用或由各县自定", "require, forbid, free; or general of one prefecture", where="word"
        )
    if not reason.strip():
        raise InvalidInput(
            "请填写依据", "a reason is needed", where="reason", mend_zh="写明文号或会议决定", mend_en="state why"
        )
    day = valid_from or scope.business_date
    if day < scope.business_date:
        raise InvalidInput("生效日期不得早于今天", "it cannot hold from a day that has passed", where="valid_from")
    if prefecture is not None:
        below = select(Tenant.code).where(
            Tenant.code == prefecture, Tenant.level == Level.PREFECTURE.value, Tenant.parent == scope.tenant
        )
        if session.scalar(below) is None:
            raise NotFound("没有这个市（州）", "no such prefecture below", where="prefecture")
    return Asked(word, prefecture, day)


def _refuse_spoken(session: Session, info: PluginInfo, rules: Sequence[Rule], asked: Asked) -> None:
    """A prefecture speaks where the province leaves the line free."""
    scope = current_scope()
    if scope.level is not Level.PREFECTURE:
        return
    of_province = [rule for rule in rules if rule.tenant == scope.province]
    found = rule_over(of_province, Place(Level.COUNTY, scope.province, scope.prefecture), info.name, asked.valid_from)
    if found is not None:
        union = union_name(session, scope.province)
        raise Conflict(
            f"{union}已规定{info.title_zh}{WORDS[found.word]}，本级不能另作规定",
            f"the province says {found.word} of {info.name}",
            where=info.name,
            mend_zh=f"确需更改的，请报{union}",
            mend_en="ask the union above",
        )


def _refuse_same(info: PluginInfo, rules: Sequence[Rule], new: Rule) -> None:
    alike = [
        rule
        for rule in rules
        if (rule.tenant, rule.plugin, rule.prefecture) == (new.tenant, new.plugin, new.prefecture)
        and rule.valid_from <= new.valid_from
    ]
    stands = max(alike, key=lambda rule: (rule.valid_from, rule.version), default=None)
    without = "free" if new.prefecture is None else "general"
    if (stands.word if stands is not None else without) == new.word:
        raise Conflict(f"{info.title_zh}已是“{WORDS[new.word]}”", f"it stands so already: {new.word}", where=info.name)


def _refuse_broken(rules: Sequence[Rule], new: Rule) -> None:
    """What is required must have all that it needs required, and nothing required beside it that it excludes."""
    infos, scope = host().infos, current_scope()
    after = [*rules, new]
    prefectures = {rule.prefecture for rule in after if rule.tenant == scope.province}
    places = [Place(Level.COUNTY, scope.province, code) for code in _prefectures(scope, prefectures)]
    days = sorted({new.valid_from, *(rule.valid_from for rule in rules if rule.valid_from > new.valid_from)})
    for place in places:
        for day in days:
            here = states(infos, {}, after, place, day)
            required = {name for name, state in here.items() if state.rule is not None and state.rule.word == "require"}
            for name in sorted(required):
                if lacking := set(infos[name].requires) - required - host().always_on:
                    raise _needs(infos[name], lacking)
                if beside := required & conflicts_of(infos, name):
                    raise _excludes(infos[name], beside)


def _prefectures(scope: Scope, named: Iterable[str | None]) -> Sequence[str | None]:
    """The prefectures for which rules differ; None stands for all others."""
    return [scope.prefecture] if scope.level is Level.PREFECTURE else [*{None, *named}]


def _needs(info: PluginInfo, lacking: Iterable[str]) -> Conflict:
    return Conflict(
        f"要求启用{info.title_zh}的，须同时要求启用{titles(lacking)}",
        f"{info.name} needs {', '.join(sorted(lacking))}",
        where=info.name,
        mend_zh=f"请先对{titles(lacking)}作同样的规定",
        mend_en="require these as well, first",
    )


def _excludes(info: PluginInfo, beside: Iterable[str]) -> Conflict:
    return Conflict(
        f"{info.title_zh}不能与{titles(beside)}同时要求启用",
        f"{info.name} cannot be on beside {', '.join(sorted(beside))}",
        where=info.name,
    )


def rules_made(session: Session, name: str) -> Sequence[PluginRule]:
    """What the tenant in scope and the levels above it have said of a line, newest first."""
    scope = current_scope()
    line = {code for code in (scope.province, scope.prefecture, scope.tenant) if code is not None}
    wanted = select(PluginRule).where(PluginRule.tenant.in_(line), PluginRule.plugin == name)
    return session.scalars(tenant_core(wanted.order_by(PluginRule.at.desc(), PluginRule.id.desc()))).all()


def coming(rules: Sequence[Rule], scope: Scope, name: str) -> list[Rule]:
    """Rules over a county that begin later, the nearest first."""
    place = Place(scope.level, scope.province, scope.prefecture)
    found: list[Rule] = []
    for day in sorted({rule.valid_from for rule in rules if rule.plugin == name and rule.valid_from > scope.business_date}):
        rule = rule_over(rules, place, name, day)
        if rule is not None and rule.valid_from == day:
            found.append(rule)
        elif rule is None and scope.level is Level.COUNTY and rule_over(rules, place, name, scope.business_date) is not None:
            found.append(replace(next(r for r in rules if r.plugin == name and r.valid_from == day), word="free"))
    return found


def own_rules(rules: Sequence[Rule], scope: Scope, name: str) -> Mapping[str | None, Rule]:
    """What the tenant in scope itself last said of a line, by the prefecture that it is for."""
    found: dict[str | None, Rule] = {}
    for rule in rules:
        if rule.tenant == scope.tenant and rule.plugin == name and rule.valid_from <= scope.business_date:
            held = found.get(rule.prefecture)
            if held is None or (held.valid_from, held.version) <= (rule.valid_from, rule.version):
                found[rule.prefecture] = rule
    return found
