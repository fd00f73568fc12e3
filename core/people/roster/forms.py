"""One household a sheet: the printed form, labels with their values beside or below them, a table of members inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.people.roster.fields import BY_CODE
from core.people.roster.grid import Grid, heading_text, is_identity, label, label_of_inline, value_of_inline
from core.people.roster.headings import Meaning, heading_key
from core.people.roster.labels import relation
from core.people.roster.tables import READER, Header, Remembered
from core.people.roster.understanding import ColumnUnderstanding, SheetUnderstanding, letter_of
from core.people.roster.values import Told
from core.spreadsheets.cells import Cell, SheetHead

MOST_ROWS: Final = 120
_FEWEST: Final = 4
_MEMBER_HEADINGS: Final = 3


@dataclass(frozen=True, slots=True)
class _Pair:
    label_row: int
    label_column: int
    row: int
    column: int
    meaning: Meaning


def understand_form(head: SheetHead, grid: Grid, header: Header | None, remembered: Remembered) -> SheetUnderstanding | None:
    """The layout of a sheet that is a form; None where it is none. ``header`` is the best header of a table, if any."""
    if len(grid.numbers) > MOST_ROWS:
        return None
    table = _members(grid)
    if table is None and header is not None and _persons_below(grid, header):
        return None
    # Without a table of members inside, only values beside their labels tell a form from a table of persons.
    pairs = _pairs(grid, set(), remembered)
    above = [pair for pair in pairs if (pair.row < table[0] if table else pair.row == pair.label_row)]
    kinds = {pair.meaning.target for pair in above}
    if not kinds & {"name", "head:name"}:
        return None
    known = any(
        pair.meaning.target in ("identity_number", "head:identity_number") and _holds_identity(grid, pair) for pair in above
    )
    if not known and len(kinds) < _FEWEST:
        return None
    inside = set(range(table[0], table[1] + 1)) if table else set()
    columns: dict[str, ColumnUnderstanding] = {}
    for pair in _pairs(grid, inside, remembered):
        target = (pair.meaning.target or "").removeprefix("head:")
        text = heading_text(grid.at(pair.label_row, pair.label_column))
        if (pair.row, pair.column) == (pair.label_row, pair.label_column):
            text = label_of_inline(text)
        how = "remembered" if heading_key(text) in remembered else pair.meaning.how
        columns.setdefault(
            target,
            ColumnUnderstanding(
                pair.column,
                letter_of(pair.column),
                text,
                heading_key(text),
                target,
                how,
                pair.meaning.times,
                pair.meaning.parts,
                pair.row,
            ),
        )
    members = _member_columns(grid, table[0], remembered) if table else []
    return SheetUnderstanding(
        head.index, head.name, head.visible, "form",
        header_rows=(table[0],) if table else (),
        first_row=table[0] + 1 if table else 0,
        last_row=table[1] if table else 0,
        columns=(*columns.values(), *members),
        households_by="sheet",
    )  # fmt: skip


def _holds_identity(grid: Grid, pair: _Pair) -> bool:
    cell = grid.at(pair.row, pair.column)
    if (pair.row, pair.column) == (pair.label_row, pair.label_column) and isinstance(cell, str):
        cell = value_of_inline(cell, label_of_inline(cell))
    return is_identity(cell, READER)


def _persons_below(grid: Grid, header: Header) -> bool:
    """Whether identity numbers stand under the header's column of them."""
    at = [column for column, meaning in enumerate(header.meanings) if (meaning.target or "").endswith("identity_number")]
    below = [row for row in grid.numbers if row > header.rows[-1]]
    return any(is_identity(grid.raw(row, column), READER) for column in at for row in below)


def _meaning(grid: Grid, row: int, column: int, remembered: Remembered) -> Meaning | None:
    """What a cell names as a label; None where it is none."""
    text = heading_text(grid.at(row, column))
    if not text:
        return None
    key = heading_key(text)
    if key in remembered:
        given = remembered[key]
        return Meaning(given, "remembered") if given else None
    found = label(text)
    return found if found.target else None


def _pairs(grid: Grid, without: set[int], remembered: Remembered) -> Iterator[_Pair]:
    """Labels with the place of their value: beside them, or below where labels stand side by side."""
    for row in grid.numbers:
        if row in without:
            continue
        column = 0
        while column < grid.width:
            merge = grid.merge(row, column)
            after = grid.after(row, column)
            corner = merge is None or (merge.top, merge.left) == (row, column)
            found = _meaning(grid, row, column, remembered) if corner else None
            inline = grid.raw(row, column) if corner and found is None else None
            if isinstance(inline, str) and label(label_of_inline(inline)).target:
                yield _Pair(row, column, row, column, label(label_of_inline(inline)))
            if found is not None:
                value = _value(grid, row, column, after, remembered)
                if value is not None and value[0] not in without:
                    yield _Pair(row, column, *value, found)
            column = after


def _value(grid: Grid, row: int, column: int, after: int, remembered: Remembered) -> tuple[int, int] | None:
    """Where the value of a label stands; None where it has none."""
    if after < grid.width and _meaning(grid, row, after, remembered) is None and grid.at(row, after) is not None:
        return row, after
    below = grid.below(row, column)
    beside_label = after < grid.width and _meaning(grid, row, after, remembered) is not None
    before_label = column > 0 and _meaning(grid, row, column - 1, remembered) is not None
    if (beside_label or before_label or _only_labels(grid, row, remembered)) and below in grid.cells:
        cell = grid.at(below, column)
        if (
            cell is not None
            and _meaning(grid, below, column, remembered) is None
            and not _labelled(grid, below, column, remembered)
        ):
            return below, column
    return None


def _labelled(grid: Grid, row: int, column: int, remembered: Remembered) -> bool:
    """Whether the cell to the left names this one."""
    own = grid.merge(row, column)
    start = own.left if own else column
    if start == 0:
        return False
    merge = grid.merge(row, start - 1)
    return _meaning(grid, row, merge.left if merge else start - 1, remembered) is not None


def _only_labels(grid: Grid, row: int, remembered: Remembered) -> bool:
    """Whether a row holds labels alone, so that their values stand below."""
    filled = [column for column in range(grid.width) if grid.raw(row, column) is not None]
    return all(_meaning(grid, row, column, remembered) is not None for column in filled)


def _members(grid: Grid) -> tuple[int, int] | None:
    """The header row of the table of members and its last row; None where there is none."""
    for place, row in enumerate(grid.numbers):
        found = [label(cell).target for cell in _distinct(grid, row)]
        codes = [target.rpartition(":")[2] for target in found if target]
        if (
            not {"name", "relation"} <= set(codes)
            or not _MEMBER_HEADINGS <= len(set(codes)) == len(codes)
            or len(codes) * 2 < len(found)
        ):
            continue
        at = {(label(grid.raw(row, column)).target or "").rpartition(":")[2]: column for column in range(grid.width)}
        last = row
        for following in grid.numbers[place + 1 :]:
            cells = list(_distinct(grid, following))
            if sum(label(cell).target is not None for cell in cells) * 2 >= max(len(cells), 1) or not _is_member(
                grid, following, at
            ):
                break
            last = following
        return row, last
    return None


def _is_member(grid: Grid, row: int, at: Mapping[str, int]) -> bool:
    """Whether a row under the table's header goes on with it: an opinion or a signature has neither relation nor number."""
    numbered = "identity_number" in at and grid.raw(row, at["identity_number"]) is not None
    return numbered or isinstance(relation(grid.raw(row, at["relation"])), str | Told) or grid.raw(row, at["name"]) is None


def _distinct(grid: Grid, row: int) -> Iterator[Cell]:
    """The cells of a row that are filled, a merged range once, and ranges that reach down from above not at all."""
    column = 0
    while column < grid.width:
        merge = grid.merge(row, column)
        cell = grid.at(row, column)
        if cell is not None and not (merge is not None and merge.bottom > merge.top):
            yield cell
        column = grid.after(row, column)


def _member_columns(grid: Grid, row: int, remembered: Remembered) -> Sequence[ColumnUnderstanding]:
    columns = []
    column = 0
    while column < grid.width:
        text = heading_text(grid.raw(row, column))
        found = _meaning(grid, row, column, remembered) if text else None
        if found is not None and found.target is not None:
            code = found.target.rpartition(":")[2]
            if BY_CODE[code].of_person:
                columns.append(
                    ColumnUnderstanding(
                        column,
                        letter_of(column),
                        text,
                        heading_key(text),
                        f"member:{code}",
                        found.how,
                        found.times,
                        found.parts,
                    )
                )
        column = grid.after(row, column)
    return columns
