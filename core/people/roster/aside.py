"""Rows that are no person: totals, notes, signatures, headers of printed pages, numbered blanks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from core.people.roster.headings import heading_key
from core.people.roster.labels import HEAD
from core.people.roster.problems import NO_COLUMN, Fault
from core.spreadsheets.cells import Chunk, SheetRow
from core.text.normalise import fold, squash

if TYPE_CHECKING:
    from core.people.roster.binding import Binding, Bound
    from core.people.roster.gathering import Gathering

_TOTALS: Final = ("合计", "小计", "总计", "共计", "累计", "本页合计", "本页小计", "总户数", "总人数", "汇总")
_NOTES: Final = (
    "注:", "注1", "备注:", "说明:", "填表", "制表", "填报", "审核人:", "负责人", "单位负责人", "经办人", "联系人:", "打印",
    "第1页", "单位(盖章)",
    "(盖章)", "盖章", "审批", "分管领导", "领导签字", "填写说明", "报送", "主要负责人", "备注1",
)  # fmt: skip
_TITLES: Final = ("名册", "名单", "花名册", "一览表", "登记表", "汇总表", "统计表", "明细表", "情况表", "档案表", "台账")


_FIRST: Final = (1, "1", "(1)")


def persons_among(chunk: Chunk, places: Sequence[int], binding: Binding, gathering: Gathering) -> list[int]:
    """Those of some rows, by their places in the chunk, that are not left out. What is none of the usual things beside a table
    is told."""
    group = next(iter(binding.groups.values()), None)
    name, identity = (group.name, group.identity) if group else (None, None)
    if name is None or identity is None or identity.column.heading[:1].isdecimal():
        return [place for place in places if not _is_aside(chunk[place], binding, gathering)]
    # Nearly every row has a name and, under a heading of words, an identity number that begins with a digit.
    cells = list(zip(chunk.column(name.index), chunk.column(identity.index), chunk.column(0), strict=True))
    ordinary = [
        named is not None and number.__class__ is str and number[:1].isdecimal() and first not in _FIRST
        for named, number, first in cells
    ]
    return [place for place in places if ordinary[place] or not _is_aside(chunk[place], binding, gathering)]


def _is_aside(row: SheetRow, binding: Binding, gathering: Gathering) -> bool:
    cells = row.cells
    width = len(cells)
    whole = False
    for group in binding.groups.values():
        name, identity = group.name, group.identity
        named = name is not None and name.index < width and cells[name.index] is not None
        numbered = identity is not None and identity.index < width and cells[identity.index] is not None
        if named and numbered:
            # Most rows end here: only the header of a printed page looks like a person.
            return _counts_columns(row) or (_is_heading(row, identity) and _is_heading(row, name)) or _is_signed(row, identity)
        whole = whole or named or numbered
    return _looked_at(row, binding, gathering, whole=whole)


def _is_heading(row: SheetRow, bound: Bound | None) -> bool:
    if bound is None:
        return False
    cell = row.cells[bound.index]
    return isinstance(cell, str) and cell.strip() == bound.column.heading


def _is_signed(row: SheetRow, identity: Bound | None) -> bool:
    """Whether a row of signatures reaches under the column of identity numbers: a note to the left, and no digit there."""
    cell = row.cells[identity.index] if identity else None
    if not isinstance(cell, str) or cell[:1].isdecimal() or any(map(str.isdecimal, cell)):
        return False
    words = [word for one in row.cells if isinstance(one, str) and (word := squash(fold(one)))]
    return bool(words) and _is_note(words[0])


def _counts_columns(row: SheetRow) -> bool:
    """Whether the row only numbers the columns: 1, 2, 3."""
    if row.cells[0] not in _FIRST or len(row.cells) < 3:
        return False
    return [str(cell).removesuffix(".0").strip("()") for cell in row.cells[:3]] == ["1", "2", "3"]


def _looked_at(row: SheetRow, binding: Binding, gathering: Gathering, *, whole: bool) -> bool:
    filled = [cell for cell in row.cells if cell is not None]
    words = [word for cell in filled[:3] if isinstance(cell, str) and (word := squash(fold(cell)))]
    if any(word.startswith(_TOTALS) for word in words) or (words and _is_note(words[0])):
        return True
    if len(filled) == 1 and words and any(title in words[0] for title in _TITLES):
        return True  # the title of the next part, above a header that is repeated
    if whole:
        return (
            all(isinstance(cell, str) for cell in filled)
            and sum(_is_any_heading(cell, binding) for cell in filled) * 2 > len(filled) > 1
        )
    read = binding.indices()
    told = [cell for index, cell in enumerate(row.cells) if cell is not None and index in read]
    if all(cell == 0 for cell in told) or sum(_is_any_heading(cell, binding) for cell in filled) * 2 > len(filled) > 1:
        return True
    if (len(told) == 1 and not _begins_household(row, binding)) or len(filled) == 1:
        gathering.note(binding.sheet.name, row.number, NO_COLUMN, Fault("row_ignored"))
        return True
    return False


def _begins_household(row: SheetRow, binding: Binding) -> bool:
    """Whether a row that says next to nothing calls itself the head's: its members would else join the household above."""
    width = len(row.cells)
    relations = [group.relation for group in binding.groups.values() if group.relation is not None]
    return any(one.index < width and one.reader[row.cells[one.index]] == HEAD for one in relations)


def _is_note(word: str) -> bool:
    return word.startswith(_NOTES) or (word[0] == "共" and word[1:2].isdecimal())


def _is_any_heading(cell: object, binding: Binding) -> bool:
    key = heading_key(cell) if isinstance(cell, str) and len(cell) < 40 else ""
    return bool(key) and any(key in column.key.split("/") for column in binding.sheet.columns)
