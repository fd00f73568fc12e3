"""What is written comes back the same, and none of it runs."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.spreadsheets.cells import Cell, FaultyCell
from core.spreadsheets.frames import decode, encode, plain
from core.spreadsheets.writing import LONGEST_TEXT, SpreadsheetWriting, Written, Yuan, harmless, rows_as_csv, valid_name
from tests.core.spreadsheet_files import cells_of, source_of

TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.text(alphabet="=+-@\t\r\n '\"_x0A41<&;,|\ufeff𠮷·\x00\x07\x85\ud800", max_size=12),
        st.sampled_from(["=cmd|'/c calc'!A0", "@SUM(A1)", "-5", "+86 138", "http://a.cn", "_x0041_", "  两边 ", "\t制表"]),
    ),
    min_size=1,
    max_size=12,
)


def book_of(rows: list[list[Written]], *, large: bool = False) -> bytes:
    made = io.BytesIO()
    with SpreadsheetWriting(made, large=large) as book:
        sheet = book.sheet("名单")
        for number, row in enumerate(rows, 1):
            sheet.row(number, row)
    return made.getvalue()


def parts_of(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return "".join(package.read(name).decode() for name in package.namelist())


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.booleans())
def test_any_text_comes_back_as_it_was_and_is_no_formula(texts: list[str], large: bool) -> None:
    data = book_of([[0, text] for text in texts], large=large)
    found = cells_of(data)
    assert [row[1] if len(row) > 1 else None for row in found] == [
        plain(text) if plain(text).strip() else None for text in texts
    ]
    assert "</f>" not in parts_of(data)


@settings(max_examples=25, deadline=None)
@given(TEXTS)
@example(["\n", "\t \r\n", "\n="])
def test_any_text_in_csv_comes_back_and_begins_no_formula(texts: list[str]) -> None:
    text = rows_as_csv([["编号", "备注"], *(["1", one] for one in texts)])
    found = cells_of(("\ufeff" + text).encode())
    for wanted, row in zip(texts, found[1:], strict=True):
        cell, kept = row[1] or "", plain(wanted) if plain(wanted).strip() else ""
        assert cell in (kept, f"'{kept}")
        assert isinstance(cell, str)
        assert not cell.lstrip().startswith(("=", "+", "@"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(alphabet='",[]\\{}nul:u00\x00\r 张', max_size=5), max_size=4), max_size=4))
def test_any_text_crosses_the_pipe(rows: list[list[str]]) -> None:
    sent = encode([(number, list(row)) for number, row in enumerate(rows, 1)])
    seen = [[plain(text) if plain(text).strip() else None for text in row] for row in rows]
    assert [row.cells for row in decode(sent)] == [row for row in seen if any(row)]


def test_values_keep_their_kind() -> None:
    row: list[Written] = [
        Yuan(1250), Yuan(-5), -12.5, 7, True, date(2024, 2, 29), datetime.fromisoformat("2024-02-29T07:30:05"), time(12, 30),
        timedelta(hours=36), FaultyCell("error", "#N/A"), FaultyCell("no_value", ""), 510104197001010123, None, "",
    ]  # fmt: skip
    wanted: list[Cell] = [
        12.5, -0.05, -12.5, 7.0, True, date(2024, 2, 29), datetime.fromisoformat("2024-02-29T07:30:05"), time(12, 30),
        timedelta(hours=36), "#N/A", "（公式没有结果）", "510104197001010123",
    ]  # fmt: skip
    assert cells_of(book_of([row])) == [wanted]
    assert next(csv.reader(io.StringIO(rows_as_csv([row])))) == [
        "12.50", "-0.05", "-12.5", "7", "是", "2024-02-29", "2024-02-29 07:30:05", "12:30:00",
        "1 day, 12:00:00", "#N/A", "（公式没有结果）", "510104197001010123", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"), (" =1+1", "' =1+1"), ("+86 138", "'+86 138"), ("@SUM(A1)", "'@SUM(A1)"), ("\t1", "'\t1"),
        ("＝1", "'＝1"), ("-1+cmd", "'-1+cmd"), ("-5", "-5"), ("-12.50", "-12.50"), ("张三", "张三"), ("", ""),
    ],
)  # fmt: skip
def test_formulas_are_disarmed_in_csv_and_negative_numbers_stay(text: str, written: str) -> None:
    assert harmless(text) == written


def test_names_of_sheets_are_made_valid_and_single() -> None:
    made = io.BytesIO()
    with SpreadsheetWriting(made) as book:
        for name in ("某区/某街道[1]:?*", "某区_某街道_1____", "'", "History", "长" * 40, "长" * 40, "𠮷" * 20):
            book.sheet(name)
    names = [sheet.name for sheet in source_of(made.getvalue()).sheets]
    assert names == [
        "某区_某街道_1____",
        "某区_某街道_1____ (2)",
        "Sheet",
        "History_",
        "长" * 31,
        "长" * 27 + " (2)",
        "𠮷" * 15,
    ]


def test_a_text_too_long_is_cut_and_says_so() -> None:
    [[cell]] = cells_of(book_of([["𠮷" * 20_000]]))
    assert isinstance(cell, str)
    assert cell.endswith("（超长，已截断）")
    assert len(cell.encode("utf-16-le")) // 2 <= LONGEST_TEXT


def test_headers_notes_tints_and_links_are_in_the_file() -> None:
    made = io.BytesIO()
    with SpreadsheetWriting(made, title="批注副本") as book:
        sheet = book.sheet("错误与提示")
        sheet.paper()
        sheet.widths({0: 20, 1: 12})
        sheet.header(1, ["姓名", "金额"], frozen_columns=1)
        sheet.row(
            2,
            ["张三", Yuan(-5)],
            tints={0: "error", 2: "warning"},
            notes={1: "金额不能为负数\n请改正"},
            links={0: ("某区/街道", "B7")},
        )
        sheet.filters(1, 2, 2)
        book.sheet("某区/街道").row(7, [None, "甲"])
    data, parts = made.getvalue(), parts_of(made.getvalue())
    assert cells_of(data) == [["姓名", "金额"], ["张三", -0.05]]
    for part in ("金额不能为负数", "'某区_街道'!B7", "ySplit", "autoFilter", "FFC7CE", 'formatCode="0.00"', "批注副本"):
        assert part in parts, part


def test_what_no_spreadsheet_can_hold_is_told() -> None:
    with SpreadsheetWriting(io.BytesIO()) as book, pytest.raises(ValueError, match="1048577"):
        book.sheet("a").row(1_048_577, ["x"])


def test_valid_names_need_no_mending() -> None:
    assert [valid_name(name) for name in ("名单", " 名单 ", "a\nb", "\x07")] == ["名单", "名单", "a b", "Sheet"]
