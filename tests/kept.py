"""Rows with which many tests begin: planted by the program's own acts once in a process, put back as they were from then on.

What follows in a test is done to real rows as ever, and what it leaves goes like all else before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, DateTime, Engine, Table, text

import core.models
from core.host.manager import host
from deploy.testing.installation import Database, empty, filled_tables, unchecked

T = TypeVar("T")

_ALIKE = frozenset({"tenant", "tenant_plugin", "workflow_version", "national_parameter"})
"""Tables that may hold rows already: the same ones wherever the same lines are installed and on."""


@dataclass(frozen=True)
class _Kept:
    value: Any
    rows: Mapping[str, bytes]


_KEPT: dict[Hashable, _Kept] = {}


def kept(db: Database, name: Hashable, plant: Callable[[], T]) -> T:
    """What ``plant`` returns, with the rows that it writes.

    ``name`` tells apart what is planted. ``plant`` leaves nothing outside of the database, and returns what no test changes.
    Where a test has made more than tenants and their lines before, it plants anew.
    """
    with db.owner.begin() as connection:
        filled = filled_tables(connection)
        if not _ALIKE.issuperset(filled):
            return plant()
        key = (db.owner.url, name, frozenset(host().infos), _said(connection, filled))
        if key in _KEPT:
            empty(connection)
    if key in _KEPT:
        _put_back(db.owner, _KEPT[key].rows)
    else:
        value = plant()
        _KEPT[key] = _Kept(value, _read(db.owner))
    planted: T = _KEPT[key].value
    return planted


def _said(connection: Connection, filled: list[str]) -> tuple[str, ...]:
    """What the rows say that are there already, but for the moment at which they were written."""
    return tuple(connection.scalar(_digest(core.models.metadata.tables[name])) for name in filled)


def _digest(table: Table) -> Any:
    moments = ", ".join(f"'{column.name}'" for column in table.columns if isinstance(column.type, DateTime))
    row = f"(to_jsonb(t) - array[{moments}]::text[])::text"
    return text(f"select md5('{table.name}' || string_agg({row}, ' ' order by {row})) from {table.name} t")


@contextmanager
def _driver(engine: Engine) -> Iterator[psycopg.Cursor[Any]]:
    with engine.begin() as connection:
        driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # it is psycopg's
        with driver.cursor() as cursor:
            yield cursor


def _read(owner: Engine) -> dict[str, bytes]:
    with owner.begin() as connection:
        filled = filled_tables(connection)
    found = {}
    with _driver(owner) as cursor:
        for name in filled:
            with cursor.copy(f"copy {name} to stdout (format binary)") as copy:
                found[name] = b"".join(bytes(part) for part in copy)
    return found


def _put_back(owner: Engine, rows: Mapping[str, bytes]) -> None:
    with _driver(unchecked(owner)) as cursor:
        for name, found in rows.items():
            with cursor.copy(f"copy {name} from stdin (format binary)") as copy:
                copy.write(found)
