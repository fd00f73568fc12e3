"""Forms that stand side by side in a sheet: the columns of each, so that each is read as if it stood alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.people.roster.fields import BY_CODE
from core.people.roster.forms import FEWEST, Label, introduced, labels_of, tables
from core.people.roster.grid import Grid, label, label_of_inline, value_of_inline
from core.people.roster.tables import READER, Remembered
from core.spreadsheets.cells import Merge, SheetRow

Rows = Sequence[SheetRow]


@dataclass(frozen=True, slots=True)
class _Form:
    """What a form looks like, whatever is filled in: labels by their rows from the first name on, and their columns from the
    form's first."""

    name: Label
    looks: frozenset[tuple[int, int, str]]
    number: str | None
    """The identity number that is filled in."""


def lefts_of(grid: Grid, remembered: Remembered) -> tuple[int, ...]:
    """The first column of each form that stands beside others, 0 being the first; 0 alone where none does.

    Offices copy one form beside the other. So a further form begins at a label of a name only where the same labels stand in
    the same places as in the first one, those of a household among them, with another identity number or none; where nothing
    is torn apart, no label from its value, no merged range, no table; and where no word (配偶) says that the further name is
    another's. Anything else is one form, and a second number in it holds its household back.
    """
    if len(set(_columns_of_names(grid))) < 2:
        return (0,)
    listed = list(tables(grid))
    inside = {row for first, last in listed for row in range(first, last + 1)}
    found = list(labels_of(grid, grid.numbers, inside, remembered))
    names = sorted({one.column for one in found if one.code == "name"})
    if len(names) < 2:
        return (0,)
    offset = names[0] - min(one.column for one in found)
    lefts = [0]
    for cut in [name - offset for name in names[1:]]:
        if cut <= lefts[-1] or _torn(grid, found, lefts[-1], cut, [first for first, _ in listed]):
            continue
        width = lefts[1] if len(lefts) > 1 else cut
        first, further = _form(grid, found, 0, width), _form(grid, found, cut, cut + width)
        if first and further and _is_copy(first, further):
            name = further.name
            lefts += [] if introduced(grid, name.row, name.column, cut, cut + width) else [cut]
    return tuple(lefts)


def _form(grid: Grid, found: Sequence[Label], left: int, end: int) -> _Form | None:
    """What begins in the column ``left``, as far as to the next name below its first."""
    own = [one for one in found if left <= one.column < end]
    named = sorted((one for one in own if one.code == "name"), key=lambda one: (one.row, one.column))
    if not named:
        return None
    name = named[0]
    until = min((one.row for one in named if one.row > name.row), default=grid.numbers[-1] + 1)
    own = [one for one in own if one.row < until]
    cells = [(one, grid.at(*one.place)) for one in own if one.code == "identity_number" and one.place]
    texts = [value_of_inline(cell, label_of_inline(str(cell))) if one.inline else cell for one, cell in cells]
    numbers = [read for text in texts if isinstance(read := READER(text), str)]
    looks = frozenset((one.row - name.row, one.column - left, one.code) for one in own)
    return _Form(name, looks, numbers[0] if numbers else None)


def _is_copy(first: _Form, further: _Form) -> bool:
    """Whether both are one form filled in for two households: nearly all labels in the same places, as far as both go."""
    least = min(max(row for row, _, _ in one.looks) for one in (first, further))
    mine, theirs = ({look for look in one.looks if look[0] <= least} for one in (first, further))
    both = mine & theirs
    codes = {code for _, _, code in both}
    return (
        len(both) >= FEWEST
        and len(both) * 5 >= len(mine | theirs) * 4
        and {"name", "identity_number"} <= codes
        and any(_of_household(code) for code in codes)
        and (first.number is None or first.number != further.number)
    )


def _of_household(code: str) -> bool:
    field = BY_CODE.get(code.rpartition(":")[2])
    return field is not None and field.place in ("household", "file", "means", "stated") and not field.of_worker


def _torn(grid: Grid, found: Sequence[Label], left: int, cut: int, headers: Sequence[int]) -> bool:
    """Whether something lies on both sides of ``cut``: a label and its value, a merged range that holds either, the header of a
    table in one of the rows ``headers``."""
    torn = any(
        grid.after(row, column) > cut or (column >= cut) != (one.column >= cut)
        for one in found
        if left <= one.column < cut
        for row, column in filter(None, ((one.row, one.column), one.place))
    ) or any(one.column >= cut and one.place is not None and one.place[1] < cut for one in found)
    named = [{column >= cut for column in range(left, grid.width) if label(grid.raw(row, column)).target} for row in headers]
    return torn or any(len(sides) > 1 for sides in named)


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
