"""Many rows into one table at once: as one JSON value, which the database takes apart, or by COPY where there are very many.

An import writes hundreds of thousands of rows; sent as single parameters they cost several times as much on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID
from zlib import crc32

import psycopg
from psycopg import sql
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from core.db.base import Base, new_id_text
from core.db.copy_text import Written, document, write_out
from core.db.statements import tenant_sql

_DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def insert_rows(session: Session, model: type[Base], rows: list[dict[str, Any]], *, keep_former: bool = False) -> None:
    """Insert ``rows`` of the tenant in scope; all have the same keys, which name columns. Defaults of the model are filled in.

    ``keep_former`` leaves a row away that a unique key forbids.
    """
    if not rows:
        return
    table: Any = model.__table__
    missing = _defaulted(table, rows[0])
    full = [row | {column.name: default_of(column) for column in missing} for row in rows]
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name in full[0])
    conflict = " on conflict do nothing" if keep_former else ""
    statement = (
        f"insert into {table.fullname} (tenant, {names}) select :tenant, {names}"  # noqa: S608 - names come from the model
        f" from jsonb_populate_recordset(null::{table.fullname}, cast(:rows as jsonb)){conflict}"
    )
    session.execute(tenant_sql(statement), {"rows": json.dumps(full, ensure_ascii=False, default=_plain)})


def copy_rows(session: Session, model: type[Base], rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> None:
    """Insert very many rows of the tenant in scope: tuples of the values of ``columns``. Other defaults of the model are
    filled in, ids too."""
    if rows:
        copy_written(session, model, written(model, dict(zip(columns, zip(*rows, strict=True), strict=True))))


def written(model: type[Base], columns: Mapping[str, Sequence[Any]]) -> Written:
    """Rows that are given by columns, all of one length, written out for ``copy_written``; ids are made here where none are
    given (the database takes longer). It needs no database: others are written out while that takes rows in."""
    table: Any = model.__table__
    if "id" in table.columns and "id" not in columns:
        count = len(next(iter(columns.values())))
        columns = {**columns, "id": [new_id_text() for _ in range(count)]}
    return write_out(table, columns)


def copy_written(session: Session, model: type[Base], rows: Written, *, keep_former: bool = False) -> None:
    """Insert rows that were written out; ``keep_former`` as above.

    They go by COPY into a temporary table, since PostgreSQL takes none into a table under row-level security, and from
    there by one statement, in which the policies hold as in any other.
    """
    table: Any = model.__table__
    columns, alike = rows.names, dict(rows.alike)
    for column in _defaulted(table, dict.fromkeys([*columns, *alike])):
        alike[column.name] = default_of(column)
    conflict = " on conflict do nothing" if keep_former else ""
    names = ", ".join(f'"{name}"' for name in columns)
    driver: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]  # it is psycopg's
    with driver.cursor() as cursor:
        staging = _staging(cursor, table, columns)
        with cursor.copy(sql.SQL("copy {} from stdin").format(sql.Identifier("pg_temp", staging))) as copy:
            copy.write(rows.lines)
        values = "".join(f', cast(:{name} as {_kind(table.columns[name])}) as "{name}"' for name in alike)
        more = "".join(f', "{name}"' for name in alike)
        bound = {name: _bound(value, table.columns[name]) for name, value in alike.items()}
        session.execute(
            tenant_sql(
                f"insert into {table.fullname} (tenant, {names}{more})"  # noqa: S608 - names come from the model
                f" select :tenant, {names}{values} from pg_temp.{staging}{conflict}"
            ),
            bound,
        )


def _staging(cursor: psycopg.Cursor[Any], table: Table, columns: Sequence[str]) -> str:
    """The name of an empty temporary table of these columns, which stays until the transaction ends: chunk after chunk of an
    import has the same columns, and to make and drop a table takes the database as long as hundreds of rows."""
    shape = sql.SQL(", ").join(map(sql.Identifier, columns))
    source = sql.Identifier(*table.fullname.split("."))
    name = f"bulk_{crc32(','.join([table.fullname, *columns]).encode()):08x}"
    place = sql.Identifier("pg_temp", name)
    cursor.execute("select to_regclass(%s) is not null", (f"pg_temp.{name}",))
    if cursor.fetchone() == (True,):
        cursor.execute(sql.SQL("truncate {}").format(place))
    else:
        made = sql.SQL("create temporary table {} on commit drop as select {} from {} with no data")
        cursor.execute(made.format(sql.Identifier(name), shape, source))
    return name


def update_rows(session: Session, model: type[Base], rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    """Give rows of the tenant in scope, named by their ``id``, new values in ``columns``, by one statement."""
    if not rows:
        return
    table: Any = model.__table__
    given = ", ".join(f'"{name}" = r."{name}"' for name in columns)
    full = [{name: row[name] for name in ("id", *columns)} for row in rows]
    statement = (
        f"update {table.fullname} t set {given}"  # noqa: S608 - names come from the model
        f" from jsonb_populate_recordset(null::{table.fullname}, cast(:rows as jsonb)) r"
        " where t.tenant = :tenant and t.id = r.id"
    )
    session.execute(tenant_sql(statement), {"rows": json.dumps(full, ensure_ascii=False, default=_plain)})


def _kind(column: Column[Any]) -> str:
    """A column's type as a cast takes it, which knows no collation."""
    return column.type.compile(_DIALECT).partition(" COLLATE ")[0]


def _bound(value: object, column: Column[Any]) -> object:
    if value is None:
        return None
    if isinstance(column.type, ARRAY):
        return list(value) if isinstance(value, tuple) else value
    return document(value) if isinstance(column.type, JSONB) else value


def _defaulted(table: Table, row: dict[str, Any]) -> list[Column[Any]]:
    """Columns that the model fills by itself where a row leaves them out."""
    return [
        column for column in table.columns if column.name not in row and column.name != "tenant" and column.default is not None
    ]


def default_of(column: Column[Any]) -> Any:
    """What the model puts into a column that a row leaves out; None where it has no default."""
    default: Any = column.default
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written in bulk")
