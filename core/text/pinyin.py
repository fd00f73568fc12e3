"""Pinyin of people's names (姓名拼音): for sorting, and for finding a person by typed letters.

PostgreSQL's embedded build has no Chinese collation, so lists sort by a stored key. Compare the key bytewise
(collation ``C``). Keys hold the name itself: they are erased together with it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from core.text.normalise import NAME_DOT, fold_name
from core.text.surnames import (
    COMPOUND_SURNAMES,
    NAME_READINGS,
    OTHER_NAME_READINGS,
    OTHER_SURNAME_READINGS,
    PLACE_READINGS,
    SURNAME_READINGS,
    surname_length,
)

_PLACES = re.compile(f"({'|'.join(PLACE_READINGS)})")
_READ_OTHERWISE: Final = frozenset({*OTHER_NAME_READINGS, *OTHER_SURNAME_READINGS})
"""Characters with a second reading; few names have one."""
_CONFUSED_SPELLINGS: Final = (
    ("lyu", "lu"), ("nyu", "nu"), ("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"), ("v", "u"), ("l", "n"),
)  # fmt: skip
"""What is typed for one another: retroflex and flat initials, back and front nasals, l and n, the ways to write ü."""


@dataclass(frozen=True, slots=True)
class NamePinyin:
    """A name's readings: ``full`` (``ouyangxiu``), ``initials`` (``oyx``), ``sort_key`` (syllable, tone, character)."""

    full: str
    initials: str
    sort_key: str


# A process shows the same few thousand characters over and over; the bound only guards against junk.
@lru_cache(maxsize=65_536)
def _reading(character: str) -> str:
    """The usual reading with its tone as a digit (``li3``); a character without one stands for itself."""
    if character in NAME_READINGS:
        return NAME_READINGS[character]
    return _spell(character)[0]


def _spell(text: str, *, apart: bool = False) -> list[str]:
    """Readings with their tones; ``apart`` gives characters without one singly.

    Imported late, and without the phrases: these take 43 MB more, which only places and employers need.
    """
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import Style, lazy_pinyin

    each: Any = list if apart else "default"
    return lazy_pinyin(text, style=Style.TONE3, errors=each)


@cache
def _load_phrases() -> None:
    """Let phrases be read by their own readings from now on (银行 yinhang)."""
    _spell("")
    from pypinyin import load_phrases_dict
    from pypinyin.phrases_dict import phrases_dict

    load_phrases_dict(phrases_dict)


def _readings(folded: str) -> list[str]:
    if not folded or NAME_DOT in folded:
        # A transliterated name (阿卜杜拉·买买提) has no Chinese surname whose reading could differ.
        return [_reading(character) for character in folded]
    length = surname_length(folded)
    single = [SURNAME_READINGS.get(folded[0]) or _reading(folded[0])]
    surname = list(COMPOUND_SURNAMES[folded[:2]]) if length == 2 else single
    return surname + [_reading(character) for character in folded[length:]]


def sound(text: str) -> str:
    """The usual readings of a text's characters without their tones, each alone (银行 > ``yin xing``), to compare by ear."""
    return " ".join([_syllable(_reading(character)) for character in fold_name(text)])


def name_pinyin(name: str) -> NamePinyin:
    """Readings of one name; Latin letters pass through in lower case, dots and spaces only in the sort key."""
    folded = fold_name(name)
    return _spoken(_readings(folded), folded)


def other_pinyin(name: str) -> list[NamePinyin]:
    """Further readings of a name in which a surname or a character of the given name has two (单 Shan, Dan), each with one
    character read otherwise; those that differ in tone alone are none."""
    folded = fold_name(name)
    if _READ_OTHERWISE.isdisjoint(folded):
        return []
    readings = _readings(folded)
    dotted = NAME_DOT in folded
    length = surname_length(folded)
    found = []
    for place, character in enumerate(folded):
        others = OTHER_NAME_READINGS if dotted or place >= length else OTHER_SURNAME_READINGS if length == 1 else {}
        other = others.get(character)
        if other is not None and other.rstrip("12345") != readings[place].rstrip("12345"):
            found.append(_spoken([*readings[:place], other, *readings[place + 1 :]], folded))
    return found


def place_pinyin(text: str) -> NamePinyin:
    """Readings of a place, an employer or another phrase (重庆建工 > ``chongqingjiangong``): no surname, but phrases."""
    _load_phrases()
    folded = fold_name(text)
    readings: list[str] = []
    for part in _PLACES.split(folded):
        # A character without a reading stands for itself.
        readings += PLACE_READINGS.get(part) or _spell(part, apart=True)
    return _spoken(readings, folded)


def confused(letters: str) -> str:
    """The form in which pinyin that clerks confuse is equal: zh/z, ch/c, sh/s, ng/n, l/n, ü/v/u."""
    for typed, meant in _CONFUSED_SPELLINGS:
        letters = letters.replace(typed, meant)
    return letters


def confused_so_far(letters: str) -> str:
    """How the confused form of all begins whose pinyin begins with ``letters``: the form of these, without a ``y`` behind an
    ``n`` at its end, which of ``nyu`` is not heard (cheny: chenyulan > cenunan)."""
    sounds = confused(letters)
    return sounds.removesuffix("y") if sounds.endswith("ny") else sounds


@lru_cache(maxsize=65_536)
def _syllable(reading: str) -> str:
    """A reading without its tone; empty where nothing is to be spoken (a dot, a space)."""
    syllable = reading.rstrip("12345") if reading.isascii() else reading
    return syllable if syllable.isalnum() else ""


def _spoken(readings: list[str], folded: str) -> NamePinyin:
    spoken = [syllable for syllable in map(_syllable, readings) if syllable]
    # A space sorts before every letter and digit, so a short syllable comes before a longer one (li < lian), and a
    # character's own code keeps one surname together among its homophones.
    key = " ".join([reading + character for reading, character in zip(readings, folded, strict=True)])
    return NamePinyin("".join(spoken), "".join([syllable[0] for syllable in spoken]), key)
