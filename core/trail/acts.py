"""What the acts of the trail are called (事项名称): as the parts of the core and the plugins declare them, and the steps of
cases as workflows call them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.host.declarations import TrailActDecl
from core.host.manager import PluginHost, host

_OR = "／"
"""Between the words of a code that several lines use, each in words of its own."""


def called(plugins: PluginHost | None = None) -> Mapping[str, TrailActDecl]:
    """Every act that installed plugins declare, by code. What nobody declares is absent: a stranger's plugin need not declare
    its acts."""
    known, found = plugins or host(), dict[str, list[TrailActDecl]]()
    for act in known.collected("bangfu_trail_acts"):
        found.setdefault(act.code, []).append(act)
    for flow in known.collected("bangfu_workflows"):
        for step in flow.transitions:
            code = f"case.{step.code}"
            found.setdefault(code, []).append(TrailActDecl(code, step.zh, step.en))
    return {
        code: TrailActDecl(
            code,
            _OR.join(dict.fromkeys(act.zh for act in acts)),
            _OR.join(dict.fromkeys(act.en for act in acts)),
        )
        for code, acts in sorted(found.items())
    }


def codes_of(text: str) -> Collection[str]:
    """The codes of the acts that are called ``text`` in Chinese, where there are any; else ``text`` itself, which is a code."""
    return [code for code, act in called().items() if text in (act.zh, *act.zh.split(_OR))] or [text]
