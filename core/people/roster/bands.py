"""Forms that stand side by side in a sheet: the columns of each, so that each is read as if it stood alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.people.roster.forms import FEWEST, Label, introduced, labels_of
from core.people.roster.grid import Grid, label, label_of_inline
from core.people.roster.tables import Remembered
from core.spreadsheets.cells import Merge, SheetRow

Rows = Sequence[SheetRow]


def lefts_of(grid: Grid, remembered: Remembered) -> tuple[int, ...]:
    """The first column of each form that stands beside others, 0 being the first; 0 alone where none does.

    A further form begins at a label of a name where nothing is torn apart: no label from its value, no merged range that holds
    either; where both sides tell whom they speak of, and no word (配偶) says that the further name is another's; and where
    nothing stands above the further name that does not stand above the first, for it would be the first form's.
    """
    if len(set(_columns_of_names(grid))) < 2:
        return (0,)
    found = list(labels_of(grid, grid.numbers, set(), remembered))
    names = sorted({one.column for one in found if one.code == "name"})
    if len(names) < 2:
        return (0,)
    offset = names[0] - min(one.column for one in found)
    lefts = [0]
    for name in names[1:]:
        if name - offset > lefts[-1] and _stand_apart(grid, found, lefts[-1], name - offset):
            lefts.append(name - offset)
    return tuple(lefts)


def banded(rows: Rows, merges: Sequence[Merge], lefts: Sequence[int]) -> Iterator[tuple[int, Rows, Sequence[Merge]]]:
    """Each band of columns that begins at one of ``lefts``, with its rows and merged ranges; cells stay where they stand."""
    if len(lefts) == 1:
        yield lefts[0], rows, merges
        return
    width = max((len(row.cells) for row in rows), default=0)
    for left, end in zip(lefts, (*lefts[1:], width), strict=True):
        own = (SheetRow(row.number, [None] * left + row.cells[left:end]) for row in rows)
        clipped = [
            Merge(merge.top, max(merge.left, left), merge.bottom, min(merge.right, end - 1))
            for merge in merges
            if merge.left < end and merge.right >= left
        ]
        yield left, [row for row in own if any(cell is not None for cell in row.cells)], clipped


def _columns_of_names(grid: Grid) -> Iterator[int]:
    """Columns in which the label of a name stands; a quick look, for most sheets have one."""
    for row in grid.rows:
        for column, cell in enumerate(row.cells):
            if isinstance(cell, str) and "name" in (_code(cell), _code(label_of_inline(cell))):
                yield column


def _code(text: str) -> str:
    return (label(text).target or "").removeprefix("head:")


def _stand_apart(grid: Grid, found: Sequence[Label], left: int, cut: int) -> bool:
    """Whether what begins at ``left`` and what begins at ``cut`` are forms by themselves."""
    own = [one for one in found if left <= one.column < cut]
    other = [one for one in found if one.column >= cut]
    torn = any(
        grid.after(row, column) > cut or (column >= cut) != (one.column >= cut)
        for one in own
        for row, column in filter(None, ((one.row, one.column), one.place))
    ) or any(one.place is not None and one.place[1] < cut for one in other)
    if torn or not (_is_whole(own) and _is_whole(other)):
        return False
    first = min((one for one in other if one.code == "name"), key=lambda one: (one.column, one.row))
    return not introduced(grid, first.row, first.column) and _above_name(other) <= _above_name(own)


def _is_whole(labels: Sequence[Label]) -> bool:
    codes = {one.code for one in labels}
    return "name" in codes and ("identity_number" in codes or len(codes) >= FEWEST)


def _above_name(labels: Sequence[Label]) -> set[str]:
    name = min(one.row for one in labels if one.code == "name")
    return {one.code for one in labels if one.row < name}
