"""Texts of rows (.csv, .txt): UTF-8, UTF-16 with its mark, GBK and GB18030; parted by comma, tab or semicolon."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO, Final

from core.spreadsheets.cells import CHUNK_ROWS, Format, SheetHead, SpreadsheetRefused
from core.spreadsheets.frames import Raw, encode
from core.spreadsheets.refusals import MOST_COLUMNS, Counts, refused

_DELIMITERS: Final = (",", "\t", ";")
_LOOKED_AT: Final = 200
_LONGEST_FIELD: Final = 1_000_000
_BLOCK: Final = 1024 * 1024
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_KEPT_AS_TEXT: Final = re.compile(r'="([^"]*)"')
"""How programs write a number that is to stay text, e.g. an identity number."""


class DelimitedSource:
    """A text as a workbook of one sheet without a name. All cells are texts; lines count as they are parted, the first is 1."""

    format: Format = "text"
    date_1904 = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._encoding = _encoding(file)
        csv.field_size_limit(_LONGEST_FIELD)
        self._delimiter = self._likely_delimiter()
        self.sheets = (SheetHead(0, "", True, ()),)

    def frames(self, index: int) -> Iterator[bytes]:
        """The rows of the text, whose only sheet is 0."""
        del index
        rows: list[tuple[int, list[Raw]]] = []
        counts = Counts()
        for number, fields in self._records(self._delimiter):
            if not any(fields):
                continue
            if len(fields) > MOST_COLUMNS and any(fields[MOST_COLUMNS:]):
                raise refused("too_many_columns", str(number))
            counts.rows(1, str(number))
            counts.cells(len(fields), str(number))
            rows.append((number, [_text(field) if field.startswith('="') else field for field in fields]))
            if len(rows) == CHUNK_ROWS:
                yield encode(rows)
                rows = []
        if rows:
            yield encode(rows)

    def _records(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, self._encoding, newline="")
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            yield from enumerate(lines, 1)
        except csv.Error as fault:
            raise refused("quotes", str(lines.line_num)) from fault
        finally:
            text.detach()

    def _likely_delimiter(self) -> str:
        """The one by which most of the first lines have equally many fields; of several, the one that parts more."""
        best, delimiter = (0, 0), _DELIMITERS[0]
        for candidate in _DELIMITERS:
            lengths: Counter[int] = Counter()
            try:
                lengths.update(len(fields) for _, fields in islice(self._records(candidate), _LOOKED_AT) if len(fields) > 1)
            except SpreadsheetRefused:
                continue
            width, often = lengths.most_common(1)[0] if lengths else (0, 0)
            if (often, width) > best:
                best, delimiter = (often, width), candidate
        return delimiter


def _text(field: str) -> str:
    found = _KEPT_AS_TEXT.fullmatch(field)
    return found[1] if found else field


def _encoding(file: IO[bytes]) -> str:
    """The encoding by which every byte can be read. Raises ``SpreadsheetRefused`` where there is none, or no text at all."""
    start = file.read(4)
    marked = [encoding for mark, encoding in _MARKS if start.startswith(mark)]
    file.seek(0)
    if "utf-16" not in marked and any(b"\0" in block for block in iter(lambda: file.read(_BLOCK), b"")):
        raise refused("not_a_spreadsheet")
    for encoding in marked or ("utf-8", "gb18030"):
        try:
            return _checked(file, encoding)
        except UnicodeDecodeError:
            continue
    raise refused("encoding")


def _checked(file: IO[bytes], encoding: str) -> str:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in iter(lambda: file.read(_BLOCK), b""):
        decoder.decode(block)
    decoder.decode(b"", True)
    return encoding
