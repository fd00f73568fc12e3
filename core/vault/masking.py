"""Masked forms (脱敏) of personal data, for lists, notices and logs (domain 7.4, 12).

A value whose form is not the expected one is hidden whole: a mask never shows more than it would of a proper value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from core.text.normalise import NAME_DOT, fold_name, fold_width, squash
from core.text.surnames import surname_length

HIDDEN: Final = "****"
Mask: TypeAlias = Callable[[str], str]

_IDENTITY: Final = re.compile(r"[0-9]{17}[0-9Xx]")
_MOBILE: Final = re.compile(r"1[0-9]{10}")
_LANDLINE: Final = re.compile(r"(0[0-9]{2,3})-?([0-9]{7,8})")
_ACCOUNT: Final = re.compile(r"[0-9]{8,32}")
_NUMERALS: Final = "〇零一二三四五六七八九十百千两"
_UNITS: Final = "号|栋|幢|座|单元|楼|层|室|户|组|社|弄|附"
_HOUSE_NUMBER: Final = re.compile(rf"[0-9]|[A-Za-z{_NUMERALS}]+(?:{_UNITS})(?!桥|路|街|巷|村|镇)")


def hidden(value: object) -> str:
    """Nothing of the value, not even its length."""
    del value
    return HIDDEN


def identity_number(number: str) -> str:
    """``510899********2046``: division code and last four (身份证号)."""
    plain = squash(number)
    return f"{plain[:6]}********{plain[-4:].upper()}" if _IDENTITY.fullmatch(plain) else HIDDEN


def phone(number: str) -> str:
    """``138****6207`` for a mobile, ``0839-****046`` for a landline (电话)."""
    plain = squash(number)
    if _MOBILE.fullmatch(plain):
        return f"{plain[:3]}****{plain[-4:]}"
    landline = _LANDLINE.fullmatch(plain)
    return f"{landline[1]}-****{landline[2][-3:]}" if landline else HIDDEN


def bank_account(number: str) -> str:
    """``**** 7730``: the last four (银行卡号)."""
    plain = squash(number).replace("-", "")
    return f"{HIDDEN} {plain[-4:]}" if _ACCOUNT.fullmatch(plain) else HIDDEN


def public_name(name: str) -> str:
    """The name on a public notice (公示): the surname stays, each further character becomes a star.

    ``李明`` > ``李*``, ``欧阳修文`` > ``欧阳**``, ``阿卜杜拉·买买提`` > ``阿***·***``; in Latin script each word
    keeps its first letter. A single character is hidden.
    """
    plain = fold_name(name)
    shown = surname_length(plain)
    if NAME_DOT in plain or plain.isascii():
        shown = 1
    written = " ".join(name.split()) if plain.isascii() else plain
    if len(written) <= shown:
        return "*" * len(written)
    if plain.isascii():
        return " ".join(word[0] + "*" * (len(word) - 1) for word in written.split(" "))
    return written[:shown] + "".join(sign if sign == NAME_DOT else "*" for sign in written[shown:])


def address(text: str) -> str:
    """The address (住址) up to its first house, building or group number: ``…蜀门北路****``."""
    plain = fold_width(text).strip()
    number = _HOUSE_NUMBER.search(plain)
    return plain[: number.start()] + HIDDEN if number else plain
