"""The host: finds plugins, checks them at start, and calls them only where the tenant has them switched on."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

import pluggy
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from core.errors import BangfuError, NotFound
from core.host import API_VERSION, ENTRY_POINTS, SPOKEN, PluginOutdated, answers, faults, hookspecs, limits
from core.host.declarations import PluginInfo
from core.host.watching import watch
from core.scope import current_scope

log = logging.getLogger(__name__)

T = TypeVar("T")

_OWN_DISTRIBUTION = "bangfu"
"""The distribution that holds the core (`pyproject.toml`)."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 40
_SCHEMAS_TAKEN = re.compile(r"public|information_schema|pg_.*")
_ABSENT = object()
"""What stands for the answer of a plugin that does not implement a hook, or whose answer is left out."""


def is_built_in(point: EntryPoint) -> bool:
    """Whether a plugin comes with the program itself: its entry point stands in the distribution that holds the core."""
    return point.dist is not None and point.dist.name == _OWN_DISTRIBUTION


class PluginBroken(BangfuError):
    """A plugin cannot be loaded or breaks the contract."""

    code = "plugin_broken"
    status = 500


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stranger's plugin, or one of its answers, that was left out for everyone, and why; doctor and the province's page show
    it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the author of a plugin that works is told: what goes away with the next version of the interface."""

    zh: str
    en: str


class PluginHost:
    """All installed plugins behind one door.

    ``installed`` asks every plugin (descriptions of itself); ``asked`` asks the plugins of the scope only. Nothing else
    in the program touches pluggy. Declarations are constant: each plugin is asked once for each hook and process.
    """

    def __init__(self, specs: ModuleType | type = hookspecs) -> None:
        self._manager = pluggy.PluginManager("bangfu")
        self._manager.add_hookspecs(specs)
        self._infos: Mapping[str, PluginInfo] = MappingProxyType({})
        self._built_in: set[str] = set()
        self._answers: dict[tuple[str, str], Any] = {}
        self._pairs: dict[tuple[str, frozenset[str] | None], list[tuple[str, Any]]] = {}
        self._single: dict[tuple[str, frozenset[str] | None], list[Any]] = {}
        self._notices: dict[str, list[Notice]] = {}
        self._always_on: frozenset[str] = frozenset()
        self.left_out: list[LeftOut] = []

    @property
    def infos(self) -> Mapping[str, PluginInfo]:
        """The installed plugins by name, in the order in which pages list them."""
        return self._infos

    def info(self, name: str) -> PluginInfo:
        """The plugin called ``name``; raises ``NotFound``."""
        try:
            return self._infos[name]
        except KeyError:
            raise NotFound(f"没有名为 {name} 的业务插件", f"no plugin is called {name}", where=name) from None

    @property
    def always_on(self) -> frozenset[str]:
        """Names of plugins that no tenant can switch off."""
        return self._always_on

    def is_built_in(self, name: str) -> bool:
        """Whether a plugin is one of the platform's own, whose faults stop the start."""
        return name in self._built_in

    def notices(self, name: str) -> tuple[Notice, ...]:
        """What whoever looks after the plugin ``name`` is told: it works, and will not for ever."""
        return tuple(self._notices.get(name, ()))

    def folders(self) -> dict[str, Path]:
        """Where the code of each stranger's plugin lies, to tell whose lines a trace passes through: its package's folder, or
        the module's own file."""
        found: dict[str, Path] = {}
        for name, plugin in self._manager.list_name_plugin():
            module = sys.modules.get(getattr(plugin, "__module__", None) or type(plugin).__module__)
            file = getattr(module, "__file__", None)
            if file and name in self._infos and not self.is_built_in(name):
                found[name] = Path(file).parent if Path(file).name == "__init__.py" else Path(file)
        return found

    def register(self, plugin: object, name: str, *, built_in: bool = True) -> None:
        """Take in one plugin; one whose name is taken or that breaks the contract raises ``PluginBroken`` and stays out.

        What ``built_in`` plugins answer wrongly later raises too; of any other it is left out and reported. A test registers
        its plugin as a built-in one, so that it learns of everything.
        """
        if self._manager.has_plugin(name):
            raise PluginBroken(f"已有名为 {name} 的插件", f"a plugin called {name} is there already", where=name)
        try:
            notices = self._told(plugin, name)
            self._manager.check_pending()
            info = self._described(plugin, name, built_in=built_in)
        except Exception as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            if isinstance(error, PluginBroken):
                raise
            raise PluginBroken(
                f"插件 {name} 无法加载：{error}", f"plugin {name} cannot be loaded: {error}", where=name
            ) from error
        self._take_in(info, [*notices, *_of_version(info)], built_in=built_in)

    def _take_in(self, info: PluginInfo, notices: list[Notice], *, built_in: bool) -> None:
        if built_in:
            self._built_in.add(info.name)
        self._notices[info.name] = notices
        self._keep_infos({**self._infos, info.name: info})
        for notice in notices:
            log.warning("plugin %s: %s", info.name, notice.en)

    def _keep_infos(self, infos: Mapping[str, PluginInfo]) -> None:
        self._infos = MappingProxyType(dict(sorted(infos.items(), key=lambda item: (item[1].order, item[0]))))
        self._always_on = frozenset(name for name, found in self._infos.items() if found.always_on)
        self._pairs.clear()
        self._single.clear()

    def _told(self, plugin: object, name: str) -> list[Notice]:
        """Register with pluggy, which warns of hooks and arguments that go away."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self._manager.register(plugin, name)
        outdated = [warning.message for warning in caught if isinstance(warning.message, PluginOutdated)]
        return [Notice(told.zh, told.en) for told in outdated]

    def _described(self, plugin: object, name: str, *, built_in: bool) -> PluginInfo:
        describe = getattr(plugin, "bangfu_plugin", None)
        info = None
        if callable(describe):
            info = describe() if built_in else self._in_time(name, describe)
        if not isinstance(info, PluginInfo):
            raise PluginBroken(f"插件 {name} 未声明自己", f"plugin {name} does not implement bangfu_plugin", where=name)
        if info.name != name:
            raise PluginBroken(f"插件 {name} 自称 {info.name}", f"plugin {name} calls itself {info.name}", where=name)
        if not _fits(info.api, SPOKEN):
            raise PluginBroken(
                f"插件 {name} 需要接口 {info.api}，本机为 {API_VERSION}",
                f"plugin {name} needs api {info.api}, this host speaks {API_VERSION}",
                where=name,
                mend_zh="请升级插件或平台",
                mend_en="upgrade the plugin or the platform",
            )
        if not built_in:
            _refuse_stranger(info)
        return info

    def discover(self) -> None:
        """Load every plugin of the entry point group. A built-in one that fails stops the start; a stranger's is left out and
        reported, also where it takes too long."""
        # The platform's own first: no stranger takes one of their names.
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: (not is_built_in(found), found.name)):
            own = is_built_in(point)
            try:
                plugin = point.load() if own else self._in_time(point.name, point.load)
                self.register(plugin, point.name, built_in=own)
            except Exception as error:
                if own:
                    raise
                self.leave_out(point.name, "start", error)
        self._drop_lacking()

    def _drop_lacking(self) -> None:
        """Leave out plugins that need one which is not installed, and then those that need these."""
        while lacking := next((info for info in self._infos.values() if not set(info.requires) <= set(self._infos)), None):
            missing = ", ".join(sorted(set(lacking.requires) - set(self._infos)))
            error = PluginBroken(
                f"插件 {lacking.name} 需要 {missing}，本机没有安装",
                f"plugin {lacking.name} needs {missing}, which is not installed",
                where=lacking.name,
                mend_zh="请一并安装",
                mend_en="install it too",
            )
            if self.is_built_in(lacking.name):
                raise error
            self._manager.unregister(name=lacking.name)
            self._keep_infos({name: info for name, info in self._infos.items() if name != lacking.name})
            self.leave_out(lacking.name, "start", error)

    def _in_time(self, name: str, act: Callable[[], T]) -> T:
        answer, seconds = limits.within(limits.START_LIMIT_S, act)
        if seconds > limits.SLOW_START_S:
            said = f"启动用时 {seconds:.1f} 秒 / the start took {seconds:.1f} s"
            faults.keep(name, "start (slow)", said, "", version=self._version(name))
        return answer

    def _version(self, name: str) -> str:
        return self._infos[name].version if name in self._infos else ""

    def leave_out(self, name: str, place: str, error: Exception) -> None:
        """Report that something of a stranger's plugin cannot be used and is left out for everyone: all of it (``start``) or
        what it answers to a hook."""
        reason = str(error) if place == "start" else f"{place}: {error}"
        self.left_out.append(LeftOut(name, reason))
        faults.note(name, place, error, version=self._version(name), with_text=True)

    def installed(self, hook: str) -> list[tuple[str, Any]]:
        """What every installed plugin answers to ``hook``: (plugin, answer), ordered by name."""
        return self._ask(hook, None)[:]

    def asked(self, hook: str, plugins: Iterable[str] | None = None) -> list[tuple[str, Any]]:
        """What the plugins of the scope (or ``plugins``) answer to ``hook``: (plugin, answer), ordered by name."""
        return self._ask(hook, current_scope().plugins if plugins is None else frozenset(plugins))[:]

    def collected(self, hook: str) -> list[Any]:
        """The single declarations of ``hook`` from all installed plugins, flattened."""
        return self._flat(hook, None)[:]

    def collected_here(self, hook: str, plugins: Iterable[str] | None = None) -> list[Any]:
        """The single declarations of ``hook`` from the plugins of the scope, flattened."""
        return self._flat(hook, current_scope().plugins if plugins is None else frozenset(plugins))[:]

    def _flat(self, hook: str, plugins: frozenset[str] | None) -> list[Any]:
        found = self._single.get((hook, plugins))
        if found is None:
            found = [declaration for _, answer in self._ask(hook, plugins) for declaration in answer]
            self._single[hook, plugins] = found
        return found

    def _ask(self, hook: str, plugins: frozenset[str] | None) -> list[tuple[str, Any]]:
        found = self._pairs.get((hook, plugins))
        if found is None:
            names = set(self._infos) if plugins is None else (plugins | self._always_on) & set(self._infos)
            answered = [(name, self._answer(hook, name)) for name in sorted(names)]
            found = [(name, answer) for name, answer in answered if answer is not _ABSENT]
            self._pairs[hook, plugins] = found
        return found

    def _answer(self, hook: str, name: str) -> Any:
        if (hook, name) not in self._answers:
            # No lock: two threads that ask first get equal answers, and a lock would be held while a plugin hangs.
            self._answers[hook, name] = self._first_answer(hook, name)
        return self._answers[hook, name]

    def _first_answer(self, hook: str, name: str) -> Any:
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
        caller = self._manager.subset_hook_caller(hook, others)
        if not caller.get_hookimpls():
            return _ABSENT
        if self.is_built_in(name):
            return self._sound(hook, name, caller())
        try:
            answer = self._sound(hook, name, self._in_time(name, caller))
            self._refuse_foreign(hook, name, answer)
        except Exception as error:
            self.leave_out(name, hook, error)
            return _ABSENT
        info = self._infos[name]
        return tuple(watch(info, declared) for declared in answer) if _is_many(hook) else answer

    def _sound(self, hook: str, name: str, found: list[Any]) -> Any:
        # pluggy drops answers that are None
        if not found:
            raise PluginBroken(
                f"插件 {name} 的钩子 {hook} 返回空值", f"{hook} of the plugin {name} returned nothing", where=hook
            )
        if problems := answers.problems_of(hook, found[0]):
            raise _not_as_declared(hook, name, problems)
        return found[0]

    def _refuse_foreign(self, hook: str, name: str, answer: Any) -> None:
        own = [self._answer(hook, other) for other in self._built_in & set(self._infos)]
        taken = {key for other in own if other is not _ABSENT for key in answers.keys_of(hook, other)}
        if problems := answers.foreign_names(hook, answer, name, taken):
            raise _not_as_declared(hook, name, problems)


def _is_many(hook: str) -> bool:
    return hook in answers.HOOKS and answers.HOOKS[hook].many


def _not_as_declared(hook: str, name: str, problems: list[str]) -> PluginBroken:
    return PluginBroken(
        f"插件 {name} 的钩子 {hook} 返回的内容不符合约定：{problems[0]}",
        f"{hook} of the plugin {name} does not keep the contract: {'; '.join(problems)}",
        where=hook,
        mend_zh=f"请运行 bangfu plugin check {name}",
        mend_en=f"run bangfu plugin check {name}",
    )


def _fits(api: str, versions: Iterable[str]) -> bool:
    try:
        wanted = SpecifierSet(api)
    except InvalidSpecifier:
        return False
    return any(wanted.contains(version) for version in versions)


def _of_version(info: PluginInfo) -> list[Notice]:
    if _fits(info.api, [API_VERSION]):
        return []
    zh = f"为接口 {info.api} 编写，本机为 {API_VERSION}：仍可使用，请在下一版之前更新"
    en = f"made for the api {info.api}, this host speaks {API_VERSION}: it works on, and wants an update before the next one"
    return [Notice(zh, en)]


def _refuse_stranger(info: PluginInfo) -> None:
    """What only the platform's own plugins may be."""
    name = info.name
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or _SCHEMAS_TAKEN.fullmatch(name):
        raise PluginBroken(
            f"插件名 {name} 不合要求",
            f"{name} is no name for a plugin",
            where=name,
            mend_zh="请用小写字母、数字和下划线，以字母开头，最长 40 个字符",
            mend_en="lower-case letters, digits and underscores, a letter first, at most 40",
        )
    if info.always_on:
        raise PluginBroken(
            f"插件 {name} 声明不可停用",
            f"plugin {name} says that nobody can switch it off",
            where=name,
            mend_zh="外部插件由各单位自行启停，请删除 always_on",
            mend_en="each tenant switches it by itself: drop always_on",
        )


@lru_cache(maxsize=1)
def host() -> PluginHost:
    """The host of this process, with everything discovered."""
    made = PluginHost()
    from core.builtin import core_plugin

    made.register(core_plugin, "core")
    made.discover()
    return made
