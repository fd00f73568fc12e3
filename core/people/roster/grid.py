"""The beginning of a sheet as cells by place, merged ranges filled: what headers and forms are looked for in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from core.people.roster.headings import UNKNOWN, Meaning, meaning_of
from core.people.roster.identity import IdentityReader
from core.people.roster.problems import Fault
from core.spreadsheets.cells import Cell, Merge, SheetRow

MOST_HEADER_ROWS: Final = 40
LONGEST_HEADING: Final = 40


class Grid:
    """Rows of a sheet by number; a merged range has its value wherever it is asked for. ``left`` is the first column of a
    form that stands beside another one."""

    def __init__(self, rows: Sequence[SheetRow], merges: Sequence[Merge], *, upto: int, left: int = 0) -> None:
        self.left = left
        self.rows = rows
        self.cells: dict[int, list[Cell]] = {row.number: row.cells for row in rows}
        self.numbers = [row.number for row in rows]
        self.width = max((len(row.cells) for row in rows[:upto]), default=0)
        self._anchors: dict[tuple[int, int], Merge] = {}
        looked_at = self.numbers[:upto]
        room = len(looked_at) * self.width
        for merge in merges:
            columns = range(merge.left, min(merge.right + 1, self.width))
            for row in looked_at[bisect_left(looked_at, merge.top) : bisect_right(looked_at, merge.bottom)]:
                room -= len(columns)
                if room < 0:  # ranges that overlap, which no program writes
                    return
                self._anchors.update(dict.fromkeys(((row, column) for column in columns), merge))

    def raw(self, row: int, column: int) -> Cell:
        """The cell as it stands."""
        cells = self.cells.get(row, ())
        return cells[column] if column < len(cells) else None

    def merge(self, row: int, column: int) -> Merge | None:
        """The merged range that a cell lies in."""
        return self._anchors.get((row, column))

    def at(self, row: int, column: int) -> Cell:
        """The cell, or the value of the merged range that it lies in."""
        merge = self._anchors.get((row, column))
        return self.raw(merge.top, merge.left) if merge else self.raw(row, column)

    def after(self, row: int, column: int) -> int:
        """The first column to the right that is not part of the same merged range."""
        merge = self._anchors.get((row, column))
        return merge.right + 1 if merge else column + 1

    def below(self, row: int, column: int) -> int:
        """The first row underneath that is not part of the same merged range."""
        merge = self._anchors.get((row, column))
        return merge.bottom + 1 if merge else row + 1

    @property
    def merged(self) -> bool:
        """Whether there are merged ranges at all."""
        return bool(self._anchors)


def heading_text(cell: Cell) -> str:
    """The text of a cell that may be a heading; empty for what cannot be one."""
    return cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST_HEADING else ""


def label(cell: Cell) -> Meaning:
    """What a cell means as a heading by itself."""
    text = heading_text(cell)
    return meaning_of((text,)) if text else UNKNOWN


def label_of_inline(cell: str) -> str:
    """The label of a cell that holds label and value, ``姓名：某某``; empty for any other."""
    before, colon, after = cell.replace("：", ":").partition(":")
    return before.strip() if colon and after.strip() and len(before) <= LONGEST_HEADING else ""


def value_of_inline(cell: Cell, heading: str) -> Cell:
    """The value of such a cell; any other cell as it is."""
    if not isinstance(cell, str) or not heading or label_of_inline(cell) != heading:
        return cell
    return cell.replace("：", ":", 1).partition(":")[2].strip()


def is_identity(cell: Cell, reader: IdentityReader) -> bool:
    """Whether a cell holds an identity number, sound or spoilt by the spreadsheet program."""
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        return 10**16 <= abs(cell) < 10**18
    read = reader(cell) if isinstance(cell, str) and 15 <= len(cell.strip()) <= 24 else None
    return read is not None and (not isinstance(read, Fault) or read.kind == "identity_check_digit")
