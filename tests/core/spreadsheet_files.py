"""Spreadsheets made by hand, part by part, as no good program would write them; and short ways to read them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from core.spreadsheets.cells import Cell, SheetRow
from core.spreadsheets.frames import decode
from core.spreadsheets.opening import open_source
from core.spreadsheets.reading import open_spreadsheet
from core.spreadsheets.sources import Source

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_SPACES = " ".join(f'xmlns:{name}="{_OASIS}{name}:1.0"' for name in ("office", "table", "text", "style"))
STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts>'
    '<cellXfs count="5"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="21"/><xf numFmtId="164"/>'
    "</cellXfs></styleSheet>"
)
"""Styles 0 to 4: general, day, day and time, time, duration."""


def package(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip package of the parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return made.getvalue()


def xlsx_parts(
    *rows: str, shared: str = "", date_1904: bool = False, before: str = "", after: str = "", states: tuple[str, ...] = ()
) -> dict[str, str | bytes]:
    """The parts of an .xlsx with a sheet for each text of rows; ``before`` and ``after`` stand around those of each."""
    sheets = "".join(
        f'<sheet name="表{number}" sheetId="{number}" r:id="s{number}"{f" state={states[number - 1]!r}" if states else ""}/>'
        for number in range(1, len(rows) + 1)
    )
    related = "".join(
        f'<Relationship Id="s{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(rows) + 1)
    )
    return {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="a" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{int(date_1904)}"/>'
        f"<sheets>{sheets}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{related}'
        f'<Relationship Id="st" Type="{_OFFICE}/styles" Target="/xl/styles.xml"/>'
        f'<Relationship Id="sh" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{shared}</sst>',
        **{
            f"xl/worksheets/sheet{number}.xml": f'<worksheet xmlns="{_MAIN}">{before}<sheetData>{row}</sheetData>{after}'
            "</worksheet>"
            for number, row in enumerate(rows, 1)
        },
    }


def ods_parts(tables: str, *, styles: str = "") -> dict[str, str | bytes]:
    """The parts of an .ods with these tables."""
    return {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": "<manifest/>",
        "content.xml": f"<office:document-content {_SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
    }


def source_of(data: bytes) -> Source:
    """The reader of the bytes in this process."""
    return open_source(io.BytesIO(data))


def rows_of(data: bytes, index: int = 0) -> list[SheetRow]:
    """The rows of a sheet, read in this process."""
    return [row for frame in source_of(data).frames(index) for row in decode(frame)]


def cells_of(data: bytes, index: int = 0) -> list[list[Cell]]:
    """The cells of each row of a sheet, read in this process."""
    return [row.cells for row in rows_of(data, index)]


def read_apart(path: Path, data: bytes) -> list[SheetRow]:
    """All rows of all sheets, read as the platform does: by a process of its own."""
    path.write_bytes(data)
    with open_spreadsheet(path) as reading:
        return [row for sheet in reading.sheets for chunk in reading.rows(sheet.index) for row in chunk]
