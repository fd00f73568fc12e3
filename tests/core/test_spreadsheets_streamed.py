"""Large sheets are cut and parsed while they are asked for, small ones at once: what is read is the same, row by row."""

from __future__ import annotations

import gc
import re
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xlsxwriter import Workbook

from core.spreadsheets import refusals, sheet_pieces, xlsx
from core.spreadsheets.cells import Cell, SheetHead, SheetRow, SpreadsheetRefused
from core.spreadsheets.frames import decode
from core.spreadsheets.reading import open_spreadsheet
from core.spreadsheets.xlsx import XlsxSource
from tests.core.spreadsheet_files import package, source_of, xlsx_parts
from tests.core.test_roster_corpus import CASES

SMALL = 300
"""Bytes of a sheet that are looked at together here: nearly every sheet is a large one then."""
MERGED = '<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells>'
NEVER = re.compile(rb"(?!)")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "BLOCK", SMALL)


def streaming(data: bytes) -> XlsxSource:
    """A source of which at least one sheet is streamed."""
    source = source_of(data)
    assert isinstance(source, XlsxSource)
    assert source._streamed
    return source


def rows_in(source: XlsxSource, index: int = 0) -> list[SheetRow]:
    return [row for frame in source.frames(index) for row in decode(frame)]


Told = tuple[int, list[Cell]]


def told(row: SheetRow) -> Told:
    """A row without what is blank at its end: rows are as wide as the widest that is parsed with them."""
    cells = list(row.cells)
    while cells and cells[-1] is None:
        cells.pop()
    return row.number, cells


def seen(data: bytes) -> tuple[tuple[SheetHead, ...], list[list[Told]]] | str:
    """Everything that is seen of a file, or the kind of its refusal."""
    try:
        source = source_of(data)
        assert isinstance(source, XlsxSource)
        return source.sheets, [list(map(told, rows_in(source, head.index))) for head in source.sheets]
    except SpreadsheetRefused as refusal:
        return refusal.kind


def numbered(*rows: int) -> str:
    return "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="inlineStr"><is><t>甲</t></is></c></row>' for n in rows
    )


def test_every_workbook_of_the_corpus_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [case.as_bytes() for case in CASES if case.format != "text"]
    at_once = [seen(data) for data in files]
    monkeypatch.setattr(xlsx, "BLOCK", SMALL)
    streamed = [seen(data) for data in files]
    assert streamed == at_once
    assert sum(bool(streaming(data)) for data in files[:20]) == 20


CELLS = st.sampled_from(
    [
        "<c r='{at}'><v>1</v></c>",
        '<c r="{at}"><v>2.5</v></c>',
        '<c r="{at}" s="1"/>',
        "<c><v>3</v></c>",
        '<c r="{at}" t="e"><v>#N/A</v></c>',
        '<c r="{at}" t="e"/>',
        '<c r="{at}"><f>A1</f></c>',
        '<c r="{at}"><f>A1</f><v>0</v></c>',
        '<c r="{at}" t="inlineStr"><is><t>张三&amp;</t></is></c>',
        '<c r="{at}" t="b"><v>1</v></c>',
        '<c r="{at}" t="inlineStr"><is><r><t>李</t></r><r><t>四</t></r></is></c>',
    ]
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 2, 30, 12_000]), st.sampled_from(["", ' spans="1:3"', None]), st.lists(CELLS, max_size=4)
    ),
    min_size=1,
    max_size=12,
)


def written(rows: list[tuple[int, str | None, list[str]]]) -> str:
    """Rows as XML: how far each is below the one before, its attributes (None: no number of its own), its cells."""
    made, number = [], 0
    for further, attributes, cells in rows:
        number += 1 if attributes is None else further
        if number > 1_048_576:
            break
        own = "" if attributes is None else f' r="{number}"{attributes}'
        made.append(
            f"<row{own}>{''.join(cell.format(at=f'{chr(65 + place)}{number}') for place, cell in enumerate(cells))}</row>"
        )
    return "".join(made)


@given(rows=ROWS, block=st.integers(40, 2_000), cuts=st.integers(1, 5))
def test_plain_rows_are_read_as_any_others(rows: list[tuple[int, str | None, list[str]]], block: int, cuts: int) -> None:
    data = package(xlsx_parts(written(rows), after=MERGED))
    at_once = seen(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx, "BLOCK", block)
        patch.setattr(sheet_pieces, "CHUNK_ROWS", cuts)
        streamed = seen(data)
        patch.setattr(sheet_pieces, "_PLAIN", NEVER)
        one_by_one = seen(data)
    assert streamed == one_by_one == at_once


def test_plain_rows_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_pieces, "CHUNK_ROWS", 2)
    source = source_of(package(xlsx_parts(numbered(*range(1, 6)))))
    assert [[row.number for row in decode(frame)] for frame in source.frames(0)] == [[1, 2], [3, 4], [5]]


@pytest.mark.usefixtures("small_blocks")
def test_a_streamed_sheet_may_be_left_and_asked_for_again() -> None:
    source = streaming(package(xlsx_parts(numbered(*range(1, 60)), numbered(*range(5, 90)), after=MERGED)))
    first, second = source.frames(0), source.frames(1)
    assert (decode(next(first))[0].number, decode(next(second))[0].number) == (1, 5)
    for _ in range(2):
        assert [row.number for row in rows_in(source)] == [*range(1, 60)]
    assert [row.number for row in rows_in(source, 1)] == [*range(5, 90)]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("limit", "most", "kind"), [("MOST_ROWS", 100, "too_many_rows"), ("MOST_CELLS", 100, "too_many_cells")]
)
def test_limits_hold_over_all_sheets_however_often_one_is_read(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, kind: str
) -> None:
    monkeypatch.setattr(refusals, limit, most)
    source = streaming(package(xlsx_parts(numbered(*range(1, 61)), numbered(*range(1, 40)), numbered(*range(1, 3)))))
    for _ in range(3):
        assert len(rows_in(source)) == 60
    with pytest.raises(SpreadsheetRefused) as refusal:
        rows_in(source, 1)
    assert refusal.value.kind == kind


@pytest.mark.usefixtures("small_blocks")
def test_what_only_looks_like_the_end_of_the_rows_hides_nothing() -> None:
    rows = numbered(1, 2) + "<!-- </sheetData><mergeCell ref='C1:D9'/> -->" + numbered(*range(3, 30))
    assert seen(package(xlsx_parts(rows, after=MERGED))) == "damaged"


@pytest.mark.usefixtures("small_blocks")
def test_a_sheet_that_is_cut_off_is_damaged() -> None:
    parts = xlsx_parts(numbered(*range(1, 60)))
    whole = str(parts["xl/worksheets/sheet1.xml"])
    for end in ("</sheetData>", "</row>"):
        cut = package(parts | {"xl/worksheets/sheet1.xml": whole[: whole.rindex(end)]})
        assert seen(cut) == "damaged"


@pytest.mark.usefixtures("small_blocks")
def test_merged_ranges_in_comments_are_none() -> None:
    data = package(xlsx_parts(numbered(*range(1, 30)), after=f"<!-- <mergeCell ref='A5:B6'/> -->{MERGED}"))
    assert [head.merges for head in streaming(data).sheets] == [((1, 0, 1, 1),)]


@pytest.mark.usefixtures("small_blocks")
def test_rows_far_apart_are_no_plain_ones() -> None:
    assert seen(package(xlsx_parts(numbered(1, 9_999_999), after=MERGED))) == "damaged"


@pytest.mark.parametrize("least", range(2, 8))
def test_no_row_comes_twice_where_a_cell_names_another_row(monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    rows = numbered(*range(1, 9)).replace('"A5"', '"A6"')
    monkeypatch.setattr(xlsx, "BLOCK", SMALL)
    monkeypatch.setattr(sheet_pieces, "CHUNK_ROWS", least)
    read: Any = seen(package(xlsx_parts(rows)))
    assert read == "damaged" or [number for number, _ in read[1][0]] == [*range(1, 9)]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("little", [0, 10_000])
def test_no_thread_stays_behind_a_refusal(monkeypatch: pytest.MonkeyPatch, little: int) -> None:
    monkeypatch.setattr(xlsx, "_LITTLE_SHARED", little)
    data = package(xlsx_parts(numbered(*range(1, 60)).replace('<row r="30">', '<row r="3">')))
    before = set(threading.enumerate())
    gc.disable()
    try:
        assert seen(data) == "damaged"
        assert set(threading.enumerate()) <= before
    finally:
        gc.enable()


def test_large_shared_texts_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = xlsx_parts('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', shared="<si><t>张三</t></si>")
    for little, kept in ((10_000, True), (10, False)):
        monkeypatch.setattr(xlsx, "_LITTLE_SHARED", little)
        source = source_of(package(parts))
        assert isinstance(source, XlsxSource)
        assert [isinstance(shared, bytes) for shared in source._shared.values()] == [kept, kept]
        assert rows_in(source)[0].cells == ["张三"]


LONG = {"城关镇": 4_000, "河口乡": 30}
"""Rows of sheets."""


def long_sheets(*, shared: bool) -> bytes:
    """A sheet of some megabytes and a short one, with merged ranges behind their rows."""
    out = BytesIO()
    with Workbook(out, {"constant_memory": not shared}) as book:
        for name, rows in LONG.items():
            sheet = book.add_worksheet(name)
            for number in range(rows):
                for column in range(20):
                    sheet.write_string(number, column, f"{name}第{number}户第{column}项" if column % 4 else "是")
            sheet.merge_range(rows, 0, rows + 1, 3, "合计")
    return out.getvalue()


@pytest.mark.parametrize("shared", [False, True])
def test_long_sheets_are_read_apart_in_any_order(tmp_path: Path, shared: bool) -> None:
    data = long_sheets(shared=shared)
    source = source_of(data)
    assert isinstance(source, XlsxSource)
    assert source._streamed == (set() if shared else {0})
    path = tmp_path / "名册.xlsx"
    path.write_bytes(data)
    with open_spreadsheet(path) as reading:
        assert [len(head.merges) for head in reading.sheets] == [1, 1]
        for index, name in ((1, "河口乡"), (0, "城关镇"), (1, "河口乡")):
            assert next(iter(reading.rows(index)))[0].cells[1] == f"{name}第0户第1项"
            rows = [row for chunk in reading.rows(index) for row in chunk]
            assert (len(rows), rows[-1].cells[0]) == (LONG[name] + 1, "合计")
            assert rows[-2].cells == [f"{name}第{LONG[name] - 1}户第{column}项" if column % 4 else "是" for column in range(20)]
