"""Reading the office's workbook (困难职工档案表): sheets and rows as they stand, before anything is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Final, TypeAlias

from python_calamine import CalamineError, CalamineWorkbook

from core.errors import InvalidInput

Cell: TypeAlias = int | float | str | bool | time | date | datetime | timedelta

FILE_SHEET: Final = "困难职工档案表"
SUPPLEMENT_SHEET: Final = "核定补充表"
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_ROWS: Final = 200_000

FILE_COLUMNS: Final = (
    "家庭编号", "关系", "职工编号", "困难类别", "姓名", "民族", "性别", "政治面貌", "身份证号", "出生日期",
    "健康状况", "残疾类别", "工作状态", "劳模类型", "住房类型", "建筑面积", "手机", "其他联系方式", "邮编",
    "工作时间", "所属行业", "婚姻状况", "户口类型", "住址", "工作单位", "单位性质", "企业状况", "是否单亲",
    "本人月平均收入", "家庭其他年收入", "家庭年度总收入", "家庭人口", "家庭月人均收入", "户口所在地行政区划",
    "医保状况", "有无自救能力", "是否零就业家庭", "月收入", "身份", "单位或学校", "主要致困原因", "次要致困原因",
    "开户银行", "支行名称", "银行卡号", "附件", "备注", "建档人", "审核人", "录入人", "单位工会意见",
    "单位工会意见日期", "县总工会意见", "县总工会意见日期", "上级工会意见", "上级工会意见日期",
)  # fmt: skip
"""Columns of the form (domain 11); one row per person, household columns on the worker's row."""

SUPPLEMENT_COLUMNS: Final = (
    "家庭编号", "身份证号", "其中居民养老金(月)", "有劳动能力", "已获其他助学", "因病刚性支出", "因残刚性支出",
    "因学刚性支出", "住房刚性支出", "长期照料费用", "必要就业成本", "其他刚性支出", "财产情形", "意外损失",
    "已获赔偿补偿", "帮扶对象类别", "申请项目", "档案更新日期", "建档日期",
)  # fmt: skip
"""What a determination needs and the form lacks; one row per person, keyed by household number and identity number."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row that is not empty: its sheet, its number as the spreadsheet program shows it, its cells by column."""

    sheet: str
    number: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Workbook:
    """The two sheets of one file; ``digest`` is the SHA-256 of its bytes in hexadecimal."""

    digest: str
    file_name: str
    forms: list[SheetRow]
    supplements: list[SheetRow]


@dataclass(frozen=True, slots=True)
class RosterBytes:
    """A file's bytes with their digest, so that a known file need not be read any further."""

    digest: str
    file_name: str
    data: bytes


def load(path: Path) -> RosterBytes:
    """The file's bytes. Raises ``InvalidInput`` for a file that is missing, empty or too large."""
    if not path.is_file():
        raise _refusal(path.name, "找不到文件", "no such file", "请重新选择文件", "choose the file again")
    if not 0 < path.stat().st_size <= MAX_BYTES:
        raise _refusal(
            path.name,
            "文件为空或超过 64 MB",
            "the file is empty or larger than 64 MB",
            "请拆分后分别导入",
            "split it and import the parts",
        )
    data = path.read_bytes()
    return RosterBytes(hashlib.sha256(data).hexdigest(), path.name, data)


def read(loaded: RosterBytes) -> Workbook:
    """The rows of both sheets; other sheets are left alone. Raises ``InvalidInput`` where a sheet or column is missing."""
    try:
        book = CalamineWorkbook.from_object(BytesIO(loaded.data))
        sheets = {
            name: _sheet(book, loaded.file_name, name, columns)
            for name, columns in ((FILE_SHEET, FILE_COLUMNS), (SUPPLEMENT_SHEET, SUPPLEMENT_COLUMNS))
        }
    except CalamineError as error:
        raise _refusal(
            loaded.file_name,
            "文件不是可读取的电子表格",
            "the file is no spreadsheet that can be read",
            "请另存为 .xlsx 后再导入",
            "save it as .xlsx and import it again",
        ) from error
    return Workbook(loaded.digest, loaded.file_name, sheets[FILE_SHEET], sheets[SUPPLEMENT_SHEET])


def _sheet(book: CalamineWorkbook, file_name: str, name: str, columns: tuple[str, ...]) -> list[SheetRow]:
    if name not in book.sheet_names:
        raise _refusal(
            f"{file_name} / {name}",
            f"缺少工作表“{name}”",
            f"the sheet {name} is missing",
            "请使用统一的表样",
            "use the common form",
        )
    sheet = book.get_sheet_by_name(name)
    if sheet.total_height > MAX_ROWS:
        raise _refusal(
            f"{file_name} / {name}", f"超过 {MAX_ROWS} 行", f"more than {MAX_ROWS} rows", "请拆分后分别导入", "split it"
        )
    rows = sheet.to_python(skip_empty_area=False)
    header = [str(cell).strip() for cell in rows[0]] if rows else []
    missing = [column for column in columns if column not in header]
    if missing:
        raise _refusal(
            f"{file_name} / {name} / 1",
            f"缺少列：{'、'.join(missing)}",
            f"columns are missing: {', '.join(missing)}",
            "请按表样补齐表头，列序不限",
            "complete the header as in the form; the order does not matter",
        )
    return [
        SheetRow(name, number, dict(zip(header, row, strict=True)))
        for number, row in enumerate(rows[1:], start=2)
        if any(cell != "" for cell in row)
    ]


def _refusal(where: str, zh: str, en: str, mend_zh: str, mend_en: str) -> InvalidInput:
    return InvalidInput(zh, en, where=where, mend_zh=mend_zh, mend_en=mend_en)
