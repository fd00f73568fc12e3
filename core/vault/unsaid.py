"""What was typed is not said again (不回显): long numbers in refusals, wherever these are shown, kept or logged.

An identity number, an account or a telephone number that somebody typed into the wrong place does not come back in an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from typing import TypeVar

from core.errors import BangfuError
from core.vault.masking import HIDDEN

_Error = TypeVar("_Error", bound=BangfuError)

ROW_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""An id of a row, as a pattern."""
_LONG_NUMBER = re.compile(rf"(?P<id>{ROW_ID})|\d(?:[ \u3000]?\d){{8,}}[XxＸｘ]?", re.IGNORECASE)


def without_numbers(text: str, files: Sequence[str] = ()) -> str:
    """``text`` with every number of nine digits or more hidden, also where spaces part it; ids of rows stay, and what stands in
    ``files``."""

    def said(found: re.Match[str]) -> str:
        return found[0] if found["id"] or any(found[0] in file for file in files) else HIDDEN

    return _LONG_NUMBER.sub(said, text)


def masked(error: _Error) -> _Error:
    """A copy of ``error`` whose texts hold no long number but those of files that it names."""
    told = copy(error)
    for name in ("zh", "en", "where", "mend_zh", "mend_en"):
        text = getattr(error, name)
        setattr(told, name, without_numbers(text, error.files) if text else text)
    return told
