"""How alike two persons are (相似程度): points for what agrees, taken off for what contradicts. Pure; no number is read.

A name is compared as it is written, as it sounds and as it is mistyped. Names are of two to four characters, where the standard
library's matcher tells as much as a library of distances would.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Final
from uuid import UUID

from core.text.normalise import fold_name
from core.text.pinyin import confused, name_pinyin

THRESHOLD: Final = 60
"""From how many points on two persons are shown to somebody."""
BY_HAND: Final = "by_hand"
"""The reason of a pair that somebody put together; no points."""
REASONS: Final = MappingProxyType(
    {
        BY_HAND: "人工提出",
        "name": "姓名相同",
        "name_sounds": "姓名同音",
        "name_confused": "姓名音近",
        "name_similar": "姓名相近",
        "birth_date": "出生日期相同",
        "birth_date_similar": "出生日期相近",
        "phone": "电话相同",
        "account": "银行账号相同",
        "address": "住址同村（社区）",
        "household": "在同一户",
        "number_missing": "一方没有身份证号",
        "number_similar": "身份证号首六位和末四位相同",
    }
)
_POINTS: Final = MappingProxyType(
    {
        "name": 40,
        "name_sounds": 35,
        "name_confused": 30,
        "name_similar": 20,
        "birth_date": 30,
        "birth_date_similar": 15,
        "phone": 20,
        "account": 20,
        "address": 15,
        "household": 10,
        "number_missing": 5,
        "number_similar": 10,
    }
)
_OTHER_NUMBER, _OTHER_BIRTH_DATE, _OTHER_GENDER = 15, 20, 20
_SIMILAR: Final = 0.6
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared of one person; tokens and masked forms stand for the values."""

    id: UUID
    name: str
    gender: str
    birth_date: date | None
    identity_token: bytes | None
    identity_masked: str | None
    phone_token: bytes | None
    account_token: bytes | None
    household_id: UUID | None
    address: str | None


def score(one: Compared, other: Compared) -> tuple[int, list[str]]:
    """Points up to 100 and the reasons for them, codes of ``REASONS``; 0 where the names have nothing in common."""
    together = one.household_id is not None and one.household_id == other.household_id
    name = _name(one.name, other.name)
    if name is None or (together and name == "name_similar"):  # twins and sisters
        return 0, []
    reasons = [name]
    off = _OTHER_GENDER if one.gender != other.gender else 0
    if one.birth_date is not None and other.birth_date is not None:
        if one.birth_date == other.birth_date:
            reasons.append("birth_date")
        elif _slip(one.birth_date, other.birth_date):
            reasons.append("birth_date_similar")
        else:
            off += _OTHER_BIRTH_DATE
    if one.identity_token is None or other.identity_token is None:
        reasons.append("number_missing")
    elif one.identity_masked == other.identity_masked:
        reasons.append("number_similar")
    else:
        off += _OTHER_NUMBER
    for reason, mine, yours in (
        ("phone", one.phone_token, other.phone_token),
        ("account", one.account_token, other.account_token),
        ("address", None if together else one.address, other.address),
    ):
        if mine is not None and mine == yours:
            reasons.append(reason)
    if together:
        reasons.append("household")
    return max(0, min(_MOST, sum(_POINTS[reason] for reason in reasons) - off)), reasons


def _name(one: str, other: str) -> str | None:
    mine, yours = fold_name(one), fold_name(other)
    if mine == yours:
        return "name"
    sounds, others = name_pinyin(one).full, name_pinyin(other).full
    if sounds == others:
        return "name_sounds"
    if confused(sounds) == confused(others):
        return "name_confused"
    return "name_similar" if SequenceMatcher(None, mine, yours).ratio() >= _SIMILAR else None


def _slip(one: date, other: date) -> bool:
    """Month and day changed round, or one digit other."""
    if one.year == other.year and (one.month, one.day) == (other.day, other.month):
        return True
    return sum(mine != yours for mine, yours in zip(f"{one:%Y%m%d}", f"{other:%Y%m%d}", strict=True)) == 1
