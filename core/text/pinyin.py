"""Pinyin of people's names (姓名拼音): for sorting, and for finding a person by typed letters.

PostgreSQL's embedded build has no Chinese collation, so lists sort by a stored key. Compare the key bytewise
(collation ``C``). Keys hold the name itself: they are erased together with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from core.text.normalise import NAME_DOT, fold_name
from core.text.surnames import COMPOUND_SURNAMES, NAME_READINGS, SURNAME_READINGS, surname_length


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
    # Imported late: the dictionary takes 45 MB, which the beat and most workers never need.
    from pypinyin import Style, lazy_pinyin

    return lazy_pinyin(character, style=Style.TONE3)[0]


def _readings(folded: str) -> list[str]:
    if not folded or NAME_DOT in folded:
        # A transliterated name (阿卜杜拉·买买提) has no Chinese surname whose reading could differ.
        return [_reading(character) for character in folded]
    length = surname_length(folded)
    single = [SURNAME_READINGS.get(folded[0]) or _reading(folded[0])]
    surname = list(COMPOUND_SURNAMES[folded[:2]]) if length == 2 else single
    return surname + [_reading(character) for character in folded[length:]]


def name_pinyin(name: str) -> NamePinyin:
    """Readings of one name; Latin letters pass through in lower case, dots and spaces only in the sort key."""
    folded = fold_name(name)
    readings = _readings(folded)
    syllables = [reading.rstrip("12345") if reading.isascii() else reading for reading in readings]
    spoken = [syllable for syllable in syllables if syllable.isalnum()]
    # A space sorts before every letter and digit, so a short syllable comes before a longer one (li < lian), and a
    # character's own code keeps one surname together among its homophones.
    key = " ".join(reading + character for reading, character in zip(readings, folded, strict=True))
    return NamePinyin(full="".join(spoken), initials="".join(syllable[0] for syllable in spoken), sort_key=key)
