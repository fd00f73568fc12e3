"""Forms that stand in one sheet, households one under another and side by side: where each begins, and what each holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from core.people.roster.bands import Rows, banded, lefts_of
from core.people.roster.forms import FEWEST, Label, introduced, is_form, labels_of, tables, understand_part
from core.people.roster.grid import Grid
from core.people.roster.tables import Header, Remembered, find_header
from core.people.roster.understanding import ColumnUnderstanding, SheetUnderstanding
from core.spreadsheets.cells import Merge, SheetHead

LONGEST_FORM: Final = 120
"""Rows of one form at most; a longer sheet holds several, or none."""
MOST_ROWS: Final = 20_000
"""Rows of a sheet of forms at most: a thousand households and more."""
_MOST_CELLS: Final = 300_000
"""Cells of such a sheet, blank ones counted: each of them is asked whether it is a label."""


def understand_forms(
    head: SheetHead, rows: Rows, every: Callable[[], Rows], header: Header | None, remembered: Remembered
) -> SheetUnderstanding | None:
    """The layout of a sheet of one form, or of several one under another; None where it is neither. ``rows`` are its first,
    ``every`` gives all; ``header`` is the best header of a table, if any."""
    first = rows[:LONGEST_FORM]
    lefts = _lefts(first, head.merges, header, remembered)
    if not lefts:
        return None
    rows = every()
    whole = Grid(rows, head.merges, upto=len(rows))
    if len(rows) > MOST_ROWS or len(rows) * whole.width > _MOST_CELLS:
        return None
    grids: list[Grid] = []
    for left, own, merges in banded(rows, head.merges, lefts):
        tops = _tops(Grid(own, merges, upto=len(own)), remembered) if own else []
        grids += _cut(own, merges, tops, left)
    if any(len(grid.numbers) > LONGEST_FORM for grid in grids):
        return None
    parts = [understand_part(head, grid, remembered) for grid in grids]
    return replace(parts[0], columns=_together(parts), forms=tuple((grid.numbers[0], grid.left) for grid in grids))


def _lefts(first: Rows, merges: Sequence[Merge], header: Header | None, remembered: Remembered) -> Sequence[int]:
    """The first columns of the forms that the first rows of a sheet hold; none where they are no forms."""
    grid = Grid(first, merges, upto=len(first))
    lefts = lefts_of(grid, remembered)
    if len(lefts) > 1:
        bands = [Grid(own, clipped, upto=len(own)) for _, own, clipped in banded(first, merges, lefts) if own]
        if any(is_form(band, find_header(band, remembered), remembered) for band in bands):
            return lefts
    return (0,) if is_form(grid, header, remembered) else ()


def forms_of(sheet: SheetUnderstanding, head: SheetHead, rows: Rows) -> Iterator[tuple[SheetUnderstanding, Grid]]:
    """The forms of a sheet that was understood, each by itself with its rows."""
    if not rows:
        return
    said = {column.key: (column.field or "").rpartition(":")[2] or None for column in sheet.columns if _is_said(column)}
    said |= {column.key: column.field for column in sheet.columns if _is_said(column) and column.row}
    forms = sheet.forms or ((rows[0].number, 0),)
    for left, own, merges in banded(rows, head.merges, sorted({left for _, left in forms})):
        for grid in _cut(own, merges, [top for top, at in forms if at == left], left):
            yield replace(understand_part(head, grid, said), name=sheet.name), grid


def _is_said(column: ColumnUnderstanding) -> bool:
    return column.how in ("remembered", "left")


def _together(parts: Sequence[SheetUnderstanding]) -> tuple[ColumnUnderstanding, ...]:
    """The labels of all forms, each once; without a letter where it does not stand in the same column everywhere."""
    found: dict[tuple[str, str | None], ColumnUnderstanding] = {}
    for part in parts:
        for column in part.columns:
            at = column.key or column.heading, column.field
            same = found.setdefault(at, column)
            if same.index != column.index and same.letter:
                found[at] = replace(same, letter="")
    return tuple(found.values())


def _cut(rows: Rows, merges: Sequence[Merge], tops: Sequence[int], left: int) -> Iterator[Grid]:
    if not tops:
        return
    numbers = [row.number for row in rows]
    by_top = sorted(merges, key=lambda merge: merge.top)
    merge_tops = [merge.top for merge in by_top]
    for top, following in pairwise((*tops, numbers[-1] + 1)):
        own = rows[bisect_left(numbers, top) : bisect_left(numbers, following)]
        yield Grid(own, by_top[bisect_left(merge_tops, top) : bisect_left(merge_tops, following)], upto=len(own), left=left)


def _tops(grid: Grid, remembered: Remembered) -> list[int]:
    """The first row of each form. A form begins with what stands above the first name of the sheet, as far as it is
    repeated; a name that nothing else belongs to (填表人姓名) begins none."""
    inside = {row for first, last in tables(grid) for row in range(first, last + 1)}
    by_row: dict[int, list[Label]] = {}
    for one in labels_of(grid, grid.numbers, inside, remembered):
        by_row.setdefault(one.row, []).append(one)
    rows = list(by_row)
    names = [
        row for row in rows if any(one.code == "name" and not introduced(grid, one.row, one.column) for one in by_row[row])
    ]
    values = {one.place[0] for found in by_row.values() for one in found if one.place and one.place[0] != one.row}
    tops = [grid.numbers[0]]
    for before, name, following in zip(names, names[1:], [*names[2:], grid.numbers[-1] + 1], strict=False):
        top = _top(grid, by_row, values, names[0], name, before)
        own = [one for row in rows[bisect_left(rows, top) : bisect_left(rows, following)] for one in by_row[row]]
        if any(one.code == "identity_number" for one in own) or len({one.code for one in own if one.place}) >= FEWEST:
            tops.append(top)
    return tops


def _top(grid: Grid, by_row: dict[int, list[Label]], values: set[int], first: int, name: int, floor: int) -> int:
    """The first row of the form whose name stands in the row ``name``: upwards as long as it goes as it does above the
    ``first`` name, and no further than ``floor``."""
    top = name
    for back in range(1, first - grid.numbers[0] + 1):
        row, model = name - back, first - back
        if row <= floor or row in values or _look(grid, by_row, row) != _look(grid, by_row, model):
            break
        top = row if row in grid.cells else top
    return top


def _look(grid: Grid, by_row: dict[int, list[Label]], row: int) -> tuple[object, ...]:
    """What a row looks like, whatever is filled in: its labels, else how many cells are filled."""
    labels = tuple(sorted(one.code for one in by_row.get(row, ())))
    return labels or (sum(cell is not None for cell in grid.cells.get(row, ())),)
