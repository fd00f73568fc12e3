"""Files that mean harm, and files that are broken: refused with the kind, or read as plain values; never a crash."""

from __future__ import annotations

import os
import random
import re
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
import xlwt

from core.spreadsheets import packages, refusals
from core.spreadsheets.cells import SheetRow, SpreadsheetRefused
from core.spreadsheets.frames import decode
from core.spreadsheets.reading import open_spreadsheet
from core.spreadsheets.refusals import KINDS, refused
from tests.core.spreadsheet_files import cells_of, ods_parts, package, read_apart, rows_of, source_of, xlsx_parts

ONE = '<row r="1"><c r="A1"><v>1</v></c></row>'
DOCTYPE = '<!DOCTYPE a [<!ENTITY b "0123456789"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
TABLE = (
    '<table:table table:name="a"><table:table-row><table:table-cell office:value-type="float" office:value="1"/>'
    "</table:table-row></table:table>"
)
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def old() -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("a")
    for number in range(40):
        sheet.write(number, 0, f"张{number}")
        sheet.write(number, 1, number * 1.5)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def kind_of(data: bytes) -> str:
    """The kind with which the reader refuses the bytes, while it opens them or while it reads the rows."""
    try:
        for sheet in source_of(data).sheets:
            rows_of(data, sheet.index)
    except SpreadsheetRefused as told:
        return told.kind
    return "read"


def with_part(name: str, content: str | bytes) -> bytes:
    return package(xlsx_parts(ONE) | {name: content})


# what is read as plain values


@pytest.mark.parametrize(
    "more",
    [
        {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 macros"},
        {"xl/externalLinks/externalLink1.xml": "<externalLink><ddeLink ddeService='cmd' ddeTopic='/c calc'/></externalLink>"},
        {"xl/connections.xml": "<connections><connection odcFile='http://example.org/a.odc'/></connections>"},
        {"xl/embeddings/oleObject1.bin": b"MZ program"},
        {"customXml/item1.xml": "<a/>", "xl/media/image1.png": b"\x89PNG"},
    ],
)
def test_what_runs_or_leads_elsewhere_is_never_opened(more: dict[str, str | bytes]) -> None:
    cell = '<row r="1"><c r="A1"><f>[1]a!A1+cmd|\'/c calc\'!A0</f><v>1</v></c></row>'
    assert cells_of(package(xlsx_parts(cell) | more)) == [[1.0]]


def test_a_workbook_with_an_external_sheet_leaves_it_out() -> None:
    parts = xlsx_parts(ONE)
    related = str(parts["xl/_rels/workbook.xml.rels"])
    parts["xl/_rels/workbook.xml.rels"] = related.replace('Id="s1"', 'Id="s1" TargetMode="External"')
    assert source_of(package(parts)).sheets == ()


# what is refused


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("unsafe_names", with_part("../../etc/passwd", "x")),
        ("unsafe_names", with_part("/etc/passwd", "x")),
        ("unsafe_names", with_part("C:\\windows\\a", "x")),
        ("unsafe_names", with_part("XL/workbook.xml", "x")),
        ("entities", with_part("xl/workbook.xml", f"{DOCTYPE}<workbook/>")),
        ("entities", with_part("xl/worksheets/sheet1.xml", f"{DOCTYPE}<worksheet><sheetData/></worksheet>")),
        ("entities", with_part("xl/sharedStrings.xml", f"<!--{' ' * 5000}-->{DOCTYPE}<sst><si><t>&c;</t></si></sst>")),
        ("entities", with_part("docProps/core.xml", f"{DOCTYPE}<a/>")),
        ("damaged", with_part("xl/styles.xml", f"{DOCTYPE}<styleSheet/>".encode("utf-16"))),
        ("entities", package(ods_parts(TABLE) | {"content.xml": f"<!--{' ' * 5000}-->{DOCTYPE}<a>&c;</a>"})),
        ("password", package(ods_parts(TABLE) | {"META-INF/manifest.xml": "<manifest:encryption-data/>"})),
        ("password", COMPOUND + "EncryptedPackage".encode("utf-16-le")),
        ("not_a_spreadsheet", COMPOUND + "WordDocument".encode("utf-16-le")),
        ("damaged", COMPOUND + "Workbook".encode("utf-16-le")),
        ("damaged", package(xlsx_parts(ONE))[:-30]),
        ("damaged", package(xlsx_parts(ONE))[:300]),
        ("damaged", old()[:3000]),
        ("not_a_spreadsheet", package({"a.txt": "b"})),
        ("not_a_spreadsheet", with_part("xl/workbook.xml", "<document/>")),
        ("unsupported", package({"_rels/.rels": str(xlsx_parts()["_rels/.rels"]).replace("workbook.xml", "workbook.bin")})),
        ("markup", b"\xef\xbb\xbf \r\n<html><table><tr><td>1</td></tr></table></html>"),
        ("markup", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>'),
        ("markup", "<html><body/></html>".encode("utf-16")),
        ("not_a_spreadsheet", b"%PDF-1.7\n"),
        ("not_a_spreadsheet", b"MZ\x90\x00\x03\x00"),
        ("encoding", b"a,b\r\n\xff\xff\xfe,1\r\n"),
        ("quotes", b'a,b\r\n1,"never ends\r\n2,3\r\n'),
        ("quotes", b'a,b\r\n1,"x"y\r\n'),
        ("damaged", with_part("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row r='1'><c r='A1'><v>1</v></c>")),
        ("damaged", package(xlsx_parts('<row r="2"><c r="A2"><v>1</v></c></row>' + ONE))),
        ("damaged", package(xlsx_parts(ONE.replace('"1"', '"9999999"')))),
        ("damaged", package(xlsx_parts(ONE.replace("<v>1", "<v>1&#48;")))),
        ("damaged", package(xlsx_parts(ONE.replace("<v>", "<f><![CDATA[A2]]></f><v>")))),
        ("damaged", package(xlsx_parts(ONE.replace("<v>1", "<v><![CDATA[1]]>")))),
        ("too_many_columns", package(xlsx_parts(ONE + '<row r="2"><c r="AAA2"><v>1</v></c></row>'))),
        ("too_many_columns", ",".join("x" * 703).encode()),
    ],
)
def test_it_is_refused_with_its_kind(kind: str, data: bytes) -> None:
    assert kind_of(data) == kind


def test_three_hundred_columns_are_read() -> None:
    assert [len(cells) for cells in cells_of(",".join("x" * 300).encode())] == [300]


def test_a_password_of_an_old_workbook_is_told() -> None:
    data = bytearray(old())
    place = data.index(b"\x09\x08\x10\x00\x00\x06\x05\x00")
    following = place + 4 + struct.unpack_from("<H", data, place + 2)[0]
    length = struct.unpack_from("<H", data, following + 2)[0]
    data[following : following + 2] = b"\x2f\x00"  # the record after the first becomes FILEPASS
    assert length >= 2
    assert kind_of(bytes(data)) == "password"


@pytest.mark.parametrize(
    ("kind", "limit", "most"),
    [
        ("too_many_rows", "MOST_ROWS", 2),
        ("too_many_cells", "MOST_CELLS", 5),
        ("too_many_merges", "MOST_MERGES", 0),
    ],
)
def test_limits_hold_for_every_format(monkeypatch: pytest.MonkeyPatch, kind: str, limit: str, most: int) -> None:
    monkeypatch.setattr(refusals, limit, most)
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c><c r="B{n}"><v>2</v></c></row>' for n in (1, 2, 3))
    cell = '<table:table-cell office:value-type="float" office:value="1" table:number-columns-spanned="2"/>'
    table = (
        f'<table:table table:name="a"><table:table-row table:number-rows-repeated="6">{cell}</table:table-row></table:table>'
    )
    book = xlwt.Workbook()
    sheet = book.add_sheet("a")
    sheet.write_merge(0, 0, 0, 1, "x")
    for number in range(1, 4):
        sheet.write(number, 0, 1)
        sheet.write(number, 1, 1)
    saved = BytesIO()
    book.save(saved)
    merged = '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'
    files = [package(xlsx_parts(rows, after=merged)), package(ods_parts(table)), saved.getvalue()]
    if limit != "MOST_MERGES":
        files.append(b"1,2\r\n3,4\r\n5,6\r\n")
    assert [kind_of(data) for data in files] == [kind] * len(files)


def test_what_unpacks_too_large_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = package(xlsx_parts(ONE) | {"xl/sharedStrings.xml": b" " * 3_000_000})
    assert len(zeros) < 10_000
    monkeypatch.setattr(packages, "MOST_UNPACKED", 2_000_000)
    assert kind_of(zeros) == "bomb"
    monkeypatch.setattr(packages, "MOST_PARTS", 3)
    assert kind_of(zeros) == "too_many_parts"


def test_a_directory_that_lies_about_sizes_is_not_believed() -> None:
    data = package(xlsx_parts(ONE) | {"xl/sharedStrings.xml": b" " * 100_000})
    lying = data.replace(struct.pack("<I", 100_000), struct.pack("<I", 50))
    assert lying != data
    assert kind_of(lying) == "damaged"


def test_an_encrypted_part_asks_for_a_password() -> None:
    data = bytearray(package(xlsx_parts(ONE)))
    for found in list(re.finditer(b"PK\x01\x02", bytes(data))):
        data[found.start() + 8] |= 1
    assert kind_of(bytes(data)) == "password"


def test_every_kind_has_words_in_both_languages() -> None:
    for kind in KINDS:
        told = refused(kind, "a.xlsx")
        assert told.kind == kind
        assert all((told.zh, told.en, told.mend_zh, told.mend_en, told.where))


# the process apart

DENSE = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c><c r="B1"><v>2</v></c></row>'


def test_a_child_that_runs_out_of_memory_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(SpreadsheetRefused) as told:
        read_apart(tmp_path / "a.xlsx", package(xlsx_parts(DENSE)))
    assert (told.value.kind, told.value.where) == ("memory", "a.xlsx")


@pytest.mark.parametrize(
    ("how", "kind"), [(signal.SIGKILL, "memory"), (signal.SIGXCPU, "too_slow"), (signal.SIGSEGV, "crashed")]
)
def test_a_child_that_is_killed_is_a_refusal(tmp_path: Path, how: signal.Signals, kind: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名\n张三\n", "utf-8")
    with open_spreadsheet(path) as reading:
        reading._child.send_signal(how)
        with pytest.raises(SpreadsheetRefused) as told:
            list(reading.rows(0))
    assert told.value.kind == kind


def test_sizes_and_names_are_looked_at_first(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pytest.raises(SpreadsheetRefused) as told:
        open_spreadsheet(path)
    assert told.value.kind == "missing"
    path.write_bytes(b"")
    with pytest.raises(SpreadsheetRefused) as told:
        open_spreadsheet(path)
    assert told.value.kind == "empty"
    os.truncate(path, 64 * 1024 * 1024 + 1)
    with pytest.raises(SpreadsheetRefused) as told:
        open_spreadsheet(path)
    assert told.value.kind == "too_large"


def test_a_wrong_name_does_not_hide_what_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "名单.xls"
    path.write_bytes(package(xlsx_parts(ONE)))
    with open_spreadsheet(path) as reading:
        assert (reading.format, reading.misnamed) == ("xlsx", True)
    path.write_bytes(b"<html></html>")
    with pytest.raises(SpreadsheetRefused) as told:
        open_spreadsheet(path)
    assert (told.value.kind, told.value.where) == ("markup", "名单.xls")


def test_another_sheet_may_be_asked_for_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    long = "".join(f'<row r="{number}"><c r="A{number}"><v>{number}</v></c></row>' for number in range(1, 9_001))
    path.write_bytes(package(xlsx_parts(long, ONE, states=("visible", "hidden"))))
    with open_spreadsheet(path) as reading:
        assert [sheet.visible for sheet in reading.sheets] == [True, False]
        first = reading.rows(0)
        assert len(next(first)) == 2_000
        assert list(reading.rows(1)) == [[SheetRow(1, [1.0])]]
        with pytest.raises(RuntimeError):
            next(first)
        assert [len(rows) for rows in reading.rows(0)] == [2_000, 2_000, 2_000, 2_000, 1_000]


CONFINED = """
import os, resource, socket, subprocess, sys
from core.spreadsheets.confinement import confine
confine()
def refused(act):
    try:
        act()
    except (OSError, MemoryError) as fault:
        return type(fault).__name__
    return "done"
print([
    refused(lambda: socket.socket()),
    refused(lambda: socket.create_connection(("127.0.0.1", 9))),
    refused(lambda: subprocess.run(["true"])),
    refused(lambda: open("written", "w")),
    refused(lambda: os.unlink(sys.argv[1])),
    refused(lambda: bytearray(600 * 1024 * 1024)),
    refused(lambda: open(sys.argv[1]).read()),
    resource.getrlimit(resource.RLIMIT_FSIZE)[1],
])
"""


def test_the_process_apart_can_neither_talk_nor_write_nor_grow(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("x")
    done = subprocess.run([sys.executable, "-c", CONFINED, str(kept)], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == str([*["PermissionError"] * 5, "MemoryError", "done", 0])


def test_the_process_apart_sees_no_setting_of_the_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANGFU_SECRET", "s3cret")
    path = tmp_path / "a.csv"
    path.write_text("a,b\n", "utf-8")
    with open_spreadsheet(path) as reading:
        told = Path(f"/proc/{reading._child.pid}/environ")
        if told.exists():
            assert b"s3cret" not in told.read_bytes()


def _mutations() -> list[bytes]:
    """Good files of each format with bytes changed, cut or doubled; those of packages inside their parts."""
    chance = random.Random(7)
    texts = {
        "xlsx": str(xlsx_parts(ONE)["xl/worksheets/sheet1.xml"]).encode(),
        "ods": str(ods_parts(TABLE)["content.xml"]).encode(),
        "xls": old(),
        "text": "姓名,金额\r\n张三,1.5\r\n".encode("gb18030") * 20,
        "zip": package(xlsx_parts(ONE)),
    }
    found = []
    for kind, good in texts.items():
        for _ in range(3):
            data = bytearray(good)
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(data))
                piece = [bytes([chance.randrange(256)]), b"", b"9" * 9, bytes(data[place : place + 40])][chance.randrange(4)]
                data[place : place + 1] = piece
            if kind == "xlsx":
                found.append(with_part("xl/worksheets/sheet1.xml", bytes(data)))
            elif kind == "ods":
                found.append(package(ods_parts(TABLE) | {"content.xml": bytes(data)}))
            else:
                found.append(bytes(data))
    return found


def test_no_change_of_bytes_brings_this_process_down(tmp_path: Path) -> None:
    for data in _mutations():
        with suppress(SpreadsheetRefused):
            assert all(isinstance(row, SheetRow) for row in read_apart(tmp_path / "a.xlsx", data))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"1",
        b"{}",
        b"[1,null,[],[]]",
        b'["ab",null,[["x","y"]],[]]',
        b"[[1],null,[[1]]]",
        b"[[1],null,[[[]]],[]]",
        b'[[1],null,[[{"p":1}]],[]]',
        b'[[1],null,[[{"d":"x"}]],[]]',
        b"[[1],null,[[{}]],[]]",
        b"[[1],null,[[1,2]],[]]",
        b"[[1,2],[1],[[1,2]],[]]",
        b"[[true],null,[[1]],[]]",
        b"[[-1],null,[[1]],[]]",
        b"[[1],null,[[1]],[0]]",
        b"[[1],null,[[1]],[7]]",
        b'[[1],null,[[1]],["a"]]',
    ],
)
def test_what_is_no_frame_is_told_of(said: bytes) -> None:
    """A child that a file has taken over may say anything."""
    for codes in (b"", b"\x01"):
        with pytest.raises((ValueError, TypeError, LookupError, struct.error)):
            decode(struct.pack("<I", len(said)) + said + codes)


def test_a_sheet_whose_elements_do_not_end_as_they_began_is_damaged(tmp_path: Path) -> None:
    """Nothing may be lost of it in silence: here the second cell."""
    torn = '<row r="1"><c r="A1"><v>1</v></c>="B1"><v>2</v></c></row>'
    with pytest.raises(SpreadsheetRefused, match="damaged"):
        read_apart(tmp_path / "a.xlsx", package(xlsx_parts(torn)))


@pytest.mark.parametrize("again", ["<sheetData ", "<!--", "<c ", "<f ", "<v ", "<f/>" + " " * 99])
@pytest.mark.parametrize("start", ["<worksheet>", "<worksheet><sheetData><row r='1'><c><f/><v>&amp;</v></c><c t='e'>"])
def test_what_begins_again_and_again_is_looked_at_once(start: str, again: str) -> None:
    """It would take minutes if each beginning were followed to the end."""
    content = f"{start}{again * 20_000}</row></sheetData><!-- {'<mergeCell ' * 20_000}"
    assert kind_of(with_part("xl/worksheets/sheet1.xml", content)) == "damaged"
