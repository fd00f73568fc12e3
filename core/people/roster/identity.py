"""Identity numbers in bulk: each of the four parts of a number is looked up, so that a hundred thousand take no time.

The rules are those of ``core.people.identity_number``; there one number is judged with its words, here a column.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from core.divisions import is_known_code
from core.people.identity_number import lengthened
from core.people.roster.problems import Fault
from core.people.roster.values import NO_VALUE, Told, is_scientific, masked_identity, plain, text
from core.spreadsheets.cells import Cell
from core.text.normalise import squash

_WEIGHTS: Final = tuple(2 ** (17 - place) % 11 for place in range(17))
_CHECK: Final = "10X98765432"
_SHORTEST: Final = 15
"""Digits of a number of the first generation."""
_NEVER: Final = -10_000
"""Part of a sum that can be no number's."""
_EARLIEST: Final = date(1900, 1, 1)
MALE: Final = "1"
FEMALE: Final = "2"


def _sum(digits: str, start: int) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS[start:], strict=False))


class _Areas(dict[str, int]):
    """Six digits to their part of the sum; far below nought where they are no division."""

    def __missing__(self, code: str) -> int:
        found = self[code] = _sum(code, 0) if is_known_code(code) else _NEVER
        return found


class _Births(dict[str, int]):
    """Eight digits to their part of the sum; far below nought where they are no day from 1900 to the business date."""

    def __init__(self, on: date) -> None:
        super().__init__()
        self._on = on

    def __missing__(self, digits: str) -> int:
        try:
            born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
            found = _sum(digits, 6) if _EARLIEST <= born <= self._on else _NEVER
        except ValueError:
            found = _NEVER
        self[digits] = found
        return found


_SEQUENCES: Final = {f"{number:03d}": _sum(f"{number:03d}", 14) for number in range(1000)}
_FITS: Final = {(remainder, _CHECK[remainder]) for remainder in range(11)}


class IdentityReader:
    """Reads the cells of an identity column as of one business date."""

    def __init__(self, on: date, *, of_text: bool) -> None:
        self._areas = _Areas()
        self._births = _Births(on)
        self._of_text = of_text

    def __call__(self, raw: Cell) -> str | Fault | Told | None:
        """The number of 18 characters, or what is wrong with the cell."""
        if type(raw) is str and len(raw) == 18 and raw.isascii():
            total = self._areas[raw[:6]] + self._births[raw[6:14]] + _SEQUENCES.get(raw[14:17], _NEVER)
            if total >= 0 and _CHECK[total % 11] == raw[17] and raw[15:] != "000":
                return raw
            number = self._plain(raw)
        elif raw is None:
            return None
        elif isinstance(raw, int | float) and not isinstance(raw, bool):
            # Whatever the check digit says: one in eleven rounded numbers passes it.
            return Fault("identity_as_number")
        else:
            found = plain(raw)
            if not isinstance(found, str):
                return found
            if not found or found in NO_VALUE:
                return None
            if is_scientific(found):
                return Fault("identity_scientific")
            number = self._plain(found)
        if len(number) == 15 and number.isdecimal() and number.isascii():
            return self._fifteen(number)
        return self._judged(number)

    @staticmethod
    def _plain(typed: str) -> str:
        return squash(typed).upper().replace("*", "").replace("-", "").strip("'’‘`") if "*" not in typed else typed

    def _judged(self, number: str) -> str | Fault | Told:
        if len(number) != 18 or not (number[:17].isdecimal() and number.isascii() and number[17] in "0123456789X"):
            return Fault("identity_form")
        area, birth = self._areas[number[:6]], self._births[number[6:14]]
        if area >= 0 and birth >= 0 and ((area + birth + _SEQUENCES[number[14:17]]) % 11, number[17]) in _FITS:
            if number[15:] != "000":
                return number
            return Fault("identity_rounded") if self._of_text else Told(number, Fault("identity_zeros"))
        if number[15:] == "000" and self._of_text:
            return Fault("identity_rounded")
        if (_sum(number[:17], 0) % 11, number[17]) not in _FITS:
            return Fault("identity_check_digit")
        return Fault("identity_division" if area < 0 else "identity_birth_date")

    def _fifteen(self, number: str) -> Fault | Told:
        """A number of the first generation: of people born in the 20th century, without a check digit."""
        longer = lengthened(number)
        if self._areas[longer[:6]] < 0:
            return Fault("identity_division")
        if self._births[longer[6:14]] < 0:
            return Fault("identity_birth_date")
        return Told(longer, Fault("identity_fifteen", {"masked": masked_identity(longer)}))


class FileNumberReader:
    """Reads the cells of a column of file numbers. A file number is shown and kept in the open: an identity number is none."""

    def __init__(self, identities: IdentityReader) -> None:
        self._identities = identities

    def __call__(self, raw: Cell) -> str | Fault | Told | None:
        """The number, or what is wrong with the cell."""
        found = text(raw)
        if not isinstance(found, str):
            return found
        spoilt = isinstance(raw, int | float) and abs(raw) >= 10**16
        short = len(found) < _SHORTEST and found.isascii()  # as most are; of other signs one may stand for several digits
        if spoilt or (not short and isinstance(self._identities(found), str | Told)):
            return Told(None, Fault("file_number_is_identity"))
        return found


class _Days(dict[str, date]):
    def __missing__(self, digits: str) -> date:
        found = self[digits] = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        return found


_DAYS: Final = _Days()


def born(number: str) -> date:
    """The birth date in a number that was judged."""
    return _DAYS[number[6:14]]


def sex(number: str) -> str:
    """The sex in a number that was judged, by the code of GB/T 2261.1."""
    return MALE if number[16] in "13579" else FEMALE
