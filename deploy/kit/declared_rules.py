"""Rules on what a plugin declares: names, texts, duties, workflows, money, routes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from fastapi.dependencies.models import Dependant

from core.cases.workflows import problems_of as problems_of_workflow
from core.host.answers import HOOKS, foreign_names, keys_of, problems_of
from core.host.declarations import NavEntry, PermissionDecl, RoleDecl, RoleGrant, WorkflowDecl
from core.identity.mapping import breaks
from core.tenancy.setting_fields import UnsuitedSetting, fields_of
from core.web.context import Requires
from deploy.kit.breach import Breach, Package

_HAN = re.compile(r"[\u3400-\u9fff]")
_TEXT = re.compile(r"(title|description|group|hint)?_?(zh|en)")
_OPTIONAL = frozenset({"hint_zh", "group_zh", "group_en"})


def answers(package: Package) -> Iterator[Breach]:
    """Each hook answers what it is for, under names that are the plugin's own."""
    for hook in HOOKS:
        found = next((answer for name, answer in package.known.installed(hook) if name == package.name), None)
        if found is None:
            continue
        for problem in problems_of(hook, found):
            yield package.breach([hook], "answer", f"{hook} 的返回值不符合约定：{problem}", f"{hook}: {problem}")
        if package.built_in:
            # The platform's own lines share its names; all others have their prefix.
            continue
        others = {
            key for name, answer in package.known.installed(hook) if name != package.name for key in keys_of(hook, answer)
        }
        for problem in foreign_names(hook, found, package.name, others):
            name = problem.split(" ", 1)[0]
            yield package.breach(
                [name, hook],
                "prefix",
                f"名称须以 {package.name} 加点或下划线开头，且不与平台重复：{problem}",
                f"begin it with {package.name} and a dot or an underscore: {problem}",
            )


def texts(package: Package) -> Iterator[Breach]:
    """Everything that a page shows is there in Chinese and in English."""
    declared: list[Any] = [package.info]
    for hook, known in HOOKS.items():
        if known.many:
            declared += package.declared(hook)
    for one in declared:
        yield from _texts_in(package, one)
    model = dict(package.known.installed("bangfu_settings")).get(package.name)
    for name, setting in model.model_fields.items() if model is not None else ():
        if not _HAN.search(setting.title or ""):
            yield package.breach(
                [setting.title or "", name],
                "texts",
                f"配置项 {name} 缺少中文标题（title）",
                f"give the setting {name} a Chinese title",
            )


def settings_form(package: Package) -> Iterator[Breach]:
    """A form can show every setting, and each has a default."""
    model = dict(package.known.installed("bangfu_settings")).get(package.name)
    if model is None:
        return
    try:
        fields_of(model)
    except UnsuitedSetting as unsuited:
        yield package.breach([unsuited.where or ""], "unsuited_setting", unsuited.zh, unsuited.en)


def _texts_in(package: Package, one: Any) -> Iterator[Breach]:
    values = {part.name: getattr(one, part.name) for part in fields(one) if not part.name.startswith("_")}
    at = [
        value
        for value in (values.get("code"), values.get("name"), values.get("kind"), values.get("zh"))
        if isinstance(value, str)
    ]
    for name, value in values.items():
        if isinstance(value, str) and _TEXT.fullmatch(name) and not (name in _OPTIONAL and not value):
            if name.endswith("zh") and not _HAN.search(value):
                yield package.breach([value, *at], "texts", f"{name} 缺少中文：{at[:1]}", f"{name} of {at[:1]} wants Chinese")
            if name.endswith("en") and (not value.strip() or _HAN.search(value)):
                yield package.breach([*at], "texts", f"{name} 缺少英文：{at[:1]}", f"{name} of {at[:1]} wants English")
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part) and not isinstance(part, type):
                yield from _texts_in(package, part)


def duties(package: Package) -> Iterator[Breach]:
    """No role gets what would break its duty or show it persons."""
    permissions: dict[str, PermissionDecl] = {one.code: one for one in package.known.collected("bangfu_permissions")}
    roles: dict[str, RoleDecl] = {one.code: one for one in package.known.collected("bangfu_roles")}
    given: list[tuple[RoleDecl | None, str, frozenset[str]]] = []
    for one in package.declared("bangfu_role_grants"):
        if isinstance(one, RoleGrant):
            given.append((roles.get(one.role), one.role, one.permissions))
    for one in package.declared("bangfu_roles"):
        if isinstance(one, RoleDecl):
            given.append((one, one.code, one.permissions))
    for role, code, granted in given:
        if role is None:
            yield package.breach([code], "unknown_role", f"没有岗位 {code}", f"no role is called {code}")
            continue
        for permission in sorted(granted):
            declared = permissions.get(permission)
            if declared is None:
                yield _unknown_permission(package, permission)
            elif permission.startswith(f"{package.name}.") and breaks(declared, role):
                yield package.breach(
                    [code, permission],
                    "duty",
                    f"岗位{role.zh}不得持有 {permission}（职责不相容，或不得接触个人信息）",
                    f"{code} may not hold {permission}: it goes with another duty, or shows persons",
                )


def _unknown_permission(package: Package, permission: str) -> Breach:
    return package.breach(
        [permission], "unknown_permission", f"权限 {permission} 没有声明", f"declare the permission {permission}"
    )


def asked_permissions(package: Package) -> Iterator[Breach]:
    """Steps, entries and work ask for permissions that there are."""
    known = {one.code for one in package.known.collected("bangfu_permissions")}
    asked: set[str] = set()
    for flow in package.declared("bangfu_workflows"):
        if isinstance(flow, WorkflowDecl):
            asked |= {flow.open_permission, *(step.permission for step in flow.transitions)}
    asked |= {entry.permission for entry in package.declared("bangfu_navigation") if isinstance(entry, NavEntry)}
    asked |= {kind.permission for kind in package.declared("bangfu_job_kinds")}  # type: ignore[attr-defined]  # JobKindDecl
    for permission in sorted(asked - known):
        yield _unknown_permission(package, permission)


def workflows(package: Package) -> Iterator[Breach]:
    """What the start would refuse, and clocks and rules that read figures which nobody declares."""
    known = package.known
    guards = {one.name for one in known.collected("bangfu_guards")}
    effects = {one.name for one in known.collected("bangfu_effects")}
    paying = {one.plugin for one in known.collected("bangfu_programmes")}
    parameters = {one.name for one in known.collected("bangfu_parameters")}
    for flow in package.declared("bangfu_workflows"):
        if not isinstance(flow, WorkflowDecl):
            continue
        for problem in problems_of_workflow(flow, guards, effects, paying):
            yield package.breach([flow.name], "workflow", f"流程 {flow.name} 不成立：{problem}", f"{flow.name}: {problem}")
        for clock in flow.deadlines:
            if clock.parameter is not None and clock.parameter not in parameters:
                yield _unknown_parameter(package, clock.parameter)
    for rules in package.declared("bangfu_rule_sets"):
        for name in rules.parameters:  # type: ignore[attr-defined]  # RuleSet
            if name not in parameters:
                yield _unknown_parameter(package, name)


def _unknown_parameter(package: Package, name: str) -> Breach:
    return package.breach([name], "unknown_parameter", f"政策参数 {name} 没有声明", f"declare the parameter {name}")


def money(package: Package) -> Iterator[Breach]:
    """Whoever pays is audited."""
    programmes = package.declared("bangfu_programmes")
    if programmes and not package.declared("bangfu_audit_checks"):
        codes = keys_of("bangfu_programmes", programmes)
        yield package.breach(
            codes,
            "audit_check",
            "发放资金的业务须声明审计核查项（bangfu_audit_checks）",
            "a line that pays declares a check of the annual audit (bangfu_audit_checks)",
        )


def routes(package: Package) -> Iterator[Breach]:
    """Every address asks for a permission and lies under the plugin's name."""
    known = {one.code for one in package.known.collected("bangfu_permissions")}
    for hook in ("bangfu_page_routes", "bangfu_api_routes"):
        router = dict(package.known.installed(hook)).get(package.name)
        for route in router.routes if router is not None else ():
            endpoint = getattr(route, "endpoint", None)
            if endpoint is None:
                continue
            code = inspect.unwrap(endpoint).__code__
            path, line = package.shown(Path(code.co_filename)), code.co_firstlineno
            asked = {one.demand.permission for one in _calls(route.dependant) if isinstance(one, Requires)}
            if not asked:
                yield Breach(
                    path,
                    line,
                    "route_permission",
                    f"地址 {route.path} 没有权限要求：加 dependencies=[Depends(requires(…))]",
                    f"{route.path} asks for no permission: add dependencies=[Depends(requires(...))]",
                )
            for permission in sorted(str(one) for one in asked - known if one):
                yield Breach(
                    path, line, "unknown_permission", f"权限 {permission} 没有声明", f"declare the permission {permission}"
                )
            if not package.built_in and not re.match(rf"/{re.escape(package.name)}(/|$)", route.path):
                yield Breach(
                    path,
                    line,
                    "route_prefix",
                    f"地址须以 /{package.name} 开头：{route.path}",
                    f"let the address begin with /{package.name}: {route.path}",
                )


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def version(package: Package) -> Iterator[Breach]:
    """What goes away with the next version of the interface."""
    for notice in package.known.notices(package.name):
        yield package.breach([package.info.api], "outdated", notice.zh, notice.en)


RULES = (answers, texts, settings_form, duties, asked_permissions, workflows, money, routes, version)
