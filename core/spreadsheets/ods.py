"""Open Document spreadsheets (.ods), in one pass of expat.

Calamine would hold such a file three times as a dense range, and gives neither merged ranges nor error values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Final
from xml.parsers import expat
from zlib import compress, decompress

from core.spreadsheets.cells import CHUNK_ROWS, Format, Merge, SheetHead
from core.spreadsheets.frames import NO_VALUE, Raw, clock, encode, error, plain
from core.spreadsheets.packages import Package, read_block
from core.spreadsheets.refusals import MOST_COLUMNS, MOST_SHEETS, Counts, refused

_TYPE: Final = b"application/vnd.oasis.opendocument.spreadsheet"
_BLOCK: Final = 1024 * 1024
_NAMES: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _OFFICE, _TEXT = (f"{_NAMES}{name}:1.0 " for name in ("table", "office", "text"))
_CALC_TYPE: Final = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_ASIDE: Final = frozenset(
    (
        f"{_OFFICE}annotation",
        f"{_TABLE}shapes",
        f"{_TABLE}detective",
        f"{_TEXT}ruby-text",
        f"{_TEXT}tracked-changes",
        f"{_TABLE}tracked-changes",
        f"{_NAMES}drawing:1.0 frame",
    )
)
"""What stands in or beside cells and is no value of them."""
_CELLS: Final = frozenset((f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"))
_PARAGRAPHS: Final = frozenset((f"{_TEXT}p", f"{_TEXT}h"))
_SHEET, _ROW = f"{_TABLE}table", f"{_TABLE}table-row"
_STYLE, _STYLE_NAME, _SHEET_STYLE = (f"{_NAMES}style:1.0 {name}" for name in ("style", "name", "table-properties"))
_COLUMNS_REPEATED, _ROWS_REPEATED = (f"{_TABLE}number-{name}-repeated" for name in ("columns", "rows"))
_COLUMNS_SPANNED, _ROWS_SPANNED = (f"{_TABLE}number-{name}-spanned" for name in ("columns", "rows"))
_FORMULA = f"{_TABLE}formula"
_VALUE_TYPE, _VALUE, _DATE = (f"{_OFFICE}{name}" for name in ("value-type", "value", "date-value"))
_NUMBERS: Final = frozenset(("float", "percentage", "currency"))
_ERRORS: Final = re.compile(r"(?:#[A-Z/0!?]+|Err:\d+)")
_DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,]\d+)?S)?")


class OdsSource:
    """An .ods file, wholly parsed once it stands; its rows wait packed. Macros and links to other files are never looked at."""

    format: Format = "ods"
    date_1904 = False

    def __init__(self, package: Package) -> None:
        content = _Content()
        with package.open("content.xml") as part:
            parser = expat.ParserCreate(namespace_separator=" ")
            parser.buffer_text = True
            parser.StartElementHandler = content.begin
            parser.EndElementHandler = content.end
            parser.CharacterDataHandler = content.characters
            parser.StartDoctypeDeclHandler = _declared
            try:
                while block := read_block(part, _BLOCK):
                    parser.Parse(block, False)
                parser.Parse(b"", True)
            except expat.ExpatError as fault:
                raise refused("damaged") from fault
        self.sheets = tuple(content.heads)
        self._frames = content.frames

    def frames(self, index: int) -> Iterator[bytes]:
        """The rows of a sheet."""
        for frame in self._frames[index]:
            yield decompress(frame)


def is_ods(package: Package) -> bool:
    """Whether the package is an Open Document spreadsheet. Raises ``SpreadsheetRefused`` where it is encrypted."""
    if "mimetype" not in package or not package.read("mimetype").startswith(_TYPE):
        return False
    manifest = package.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in package else b""
    if b"encryption-data" in manifest or "encrypted-package" in package:
        raise refused("password")
    return True


def _declared(*_: object) -> None:
    raise refused("entities")


class _Content:
    """The handler of ``content.xml``: sheets, rows and cells as they come."""

    def __init__(self) -> None:
        self.heads: list[SheetHead] = []
        self.frames: list[list[bytes]] = []
        self._counts = Counts()
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._depth = self._aside = 0
        self._name, self._visible = "", True
        self._merges: list[Merge] = []
        self._waiting: list[tuple[int, list[Raw]]] = []
        self._number = 0
        self._row: list[Raw] = []
        self._row_repeats = 1
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._lines: list[str] = []
        self._in_text = 0

    def begin(self, name: str, has: dict[str, str]) -> None:
        """An element begins."""
        if self._aside or name in _ASIDE:
            self._aside += 1
        elif name in _CELLS:
            if self._depth == 1:
                self._cell, self._lines = has, []
        elif name in _PARAGRAPHS:
            if self._cell is not None:
                self._in_text += 1
                self._lines.append("")
        elif name == _ROW:
            if self._depth == 1:
                self._row, self._column = [], 0
                self._row_repeats = _count(has.get(_ROWS_REPEATED))
        elif self._in_text:
            self._begin_text(name, has)
        elif name == _SHEET:
            self._depth += 1
            if self._depth == 1:
                self._begin_sheet(has)
        elif name == _STYLE:
            self._style = has.get(_STYLE_NAME, "")
        elif name == _SHEET_STYLE and has.get(f"{_TABLE}display") == "false":
            self._hidden_styles.add(self._style)

    def end(self, name: str) -> None:
        """An element ends."""
        if self._aside:
            self._aside -= 1
        elif name in _CELLS:
            if self._depth == 1 and self._cell is not None:
                self._end_cell(self._cell)
                self._cell = None
        elif name in _PARAGRAPHS:
            self._in_text -= self._cell is not None
        elif name == _ROW:
            if self._depth == 1:
                self._end_row()
        elif name == _SHEET:
            if self._depth == 1:
                self._end_sheet()
            self._depth -= 1

    def characters(self, text: str) -> None:
        """Text, of a paragraph in a cell or of nothing that matters."""
        if self._in_text and not self._aside:
            self._lines[-1] += text

    def _begin_text(self, name: str, has: dict[str, str]) -> None:
        if name == f"{_TEXT}s":
            self._lines[-1] += " " * min(_count(has.get(f"{_TEXT}c")), 1000)
        elif name == f"{_TEXT}tab":
            self._lines[-1] += "\t"
        elif name == f"{_TEXT}line-break":
            self._lines[-1] += "\n"

    def _begin_sheet(self, has: dict[str, str]) -> None:
        if len(self.heads) == MOST_SHEETS:
            raise refused("too_many_sheets")
        self._name = plain(has.get(f"{_TABLE}name", ""))
        self._visible = has.get(f"{_TABLE}style-name") not in self._hidden_styles
        self._merges, self._number = [], 0
        self.frames.append([])

    def _end_sheet(self) -> None:
        self._pack()
        self._counts.merges(len(self._merges), self._name)
        self.heads.append(SheetHead(len(self.heads), self._name, self._visible, tuple(self._merges)))

    def _end_cell(self, has: dict[str, str]) -> None:
        repeats = _count(has.get(_COLUMNS_REPEATED))
        if _COLUMNS_SPANNED in has or _ROWS_SPANNED in has:
            self._merge(_count(has.get(_COLUMNS_SPANNED)), _count(has.get(_ROWS_SPANNED)))
        value = _value(has, self._lines)
        if value is not None and value != "":
            if self._column + repeats > MOST_COLUMNS:
                raise refused("too_many_columns", f"{self._name} / {self._number + 1}")
            self._row += [None] * (self._column - len(self._row))
            self._row += [value] * repeats
        self._column += repeats

    def _merge(self, wide: int, high: int) -> None:
        if wide > 1 or high > 1:
            row = self._number + 1
            self._merges.append(Merge(row, self._column, row + high - 1, self._column + wide - 1))

    def _end_row(self) -> None:
        if self._row:
            self._counts.rows(self._row_repeats, self._name)
            self._counts.cells(self._row_repeats * (len(self._row) - self._row.count(None)), self._name)
            for number in range(self._number + 1, self._number + self._row_repeats + 1):
                self._waiting.append((number, self._row))
                if len(self._waiting) == CHUNK_ROWS:
                    self._pack()
        self._number += self._row_repeats

    def _pack(self) -> None:
        if self._waiting:
            self.frames[-1].append(compress(encode(self._waiting), 1))
            self._waiting = []


def _count(text: str | None) -> int:
    return max(int(text), 1) if text else 1


def _value(has: dict[str, str], lines: list[str]) -> Raw:
    """The value of a cell by its attributes; its text where it is one."""
    kind = has.get(_VALUE_TYPE, "")
    shown = "\n".join(lines)
    calculated = _FORMULA in has
    if kind == "error" or has.get(_CALC_TYPE) == "error" or (calculated and _ERRORS.fullmatch(shown)):
        return error(shown)
    value = _stored(kind, has, shown) if kind else shown
    return NO_VALUE if calculated and value == "" and kind != "string" else value


def _stored(kind: str, has: dict[str, str], shown: str) -> Raw:
    if kind == "string":
        return has.get(f"{_OFFICE}string-value", shown)
    with suppress(ValueError, OverflowError):
        if kind in _NUMBERS and _VALUE in has:
            return float(has[_VALUE])
        if kind == "date" and _DATE in has:
            return _moment(has[_DATE])
        if kind == "time" and f"{_OFFICE}time-value" in has:
            return _duration(has[f"{_OFFICE}time-value"])
        if kind == "boolean" and f"{_OFFICE}boolean-value" in has:
            return has[f"{_OFFICE}boolean-value"] == "true"
    return shown


def _moment(text: str) -> date | datetime:
    if "T" not in text:
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0)
    return moment.date() if moment.time() == time() else moment


def _duration(text: str) -> time | timedelta:
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if found[1] or length >= timedelta(days=1):
        return -length if found[1] else length
    return clock(length)
