"""What a file is, by its content: names lie."""

from __future__ import annotations

import re
from typing import IO, Final

from core.spreadsheets.packages import Package
from core.spreadsheets.refusals import refused
from core.spreadsheets.sources import Source

_SNIFFED: Final = 4096
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RECORDS: Final = re.compile(rb"\x09[\x00\x02\x04\x08][\x04-\x10]\x00", re.DOTALL)
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe)?\s*(?:<\x00?[!?a-zA-Z]|MIME-Version:)", re.DOTALL)
_OTHERS: Final = (b"%PDF", b"{\\rtf", b"ID;P")


def open_source(file: IO[bytes]) -> Source:
    """The reader that fits the content. Raises ``SpreadsheetRefused`` where none does."""
    start = file.read(_SNIFFED)
    file.seek(0)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packaged(Package(file))
    if start.startswith(_COMPOUND) or _RECORDS.match(start):
        from core.spreadsheets.xls import XlsSource

        return XlsSource(file.read())
    if _MARKUP.match(start):
        raise refused("markup")
    if start.startswith(_OTHERS):
        raise refused("not_a_spreadsheet")
    from core.spreadsheets.delimited import DelimitedSource

    return DelimitedSource(file)


def _packaged(package: Package) -> Source:
    from core.spreadsheets.ods import OdsSource, is_ods
    from core.spreadsheets.xlsx import XlsxSource, xlsx_workbook

    if is_ods(package):
        return OdsSource(package)
    workbook = xlsx_workbook(package)
    if workbook is None:
        raise refused("not_a_spreadsheet")
    if workbook.endswith(".bin"):
        raise refused("unsupported")
    return XlsxSource(package, workbook)
