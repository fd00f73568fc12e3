"""Many rows into one table by one statement: the rows travel as one JSON value, which the database takes apart.

An import writes tens of thousands of rows; sent as single parameters they cost several times as much on both sides.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table
from sqlalchemy.orm import Session

from core.db.base import Base
from core.db.statements import tenant_sql


def insert_rows(session: Session, model: type[Base], rows: list[dict[str, Any]], *, keep_former: bool = False) -> None:
    """Insert ``rows`` of the tenant in scope; all have the same keys, which name columns. Defaults of the model are filled in.

    ``keep_former`` leaves a row away that a unique key forbids.
    """
    if not rows:
        return
    table: Any = model.__table__
    missing = _defaulted(table, rows[0])
    full = [row | {column.name: _default(column) for column in missing} for row in rows]
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name in full[0])
    conflict = " on conflict do nothing" if keep_former else ""
    statement = (
        f"insert into {table.fullname} (tenant, {names}) select :tenant, {names}"  # noqa: S608 - names come from the model
        f" from jsonb_populate_recordset(null::{table.fullname}, cast(:rows as jsonb)){conflict}"
    )
    session.execute(tenant_sql(statement), {"rows": json.dumps(full, ensure_ascii=False, default=_plain)})


def _defaulted(table: Table, row: dict[str, Any]) -> list[Column[Any]]:
    """Columns that the model fills by itself where a row leaves them out."""
    return [
        column for column in table.columns if column.name not in row and column.name != "tenant" and column.default is not None
    ]


def _default(column: Column[Any]) -> object:
    default: Any = column.default
    return default.arg(None) if default.is_callable else default.arg


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written in bulk")
