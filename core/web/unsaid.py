"""What was typed is not said again: long numbers in refusals, and addresses that are kept (不回显).

An identity number, an account or a telephone number that somebody typed into the wrong place does not come back in an error,
nor stand in an address, where histories and the logs of proxies keep it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from core.errors import BangfuError
from core.vault.masking import HIDDEN

_Error = TypeVar("_Error", bound=BangfuError)

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LONG_NUMBER = re.compile(rf"(?P<id>{_ID})|\d(?:[ \u3000]?\d){{8,}}[XxＸｘ]?", re.IGNORECASE)
_CODE = re.compile(rf"[a-z][a-z_]{{0,59}}|[0-9]{{1,6}}|{_ID}")


def without_numbers(text: str, files: Sequence[str] = ()) -> str:
    """``text`` with every number of nine digits or more hidden, also where spaces part it; ids of rows stay, and what stands in
    ``files``."""

    def said(found: re.Match[str]) -> str:
        return found[0] if found["id"] or any(found[0] in file for file in files) else HIDDEN

    return _LONG_NUMBER.sub(said, text)


def masked(error: _Error) -> _Error:
    """A copy of ``error`` whose texts hold no long number but those of files that it names."""
    told = type(error).__new__(type(error))
    told.__dict__.update(error.__dict__)
    for name in ("zh", "en", "where", "mend_zh", "mend_en"):
        text = getattr(error, name)
        setattr(told, name, without_numbers(text, error.files) if text else text)
    return told


def kept_query(query: str) -> list[tuple[str, str]]:
    """Of a query only codes, short numbers and ids."""
    return [(name, value) for name, value in parse_qsl(query) if _CODE.fullmatch(value) and _CODE.fullmatch(name)]


def kept_address(url: str) -> str | None:
    """Path and query of ``url`` as somebody may be led back to, of the query what ``kept_query`` leaves. None where it is
    no address, or its path holds a long number."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if without_numbers(parts.path) != parts.path:
        return None
    query = urlencode(kept_query(parts.query))
    return f"{parts.path}?{query}" if query else parts.path
