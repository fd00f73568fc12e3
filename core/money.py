"""Money (金额) as whole fen (分): reading what people type, writing what people read.

Amounts are integers everywhere; a decimal point exists only in the texts that this module reads and writes.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from core.errors import InvalidInput
from core.text.normalise import squash

Fen: TypeAlias = int
"""An amount in fen, one hundredth of a yuan; negative where money flows back."""

FEN_PER_YUAN: Final = 100
MAX_YUAN: Final = 10**13 - 1
"""Largest amount in yuan that is read: far above any fund, and within a bigint of fen."""

_MINUS = "\u2212"
_FEN_PER_HUNDREDTH_WAN: Final = 10_000
_AMOUNT = re.compile(r"(?P<sign>[-\u2212])?[¥￥]?(?P<yuan>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<fen>[0-9]*))?元?")


def parse_yuan(text: str, *, allow_negative: bool = False, where: str | None = None) -> Fen:
    """Read an amount in yuan exactly (``1,200.00``, ``１２００ 元``, ``¥1200``) as fen.

    ``where`` names the field or cell in the refusal. Raises InvalidInput for anything else: more than two decimals,
    misplaced thousands separators, exponents, a negative amount unless allowed, an amount above MAX_YUAN.
    """
    match = _AMOUNT.fullmatch(squash(text))
    if match is None:
        raise _refusal("金额格式不正确", "not an amount in yuan", where)
    decimals = match["fen"]
    if decimals is not None and not 1 <= len(decimals) <= 2:
        raise _refusal("金额最多两位小数", "an amount has one or two decimals", where)
    digits = match["yuan"].replace(",", "").lstrip("0")
    if len(digits) > len(str(MAX_YUAN)):
        raise _refusal("金额过大", "amount too large", where)
    fen = int(digits or "0") * FEN_PER_YUAN + int((decimals or "").ljust(2, "0"))
    if match["sign"] is None:
        return fen
    if not allow_negative:
        raise _refusal("金额不能为负数", "an amount cannot be negative here", where)
    return -fen


def format_yuan(fen: Fen) -> str:
    """``120000`` > ``1,200.00 元``; a negative amount begins with the minus sign ``−``."""
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{_MINUS if fen < 0 else ''}{yuan:,}.{rest:02d} 元"


def format_wan(fen: Fen) -> str:
    """In ten thousand yuan (万元) with two decimals: ``162200_00`` > ``16.22 万元``.

    The hidden part is rounded to the nearest hundredth, halves to the even one, so that long tables do not drift
    upwards. For reading only: sums are made in fen before they are written.
    """
    hundredths, rest = divmod(abs(fen), _FEN_PER_HUNDREDTH_WAN)
    half = _FEN_PER_HUNDREDTH_WAN // 2
    if rest > half or (rest == half and hundredths % 2):
        hundredths += 1
    whole, decimals = divmod(hundredths, 100)
    return f"{_MINUS if fen < 0 and hundredths else ''}{whole:,}.{decimals:02d} 万元"


def _refusal(zh: str, en: str, where: str | None) -> InvalidInput:
    return InvalidInput(zh, en, where=where, mend_zh="请填写如 1,200.00 的金额", mend_en="write it like 1,200.00")
