"""What of the core a plugin may call, as docs/services.md tells it: all that the plugins of this repository and the kit's own
import. They are written as a stranger would write: the list is what was found enough, and what goes away breaks them."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / "plugins", ROOT / "deploy" / "kit" / "plugin-template")
HEAD = """# Services (可以调用的服务)

Written by `python -m tests.kit.reference`: everything of the core that the plugins in `plugins/` and the kit's own import, with
the first sentence of its docstring; a test fails where it is not up to date. What stands here is kept as hooks are: a name or
an argument that goes away is announced one minor version earlier. What else the core has may change from day to day. How to
use them in pages, tables and workflows is told in [plugins.md](plugins.md).

Services take a session in the tenant's scope, work on many at once, never commit, ask for the rights that they need, and raise
kinds of `core.errors.BangfuError`.
"""
_TOPICS: tuple[tuple[str, str], ...] = (
    ("core.host", "Hooks and declarations"),
    ("core.cases", "Cases (个案)"),
    ("core.notices", "Notices (公示)"),
    ("core.documents", "Documents (证明材料)"),
    ("core.people", "People and households (人员与家庭)"),
    ("core.surveys", "Surveys (调查认定)"),
    ("core.rules", "Rules"),
    ("core.funds", "Money (资金)"),
    ("core.parameters", "Parameters (政策参数)"),
    ("core.tenancy", "Settings (业务设置)"),
    ("core.jobs", "Background work (后台任务)"),
    ("core.exchange", "Figures and other unions"),
    ("core.audit", "Audit (审计)"),
    ("core.trail", "Trail (操作留痕)"),
    ("core.web", "Pages and resources"),
    ("core.db", "Database"),
    ("core", "Everything else"),
)


def imported() -> Mapping[str, set[str]]:
    """Names by module of the core."""
    found: dict[str, set[str]] = defaultdict(set)
    for place in PLACES:
        for path in sorted(place.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "core" and node.level == 0:
                    found[node.module or ""].update(alias.name for alias in node.names)
    return found


def page() -> str:
    """docs/services.md."""
    names = {(module, name) for module, found in imported().items() for name in found if not name.startswith("_")}
    parts, told = [HEAD], set[tuple[str, str]]()
    for prefix, title in _TOPICS:
        here = sorted((m, n) for m, n in names - told if m == prefix or m.startswith(f"{prefix}.") or prefix == "core")
        told |= set(here)
        if here:
            parts.append(f"## {title}\n\n" + "\n".join(_lines(here)) + "\n")
    return "\n".join(parts)


def _lines(names: list[tuple[str, str]]) -> Iterator[str]:
    module = ""
    for where, name in names:
        if where == "core.host.declarations":
            continue
        if where != module:
            module = where
            yield f"`{module}`\n" if where == names[0][0] else f"\n`{module}`\n"
        yield _line(module, name)
    if any(where == "core.host.declarations" for where, _ in names):
        yield "\n`core.host.declarations`: all of [declarations.md](declarations.md)."


def _line(module: str, name: str) -> str:
    home = importlib.import_module(module)
    if not hasattr(home, name) and hasattr(home, "__path__") and importlib.util.find_spec(f"{module}.{name}"):
        importlib.import_module(f"{module}.{name}")
    value = getattr(home, name, None)
    if inspect.isfunction(value):
        return f"- `{name}{_signature(value)}`: {_first(value)}"
    if inspect.isclass(value) or inspect.ismodule(value):
        return f"- `{name}`: {_first(value)}"
    return f"- `{name}`"


def _signature(function: object) -> str:
    text = str(inspect.signature(function)).replace("'", "")  # type: ignore[arg-type]  # a function
    return re.sub(r"(?:[a-z_]+\.)+([A-Za-z]+)", r"\1", text)


def _first(value: object) -> str:
    told = " ".join((inspect.getdoc(value) or "").split())
    return re.sub(r"``([^`]*)``", r"`\1`", re.split(r"(?<=\.) ", told, maxsplit=1)[0])
