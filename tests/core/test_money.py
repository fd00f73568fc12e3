"""Amounts are read exactly and written as people read them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.money import MAX_YUAN, format_wan, format_yuan, parse_yuan

AMOUNTS = st.integers(-MAX_YUAN * 100, MAX_YUAN * 100)


@given(AMOUNTS)
def test_what_is_written_reads_back(fen: int) -> None:
    assert parse_yuan(format_yuan(fen), allow_negative=True) == fen


@given(st.integers(0, MAX_YUAN), st.integers(0, 99))
def test_plain_decimals_read_exactly(yuan: int, fen: int) -> None:
    assert parse_yuan(f"{yuan}.{fen:02d}") == yuan * 100 + fen


@given(AMOUNTS)
def test_wan_agrees_with_exact_decimal_rounding(fen: int) -> None:
    exact = (Decimal(abs(fen)) / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    sign = "−" if fen < 0 and exact else ""
    assert format_wan(fen) == f"{sign}{exact:,} 万元"


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("1,200.00", 120000),
        ("1200", 120000),
        ("1200.5", 120050),
        ("0.01", 1),
        ("００１２００．５０元", 120050),
        ("１，２００ 元", 120000),
        ("¥ 1,200.00", 120000),
        ("￥1200", 120000),
        ("\u00a01,200.00\u3000元 ", 120000),
    ],
)
def test_reads(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    ["", "元", "1.234", "1.", ".5", "1e3", "NaN", "inf", "12,00", "1,2000", "1,200,00", "-1", "−1", "1-", "--1", "壹佰",
     "1.2.3", "0x10", "١٢٣", "1_000", "+1", "10000000000000"],
)  # fmt: skip
def test_refuses(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_yuan(text)


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_yuan("abc", where="第 3 行")
    assert refused.value.where == "第 3 行"


@pytest.mark.parametrize("text", ["-5.00", "−5", "－５ 元", "-¥5"])
def test_negative_only_where_allowed(text: str) -> None:
    assert parse_yuan(text, allow_negative=True) == -500
    with pytest.raises(InvalidInput, match="负数"):
        parse_yuan(text)


@pytest.mark.parametrize(
    ("fen", "yuan", "wan"),
    [
        (0, "0.00 元", "0.00 万元"),
        (16220000, "162,200.00 元", "16.22 万元"),
        (-120050, "−1,200.50 元", "−0.12 万元"),
        (-1, "−0.01 元", "0.00 万元"),
        (5000, "50.00 元", "0.00 万元"),
        (15000, "150.00 元", "0.02 万元"),
        (123456789012, "1,234,567,890.12 元", "123,456.79 万元"),
    ],
)
def test_writes(fen: int, yuan: str, wan: str) -> None:
    assert format_yuan(fen) == yuan
    assert format_wan(fen) == wan
