"""Dates as offices type them: year first, in any usual form; what could mean two days is refused."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

from core.people.roster.problems import Fault
from core.people.roster.values import NO_VALUE, Told, plain
from core.spreadsheets.cells import Cell
from core.text.normalise import squash

_NUMERALS: Final = {sign: str(number) for number, sign in enumerate("〇一二三四五六七八九")} | {"零": "0", "○": "0", "Ｏ": "0"}
_WRITTEN: Final = re.compile(
    r"([〇○零一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月(?:([一二三四五六七八九十廿卅]{1,4})日?)?"
)
_PARTED: Final = re.compile(r"([0-9]{4})[-/.年、\\]([0-9]{1,2})(?:[-/.月、\\]([0-9]{1,2})[日号]?|月)?")
_TAIL: Final = re.compile(r"[T ]*[0-9]{1,2}[:：时点][0-9]{1,2}(?:[:：分][0-9]{1,2}(?:\.[0-9]+)?秒?)?Z?$|[上下]午.*$")
_YEAR_LAST: Final = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{1,4}|[0-9]{2}年[0-9]{1,2}月.*")
_EPOCH: Final = date(1899, 12, 30)
_EPOCH_1904: Final = date(1904, 1, 1)
_SERIALS: Final = range(10_000, 80_000)
"""Days that a plain number may mean: 1927 to 2119 in the usual epoch."""

Month = tuple[int, int]


class DayReader:
    """Reads the cells of a column of dates. ``month`` says what becomes of a month without a day: refused, the first day
    (told), or ``(year, month)`` as it is."""

    def __init__(self, *, date_1904: bool, month: str = "refused") -> None:
        self._epoch = _EPOCH_1904 if date_1904 else _EPOCH
        self._month = month

    def __call__(self, raw: Cell) -> date | Month | Fault | Told | None:
        """The day, or what is wrong with the cell."""
        if isinstance(raw, datetime):
            return raw.date()
        if isinstance(raw, date):
            return raw
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return self._number(raw)
        if isinstance(raw, time | timedelta):
            return Fault("date_wrong")
        found = plain(raw)
        if not isinstance(found, str):
            return found
        if not found or found in NO_VALUE:
            return None
        return self._typed(found)

    def _number(self, raw: float) -> date | Month | Fault | Told:
        whole = int(raw) if raw == raw and abs(raw) < 1e12 else 0
        if raw == whole and len(str(whole)) == 8:
            return self._day(whole // 10_000, whole // 100 % 100, whole % 100)
        if raw == whole and len(str(whole)) == 6 and 190_001 <= whole <= 210_012:
            return self._of_month(whole // 100, whole % 100)
        if whole in _SERIALS:
            return self._epoch + timedelta(days=whole)
        return Fault("date_as_number")

    def _typed(self, found: str) -> date | Month | Fault | Told:
        typed = squash(_TAIL.sub("", found.translate(_FULL_DIGITS)))
        if typed.isdecimal():
            if len(typed) == 8:
                return self._day(int(typed[:4]), int(typed[4:6]), int(typed[6:]))
            if len(typed) == 6 and "1900" <= typed[:4] <= "2100" and "01" <= typed[4:] <= "12":
                return self._of_month(int(typed[:4]), int(typed[4:]))
            if len(typed) == 5:
                return self._number(int(typed))
            return Fault("date_order" if len(typed) == 6 else "date_wrong")
        written = _WRITTEN.fullmatch(typed)
        if written:
            year = int("".join(_NUMERALS[sign] for sign in written[1]))
            return self._parts(year, _numeral(written[2]), None if written[3] is None else _numeral(written[3]))
        match = _PARTED.fullmatch(typed)
        if match:
            return self._parts(int(match[1]), int(match[2]), None if match[3] is None else int(match[3]))
        return Fault("date_order" if _YEAR_LAST.fullmatch(typed) else "date_wrong")

    def _parts(self, year: int, month: int, day: int | None) -> date | Month | Fault | Told:
        return self._of_month(year, month) if day is None else self._day(year, month, day)

    def _of_month(self, year: int, month: int) -> Month | Fault | Told:
        if not 1 <= month <= 12 or not 1900 <= year <= 2100:
            return Fault("date_wrong")
        if self._month == "kept":
            return (year, month)
        return Told(date(year, month, 1), Fault("date_month")) if self._month == "first" else Fault("date_no_day")

    @staticmethod
    def _day(year: int, month: int, day: int) -> date | Fault:
        try:
            return date(year, month, day) if 1800 <= year <= 2200 else Fault("date_wrong")
        except ValueError:
            return Fault("date_wrong")


_FULL_DIGITS: Final = {0xFF10 + digit: str(digit) for digit in range(10)} | {0xFF1A: ":", 0x3000: " "}


def _numeral(written: str) -> int:
    """``十二`` > 12, ``二十`` > 20, ``廿五`` > 25; 0 for what is no number."""
    spelt = written.replace("廿", "二十").replace("卅", "三十")
    tens, ten, ones = spelt.partition("十")
    digits = {sign: int(number) for sign, number in _NUMERALS.items()}
    if not ten:
        return digits.get(spelt, 0) if len(spelt) == 1 else 0
    if len(tens) > 1 or len(ones) > 1:
        return 0
    return (digits[tens] if tens else 1) * 10 + (digits[ones] if ones else 0)
