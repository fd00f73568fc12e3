"""Rules on Python code, asked of the syntax tree, so that prose and names of other things never count."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house_lint.breach import Breach, Source

_SESSION_SET = re.compile(
    r"(?:^|;)\s*set\s+(?:session\b|role\b|time\s+zone\b|[a-z_]+\.[a-z_]+\s*(?:=|to\b)|[a-z_]+\s*="
    r"|(?:search_path|row_security|statement_timeout|lock_timeout|work_mem)\s+to\b)",
    re.IGNORECASE,
)
_SET_CONFIG = re.compile(r"\bset_config\s*\(", re.IGNORECASE)
_STYLE = re.compile(r"""<[^>]*\sstyle=["']""")


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def _called(node: ast.AST) -> str:
    return _dotted(node.func) if isinstance(node, ast.Call) else ""


def clock(source: Source) -> Iterator[Breach]:
    """The day comes from the scope, instants are UTC."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "date" and _called(node.value).endswith("datetime.now"):
            yield source.breach("clock", node.lineno, "a day of business is current_scope().business_date")
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func)
        if re.search(r"\bdate(time)?\.(today|utcnow)$", name):
            yield source.breach("clock", node.lineno, "take the day from current_scope().business_date")
        elif name.endswith("datetime.now") and not (node.args or node.keywords):
            yield source.breach("clock", node.lineno, "an instant is datetime.now(UTC)")


def commit(source: Source) -> Iterator[Breach]:
    """Only ``core.db`` ends a transaction."""
    if not source.of_program or source.under("core/db"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and re.search(r"session\.(commit|rollback)$", _dotted(node.func)):
            yield source.breach("commit", node.lineno, "let unit_of_work end the transaction")


def _text_names(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy"
        for alias in node.names
        if alias.name == "text"
    }


def raw_sql(source: Source) -> Iterator[Breach]:
    """Textual SQL goes through ``tenant_sql``. A condition of an index is DDL and may be written as text."""
    if not source.under("core", "plugins", "tenants") or source.under("core/db"):
        return
    names = _text_names(source.tree)
    of_index = {
        id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.keyword) and node.arg == "postgresql_where"
    }
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or id(node) in of_index:
            continue
        name = _dotted(node.func)
        if name in names or name in {"sqlalchemy.text", "sa.text"} or name.endswith("exec_driver_sql"):
            yield source.breach(
                "raw_sql", node.lineno, "build the statement with tenant_sql or tenant_core of core.db.statements"
            )


def settings_of_connection(source: Source) -> Iterator[Breach]:
    """A setting of the database outlives its transaction unless it is set with SET LOCAL."""
    if not source.of_program:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and _dotted(node).endswith("set_config"):
            yield source.breach("set_config", node.lineno, "use SET LOCAL in core.db.session")
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in source.docstrings:
            continue
        if _SET_CONFIG.search(node.value):
            yield source.breach("set_config", node.lineno, "use SET LOCAL in core.db.session")
        if _SESSION_SET.search(node.value):
            yield source.breach("session_set", node.lineno, "use SET LOCAL: a pooled connection keeps what SET leaves")


def _modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The top packages that an import names."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return {name.split(".")[0] for name in names}


def plugin_calls(source: Source) -> Iterator[Breach]:
    """Plugins are asked through ``core.host.manager``, which knows what the tenant has switched on."""
    if source.under("core/host"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and "pluggy" in _modules(node):
            yield source.breach("plugin_calls", node.lineno, "import hookimpl from core.host and ask core.host.manager.host()")
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "hook"
            and re.search(r"(^|\.)_?(pm|\w*manager)$", _dotted(node.value))
        ):
            yield source.breach("plugin_calls", node.lineno, "ask host().asked or host().installed")


def _is_money(node: ast.AST) -> bool:
    return any(re.search(r"(^|_)fen$", _dotted(part).rsplit(".", 1)[-1]) for part in ast.walk(node))


def money(source: Source) -> Iterator[Breach]:
    """Money is whole fen: no floats of it, no division that makes one, no float in its type."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and _dotted(node.func) == "float" and any(_is_money(arg) for arg in node.args):
            yield source.breach("money", node.lineno, "money stays an int of fen; show it with core.money.format_yuan")
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and _is_money(node)
            and "Decimal(" not in ast.unparse(node)
        ):
            yield source.breach("money", node.lineno, "divide whole fen with // or multiply the other side")
        if isinstance(node, ast.AnnAssign) and _is_money(node.target) and "float" in ast.unparse(node.annotation):
            yield source.breach("money", node.lineno, "the type of money is int")


def style_in_strings(source: Source) -> Iterator[Breach]:
    """Markup that the program draws has no style attribute either: the content policy would drop it."""
    if not source.of_program:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in source.docstrings:
            continue
        if _STYLE.search(node.value):
            yield source.breach("style", node.lineno, "use a class of core/web/static")


RULES = (clock, commit, raw_sql, settings_of_connection, plugin_calls, money, style_in_strings)
