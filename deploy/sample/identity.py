"""Synthetic numbers: identity (GB 11643), bank card (Luhn), mobile phone."""

from datetime import date

from deploy.sample.chance import Stream
from deploy.sample.divisions import County

CARD_PREFIX = "999951"
"""No issuer has it: cards of the sample can be told from real ones at a glance."""
PHONE_PREFIX = "1540"
"""A mobile number range that no operator uses."""
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_SHARED_FROM = 990


def identity_number(division: str, birth: date, order: int) -> str:
    """公民身份号码: six digits of division, eight of birth, three of order (odd for men), one check digit."""
    body = f"{division}{birth:%Y%m%d}{order:03d}"
    return body + _CHECKS[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def card_number(county: str, serial: int) -> str:
    """A nineteen-digit bank card number whose last digit is the Luhn check; unique by county and serial."""
    body = f"{CARD_PREFIX}{county[2:]}{serial:08d}"
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def phone_number(chance: Stream) -> str:
    """An eleven-digit mobile number nobody has."""
    return f"{PHONE_PREFIX}{chance.randrange(10_000_000):07d}"


class Registry:
    """Hands out identity numbers of one county, each once; orders from 990 are kept for cross-county households."""

    def __init__(self, county: County, chance: Stream) -> None:
        self._county = county
        self._chance = chance
        self._used: set[str] = set()

    def issue(self, birth: date, *, male: bool) -> str:
        """A number not issued before in this county."""
        while True:
            order = self._chance.randrange(1, _SHARED_FROM, 2) if male else self._chance.randrange(2, _SHARED_FROM, 2)
            number = identity_number(self._division(birth), birth, order)
            if number not in self._used:
                self._used.add(number)
                return number

    def _division(self, birth: date) -> str:
        if self._chance.happens(8):
            old = [code for code, year in self._county.retired if birth.year < year]
            if old:
                return self._chance.choice(old)
        if self._chance.happens(4) and self._county.outside:
            return self._chance.choice(self._county.outside)
        return self._county.code


def shared_number(county: str, birth: date, place: int, *, male: bool) -> str:
    """The number of the ``place``-th person (0 to 4) of a household that stands in two counties' rosters."""
    return identity_number(county, birth, _SHARED_FROM + 2 * place + (1 if male else 0))
