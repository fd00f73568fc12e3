"""The fonts that print: Noto Serif SC (宋体), and Hanazono Mincho (花园明朝) for what it lacks of CJK Extensions B to F.

Found by path in what the bootstrap laid down, never among the machine's own fonts, so that a form looks the same everywhere.
Together they draw every character of GB 18030-2022.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from core.errors import Misconfigured

RARE: Final = Path(__file__).parent / "vendor"
"""Hanazono's slices, which `core/web/assets/build.mjs` makes."""
_PLAIN_PACKAGE: Final = "pylopdf_fonts_zh_cn"
_PLAIN_FONT: Final = "NotoSerifSC-Regular.otf"
_HAN: Final = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2A6D7), (0x2A700, 0x2B735), (0x2B740, 0x2B81E),
               (0x2B820, 0x2CEA2), (0x2CEB0, 0x2EBE1), (0x2F800, 0x2FA1E))  # fmt: skip
_LETTERS: Final = ((0x0000, 0x0250), (0x0370, 0x0460), (0x2000, 0x3400), (0xF900, 0xFB00), (0xFE30, 0xFFEF))


def fonts() -> tuple[Path, Path]:
    """The folders of the plain font and of the rare ones; raises ``Misconfigured`` where one is missing."""
    package = find_spec(_PLAIN_PACKAGE)
    plain = Path(package.origin).parent / _PLAIN_FONT if package and package.origin else None
    if plain is None or not plain.is_file() or not (RARE / "VERSION").is_file():
        raise Misconfigured(
            "缺少打印字体",
            "the fonts for printing are missing",
            mend_zh="请重新运行 make run，或在 core/web/assets 中运行 npm ci 和 npm run build",
            mend_en="run make run again, or npm ci and npm run build in core/web/assets",
        )
    return plain.parent, RARE


def undrawn(texts: Iterable[str]) -> list[str]:
    """The letters among ``texts`` that no font here draws, each once, in order: Han characters younger than Extension F,
    private ones, other scripts. Somebody has to write them by hand."""
    return sorted({sign for text in texts for sign in text if ord(sign) >= 0x0250 and not _is_drawn(sign)})


def _is_drawn(sign: str) -> bool:
    code = ord(sign)
    if any(first <= code < end for first, end in (*_HAN, *_LETTERS)):
        return True
    return unicodedata.category(sign)[0] not in "LC"


def texts_of(value: Any) -> Iterable[str]:
    """All texts in plain data, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_of(inner)
