"""``python -m tests.kit.reference`` writes docs/hooks.md, docs/declarations.md and docs/services.md from the code itself.

The example of each hook is the dummy plugin's own code, which the tests run.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from core.host import API_VERSION, SPOKEN, declarations, hookspecs
from core.host.answers import HOOKS
from tests.dummy_plugin import DummyPlugin
from tests.kit import surface

_ASKED = {
    "installed": "of every installed plugin, at start or when something of it is looked up",
    "scope": "of the plugins that are on in the tenant in scope",
    "year": "of the plugins that were on at any time of the audited year",
}
_INSTALLED = re.compile(r"\s*\(\*installed\*(?:: ([^)]*))?\)")
_HEAD = f"""# Hooks (钩子)

Written by `python -m tests.kit.reference` from `core/host/hookspecs.py`; a test fails where it is not up to date. How to
write a plugin is told in [plugins.md](plugins.md), step by step in [tutorial.md](tutorial.md); what the answers are made of
stands in [declarations.md](declarations.md).

This host speaks version {API_VERSION} and takes in plugins for {" and ".join(SPOKEN)}. No hook takes an argument; each is asked
once for each plugin and process, answers declarations and does nothing else. The examples are those of the tests' own plugin.
"""
_HEAD_OF_DECLARATIONS = """# Declarations (声明)

Written by `python -m tests.kit.reference` from the code of `core.host.declarations`, where these classes are imported from; the
hooks that take them stand in [hooks.md](hooks.md). Fields hold exactly the type that is named: a tuple is no list.
"""
DOCS = Path(__file__).parents[2] / "docs"


def hook_names() -> list[str]:
    """The hooks in the order of their specifications."""
    return [name for name in vars(hookspecs) if name.startswith("bangfu_")]


def _plain(text: str) -> str:
    return " ".join(re.sub(r"``([^`]*)``", r"`\1`", text).split())


def _annotation(name: str) -> str:
    return str(inspect.signature(getattr(hookspecs, name)).return_annotation)


def _hook(name: str) -> str:
    told = inspect.getdoc(getattr(hookspecs, name)) or ""
    meaning = _plain(_INSTALLED.sub(lambda found: f" ({found[1]})" if found[1] else "", told))
    example = textwrap.dedent(inspect.getsource(getattr(DummyPlugin, name))).strip()
    asked = f"Answers `{_annotation(name)}`. Asked {_ASKED[HOOKS[name].asked]}."
    return f"## `{name}`\n\n{meaning}\n\n{asked}\n\n```python\n{example}\n```\n"


def _attribute_docs(source: ast.ClassDef) -> dict[str, str]:
    """The texts below the fields of a class."""
    found: dict[str, str] = {}
    for before, after in zip(source.body, source.body[1:], strict=False):
        told = after.value if isinstance(after, ast.Expr) else None
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(told, ast.Constant):
            found[before.target.id] = _plain(str(told.value))
    return found


def _default(field: Any) -> str:
    if field.default is MISSING:
        return "must be given" if field.default_factory is MISSING else f"`{field.default_factory()!r}`"
    if isinstance(field.default, frozenset):
        return "`" + "{" + ", ".join(sorted(str(one) for one in field.default)) + "}" + "`"
    return f"`{field.default!r}`"


def _declaration(kind: type) -> str:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    source = tree.body[0]
    told = _attribute_docs(source) if isinstance(source, ast.ClassDef) else {}
    rows = [
        f"| `{field.name}` | `{str(field.type).replace('|', chr(92) + '|')}` | {_default(field)} | {told.get(field.name, '')} |"
        for field in fields(kind)
    ]
    head = ["| field | type | default | |", "| --- | --- | --- | --- |"]
    lines = [f"## `{kind.__name__}`", "", _plain(inspect.getdoc(kind) or ""), "", *head]
    return "\n".join([*lines, *rows]) + "\n"


def declared_kinds() -> Iterator[type]:
    """The classes that ``core.host.declarations`` names, its own first, in the order of their modules."""
    kinds = [value for value in vars(declarations).values() if isinstance(value, type) and is_dataclass(value)]
    yield from sorted(kinds, key=lambda kind: kind.__module__ != declarations.__name__)


def pages() -> dict[str, str]:
    """The three pages by file name."""
    hooks = "\n".join(_hook(name) for name in hook_names())
    kinds = "\n".join(_declaration(kind) for kind in declared_kinds())
    return {
        "hooks.md": f"{_HEAD}\n{hooks}",
        "declarations.md": f"{_HEAD_OF_DECLARATIONS}\n{kinds}",
        "services.md": surface.page(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
