"""Old Excel workbooks (.xls, and .et of WPS): values by xlrd, which knows error cells and leaves blank rows out.

What xlrd does not tell, a look at the records of formulas does: whether a result was ever stored. A library that reckons
nothing leaves nought under the flag that asks for reckoning on opening (POI), or an empty text (xlwt); an empty text that an
office program has reckoned is one, and such a program leaves its properties (``SummaryInformation``) in the file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final, TypeAlias

import xlrd
from xlrd.biffh import XLRDError, error_text_from_code
from xlrd.book import Book
from xlrd.sheet import Sheet

from core.spreadsheets.cells import CHUNK_ROWS, Format, Merge, SheetHead
from core.spreadsheets.frames import NO_VALUE, Raw, clock, encode, error, plain
from core.spreadsheets.refusals import Counts, refused

_ENCRYPTED: Final = tuple(name.encode("utf-16-le") for name in ("EncryptedPackage", "DRMEncryptedDataSpace"))
_WORKBOOKS: Final = tuple(name.encode("utf-16-le") for name in ("Workbook", "Book"))
_OTHERS: Final = tuple(name.encode("utf-16-le") for name in ("WordDocument", "PowerPoint Document"))
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
_PROPERTIES: Final = "SummaryInformation".encode("utf-16-le")
_FORMULA: Final = 0x0006
_RESULT: Final = struct.Struct("<HHxx8sH")
"""Row, column, result and flags of a formula."""
_ON_OPENING: Final = 0x0002
_READ_LATE: Final = 50
"""The oldest version of the format whose sheets are read after the workbook."""
_NOUGHT: Final = bytes(8)
_EMPTY_TEXT: Final = b"\x03\x00\x00\x00\x00\x00\xff\xff"
_PASSWORD: Final = "encrypted"  # noqa: S105 - a word of xlrd's message
_EPOCHS: Final = (datetime.fromisoformat("1899-12-30"), datetime.fromisoformat("1904-01-01"))
_Unreckoned: TypeAlias = dict[int, set[int]]
"""Rows and columns from 0 of formulas whose result was never stored."""


class XlsSource:
    """An .xls file, wholly parsed once it stands. Macros and links to other files are never looked at."""

    format: Format = "xls"

    def __init__(self, content: bytes) -> None:
        if content.startswith(_COMPOUND):
            if any(name in content for name in _ENCRYPTED):
                raise refused("password")
            if not any(name in content for name in _WORKBOOKS):
                raise refused("not_a_spreadsheet" if any(name in content for name in _OTHERS) else "damaged")
        read = _read(content, by_office=_PROPERTIES in content or not content.startswith(_COMPOUND))
        self.date_1904, self._sheets, self._unreckoned = read
        counts = Counts()
        for sheet in self._sheets:
            lengths = [_filled(sheet, row) for row in range(sheet.nrows)]
            counts.rows(sum(map(bool, lengths)), sheet.name)
            counts.cells(sum(lengths), sheet.name)
            counts.merges(len(sheet.merged_cells), sheet.name)
        self.sheets = tuple(
            SheetHead(index, plain(sheet.name), sheet.visibility == 0, _merges(sheet))
            for index, sheet in enumerate(self._sheets)
        )

    def frames(self, index: int) -> Iterator[bytes]:
        """The rows of a sheet."""
        sheet, rows = self._sheets[index], []
        for number in range(sheet.nrows):
            cells = [
                _value(kind, value, self.date_1904)
                for kind, value in zip(sheet.row_types(number), sheet.row_values(number), strict=True)
            ]
            for column in self._unreckoned[index].get(number, ()):
                cells[column] = NO_VALUE
            if any(cell is not None and cell != "" for cell in cells):
                rows.append((number + 1, cells))
            if len(rows) == CHUNK_ROWS:
                yield encode(rows)
                rows = []
        if rows:
            yield encode(rows)


def _read(content: bytes, *, by_office: bool) -> tuple[bool, list[Sheet], list[_Unreckoned]]:
    """Whether days count from 1904, the sheets, and their formulas without a result; merged ranges are read with formats alone,
    which some programs write in ways that xlrd does not take."""
    with open(os.devnull, "w") as silent:  # noqa: PTH123 - a null device, for the warnings of xlrd
        for formatted in (True, False):
            try:
                book = xlrd.open_workbook(
                    file_contents=content, formatting_info=formatted, ragged_rows=True, logfile=silent, on_demand=True
                )
                sheets, unreckoned = _loaded(book, by_office=by_office)
                return book.datemode == 1, sheets, unreckoned
            except XLRDError as fault:
                if _PASSWORD in str(fault):
                    raise refused("password") from fault
            except MemoryError:
                raise
            except Exception as fault:
                if not formatted:
                    raise refused("damaged") from fault
    raise refused("damaged")


def _loaded(book: Book, *, by_office: bool) -> tuple[list[Sheet], list[_Unreckoned]]:
    """The sheets; formulas without a result are noted while their records pass."""
    sheets: list[Sheet] = []
    unreckoned: list[_Unreckoned] = []
    next_record = book.get_record_parts

    def record() -> tuple[int, int, bytes]:
        found: tuple[int, int, bytes] = next_record()
        if found[0] == _FORMULA and found[1] >= _RESULT.size:
            row, column, result, flags = _RESULT.unpack_from(found[2])
            if (result == _NOUGHT and flags & _ON_OPENING) or (result == _EMPTY_TEXT and not by_office):
                unreckoned[-1].setdefault(row, set()).add(column)
        return found

    if book.biff_version >= _READ_LATE:
        book.get_record_parts = record  # type: ignore[method-assign]  # xlrd itself has no way to look at a formula
    for index in range(book.nsheets):
        unreckoned.append({})
        sheets.append(book.sheet_by_index(index))
    book.release_resources()
    return sheets, unreckoned


def _filled(sheet: Sheet, row: int) -> int:
    kinds = sheet.row_types(row)
    return len(kinds) - kinds.count(xlrd.XL_CELL_EMPTY) - kinds.count(xlrd.XL_CELL_BLANK)


def _merges(sheet: Sheet) -> tuple[Merge, ...]:
    return tuple(Merge(top + 1, left, bottom, right - 1) for top, bottom, left, right in sheet.merged_cells)


def _value(kind: int, value: Raw, date_1904: bool) -> Raw:
    if kind == xlrd.XL_CELL_DATE:
        return _moment(value, date_1904)
    if kind == xlrd.XL_CELL_ERROR:
        return error(error_text_from_code.get(value, "#N/A"))
    if kind == xlrd.XL_CELL_BOOLEAN:
        return bool(value)
    return value if kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_TEXT) else None


def _moment(serial: float, date_1904: bool) -> Raw:
    """A serial styled as a date: a time below one day, a day where it is whole, else both; the number where it is none."""
    if not 0 <= serial < 2_958_466:
        return serial
    if serial < 1:
        return clock(timedelta(seconds=min(round(serial * 86_400), 86_399)))
    if not date_1904 and serial < 60:  # Excel counts a 29 February of 1900 that never was
        serial += 1
    moment = _EPOCHS[date_1904] + timedelta(seconds=round(serial * 86_400))
    return moment.date() if moment.time() == time() else moment
