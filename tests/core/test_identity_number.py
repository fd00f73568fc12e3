"""The identity number: proper ones pass and tell place, birth and sex; slips fail and show nothing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn.ric import calc_check_digit

from core.divisions import all_divisions
from core.errors import InvalidInput
from core.people.identity_number import Sex, check_identity_number

ON = date(2026, 9, 1)
COUNTIES = sorted(code for code, row in all_divisions().items() if row.level == "county")


def number(division: str, born: date, order: int) -> str:
    body = f"{division}{born:%Y%m%d}{order:03d}"
    return body + calc_check_digit(body + "0")


NUMBERS = st.builds(
    number,
    st.sampled_from([*COUNTIES, "513425", "110103"]),
    st.dates(date(1900, 1, 1), ON),
    st.integers(0, 999),
)


@given(st.sampled_from(COUNTIES), st.dates(date(1900, 1, 1), ON), st.integers(0, 999))
def test_a_proper_number_tells_place_birth_and_sex(division: str, born: date, order: int) -> None:
    checked = check_identity_number(number(division, born, order), ON)
    assert checked.division_code == division
    assert checked.birth_date == born
    assert checked.sex is (Sex.MALE if order % 2 else Sex.FEMALE)


@given(NUMBERS, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_any_single_changed_character_fails(proper: str, position: int, other: str) -> None:
    altered = proper[:position] + other + proper[position + 1 :]
    if altered == proper:
        assert check_identity_number(altered, ON).number.reveal() == proper
        return
    with pytest.raises(InvalidInput) as refused:
        check_identity_number(altered, ON)
    assert altered not in str(refused.value)
    assert altered[6:14] not in str(refused.value)


def test_every_county_of_sichuan_passes() -> None:
    sichuan = [code for code in COUNTIES if code.startswith("51")]
    assert len(sichuan) == 183
    for code in sichuan:
        assert check_identity_number(number(code, date(1980, 2, 29), 1), ON).division_code == code


def test_a_retired_code_passes() -> None:
    assert check_identity_number(number("513425", date(1970, 1, 1), 2), ON).division_code == "513425"


def test_small_x_full_width_and_spaces_are_put_right() -> None:
    proper = next(found for order in range(100) if (found := number("510802", date(1990, 1, 1), order)).endswith("X"))
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in proper.lower())
    for typed in (proper.lower(), wide, f" {proper[:6]} {proper[6:14]}\u3000{proper[14:]}"):
        assert check_identity_number(typed, ON).number.reveal() == proper


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("510802900101123", "15 位"),
        ("", "17 位"),
        ("51080219900101", "17 位"),
        ("5108021990010112345", "17 位"),
        ("5108O2199001011234", "17 位"),
        (number("999999", date(1990, 1, 1), 1), "行政区划"),
        (number("510802", date(2026, 9, 2), 1), "出生日期"),
        (number("510802", date(1899, 12, 31), 1), "出生日期"),
        ("510802199002300" + "01" + calc_check_digit("510802199002300" + "01" + "0"), "出生日期不存在"),
    ],
)
def test_a_refusal_gives_the_reason_and_shows_nothing(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        check_identity_number(text, ON)
    assert not text or text not in str(refused.value)
    assert "****" in refused.value.zh
    assert "****" in refused.value.en


def test_born_on_the_business_date_is_not_the_future() -> None:
    assert check_identity_number(number("510802", ON, 1), ON).birth_date == ON


def test_its_repr_shows_neither_number_nor_birth_date() -> None:
    checked = check_identity_number(number("510802", date(1990, 1, 1), 123), ON)
    assert repr(checked) == f"IdentityNumber(number=Sensitive({checked.masked}))"
    assert "1990" not in repr(checked)
