"""Writing spreadsheets in which nothing runs: a text is a text, whatever it begins with.

The only door to XlsxWriter for exports. What people typed never becomes a formula or a link; control characters, which no
spreadsheet can hold, are left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, Literal, NamedTuple, Self, TypeAlias

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from core.money import FEN_PER_YUAN, Fen
from core.spreadsheets.cells import Cell, FaultyCell
from core.spreadsheets.frames import plain

LONGEST_TEXT: Final = 32_767
"""Characters, counted as UTF-16 does, that a cell of a spreadsheet can hold; a longer text is cut and says so."""
LONGEST_NAME: Final = 31
"""Characters of a sheet's name."""

_CUT: Final = "……（超长，已截断）"
_FORBIDDEN: Final = re.compile(r"[\[\]:*?/\\]")
_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_A4: Final = 9
_MOST_LINKS: Final = 65_000
"""Links that a sheet can hold; what comes after is a plain text."""
_LONGEST_FOOT: Final = 200
_EXACT: Final = 10**15 - 1
"""Larger whole numbers lose digits in a spreadsheet, and are written as texts."""
_NO_RESULT: Final = "（公式没有结果）"

Tint: TypeAlias = Literal["error", "warning"]
"""How a cell is coloured."""


class Yuan(NamedTuple):
    """Fen that are shown as a number of yuan with two decimals."""

    fen: Fen


Written: TypeAlias = Cell | Yuan
"""What a cell may be given; ``None`` and empty text leave it blank, a faulty cell shows its fault as a text."""

_STYLES: Final[Mapping[str, Mapping[str, object]]] = {
    "text": {},
    "money": {"num_format": "0.00"},
    "date": {"num_format": "yyyy-mm-dd"},
    "datetime": {"num_format": "yyyy-mm-dd hh:mm:ss"},
    "time": {"num_format": "hh:mm:ss"},
    "duration": {"num_format": "[h]:mm:ss"},
}
_TINTS: Final[Mapping[Tint | None, Mapping[str, object]]] = {
    None: {},
    "error": {"bg_color": "#FFC7CE", "font_color": "#9C0006"},
    "warning": {"bg_color": "#FFEB9C", "font_color": "#7F6000"},
}


class SpreadsheetWriting:
    """A new .xlsx file; its sheets take rows from the first on. Leave it by ``with``: only then is it written.

    ``large`` writes each row at once and keeps none, for files of many thousand rows: rows must come in order then, notes stay
    in memory all the same, and pieces of the file stand in a folder of its own until it is closed. ``created`` stands in the
    file instead of the instant of writing, for equal bytes.
    """

    def __init__(
        self, target: Path | IO[bytes], *, large: bool = False, title: str = "", created: datetime | None = None
    ) -> None:
        self._folder = TemporaryDirectory(prefix="bangfu-writing-") if large else None
        options = {
            "tmpdir": self._folder.name if self._folder else None,
            "in_memory": not large,
            "constant_memory": large,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "use_zip64": large,
        }
        self._book: Workbook = Workbook(target, options)
        if title or created:
            self._book.set_properties({"title": plain(title)} | ({"created": created} if created else {}))
        self._names: set[str] = set()
        self._formats: dict[tuple[str, Tint | None, bool, bool], Format] = {}

    def sheet(self, name: str) -> SheetWriting:
        """A new sheet behind the others; its name is made valid and, among those of the file, single."""
        return SheetWriting(self._book.add_worksheet(self._single(valid_name(name))), self._format)

    def close(self) -> None:
        """Write the file, and remove what was kept for it."""
        try:
            self._book.close()
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _single(self, name: str) -> str:
        single, number = name, 1
        while single.lower() in self._names:
            number += 1
            single = _short(name, LONGEST_NAME - len(f" ({number})")) + f" ({number})"
        self._names.add(single.lower())
        return single

    def _format(self, style: str, tint: Tint | None, bold: bool, wrapped: bool) -> Format:
        key = (style, tint, bold, wrapped)
        if key not in self._formats:
            more = ({"bold": True} if bold else {}) | ({"text_wrap": True, "valign": "top"} if wrapped else {})
            self._formats[key] = self._book.add_format({**_STYLES[style], **_TINTS[tint], **more})
        return self._formats[key]


class SheetWriting:
    """One sheet. Rows count from 1 as the program shows them, columns from 0."""

    def __init__(self, sheet: Worksheet, formats: Callable[[str, Tint | None, bool, bool], Format]) -> None:
        self._sheet = sheet
        self._formats = formats
        self._links = 0

    def widths(self, widths: Mapping[int, float]) -> None:
        """Widths of columns, in characters."""
        for column, width in widths.items():
            self._sheet.set_column(column, column, width)

    def header(self, number: int, titles: Sequence[str], *, frozen_columns: int = 0) -> None:
        """A row of titles; everything down to it stays in sight and is repeated on paper."""
        self.row(number, titles, head=True)
        self._sheet.freeze_panes(number, frozen_columns)
        self._sheet.repeat_rows(0, number - 1)

    def row(
        self,
        number: int,
        cells: Iterable[Written],
        *,
        head: bool = False,
        wrapped: bool = False,
        tints: Mapping[int, Tint] | None = None,
        notes: Mapping[int, str] | None = None,
        links: Mapping[int, tuple[str, str]] | None = None,
    ) -> None:
        """Write a row. By column: ``tints`` colour cells, ``notes`` are comments for whoever points at them, ``links`` lead
        to a cell (sheet as it was named to ``sheet``, reference such as ``B7``) of the same file."""
        for column, cell in enumerate(cells):
            tint = tints.get(column) if tints else None
            style, value = _styled(cell)
            usual = style == "text" and not (tint or head or wrapped)
            look = None if usual else self._formats(style, tint, head, wrapped)
            if links and column in links and self._links < _MOST_LINKS and value not in (None, ""):
                self._links += 1
                self._link(number - 1, column, links[column], str(value), look if tint else None)
            else:
                self._write(number - 1, column, value, look)
        for column, note in (notes or {}).items():
            options = {"x_scale": 2.5, "y_scale": 1 + note.count("\n") / 4, "author": "", "font_size": 9}
            self._sheet.write_comment(number - 1, column, _cut(plain(note)), options)

    def filters(self, first: int, last: int, columns: int) -> None:
        """Offer filters over rows ``first`` (the header) to ``last`` of so many columns."""
        self._sheet.autofilter(first - 1, 0, last - 1, columns - 1)

    def paper(self, *, landscape: bool = True, foot: str = "") -> None:
        """Print on A4, as wide as one page; ``foot`` stands under each page, with the page's number."""
        self._sheet.set_paper(_A4)
        if landscape:
            self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)
        if foot:
            self._sheet.set_footer(f"&L{plain(foot).replace('&', '&&')[:_LONGEST_FOOT]}&R第 &P 页 共 &N 页")

    def _link(self, row: int, column: int, place: tuple[str, str], shown: str, look: Format | None) -> None:
        sheet, reference = place
        quoted = valid_name(sheet).replace("'", "''")
        self._sheet.write_url(row, column, f"internal:'{quoted}'!{reference}", look, shown)

    def _write(self, row: int, column: int, value: Any, look: Format | None) -> None:
        if value is None or value == "":
            done = self._sheet.write_blank(row, column, None, look) if look else 0
        elif isinstance(value, str):
            done = self._sheet.write_string(row, column, value, look)
        elif isinstance(value, bool):
            done = self._sheet.write_boolean(row, column, value, look)
        elif isinstance(value, int | float):
            done = self._sheet.write_number(row, column, value, look)
        else:
            done = self._sheet.write_datetime(row, column, value, look)
        if done:
            raise ValueError(f"row {row + 1}, column {column}: no such cell in a spreadsheet, or its row is written already")


def valid_name(name: str) -> str:
    """The name as a sheet may bear it: none of the signs that references use, at most ``LONGEST_NAME`` characters."""
    valid = _short(_FORBIDDEN.sub("_", plain(name).replace("\n", " ")).strip("' "), LONGEST_NAME).rstrip("' ")
    if valid.lower() == "history":  # a name that Excel keeps for itself
        return f"{valid}_"
    return valid or "Sheet"


def _styled(cell: Written) -> tuple[str, Any]:
    """The style of a value, and what is written for it."""
    if isinstance(cell, str):
        return "text", _cut(plain(cell))
    if isinstance(cell, FaultyCell):
        return "text", plain(cell.text) or _NO_RESULT
    if isinstance(cell, Yuan):
        shown = _yuan(cell.fen)
        return "money", float(shown)
    if isinstance(cell, datetime):
        return "datetime", cell.replace(tzinfo=None)
    if isinstance(cell, date):
        return "date", cell
    if isinstance(cell, time):
        return "time", cell
    if isinstance(cell, timedelta):
        return "duration", cell
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) > _EXACT:
        return "text", str(cell)
    return "text", cell


def rows_as_csv(rows: Iterable[Sequence[Written]]) -> str:
    """Rows as text of comma separated values, lines ended by CR LF. A file of them begins with a byte order mark (U+FEFF), by
    which Excel knows UTF-8."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerows([_csv_cell(cell) for cell in row] for row in rows)
    return made.getvalue()


def harmless(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula; negative numbers stay, and so
    does white space of which nothing would be seen but the apostrophe."""
    return f"'{text}" if _FORMULA.match(text) and text.strip() and not _NUMBER.fullmatch(text) else text


def _csv_cell(cell: Written) -> str:
    if isinstance(cell, str):
        return harmless(plain(cell))
    if isinstance(cell, FaultyCell):
        return harmless(_styled(cell)[1])
    if isinstance(cell, Yuan):
        return _yuan(cell.fen)
    if isinstance(cell, bool):
        return "是" if cell else "否"
    return "" if cell is None else str(cell)


def _yuan(fen: Fen) -> str:
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{'-' if fen < 0 else ''}{yuan}.{rest:02d}"


def _cut(text: str) -> str:
    """The text as far as a cell can hold it."""
    if len(text) * 2 <= LONGEST_TEXT or len(text.encode("utf-16-le")) // 2 <= LONGEST_TEXT:
        return text
    return _short(text, LONGEST_TEXT - len(_CUT)) + _CUT


def _short(text: str, most: int) -> str:
    """As much of the text as fits into ``most`` units of UTF-16, without half a character."""
    return text.encode("utf-16-le")[: most * 2].decode("utf-16-le", errors="ignore")
