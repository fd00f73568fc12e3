"""The citizen identity number (公民身份号码, GB 11643): 18 characters that say where and when someone was born."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, NoReturn

from stdnum.cn.ric import calc_check_digit

from core.divisions import is_known_code
from core.errors import InvalidInput
from core.text.normalise import squash
from core.vault import masking
from core.vault.sensitive import Sensitive

_EIGHTEEN: Final = re.compile(r"[0-9]{17}[0-9X]")
_FIFTEEN: Final = re.compile(r"[0-9]{15}")
_EARLIEST_YEAR: Final = 1900


class Sex(StrEnum):
    """Sex (性别) as the number tells it, by the codes of GB/T 2261.1."""

    MALE = "1"
    FEMALE = "2"


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """A checked identity number; everything it says of the person stays out of its repr."""

    number: Sensitive[str]
    division_code: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: Sex = field(repr=False)

    @property
    def masked(self) -> str:
        """``510899********2046``."""
        return self.number.masked


def check_identity_number(text: str, on: date) -> IdentityNumber:
    """Check a typed identity number as of the business date ``on``.

    Full-width characters, white space and a small x are put right. Raises InvalidInput, which shows the masked value
    only: wrong length or characters, wrong check digit, a division code neither in use today nor after 1980, a birth
    date that does not exist or lies after ``on``.
    """
    number = squash(text).upper()
    if _FIFTEEN.fullmatch(number):
        _refuse(
            number,
            "15 位旧身份证号自 2013 年起停止使用",
            "identity numbers of 15 digits have been void since 2013",
            "请填写 18 位身份证号",
            "give the one of 18 characters",
        )
    if not _EIGHTEEN.fullmatch(number):
        _refuse(number, "应为 17 位数字加 1 位数字或 X", "it has 17 digits and a last digit or X")
    if calc_check_digit(number) != number[-1]:
        _refuse(number, "校验码不符", "the check digit does not fit")
    if not is_known_code(number[:6]):
        _refuse(number, "前六位不是行政区划代码", "its first six digits are no division code")
    return IdentityNumber(
        number=Sensitive(number, masking.identity_number),
        division_code=number[:6],
        birth_date=_birth_date(number, on),
        sex=Sex.MALE if int(number[16]) % 2 else Sex.FEMALE,
    )


def lengthened(number: str) -> str:
    """The 18 characters of a number of 15 digits, as cards bore it until 1999 (GB 11643-1999)."""
    first = f"{number[:6]}19{number[6:]}"
    return first + calc_check_digit(first + "0")


def _birth_date(number: str, on: date) -> date:
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        _refuse(number, "出生日期不存在", "its birth date does not exist")
    if born.year < _EARLIEST_YEAR or born > on:
        _refuse(number, "出生日期过早或晚于办理日期", "its birth date is too early or after the business date")
    return born


def _refuse(
    number: str,
    zh: str,
    en: str,
    mend_zh: str = "请与身份证核对",
    mend_en: str = "compare it with the card",
) -> NoReturn:
    shown = masking.identity_number(number)
    # Raised without the inner error: its text could repeat digits of the number.
    raise InvalidInput(
        f"身份证号 {shown} 不正确：{zh}",
        f"identity number {shown} is not valid: {en}",
        mend_zh=mend_zh,
        mend_en=mend_en,
    ) from None
