"""Which rows tell of a person, by metadata: every tenant table of the core and of plugins, without a list to keep.

A row concerns whom its keys lead to: to a person, to a household, to a case, or to a row that does (``instalment`` by its
grant). Where it names persons itself, these alone count: a household's row about one member is not another's. A key that the
database does not know is declared as the rule's ``subject``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import JSON, Column, LargeBinary, String, Table
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from core.db.base import Base, rule_of
from core.db.rules import TenantTable
from core.db.statements import tenant_sql

ROOTS: Final[Mapping[str, str]] = {"person": "persons", "household": "households", "case_record": "cases"}
"""Tables to which all ways lead, and under which name their ids are bound."""
_NOT_FOLLOWED: Final = frozenset({"ledger_entry"})
"""What cites an entry of the ledger tells of money, not of whom the entry is about."""
ERASED: Final = "已删除"
"""What stands where a text was."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Persons, households and cases whose rows are meant."""

    persons: tuple[uuid.UUID, ...] = ()
    households: tuple[uuid.UUID, ...] = ()
    cases: tuple[uuid.UUID, ...] = ()

    def bound(self) -> dict[str, list[uuid.UUID]]:
        """The values of the conditions' parameters."""
        return {
            "persons": list(self.persons),
            "households": list(self.households),
            "cases": list(self.cases),
            "everything": [*self.persons, *self.households, *self.cases],
        }


@dataclass(frozen=True, slots=True)
class About:
    """A table with the condition by which its rows, as ``t``, tell of ``Subjects``."""

    table: Table
    condition: str

    @property
    def rule(self) -> TenantTable:
        """The table's declaration."""
        rule = rule_of(self.table)
        assert isinstance(rule, TenantTable)  # noqa: S101 - tables of tenants alone are asked
        return rule


def tenant_tables() -> list[Table]:
    """All mapped tables of tenants, those referred to first."""
    return [table for table in Base.metadata.sorted_tables if isinstance(rule_of(table), TenantTable)]


@cache
def way(table: Table) -> About | None:
    """How rows of ``table`` tell of persons; None where they do not."""
    found = _condition(table, "t", (table,))
    return None if found is None else About(table, found)


def ways(session: Session) -> list[About]:
    """The tables that tell of persons and are there: a plugin that is not installed in the database has none."""
    found = [about for table in tenant_tables() if (about := way(table)) is not None]
    there = session.scalars(
        tenant_sql("select n from unnest(cast(:names as text[])) n where :tenant <> '' and to_regclass(n) is not null"),
        {"names": [about.table.fullname for about in found]},
    )
    names = set(there)
    return [_own_papers(about, names) for about in found if about.table.fullname in names]


def _own_papers(about: About, there: set[str]) -> About:
    """Of papers those alone that no table keeps for several households at once (a list that many signed)."""
    if about.table.fullname != "document":
        return about
    shared = "".join(
        f" and not exists (select from {table.fullname} o where o.tenant = t.tenant and o.{column} = t.id)"
        for table in tenant_tables()
        for column, parent in _keys(table)
        if parent is about.table and table.fullname in there
    )
    return About(about.table, f"({about.condition}){shared}")


def _condition(table: Table, alias: str, passed: tuple[Table, ...]) -> str | None:
    if table.schema is None and table.name in ROOTS:
        return f"{alias}.id = any (:{ROOTS[table.name]})"
    direct, others = [], []
    for column, parent in _keys(table):
        if parent.schema is None and parent.name == "person":
            direct.append(f"{alias}.{column}")
        elif parent.schema is None and parent.name in ROOTS:
            others.append(f"{alias}.{column} = any (:{ROOTS[parent.name]})")
        elif parent not in passed and parent.fullname not in _NOT_FOLLOWED:
            inner = f"{alias}{len(passed)}"
            if (reached := _condition(parent, inner, (*passed, parent))) is not None:
                others.append(
                    f"{alias}.{column} in (select {inner}.id from {parent.fullname} {inner}"  # noqa: S608 - mapped names
                    f" where {inner}.tenant = :tenant and ({reached}))"
                )
    rule = rule_of(table)
    if isinstance(rule, TenantTable) and rule.subject:
        others.append(f"{alias}.{rule.subject} = any (:everything)")
    told = [f"{column} = any (:persons)" for column in direct]
    if others and direct and all(table.columns[column.partition(".")[2]].nullable for column in direct):
        nobody = " and ".join(f"{column} is null" for column in direct)
        told.append(f"({nobody} and ({' or '.join(others)}))")
    return " or ".join(told or others) or None


def _keys(table: Table) -> list[tuple[str, Table]]:
    """Columns with the id of another row, and its table."""
    found = set()
    for key in table.foreign_key_constraints:
        for element in key.elements:
            if element.column.name == "id":
                found.add((element.parent.name, element.column.table))
    return sorted(found, key=lambda one: (one[0], one[1].fullname))


def is_text(column: Column[Any]) -> bool:
    """Whether something may be written in the column in words: text, lists of texts, JSON."""
    kind = column.type
    return isinstance(kind, String | JSON) or (isinstance(kind, ARRAY) and isinstance(kind.item_type, String))


def emptied(column: Column[Any]) -> str:
    """What an erasure puts in the column's place: nothing, in the form that the column takes."""
    if isinstance(column.type, ARRAY):
        return "'{}'"
    if isinstance(column.type, JSON):
        return f"case jsonb_typeof({column.name}) when 'array' then '[]'::jsonb when 'object' then '{{}}'::jsonb end"
    if isinstance(column.type, LargeBinary) or not isinstance(column.type, String) or column.type.length is not None:
        return "null"
    # rules of tables ask for words: what was there is replaced by one that says why it is not
    return f"case when {column.name} is null or {column.name} = '' then {column.name} else '{ERASED}' end"


IN_JSON: Final = r"(?=([^\"\\]|\\.)*\"([],}]|$))"
"""Behind a text that is taken out of JSON: it stands inside a value in words, not in a key and not in a number."""


def without(column: Column[Any], needles: Sequence[str], kept: Sequence[tuple[str, str]]) -> str:
    """The column's content with every ``needle`` taken out. ``kept`` are texts that stay where a needle is a part of them, each
    with a sign that stands for it meanwhile. All are names of parameters; in JSON needles are patterns (``IN_JSON``)."""
    kind = "::jsonb" if isinstance(column.type, JSON) else "::text[]" if isinstance(column.type, ARRAY) else ""
    told = f'"{column.name}"::text'
    for text, sign in kept:
        told = f"replace({told}, :{text}, :{sign})"
    for needle in needles:
        told = f"regexp_replace({told}, :{needle}, '※', 'g')" if kind == "::jsonb" else f"replace({told}, :{needle}, '※')"
    for text, sign in kept:
        told = f"replace({told}, :{sign}, :{text})"
    return f"({told}){kind}"
