"""What a hook call costs for a county, with ten strangers' plugins beside the platform's own."""

from __future__ import annotations

import timeit
from itertools import cycle

from core.builtin import core_plugin
from core.host import hookimpl
from core.host.declarations import NavEntry, PluginInfo
from core.host.manager import PluginHost

PLUGINS, CALLS, SCOPES = 10, 100_000, 1_000


class _Line:
    def __init__(self, name: str) -> None:
        self._name = name

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(self._name, "1", ">=1.1,<2", "测试", "Bench", "测试", "bench", "none")

    @hookimpl
    def bangfu_navigation(self) -> list[NavEntry]:
        return [NavEntry("测试", "Bench", f"/{self._name}", "puzzle", "home.read")]


def measure() -> list[tuple[str, str]]:
    """Microseconds a call, in scopes that each have a set of plugins of their own, as requests do."""
    host = PluginHost()
    host.register(core_plugin, "core")
    for number in range(PLUGINS):
        host.register(_Line(f"line{number}"), f"line{number}", built_in=False)
    names = [name for name in host.infos if name != "core"]
    scopes = cycle([frozenset(names) for _ in range(SCOPES)])
    took = timeit.timeit(lambda: host.collected_here("bangfu_navigation", next(scopes)), number=CALLS)
    return [(f"hook call for a county, {PLUGINS} plugins", f"{took / CALLS * 1e6:.2f} µs")]
