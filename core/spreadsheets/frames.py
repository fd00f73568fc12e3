"""Rows on their way from the process that parses to the one that asked: columns of plain values, which can run nothing.

A frame is a length, that many bytes of JSON, and codes: a column that says few things often stands there as those things,
and behind the JSON as one byte for each row. What JSON lacks travels as an object with one key. Control characters end here:
a name with a bell in it is the name.
"""

from __future__ import annotations

import math
import re
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import count, zip_longest
from typing import Any, Final, TypeAlias

import orjson

from core.spreadsheets.cells import Cell, Chunk, CodedCells, FaultyCell

Raw: TypeAlias = Any
"""A cell as a parser gives it: a plain value, or a fault made by ``error`` or ``NO_VALUE``."""

NO_VALUE: Final[Raw] = {"v": ""}
"""A formula without a stored result."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_WHITE: Final = " \n\t\xa0\u3000\u2028\u2029\u202f" + "".join(map(chr, range(0x2000, 0x200E)))
"""Of a text of nothing else nothing can be seen in the program."""
_LENGTH: Final = struct.Struct("<I")
_MOST_CODED: Final = 256
_TEXTS: Final = frozenset((str, type(None)))
_NUMBERS: Final = frozenset((int, float, bool))
_PLAIN: Final = _TEXTS | _NUMBERS | {date, datetime, time, timedelta}


def error(text: str) -> Raw:
    """A cell that shows an error value of the spreadsheet."""
    return {"e": text}


def plain(text: str) -> str:
    """The text without control characters, its lines parted by line feeds."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clock(length: timedelta) -> time:
    """The time of day so long after midnight; less than a day."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    return time(minutes // 60, minutes % 60, seconds)


def encode(rows: Iterable[tuple[int, list[Raw]]]) -> bytes:
    """Rows as one frame, without blank ones; empty text, and text of white space alone, becomes no value."""
    kept = [row for row in rows if any(row[1]) or any(cell is not None and cell != "" for cell in row[1])]
    table, widths = [cells for _, cells in kept], [len(cells) for _, cells in kept]
    ragged = len(set(widths)) > 1
    columns: list[Sequence[Raw] | None] = []
    coded, codes = [], []
    for column in zip_longest(*table) if ragged else zip(*table, strict=True):
        values, places, faded = _coded(column)
        if faded:  # a row may be blank now
            return encode((number, [_seen(cell) for cell in cells]) for number, cells in kept)
        if places:
            coded.append(len(columns))
            codes.append(places)
        columns.append(values)
    head = ([number for number, _ in kept], widths if ragged else None, columns, coded)
    packed = orjson.dumps(head, default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME)
    return b"".join((_LENGTH.pack(len(packed)), packed, *codes))


def decode(frame: bytes) -> Chunk:
    """The rows of a frame. Raises ``ValueError``, ``TypeError``, ``LookupError`` or ``struct.error`` where it is none."""
    [length] = _LENGTH.unpack_from(frame)
    start = _LENGTH.size + length
    numbers, widths, given, coded = orjson.loads(frame[_LENGTH.size : start])
    rows = len(numbers)
    columns = [_BLANK if values is None else _known(values) for values in given]
    for index in coded:
        columns[index] = CodedCells(columns[index], frame[start : start + rows])
        start += rows
    columns = [CodedCells(_BLANK, bytes(rows)) if values is _BLANK else values for values in columns]
    if (
        not _are_counts(numbers)
        or not _are_counts(widths or ())
        or any(len(one) != rows for one in (widths or numbers, *columns))
    ):
        raise ValueError("not a frame")
    return Chunk(numbers, columns, widths)


def _coded(column: Sequence[Raw]) -> tuple[Sequence[Raw] | None, bytes, bool]:
    """What a column says (None for nothing); where that is little, the place of each cell's value in it; and whether there
    was text of white space alone, which is left to the caller."""
    said: defaultdict[Raw, int] = defaultdict(count().__next__)
    try:
        places = list(map(said.__getitem__, column))
    except TypeError:  # an error of the spreadsheet
        return _told_apart(column)
    kinds = set(map(type, said))
    if kinds & _NUMBERS and len(set(map(type, column)) & _NUMBERS) > 1:  # 1 and true are one to a dictionary
        return _told_apart(column)
    whole = "".join(filter(None, said)) if kinds <= _TEXTS else " "
    ordinary = whole.isprintable() and " " not in whole
    values = [value or None for value in said] if ordinary else list(map(_seen, said))
    if values.count(None) > (None in said) + ("" in said):
        return None, b"", True
    if len(said) <= _MOST_CODED:
        return (values, bytes(places), False) if values != [None] else (None, b"", False)
    return list(map(values.__getitem__, places)), b"", False


def _told_apart(column: Sequence[Raw]) -> tuple[Sequence[Raw], bytes, bool]:
    values = list(map(_seen, column))
    return values, b"", values.count(None) > column.count(None) + column.count("")


def _seen(cell: Raw) -> Raw:
    """A cell as it may be sent: what can be seen of a text, an error for a number that is none."""
    if isinstance(cell, str):
        cell = plain(cell)
        return cell if cell.strip(_WHITE) else None
    if isinstance(cell, float) and not math.isfinite(cell):
        return error("#NUM!")
    return cell


def _tagged(value: object) -> dict[str, str | float]:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, time):
        return {"c": value.isoformat()}
    if isinstance(value, timedelta):
        return {"s": value.total_seconds()}
    raise TypeError(type(value))


def _known(values: list[Any]) -> list[Cell]:
    """Values out of JSON. Raises where there are others than the frames' own."""
    kinds = set(map(type, values))
    if dict in kinds:
        values = [_untagged(value) if type(value) is dict else value for value in values]
        kinds.remove(dict)
    if not kinds <= _PLAIN:
        raise ValueError("not a frame")
    return values


def _untagged(value: dict[str, Any]) -> Cell:
    [(tag, told)] = value.items()
    return _TAGS[tag](told)


def _are_counts(numbers: Sequence[Any]) -> bool:
    return set(map(type, numbers)) <= {int} and min(numbers, default=0) >= 0


_BLANK: Final[Sequence[Cell]] = (None,)
_TAGS: Final[dict[str, Callable[[Any], Cell]]] = {
    "d": date.fromisoformat,
    "t": datetime.fromisoformat,
    "c": time.fromisoformat,
    "s": lambda seconds: timedelta(seconds=seconds),
    "e": lambda text: FaultyCell("error", str(text)),
    "v": lambda _: FaultyCell("no_value", ""),
}
