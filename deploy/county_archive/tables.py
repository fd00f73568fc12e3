"""Which tables go along with a county, in which order, and how their rows are read: asked of the database's own catalogue.

A table goes along because it has a column ``tenant``; nobody lists it. What the mapped class declares (``stays``, ``tokens``,
``passed_on``) is taken where there is one: a stranger's tables go along without.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql

import core.models
from core.db.base import rule_of
from core.db.rules import TenantTable
from core.host.answers import HOOKS
from core.host.manager import host
from deploy.county_archive.errors import DoesNotFit

Driver = psycopg.Connection[Any]
PERSON, KEYS = "public.person", "public.tenant_key"
COPY_FORM = "format csv, null '\\N', encoding 'UTF8'"
"""PostgreSQL's CSV: RFC 4180 with a header line; ``\\N`` is null."""

_TABLES = """
    select n.nspname, c.relname, c.oid,
           array(select a.attname::text from pg_index i cross join unnest(i.indkey) with ordinality as k(num, place)
                 join pg_attribute a on a.attnum = k.num and a.attrelid = i.indrelid
                 where i.indrelid = c.oid and i.indisprimary order by k.place),
           array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
                 and not a.attisdropped and a.attgenerated = '' order by a.attname),
           array(select format_type(a.atttypid, a.atttypmod) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
                 and not a.attisdropped and a.attgenerated = '' order by a.attname),
           array(select f.confrelid::bigint from pg_constraint f
                 where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition
      and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
      and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped)
    order by 1, 2
"""
_TEXTS = re.compile(r"text|character|char|bpchar|\"char\"")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with rows of the county: its columns without generated ones, and the key that its rows are ordered by."""

    schema: str
    name: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    """Names and types, in the order of the names."""
    rule: TenantTable = field(default_factory=TenantTable)

    @property
    def full(self) -> str:
        """Schema and name, as archives and reports call it."""
        return f"{self.schema}.{self.name}"

    @property
    def plugin(self) -> str | None:
        """The plugin whose schema it lies in; None for the core."""
        return None if self.schema == "public" else self.schema

    @property
    def identifier(self) -> sql.Composable:
        """The table in a statement."""
        return sql.Identifier(self.schema, self.name)

    @property
    def hung(self) -> frozenset[str]:
        """Columns that hang on the installation's key, so that they differ from installation to installation."""
        return frozenset([token.column for token in self.rule.tokens]) | frozenset(self.rule.passed_on)

    def column_list(self, *, alias: str | None = None, names: Iterable[str] | None = None) -> sql.Composable:
        """Its columns, or ``names``, after each other."""
        wanted = [name for name, _ in self.columns] if names is None else list(names)
        return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in wanted)

    def order(self, alias: str) -> sql.Composable:
        """The order of its rows, the same in every installation whatever its language."""
        types = dict(self.columns)
        parts = [
            sql.SQL('{} collate "C"' if _TEXTS.match(types[name]) else "{}").format(sql.Identifier(alias, name))
            for name in self.key
        ]
        return sql.SQL(", ").join(parts)

    def described(self) -> dict[str, Any]:
        """What an archive says of it."""
        return {"table": self.full, "key": list(self.key), "columns": [list(column) for column in self.columns]}


def known_rules() -> dict[str, TenantTable]:
    """What mapped classes declare, by full name; plugins load theirs with what they answer to the hooks."""
    known = host()
    for hook in HOOKS:
        known.installed(hook)
    found = {}
    for table in core.models.metadata.tables.values():
        rule = rule_of(table)
        if isinstance(rule, TenantTable):
            found[f"{table.schema or 'public'}.{table.name}"] = rule
    return found


def tables_here(driver: Driver) -> list[Table]:
    """All tables with rows of tenants that go along, those that others refer to first; raises ``DoesNotFit`` for a ring."""
    rules = known_rules()
    rows = driver.execute(_TABLES).fetchall()
    by_oid, refers = {}, {}
    for schema, name, oid, key, names, types, others in rows:
        table = Table(
            schema,
            name,
            tuple(key) or tuple(names),
            tuple(zip(names, types, strict=True)),
            rules.get(f"{schema}.{name}", TenantTable()),
        )
        if not table.rule.stays:
            by_oid[int(oid)], refers[int(oid)] = table, set(others)
    return [by_oid[oid] for oid in _ordered(by_oid, refers)]


def _ordered(tables: dict[int, Table], refers: dict[int, set[int]]) -> list[int]:
    names = {table.full: oid for oid, table in tables.items()}
    graph = {oid: (refers[oid] & tables.keys()) | _opened_first(tables[oid], names) for oid in tables}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        ring = " > ".join(tables[oid].full for oid in error.args[1])
        raise DoesNotFit(
            f"表之间循环引用，无法确定写入次序：{ring}", f"tables refer to each other in a ring: {ring}", where=ring
        ) from None


def _opened_first(table: Table, names: dict[str, int]) -> set[int]:
    """What must be there for the keyed columns of ``table`` to be made anew: the county's key, and its people."""
    needed = [] if table.full == KEYS or not table.hung else [KEYS]
    if table.full != PERSON and table.hung:
        needed.append(PERSON)
    return {names[name] for name in needed if name in names} - ({names[PERSON]} if table.full == KEYS else set())


def rows_of(
    table: Table,
    tenant: str,
    *,
    blank: Collection[str],
    source: sql.Composable | None = None,
    joined: sql.Composable | None = None,
    made: Sequence[str] = (),
) -> sql.Composed:
    """A query for the county's rows in their order: columns of ``blank`` are null, those of ``made`` come from what is
    ``joined`` under the name ``made``."""
    parts: list[sql.Composable] = []
    for name, kind in table.columns:
        if name in made:
            parts.append(sql.SQL("made.{0} as {0}").format(sql.Identifier(name)))
        elif name in blank:
            # a type's name comes from format_type, which quotes what has to be quoted
            parts.append(sql.SQL("cast(null as {}) as {}").format(sql.SQL(kind), sql.Identifier(name)))
        else:
            parts.append(sql.Identifier("t", name))
    return sql.SQL("select {} from {} as t {} where t.tenant = {} order by {}").format(
        sql.SQL(", ").join(parts), source or table.identifier, joined or sql.SQL(""), sql.Literal(tenant), table.order("t")
    )
