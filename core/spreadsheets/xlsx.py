"""Workbooks of Office Open XML (.xlsx, .xlsm): values by calamine, out of a workbook that holds nothing else.

Calamine is never shown the stranger's file. It gets a reduced one: styles, shared texts, and the sheets in pieces
(``sheet_pieces``). Macros, links to other files, data connections, pictures and comments are never opened.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Final, NamedTuple

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from core.spreadsheets.cells import Format, Merge, SheetHead, SpreadsheetRefused
from core.spreadsheets.frames import Raw, encode, plain
from core.spreadsheets.packages import Package, ahead, blocks_of, elements
from core.spreadsheets.refusals import MOST_COLUMNS, MOST_SHEETS, Counts, refused
from core.spreadsheets.sheet_pieces import BLOCK, SheetPieces

_PLAIN_BYTES: Final = 32 * 1024 * 1024
"""So much of the sheets stays unpacked in memory, which is fastest; what comes after is packed again."""
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"


class _Sheet(NamedTuple):
    name: str
    visible: bool
    part: str


class _Stream:
    """The reduced workbook as a file that is made while it is read, so that it stands in memory once."""

    def __init__(self, steps: Iterator[None]) -> None:
        self._steps = steps
        self._made = bytearray()
        self.fault: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Take what the maker of the package writes."""
        self._made += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes; a fault of the maker is kept, since the caller would blur it."""
        try:
            while size < 0 or len(self._made) < size:
                next(self._steps)
        except StopIteration:
            pass
        except BaseException as fault:
            self.fault = fault
            raise OSError from fault
        size = len(self._made) if size < 0 else size
        taken = bytes(self._made[:size])
        del self._made[:size]
        return taken

    def seek(self, *_: int) -> int:
        """A stream goes forward only; calamine asks that the method is there."""
        raise io.UnsupportedOperation


class XlsxSource:
    """An .xlsx file; every byte of its sheets has been looked at once it stands."""

    format: Format = "xlsx"

    def __init__(self, package: Package, workbook: str) -> None:
        top = elements(package.read(workbook))
        if top[0][0] != "workbook":
            raise refused("not_a_spreadsheet")
        self._package = package
        self._related = _relations(package, workbook)
        self.date_1904 = any(name == "workbookPr" and has.get("date1904") in ("1", "true") for name, has in top)
        # Libraries that reckon nothing store nought for every formula, and ask the program that opens the file to reckon.
        self._unreckoned = any(name == "calcPr" and has.get("fullCalcOnLoad") in ("1", "true") for name, has in top)
        self._sheets = [
            _Sheet(plain(has.get("name", "")), has.get("state", "visible") == "visible", target)
            for name, has in top
            if name == "sheet" and (target := self._related.get(f"#{has.get('id')}"))
        ]
        if len(self._sheets) > MOST_SHEETS:
            raise refused("too_many_sheets")
        self._pieces: list[list[int]] = []
        self._faults: list[dict[int, dict[int, Raw]]] = []
        merges: list[tuple[Merge, ...]] = []
        stream = _Stream(iter(()))
        stream._steps = self._reduced(stream, merges)
        try:
            self._book = CalamineWorkbook.from_filelike(stream)
        except (CalamineError, OSError) as fault:
            raise (stream.fault if isinstance(stream.fault, SpreadsheetRefused) else refused("damaged")) from fault
        self.sheets = tuple(
            SheetHead(index, sheet.name, sheet.visible, merged)
            for index, (sheet, merged) in enumerate(zip(self._sheets, merges, strict=True))
        )

    def frames(self, index: int) -> Iterator[bytes]:
        """The rows of a sheet, a piece at a time; the next piece is parsed while one is under way."""
        name = self._sheets[index].name
        for piece, sheet in self._parsed(self._pieces[index]):
            if rows := _rows(sheet, self._faults[piece], name):
                yield encode(rows)

    def _parsed(self, pieces: list[int]) -> Iterator[tuple[int, CalamineSheet]]:
        parsed = ((piece, self._book.get_sheet_by_index(piece)) for piece in pieces)
        return ahead(parsed) if len(pieces) > 1 else parsed

    def _reduced(self, stream: _Stream, merges: list[tuple[Merge, ...]]) -> Iterator[None]:
        """Write the reduced workbook, part by part."""
        counts, written = Counts(), 0
        with zipfile.ZipFile(stream, "w") as made:  # type: ignore[call-overload]  # writes to anything that takes bytes
            made.writestr("_rels/.rels", _relations_part([("officeDocument", "xl/workbook.xml")]))
            for kind in ("styles", "sharedStrings"):
                if kind in self._related and self._related[kind] in self._package:
                    made.writestr(f"xl/{kind}.xml", self._package.read(self._related[kind]), zipfile.ZIP_DEFLATED, 1)
                    yield
            for sheet in self._sheets:
                own: list[int] = []
                with self._package.open(sheet.part) as part:
                    blocks, large = blocks_of(part, BLOCK)
                    cut = SheetPieces(blocks, sheet.name, counts, unreckoned=self._unreckoned)
                    for piece in ahead(iter(cut)) if large else cut:
                        own.append(len(self._faults))
                        self._faults.append(piece.faults)
                        method = zipfile.ZIP_STORED if written < _PLAIN_BYTES else zipfile.ZIP_DEFLATED
                        made.writestr(f"xl/{own[-1]}.xml", piece.content, method, 1)
                        written += len(piece.content)
                        yield
                merges.append(cut.merges)
                self._pieces.append(own)
            numbers = range(len(self._faults))
            parts = [("styles", "styles.xml"), ("sharedStrings", "sharedStrings.xml")]
            made.writestr(
                "xl/_rels/workbook.xml.rels",
                _relations_part([*(("worksheet", f"{number}.xml") for number in numbers), *parts]),
            )
            listed = "".join(f'<sheet name="{number}" sheetId="{number + 1}" r:id="r{number}"/>' for number in numbers)
            made.writestr(
                "xl/workbook.xml",
                f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(self.date_1904)}"/>'
                f"<sheets>{listed}</sheets></workbook>",
            )


def xlsx_workbook(package: Package) -> str | None:
    """The part that is the workbook, where the package is one of Office Open XML."""
    if "_rels/.rels" not in package:
        return None
    for name, has in elements(package.read("_rels/.rels")):
        if name == "Relationship" and has.get("Type", "").endswith("/officeDocument"):
            return posixpath.normpath(has.get("Target", "").lstrip("/"))
    return None


def _relations(package: Package, workbook: str) -> dict[str, str]:
    """What the workbook is made of: its sheets of cells by ``#id``, other parts by kind."""
    folder, name = posixpath.split(workbook)
    found: dict[str, str] = {}
    for element, has in elements(package.read(posixpath.join(folder, "_rels", f"{name}.rels"))):
        if element != "Relationship" or has.get("TargetMode") == "External":
            continue
        target = has.get("Target", "").replace("\\", "/")
        target = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        kind = has.get("Type", "").rpartition("/")[2]
        found[f"#{has.get('Id')}" if kind == "worksheet" else kind] = target
    return found


def _relations_part(parts: list[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(parts)
    )
    return f'<Relationships xmlns="{_RELATIONS}">{listed}</Relationships>'


def _rows(sheet: CalamineSheet, faults: dict[int, dict[int, Raw]], where: str) -> list[tuple[int, list[Raw]]]:
    """The rows of a piece, from column A on, with the faulty cells in their places."""
    if sheet.start is None or sheet.end is None:
        return []
    (top, left), (_, right) = sheet.start, sheet.end
    if right >= MOST_COLUMNS:
        raise refused("too_many_columns", where)
    margin: list[Raw] = [None] * left
    table: list[list[Raw]] = sheet.to_python()
    if margin:
        table = [margin + cells for cells in table]
    for number, faulty in faults.items():
        if top < number <= top + len(table):
            for column, fault in faulty.items():
                table[number - top - 1][column] = fault
    return list(enumerate(table, top + 1))
