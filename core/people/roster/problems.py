"""A problem of a roster: where it is, of which kind; its words are made only when they are shown.

A file with errors in every third row has a hundred thousand of them: what is kept of each is little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from core.codes.loader import code_list
from core.people.roster.kinds import KINDS, Kind, Severity
from core.vault import masking

_LONG_NUMBER: Final = re.compile(r"\d{7,}[Xx]?")
_GAP: Final = r"[\s.-]?"
_SPACED_NUMBER: Final = re.compile(
    r"\d{15,}[Xx]?|\d{4}(?:\s\d{4}){2,}(?:\s\d{1,4})?|"
    + _GAP.join([r"\d"] * 6 + ["(?:[1１]" + _GAP + "[9９]|[2２]" + _GAP + "[0０])", r"\d", r"\d"])
    + _GAP
    + _GAP.join(["[01０１]", r"\d", "[0-3０-３]", r"\d", r"\d", r"\d", r"\d", r"[\dXx]"])
)
"""An identity number, also one that is written in groups, or an account; a file number such as 510104-2025-00001 is neither."""
_SHOWN: Final = 40
_SHORT: Final = {"gender": "男、女"}
"""What a form says where the standard's labels are longer (男性, 女性, 未说明的性别)."""
_NAMED: Final = 30
_MASKS: Final[Mapping[str, masking.Mask]] = {
    "identity": masking.identity_number,
    "phone": masking.phone,
    "account": masking.bank_account,
    "name": masking.public_name,
    "long_text": masking.address,
}


class Labelled(Protocol):
    """A household that a problem belongs to."""

    @property
    def key(self) -> str:
        """Its key in the file."""


@dataclass(frozen=True, slots=True)
class Column:
    """The column of a problem: its heading as in the file, its letter, and what it holds (for the mask)."""

    heading: str = ""
    letter: str = ""
    holds: str = ""


NO_COLUMN: Final = Column()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value, wherever it stands."""

    kind: str
    words: Mapping[str, Any] | None = None


class Problem:
    """What is wrong with, or doubtful in, one cell or row. ``row`` is the number that the spreadsheet program shows, 0 for
    the sheet as a whole; ``column`` the heading as it stands in the file."""

    __slots__ = ("_column", "_given", "_home", "_words", "kind", "row", "sheet")

    def __init__(
        self,
        sheet: str,
        row: int,
        column: Column,
        kind: str,
        given: object = None,
        home: Labelled | None = None,
        words: Mapping[str, Any] | None = None,
    ) -> None:
        self.sheet = sheet
        self.row = row
        self.kind = kind
        self._column = column
        self._given = given
        self._home = home
        self._words = words

    @property
    def column(self) -> str:
        """The heading as it stands in the file; empty where the whole row or sheet is meant."""
        return self._column.heading

    @property
    def letter(self) -> str:
        """The column's letter in the spreadsheet program."""
        return self._column.letter

    @property
    def household(self) -> str:
        """The key of the household that it belongs to; empty for none."""
        return "" if self._home is None else self._home.key

    @property
    def value(self) -> str:
        """The value as it may be shown: by its column's mask, elsewhere without long numbers."""
        return shown(self._column.holds, self._given)

    @property
    def severity(self) -> Severity:
        """``error`` or ``warning``."""
        return KINDS[self.kind].severity

    @property
    def is_error(self) -> bool:
        """Whether it holds its household back."""
        return KINDS[self.kind].severity == "error"

    @property
    def zh(self) -> str:
        """What is wrong, in Chinese."""
        return self._told(KINDS[self.kind].zh)

    @property
    def en(self) -> str:
        """What is wrong, in English."""
        return self._told(KINDS[self.kind].en, en=True)

    @property
    def mend_zh(self) -> str:
        """How to mend it, in Chinese."""
        return self._told(KINDS[self.kind].mend_zh)

    @property
    def mend_en(self) -> str:
        """How to mend it, in English."""
        return self._told(KINDS[self.kind].mend_en, en=True)

    @property
    def message(self) -> str:
        """What is wrong and how to mend it, in Chinese."""
        return f"{self.zh}。{self.mend_zh}"

    @property
    def declared(self) -> Kind:
        """Its kind."""
        return KINDS[self.kind]

    def _told(self, template: str, *, en: bool = False) -> str:
        if "{" not in template:
            return template
        words: dict[str, Any] = dict(self._words or {})
        name = words.get("list")
        if name is not None:
            found = code_list(name)
            allowed = [item.zh for item in found.items if not item.old]
            words["list"] = name if en else found.zh
            words["allowed"] = _SHORT.get(name) or "、".join(allowed[:_NAMED]) + (" 等" if len(allowed) > _NAMED else "")
        return template.format_map({"given": self.value} | words)

    def as_json(self) -> dict[str, Any]:
        """The form in which it is stored, shown and written by the command line."""
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "letter": self.letter,
            "kind": self.kind,
            "severity": self.severity,
            "value": self.value,
            "household": self.household,
            "message": self.message,
            "zh": self.zh,
            "en": self.en,
            "mend_zh": self.mend_zh,
            "mend_en": self.mend_en,
        }

    def __repr__(self) -> str:
        return f"Problem({self.sheet!r}, {self.row}, {self.column!r}, {self.kind!r})"


def shown(holds: str, value: object) -> str:
    """A value as a problem may show it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e30:
        value = int(value)
    text = value[1] if isinstance(value, tuple) else str(value)
    mask = _MASKS.get(holds)
    if mask is not None and not isinstance(value, tuple):
        return mask(text)
    return without_numbers(text)[:_SHOWN]


def named(text: str) -> str:
    """A name that an office gave a file, a sheet, a column: as it is, but for identity numbers and accounts in it."""
    return _SPACED_NUMBER.sub(lambda found: masking.identity_number(found[0]), text)


def holds_number(text: str) -> bool:
    """Whether an identity number or an account stands in a text, in whatever groups it is written."""
    return _SPACED_NUMBER.search(text) is not None


def without_numbers(text: str) -> str:
    """A text without long numbers, in whatever groups they are written."""
    return _LONG_NUMBER.sub(masking.HIDDEN, _SPACED_NUMBER.sub(masking.HIDDEN, text))
