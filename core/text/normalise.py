"""Folding of text for comparison: what a person typed against what is stored.

A folded text is a key for matching only. What is stored and shown stays as it was written: a name keeps its own dot
and its own width.
"""

from __future__ import annotations

import re
import unicodedata

NAME_DOT = "·"
"""The separation dot of transliterated names (间隔号), U+00B7."""

_DOTS = "•・‧∙⋅･●"
_DASHES = "‐‑‒–—―−"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), 0x2060, 0xFEFF, 0x00AD])
_SAME_SIGN = {ord(dot): NAME_DOT for dot in _DOTS} | {ord(dash): "-" for dash in _DASHES}
_SPACES = re.compile(r"\s+")
_HAN = r"\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
_STOP_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}])\s*\.\s*(?=[{_HAN}])")
_PLAIN_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
"""Characters of which nothing is to be folded: no compatibility form is among them."""
_SPACE_BESIDE_HAN = re.compile(rf"(?<=[{_HAN}{NAME_DOT}])\s+|\s+(?=[{_HAN}{NAME_DOT}])")


def fold_width(text: str) -> str:
    """Full-width letters, digits and signs (全角) become half-width (半角); nothing else changes."""
    return text.translate(_FULL_WIDTH)


def squash(text: str) -> str:
    """Half-width, without any white space (also no-break and ideographic) and invisible characters."""
    if text.isascii() and text.isalnum():  # as nearly every number is
        return text
    return _SPACES.sub("", text.translate(_FULL_WIDTH).translate(_INVISIBLE))


def fold(text: str) -> str:
    """The matching key of any text: compatibility forms, dots, dashes, case and runs of white space made equal."""
    plain = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_SAME_SIGN)
    return _SPACES.sub(" ", plain).strip().casefold()


def fold_name(name: str) -> str:
    """The matching key of a person's name (姓名).

    Beyond :func:`fold`, spaces typed to widen a name (``李　明``) are dropped, and a full stop between two Chinese
    characters is read as the name's dot.
    """
    if _PLAIN_HAN.fullmatch(name):
        return name
    dotted = _STOP_BETWEEN_HAN.sub(NAME_DOT, fold(name))
    return _SPACE_BESIDE_HAN.sub("", dotted)
