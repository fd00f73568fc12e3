"""The annotated copy (批注副本): the file written new as .xlsx, with a list of what is wrong and comments at the cells.

It holds identity numbers in full, as the file does: for those who may import; the door that hands it out leaves the read in
the log, and keeps it in a file without a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import IO, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import require
from core.people.imports.models import RosterProblem
from core.people.imports.service import READ, import_named
from core.people.imports.staging import open_kept
from core.people.roster.drafts import said_of
from core.people.roster.layout import names_of
from core.spreadsheets.cells import Reading, SheetRow
from core.spreadsheets.writing import SpreadsheetWriting, Tint

LIST_SHEET: Final = "错误与提示"
_HEAD: Final = ("级别", "工作表", "行", "列", "家庭", "填写内容", "问题", "处理")
_SEVERITIES: Final = {"error": "错误", "warning": "提示"}
_MOST_NOTES: Final = 20_000
"""Cells with a comment; beyond that the list alone tells, since programs open a file with more but slowly."""


class _Notes(NamedTuple):
    """What is said at the cells of a row, by column index."""

    tints: dict[int, Tint]
    said: dict[int, str]


_NO_NOTES: Final = _Notes({}, {})


def annotate(session: Session, import_id: UUID, target: IO[bytes]) -> str:
    """Write the copy of an import to ``target``; the name under which it is handed out.

    Raises ``NotFound``, and ``Conflict`` where the file is kept no longer.
    """
    require(READ)
    made = import_named(session, import_id)
    asked = select(RosterProblem).where(RosterProblem.import_id == import_id).order_by(RosterProblem.no)
    problems = list(session.scalars(asked))
    with open_kept(session, import_id, made.file_name) as reading:
        write_copy(reading, problems, target)
    return f"{PurePath(made.file_name).stem}（批注）.xlsx"


def write_copy(reading: Reading, problems: Sequence[RosterProblem], target: Path | IO[bytes]) -> None:
    """Write the list of problems, then every sheet with its rows where they stood."""
    notes = _notes(problems)
    with SpreadsheetWriting(target, large=True) as book:
        told = dict(zip(reading.sheets, names_of(reading.sheets), strict=True))
        names = {told[head]: head.name for head in reading.sheets if head.name != LIST_SHEET}
        listed = book.sheet(LIST_SHEET)
        listed.widths({0: 8, 1: 18, 2: 7, 3: 20, 4: 14, 5: 22, 6: 46, 7: 40})
        listed.header(1, _HEAD)
        for number, one in enumerate(problems, 2):
            shown = (
                one.sheet,
                one.row or None,
                one.column,
                said_of(one.household, told.values()),
                one.value,
                one.zh,
                one.mend_zh,
            )
            link = {2: (names[one.sheet], f"{one.letter or 'A'}{one.row}")} if one.row and one.sheet in names else {}
            listed.row(number, (_SEVERITIES[one.severity], *shown), links=link, wrapped=True)
        for head in reading.sheets:
            if head.name == LIST_SHEET:
                continue  # the list of an earlier copy, mended and sent again
            sheet, own = book.sheet(head.name), notes.get(told[head], {})
            for row in _rows(reading, head.index):
                of_row = own.get(row.number, _NO_NOTES)
                cells = [*row.cells, *[None] * (max(of_row.said, default=-1) + 1 - len(row.cells))]
                sheet.row(row.number, cells, tints=of_row.tints, notes=of_row.said)


def _rows(reading: Reading, index: int) -> Iterator[SheetRow]:
    for chunk in reading.rows(index):
        yield from chunk


def _notes(problems: Iterable[RosterProblem]) -> dict[str, dict[int, _Notes]]:
    """Tints and comments by sheet and row; several of one cell stand below each other. Errors come first."""
    found: dict[str, dict[int, _Notes]] = {}
    for count, one in enumerate(problems):
        if not one.row:
            continue
        of_row = found.setdefault(one.sheet, {}).setdefault(one.row, _Notes({}, {}))
        place = _index(one.letter)
        of_row.tints.setdefault(place, "error" if one.severity == "error" else "warning")
        if count < _MOST_NOTES:
            told = f"{_SEVERITIES[one.severity]}：{one.zh}。{one.mend_zh}"
            of_row.said[place] = f"{of_row.said[place]}\n{told}" if place in of_row.said else told
    return found


def _index(letter: str) -> int:
    """The index of a column from its letter; the first one where a whole row is meant."""
    index = 0
    for one in letter:
        index = index * 26 + ord(one) - ord("A") + 1
    return max(index - 1, 0)
