"""``bangfu plugin check``: every breach of the contract, with file, line and mend (插件检查)."""

from __future__ import annotations

import inspect
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core.builtin import core_plugin
from core.errors import BangfuError, InvalidInput, NotFound
from core.host import ENTRY_POINTS, hookspecs
from core.host.manager import PluginBroken, PluginHost, is_built_in
from deploy.kit import code_rules, declared_rules, file_rules
from deploy.kit.breach import Breach, Package

Rule = Callable[[Package], Iterator[Breach]]
RULES: tuple[Rule, ...] = (*code_rules.RULES, *declared_rules.RULES, *file_rules.RULES)
_HOOKS = frozenset(name for name in vars(hookspecs) if name.startswith("bangfu_"))


def check_plugin(what: str) -> tuple[str, list[Breach]]:
    """Look at the plugin called ``what``, or at the one in the folder ``what``; its name and the breaches by file and line.

    Raises ``NotFound`` (no such plugin), ``InvalidInput`` (a folder without a plugin's entry point, or one that cannot be
    imported).
    """
    point, root = _found(what)
    try:
        plugin = point.load()
    except Exception as error:
        raise InvalidInput(
            f"插件 {point.name} 无法导入：{error}", f"the plugin {point.name} cannot be imported: {error}", where=point.value
        ) from error
    return point.name, breaches_of(plugin, point.name, root, built_in=is_built_in(point))


def breaches_of(plugin: object, name: str, root: Path, *, built_in: bool = False) -> list[Breach]:
    """The breaches of a plugin's object; paths are shown against ``root``."""
    file = inspect.getfile(plugin if inspect.ismodule(plugin) else type(plugin))
    known = PluginHost()
    known.register(core_plugin, "core")
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: found.name):
        if is_built_in(point) and point.name != name:
            known.register(point.load(), point.name)
    package = Package(name, plugin, Path(file).parent, built_in, known, root)
    hooks = list(_hooks(package))
    if hooks:
        return sorted(hooks)
    try:
        known.register(plugin, name)
        for hook in _HOOKS:
            known.installed(hook)
    except PluginBroken as error:
        # What a hook answers is of another type: nothing else can be looked at before that is mended.
        return [package.breach([error.where or ""], "answer", error.zh, error.en)]
    except BangfuError as error:
        return [package.breach([], "answer", error.zh, error.en)]
    return sorted({breach for rule in RULES for breach in rule(package)})


def _found(what: str) -> tuple[EntryPoint, Path]:
    folder = Path(what)
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if what in points:
        return points[what], Path.cwd()
    if not folder.is_dir():
        raise NotFound(
            f"没有插件或文件夹 {what}",
            f"no plugin and no folder is called {what}",
            where=what,
            mend_zh=f"已安装：{'、'.join(sorted(points))}",
            mend_en=f"installed: {', '.join(sorted(points))}",
        )
    project = folder / "pyproject.toml"
    told = tomllib.loads(project.read_text(encoding="utf-8")) if project.is_file() else {}
    named = told.get("project", {}).get("entry-points", {}).get(ENTRY_POINTS, {})
    if len(named) != 1:
        raise InvalidInput(
            "文件夹中没有声明插件入口",
            "the folder declares no plugin",
            where=str(project),
            mend_zh=f'在 pyproject.toml 的 [project.entry-points."{ENTRY_POINTS}"] 中写明一个插件',
            mend_en=f'name one plugin in [project.entry-points."{ENTRY_POINTS}"] of pyproject.toml',
        )
    ((name, value),) = named.items()
    for place in (folder / "src", folder):
        if place.is_dir() and str(place.resolve()) not in sys.path:
            sys.path.insert(0, str(place.resolve()))
    return EntryPoint(name, value, ENTRY_POINTS), Path.cwd()


def _hooks(package: Package) -> Iterator[Breach]:
    """Hooks that are none, lack their mark, take arguments, or are asynchronous."""
    plugin = package.plugin
    for attribute in sorted(name for name in dir(plugin) if name.startswith("bangfu_")):
        function = getattr(plugin, attribute)
        if not callable(function):
            continue
        code = inspect.unwrap(function).__code__
        at = package.shown(Path(code.co_filename)), code.co_firstlineno
        if attribute not in _HOOKS:
            yield Breach(*at, "unknown_hook", f"没有钩子 {attribute}，见 docs/hooks.md", f"no hook is called {attribute}")
        elif not hasattr(function, "bangfu_impl"):
            yield Breach(*at, "hook_mark", f"{attribute} 缺少 @hookimpl", f"{attribute} lacks @hookimpl")
        elif inspect.signature(function).parameters:
            yield Breach(*at, "hook_arguments", f"{attribute} 没有参数", f"{attribute} takes no argument")
        elif inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            yield Breach(*at, "hook_kind", f"{attribute} 须是普通函数", f"{attribute} is a plain function")
    if not hasattr(plugin, "bangfu_plugin"):
        yield package.breach(
            [], "bangfu_plugin", "缺少 bangfu_plugin：插件须说明自己", "it does not say who it is: bangfu_plugin"
        )
