"""The township, town or sub-district (乡镇、街道) of a household, by the name that the office writes.

Names and not codes: the divisions that the platform holds end at the county (domain 1.3), and offices write the name alone,
for development zones and farms that have no code too.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from core.divisions import all_divisions
from core.scope import current_scope
from core.text.normalise import squash

MOST: Final = 30
_OFFICE: Final = re.compile(r"(?:街道办事处|街道办|(?<=[镇乡])(?:人民)?政府)$")
_OTHER: Final = r"[^\W\d_路街巷道村社号栋组园]"
_NEXT: Final = r"(?!路|街|巷|道|村|小区|花园|家园|新村)"


def township_of(text: str | None) -> str | None:
    """A name as it is kept: without spaces, and of an office (街道办事处, 镇人民政府) the place alone; None for a blank."""
    plain = squash(text or "")
    return _OFFICE.sub(lambda found: "街道" if found[0].startswith("街道") else "", plain) or None


def township_in(address: str | None) -> str | None:
    """The township of an address (住址) that names it behind the county of the tenant in scope; None where that is not sure."""
    found = _behind(current_scope().tenant).search(squash(address or ""))
    return found[1] if found else None


@cache
def _behind(county: str) -> re.Pattern[str]:
    division = all_divisions().get(county)
    name = re.escape(division.name) if division else "(?!)"
    return re.compile(rf"{name}({_OTHER}{{1,8}}街?街道|{_OTHER}{{1,8}}?(?:民族乡|镇|乡|苏木)){_NEXT}")
