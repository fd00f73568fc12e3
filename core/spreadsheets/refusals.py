"""Why a spreadsheet is refused: each kind with its words and its mend."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from core.spreadsheets.cells import SpreadsheetRefused

MOST_BYTES: Final = 64 * 1024 * 1024
"""Largest file that is read."""
MOST_UNPACKED: Final = 600 * 1024 * 1024
"""Largest total of the parts that are read of a package."""
MOST_PARTS: Final = 20_000
"""Most parts in a package: photos in cells are parts too."""
MOST_SHEETS: Final = 5_000
"""Most sheets: an office may keep a sheet for each household."""
MOST_ROWS: Final = 200_000
"""Most rows that are not blank, over all sheets."""
MOST_COLUMNS: Final = 702
"""Columns A to ZZ."""
MOST_CELLS: Final = 10_000_000
"""Most cells that are not blank, over all sheets."""
MOST_MERGES: Final = 500_000
"""Most merged ranges, over all sheets."""


class _Words(NamedTuple):
    zh: str
    en: str
    mend_zh: str
    mend_en: str


_RESAVE = ("请用 Excel 或 WPS 打开，另存为 .xlsx 后再导入", "open it in Excel or WPS, save it as .xlsx and import that")
_SPLIT = ("请拆分后分别导入", "split it and import the parts")
_KINDS: Final = {
    "missing": _Words("找不到文件", "no such file", "请重新选择文件", "choose the file again"),
    "empty": _Words("文件为空", "the file is empty", "请确认选对了文件", "make sure that it is the right file"),
    "too_large": _Words("文件超过 64 MB", "the file is larger than 64 MB", *_SPLIT),
    "not_a_spreadsheet": _Words(
        "文件不是电子表格",
        "the file is no spreadsheet",
        "请选择 .xlsx、.xls、.ods、.csv 或 .txt 文件",
        "choose a file of .xlsx, .xls, .ods, .csv or .txt",
    ),
    "unsupported": _Words("这种电子表格格式不能读取", "this format of spreadsheets is not read", *_RESAVE),
    "markup": _Words(
        "文件名是电子表格，内容却是网页（HTML）或 XML",
        "the file is a web page (HTML) or XML under a spreadsheet's name",
        *_RESAVE,
    ),
    "password": _Words(
        "文件设有打开密码",
        "the file is protected by a password",
        "请取消打开密码后再导入",
        "remove the password and import it again",
    ),
    "damaged": _Words("文件已损坏或不完整，无法读取", "the file is damaged or cut off and cannot be read", *_RESAVE),
    "quotes": _Words(
        "文本中的英文双引号不成对",
        "the quotation marks of the text do not pair",
        "请改正该行的双引号，或另存为 .xlsx 后再导入",
        "mend the quotation marks of that line, or save it as .xlsx",
    ),
    "encoding": _Words(
        "文本编码无法识别，既不是 UTF-8，也不是 GBK、GB18030",
        "the text is in an unknown encoding, neither UTF-8 nor GBK or GB18030",
        *_RESAVE,
    ),
    "unsafe_names": _Words("文件包内含有不安全的路径名", "the package holds unsafe path names", *_RESAVE),
    "entities": _Words(
        "文件内含有 XML 文档类型或实体声明", "the file holds a declaration of XML document types or entities", *_RESAVE
    ),
    "bomb": _Words("文件解压后过大", "the file is too large when unpacked", *_SPLIT),
    "too_many_parts": _Words("文件包内的部件过多", "the package holds too many parts", *_RESAVE),
    "too_many_sheets": _Words(f"工作表超过 {MOST_SHEETS} 个", f"more than {MOST_SHEETS} sheets", *_SPLIT),
    "too_many_rows": _Words(f"非空行超过 {MOST_ROWS} 行", f"more than {MOST_ROWS} rows that are not blank", *_SPLIT),
    "too_many_columns": _Words(
        f"有内容的列超过 {MOST_COLUMNS} 列（ZZ 列）",
        f"values stand beyond column {MOST_COLUMNS} (ZZ)",
        "请删除多余的列",
        "delete the columns that are not needed",
    ),
    "too_many_cells": _Words(
        f"有内容的单元格超过 {MOST_CELLS} 个", f"more than {MOST_CELLS} cells that are not blank", *_SPLIT
    ),
    "too_many_merges": _Words(f"合并单元格超过 {MOST_MERGES} 处", f"more than {MOST_MERGES} merged ranges", *_SPLIT),
    "memory": _Words("读取文件所需内存超过上限", "reading the file takes more memory than allowed", *_SPLIT),
    "too_slow": _Words("读取文件用时超过上限", "reading the file takes longer than allowed", *_SPLIT),
    "crashed": _Words("读取程序异常中止，文件可能已损坏", "the reader broke off, perhaps over a damaged file", *_RESAVE),
}

KINDS: Final = tuple(_KINDS)
"""All kinds of refusal."""


def refused(kind: str, where: str | None = None) -> SpreadsheetRefused:
    """The refusal of a kind; ``where`` names file, sheet or line."""
    words = _KINDS[kind]
    return SpreadsheetRefused(kind, words.zh, words.en, where=where, mend_zh=words.mend_zh, mend_en=words.mend_en)


class Counts:
    """What all sheets of a file hold together, each against its limit."""

    def __init__(self, whole: Counts | None = None) -> None:
        self._whole = whole
        self._sums: Counter[str] = Counter()

    def apart(self) -> Counts:
        """Counts of one sheet, which count here as well until they are taken back."""
        return Counts(self)

    def take_back(self) -> None:
        """Let what was counted apart count no more: the sheet is read anew."""
        if self._whole is not None:
            self._whole._sums.subtract(self._sums)
        self._sums.clear()

    def rows(self, more: int, where: str) -> None:
        """Count rows that are not blank."""
        self._count("too_many_rows", more, MOST_ROWS, where)

    def cells(self, more: int, where: str) -> None:
        """Count cells that are not blank."""
        self._count("too_many_cells", more, MOST_CELLS, where)

    def merges(self, more: int, where: str) -> None:
        """Count merged ranges."""
        self._count("too_many_merges", more, MOST_MERGES, where)

    def _count(self, kind: str, more: int, most: int, where: str) -> None:
        self._sums[kind] += more
        if self._whole is not None:
            self._whole._count(kind, more, most, where)
        elif self._sums[kind] > most:
            raise refused(kind, where)
