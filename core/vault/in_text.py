"""Identity numbers and bank cards that somebody wrote into a free text (备注): found; imports mask them, forms refuse them.

Free texts are stored and shown in the open. What is masked has the form of such a number: an identity number of 18 or 15 digits
with a division and a day of birth, whatever its check digit says; a card of 16 to 19 digits that begins with 62 or whose
check digit fits. Numbers of papers, orders and files stay.
"""

from __future__ import annotations

import re
from typing import Final

from stdnum import luhn

from core.divisions import is_known_code
from core.text.normalise import fold_width
from core.vault import masking

_GAP: Final = r"[\s.\-]?"
_DIGITS: Final = re.compile(r"\d(?:[\s.\-]?\d){14}")
_DAY: Final = (r"[01]", r"\d", r"[0-3]", r"\d")
_LONG: Final = _GAP.join((*[r"\d"] * 6, rf"(?:1{_GAP}9|2{_GAP}0)", r"\d", r"\d", *_DAY, *[r"\d"] * 3, r"[\dXx]"))
_SHORT: Final = r"(?<!\d)" + _GAP.join((*[r"\d"] * 8, *_DAY, *[r"\d"] * 3)) + r"(?!\d)"
_CARD: Final = r"(?<!\d)\d{4}(?:[ \-]?\d{4}){3}(?:[ \-]?\d{1,3})?(?!\d)"
_NUMBERS: Final = re.compile(f"(?P<long>{_LONG})|(?P<card>{_CARD})|(?P<short>{_SHORT})")
_PLAIN: Final = re.compile(r"[^\dXx]")
_SHORTEST: Final = 15


def without_numbers_in(text: str) -> str:
    """``text`` with identity numbers and bank cards masked; the very text where there are none."""
    if len(text) < _SHORTEST:
        return text
    plain = fold_width(text)  # sign by sign, so that places stay
    if not _DIGITS.search(plain):
        return text
    parts, done = [], 0
    for found in _NUMBERS.finditer(plain):
        masked = _masked(found)
        if masked is not None:
            parts += [text[done : found.start()], masked]
            done = found.end()
    return "".join([*parts, text[done:]]) if parts else text


def _masked(found: re.Match[str]) -> str | None:
    """The mask of what looks like a number; None where it is none."""
    number = _PLAIN.sub("", found[0])
    if found["card"]:
        return masking.bank_account(number) if number.startswith("62") or luhn.is_valid(number) else None
    day = number[10:14] if found["long"] else number[8:12]
    if not is_known_code(number[:6]) or not ("01" <= day[:2] <= "12" and "01" <= day[2:] <= "31"):
        return None
    return masking.identity_number(number) if found["long"] else f"{number[:6]}******{number[-3:]}"
