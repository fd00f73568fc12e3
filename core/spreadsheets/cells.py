"""What the reader of spreadsheets gives: sheets, rows and cells as plain values, whatever the file was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import zip_longest
from typing import Final, Literal, NamedTuple, Protocol, Self, TypeAlias, overload

from core.errors import InvalidInput

CHUNK_ROWS: Final = 2_000
"""At most so many rows come at once."""

Format: TypeAlias = Literal["xlsx", "xls", "ods", "text"]


class FaultyCell(NamedTuple):
    """A cell without a value: ``error`` is an error value of the spreadsheet (``text`` is what it shows, "#N/A"),
    ``no_value`` a formula whose result was never stored (``text`` is empty). It is never 0 and never blank."""

    fault: Literal["error", "no_value"]
    text: str


Cell: TypeAlias = str | int | float | bool | date | datetime | time | timedelta | FaultyCell | None
"""A value as it stands in the file: ``None`` for a blank cell and for text of which nothing can be seen. A ``datetime`` is a
``date`` too (the type of Python): ask for it first. Cells styled as dates come as dates in both epochs; unstyled numbers stay
numbers."""


class SheetRow(NamedTuple):
    """A row that is not blank: its number as the spreadsheet program shows it (from 1), its cells from column A on.
    Blank cells at its end may be left out."""

    number: int
    cells: list[Cell]


_CODES: Final = bytes(range(256))


class CodedCells(Sequence[Cell]):
    """The cells of a column that says few things often: what it says, and of each cell which of these. Raises ``ValueError``
    for a code that is none."""

    __slots__ = ("codes", "said")

    def __init__(self, said: Sequence[Cell], codes: bytes) -> None:
        if codes.translate(None, _CODES[: len(said)]):
            raise ValueError("a code without a value")
        self.said = said
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, place: int) -> Cell: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Cell]: ...
    def __getitem__(self, place: int | slice) -> Cell | Sequence[Cell]:
        if isinstance(place, slice):
            return CodedCells(self.said, self.codes[place])
        return self.said[self.codes[place]]

    def __iter__(self) -> Iterator[Cell]:
        return map(self.said.__getitem__, self.codes)


class Chunk(Sequence[SheetRow]):
    """Rows of a sheet that lie by columns: whoever reads a table takes the columns, others see rows."""

    def __init__(self, numbers: Sequence[int], columns: Sequence[Sequence[Cell]], widths: Sequence[int] | None = None) -> None:
        self.numbers = numbers
        self.columns = columns
        self._widths = widths

    @classmethod
    def of(cls, rows: Sequence[SheetRow]) -> Chunk:
        """Rows as a chunk."""
        if isinstance(rows, Chunk):
            return rows
        return cls(
            [row.number for row in rows], list(zip_longest(*(row.cells for row in rows))), [len(row.cells) for row in rows]
        )

    def column(self, index: int) -> Sequence[Cell]:
        """The cells of a column, of any that there may be."""
        return self.columns[index] if index < len(self.columns) else CodedCells((None,), bytes(len(self)))

    @cached_property
    def _rows(self) -> list[SheetRow]:
        table = map(list, zip(*self.columns, strict=True))
        if self._widths is None:
            return list(map(SheetRow, self.numbers, table))
        return [SheetRow(number, cells[:width]) for number, cells, width in zip(self.numbers, table, self._widths, strict=True)]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> SheetRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[SheetRow]: ...
    def __getitem__(self, place: int | slice) -> SheetRow | Sequence[SheetRow]:
        return self._rows[place]

    def __iter__(self) -> Iterator[SheetRow]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        return self._rows == (other._rows if isinstance(other, Chunk) else other)


class Merge(NamedTuple):
    """A merged range, ends included: rows from 1 as the program shows them, columns from 0. Its value stands in its top
    left cell; the other cells are blank."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class SheetHead:
    """A sheet of the file. Hidden sheets are data like others: ``visible`` only tells."""

    index: int
    name: str
    visible: bool
    merges: tuple[Merge, ...]


class SpreadsheetRefused(InvalidInput):
    """The file cannot or must not be read; ``kind`` is a stable short code (the decision record lists them)."""

    def __init__(
        self, kind: str, zh: str, en: str, *, where: str | None = None, mend_zh: str | None = None, mend_en: str | None = None
    ) -> None:
        super().__init__(zh, en, where=where, mend_zh=mend_zh, mend_en=mend_en)
        self.kind = kind


class Reading(Protocol):
    """A file that is open for reading; leave it by ``with``, so that the process that parses it ends."""

    @property
    def file_name(self) -> str:
        """The name without folders."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes in hexadecimal."""

    @property
    def format(self) -> Format:
        """What the bytes are, whatever the name says; ``text`` is .csv and .txt."""

    @property
    def misnamed(self) -> bool:
        """Whether the name's ending belongs to another format than the content."""

    @property
    def date_1904(self) -> bool:
        """Whether the workbook counts its days from 1904: serials that stand as plain numbers mean other days then."""

    @property
    def sheets(self) -> tuple[SheetHead, ...]:
        """All sheets of cells in the file's order, hidden ones too."""

    def rows(self, index: int) -> Iterator[Sequence[SheetRow]]:
        """The rows of a sheet in order, in chunks of at most ``CHUNK_ROWS``; may be asked again, for any sheet. Raises
        ``SpreadsheetRefused`` where the sheet turns out to be unreadable, even after some chunks."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
