"""Good files of every format give the values that people see in them; what has no value says so."""

from __future__ import annotations

import io
import struct
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
import xlwt
from xlsxwriter import Workbook

from core.spreadsheets.cells import CHUNK_ROWS, Cell, FaultyCell, Merge, SheetHead, SheetRow
from core.spreadsheets.frames import decode, encode
from core.spreadsheets.reading import open_spreadsheet
from core.spreadsheets.sheet_pieces import column_letters, column_number
from tests.core.spreadsheet_files import cells_of, ods_parts, package, rows_of, source_of, xlsx_parts

NO_VALUE = FaultyCell("no_value", "")
DAY = datetime.fromisoformat("2024-02-29")


def xlsx(*rows: str, shared: str = "", after: str = "", date_1904: bool = False) -> bytes:
    return package(xlsx_parts(*rows, shared=shared, after=after, date_1904=date_1904))


def row(*cells: str, number: int = 1) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


# .xlsx


def test_a_workbook_of_a_good_program_is_read_as_it_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "名单.xlsx"
    book = Workbook(path)
    sheet, hidden = book.add_worksheet("名单"), book.add_worksheet("附表")
    hidden.hide()
    sheet.merge_range(0, 0, 0, 3, "困难职工名单")
    sheet.write_row(2, 1, ["𠮷田·买买提", 12.5, True])
    sheet.write_datetime(2, 4, DAY, book.add_format({"num_format": "yyyy年m月d日"}))
    sheet.write_datetime(2, 5, DAY + timedelta(hours=7), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
    sheet.write_number(2, 6, 45000)
    sheet.set_row(2, None, None, {"hidden": True})
    sheet.set_column(2, 2, None, None, {"hidden": True})
    sheet.write_formula(4, 0, "=1+1", None, 2)
    hidden.write_string(0, 0, "隐藏的也是数据")
    book.close()
    with open_spreadsheet(path) as reading:
        assert (reading.file_name, reading.format, reading.date_1904, reading.misnamed) == ("名单.xlsx", "xlsx", False, False)
        assert len(reading.digest) == 64
        assert reading.sheets == (SheetHead(0, "名单", True, (Merge(1, 0, 1, 3),)), SheetHead(1, "附表", False, ()))
        [rows] = reading.rows(0)
        assert rows[0] == SheetRow(1, ["困难职工名单", None, None, None, None, None, None])
        assert rows[1] == SheetRow(
            3, [None, "𠮷田·买买提", 12.5, True, date(2024, 2, 29), datetime.fromisoformat("2024-02-29T07:00"), 45000.0]
        )
        assert (rows[2].number, rows[2].cells[0]) == (5, 2.0)
        assert [rows[0].cells for rows in reading.rows(1)] == [["隐藏的也是数据"]]
        assert [[again.number for again in rows] for rows in reading.rows(0)] == [[1, 3, 5]]


@pytest.mark.parametrize(
    ("date_1904", "days"),
    [(False, [date(2023, 3, 15), date(1900, 3, 1)]), (True, [date(2027, 3, 16), date(1904, 3, 2)])],
)
def test_serials_are_days_of_their_epoch_and_plain_numbers_stay(date_1904: bool, days: list[Cell]) -> None:
    data = xlsx(
        row('<c s="1"><v>45000</v></c><c s="1"><v>61</v></c><c s="3"><v>0.5</v></c><c s="4"><v>1.5</v></c><c><v>45000</v></c>'),
        date_1904=date_1904,
    )
    assert source_of(data).date_1904 is date_1904
    assert cells_of(data) == [[*days, time(12), timedelta(hours=36), 45000.0]]


def test_rich_text_is_one_text_without_its_readings() -> None:
    shared = (
        '<si><r><t>富</t></r><r><rPr><color rgb="1"/></rPr><t xml:space="preserve"> 文本</t></r>'
        '<rPh sb="0" eb="1"><t>フ</t></rPh></si>'
    )
    inline = '<c t="inlineStr"><is><r><t>单</t></r><r><t>姓</t></r><rPh sb="0" eb="1"><t>shan</t></rPh></is></c>'
    assert cells_of(xlsx(row('<c t="s"><v>0</v></c>', inline), shared=shared)) == [["富 文本", "单姓"]]


def test_control_characters_end_at_the_reader() -> None:
    shared = "<si><t>张_x0007_三_x000D_\n李\x7f四\u0085</t></si>"
    assert cells_of(xlsx(row('<c t="s"><v>0</v></c>', '<c t="str"><v>a\x01b</v></c>'), shared=shared)) == [["张三\n李四", "ab"]]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="B1" t="e"><v>#N/A</v></c>', FaultyCell("error", "#N/A")),
        ("<c r='B1' t='e'><v>#REF!</v></c>", FaultyCell("error", "#REF!")),
        ('<c s="0" t="e" r="B1"><f>1/0</f><v>#DIV/0!</v></c>', FaultyCell("error", "#DIV/0!")),
        ('<c r="B1" t="e"><v>#SPILL!</v></c>', FaultyCell("error", "#SPILL!")),
        ('<c r="B1" t="e"/>', None),
        ('<c r="B1"><f>SUM(A1:A9)</f></c>', NO_VALUE),
        ('<c r="B1"><f>SUM(A1:A9)</f><v></v></c>', NO_VALUE),
        ('<c r="B1" s="1"><f t="shared" si="0"/><v/></c>', NO_VALUE),
        ('<c r="B1" t="str"><f>A1</f></c>', NO_VALUE),
        ('<c r="B1" t="str"><f>IF(A1,"","")</f><v></v></c>', None),
        ('<c r="B1"><f>A1*2</f><v>4</v></c>', 4.0),
        ('<c r="B1" t="str"><f>A1</f><v>是</v></c>', "是"),
        ('<c r="B1" t="b"><f>A1</f><v>0</v></c>', False),
        ('<c r="B1"><v>NaN</v></c>', FaultyCell("error", "#NUM!")),
        ('<c r="B1"><v>0</v></c>', 0.0),
        ('<c r="B1"><v>510104197001010123</v></c>', 510104197001010123.0),
    ],
)
def test_a_cell_without_a_value_is_neither_blank_nor_zero(cell: str, value: Cell) -> None:
    found = cells_of(xlsx(row('<c r="A1"><v>1</v></c>', cell, '<c r="C1"><v>3</v></c>')))
    assert found == [[1.0, value, 3.0]]


def test_a_row_of_faults_alone_is_a_row() -> None:
    data = xlsx(row('<c r="C7" t="e"><v>#N/A</v></c>', number=7) + row('<c r="B9"><f>A1</f></c>', number=9))
    assert rows_of(data) == [
        SheetRow(7, [None, None, FaultyCell("error", "#N/A")]),
        SheetRow(9, [None, NO_VALUE, None]),
    ]


def test_rows_and_cells_without_references_count_on() -> None:
    data = xlsx(
        '<row><c><v>1</v></c></row><row/><row s="1"/><row><c s="0"/><c t="e"><v>#N/A</v></c></row>'
        '<row r="9"><c><v>5</v></c><c r="D9"><v>6</v></c><c><f>A1</f></c></row><!-- <row r="10"><c><v>7</v></c></row> -->'
    )
    assert rows_of(data) == [
        SheetRow(1, [1.0, None, None, None, None]),
        SheetRow(4, [None, FaultyCell("error", "#N/A"), None, None, None]),
        SheetRow(9, [5.0, None, None, 6.0, NO_VALUE]),
    ]


def test_names_with_a_prefix_and_sheets_of_nothing_are_read() -> None:
    parts = xlsx_parts("", "")
    parts["xl/worksheets/sheet1.xml"] = (
        '<?xml version="1.0"?><x:worksheet xmlns:x="a"><x:sheetData><x:row r="2"><x:c r="A2"><x:v>1</x:v></x:c>'
        '<x:c r="B2"><x:f>A2</x:f></x:c></x:row></x:sheetData><x:mergeCells><x:mergeCell ref="A2:B3"/></x:mergeCells>'
        "</x:worksheet>"
    )
    parts["xl/worksheets/sheet2.xml"] = "<worksheet><sheetData/></worksheet>"
    data = package(parts)
    assert rows_of(data) == [SheetRow(2, [1.0, NO_VALUE])]
    assert source_of(data).sheets[0].merges == (Merge(2, 0, 3, 1),)
    assert rows_of(data, 1) == []


def test_what_equals_another_value_keeps_its_own_kind() -> None:
    rows = [
        SheetRow(number, [number % 3 == 0, (1, True, 1.0)[number % 3], str(number % 7), f"甲{number}" if number % 2 else None])
        for number in range(1, 700)
    ]
    sent = decode(encode([(row.number, list(row.cells)) for row in rows]))
    assert sent == rows
    assert [[*map(type, row.cells)] for row in sent] == [[*map(type, row.cells)] for row in rows]


def test_a_sheet_that_was_looked_into_is_read_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "名单.csv"
    path.write_text("".join(f"{number},甲\n" for number in range(CHUNK_ROWS * 2)))
    with open_spreadsheet(path) as reading:
        looked = reading.rows(0)
        first = next(looked)
        every = list(reading.rows(0))
        assert every == list(reading.rows(0))
        assert (every[0], [*map(len, every)]) == (first, [CHUNK_ROWS, CHUNK_ROWS])
        with pytest.raises(RuntimeError):
            next(looked)


def test_long_sheets_come_in_chunks_and_far_rows_cost_nothing() -> None:
    close = "".join(row(f'<c r="A{number}"><v>{number}</v></c>', number=number) for number in range(1, CHUNK_ROWS + 2))
    blank = "".join(f'<row r="{number}" s="1" ht="20"/>' for number in range(CHUNK_ROWS + 2, 60_000))
    styled = row('<c r="XFD70000" s="1"/>', number=70_000)
    far = row('<c r="ZZ1048576"><v>1</v></c>', '<c r="XFD1048576" s="1"/>', number=1_048_576)
    data = package(xlsx_parts(close + blank + styled + far, before='<dimension ref="A1:XFD1048576"/>'))
    chunks = list(source_of(data).frames(0))
    assert len(chunks) == 3
    found = rows_of(data)
    assert [one.number for one in found] == [*range(1, CHUNK_ROWS + 2), 1_048_576]
    assert (len(found[-1].cells), found[-1].cells[-1]) == (702, 1.0)


def test_columns_are_named_as_programs_name_them() -> None:
    assert [column_letters(number) for number in (0, 25, 26, 701, 702, 16_383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert all(column_number(column_letters(number)) == number for number in range(0, 16_384, 7))


# .ods


def test_an_open_document_is_read_as_it_is_seen() -> None:
    cells = (
        '<table:table-cell office:value-type="string" table:number-columns-spanned="2" table:number-rows-spanned="2">'
        "<text:p>第一行</text:p><office:annotation><text:p>批注</text:p></office:annotation>"
        '<text:p>第<text:span>二</text:span>行<text:s text:c="2"/>。</text:p></table:table-cell><table:covered-table-cell/>'
        '<table:table-cell office:value-type="float" office:value="1.5"><text:p>1.5</text:p></table:table-cell>'
        '<table:table-cell office:value-type="date" office:date-value="2024-02-29"/>'
        '<table:table-cell office:value-type="date" office:date-value="2024-02-29T07:00:00"/>'
        '<table:table-cell office:value-type="time" office:time-value="PT12H30M00S"/>'
        '<table:table-cell office:value-type="time" office:time-value="PT36H00M00S"/>'
        '<table:table-cell office:value-type="boolean" office:boolean-value="false"/>'
        '<table:table-cell table:formula="of:=1/0" office:value-type="string"><text:p>#DIV/0!</text:p></table:table-cell>'
        '<table:table-cell table:formula="of:=1+1"/>'
        '<table:table-cell table:formula="of:=1+1" office:value-type="float"/>'
        '<table:table-cell table:formula="of:=A1" office:value-type="string"/>'
        '<table:table-cell table:formula="of:=1+1" office:value-type="float" office:value="2"/>'
        '<table:table-cell office:value-type="string" table:number-columns-repeated="2"><text:p>是</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="16000"/>'
    )
    tables = (
        f'<table:table table:name="名单"><table:table-row>{cells}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>'
        '<table:table-row table:number-rows-repeated="2" table:visibility="collapse">'
        '<table:table-cell office:value-type="float" office:value="3"/></table:table-row></table:table>'
        '<table:table table:name="附表" table:style-name="ta2"/>'
    )
    styles = '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
    data = package(ods_parts(tables, styles=styles))
    source = source_of(data)
    assert (source.format, source.sheets) == (
        "ods",
        (SheetHead(0, "名单", True, (Merge(1, 0, 2, 1),)), SheetHead(1, "附表", False, ())),
    )
    first, *others = rows_of(data)
    assert first.cells == [
        "第一行\n第二行  。",
        None,
        1.5,
        date(2024, 2, 29),
        datetime.fromisoformat("2024-02-29T07:00"),
        time(12, 30),
        timedelta(hours=36),
        False,
        FaultyCell("error", "#DIV/0!"),
        NO_VALUE,
        NO_VALUE,
        None,
        2.0,
        "是",
        "是",
    ]
    assert others == [SheetRow(1_000_002, [3.0]), SheetRow(1_000_003, [3.0])]


# .xls


@pytest.mark.parametrize(("dates_1904", "day"), [(False, date(2024, 2, 29)), (True, date(2024, 2, 29))])
def test_an_old_workbook_is_read_as_it_is_seen(dates_1904: bool, day: date) -> None:
    book = xlwt.Workbook(encoding="utf-8")
    book.dates_1904 = dates_1904
    sheet, hidden = book.add_sheet("名单"), book.add_sheet("附表")
    hidden.visibility = 1
    sheet.write_merge(0, 1, 0, 2, "标题")
    as_day, as_time = xlwt.easyxf(num_format_str="yyyy-mm-dd"), xlwt.easyxf(num_format_str="hh:mm")
    sheet.write(2, 0, "张三")
    sheet.write(2, 1, day, as_day)
    sheet.write(2, 2, time(12, 30), as_time)
    sheet.write(2, 3, True)
    sheet.write(2, 4, -12.5)
    sheet.row(2).set_cell_error(5, 0x2A)
    sheet.write(3_000, 1, "远")
    made = io.BytesIO()
    book.save(made)
    source = source_of(made.getvalue())
    assert (source.format, source.date_1904) == ("xls", dates_1904)
    assert source.sheets == (SheetHead(0, "名单", True, (Merge(1, 0, 2, 2),)), SheetHead(1, "附表", False, ()))
    assert rows_of(made.getvalue())[1:] == [
        SheetRow(3, ["张三", day, time(12, 30), True, -12.5, FaultyCell("error", "#N/A")]),
        SheetRow(3_001, [None, "远"]),
    ]


def old_workbook(*, flags: int = 0, result: bytes | None = None, office: bool = False) -> bytes:
    """A workbook of a text, a formula whose result and flags are as told, and a number."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("表")
    for column, value in enumerate(("甲", xlwt.Formula("1+1"), 0)):
        sheet.write(0, column, value)
    made = io.BytesIO()
    book.save(made)
    nothing = struct.pack("<QH", 0xFFFF000000000003, 0)
    assert made.getvalue().count(nothing) == 1
    told = made.getvalue().replace(nothing, (result or nothing[:8]) + struct.pack("<H", flags))
    return told + "SummaryInformation".encode("utf-16-le") * office


@pytest.mark.parametrize(
    ("made", "read"),
    [
        (old_workbook(), NO_VALUE),  # xlwt
        (old_workbook(office=True), None),  # an empty text that an office program has reckoned
        (old_workbook(flags=2, result=bytes(8)), NO_VALUE),  # POI
        (old_workbook(flags=2, result=struct.pack("<d", 2.5)), 2.5),
        (old_workbook(result=bytes(8), office=True), 0),
    ],
)
def test_a_formula_of_an_old_workbook_without_a_result_is_a_fault_and_no_nought(made: bytes, read: Cell) -> None:
    assert cells_of(made) == [["甲", read, 0]]


@pytest.mark.parametrize("asks", [False, True])
def test_nought_is_no_result_where_the_workbook_asks_to_be_reckoned(asks: bool) -> None:
    formulas = (
        '<c r="A1"><f>B9</f><v>0</v></c>',
        '<c r="B1" t="n"><f>B9</f><v>2.5</v></c>',
        '<c r="C1" t="b"><f>B9</f><v>0</v></c>',
    )
    parts = xlsx_parts(row(*formulas, '<c r="D1"><v>0</v></c>'))
    if asks:
        parts["xl/workbook.xml"] = str(parts["xl/workbook.xml"]).replace("</sheets>", '</sheets><calcPr fullCalcOnLoad="1"/>')
    assert cells_of(package(parts)) == [[NO_VALUE if asks else 0, 2.5, False, 0]]


def test_nought_that_a_library_stores_for_a_formula_is_no_result() -> None:
    made = io.BytesIO()
    with Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_formula(0, 0, "=B9")
        sheet.write_formula(0, 1, "=B9", None, 2.5)
        sheet.write(0, 2, 0)
    assert cells_of(made.getvalue()) == [[NO_VALUE, 2.5, 0]]


# texts


TABLE = '编号{0}姓名{0}备注\r\n1{0}𠮷·张三{0}"第一行\n""第二行"""\r\n\r\n{0}{0}\r\n2{0}李四{0}-5\r\n'


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_texts_are_read_in_every_usual_encoding_and_with_every_delimiter(delimiter: str, encoding: str) -> None:
    data = TABLE.format(delimiter).encode(encoding)
    assert source_of(data).format == "text"
    assert rows_of(data) == [
        SheetRow(1, ["编号", "姓名", "备注"]),
        SheetRow(2, ["1", "𠮷·张三", '第一行\n"第二行"']),
        SheetRow(5, ["2", "李四", "-5"]),
    ]


def test_a_number_that_was_to_stay_a_text_is_one() -> None:
    assert cells_of(b'="510104197001010123",=1+1\r\n') == [["510104197001010123", "=1+1"]]


def test_titles_and_commas_in_cells_do_not_hide_the_delimiter() -> None:
    text = "某区困难职工名单, 二〇二四年\n姓名\t住址\n张三\t一号, 二单元, 三楼\n李四\t二号, 一单元, 二楼\n"
    assert cells_of(text.encode("gbk"))[1:] == [
        ["姓名", "住址"],
        ["张三", "一号, 二单元, 三楼"],
        ["李四", "二号, 一单元, 二楼"],
    ]


@pytest.mark.parametrize("blank", [" ", "\u3000", " \u00a0\n\t", "\u200b"])
def test_white_space_alone_is_no_value_and_no_row(blank: str) -> None:
    assert decode(encode([(1, [blank, "甲", blank, 0]), (2, [blank, None])])) == [SheetRow(1, [None, "甲", None, 0])]


@pytest.mark.parametrize("text", [" 甲 ", "甲, ", ",", '["', '," "', "[ ]", ' "', "[ , ]"])
def test_text_with_white_space_in_it_stays_as_it_is(text: str) -> None:
    assert decode(encode([(1, [text, "甲", text])])) == [SheetRow(1, [text, "甲", text])]
