"""Working days (工作日) by the State Council's yearly holiday notice, and calendar days (domain 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from core.errors import InvalidInput

CHINA_TIME: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Official time (北京时间). A fixed offset since 1992, so no time-zone database is needed."""

_ONE_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_YEAR_END: Final = (12, 28)
"""From this day on a year's last days may still be moved by the next year's notice (New Year's bridge days)."""


@dataclass(frozen=True, slots=True)
class Due:
    """The last day of a period. ``provisional`` (暂定): it rests on days that no published notice has settled."""

    on: date
    provisional: bool


@lru_cache(maxsize=1)
def _published() -> Mapping[date, bool]:
    """Days of the published notices that differ from Monday to Friday: True worked, False free."""
    from chinese_calendar.constants import holidays, workdays

    return MappingProxyType(dict.fromkeys(holidays, False) | dict.fromkeys(workdays, True))


class WorkingCalendar:
    """Which days are worked, from the published notices and those entered since.

    ``extra_years`` holds, per year, the days of that year's notice which differ from Monday to Friday: True for a
    make-up workday (调休上班), False for a day off. A year given here replaces the built-in one; it may name days of
    the December before, as New Year's notices do. A year in neither counts Monday to Friday and makes a period
    provisional.
    """

    def __init__(self, extra_years: Mapping[int, Mapping[date, bool]] | None = None) -> None:
        extra = extra_years or {}
        published = _published()
        self._years = frozenset(day.year for day in published) | frozenset(extra)
        days = {day: worked for day, worked in published.items() if day.year not in extra}
        for year, notice in sorted(extra.items()):
            for day, worked in notice.items():
                if day.year != year and (day.year, day.month) != (year - 1, 12):
                    raise InvalidInput(
                        f"{year} 年放假安排中有不属于该年的日期 {day.isoformat()}",
                        f"the notice for {year} names {day.isoformat()}, a day outside it",
                        where=str(year),
                    )
                days[day] = worked
        self._days = days

    def is_working(self, day: date) -> bool:
        """Whether the day is worked; Monday to Friday where no notice is known."""
        return self._days.get(day, day.weekday() < _SATURDAY)

    def is_settled(self, day: date) -> bool:
        """Whether published notices settle the day: its year's, and at the year's end the next one's too."""
        if (day.month, day.day) >= _YEAR_END and day.year + 1 not in self._years:
            return False
        return day.year in self._years

    def add_working_days(self, start: date, n: int) -> Due:
        """The n-th working day after ``start``, whose own day never counts; n = 0 is ``start`` itself.

        Raises InvalidInput for a negative n.
        """
        _refuse_negative(n)
        day, left = start, n
        provisional = False
        while left:
            day += _ONE_DAY
            provisional = provisional or not self.is_settled(day)
            left -= self.is_working(day)
        return Due(day, provisional)


def add_calendar_days(start: date, n: int) -> date:
    """The n-th calendar day (自然日) after ``start``. Raises InvalidInput for a negative n."""
    _refuse_negative(n)
    return start + timedelta(days=n)


def business_today(instant: datetime) -> date:
    """The date in China at this instant. Raises ValueError for an instant without a time zone."""
    if instant.utcoffset() is None:
        raise ValueError("business_today needs an instant with a time zone")
    return instant.astimezone(CHINA_TIME).date()


def _refuse_negative(n: int) -> None:
    if n < 0:
        raise InvalidInput("天数不能为负数", "a number of days cannot be negative")
