"""Plugins that fail in one way each, for the tests of the host."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    ChunkPlan,
    EffectDecl,
    FactDecl,
    FindingDraft,
    FormDecl,
    GuardDecl,
    JobKindDecl,
    NavEntry,
    PluginInfo,
    StateDecl,
    TransitionDecl,
    WorkflowDecl,
)


def info(name: str, **more: Any) -> PluginInfo:
    """Who a plugin is that has only a name."""
    given = {"version": "1", "api": ">=1.1,<2", "title_zh": name, "title_en": name, "description_zh": "测试"}
    return PluginInfo(name, **{**given, "description_en": "test", "clause": "none", **more})


class Stranger:
    """A plugin that answers hooks with what it is given, by the hook's name without ``bangfu_``; a function is called."""

    def __init__(self, name: str, answers: Mapping[str, Any] | None = None, **more: Any) -> None:
        self._info = info(name, **more)
        for hook, answer in (answers or {}).items():
            setattr(self, f"bangfu_{hook}", hookimpl(_answering(answer)))

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return self._info


def _answering(answer: Any) -> Callable[[], Any]:
    # pluggy reads the mark from the function, so each has one of its own
    def hook() -> Any:
        return answer() if isinstance(answer, FunctionType) else answer

    return hook


def boom() -> Any:
    """Raises what nobody foresaw."""
    raise RuntimeError("boom")


def hang() -> Any:
    """Never answers."""
    threading.Event().wait()


def failing(name: str) -> Stranger:
    """A line whose guard, effect, check, figure and job all fail, each when it is called."""

    def plan(_session: Any, _params: Any) -> Sequence[ChunkPlan]:
        return [ChunkPlan("一", {})]

    def fails(*_arguments: Any) -> Any:
        raise ZeroDivisionError("张三 510104197001011234")

    return Stranger(
        name,
        {
            "navigation": [NavEntry(name, name, f"/{name}", "puzzle", "home.read")],
            "guards": [GuardDecl(f"{name}.guard", "条件", "guard", fails)],
            "effects": [EffectDecl(f"{name}.effect", "动作", "effect", fails)],
            "audit_checks": [AuditCheckDecl(f"{name}.check", "核查", "check", "minor", "none", fails)],
            "facts": [FactDecl(f"{name}.fact", "指标", "fact", fails)],
            "job_kinds": [JobKindDecl(f"{name}.job", "任务", "job", plan, fails)],
            "workflows": [flow(name, guards=(f"{name}.guard",))],
        },
    )


def flow(name: str, guards: tuple[str, ...] = (), **more: Any) -> WorkflowDecl:
    """A workflow of two states."""
    given: dict[str, Any] = {
        "name": name,
        "version": 1,
        "plugin": name,
        "zh": "流程",
        "en": "flow",
        "number_prefix": "XX",
        "initial": "opened",
        "states": (StateDecl("opened", "已登记", "opened"), StateDecl("closed", "已办结", "closed", True)),
        "transitions": (TransitionDecl("close", "办结", "close", ("opened",), "closed", "case.advance", guards),),
        "form": FormDecl(f"{name}_form", 1, "表", "form", ()),
        "open_permission": "case.open",
    }
    return WorkflowDecl(**{**given, **more})


def nothing(_session: Any, _cases: Sequence[Any]) -> Mapping[uuid.UUID, Any]:
    """A guard that judges no case."""
    return {}


def finding(_session: Any, year: int) -> Sequence[FindingDraft]:
    """A check that finds one thing."""
    return [FindingDraft(f"one:{year}", "发现一处", "tenant", None)]
