"""Tables: where the header stands, over one to three rows, and what each column holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from core.people.roster.columns import Readers, is_error
from core.people.roster.fields import BY_CODE, field_of
from core.people.roster.grid import MOST_HEADER_ROWS, Grid, heading_text, is_identity
from core.people.roster.headings import UNKNOWN, How, Meaning, heading_key, meaning_of
from core.people.roster.identity import IdentityReader
from core.people.roster.labels import HEAD, relation
from core.people.roster.likeness import likely_meaning, meaning_but_for_dressing
from core.people.roster.problems import Fault, named
from core.people.roster.understanding import ColumnUnderstanding, HouseholdsBy, Layout, SheetUnderstanding, fields_of, letter_of
from core.people.roster.values import phone
from core.spreadsheets.cells import Cell, SheetHead

_DEEPEST: Final = 3
_LATEST: Final = date(2100, 1, 1)
_SAMPLE: Final = 400
_MOST: Final = 0.8
_MOST_UNKNOWN: Final = 60
_GROUPS: Final = ("member", "spouse", "child")
READER: Final = IdentityReader(_LATEST, of_text=False)
Remembered = Mapping[str, str | None]


class Header:
    """A header of ``rows``, with the headings above each column."""

    def __init__(self, grid: Grid, rows: tuple[int, ...]) -> None:
        self.rows = rows
        self.paths = [_path(grid, rows, column) for column in range(grid.width)]
        self.meanings = [_meaning(path) for path in self.paths]
        found = {meaning.target for meaning in self.meanings if meaning.target}
        self.score = len(found)
        self.people = {target.rpartition(":")[2] for target in found} & {"name", "identity_number", "household_number"}


def _meaning(path: Sequence[str]) -> Meaning:
    found = meaning_of(path)
    return found if found.target is not None else meaning_but_for_dressing(path)


def find_header(grid: Grid, remembered: Remembered) -> Header | None:
    """The header with most columns that are known; None where no row is one."""
    best: Header | None = None
    for place in range(min(len(grid.numbers), MOST_HEADER_ROWS)):
        for depth in range(1, _DEEPEST + 1):
            rows = tuple(grid.numbers[place : place + depth])
            if len(rows) < depth or rows[-1] - rows[0] != depth - 1 or not _of_words(grid, rows[-1]):
                break
            tried = Header(grid, rows)
            known = sum(heading_key(" ".join(path[-1:])) in remembered for path in tried.paths)
            tried.score += known
            if not (tried.people or known) or tried.score < 2:
                continue
            # A title above a header adds nothing to it.
            if best is None or tried.score > best.score or _same_but_shallower(tried, best):
                best = tried
    return best


def header_above_numbers(grid: Grid) -> Header | None:
    """The header that stands right above a column of identity numbers, whatever its words are: of a table in which the
    headings of the name and of the number are both mistyped. None where no row is one. What it holds is told as guessed."""
    for place, row in enumerate(grid.numbers[:MOST_HEADER_ROWS]):
        at = next((column for column, cell in enumerate(grid.cells[row]) if is_identity(cell, READER)), None)
        if at is None:
            continue
        below = [cell for cell in (grid.raw(number, at) for number in grid.numbers[place:][:_SAMPLE]) if cell is not None]
        if place == 0 or len(below) < 2 or sum(is_identity(cell, READER) for cell in below) < _MOST * len(below):
            return None
        tried = [
            Header(grid, tuple(rows))
            for depth in range(1, _DEEPEST + 1)
            if len(rows := grid.numbers[max(place - depth, 0) : place]) == depth and rows[0] == row - depth
        ]
        found = max(tried, key=lambda header: header.score, default=None)
        whole = found is not None and found.paths[at] and len(set(found.paths) - {()}) > 1
        return found if whole and _of_words(grid, grid.numbers[place - 1]) else None
    return None


def _same_but_shallower(tried: Header, best: Header) -> bool:
    return tried.score == best.score and tried.rows[-1] == best.rows[-1] and len(tried.rows) < len(best.rows)


def _of_words(grid: Grid, row: int) -> bool:
    """Whether a row may be part of a header: words only, no long number among them."""
    cells = [cell for cell in grid.cells[row] if cell is not None]
    words = sum(isinstance(cell, str) for cell in cells)
    return words * 4 >= len(cells) * 3 and not any(is_identity(cell, READER) for cell in cells)


def _path(grid: Grid, rows: tuple[int, ...], column: int) -> tuple[str, ...]:
    """The headings of a column, outermost first; a range merged over several rows stands once."""
    path: list[str] = []
    seen: set[tuple[int, int]] = set()
    for place, row in enumerate(rows):
        merge = grid.merge(row, column)
        where = (merge.top, merge.left) if merge else (row, column)
        text = heading_text(grid.at(row, column)) if where not in seen else ""
        seen.add(where)
        if (
            not text
            and not merge
            and not grid.merged
            and place < len(rows) - 1
            and heading_text(grid.raw(rows[place + 1], column))
        ):
            # A text file has no merged ranges: a blank beside a heading belongs to it where something stands underneath.
            text = next((heading_text(grid.raw(row, left)) for left in range(column, -1, -1) if grid.raw(row, left)), "")
        if text:
            path.append(text)
    return tuple(path)


def understand_table(head: SheetHead, grid: Grid, header: Header, remembered: Remembered) -> SheetUnderstanding:
    """The layout of a sheet that holds a table."""
    first = header.rows[-1] + 1
    sample = [number for number in grid.numbers if number >= first][:_SAMPLE]
    columns: list[ColumnUnderstanding] = []
    for index, (path, meaning) in enumerate(zip(header.paths, header.meanings, strict=True)):
        filled = [cell for cell in (grid.raw(number, index) for number in sample) if cell is not None]
        if not path and not filled:
            continue
        key = "/".join(filter(None, map(heading_key, path)))
        given = Meaning(remembered[key], "remembered" if remembered[key] else "left") if key in remembered else meaning
        if given.how == "remembered":
            # The unit is the heading's, whatever the county says that it holds.
            same = meaning.target is not None and (given.target or "").rpartition(":")[2] == meaning.target.rpartition(":")[2]
            given = Meaning(given.target, "remembered", meaning.times, meaning.parts) if same else given
        column = ColumnUnderstanding(
            index, letter_of(index), named(" / ".join(path)), key, given.target, given.how, given.times, given.parts
        )
        columns.append(column)
    columns = _by_content(_placed(_by_likeness(columns, header, grid, sample)), grid, sample)
    return _laid_out(head, header, columns, grid, sample)


def _by_likeness(
    columns: Sequence[ColumnUnderstanding], header: Header, grid: Grid, sample: Sequence[int]
) -> list[ColumnUnderstanding]:
    """Columns that nothing names, by the heading that is most like theirs, where most of what stands in them can be read so."""
    taken = fields_of(columns)
    found = []
    unknown = sum(column.how == "unknown" for column in columns)
    for column in columns:
        # No office's sheet has so many; in one made to hold up the work they stay unknown, which is told.
        asked = column.how == "unknown" and unknown <= _MOST_UNKNOWN
        like = likely_meaning(header.paths[column.index]) if asked else UNKNOWN
        if like.target is not None and like.target not in taken and _readable(like, column, grid, sample):
            taken.add(like.target)
            column = replace(column, field=like.target, how="guessed", times=like.times, parts=like.parts)
        found.append(column)
    return found


def _readable(like: Meaning, column: ColumnUnderstanding, grid: Grid, sample: Sequence[int]) -> bool:
    field = field_of(like.target or "")
    if field.holds in ("programmes", "county"):
        return True
    reader = Readers(_LATEST, {}, county=None, date_1904=False, of_text=False).reader(field, like.times, like.parts)
    raw = (grid.raw(number, column.index) for number in sample)
    cells = [str(cell).upper() if isinstance(cell, bool) else cell for cell in raw if cell is not None]
    reader.read(cells)
    faulty = sum(cell in reader.faults and is_error(reader.faults[cell]) for cell in cells)
    return faulty <= (1 - _MOST) * len(cells)


def _placed(columns: Sequence[ColumnUnderstanding]) -> list[ColumnUnderstanding]:
    """Whose each column is, where its heading does not say: of several names in a row the first is the head's."""
    known = fields_of(columns)
    unnamed = "name" not in known
    placed: list[ColumnUnderstanding] = []
    taken: set[str] = set()
    role = ""
    for column in columns:
        target = column.field
        if target is None or column.how == "remembered":
            placed.append(column)
            taken.add(target or "")
            continue
        own, _, code = target.rpartition(":")
        of_role, person = f"{role}:{code}", BY_CODE[code].of_person and not own
        member = role not in ("", "head")
        if own and target in taken and code == "name":
            role = _free(taken)
            target = f"{role}:{code}"
        elif own and target in taken and role.startswith(own) and of_role not in taken:
            target = of_role
        elif own and code in ("name", "identity_number"):
            role = own
        elif person and of_role not in taken and (member if code == "relation" or target in taken else unnamed and role):
            target = of_role
        elif person and target in taken and code == "name":
            role = _free(taken)
            target = f"{role}:{code}"
        elif target in taken and code == "phone" and "other_contact" not in taken | known:
            target = "other_contact"
        how: How = "doubled" if target in taken else "place" if target != column.field else column.how
        if column.how == "guessed":
            placed.append(replace(column, field=None, how="unknown") if how == "doubled" else replace(column, field=target))
            taken.add(target)
            continue
        taken.add(target)
        # Of two columns of one name or number only one can be read; two of anything else are compared.
        one = how == "doubled" and BY_CODE[code].place == "row"
        placed.append(replace(column, field=None if one else target, how=how))
    return _dissolved(placed)


def _free(taken: set[str]) -> str:
    """The next person of a row."""
    return next(free for free in ("member", *(f"member{number}" for number in range(2, 100))) if f"{free}:name" not in taken)


def _dissolved(columns: list[ColumnUnderstanding]) -> list[ColumnUnderstanding]:
    """Roles that name nobody are none: the head's columns of a sheet of heads, the phone of a member without a name."""
    known = fields_of(columns)
    named = {target.rpartition(":")[0] for target in known if target.rpartition(":")[2] in ("name", "identity_number")}
    only_head = "" not in named and not any(role.startswith(_GROUPS) for role in named)
    unnamed = not any(target.endswith("name") and BY_CODE[target.rpartition(":")[2]].holds == "name" for target in known)
    whole = any(_named(known, base) for base in ("", "head"))
    found = []
    for column in columns:
        role, _, code = (column.field or "").rpartition(":")
        if role and ((role == "head" and only_head) or (role not in named and (role != "head" or unnamed))):
            column = replace(column, field=code, how="doubled" if code in known else column.how)
        elif role not in ("", "head") and whole and not _named(known, role):
            # A spouse of whom the sheet tells the name alone is nobody who could be put on file.
            column = replace(column, field=None, how="unknown")
        found.append(column)
    return found


def _by_content(columns: list[ColumnUnderstanding], grid: Grid, sample: Sequence[int]) -> list[ColumnUnderstanding]:
    """Columns whose heading says nothing, told by what stands in them."""
    known = {target.rpartition(":")[2] for target in fields_of(columns)}
    found = []
    for column in columns:
        if column.how == "unknown":
            cells = [cell for cell in (grid.raw(number, column.index) for number in sample) if cell is not None]
            field = _content(cells, known) if len(cells) > 1 else None
            if field is not None:
                known.add(field)
                column = replace(column, field=field, how="content")
        found.append(column)
    return found


def _content(cells: Sequence[Cell], known: set[str]) -> str | None:
    enough = _MOST * len(cells)
    if "identity_number" not in known and sum(is_identity(cell, READER) for cell in cells) >= enough:
        return "identity_number"
    if "phone" not in known and sum(_is_mobile(cell) for cell in cells) >= enough:
        return "phone"
    if "relation" not in known and sum(_is_relation(cell) for cell in cells) >= enough and len(set(cells)) > 1:
        return "relation"
    return None


def _is_mobile(cell: Cell) -> bool:
    read = phone(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else None
    return isinstance(read, str) and len(read) == 11 and read[0] == "1"


def _is_relation(cell: Cell) -> bool:
    return isinstance(cell, str) and not isinstance(relation(cell), Fault | None)


def _laid_out(
    head: SheetHead, header: Header, columns: Sequence[ColumnUnderstanding], grid: Grid, sample: Sequence[int]
) -> SheetUnderstanding:
    known = fields_of(columns)
    roles = {target.rpartition(":")[0] for target in known if target.endswith((":name", ":identity_number"))}
    groups = [role for role in roles if role.startswith(_GROUPS)]
    whole = all(_named(known, role) for role in (groups or [""]))
    missing: tuple[str, ...] = ()
    layout: Layout = "flat"
    by: HouseholdsBy = "row"
    carry = False
    if "name" not in known and not roles:
        fields = [BY_CODE[target.rpartition(":")[2]] for target in known]
        holds = [field for field in fields if field.place not in ("row", "told") or field.holds == "phone"]
        keyed = bool({"identity_number", "household_number"} & known)
        layout = "supplement" if keyed and holds else "ignored"
        missing = () if layout == "supplement" else tuple(code for code in ("name", "identity_number") if code not in known)
    elif not whole or (groups and "" in roles and not _named(known, "")):
        base = next((role for role in sorted(roles | {""}) if _partly(known, role)), "")
        missing = tuple(code for code in ("name", "identity_number") if f"{base}:{code}".lstrip(":") not in known)
        layout = "ignored"
    elif groups:
        first = [column.index for column in columns if column.field in ("head:name", "head:identity_number", "name")]
        layout = (
            "blocks" if any(all(grid.raw(number, at) is None for at in first) for number in sample[1:]) and first else "wide"
        )
        by = "number" if "household_number" in known else "head" if first else "relation" if "relation" in known else "row"
    else:
        by = _parted_by(known)
        carry = by == "number" and _carries(columns, grid, sample)
        at = [column.index for column in columns if column.field in ("head:name", "head:identity_number")]
        blank = by == "head" and any(grid.raw(number, at[0]) is None for number in sample[1:])
        layout = "blocks" if carry or blank or (by == "relation" and not _repeats(columns, grid, sample)) else "flat"
    return SheetUnderstanding(
        head.index, head.name, head.visible, layout,
        reason="" if layout != "ignored" else "columns_missing",
        header_rows=header.rows,
        first_row=header.rows[-1] + 1,
        columns=tuple(columns),
        missing=missing,
        households_by=by,
        carry=carry,
        blank_head=by in ("relation", "number") and _heads_are_blank(columns, grid, sample),
        identities=any(is_identity(cell, READER) for number in sample[:50] for cell in grid.cells[number]),
    )  # fmt: skip


def _named(known: set[str], role: str) -> bool:
    prefix = f"{role}:" if role else ""
    return f"{prefix}name" in known and f"{prefix}identity_number" in known


def _partly(known: set[str], role: str) -> bool:
    prefix = f"{role}:" if role else ""
    return f"{prefix}name" in known or f"{prefix}identity_number" in known


def _parted_by(known: set[str]) -> HouseholdsBy:
    if "household_number" in known:
        return "number"
    if {"head:name", "head:identity_number"} & known:
        return "head"
    return "relation" if "relation" in known else "row"


def _index(columns: Sequence[ColumnUnderstanding], field: str) -> int | None:
    return next((column.index for column in columns if column.field == field), None)


def _carries(columns: Sequence[ColumnUnderstanding], grid: Grid, sample: Sequence[int]) -> bool:
    """Whether only the first row of a household bears its number: no member's row does, and some bear none."""
    number_at, relation_at = _index(columns, "household_number"), _index(columns, "relation")
    name_at = _index(columns, "name")
    blank = filled = 0
    for row in sample:
        if name_at is None or number_at is None or grid.raw(row, name_at) is None:
            continue
        head = relation_at is not None and relation(grid.raw(row, relation_at)) == HEAD
        if grid.raw(row, number_at) is None:
            blank += 1
        elif not head and relation_at is not None and grid.raw(row, relation_at) is not None:
            filled += 1
    return blank > 0 and (filled == 0 or blank > 3 * filled)


def _heads_are_blank(columns: Sequence[ColumnUnderstanding], grid: Grid, sample: Sequence[int]) -> bool:
    """Whether no row calls itself the head's, and the first person's relation is blank."""
    at, name_at = _index(columns, "relation"), _index(columns, "name")
    if at is None or name_at is None:
        return False
    told = [relation(grid.raw(row, at)) for row in sample if grid.raw(row, name_at) is not None]
    return len(told) > 1 and told[0] is None and HEAD not in told and any(one is not None for one in told)


def _repeats(columns: Sequence[ColumnUnderstanding], grid: Grid, sample: Sequence[int]) -> bool:
    """Whether members' rows repeat the address of the household."""
    at, relation_at = _index(columns, "address"), _index(columns, "relation")
    if at is None or relation_at is None:
        return True
    members = [row for row in sample if relation(grid.raw(row, relation_at)) != HEAD]
    return not members or sum(grid.raw(row, at) is not None for row in members) * 2 > len(members)
