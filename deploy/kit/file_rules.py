"""Rules on a plugin's tables and on its templates with their translations."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po
from sqlalchemy import Table
from sqlalchemy.orm import Mapper

from core.db.base import Base, Tenanted
from core.db.rules import TenantTable
from deploy.kit.breach import Breach, Package

_MADE = re.compile(r"create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(?P<name>[\w.\"]+)", re.IGNORECASE)
_CHANGED = re.compile(r"(?:alter|drop)\s+table\s+(?:if\s+exists\s+)?(?P<name>[\w.\"]+)", re.IGNORECASE)
_STYLE = re.compile(r"""(?<![\w-])style\s*=|<style\b|<script\b(?![^>]*\bsrc=)|<[^>]*\son[a-z]+\s*=\s*["']""", re.IGNORECASE)


def tables(package: Package) -> Iterator[Breach]:
    """Tables lie in the plugin's own schema, belong to tenants, and are made by its migrations."""
    mapped = list(_own_mappers(package))
    for mapper in mapped:
        table = mapper.local_table
        if not isinstance(table, Table):
            continue
        at = [mapper.class_.__name__, table.name]
        if table.schema != package.name:
            yield package.breach(
                at,
                "schema",
                f"表 {table.name} 须放在模式 {package.name} 中（__table_args__ 的 schema）",
                f"put the table {table.name} into the schema {package.name} (__table_args__)",
            )
        rule = getattr(mapper.class_, "__rule__", None)
        if not issubclass(mapper.class_, Tenanted) or not isinstance(rule, TenantTable):
            yield package.breach(
                at,
                "tenant_row",
                f"表 {table.name} 须继承 core.db.base 的 TenantRow，使每行属于一个单位",
                f"derive {table.name} from TenantRow of core.db.base, so that each row belongs to a tenant",
            )
    migrations = dict(package.known.installed("bangfu_migrations")).get(package.name)
    if mapped and migrations is None:
        yield package.breach([], "migrations", "有数据表而没有 bangfu_migrations", "it has tables and no bangfu_migrations")
    if migrations is not None:
        yield from _scripts(package, migrations.scripts / "versions")


def _own_mappers(package: Package) -> Iterator[Mapper[object]]:
    for mapper in Base.registry.mappers:
        module = sys.modules.get(mapper.class_.__module__)
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(package.folder):
            yield mapper


def _scripts(package: Package, folder: Path) -> Iterator[Breach]:
    for path in sorted([*folder.glob("*.py"), *folder.glob("*.sql")]):
        text = path.read_text(encoding="utf-8")
        for pattern in (_MADE, _CHANGED):
            for found in pattern.finditer(text):
                name = found["name"].replace('"', "")
                if not name.startswith(f"{package.name}."):
                    yield Breach(
                        package.shown(path),
                        text.count("\n", 0, found.start()) + 1,
                        "schema",
                        f"迁移只能改动模式 {package.name} 中的表：{name}",
                        f"a migration changes tables of the schema {package.name} alone: {name}",
                    )


def translations(package: Package) -> Iterator[Breach]:
    """Every text of a template has its English, and no template has what the content policy would drop."""
    templates = dict(package.known.installed("bangfu_templates")).get(package.name)
    if templates is None:
        return
    folder = dict(package.known.installed("bangfu_translations")).get(package.name)
    source = Path(folder) / "en" / "LC_MESSAGES" / "messages.po" if folder else None
    known: set[str] = set()
    if source is not None and source.is_file():
        with source.open("rb") as text:
            known = {str(message.id) for message in read_po(text) if message.id and message.string}
    for path in sorted(Path(templates).rglob("*.html")):
        with path.open("rb") as text:
            found = list(extract("jinja2.ext:babel_extract", text, keywords={"_": None, "gettext": None}))
        for line, message, *_ in found:
            for one in message if isinstance(message, tuple) else (message,):
                if one and one not in known:
                    yield Breach(
                        package.shown(path),
                        line,
                        "translation",
                        f"缺少英文译文：{one}（locale/en/LC_MESSAGES/messages.po）",
                        f"no English for {one}: add it to locale/en/LC_MESSAGES/messages.po of bangfu_translations",
                    )
        for number, said in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if _STYLE.search(re.sub(r"\{#.*?#\}", "", said)):
                yield Breach(
                    package.shown(path),
                    number,
                    "inline",
                    "模板中不能有内联样式或脚本，内容安全策略会拦截",
                    "no inline style or script: the content policy drops it",
                )


RULES = (tables, translations)
