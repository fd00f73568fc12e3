"""The printing engine: every character has a glyph, nothing typed is read as markup, pictures are made anew."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import docx
import pytest
from PIL import ExifTags, Image
from pypdf import PdfReader
from pypdf.generic import ContentStream

from core.errors import InvalidInput
from core.people.papers.form import HEAD_FIELDS, MEMBER_FIELDS, OPINIONS, WORKER_FILE
from core.printing.fonts import undrawn
from core.printing.forms import Foot, PrintedForm, Sheet
from core.printing.pictures import MOST_PIXELS, made_anew, size_of
from core.printing.typesetting import MOST_SHEETS, NotPrinted, typeset
from core.printing.word import filled

RARE = "吉𠮷𡈽㐱䶮·買"
EACH_EXTENSION = (
    "\u4dbf\u9fff\U00020000\U0002a6d6\U0002a700\U0002b734\U0002b740\U0002b820\U0002cea1\U0002ceb0\U0002ebe0\U0002f800"
)
"""The first or last characters of CJK Extensions A to F, of the block itself and of the compatibility supplement."""
TYPED = '#set page(width: 1cm) $x$ \\ #read("/etc/passwd") {{ 7*7 }} {% raw %} <b>&amp; "引号"'
YOUNG = "\U00030000"
EMPTY: Mapping[str, str] = MappingProxyType({})
FOOT = Foot("明远县总工会", "王芳", date(2026, 3, 2))


def sheet(name: str = RARE, *, members: int = 1, picture: bytes | None = None, head: Mapping[str, str] = EMPTY) -> Sheet:
    member = dict.fromkeys(MEMBER_FIELDS, "") | {"姓名": EACH_EXTENSION, "单位或学校": TYPED}
    return Sheet(
        {
            "union": "明远县总工会",
            "head": dict.fromkeys(HEAD_FIELDS, "") | {"姓名": name, "工作单位": TYPED} | dict(head),
            "members": [list(member.values())] * members,
            "opinions": [{"title": title, "text": TYPED, "on": "2026-03-02"} for _, title in OPINIONS],
        },
        picture,
    )


def photo(width: int = 60, height: int = 80, kind: str = "JPEG", **saved: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "#8090a0").save(out, kind, **saved)
    return out.getvalue()


def plain(text: str) -> str:
    return "".join(text.split())


def without_glyph(pdf: PdfReader) -> int:
    """How often a page shows the glyph that stands for none (CID 0)."""
    found = 0
    for page in pdf.pages:
        for operands, operator in ContentStream(page.get_contents(), pdf).operations:
            if operator in (b"Tj", b"TJ"):
                shown = operands[0] if operator == b"TJ" else operands
                for part in shown:
                    code = getattr(part, "original_bytes", b"")
                    found += sum(code[at : at + 2] == b"\0\0" for at in range(0, len(code), 2))
    return found


@pytest.fixture(scope="module")
def printed() -> PdfReader:
    """Two files, the first over two pages: one run of the typesetter for the tests below."""
    made = typeset(WORKER_FILE, [sheet(members=14, picture=photo()), sheet("李" + YOUNG)], FOOT)
    assert made.undrawn == [YOUNG]
    return PdfReader(BytesIO(made.data))


def test_rare_characters_have_glyphs(printed: PdfReader) -> None:
    text = plain(printed.pages[0].extract_text())
    assert RARE in text
    assert EACH_EXTENSION in text
    # in the second file alone, once in its head: the character that no font has
    assert without_glyph(printed) == 1
    assert all("NotoSerifSC" in name or "HanaMin" in name for page in printed.pages for name in _fonts(page))


def _fonts(page: object) -> list[str]:
    return [str(font.get_object()["/BaseFont"]) for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]  # a page is a dictionary


def test_the_sheet_is_a4_and_its_pages_are_counted_file_by_file(printed: PdfReader) -> None:
    millimetres = [float(side) * 25.4 / 72 for side in printed.pages[0].mediabox[2:]]
    assert [round(side) for side in millimetres] == [210, 297]
    feet = [plain(page.extract_text()) for page in printed.pages]
    assert [foot.count("第1页") for foot in feet] == [1, 0, 1]
    assert "第1页共2页" in feet[0]
    assert "第2页共2页" in feet[1]
    assert "第1页共1页" in feet[2]
    assert all("打印：王芳2026-03-02·共2份·证件号码等已遮盖" in foot for foot in feet)
    # the members' heading stands on each page that they reach
    assert [foot.count("家庭成员") for foot in feet] == [1, 1, 1]
    assert all(f"U+{ord(YOUNG):X}" in foot for foot in feet)


def test_what_was_typed_stays_text(printed: PdfReader) -> None:
    text = plain("".join(page.extract_text() for page in printed.pages))
    assert text.count(plain(TYPED)) >= 2 + 3
    assert "root:" not in text


def test_what_is_too_long_for_its_place_stands_whole_on_an_extra_page() -> None:
    """An opinion and an address of 2,000 characters, rare ones among them, and a word wider than its cell: nothing is lost, and
    the form before the extra page stays the form."""
    opinion, address = ("情况属实𠮷㐱䶮，同意建档。" * 200)[:2_000], ("买𡈽路" * 700)[:2_000]
    long = sheet(head={"住址": address, "其他联系方式": "8" * 60, "附件": "户口簿复印件" * 20})
    first, second, third = (dict(one) for one in long.values["opinions"])
    opinions = [first | {"text": opinion}, second | {"text": "同意。" * 40}, third | {"text": ""}]
    pdf = PdfReader(BytesIO(typeset(WORKER_FILE, [Sheet({**long.values, "opinions": opinions})], FOOT).data))
    form, *extra = (plain(page.extract_text()) for page in pdf.pages)
    assert form.count("见附页") == 2
    assert "同意。" * 40 in form
    assert "户口簿复印件" * 20 in form
    assert form.replace("\u200b", "").count("8" * 60) == 1
    whole = "".join(page.split("明远县总工会·打印")[0] for page in extra).replace("\u200b", "")
    assert [extra[0].startswith("附页"), opinion in whole, address in whole] == [True, True, True]
    assert without_glyph(pdf) == 0


def test_a_photo_is_on_the_sheet(printed: PdfReader) -> None:
    assert len(printed.pages[0].images) == 1
    assert not printed.pages[2].images


def test_as_many_sheets_as_fit() -> None:
    for count in (0, MOST_SHEETS + 1):
        with pytest.raises(InvalidInput):
            typeset(WORKER_FILE, [sheet()] * count, FOOT)


def test_a_broken_layout_is_told_without_what_it_holds(tmp_path: Path) -> None:
    broken = tmp_path / "broken.typ"
    broken.write_text('#panic(json("data.json").sheets.first().head.at("姓名"))', encoding="utf-8")
    form = PrintedForm("broken", "坏表", broken, WORKER_FILE.word)
    with pytest.raises(NotPrinted) as told:
        typeset(form, [sheet("王秀英")], FOOT)
    assert "王秀英" not in f"{told.value.zh}{told.value.en}{told.value.where}"


def test_what_no_font_draws_is_named() -> None:
    assert undrawn([f"王{RARE}{EACH_EXTENSION}abc（①）—…￥", YOUNG, f"{YOUNG}\ue000"]) == ["\ue000", YOUNG]


def test_the_word_form_holds_the_values() -> None:
    made = filled(WORKER_FILE, sheet(members=3, picture=photo(), head={"备注": "有\x01控制符"}), FOOT)
    document = docx.Document(BytesIO(made.data))
    head, members, _, opinions = document.tables
    cells = [cell.text for row in head.rows for cell in row.cells]
    assert RARE in cells
    assert TYPED in cells
    assert [[row.cells[0].text, row.cells[10].text] for row in members.rows[2:]] == [[EACH_EXTENSION, TYPED]] * 3
    assert all(TYPED in cell.text for cell in opinions.rows[1].cells)
    assert len(document.inline_shapes) == 1
    # LibreOffice pushes a picture without it over the edge of its cell
    assert document.inline_shapes[0]._inline.get("distL") == "0"
    assert "附页" not in [paragraph.text for paragraph in document.paragraphs]
    assert any("有控制符" in cell.text for row in document.tables[2].rows for cell in row.cells)
    assert FOOT.line(1) in document.sections[0].footer.paragraphs[0].text
    section = document.sections[0]
    assert (section.page_width.mm, section.left_margin.mm) == (pytest.approx(210, abs=0.1), pytest.approx(12, abs=0.1))  # type: ignore[union-attr]  # set in the template


def test_the_word_form_says_that_there_is_nobody_else() -> None:
    document = docx.Document(BytesIO(filled(WORKER_FILE, sheet(members=0), FOOT).data))
    assert [row.cells[0].text for row in document.tables[1].rows[2:]] == ["无"]


def test_what_is_too_long_for_the_word_form_stands_whole_on_an_extra_page(tmp_path: Path) -> None:
    """Every text of the form, whatever its place; a template that was restyled without the extra page keeps all in place."""
    long = {name: f"{name}{'长文' * 1000}" for name in HEAD_FIELDS}
    told = sheet(head=long)
    member, opinions = [f"{name}{'长' * 500}" for name in MEMBER_FIELDS], [f"{title}{'长' * 2000}" for _, title in OPINIONS]
    told.values["members"][0][:] = member
    for one, text in zip(told.values["opinions"], opinions, strict=True):
        one["text"] = text
    document = docx.Document(BytesIO(filled(WORKER_FILE, told, FOOT).data))
    below = [paragraph.text for paragraph in document.paragraphs]
    below = below[below.index("附页") :]
    assert {*long.values(), *member, *opinions} <= set(below)
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert max(map(len, cells)) < 60
    assert "内容较长，见附页“备注”" in cells
    restyled = docx.Document(BytesIO(WORKER_FILE.word.read_bytes()))
    for paragraph in restyled.paragraphs[-8:]:
        paragraph._p.getparent().remove(paragraph._p)
    restyled.save(str(tmp_path / "restyled.docx"))
    plain_form = replace(WORKER_FILE, word=tmp_path / "restyled.docx")
    document = docx.Document(BytesIO(filled(plain_form, told, FOOT).data))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert long["备注"] in cells


def test_both_forms_have_every_field() -> None:
    layout = WORKER_FILE.layout.read_text(encoding="utf-8")
    assert [name for name in (*HEAD_FIELDS, *MEMBER_FIELDS) if f'"{name}"' not in layout] == []
    made = filled(WORKER_FILE, sheet(head={name: f"值{name}" for name in HEAD_FIELDS}), FOOT)
    document = docx.Document(BytesIO(made.data))
    texts = {cell.text for table in document.tables for row in table.rows for cell in row.cells}
    top = "".join(paragraph.text for paragraph in document.paragraphs)
    assert [name for name in HEAD_FIELDS if f"值{name}" not in texts and f"值{name}" not in top] == []
    assert set(MEMBER_FIELDS) <= texts


def test_a_picture_keeps_its_pixels_alone() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "SecretCamera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (30.0, 40.0, 0.0)
    taken = photo(1200, 800, exif=exif, comment=b"SecretComment") + b"SecretTail"
    assert b"SecretCamera" in taken
    made = made_anew(taken, where="paper", most=640)
    assert b"Secret" not in made
    with Image.open(BytesIO(made)) as opened:
        assert not opened.getexif()
        # turned upright, and smaller
        assert (opened.format, opened.size) == ("JPEG", (427, 640))


def test_a_scan_stays_sharp_and_transparent_paper_is_white() -> None:
    out = BytesIO()
    Image.new("RGBA", (300, 200), (0, 0, 0, 0)).save(out, "PNG")
    made = made_anew(out.getvalue(), where="paper", most=4000)
    with Image.open(BytesIO(made)) as opened:
        assert (opened.format, opened.size, opened.getpixel((5, 5))) == ("PNG", (300, 200), (255, 255, 255))


def bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims ``side`` pixels each way."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [int(MOST_PIXELS**0.5) + 1, 40_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(InvalidInput):
        made_anew(bomb(side), where="paper", most=640)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", photo()[:200], b"%PDF-1.7", b"<svg/>"])
def test_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        made_anew(data, where="paper", most=640)
    if data != photo()[:200]:
        with pytest.raises(InvalidInput):
            size_of(data)
