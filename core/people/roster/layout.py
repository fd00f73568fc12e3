"""Understanding a file: each sheet by itself, from its first rows, before any value is read."""

from __future__ import annotations

from itertools import islice

from core.people.roster.forms import understand_form
from core.people.roster.grid import MOST_HEADER_ROWS, Grid, is_identity
from core.people.roster.tables import READER, Remembered, find_header, understand_table
from core.people.roster.understanding import SheetUnderstanding, Understanding
from core.spreadsheets.cells import Reading, SheetHead, SheetRow


def understand(reading: Reading, remembered: Remembered) -> Understanding:
    """What each sheet of a file holds. ``remembered`` gives what headings (by ``heading_key``) mean to this county: a target,
    or None for a column that is left alone."""
    return Understanding(tuple(_sheet(head, _first_rows(reading, head.index), remembered) for head in reading.sheets))


def _first_rows(reading: Reading, index: int) -> list[SheetRow]:
    return next(islice(reading.rows(index), 1), [])


def _sheet(head: SheetHead, rows: list[SheetRow], remembered: Remembered) -> SheetUnderstanding:
    if not rows:
        return SheetUnderstanding(head.index, head.name, head.visible, "ignored", reason="empty")
    grid = Grid(rows, head.merges, upto=max(MOST_HEADER_ROWS, 120))
    header = find_header(grid, remembered)
    form = understand_form(head, grid, header, remembered)
    if form is not None:
        return form
    if header is not None:
        return understand_table(head, grid, header, remembered)
    identities = any(is_identity(cell, READER) for row in rows[:50] for cell in row.cells)
    return SheetUnderstanding(head.index, head.name, head.visible, "ignored", reason="no_header", identities=identities)
