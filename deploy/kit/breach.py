"""A breach of the contract between the platform and a plugin, and the package that is looked at."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core.host.declarations import PluginInfo
from core.host.manager import PluginHost


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """Where the contract is not kept, and how to mend it."""

    path: str
    line: int
    rule: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.zh} · {self.en}"


@dataclass(frozen=True)
class Module:
    """A Python file of the plugin."""

    path: Path
    shown: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree; raises ``SyntaxError``."""
        return ast.parse(self.text, self.shown)

    @property
    def is_migration(self) -> bool:
        """Whether it is a script of Alembic, which is run by the owner and knows no scope."""
        return self.path.parent.name == "versions"

    def breach(self, node: ast.AST, rule: str, zh: str, en: str) -> Breach:
        """A breach at a place of this file."""
        return Breach(self.shown, getattr(node, "lineno", 1), rule, zh, en)


@dataclass(frozen=True)
class Package:
    """A plugin that is looked at: the object, its folder, and a host that has it beside the platform's own."""

    name: str
    plugin: object
    folder: Path
    built_in: bool
    known: PluginHost = field(repr=False)
    root: Path = field(default_factory=Path)
    """What paths are shown against."""

    @property
    def info(self) -> PluginInfo:
        """Who the plugin says that it is."""
        return self.known.info(self.name)

    @property
    def package(self) -> str:
        """The name of its Python package."""
        return f"plugins.{self.folder.name}" if self.built_in else self.folder.name

    def shown(self, path: Path) -> str:
        """A path as it is printed."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    @cached_property
    def modules(self) -> Sequence[Module]:
        """Its Python files."""
        found = sorted(path for path in self.folder.rglob("*.py") if "__pycache__" not in path.parts)
        return [Module(path, self.shown(path), path.read_text(encoding="utf-8")) for path in found]

    @cached_property
    def _strings(self) -> dict[str, tuple[str, int]]:
        places: dict[str, tuple[str, int]] = {}
        for module in self.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    places.setdefault(node.value, (module.shown, node.lineno))
        return places

    def place_of(self, *names: str) -> tuple[str, int]:
        """File and line where one of ``names`` is written, the first that is found; else where the package begins."""
        for name in names:
            if name in self._strings:
                return self._strings[name]
        return self.shown(self.folder / "__init__.py"), 1

    def declared(self, hook: str) -> list[object]:
        """What the plugin itself declares at a hook that answers many."""
        return [one for name, answer in self.known.installed(hook) if name == self.name for one in answer]

    def breach(self, names: Sequence[str], rule: str, zh: str, en: str) -> Breach:
        """A breach at the place where one of ``names`` is written."""
        path, line = self.place_of(*names)
        return Breach(path, line, rule, zh, en)


def each_call(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """The calls of a tree with the dotted name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a name or attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else node.attr
    return ""
