"""One household a form: labels with their values beside or below them, a table of members inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.people.roster.fields import BY_CODE
from core.people.roster.grid import Grid, heading_text, is_identity, label, label_of_inline, value_of_inline
from core.people.roster.headings import Meaning, heading_key, role_of
from core.people.roster.labels import HEAD, relation
from core.people.roster.likeness import meaning_but_for_dressing
from core.people.roster.tables import READER, Header, Remembered
from core.people.roster.understanding import ColumnUnderstanding, SheetUnderstanding, letter_of
from core.people.roster.values import Told
from core.spreadsheets.cells import Cell, SheetHead

FEWEST: Final = 4
"""So many things are told by labels where a form without an identity number is one."""
_MEMBER_HEADINGS: Final = 3
_NEEDED: Final = ("name", "identity_number")
_SIGNING: Final = frozenset(("证明人", "联系人", "紧急联系人", "经办人", "填表人"))
_OUTSIDERS: Final = _SIGNING | {"代理人", "委托代理人", "代办人", "受托人", "委托人", "监护人", "担保人"}
"""Whom a form may name beside the household."""
_MEMBERS: Final = frozenset(("共同申请人", "家庭成员", "主要家庭成员"))
_ABOUT: Final = frozenset(("", "基本情况", "情况", "基本信息", "信息"))
"""What may follow the word for a person in a title."""
_TITLES: Final = 3
"""Titles that may stand one above another."""
_UNITS: Final = frozenset(("元", "万元", "千元", "元/月", "元/年", "人", "户", "人民币元"))


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a form, and where its value stands; no place where there is none."""

    row: int
    column: int
    meaning: Meaning
    place: tuple[int, int] | None

    @property
    def code(self) -> str:
        """The field of the head or the household that it names; empty for a label that is left alone."""
        return (self.meaning.target or "").removeprefix("head:")

    @property
    def inline(self) -> bool:
        """Whether label and value stand in one cell."""
        return self.place == (self.row, self.column)


def is_form(grid: Grid, header: Header | None, remembered: Remembered) -> bool:
    """Whether a sheet begins with a form. ``header`` is the best header of a table, if any."""
    table = next(tables(grid), None)
    if table is None and header is not None and _persons_below(grid, header):
        return False
    # Without a table of members inside, only values beside their labels tell a form from a table of persons.
    rows = [row for row in grid.numbers if table is None or row < table[0]]
    found = [one for one in labels_of(grid, rows, set(), remembered) if one.place is not None]
    above = [one for one in found if one.place and (one.place[0] < table[0] if table else one.place[0] == one.row)]
    codes = {one.code for one in above}
    if "name" not in codes:
        return False
    return len(codes) >= FEWEST or any(one.code == "identity_number" and _holds_identity(grid, one) for one in above)


def understand_part(head: SheetHead, grid: Grid, remembered: Remembered) -> SheetUnderstanding:
    """The layout of one form; ``grid`` holds its rows alone."""
    table = next(tables(grid), None)
    inside = set(range(table[0], table[1] + 1)) if table else set()
    found = list(labels_of(grid, grid.numbers, inside, remembered))
    names = {one.row for one in found if one.code == "name"}
    names.discard(min(names, default=0))
    columns: dict[str, ColumnUnderstanding] = {}
    for one in sorted(found, key=lambda one: one.place is None):
        code = one.code
        if (one.place is None and code and code not in _NEEDED) or (table and code.startswith("member")):
            continue
        text = heading_text(grid.at(one.row, one.column))
        text = label_of_inline(text) if one.inline else text
        # What is needed and missing is told at the blank beside its label.
        row, column = one.place or (one.row, min(grid.after(one.row, one.column), grid.width - 1))
        key, how = heading_key(text), one.meaning.how
        former = columns.get(code) if one.place is not None else None
        if former is not None and grid.at(former.row, former.index) == grid.at(row, column):
            continue  # said twice
        if former is not None or (code and one.row in names and _of_person(code)):
            # A second value of one thing, or somebody else's, of whom the form tells no identity number: told, not read.
            key, how, code = "", "doubled", ""
        columns.setdefault(
            code or f"/{one.row}/{key or text}",
            ColumnUnderstanding(
                column, letter_of(column), text, key, code or None,
                "remembered" if key in remembered and code else how, one.meaning.times, one.meaning.parts, row,
            ),
        )  # fmt: skip
    members = _member_columns(grid, table[0], remembered) if table else []
    return SheetUnderstanding(
        head.index, head.name, head.visible, "form",
        header_rows=(table[0],) if table else (),
        first_row=table[0] + 1 if table else 0,
        last_row=table[1] if table else 0,
        columns=(*columns.values(), *members),
        households_by="sheet",
    )  # fmt: skip


def _of_person(code: str) -> bool:
    return BY_CODE[code.rpartition(":")[2]].of_person


def _holds_identity(grid: Grid, one: Label) -> bool:
    cell = grid.at(*one.place) if one.place else None
    if one.inline and isinstance(cell, str):
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
        return Meaning(given, "remembered") if given else Meaning(None, "left")
    found = label(text)
    found = found if found.target else meaning_but_for_dressing((text,))
    return found if found.target else None


def labels_of(grid: Grid, rows: Sequence[int], without: set[int], remembered: Remembered) -> Iterator[Label]:
    """Labels in ``rows`` with the place of their value: in the same cell, beside them, or below where labels stand side by
    side. Rows ``without`` are neither."""
    alone: dict[int, bool] = {}
    for row in rows:
        if row in without:
            continue
        column = 0
        while column < grid.width:
            merge = grid.merge(row, column)
            after = grid.after(row, column)
            corner = merge is None or (merge.top, merge.left) == (row, column)
            found = _meaning(grid, row, column, remembered) if corner else None
            inline = grid.raw(row, column) if corner and found is None else None
            if isinstance(inline, str) and label(label_of_inline(inline)).target and not _tells_unit(inline):
                yield Label(row, column, label(label_of_inline(inline)), (row, column))
            if found is not None:
                value = _value(grid, row, column, after, remembered, alone)
                yield Label(row, column, found, value if value is not None and value[0] not in without else None)
            column = after


def _tells_unit(inline: str) -> bool:
    """Whether a cell says in which unit the form is filled in (单位：元), which is nobody's employer."""
    return value_of_inline(inline, label_of_inline(inline)) in _UNITS


def _value(
    grid: Grid, row: int, column: int, after: int, remembered: Remembered, alone: dict[int, bool]
) -> tuple[int, int] | None:
    """Where the value of a label stands; None where it has none. ``alone`` keeps of which rows labels are all."""
    if after < grid.width and _meaning(grid, row, after, remembered) is None and grid.at(row, after) is not None:
        return row, after
    below = grid.below(row, column)
    beside_label = after < grid.width and _meaning(grid, row, after, remembered) is not None
    before_label = column > 0 and _meaning(grid, row, column - 1, remembered) is not None
    if not (beside_label or before_label) and row not in alone:
        alone[row] = _only_labels(grid, row, remembered)
    if (beside_label or before_label or alone[row]) and below in grid.cells:
        cell = grid.at(below, column)
        if (
            cell is not None
            and _meaning(grid, below, column, remembered) is None
            and not _labelled(grid, below, column, remembered)
            and not (isinstance(cell, str) and label(label_of_inline(cell)).target)
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


def introduced(grid: Grid, row: int, column: int, start: int = 0, end: int | None = None) -> Literal["", "member", "outsider"]:
    """Whether a cell to the left of a label, or a title above it, says that it speaks of somebody else than the head of a
    household: of a member (配偶, 子女) or of an outsider (代理人). ``start`` and ``end`` are the columns of its form."""
    merge = grid.merge(row, column)
    left, top = (merge.left, merge.top) if merge else (column, row)
    if left > start and (said := introduced_beside(grid, row, left)):
        return said
    for text in _titles_above(grid, top, start, grid.width if end is None else end):
        # Who signs is a label that may be left blank at the end of the form above.
        if text and heading_key(text) not in _SIGNING and (said := _of_whom(text)):
            return said
    return ""


def introduced_beside(grid: Grid, row: int, left: int) -> Literal["", "member", "outsider"]:
    """Whether the cell before the column ``left`` says so, and is no value of a label."""
    text = heading_text(grid.at(row, left - 1)) if left and not _labelled(grid, row, left - 1, {}) else ""
    return _of_whom(text) if text else ""


def _of_whom(text: str) -> Literal["", "member", "outsider"]:
    key = heading_key(text)
    if key in _OUTSIDERS:
        return "outsider"
    role, rest = role_of(key)
    told = relation(text) if not role else None
    related = isinstance(told, Told) or (isinstance(told, str) and told != HEAD)
    return "member" if related or key in _MEMBERS or (role not in ("", "head") and rest in _ABOUT) else ""


def _titles_above(grid: Grid, row: int, start: int, end: int) -> Iterator[str]:
    """Titles that stand above a row, each alone in its own: what stands beside anything else is a value or a heading."""
    for above in range(row - 1, row - 1 - _TITLES, -1):
        texts = {
            (merge.top, merge.left) if (merge := grid.merge(above, column)) else (above, column)
            for column in range(start, min(end, grid.width))
            if grid.at(above, column) is not None
        }
        if len(texts) != 1:
            return
        yield heading_text(grid.at(*texts.pop()))


def _only_labels(grid: Grid, row: int, remembered: Remembered) -> bool:
    """Whether a row holds labels alone, so that their values stand below."""
    filled = [column for column in range(grid.width) if grid.raw(row, column) is not None]
    return all(_meaning(grid, row, column, remembered) is not None for column in filled)


def tables(grid: Grid) -> Iterator[tuple[int, int]]:
    """The tables of members: the row of the header, and the last row."""
    last = 0
    for place, row in enumerate(grid.numbers):
        if row <= last:
            continue
        found = [label(cell).target for cell in _distinct(grid, row)]
        codes = [target.rpartition(":")[2] for target in found if target]
        if (
            not {"name", "relation"} <= set(codes)
            or not _MEMBER_HEADINGS <= len(set(codes)) == len(codes)
            or len(codes) * 2 < len(found)
            or not _side_by_side(grid, row)
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
        yield row, last


def _side_by_side(grid: Grid, row: int) -> bool:
    """Whether labels stand side by side, as they do in a header, and not each with room for its value."""
    named = {column for column in range(grid.width) if label(grid.raw(row, column)).target is not None}
    return any(grid.after(row, column) in named for column in named)


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
            if _of_person(code):
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
