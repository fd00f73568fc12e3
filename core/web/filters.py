"""How values look on a page: money, dates, counts (design: 1,200.00 元; 2026-11-25; negative −)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from core.calendar.working_days import CHINA_TIME
from core.money import format_wan, format_yuan

_WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
_MINUS = "−"


def _signed(text: str) -> str:
    return text.replace("-", _MINUS, 1) if text.startswith("-") else text


def yuan(fen: int) -> str:
    """Fen as yuan: ``120000`` is ``1,200.00 元``."""
    return format_yuan(fen)


def amount(fen: int) -> str:
    """Fen as yuan without the unit, for columns and fields that name it: ``1,200.00``."""
    return format_yuan(fen).removesuffix(" 元")


def wan(fen: int) -> str:
    """Fen as ten-thousands of yuan: ``16.22 万元``."""
    return format_wan(fen)


def wan_amount(fen: int) -> str:
    """The same without the unit, for columns headed 万元."""
    return format_wan(fen).removesuffix(" 万元")


def count(number: int) -> str:
    """A whole number with thousands separators."""
    return _signed(f"{number:,}")


def percent(ratio: float, digits: int = 1) -> str:
    """A ratio of 1 as percent without the sign: ``0.757`` is ``75.7``."""
    value = (Decimal(str(ratio)) * 100).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return _signed(f"{value}")


def _local_day(value: date) -> date:
    """The day in China of an instant; a date stays itself."""
    if isinstance(value, datetime):
        return value.astimezone(CHINA_TIME).date()
    return value


def day(value: date | None) -> str:
    """``2026-11-25``; nothing for None."""
    return "" if value is None else _local_day(value).isoformat()


def day_short(value: date | None) -> str:
    """``11-25``, for lists of this year; nothing for None."""
    return "" if value is None else f"{_local_day(value):%m-%d}"


def day_public(value: date | None) -> str:
    """``2026年11月25日``, for the public and for letters; nothing for None."""
    if value is None:
        return ""
    local = _local_day(value)
    return f"{local.year}年{local.month}月{local.day}日"


def weekday(value: date) -> str:
    """``星期三``."""
    return _WEEKDAYS[_local_day(value).weekday()]


def moment(value: datetime | None) -> str:
    """An instant in China's time, ``2026-11-25 09:12``; nothing for None."""
    return "" if value is None else f"{value.astimezone(CHINA_TIME):%Y-%m-%d %H:%M}"


def moment_short(value: datetime | None) -> str:
    """An instant in China's time without the year, ``11-25 09:12``; nothing for None."""
    return "" if value is None else f"{value.astimezone(CHINA_TIME):%m-%d %H:%M}"


def mask(value: object) -> str:
    """What a personal value prints as: a ``Sensitive`` prints masked, and no filter shows it in full."""
    return str(value)


_PARTS = {"8": "信访工作条例", "9": "法律援助法", "10": "建档与救助规定", "11": "档案表填写规定", "12": "资金与保密规定"}


def clause(text: str) -> str:
    """Where a rule stands, as an official cites it: ``domain 4.4.1, 10`` is ``《援助中心管理办法》4.4.1、建档与救助规定``.

    Other texts (an article of a law) stay as they are.
    """
    if not text.startswith("domain "):
        return text
    numbers = [part.strip() for part in text.removeprefix("domain ").split(",")]
    return "、".join(_PARTS.get(number.split(".")[0], f"《援助中心管理办法》{number}") for number in numbers)


FILTERS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "yuan": yuan,
        "amount": amount,
        "wan": wan,
        "wan_amount": wan_amount,
        "count_of": count,
        "percent": percent,
        "day": day,
        "day_short": day_short,
        "day_public": day_public,
        "weekday": weekday,
        "moment": moment,
        "moment_short": moment_short,
        "mask": mask,
        "clause": clause,
    }
)
