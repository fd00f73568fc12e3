"""Rows on their way from the process that parses to the one that asked: JSON of plain values, which can run nothing.

What JSON lacks travels as an object with one key. Control characters end here: a name with a bell in it is the name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from typing import Any, Final, TypeAlias

import orjson

from core.spreadsheets.cells import Cell, FaultyCell, SheetRow

Raw: TypeAlias = Any
"""A cell as a parser gives it: a plain value, or a fault made by ``error`` or ``NO_VALUE``."""

NO_VALUE: Final[Raw] = {"v": ""}
"""A formula without a stored result."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SIGNS: Final = (b"\\", b"\x7f", b"\xc2", b"\xef\xbf")
"""One of these stands in every suspect; most frames have none, and a look for one byte costs nearly nothing."""
_BLANK_BEGINS: Final = (b'" ', b'"\xe3\x80\x80', b'"\xc2\xa0', b'"\xe2\x80', b'"\\n', b'"\\t')
_BLANK = re.compile(rb'(?<=[,\[])"(?: |\\[nt]|\xc2\xa0|\xe3\x80\x80|\xe2\x80[\x80-\x8d\xa8\xa9\xaf])+"(?=[,\]])')
_SUSPECT = re.compile(rb"\\[bfru]|\x7f|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]")


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
    """Rows as one frame; empty text, and text of white space alone, becomes no value."""
    kept = list(rows)
    packed = _packed(kept)
    if not packed or (any(sign in packed for sign in _SIGNS) and _SUSPECT.search(packed)):
        packed = _packed([(number, [_cleaned(cell) for cell in cells]) for number, cells in kept])
    # Inside a JSON text every quotation mark is escaped: a bracket or comma before two of them stands before an empty text.
    packed = packed.replace(b',""', b",null").replace(b'[""', b"[null")
    # So does a mark that can only be the first of a text: of texts of white space nothing can be seen in the program.
    return _BLANK.sub(b"null", packed) if any(sign in packed for sign in _BLANK_BEGINS) else packed


def decode(frame: bytes) -> list[SheetRow]:
    """The rows of a frame, without those of which white space was all."""
    tagged, rows = orjson.loads(frame)
    for column in tagged:
        for _, cells in rows:
            if column < len(cells) and isinstance(cells[column], dict):
                cells[column] = _known(cells[column])
    return [SheetRow(number, cells) for number, cells in rows if any(cells) or any(cell is not None for cell in cells)]


def _columns(rows: list[tuple[int, list[Raw]]]) -> tuple[list[int], bool]:
    """Which columns hold more than plain values, so that the other side need not look at every cell; and whether all
    numbers are finite, which JSON cannot say of others."""
    tagged, finite = [], True
    for number, column in enumerate(zip_longest(*(cells for _, cells in rows))):
        kinds = set(map(type, column))
        if not kinds <= _PLAIN:
            tagged.append(number)
        if float in kinds:
            finite = finite and math.isfinite(sum(cell for cell in column if type(cell) is float))
    return tagged, finite


def _packed(rows: list[tuple[int, list[Raw]]]) -> bytes:
    """The frame; nothing where a number or a text is none that JSON can write."""
    tagged, finite = _columns(rows)
    try:
        return orjson.dumps((tagged, rows), default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME) if finite else b""
    except orjson.JSONEncodeError:
        return b""


def _cleaned(cell: Raw) -> Raw:
    if isinstance(cell, str):
        return plain(cell)
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


def _known(tagged: dict[str, Any]) -> Cell:
    [(tag, value)] = tagged.items()
    return _TAGS[tag](value)


_TAGS: Final[dict[str, Callable[[Any], Cell]]] = {
    "d": date.fromisoformat,
    "t": datetime.fromisoformat,
    "c": time.fromisoformat,
    "s": lambda seconds: timedelta(seconds=seconds),
    "e": lambda text: FaultyCell("error", text),
    "v": lambda _: FaultyCell("no_value", ""),
}
_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
