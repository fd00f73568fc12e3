"""Columns of many rows as the text that PostgreSQL's COPY reads, put together before the database is asked to take them.

psycopg writes rows out value by value at the moment they are sent. A large import has millions of values, few of them unlike:
here each column is written out at once, what is equal in it once, and what is equal in all rows travels apart from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import NoneType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

_SIGNS: Final = re.compile(r"[\\\t\n\r]")
_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_QUOTED: Final = re.compile(r'["\\]')
_NULL: Final = "\\N"


@dataclass(frozen=True, slots=True)
class Written:
    """Rows written out: a line each, of the columns ``names``. ``alike`` are the columns in which all rows have one value."""

    names: tuple[str, ...]
    alike: Mapping[str, Any] = field(repr=False)
    lines: bytes = field(repr=False)


def write_out(table: Table, columns: Mapping[str, Sequence[Any]]) -> Written:
    """Write out rows that are given as columns of ``table``, all of one length.

    Raises ``TypeError`` for a value of a kind that no column takes.
    """
    alike: dict[str, Any] = {}
    texts: dict[str, Sequence[str]] = {}
    count = len(next(iter(columns.values())))
    for name, values in columns.items():
        kind = table.columns[name].type
        if isinstance(kind, ARRAY | JSONB):
            parts = [_parts(kind, value) for value in values]
            written: Sequence[str] | None = None if len(set(parts)) == 1 else parts
        else:
            unlike = set(values)
            written = None if len(unlike) == 1 else _each(values, unlike)
        if written is None:
            alike[name] = values[0]
        else:
            texts[name] = written
    if not texts:  # a row is a line, and one has to stand for it
        name = next(iter(alike))
        texts[name] = [_parts(table.columns[name].type, alike.pop(name))] * count
    lines = "\n".join(map("\t".join, zip(*texts.values(), strict=True))) + "\n"
    return Written(tuple(texts), alike, lines.encode())


def _each(values: Sequence[Any], unlike: set[Any]) -> Sequence[str]:
    """Each value written, those that are equal once."""
    kinds = set(map(type, unlike)) - {NoneType}
    if kinds == {str} and not _SIGNS.search("".join(filter(None, unlike))):
        # As nearly every column of texts: nothing is to be escaped.
        return [_NULL if value is None else value for value in values] if None in unlike else values
    if kinds == {bytes}:  # ciphers and tokens: hardly any is there twice
        return [_NULL if value is None else f"\\\\x{value.hex()}" for value in values]
    texts = {value: _plain(value) for value in unlike}
    return list(map(texts.__getitem__, values))


def _text(value: str) -> str:
    return _SIGNS.sub(lambda sign: _ESCAPED[sign[0]], value)


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    NoneType: lambda _: _NULL,
    str: _text,
    bytes: lambda value: f"\\\\x{value.hex()}",
    bool: lambda value: "t" if value else "f",
    int: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    UUID: str,
}


def _plain(value: Any) -> str:
    try:
        return _WRITERS[type(value)](value)
    except KeyError as kind:
        raise TypeError(f"{kind} is not written by COPY") from None


def document(value: Any) -> str:
    """A document as the database takes it. Raises ``TypeError`` for what JSON does not hold."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _parts(kind: TypeEngine[Any], value: Any) -> str:
    """A value as a column of this kind takes it: arrays of texts, documents, and whatever is plain."""
    if value is None:
        return _NULL
    if isinstance(kind, JSONB):
        return _text(document(value))
    if isinstance(kind, ARRAY):
        parts = [_QUOTED.sub(lambda sign: f"\\{sign[0]}", part) for part in value]
        return _text("{" + ",".join([f'"{part}"' for part in parts]) + "}")
    return _plain(value)
