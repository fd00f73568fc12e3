"""Old Excel workbooks (.xls, and .et of WPS): values by xlrd, which knows error cells and leaves blank rows out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final

import xlrd
from xlrd.biffh import XLRDError, error_text_from_code
from xlrd.book import Book
from xlrd.sheet import Sheet

from core.spreadsheets.cells import CHUNK_ROWS, Format, Merge, SheetHead
from core.spreadsheets.frames import Raw, clock, encode, error, plain
from core.spreadsheets.refusals import Counts, refused

_ENCRYPTED: Final = tuple(name.encode("utf-16-le") for name in ("EncryptedPackage", "DRMEncryptedDataSpace"))
_WORKBOOKS: Final = tuple(name.encode("utf-16-le") for name in ("Workbook", "Book"))
_OTHERS: Final = tuple(name.encode("utf-16-le") for name in ("WordDocument", "PowerPoint Document"))
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
_PASSWORD: Final = "encrypted"  # noqa: S105 - a word of xlrd's message
_EPOCHS: Final = (datetime.fromisoformat("1899-12-30"), datetime.fromisoformat("1904-01-01"))


class XlsSource:
    """An .xls file, wholly parsed once it stands. Macros and links to other files are never looked at."""

    format: Format = "xls"

    def __init__(self, content: bytes) -> None:
        if content.startswith(_COMPOUND):
            if any(name in content for name in _ENCRYPTED):
                raise refused("password")
            if not any(name in content for name in _WORKBOOKS):
                raise refused("not_a_spreadsheet" if any(name in content for name in _OTHERS) else "damaged")
        self._book = _book(content)
        self.date_1904 = self._book.datemode == 1
        self._sheets = self._book.sheets()
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
            if any(cell is not None and cell != "" for cell in cells):
                rows.append((number + 1, cells))
            if len(rows) == CHUNK_ROWS:
                yield encode(rows)
                rows = []
        if rows:
            yield encode(rows)


def _book(content: bytes) -> Book:
    """The workbook; merged ranges are read with formats alone, which some programs write in ways that xlrd does not take."""
    with open(os.devnull) as silent:  # noqa: PTH123 - a null device
        for formatted in (True, False):
            try:
                return xlrd.open_workbook(file_contents=content, formatting_info=formatted, ragged_rows=True, logfile=silent)
            except XLRDError as fault:
                if _PASSWORD in str(fault):
                    raise refused("password") from fault
            except MemoryError:
                raise
            except Exception as fault:
                if not formatted:
                    raise refused("damaged") from fault
    raise refused("damaged")


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
