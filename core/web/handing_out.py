"""Answers that are files: named safely, never run or framed by the browser within this site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final
from urllib.parse import quote

from fastapi.responses import Response, StreamingResponse

from core.web.security import PAPER_POLICY

SHOWN_INLINE = frozenset({"image/jpeg", "image/png"})
"""What a browser may show by itself; the rest is saved. A PDF is saved too: its viewer does not work in a sandbox."""

_BLOCK: Final = 1 << 16


def saved_as(name: str, shown: str = "attachment") -> str:
    """``Content-Disposition`` of a file called ``name``, in whatever script, that the browser saves."""
    return f"{shown}; filename*=UTF-8''{quote(name, safe='')}"


def handed_out(data: bytes, media_type: str, name: str, *, inline: bool = False) -> Response:
    """``data`` as a file called ``name``; ``inline`` lets a picture be shown, in a sandbox that runs nothing."""
    shown = "inline" if inline and media_type in SHOWN_INLINE else "attachment"
    headers = {
        "Content-Disposition": saved_as(name, shown),
        "Content-Security-Policy": PAPER_POLICY,
    }
    return Response(data, media_type=media_type, headers=headers)


def streamed(file: IO[bytes], media_type: str, name: str) -> StreamingResponse:
    """What was written into ``file`` up to where it stands, saved as ``name``; the file is closed when it has gone out. One
    without a name on the disk leaves nothing there, whatever ends the process."""
    size = file.tell()
    file.seek(0)

    def blocks() -> Iterator[bytes]:
        with file:
            while block := file.read(_BLOCK):
                yield block

    headers = {
        "Content-Disposition": saved_as(name),
        "Content-Length": str(size),
        "Content-Security-Policy": PAPER_POLICY,
        "Cache-Control": "no-store",
    }
    return StreamingResponse(blocks(), media_type=media_type, headers=headers)
