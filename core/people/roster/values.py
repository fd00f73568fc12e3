"""Readers of single values: a cell becomes text, an identity number, a phone, an account, or what is wrong with it.

A reader gives the value, ``None`` for a blank, a ``Fault`` in its place, or ``Told``: a value with a fault beside it.
Readers are asked once for each distinct value (``columns.ColumnReader``), so they may take their time.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from core.divisions import all_divisions, is_known_code
from core.errors import InvalidInput
from core.people.roster.fields import FIELDS
from core.people.roster.problems import Fault
from core.spreadsheets.cells import Cell, FaultyCell
from core.text.normalise import squash
from core.vault import masking
from core.vault.tokens import TokenKind, normalised

MOST_TEXT: Final = 500
MOST_LONG_TEXT: Final = 2_000
MOST_NAME: Final = 50
NO_VALUE: Final = frozenset(
    ("-", "--", "—", "——", "/", "\\", "无", "空", "不详", "未知", "N/A", "n/a", "NA", "暂无", "未填", "×", "、", "／")
)
"""What is typed where nothing is to be said; blank for every field but texts."""

_NO_NAMES: Final = NO_VALUE | {word for field in FIELDS for word in (field.zh, *field.also)}
"""A heading where a name should stand: the column is another one's, as beside a form that was taken for a table."""
_APOSTROPHES: Final = "'’‘`＇"
_ORDINARY_NAME: Final = re.compile(r"[\u4e00-\u9fa5]{1,50}").fullmatch
"""As nearly all names are: of these characters nothing is to be folded or asked about."""
_INVISIBLE: Final = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0x00AD])
_NO_BREAK: Final = {0xA0: " ", 0x2028: "\n", 0x2029: "\n", 0x85: "\n"}


class Told(NamedTuple):
    """A value that was read, and what is to be told about it."""

    value: Any
    fault: Fault


def number_text(raw: float) -> str:
    """A number as it would have been typed: without the point of a whole number."""
    return str(int(raw)) if isinstance(raw, int) or (raw.is_integer() and abs(raw) < 1e21) else repr(raw)


def plain(raw: Cell) -> str | Fault | None:
    """Any cell as text without outer white space, invisible characters and the apostrophe that made it a text."""
    if isinstance(raw, str):
        text = raw.strip()
        if text and text[0] in _APOSTROPHES:
            text = text[1:].strip()
        return text if text.isprintable() else _cleaned(text)
    if raw is None:
        return None
    if isinstance(raw, FaultyCell):
        return Fault("formula_error" if raw.fault == "error" else "formula_without_value")
    if isinstance(raw, bool):
        return "是" if raw else "否"
    if isinstance(raw, int | float):
        return number_text(raw)
    if isinstance(raw, datetime):
        return raw.date().isoformat() if raw.time() == time.min else raw.isoformat(" ", "seconds")
    return str(raw) if isinstance(raw, timedelta) else raw.isoformat()


def _cleaned(text: str) -> str | Fault | None:
    text = (
        text.translate(_INVISIBLE)
        .translate(_NO_BREAK)
        .replace("_x000D_", "\n")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .strip()
    )
    for sign in text:
        if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs"):
            return Fault("control_character")
    return text or None


def long_text(raw: Cell) -> str | Fault | None:
    """A text that may have several lines."""
    return _text(raw, MOST_LONG_TEXT)


def text(raw: Cell) -> str | Fault | None:
    """A short text; its line ends become spaces."""
    found = _text(raw, MOST_TEXT)
    return " ".join(found.split()) if isinstance(found, str) and ("\n" in found or "\t" in found) else found


def _text(raw: Cell, most: int) -> str | Fault | None:
    found = plain(raw)
    if not isinstance(found, str):
        return found
    return (found or None) if len(found) <= most else Fault("too_long", {"most": most})


def name(raw: Cell) -> str | Fault | Told | None:
    """A person's name as it is written: any Unicode, at most 50 characters."""
    if type(raw) is str and _ORDINARY_NAME(raw) and raw not in _NO_NAMES:
        return raw
    if isinstance(raw, int | float | date | time | timedelta):
        return Fault("name_wrong")
    found = plain(raw)
    if not isinstance(found, str) or not found:
        return found or None
    if "\n" in found or "\t" in found:
        # Cells that were widened by hand: a line end inside a name means no more than a space does.
        found = " ".join(found.split())
    if len(found) > MOST_NAME:
        return Fault("too_long", {"most": MOST_NAME})
    if found in NO_VALUE:
        return None
    if found in _NO_NAMES or any(sign.isdigit() or sign in "?？\ufffd" for sign in found) or not any(map(_is_letter, found)):
        return Fault("name_wrong")
    if any("\ue000" <= sign <= "\uf8ff" or sign >= "\U000f0000" for sign in found):
        return Told(found, Fault("name_private_character"))
    return found


def _is_letter(sign: str) -> bool:
    # Characters that came into Unicode after this Python was made have no category yet, but stand in the planes of ideographs.
    return sign.isalpha() or "\ue000" <= sign <= "\uf8ff" or sign >= "\U00020000"


def phone(raw: Cell) -> str | Fault | Told | None:
    """A phone number as tokens are made of it; of several the first."""
    if type(raw) is str and len(raw) == 11 and raw.isdecimal() and raw.isascii():
        return raw
    found = plain(raw)
    if not isinstance(found, str) or not found or found in NO_VALUE:
        return found if isinstance(found, Fault) else None
    for separator in "/、，,；;\n|":
        found = found.replace(separator, " ")
    parts = found.split()
    whole = _phone("".join(parts))
    if whole is not None and len(whole) <= 12:
        return whole
    several = [number for number in map(_phone, parts) if number is not None and len(number) >= 7]
    if len(several) == len(parts) > 1:
        return Told(several[0], Fault("phone_several"))
    return Fault("phone_wrong") if whole is None or len(parts) > 1 else whole


def _phone(typed: str) -> str | None:
    try:
        return normalised(TokenKind.PHONE, typed)
    except InvalidInput:
        return None


def account(raw: Cell) -> str | Fault | None:
    """A bank account; a number of more than 15 digits was not kept whole."""
    if type(raw) is str and 8 <= len(raw) <= 32 and raw.isdecimal() and raw.isascii():
        return raw
    found = plain(raw)
    if not isinstance(found, str) or not found or found in NO_VALUE:
        return found if isinstance(found, Fault) else None
    if isinstance(raw, int | float) and (abs(raw) >= 10**15 or raw != int(raw)):
        return Fault("account_as_number")
    if is_scientific(found):
        return Fault("account_as_number")
    try:
        return normalised(TokenKind.ACCOUNT, found)
    except InvalidInput:
        return Fault("account_wrong")


def is_scientific(typed: str) -> bool:
    """Whether a text is a number written with a power of ten, as programs show long numbers: ``5.10104E+17``."""
    head, mark, power = squash(typed).upper().partition("E")
    return bool(mark) and power.lstrip("+").isdecimal() and head.replace(".", "", 1).isdecimal()


def division(raw: Cell) -> str | Fault | None:
    """The code of a division from six digits (or the longer code of a village in it), or from its full name."""
    found = plain(raw)
    if not isinstance(found, str) or not found or found in NO_VALUE:
        return found if isinstance(found, Fault) else None
    typed = squash(found)
    if typed.isdecimal() and typed.isascii() and len(typed) in (6, 9, 12):
        return typed[:6] if is_known_code(typed[:6]) else Fault("division_unknown")
    return _division_named(typed) or Fault("division_unknown")


def _division_named(typed: str) -> str | None:
    """The one present division whose name ends ``typed``, where the names above it stand before."""
    known = all_divisions()
    found = []
    for row in known.values():
        if not typed.endswith(row.name):
            continue
        before, above = typed[: -len(row.name)], row.parent
        while before and above is not None:
            before, above = before.removesuffix(known[above].name), known[above].parent
        if not before:
            found.append(row.code)
    return found[0] if len(found) == 1 else None


def count(raw: Cell) -> int | Fault | None:
    """A number of persons: ``4``, ``4人``, ``四口``."""
    found = plain(raw)
    if not isinstance(found, str) or not found or found in NO_VALUE:
        return found if isinstance(found, Fault) else None
    typed = squash(found).rstrip("人口")
    if typed.isdecimal() and len(typed) < 4:
        return int(typed)
    return (
        "零一二三四五六七八九十".find(typed)
        if len(typed) == 1 and typed in "一二三四五六七八九十"
        else Fault("wrong_type", WORDS_TEXT)
    )


WORDS_TEXT: Final = {"what": "文字", "what_en": "a text"}


def masked_identity(number: str) -> str:
    """The masked form that a problem may show."""
    return masking.identity_number(number)
