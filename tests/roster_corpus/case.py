"""What a case of the corpus is: sheets of cells, and what must come of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from xlsxwriter import Workbook

from core.spreadsheets.cells import CHUNK_ROWS, Cell, FaultyCell, Format, Merge, SheetHead, SheetRow

DAY = date(2025, 9, 1)
COUNTY = "510104"
PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
_CHECK = "10X98765432"
Place = tuple[str, int, str, str]
"""Sheet, row, heading, kind."""


def number(born: str, sequence: int, *, county: str = COUNTY) -> str:
    """A synthetic identity number; an odd ``sequence`` is a man's."""
    body = f"{county}{born}{sequence:03d}"
    return body + _CHECK[sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body)) % 11]


HEAD, WIFE, SON, DAUGHTER = number("19800315", 11), number("19820720", 22), number("20080901", 33), number("20101122", 44)
OTHER, OTHER_WIFE, THIRD = number("19750102", 55), number("19770203", 66), number("19690404", 77)


@dataclass(frozen=True)
class Sheet:
    """One sheet: its rows from the first on (a blank row is an empty list), and its merged ranges."""

    name: str
    rows: list[list[Cell]]
    merges: tuple[Merge, ...] = ()
    visible: bool = True


@dataclass(frozen=True)
class Case:
    """A file and the right answers. ``households`` are the names of the persons of each household that may go in, the head
    first; ``values`` are single values by person's name (or the head's, for the household) and key."""

    name: str
    sheets: tuple[Sheet, ...]
    households: tuple[tuple[str, ...], ...] = ()
    held_back: int = 0
    errors: frozenset[Place] = frozenset()
    warnings: frozenset[Place] = frozenset()
    values: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    layouts: tuple[str, ...] = ()
    remembered: Mapping[str, str | None] = field(default_factory=dict)
    format: Format = "xlsx"
    date_1904: bool = False
    refused: str | None = None

    def as_bytes(self) -> bytes:
        """The file itself, .xlsx or .csv."""
        return _text(self) if self.format == "text" else _workbook(self)


class CaseReading:
    """A case as the reader of spreadsheets would give it, without a file."""

    digest = "0" * 64
    misnamed = False

    def __init__(self, case: Case) -> None:
        self.file_name = f"{case.name}.{'csv' if case.format == 'text' else 'xlsx'}"
        self.format: Format = case.format
        self.date_1904 = case.date_1904
        self.sheets = tuple(SheetHead(place, one.name, one.visible, one.merges) for place, one in enumerate(case.sheets))
        self._sheets = case.sheets

    def rows(self, index: int) -> Iterator[list[SheetRow]]:
        """The rows that are not blank."""
        rows = [SheetRow(place, list(row)) for place, row in enumerate(self._sheets[index].rows, start=1) if any(row)]
        for start in range(0, len(rows), CHUNK_ROWS):
            yield rows[start : start + CHUNK_ROWS]

    def __enter__(self) -> CaseReading:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _text(case: Case) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    for row in case.sheets[0].rows:
        writer.writerow(["" if cell is None else cell for cell in row])
    return out.getvalue().encode("gb18030")


def _workbook(case: Case) -> bytes:
    out = io.BytesIO()
    with Workbook(out, {"default_date_format": "yyyy-mm-dd", "date_1904": case.date_1904}) as book:
        for one in case.sheets:
            sheet = book.add_worksheet(one.name)
            if not one.visible:
                sheet.hide()
            for row, cells in enumerate(one.rows):
                for column, cell in enumerate(cells):
                    _write(sheet, row, column, cell)
            for merge in one.merges:
                corner = one.rows[merge.top - 1]
                value = corner[merge.left] if merge.left < len(corner) else None
                sheet.merge_range(merge.top - 1, merge.left, merge.bottom - 1, merge.right, value or "")
    return out.getvalue()


def _write(sheet: Any, row: int, column: int, cell: Cell) -> None:
    if cell is None:
        return
    if isinstance(cell, FaultyCell):
        sheet.write_formula(row, column, "=1/0", None, cell.text)
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif isinstance(cell, date | datetime):
        sheet.write_datetime(row, column, cell)
    else:
        sheet.write(row, column, cell)


def places(*found: Place) -> frozenset[Place]:
    """A set of places."""
    return frozenset(found)
