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

from core.beside import ahead
from core.spreadsheets.cells import Format, Merge, SheetHead, SpreadsheetRefused
from core.spreadsheets.frames import Raw, encode, plain
from core.spreadsheets.packages import Package, elements
from core.spreadsheets.refusals import MOST_COLUMNS, MOST_SHEETS, Counts, refused
from core.spreadsheets.sheet_pieces import BLOCK, SheetPieces

_PLAIN_BYTES: Final = 32 * 1024 * 1024
"""So much of the sheets stays unpacked in memory, which is fastest; what comes after is packed again."""
_LITTLE_SHARED: Final = 256 * 1024
"""Styles and shared texts of so many bytes are read again for each piece in no time."""
_AHEAD: Final = 2
"""Pieces that are cut, and as many that are parsed, before they are wanted. Parsed ones take much memory."""
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
    """An .xlsx file. Small sheets are cut at once and stand together in one reduced workbook. A large one is cut and parsed
    while its rows are asked for, each piece in a workbook of its own, where what all pieces share is little."""

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
        shared = {
            f"xl/{kind}.xml": self._related[kind]
            for kind in ("styles", "sharedStrings")
            if kind in self._related and self._related[kind] in package
        }
        self._counts, self._of_sheet = Counts(), dict[int, Counts]()
        self._faults: list[dict[int, dict[int, Raw]]] = []
        self._merges: dict[int, tuple[Merge, ...]] = {}
        little = sum(map(package.size, shared.values())) <= _LITTLE_SHARED
        self._shared = {name: package.read(part) if little else part for name, part in shared.items()}
        self._streamed = {index for index, sheet in enumerate(self._sheets) if little and package.size(sheet.part) > BLOCK}
        self._pieces: dict[int, list[int]] = {index: [] for index in range(len(self._sheets)) if index not in self._streamed}
        for index in self._streamed:
            with package.blocks(self._sheets[index].part, BLOCK) as blocks:
                self._merges[index] = self._cutting(index, blocks).merged_alone()
        self._book = self._workbook(self._cut())
        self.sheets = tuple(
            SheetHead(index, sheet.name, sheet.visible, self._merges[index]) for index, sheet in enumerate(self._sheets)
        )

    def frames(self, index: int) -> Iterator[bytes]:
        """The rows of a sheet, a piece at a time; the next piece is parsed while one is under way."""
        name, last = self._sheets[index].name, 0
        for sheet, faults in self._parsed(index):
            if rows := _rows(sheet, faults, name):
                if rows[0][0] <= last:  # a cell says that it stands in another row than its own
                    raise refused("damaged", name)
                last = rows[-1][0]
                yield encode(rows)

    def _parsed(self, index: int) -> Iterator[tuple[CalamineSheet, dict[int, dict[int, Raw]]]]:
        if index in self._streamed:
            return ahead(self._parsed_while_cut(index), _AHEAD)
        pieces = self._pieces[index]
        parsed = ((self._book.get_sheet_by_index(piece), self._faults[piece]) for piece in pieces)
        return ahead(parsed) if len(pieces) > 1 else parsed

    def _parsed_while_cut(self, index: int) -> Iterator[tuple[CalamineSheet, dict[int, dict[int, Raw]]]]:
        sheet = self._sheets[index]
        with self._package.blocks(sheet.part, BLOCK, whole=False) as blocks:  # counted when they were looked through
            cut = self._cutting(index, blocks)
            # Whoever parses has the interpreter to wait for once a piece: the workbook is put together beside.
            books = ((self._workbook(iter([piece.content])), piece.faults) for piece in cut)
            for book, faults in ahead(books, _AHEAD):
                yield book.get_sheet_by_index(0), faults
        if cut.merges != self._merges[index]:  # what looks like the end of the rows was none
            raise refused("damaged", sheet.name)

    def _cutting(self, index: int, blocks: Iterator[bytes]) -> SheetPieces:
        """A sheet that is to be cut, and counted anew."""
        if index in self._of_sheet:
            self._of_sheet[index].take_back()
        counts = self._of_sheet[index] = self._counts.apart()
        return SheetPieces(blocks, self._sheets[index].name, counts, unreckoned=self._unreckoned)

    def _cut(self) -> Iterator[bytes]:
        """The pieces of all sheets that are not streamed, numbered as they come."""
        for index, own in self._pieces.items():
            part = self._sheets[index].part
            with self._package.blocks(part, BLOCK) as blocks:
                cut = self._cutting(index, blocks)
                for piece in ahead(iter(cut)) if self._package.size(part) > BLOCK else cut:
                    own.append(len(self._faults))
                    self._faults.append(piece.faults)
                    yield piece.content
            self._merges[index] = cut.merges

    def _workbook(self, pieces: Iterator[bytes]) -> CalamineWorkbook:
        """The reduced workbook of these pieces."""
        stream = _Stream(iter(()))
        stream._steps = self._reduced(stream, pieces)
        try:
            return CalamineWorkbook.from_filelike(stream)
        except (CalamineError, OSError) as fault:
            if isinstance(stream.fault, (SpreadsheetRefused, MemoryError)):
                raise stream.fault from fault
            raise refused("damaged") from fault

    def _reduced(self, stream: _Stream, pieces: Iterator[bytes]) -> Iterator[None]:
        """Write the reduced workbook, part by part."""
        written = number = 0
        with zipfile.ZipFile(stream, "w") as made:  # type: ignore[call-overload]  # writes to anything that takes bytes
            made.writestr("_rels/.rels", _relations_part([("officeDocument", "xl/workbook.xml")]))
            for name, shared in self._shared.items():
                if isinstance(shared, bytes):
                    made.writestr(name, shared)
                else:  # many, which would stand in memory three times were they not packed
                    made.writestr(name, self._package.read(shared), zipfile.ZIP_DEFLATED, 1)
                yield
            for number, piece in enumerate(pieces, 1):
                method = zipfile.ZIP_STORED if written < _PLAIN_BYTES else zipfile.ZIP_DEFLATED
                made.writestr(f"xl/{number - 1}.xml", piece, method, 1)
                written += len(piece)
                yield
            numbers = range(number)
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
