"""Pictures that people hand in (照片、扫描件): looked at and made anew, so that nothing but what is seen is kept.

Only JPEG and PNG, by content. The header is read first and a picture with too many pixels is refused before any is decoded
(a decompression bomb of a few kilobytes fills memory otherwise). Made anew without EXIF (place, time, camera), profiles and
whatever else a file can carry behind its pixels.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from threading import Lock
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import InvalidInput

MOST_PIXELS: Final = 50_000_000
"""What a telephone of today takes; some 150 MB while it is decoded."""
_FORMATS: Final = {"JPEG": "image/jpeg", "PNG": "image/png"}
_JPEG_QUALITY: Final = 88
_one_at_a_time = Lock()


def _open(data: bytes, where: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow's own bounds are wider than ours, which are asked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(BytesIO(data), formats=tuple(_FORMATS))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise _unreadable(where) from None
    if opened.width * opened.height > MOST_PIXELS:
        raise InvalidInput(
            f"图片超过 {MOST_PIXELS // 10_000} 万像素",
            f"the picture has more than {MOST_PIXELS:,} pixels",
            where=where,
            mend_zh="请降低扫描或拍摄的分辨率",
            mend_en="scan or take it at a lower resolution",
        )
    return opened


def _unreadable(where: str) -> InvalidInput:
    return InvalidInput(
        "图片已损坏，或不是 JPEG、PNG 图片",
        "the picture is damaged, or no JPEG or PNG",
        where=where,
        mend_zh="请重新拍照或扫描",
        mend_en="take or scan it again",
    )


def size_of(data: bytes, *, where: str = "picture") -> tuple[str, int, int]:
    """Media type, width and height, from the header alone; raises ``InvalidInput``."""
    opened = _open(data, where)
    return _FORMATS[opened.format or ""], opened.width, opened.height


def made_anew(data: bytes, *, where: str, most: int) -> bytes:
    """The picture upright, at most ``most`` pixels on its longer side, without anything but its pixels: PNG stays PNG, the rest
    becomes JPEG. Raises ``InvalidInput`` for what is no such picture, is damaged or too large."""
    with _one_at_a_time:
        return _made_anew(data, where, most)


def _made_anew(data: bytes, where: str, most: int) -> bytes:
    opened = _open(data, where)
    kept = "PNG" if opened.format == "PNG" and most > 1000 else "JPEG"
    try:
        opened.draft("RGB", (most, most))
        upright = ImageOps.exif_transpose(opened)
        upright.thumbnail((most, most), Image.Resampling.LANCZOS)
        plain = _on_white(upright)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _unreadable(where) from None
    out = BytesIO()
    bare = Image.frombytes(plain.mode, plain.size, plain.tobytes())
    bare.save(out, kept, quality=_JPEG_QUALITY, optimize=True)
    return out.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    seen = picture.convert("RGBA")
    paper = Image.new("RGB", seen.size, "white")
    paper.paste(seen, mask=seen.getchannel("A"))
    return paper
