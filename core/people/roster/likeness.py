"""Headings that no name of a field meets, bound by likeness: never in silence, and never where one character decides.

A heading that only wears more than a name (的, numbering, a unit, 信息 behind it) is that name. Else a heading that is read
like a name (住止 for 住址: what a keyboard for pinyin mistypes), or lies one character beside one, is taken for it, unless
the name is of an identity number, an account or money, the character is one that tells apart (年 and 月, 父 and 母), or
names of two fields are as like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher, get_close_matches
from functools import cache, lru_cache
from typing import Final

from core.people.roster.fields import BY_CODE
from core.people.roster.headings import HEADINGS, UNKNOWN, Meaning, heading_key, meaning_of, of_role, role_of
from core.text.pinyin import sound

_DRESS: Final = re.compile(
    r"的|^(?:请?填写|第?\d{1,2}[项列栏]?(?=\D)|[a-z][.、:)])|(?:信息|内容|一?栏)$|[\s\-_/.·:;,、!?\"“”'’]"
)
_EXACT: Final = frozenset(
    ("identity", "account", "key", "file_number", "serial", "money", "sum", "area", "count", "programmes", "kind", "county")
)
"""What fields hold of which a heading by likeness is never taken."""
_TELLING: Final = frozenset(
    "年月日季周旬父母夫妻子女儿孙兄弟姐妹公婆岳亲友邻原前曾旧新现老今昔非无不未否没家户个人每均总共次主副正首末本他其省市县区乡镇村社上下内外"
    "收支增减大小多少高低长短最一二三四五六七八九十单双全半男人名号"
)
"""Characters by which names of things differ that are not the same."""
_ONE_IN_FOUR: Final = 0.75
"""The ratio of two texts of four characters of which one differs."""
_SHORTEST: Final = 3


def likely_meaning(path: Sequence[str]) -> Meaning:
    """What a heading with the merged headings above it most likely means, ``how`` being ``guessed``; unknown where nothing
    is like it."""
    keys = [key for key in map(heading_key, path) if key]
    if not keys:
        return UNKNOWN
    role = next((above for above, rest in map(role_of, reversed(keys[:-1])) if above and not rest), "")
    own, rest = role_of(keys[-1])
    found = _alike(keys[-1])
    if found.target is not None or not own or not rest:
        return of_role(found, role)
    return of_role(_alike(rest), own if own != "head" else role or own)


def meaning_but_for_dressing(path: Sequence[str]) -> Meaning:
    """What a heading means that only wears more than the name of a field; unknown for any other."""
    keys = tuple(key for key in map(heading_key, path) if key)
    return _undressed(keys) if keys else UNKNOWN


@lru_cache(maxsize=8192)
def _undressed(keys: tuple[str, ...]) -> Meaning:
    plain = tuple(_DRESS.sub("", key) or key for key in keys)
    found = meaning_of(plain) if plain != keys else UNKNOWN
    return replace(found, how="guessed") if found.target is not None else UNKNOWN


@lru_cache(maxsize=8192)
def _alike(key: str) -> Meaning:
    """The field of the one name that is read like ``key``, or of the nearest within one character."""
    plain = _DRESS.sub("", key)
    spoken = _fields(word for word in _by_sound().get(sound(plain), ()) if len(word) == len(plain))
    if len(spoken) == 1:
        return Meaning(spoken.pop(), "guessed")
    if len(plain) < _SHORTEST or spoken:
        return UNKNOWN
    near = get_close_matches(plain, _names(), n=8, cutoff=_ONE_IN_FOUR)
    fields = _fields(near)
    if len(fields) != 1 or not any(_is_one_beside(plain, word) for word in near):
        return UNKNOWN
    return Meaning(fields.pop(), "guessed")


def _fields(words: Iterable[str]) -> set[str]:
    return {HEADINGS[word][0].code for word in words}


def _is_one_beside(key: str, word: str) -> bool:
    return min(len(key), len(word)) >= _SHORTEST and abs(len(key) - len(word)) <= 1 and _may_differ(key, word)


def _may_differ(key: str, word: str) -> bool:
    """Whether nothing by which the two differ is a character that tells apart."""
    parts = SequenceMatcher(None, key, word, autojunk=False).get_opcodes()
    differing = [(key[a:b], word[c:d]) for tag, a, b, c, d in parts if tag != "equal"]
    return sum(max(len(mine), len(theirs)) for mine, theirs in differing) <= 2 and not any(
        _TELLING & {*mine, *theirs} for mine, theirs in differing
    )


@cache
def _names() -> tuple[str, ...]:
    """Names that may be found by likeness."""
    return tuple(word for word, (field, *_) in HEADINGS.items() if BY_CODE[field.code].holds not in _EXACT)


@cache
def _by_sound() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in _names():
        found[sound(word)] = (*found.get(sound(word), ()), word)
    return found
