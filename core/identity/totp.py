"""Codes of an authenticator application (动态验证码): TOTP of RFC 6238 by pyotp, six digits, thirty seconds."""

from __future__ import annotations

import hmac
import re
import unicodedata
from datetime import datetime
from typing import Final

import pyotp

STEP_S: Final = 30
WINDOW: Final = 1
"""How many steps a telephone's clock may be ahead or behind."""
_ISSUER: Final = "Bangfu"
_CODE: Final = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    """A random secret of 160 bits, as an application takes it by typing (base32)."""
    return pyotp.random_base32()


def setup_address(secret: str, login: str) -> str:
    """What the QR code says: the address by which an application sets itself up."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=_ISSUER)


def tidied(typed: str) -> str:
    """What was typed without spaces and dashes, in plain digits and small letters."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", typed)).lower()


def is_code(typed: str) -> bool:
    """Whether it looks like a code of six digits."""
    return _CODE.fullmatch(tidied(typed)) is not None


def step_of(at: datetime) -> int:
    """The number of the time step of an instant."""
    return int(at.timestamp()) // STEP_S


def matching_step(secret: str, typed: str, at: datetime, used: int | None) -> int | None:
    """The time step whose code was typed, within the window around ``at`` and later than ``used``; None where there is none.

    The caller stores it as used, so that no code counts twice and none that came before it.
    """
    if not is_code(typed):
        return None
    code, now, generator = tidied(typed), step_of(at), pyotp.TOTP(secret)
    for step in range(now - WINDOW, now + WINDOW + 1):
        if (used is None or step > used) and hmac.compare_digest(generator.generate_otp(step), code):
            return step
    return None
