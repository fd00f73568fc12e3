"""Rows as the text that PostgreSQL's COPY reads, put together while the database is busy with others.

psycopg writes rows out by itself, at the moment they are sent. Here a thread of its own sends them, and each row that it still
had to write out would wait for the interpreter's lock, which the thread that seals the next rows holds: a fifth of a large
import. Only plain columns are written so; arrays and documents stay psycopg's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from types import NoneType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

_SIGNS: Final = re.compile(r"[\\\t\n\r]")
_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def _text(value: str) -> str:
    return _SIGNS.sub(lambda sign: _ESCAPED[sign[0]], value)


_WRITTEN: Final[Mapping[type, Callable[[Any], str]]] = {
    NoneType: lambda _: "\\N",
    str: _text,
    bytes: lambda value: f"\\\\x{value.hex()}",
    bool: lambda value: "t" if value else "f",
    int: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    UUID: str,
}


def is_plain(table: Table, columns: Iterable[str]) -> bool:
    """Whether ``columns`` of a table hold neither arrays nor documents."""
    return not any(isinstance(table.columns[name].type, ARRAY | JSONB) for name in columns)


def copy_line(row: Iterable[Any]) -> str:
    """One row as COPY reads it. Raises ``TypeError`` for a value of a kind that no plain column takes."""
    try:
        return "\t".join([_WRITTEN[type(value)](value) for value in row]) + "\n"
    except KeyError as kind:
        raise TypeError(f"{kind} is not written by COPY") from None
