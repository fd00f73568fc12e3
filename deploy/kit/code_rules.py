"""Rules on a plugin's Python, asked of the syntax tree: what it imports, how it asks the database, whose settings it reads,
what it leaves in the trail."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from core.trail.acts import called
from deploy.kit.breach import Breach, Module, Package, dotted, each_call

_ABOVE = frozenset({"tenants", "worker", "deploy", "tests"})
_UNSCOPED = frozenset(
    {"app_engine", "create_engine", "make_engine", "owner_engine", "reference_work", "sessionmaker", "Session"}
)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def imports(package: Package) -> Iterator[Breach]:
    """A plugin knows the core and itself."""
    others = {"plugins"} | {f"bangfu_{name}" for name in package.known.infos if name != package.name}
    for module in package.modules:
        for node in ast.walk(module.tree):
            for name in _imported(node):
                top = name.split(".")[0]
                own = name == package.package or name.startswith(f"{package.package}.")
                if top == "pluggy":
                    yield module.breach(
                        node, "imports", "从 core.host 导入 hookimpl", "import hookimpl from core.host, not pluggy"
                    )
                elif not own and (top in _ABOVE or top in others):
                    yield module.breach(
                        node,
                        "imports",
                        f"插件只能使用 core，不能导入 {name}",
                        f"a plugin imports the core alone, not {name}",
                    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []


def unscoped(package: Package) -> Iterator[Breach]:
    """Every statement carries the tenant's condition."""
    for module in package.modules:
        if module.is_migration:
            continue
        texts = _names_of(module.tree, "sqlalchemy", "text")
        of_index = {
            id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.keyword) and node.arg == "postgresql_where"
        }
        for call, name in each_call(module.tree):
            last = name.rsplit(".", 1)[-1]
            if id(call) in of_index:
                continue
            if name in texts or name in {"sqlalchemy.text", "sa.text"} or last in {"exec_driver_sql", "raw_connection"}:
                yield module.breach(
                    call,
                    "unscoped",
                    "用 core.db.statements 的 tenant_sql 写语句，并比较 tenant = :tenant",
                    "write it with tenant_sql of core.db.statements, comparing tenant with :tenant",
                )
            elif last in _UNSCOPED:
                yield module.breach(
                    call,
                    "unscoped",
                    f"用 core.db.session 的 unit_of_work，不要用 {last}",
                    f"use unit_of_work of core.db.session, not {last}",
                )
            elif re.search(r"session\.(commit|rollback)$", name):
                yield module.breach(call, "commit", "由 unit_of_work 结束事务", "let unit_of_work end the transaction")


def _names_of(tree: ast.Module, module: str, name: str) -> set[str]:
    """What ``name`` of a module, or of one below it, is called in a file."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{module}.")
        for alias in node.names
        if alias.name == name
    }


def clock(package: Package) -> Iterator[Breach]:
    """The day of business is the scope's."""
    for module in package.modules:
        for call, name in each_call(module.tree):
            if re.search(r"\bdate(time)?\.(today|utcnow)$", name) or (
                name.endswith("datetime.now") and not call.args + call.keywords
            ):
                yield module.breach(
                    call, "clock", "日期取自 current_scope().business_date", "take the day from current_scope().business_date"
                )


def hook_per_row(package: Package) -> Iterator[Breach]:
    """Hooks are asked once, outside every loop."""
    for module in package.modules:
        seen: set[int] = set()
        for loop in (node for node in ast.walk(module.tree) if isinstance(node, _LOOPS)):
            for call, name in _repeated(loop):
                if name == "host" and id(call) not in seen:
                    seen.add(id(call))
                    yield module.breach(call, "hook_per_row", "在循环之外询问一次 host()", "ask host() once, outside the loop")


def _repeated(loop: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls that a loop makes each time round: not those of what it goes over."""
    if isinstance(loop, ast.For | ast.AsyncFor):
        for part in loop.body:
            yield from each_call(part)
    elif isinstance(loop, ast.While):
        yield from each_call(loop)
    elif isinstance(loop, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        first = {id(call) for call, _ in each_call(loop.generators[0].iter)}
        yield from ((call, name) for call, name in each_call(loop) if id(call) not in first)


def settings(package: Package) -> Iterator[Breach]:
    """A plugin reads settings that it declares, and its own."""
    model = dict(package.known.installed("bangfu_settings")).get(package.name)
    fields = set(model.model_fields) | set(dir(BaseModel)) if model is not None else set[str]()
    known = {model.__name__} if model is not None else set[str]()
    readers = {"plugin_settings"} | {
        node.name
        for module in package.modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef) and node.returns is not None and dotted(node.returns) in known
    }
    constants = _constants(package)
    for module in package.modules:
        yield from _foreign(package, module, constants)
        held = _held(module.tree, readers)
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Attribute) or node.attr in fields:
                continue
            source = node.value
            called = isinstance(source, ast.Call) and dotted(source.func).rsplit(".", 1)[-1] in readers
            if called or (isinstance(source, ast.Name) and source.id in held):
                yield module.breach(
                    node,
                    "undeclared_setting",
                    f"配置项 {node.attr} 没有在 bangfu_settings 的模型中声明",
                    f"declare the setting {node.attr} in the model of bangfu_settings",
                )


def _held(tree: ast.Module, readers: set[str]) -> set[str]:
    """Names that hold what a reader of settings gave, and nothing else in this file."""
    held, others = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = node.value
            gives = isinstance(value, ast.Call) and dotted(value.func).rsplit(".", 1)[-1] in readers
            (held if gives else others).add(node.targets[0].id)
        elif isinstance(node, ast.arg):
            others.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            others.update(alias.asname or alias.name for alias in node.names)
    return held - others


def _constants(package: Package) -> Mapping[str, str]:
    return {
        node.targets[0].id: node.value.value
        for module in package.modules
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _foreign(package: Package, module: Module, constants: Mapping[str, str]) -> Iterator[Breach]:
    for call, name in each_call(module.tree):
        if name.rsplit(".", 1)[-1] != "plugin_settings" or len(call.args) < 2:
            continue
        asked = call.args[1]
        value = asked.value if isinstance(asked, ast.Constant) else constants.get(dotted(asked))
        if isinstance(value, str) and value != package.name:
            yield module.breach(
                call, "foreign_setting", f"不能读取 {value} 的配置", f"the settings of {value} are not this plugin's"
            )


def acts(package: Package) -> Iterator[Breach]:
    """The log has words for what the plugin leaves in the trail."""
    known, constants = called(package.known), _constants(package)
    for module in package.modules:
        recorders = _names_of(module.tree, "core.trail.service", "record")
        for call, name in each_call(module.tree):
            if name not in recorders or len(call.args) < 2:
                continue
            for code in codes_in(call.args[1], constants):
                if not fnmatch.filter(known, code):
                    yield module.breach(
                        call,
                        "undeclared_act",
                        f"留痕事项 {code} 没有声明（bangfu_trail_acts），操作日志只能显示代码",
                        f"declare the act {code} (bangfu_trail_acts): the log can show its code alone",
                    )


def codes_in(node: ast.expr, constants: Mapping[str, str]) -> list[str]:
    """The codes that an expression may give, as far as it shows them; what is filled in at run time is ``*``."""
    match node:
        case ast.Constant(value=str() as code):
            return [code]
        case ast.IfExp():
            return [*codes_in(node.body, constants), *codes_in(node.orelse, constants)]
        case ast.JoinedStr():
            return ["".join(_filled(part, constants) for part in node.values)]
    return [constants[dotted(node)]] if dotted(node) in constants else []


def _filled(part: ast.expr, constants: Mapping[str, str]) -> str:
    inner = part.value if isinstance(part, ast.FormattedValue) else part
    return next(iter(codes_in(inner, constants)), "*")


RULES = (imports, unscoped, clock, hook_per_row, settings, acts)
