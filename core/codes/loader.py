"""Code lists as read-only data (domain 11); marks and sources stand in code_lists.yaml itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from core.errors import BangfuError, InvalidInput, NotFound
from core.text.normalise import fold, squash

_FILE: Final = Path(__file__).parent / "code_lists.yaml"
# Ten times as fast where PyYAML was built with libyaml; both build plain data only.
_LOADER: Final[type[yaml.SafeLoader] | type[yaml.CSafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAMED_IN_ERROR: Final = 30
_LONG_NUMBER: Final = re.compile(r"\d{7,}[Xx]?")


@dataclass(frozen=True, slots=True)
class CodeItem:
    """One value of a list; ``extra`` holds the list's further keys (gb, short, letters, old, parent, kind ...)."""

    code: str
    zh: str
    en: str
    extra: Mapping[str, str | bool]

    @property
    def old(self) -> bool:
        """Whether the value stands only on older forms: readable, no longer offered."""
        return self.extra.get("old") is True


@dataclass(frozen=True, slots=True)
class CodeList:
    """A code list (代码表); ``extra`` holds mark, standard, basis and note."""

    name: str
    zh: str
    en: str
    items: tuple[CodeItem, ...]
    extra: Mapping[str, str]
    _by_code: Mapping[str, CodeItem] = field(repr=False, compare=False)
    _by_label: Mapping[str, CodeItem] = field(repr=False, compare=False)

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes in the list's order."""
        return tuple(item.code for item in self.items)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def item(self, code: str) -> CodeItem:
        """The value with this code; raises InvalidInput naming the list and what it allows."""
        found = self._by_code.get(code)
        if found is None:
            raise self._refusal(code, [item.code for item in self.items])
        return found

    def from_label(self, text: str) -> CodeItem:
        """The value with this Chinese label or short name, spaces and widths folded; raises InvalidInput likewise."""
        found = self._by_label.get(_label_key(text))
        if found is None:
            raise self._refusal(text, [item.zh for item in self.items if not item.old])
        return found

    def _refusal(self, given: str, allowed: list[str]) -> BangfuError:
        listed = "、".join(allowed[:_NAMED_IN_ERROR])
        more_zh, more_en = (" 等", " ...") if len(allowed) > _NAMED_IN_ERROR else ("", "")
        # A shifted column brings other data here; a long number in it may be an identity number or an account.
        shown = _LONG_NUMBER.sub("****", given)[:40]
        return InvalidInput(
            f"“{shown}”不在“{self.zh}”的可选值中",
            f"{shown!r} is not in the code list {self.name}",
            mend_zh=f"可选：{listed}{more_zh}",
            mend_en=f"allowed: {listed}{more_en}",
        )


def _label_key(text: str) -> str:
    return squash(fold(text))


def _index(name: str, items: tuple[CodeItem, ...]) -> Mapping[str, CodeItem]:
    """Labels and short names to values; a spelling that would mean two values is a fault of the data."""
    index: dict[str, CodeItem] = {}
    for item in items:
        for spelling in {item.zh, str(item.extra.get("short", item.zh))}:
            if index.setdefault(_label_key(spelling), item) is not item:
                raise ValueError(f"code list {name}: {spelling} means two values")
    return MappingProxyType(index)


def _build(name: str, raw: Mapping[str, Any]) -> CodeList:
    items = tuple(
        CodeItem(
            code=row["code"],
            zh=row["zh"],
            en=row["en"],
            extra=MappingProxyType({key: value for key, value in row.items() if key not in ("code", "zh", "en")}),
        )
        for row in raw["items"]
    )
    by_code = {item.code: item for item in items}
    if len(by_code) != len(items):
        raise ValueError(f"code list {name}: a code stands twice")
    extra = {key: str(value) for key, value in raw.items() if key not in ("zh", "en", "items")}
    return CodeList(name, raw["zh"], raw["en"], items, MappingProxyType(extra), MappingProxyType(by_code), _index(name, items))


@lru_cache(maxsize=1)
def _lists() -> Mapping[str, CodeList]:
    raw = _LOADER(_FILE.read_text(encoding="utf-8")).get_single_data()
    return MappingProxyType({name: _build(name, body) for name, body in raw["lists"].items()})


def code_list_names() -> tuple[str, ...]:
    """Names of all code lists in the file's order."""
    return tuple(_lists())


def code_list(name: str) -> CodeList:
    """The list with this name; raises NotFound naming it."""
    found = _lists().get(name)
    if found is None:
        raise NotFound(f"没有代码表 {name}", f"no code list {name}", mend_en=f"lists: {', '.join(_lists())}")
    return found


def labels(list_name: str) -> dict[str, str]:
    """The Chinese labels of a list by code, without values that are given no more. Raises NotFound."""
    return {item.code: item.zh for item in code_list(list_name).items if not item.old}


def label(list_name: str, code: str) -> str:
    """The Chinese label of a code. Raises NotFound (list) or InvalidInput (code)."""
    return code_list(list_name).item(code).zh


def code_from_label(list_name: str, zh: str) -> str:
    """The code of a Chinese label or short name as typed. Raises NotFound (list) or InvalidInput (label)."""
    return code_list(list_name).from_label(zh).code
