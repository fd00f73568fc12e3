"""Amounts of money and areas as offices type them, in exact hundredths."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from core.people.roster.problems import Fault
from core.people.roster.values import NO_VALUE, Told, plain
from core.rules.batch import MAX_FEN
from core.spreadsheets.cells import Cell
from core.text.normalise import squash

MOST_AREA: Final = 10_000_00
_AMOUNT: Final = re.compile(
    r"(?P<sign>[-−+])?[¥￥]?(?:RMB|人民币)?(?P<minus>[-−])?(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<rest>[0-9]+))?"
    r"(?P<unit>万元|万|千元|千|百元|元整|元|块)?(?:(?P<jiao>[0-9])角)?(?:(?P<fen>[0-9])分)?(?:整)?(?:[/每]?(?P<period>[年月]))?"
)
_UNITS: Final = {
    None: 1,
    "": 1,
    "元": 1,
    "元整": 1,
    "块": 1,
    "百元": 100,
    "千": 1_000,
    "千元": 1_000,
    "万": 10_000,
    "万元": 10_000,
}
_ABOUT: Final = re.compile(r"^(?:大约|约|大概|近)|(?:左右|上下|余元|多元|余)$")
_NONE: Final = NO_VALUE | frozenset(("无收入", "没有", "未填报", "无固定收入", "无支出"))
_DIGITS: Final = (
    {sign: number for number, sign in enumerate("零一二三四五六七八九")}
    | {sign: number for number, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
    | {"两": 2, "〇": 0}
)
_TENS: Final = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_NOISE: Final = 1e-5
"""What is left of a decimal fraction in a binary number: not typed by anybody."""


class AmountReader:
    """Reads the cells of a column of money as fen. ``exact`` refuses more than two decimals; a sum that is only compared may
    have more. ``times`` and ``parts`` convert what the heading states in another unit; ``period`` is the one that it states."""

    def __init__(self, *, exact: bool = True, times: int = 1, parts: int = 1, period: str = "") -> None:
        self._exact = exact and times == 1 and parts == 1
        self._period = {"year": "年", "month": "月"}.get(period)
        self._times = times
        self._parts = parts

    def __call__(self, raw: Cell) -> int | Fault | Told | None:
        """The amount in fen, or what is wrong with the cell."""
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return self._number(raw)
        if isinstance(raw, bool) or (raw is not None and not isinstance(raw, str | tuple)):
            return Fault("money_wrong")
        found = plain(raw)
        if not isinstance(found, str):
            return found
        typed = squash(found)
        if not typed:
            return None
        if typed in _NONE:
            return Told(None, Fault("money_none"))
        about = _ABOUT.search(typed)
        value = self._typed(_ABOUT.sub("", typed).rstrip("余多") if about else typed)
        return Told(value, Fault("money_about")) if about and isinstance(value, int) else value

    def _number(self, raw: float) -> int | Fault:
        if raw != raw or abs(raw) > MAX_FEN:
            return self._large()
        if raw < 0:
            return Fault("money_negative")
        if not self._exact:
            return self._converted(Decimal(repr(raw)))
        fen = raw * 100
        whole = round(fen)
        if abs(fen - whole) > _NOISE:
            return Fault("money_decimals")
        return whole if whole <= MAX_FEN else self._large()

    def _typed(self, typed: str) -> int | Fault:
        match = _AMOUNT.fullmatch(typed)
        if match is None:
            numeral = chinese_number(typed.rstrip("整").rstrip("元圆块"))
            return Fault("money_wrong") if numeral is None else self._converted(Decimal(numeral))
        if match["sign"] in ("-", "−") or match["minus"]:
            return Fault("money_negative")
        if match["period"] and self._period and match["period"] != self._period:
            return Fault("money_wrong")
        unit = _UNITS[match["unit"]]
        if (match["jiao"] or match["fen"]) and not (unit == 1 and match["unit"]):
            return Fault("money_wrong")
        digits = match["whole"].replace(",", "")
        if len(digits) > 18:
            return self._large()
        try:
            amount = Decimal(f"{digits}.{match['rest'] or '0'}") * unit
        except InvalidOperation:
            return Fault("money_wrong")
        amount += Decimal(int(match["jiao"] or 0)) / 10 + Decimal(int(match["fen"] or 0)) / 100
        return self._converted(amount)

    def _converted(self, yuan: Decimal) -> int | Fault:
        fen = yuan * 100 * self._times
        if self._parts != 1:
            fen /= self._parts
        whole = int(fen.to_integral_value())
        if self._exact and fen != whole:
            return Fault("money_decimals")
        return whole if whole <= MAX_FEN else self._large()

    @staticmethod
    def _large() -> Fault:
        return Fault("money_large", {"most": f"{MAX_FEN // 100:,}"})


def chinese_number(typed: str) -> int | None:
    """``一千二百`` > 1200, ``三万五千`` > 35000; None for what is no such number."""
    if not typed or any(sign not in _DIGITS and sign not in _TENS and sign not in "万萬" for sign in typed):
        return None
    total = section = 0
    digit: int | None = None
    for sign in typed:
        if sign in _DIGITS:
            if digit not in (None, 0):
                return None
            digit = _DIGITS[sign]
        elif sign in _TENS:
            section += (1 if digit is None else digit) * _TENS[sign]
            digit = None
        else:
            total, section, digit = (total + section + (digit or 0)) * 10_000, 0, None
    return total + section + (digit or 0)


def area(raw: Cell) -> int | Fault | None:
    """An area in square metres as square decimetres."""
    wrong = Fault("area_wrong", {"most": f"{MOST_AREA // 100:,}"})
    found = plain(raw)
    if not isinstance(found, str) or not found or found in NO_VALUE:
        return found if isinstance(found, Fault) else None
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        typed = f"{raw:.15g}"
    else:
        typed = squash(found)
        for unit in ("平方米", "平米", "㎡", "m²", "m2", "平方", "平"):
            typed = typed.removesuffix(unit)
    try:
        hundredths = Decimal(typed.replace(",", "")) * 100
        whole = int(hundredths)
    except (InvalidOperation, ValueError, OverflowError):
        return wrong
    return whole if hundredths == whole and 0 <= whole <= MOST_AREA else wrong
