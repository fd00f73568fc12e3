"""The XML of one .xlsx sheet, cut into pieces that can be parsed one after another.

A parser that builds a dense range would take gigabytes for a million rows that only have a style, or for two values in
opposite corners. So blank rows are left out here, and each piece spans few enough rows to be dense. Cells whose value the
parser would lose (error values, formulas without a stored result) are noted on the way. The bytes are looked at by search
for what matters; a cell's content is left to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from core.spreadsheets.cells import CHUNK_ROWS, Merge
from core.spreadsheets.frames import NO_VALUE, Raw, error
from core.spreadsheets.packages import without_declarations
from core.spreadsheets.refusals import MOST_COLUMNS, Counts, refused

BLOCK: Final = 4 * 1024 * 1024
"""Bytes of a sheet that are looked at together."""
_LONGEST_ROW: Final = 4 * BLOCK
_LONGEST_HEAD: Final = 2 * BLOCK
_SPAN: Final = 2 * CHUNK_ROWS
"""Rows from the first of a piece to its last: of few columns or 702, the parser makes a cell for each."""
_LAST_ROW: Final = 1_048_576

_DATA = re.compile(rb"<(?:(\w+):)?sheetData\b[^<>]*?(/?)>")
_ORDINARY = re.compile(rb"""<row r="(\d{1,7})"(?:\s[^>]*[^>/])?><c r="[^>]*[^>/]><(?:[vf]|is)""")
"""A row with its number, a reference at its first cell and a value in it, as most rows of most programs are."""
_FILLED = re.compile(rb"<(?:[vf]|is)")
_ROW = re.compile(rb"""<row\b[^>]*?\sr=["'](\d{1,10})["']""")
_TAG = re.compile(rb"<c\b([^<>]*?)(/?)>")
_BLANK = re.compile(rb"<c\b[^<>]*/>")
_REFERENCE = re.compile(rb"""\br=["']([A-Z]{1,8})(\d{1,10})["']""")
_OWN_REFERENCE = re.compile(rb"""\sr=["'][A-Z0-9]*["']""")
_ERROR_TYPE = re.compile(rb"""\st=["']e["']""")
_TEXT_TYPE = re.compile(rb"""\st=["'](?:str|inlineStr)["']""")
_VALUE = re.compile(rb"<v\b[^<>]*>([^<]*)</v>")
_NO_RESULT = re.compile(rb"<f(?:\s[^<>]*)?(?:/>|>[^<]*</f>)\s*+(?:<v\s*/>|<v(?:\s[^<>]*)?>\s*</v>)?\s*</c>")
_NOUGHT = re.compile(rb"<f(?:\s[^<>]*)?(?:/>|>[^<]*</f>)\s*<v(?:\s[^<>]*)?>\s*[+-]?0(?:\.0*)?\s*</v>\s*</c>")
_OTHER_TYPE = re.compile(rb"""\st=["'](?!n["'])""")
_ESCAPED = re.compile(rb"<v(?:\s[^<>]*)?>[^<&]*&")
_UNPARSED = re.compile(rb"<v(?:\s[^<>]*)?>[^<]*<!\[")
_MERGE = re.compile(rb"""<(?:\w+:)?mergeCell\s[^<>]*?\bref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']""")

_VALUE_PART = rb"""(?:<f>[^<]*+</f>)?+<v>[^<]*+</v>|<is><t(?: xml:space="preserve")?+>[^<]*+</t></is>"""
_TEXT_CELL = rb""" t="inlineStr"><is><t>[^<]*+</t></is></c>"""
_STYLED = rb"""(?: s="[^"]*+")?+(?: t="(?!e")[^"]*+")?+"""
_CELL = rb"""<c r="%%s"(?:%s|%s(?:>(?:%s)</c>|/>))""" % (_TEXT_CELL, _STYLED, _VALUE_PART)
_ATTRIBUTES = rb"""(?: [\w:]++="[^"]*+")*+"""
_ORDERLY: Final = re.compile(rb"""(?:(?:^|</row>)<row%s>(?:%s)*+)*+""" % (_ATTRIBUTES, _CELL % rb"""[^"]*+"""))
"""Rows without errors, of which each element ends as it began."""
_NEAR = rb"[A-Z]{1,2}+\1"
_FILLED_CELL = rb"""<c r="%s"(?:%s|%s>(?:%s)</c>)""" % (_NEAR, _TEXT_CELL, _STYLED, _VALUE_PART)
_PLAIN: Final = re.compile(
    rb"""(?:<row r="([0-9]{1,7}+)"%s>(?:<c r="%s"%s/>)*+%s(?:%s)*+</row>)++"""
    % (_ATTRIBUTES, _NEAR, _STYLED, _FILLED_CELL, _CELL % _NEAR)
)
"""Orderly rows that stand with their numbers, each with a value, each cell with its reference in that row and none far to the
right: they need no look at one after the other."""
_NUMBERED: Final = re.compile(rb"""<row r="([0-9]++)\"""")

_HEAD: Final = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
_HEAD_OF_ORDERLY: Final = _HEAD.replace(b"<sheetData>", b"<mergeCells></mergeCells><sheetData>")
"""Calamine goes through a sheet a second time for merged ranges, and refuses elements that do not end as they began on its way.
Where they do, an empty list in front spares it the way, half of its time."""
_TAIL: Final = b"</row></sheetData></worksheet>"


class Piece(NamedTuple):
    """A sheet of its own, as XML, of some rows; the faulty cells in it by row (from 1) and column (from 0)."""

    content: bytes
    faults: dict[int, dict[int, Raw]]


def column_number(letters: str) -> int:
    """The column from 0 for its letters: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(column: int) -> str:
    """The letters of a column from 0."""
    letters, rest = "", column + 1
    while rest:
        rest, place = divmod(rest - 1, 26)
        letters = chr(65 + place) + letters
    return letters


class SheetPieces:
    """One sheet while it is cut, out of ``blocks`` of its bytes; ``merges`` is complete when all pieces have been taken. In a
    workbook that was ``unreckoned`` when it was written, nought is no result of a formula."""

    def __init__(self, blocks: Iterator[bytes], name: str, counts: Counts, *, unreckoned: bool = False) -> None:
        self._blocks = blocks
        self._name = name
        self._counts = counts
        self._unreckoned = unreckoned
        self._rows: list[bytes] = []
        self._first = 0
        self._number = 0
        self._prefix = b""
        self.merges: tuple[Merge, ...] = ()

    def __iter__(self) -> Iterator[Piece]:
        buffer, empty = self._head()
        closing = b"</" + self._prefix + b"row>"
        end = b"</" + self._prefix + b"sheetData"
        while not empty:
            buffer, known = _without_comments(buffer)
            finish = buffer.find(end, 0, known)
            cut = buffer.rfind(closing, 0, finish if finish >= 0 else known)
            if cut >= 0:
                cut += len(closing)
                yield from self._taken(buffer[:cut])
                buffer = buffer[cut:]
            if finish >= 0:
                break
            if cut < 0:  # rows without cells close themselves: only the last one may still be open
                buffer = buffer[max(buffer.rfind(b"<" + self._prefix + b"row"), 0) :]
            if len(buffer) > _LONGEST_ROW:
                raise refused("damaged", self._name)
            block = next(self._blocks, b"")
            if not block:
                raise refused("damaged", self._name)
            buffer += block
        if self._rows:
            yield self._piece()
        self.merges = self._merged(buffer)

    def merged_alone(self) -> tuple[Merge, ...]:
        """The merged ranges alone, of a sheet whose rows are not wanted yet: rows are understood by what stands behind them."""
        rows, empty = self._head()
        end = b"</" + self._prefix + b"sheetData"
        while not empty and (found := rows.find(end)) < 0:
            block = next(self._blocks, b"")
            if not block:
                raise refused("damaged", self._name)
            rows = rows[-len(end) :] + block
        return self._merged(rows if empty else rows[found:])

    def _head(self) -> tuple[bytes, bool]:
        """What follows the start of the rows, and whether there is none."""
        buffer = b""
        while not (found := _DATA.search(buffer)):
            block = next(self._blocks, b"")
            if not block or len(buffer) > _LONGEST_HEAD:
                without_declarations(buffer)
                raise refused("damaged", self._name)
            buffer += block
        without_declarations(buffer[: found.end()])
        self._prefix = found[1] + b":" if found[1] else b""
        return buffer[found.end() :], bool(found[2])

    def _taken(self, segment: bytes) -> Iterator[Piece]:
        """Take whole rows; a piece whenever one is full."""
        if self._prefix:
            segment = segment.replace(b"<" + self._prefix, b"<").replace(b"</" + self._prefix, b"</")
        if not self._prefix and _PLAIN.fullmatch(segment):
            rows = list(_NUMBERED.finditer(segment))
            first, behind = int(rows[0][1]), int(rows[0][1]) + len(rows)
            if self._number < first and behind <= _LAST_ROW + 1 and [int(row[1]) for row in rows] == list(range(first, behind)):
                yield from self._as_they_are(segment, [row.start() for row in rows])
                self._number = behind - 1
                return
        for part in segment.split(b"</row>")[:-1]:
            before, row = self._number, part
            if ordinary := _ORDINARY.match(part):
                self._number = int(ordinary[1])
            else:
                # a row that closed itself may stand before the one that holds cells
                start = 0 if part.startswith(b"<row") and part[part.find(b">") - 1] != 47 else part.rfind(b"<row")
                if start < 0:
                    raise refused("damaged", self._name)
                row = self._numbered(part, start)
            if self._number <= before or self._number > _LAST_ROW:
                raise refused("damaged", self._name)
            if not ordinary and not _FILLED.search(row):
                continue
            if self._rows and (len(self._rows) == CHUNK_ROWS or self._number - self._first >= _SPAN):
                yield self._piece()
            if not self._rows:
                self._first = self._number
            last = row.rfind(b"<c ")
            if not ordinary or not row.startswith(b'<c r="', last) or row[last + 6 : last + 9].isalpha():
                row = self._referenced(row)
            self._rows.append(row)

    def _as_they_are(self, segment: bytes, starts: list[int]) -> Iterator[Piece]:
        """Pieces of plain rows, one number after the other, that begin at ``starts``."""
        if self._rows:
            yield self._piece()
        for chunk in range(0, len(starts), CHUNK_ROWS):
            ends = [*starts[chunk + CHUNK_ROWS : chunk + CHUNK_ROWS + 1], len(segment)]
            content = segment[starts[chunk] : ends[0] - len(b"</row>")]
            yield self._piece_of(content, len(starts[chunk : chunk + CHUNK_ROWS]), orderly=True)

    def _numbered(self, part: bytes, start: int) -> bytes:
        """The row with its number, which some programs leave out."""
        if part.startswith(b'<row r="', start):
            close = part.find(b'"', start + 8)
            digits = part[start + 8 : close]
            if not digits.isdigit() or len(digits) > 7:
                raise refused("damaged", self._name)
            self._number = int(digits)
            return part[start:]
        if found := _ROW.match(part, start):
            self._number = int(found[1])
            return part[start:]
        self._number += part.count(b"<row")
        return b'<row r="%d"' % self._number + part[start + 4 :]

    def _referenced(self, row: bytes) -> bytes:
        """The row with a reference at each cell, and without blank cells far to the right."""
        last = row.rfind(b"<c ")
        if not (row.startswith(b'<c r="', row.find(b"<c")) and row.startswith(b'<c r="', last)):
            row = self._with_references(row)
            last = row.rfind(b"<c ")
        if row[last + 6 : last + 9].isalpha():
            row = _BLANK.sub(b"", row)
            last = row.rfind(b"<c ")
            if row[last + 6 : last + 9].isalpha():
                raise refused("too_many_columns", f"{self._name} / {self._number}")
        return row

    def _with_references(self, row: bytes) -> bytes:
        column = -1

        def tag(found: re.Match[bytes]) -> bytes:
            nonlocal column
            known = _REFERENCE.search(found[1])
            column = column_number(known[1].decode()) if known else column + 1
            if column > MOST_COLUMNS * 26:
                raise refused("damaged", self._name)
            others = _OWN_REFERENCE.sub(b"", found[1])
            return b'<c r="%s%d"%s%s>' % (column_letters(column).encode(), self._number, others, found[2])

        return _TAG.sub(tag, row)

    def _piece(self) -> Piece:
        content, rows = b"</row>".join(self._rows), len(self._rows)
        self._rows = []
        return self._piece_of(content, rows, orderly=_ORDERLY.fullmatch(content) is not None)

    def _piece_of(self, content: bytes, rows: int, *, orderly: bool) -> Piece:
        self._counts.rows(rows, self._name)
        self._counts.cells(content.count(b"<v") or content.count(b"<is"), self._name)
        content, faults = _faults_marked(content, unreckoned=self._unreckoned, errors=not orderly)
        return Piece((_HEAD_OF_ORDERLY if orderly else _HEAD) + content + _TAIL, faults)

    def _merged(self, buffer: bytes) -> tuple[Merge, ...]:
        """The merged ranges that stand behind the rows."""
        tail = [buffer]
        for block in self._blocks:
            tail.append(block)
            if len(tail) * BLOCK > _LONGEST_HEAD * 16:
                raise refused("damaged", self._name)
        found = [
            Merge(int(top), column_number(left.decode()), int(bottom), column_number(right.decode()))
            for left, top, right, bottom in _MERGE.findall(_without_comments(b"".join(tail))[0])
        ]
        self._counts.merges(len(found), self._name)
        return tuple(found)


def _without_comments(buffer: bytes) -> tuple[bytes, int]:
    """The bytes without comments, and how far they go before one that has not ended yet."""
    if b"!" not in buffer or b"<!--" not in buffer:  # one byte is looked for ten times as fast
        return buffer, len(buffer)
    parts, done = [], 0
    while (begun := buffer.find(b"<!--", done)) >= 0 and (ended := buffer.find(b"-->", begun + 4)) >= 0:
        parts.append(buffer[done:begun])
        done = ended + 3
    buffer = b"".join([*parts, buffer[done:]])
    begun = buffer.find(b"<!--")
    return buffer, begun if begun >= 0 else len(buffer)


def _faults_marked(content: bytes, *, unreckoned: bool, errors: bool) -> tuple[bytes, dict[int, dict[int, Raw]]]:
    """Rows in which a plain text holds the place of each faulty cell, and what stands there in truth; ``errors`` says whether
    some may show errors.

    The parser knows not every error value and would refuse the sheet, and it leaves rows out that hold nothing else.
    """
    marks: list[tuple[int, int, Raw]] = []
    if errors and (b'"e"' in content or b"'e'" in content):
        for found in _ERROR_TYPE.finditer(content):
            start, end = content.rfind(b"<c", 0, found.start()), content.find(b"</c>", found.end())
            closed = content[content.find(b">", found.end()) - 1] == 47  # a cell without an error, or anything, in it
            if start >= 0 and end >= 0 and not closed and b">" not in content[start : found.start()]:
                shown = _VALUE.search(content, start, end)
                marks.append((start, end + 4, error(shown[1].decode(errors="replace") if shown else "")))
    if b"&" in content and any(
        not _TEXT_TYPE.search(content, content.rfind(b"<c", 0, found.start()), found.start())
        for found in _ESCAPED.finditer(content)
    ):
        raise refused("damaged")  # a number with a reference of XML in it, of which the parser makes a blank
    if errors and b"!" in content and b"<![" in content and (b"<f" in content or _UNPARSED.search(content)):
        raise refused("damaged")  # what looks like a formula may be none, and the parser makes a blank of such a value
    if b"f" in content and b"<f" in content:
        for found in _NO_RESULT.finditer(content):
            start = content.rfind(b"<c", 0, found.start())
            tag = content[start : content.find(b">", start)]
            if _ERROR_TYPE.search(tag) or (_TEXT_TYPE.search(tag) and b"<v" in found[0]):
                continue  # an error is noted above, and a formula may well result in an empty text
            marks.append((start, found.end(), NO_VALUE))
        for found in _NOUGHT.finditer(content) if unreckoned else ():
            start = content.rfind(b"<c", 0, found.start())
            if not _OTHER_TYPE.search(content[start : content.find(b">", start)]):
                marks.append((start, found.end(), NO_VALUE))
    faults: dict[int, dict[int, Raw]] = {}
    parts, done = [], 0
    for start, end, fault in sorted(marks, key=lambda mark: mark[0]):
        place = _REFERENCE.search(content, start, end)
        if not place or start < done:
            raise refused("damaged")
        faults.setdefault(int(place[2]), {})[column_number(place[1].decode())] = fault
        parts += [content[done:start], b'<c r="%s%s" t="str"><v>!</v></c>' % (place[1], place[2])]
        done = end
    return (b"".join([*parts, content[done:]]) if parts else content), faults
