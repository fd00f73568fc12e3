"""Understanding a file: each sheet by itself, from its first rows, before any value is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from core.people.roster.grid import MOST_HEADER_ROWS, Grid, is_identity
from core.people.roster.problems import named
from core.people.roster.stacks import LONGEST_FORM, MOST_ROWS, understand_forms
from core.people.roster.tables import READER, Remembered, find_header, header_above_numbers, understand_table
from core.people.roster.understanding import SheetUnderstanding, Understanding
from core.spreadsheets.cells import Reading, SheetHead, SheetRow


def understand(reading: Reading, remembered: Remembered) -> Understanding:
    """What each sheet of a file holds. ``remembered`` gives what headings (by ``heading_key``) mean to this county: a target,
    or None for a column that is left alone."""
    heads = [replace(head, name=name) for head, name in zip(reading.sheets, names_of(reading.sheets), strict=True)]
    return Understanding(tuple(_sheet(reading, head, remembered) for head in heads))


def names_of(heads: Sequence[SheetHead]) -> list[str]:
    """What the sheets of a file are called wherever they are told of: each otherwise, none by an identity number."""
    found: dict[str, None] = {}
    for head in heads:
        name, number = named(head.name), 1
        while (single := name if number == 1 else f"{name} ({number})") in found:
            number += 1
        found[single] = None
    return list(found)


def _sheet(reading: Reading, head: SheetHead, remembered: Remembered) -> SheetUnderstanding:
    rows = next(reading.rows(head.index), [])
    if not rows:
        return SheetUnderstanding(head.index, head.name, head.visible, "ignored", reason="empty")
    grid = Grid(rows, head.merges, upto=max(MOST_HEADER_ROWS, LONGEST_FORM))
    header = find_header(grid, remembered)
    form = understand_forms(head, rows, lambda: rows_of(reading, head.index), header, remembered)
    if form is not None:
        return form
    header = header or header_above_numbers(grid)
    if header is not None:
        return understand_table(head, grid, header, remembered)
    identities = any(is_identity(cell, READER) for row in rows[:50] for cell in row.cells)
    return SheetUnderstanding(head.index, head.name, head.visible, "ignored", reason="no_header", identities=identities)


def rows_of(reading: Reading, index: int) -> list[SheetRow]:
    """The rows of a sheet at once, for those that are forms; of a longer one than such sheets are, the first and one more."""
    return list(islice((row for rows in reading.rows(index) for row in rows), MOST_ROWS + 1))
