"""The host: finds plugins, checks them at start, and calls them only where the tenant has them switched on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from core.errors import BangfuError, NotFound
from core.host import API_VERSION, ENTRY_POINTS, hookspecs
from core.host.declarations import PluginInfo
from core.scope import current_scope

log = logging.getLogger(__name__)

_OWN_DISTRIBUTION = "bangfu"
"""The distribution that holds the core (`pyproject.toml`)."""


def is_built_in(point: EntryPoint) -> bool:
    """Whether a plugin comes with the program itself: its entry point stands in the distribution that holds the core."""
    return point.dist is not None and point.dist.name == _OWN_DISTRIBUTION


class PluginBroken(BangfuError):
    """A plugin cannot be loaded or breaks the contract."""

    code = "plugin_broken"
    status = 500


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stranger's plugin that was left out for everyone, and why; shown by doctor and on the province's page."""

    name: str
    reason: str


class PluginHost:
    """All installed plugins behind one door.

    ``installed`` asks every plugin (descriptions of itself); ``asked`` asks the plugins of the scope only. Nothing else
    in the program touches pluggy.
    """

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("bangfu")
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self.left_out: list[LeftOut] = []

    @property
    def infos(self) -> dict[str, PluginInfo]:
        """The installed plugins by name, in the order in which pages list them."""
        return dict(sorted(self._infos.items(), key=lambda item: (item[1].order, item[0])))

    def info(self, name: str) -> PluginInfo:
        """The plugin called ``name``; raises ``NotFound``."""
        try:
            return self._infos[name]
        except KeyError:
            raise NotFound(f"没有名为 {name} 的业务插件", f"no plugin is called {name}", where=name) from None

    @property
    def always_on(self) -> frozenset[str]:
        """Names of plugins that no tenant can switch off."""
        return frozenset(name for name, info in self._infos.items() if info.always_on)

    def register(self, plugin: object, name: str) -> None:
        """Take in one plugin; one whose name is taken or that breaks the contract raises ``PluginBroken`` and stays out."""
        if self._manager.has_plugin(name):
            raise PluginBroken(f"已有名为 {name} 的插件", f"a plugin called {name} is there already", where=name)
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            info = self._described(plugin, name)
        except Exception as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            if isinstance(error, PluginBroken):
                raise
            raise PluginBroken(
                f"插件 {name} 无法加载：{error}", f"plugin {name} cannot be loaded: {error}", where=name
            ) from error
        self._infos[name] = info

    def _described(self, plugin: object, name: str) -> PluginInfo:
        describe = getattr(plugin, "bangfu_plugin", None)
        info = describe() if callable(describe) else None
        if not isinstance(info, PluginInfo):
            raise PluginBroken(f"插件 {name} 未声明自己", f"plugin {name} does not implement bangfu_plugin", where=name)
        if info.name != name:
            raise PluginBroken(f"插件 {name} 自称 {info.name}", f"plugin {name} calls itself {info.name}", where=name)
        try:
            fits = SpecifierSet(info.api).contains(API_VERSION)
        except InvalidSpecifier:
            fits = False
        if not fits:
            raise PluginBroken(
                f"插件 {name} 需要接口 {info.api}，本机为 {API_VERSION}",
                f"plugin {name} needs api {info.api}, this host speaks {API_VERSION}",
                where=name,
                mend_zh="请升级插件或平台",
                mend_en="upgrade the plugin or the platform",
            )
        return info

    def discover(self) -> None:
        """Load every plugin of the entry point group. A built-in one that fails stops the start; a stranger's is left out."""
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: found.name):
            try:
                self.register(point.load(), point.name)
            except Exception as error:
                if is_built_in(point):
                    raise
                log.error("plugin %s left out: %s", point.name, error)
                self.left_out.append(LeftOut(point.name, str(error)))

    def installed(self, hook: str) -> list[tuple[str, Any]]:
        """What every installed plugin answers to ``hook``: (plugin, answer), ordered by name."""
        return self._ask(hook, self._infos)

    def asked(self, hook: str, plugins: Iterable[str] | None = None) -> list[tuple[str, Any]]:
        """What the plugins of the scope (or ``plugins``) answer to ``hook``: (plugin, answer), ordered by name."""
        wanted = current_scope().plugins if plugins is None else frozenset(plugins)
        return self._ask(hook, (wanted | self.always_on) & set(self._infos))

    def _ask(self, hook: str, names: Iterable[str]) -> list[tuple[str, Any]]:
        wanted = set(names)
        absent = [plugin for name, plugin in self._manager.list_name_plugin() if name not in wanted]
        caller = self._manager.subset_hook_caller(hook, absent)
        implementations = caller.get_hookimpls()
        answers = caller()
        # pluggy calls the implementation registered last first, and drops answers that are None
        owners = [impl.plugin_name for impl in reversed(implementations) if impl.plugin_name in wanted]
        if len(owners) != len(answers):
            raise PluginBroken(f"钩子 {hook} 返回空值", f"an implementation of {hook} returned nothing", where=hook)
        return sorted(zip(owners, answers, strict=True), key=lambda pair: pair[0])

    def collected(self, hook: str) -> list[Any]:
        """The single declarations of ``hook`` from all installed plugins, flattened."""
        return [declaration for _, answer in self.installed(hook) for declaration in answer]

    def collected_here(self, hook: str, plugins: Iterable[str] | None = None) -> list[Any]:
        """The single declarations of ``hook`` from the plugins of the scope, flattened."""
        return [declaration for _, answer in self.asked(hook, plugins) for declaration in answer]


@lru_cache(maxsize=1)
def host() -> PluginHost:
    """The host of this process, with everything discovered."""
    made = PluginHost()
    from core.builtin import core_plugin

    made.register(core_plugin, "core")
    made.discover()
    return made
