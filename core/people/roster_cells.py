"""Cells of a roster read as values: text, code, money, day; what cannot be read becomes a problem and nothing is raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from core.codes.loader import code_list
from core.errors import BangfuError, InvalidInput
from core.money import Fen, parse_yuan
from core.people.roster_reading import SheetRow
from core.rules.batch import MAX_FEN
from core.text.normalise import squash
from core.vault import masking

_MASKS: Final[dict[str, masking.Mask]] = {
    "身份证号": masking.identity_number,
    "手机": masking.phone,
    "其他联系方式": masking.phone,
    "银行卡号": masking.bank_account,
    "姓名": masking.public_name,
    "住址": masking.address,
}
_LONG_NUMBER: Final = re.compile(r"\d{7,}[Xx]?")
_SHOWN: Final = 40
_SEPARATORS: Final = re.compile(r"[；;]")
_MAX_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A measure that a roster states with two decimals: its name, its unit, and the largest that is taken, in hundredths."""

    zh: str
    en: str
    unit_zh: str
    unit_en: str
    most: int


# What lies beyond these is a telephone number or an account in the wrong column.
_MONEY: Final = _Quantity("金额", "an amount", "元", "yuan", MAX_FEN)
_AREA: Final = _Quantity("面积", "an area", "平方米", "square metres", 10_000_00)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell or row, where, and how to mend it; ``value`` is masked."""

    sheet: str
    row: int
    column: str
    value: str
    household: str
    zh: str
    en: str
    mend_zh: str
    mend_en: str

    def as_json(self) -> dict[str, Any]:
        """The form that is stored with the import."""
        return asdict(self)


def shown(column: str, value: object) -> str:
    """A cell's value as a problem may show it: by its column's mask, elsewhere without long numbers."""
    text = "" if value is None else str(value)
    mask = _MASKS.get(column)
    if mask is not None:
        return mask(text) if text else ""
    return _LONG_NUMBER.sub(masking.HIDDEN, text)[:_SHOWN]


@lru_cache(maxsize=4096)
def _code(list_name: str, label: str) -> str:
    return code_list(list_name).from_label(label).code


class Cells:
    """The cells of one row, read by column. Every ``None`` for a cell that was filled has a problem beside it."""

    __slots__ = ("_problems", "household", "row")

    def __init__(self, row: SheetRow, household: str, problems: list[Problem]) -> None:
        self.row = row
        self.household = household
        self._problems = problems

    def note(self, column: str, zh: str, en: str, mend_zh: str, mend_en: str, *, value: object = None) -> None:
        """Add a problem of this row."""
        given = self.row.cells.get(column, "") if value is None else value
        row = self.row
        self._problems.append(
            Problem(row.sheet, row.number, column, shown(column, given), self.household, zh, en, mend_zh, mend_en)
        )

    def refused(self, column: str, error: BangfuError) -> None:
        """Add what ``error`` says as a problem of this row."""
        self.note(column, error.zh, error.en, error.mend_zh or "请核对后重新填写", error.mend_en or "check the cell")

    def is_number(self, column: str) -> bool:
        """Whether the office's program holds the cell as a number, which keeps no more than 15 digits."""
        return isinstance(self.row.cells.get(column), int | float)

    def text(self, column: str, *, required: bool = False) -> str | None:
        """The cell's text without outer white space; a whole number without its decimal point; None when empty."""
        value = self.row.cells.get(column, "")
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        if not text:
            if required:
                self.note(column, "此项必填", "the cell must be filled", "请填写", "fill it in")
            return None
        if len(text) > _MAX_TEXT:
            self.note(column, f"超过 {_MAX_TEXT} 字", f"longer than {_MAX_TEXT} characters", "请缩短", "shorten it")
            return None
        return text

    def plain_number(self, column: str) -> str:
        """The cell's number as it is compared, however its width, its spaces and its X were typed; empty for an empty cell."""
        return squash(self.text(column) or "").upper()

    def code(self, column: str, list_name: str, *, required: bool = False) -> str | None:
        """The code of the label in the cell (list ``list_name``)."""
        text = self.text(column, required=required)
        return None if text is None else self._coded(column, list_name, text)

    def codes(self, column: str, list_name: str) -> list[str]:
        """The codes of labels joined by ；."""
        found = [self._coded(column, list_name, part) for part in self.parts(column)]
        return [code for code in found if code is not None]

    def parts(self, column: str) -> list[str]:
        """The parts of a text joined by ；, each once."""
        text = self.text(column) or ""
        return list(dict.fromkeys(part.strip() for part in _SEPARATORS.split(text) if part.strip()))

    def _coded(self, column: str, list_name: str, label: str) -> str | None:
        try:
            return _code(list_name, label)
        except InvalidInput as error:
            self.refused(column, error)
            return None

    def yes(self, column: str, list_name: str = "yes_no", *, required: bool = False) -> bool | None:
        """是 or 否."""
        code = self.code(column, list_name, required=required)
        return None if code is None else code == "yes"

    def money(self, column: str) -> Fen:
        """An amount in yuan as fen, exactly, at most what the rules reckon with; 0 for an empty cell."""
        return self._hundredths(column, _MONEY) or 0

    def area(self, column: str) -> int | None:
        """An area in square metres as square decimetres; None for an empty cell."""
        return self._hundredths(column, _AREA)

    def _hundredths(self, column: str, what: _Quantity) -> int | None:
        value = self.row.cells.get(column, "")
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = _exact(value)
        else:
            text = self.text(column)
            if text is None:
                return None
            try:
                found = parse_yuan(text)
            except InvalidInput:
                found = None
        if found is not None and found <= what.most:
            return found
        most = f"{what.most // 100:,}"
        self.note(
            column,
            f"{what.zh}应为 0 至 {most} {what.unit_zh}的数，最多两位小数",
            f"{what.en} is a number from 0 to {most} {what.unit_en} with at most two decimals",
            "请填写如 1200.50 的数，并核对是否填错列",
            "write it like 1200.50, and check whether it stands in the wrong column",
        )
        return None

    def day(self, column: str, *, required: bool = False) -> date | None:
        """A date cell, or a text like 2025-09-01, 2025/9/1 or 2025.9.1."""
        value = self.row.cells.get(column, "")
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        text = self.text(column, required=required)
        if text is None:
            return None
        try:
            year, month, day = (int(part) for part in re.split(r"[-/.年月]", squash(text).rstrip("日")))
            return date(year, month, day)
        except ValueError:
            self.note(column, "日期格式不正确", "not a date", "请填写如 2025-09-01 的日期", "write it like 2025-09-01")
            return None


def _exact(value: float) -> int | None:
    """A number cell in hundredths; None where it is negative, has more than two decimals, or is no finite number."""
    try:
        hundredths = Decimal(str(value)).scaleb(2)
        whole = int(hundredths)
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return whole if hundredths == whole >= 0 else None


def by_household(rows: list[SheetRow], problems: list[Problem]) -> Mapping[str, list[SheetRow]]:
    """Rows grouped by 家庭编号 in the order of the sheet; a row without a number is a problem and left out."""
    found: dict[str, list[SheetRow]] = {}
    for row in rows:
        number = Cells(row, "", problems).text("家庭编号", required=True)
        if number is not None:
            found.setdefault(number, []).append(row)
    return found
