"""What each hook answers, and whether an answer is that: looked at once for each plugin and hook of a process."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from core.host import declarations as decl

Asked = Literal["installed", "scope", "year"]


@dataclass(frozen=True, slots=True)
class Hook:
    """What a hook answers. ``asked`` says for whom: each installed plugin, those that are on in the scope, or those that were
    on in the audited year; ``key`` is the attribute that names a declaration among all of its kind."""

    answers: Callable[[], type]
    many: bool = True
    asked: Asked = "installed"
    key: str | None = None


def _rule_set() -> type:
    # Late, as is the router: the command line loads neither numpy nor the web for a plugin's name.
    from core.rules.engine import RuleSet

    return RuleSet


def _router() -> type:
    from fastapi import APIRouter

    return APIRouter


HOOKS: Mapping[str, Hook] = {
    "bangfu_plugin": Hook(lambda: decl.PluginInfo, many=False),
    "bangfu_permissions": Hook(lambda: decl.PermissionDecl, key="code"),
    "bangfu_roles": Hook(lambda: decl.RoleDecl, key="code"),
    "bangfu_role_grants": Hook(lambda: decl.RoleGrant),
    "bangfu_settings": Hook(lambda: BaseModel, many=False),
    "bangfu_parameters": Hook(lambda: decl.ParameterDecl, key="name"),
    "bangfu_workflows": Hook(lambda: decl.WorkflowDecl, key="name"),
    "bangfu_guards": Hook(lambda: decl.GuardDecl, key="name"),
    "bangfu_effects": Hook(lambda: decl.EffectDecl, key="name"),
    "bangfu_programmes": Hook(lambda: decl.ProgrammeDecl, key="code"),
    "bangfu_fund_sources": Hook(lambda: decl.FundSourceDecl, key="code"),
    "bangfu_rule_sets": Hook(_rule_set, asked="scope", key="name"),
    "bangfu_audit_checks": Hook(lambda: decl.AuditCheckDecl, asked="year", key="code"),
    "bangfu_facts": Hook(lambda: decl.FactDecl, asked="scope", key="name"),
    "bangfu_job_kinds": Hook(lambda: decl.JobKindDecl, key="kind"),
    "bangfu_trail_acts": Hook(lambda: decl.TrailActDecl, key="code"),
    "bangfu_navigation": Hook(lambda: decl.NavEntry, asked="scope"),
    "bangfu_page_routes": Hook(_router, many=False),
    "bangfu_api_routes": Hook(_router, many=False),
    "bangfu_templates": Hook(lambda: str, many=False),
    "bangfu_translations": Hook(lambda: str, many=False),
    "bangfu_migrations": Hook(lambda: decl.MigrationDecl, many=False),
}


@cache
def _shape(kind: type) -> type[BaseModel]:
    """The fields of a declaration's class as pydantic checks them: exactly of their types, nothing turned into anything."""
    hints = get_type_hints(kind, localns={"Case": object})
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    shape: dict[str, Any] = {field.name: (hints[field.name], ...) for field in fields(kind)}
    return create_model(kind.__name__, __config__=config, **shape)


def _parts(value: object) -> Iterator[object]:
    """The declarations inside a field's value."""
    if is_dataclass(value):
        yield value
    elif isinstance(value, tuple):
        yield from (part for part in value if is_dataclass(part))


def _problems_in(declared: Any, place: str) -> Iterator[str]:
    kind: type = type(declared)
    values = {field.name: getattr(declared, field.name) for field in fields(kind)}
    try:
        _shape(kind).model_validate(values)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            yield f"{place}.{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        return
    for name, value in values.items():
        for part in _parts(value):
            yield from _problems_in(part, f"{place}.{name}")


def _is_model(answer: object) -> bool:
    return isinstance(answer, type) and issubclass(answer, BaseModel)


def problems_of(hook: str, answer: object) -> list[str]:
    """What is wrong with the types of an answer, in English; empty where nothing is. An unknown hook answers what it likes."""
    if hook not in HOOKS:
        return []
    known = HOOKS[hook]
    kind = known.answers()
    if hook == "bangfu_settings":
        return [] if _is_model(answer) else [f"the answer is {type(answer).__name__}, not a pydantic model"]
    if hook in ("bangfu_templates", "bangfu_translations"):
        found = isinstance(answer, str) and Path(answer).is_dir()
        return [] if found else ["the answer is not the path of a folder that is there"]
    if not known.many:
        single = [] if isinstance(answer, kind) else [f"the answer is {type(answer).__name__}, not {kind.__name__}"]
        return single or (list(_problems_in(answer, kind.__name__)) if _is_declaration(kind) else [])
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        return [f"the answer is {type(answer).__name__}, not a sequence of {kind.__name__}"]
    problems: list[str] = []
    for place, declared in enumerate(answer):
        if not isinstance(declared, kind):
            problems.append(f"item {place} is {type(declared).__name__}, not {kind.__name__}")
        elif _is_declaration(kind):
            problems.extend(_problems_in(declared, f"{kind.__name__} {place}"))
    return problems


def _is_declaration(kind: type) -> bool:
    return is_dataclass(kind) and getattr(decl, kind.__name__, None) is kind


def keys_of(hook: str, answer: Any) -> list[str]:
    """The names under which the declarations of an answer are known among all of their kind."""
    key = HOOKS[hook].key if hook in HOOKS else None
    return [getattr(declared, key) for declared in answer] if key else []


def is_own(plugin: str, name: str) -> bool:
    """Whether a name belongs to a plugin: the plugin's own name, alone or followed by a dot or an underscore."""
    return name == plugin or name.startswith((f"{plugin}.", f"{plugin}_"))


def foreign_names(hook: str, answer: Any, plugin: str, taken: Container[str]) -> list[str]:
    """What a stranger's answer claims that is not its own: a name without its prefix, one that the platform has, another
    plugin's line. In English; empty where nothing is."""
    problems = []
    for name in keys_of(hook, answer):
        if not is_own(plugin, name):
            problems.append(f"{name} does not begin with {plugin}")
        elif name in taken:
            problems.append(f"{name} is declared by the platform already")
    if hook in ("bangfu_workflows", "bangfu_programmes"):
        problems += [f"it names the plugin {found.plugin}" for found in answer if found.plugin != plugin]
    return problems
