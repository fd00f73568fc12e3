"""The process that parses: reads one file, answers on its standard output, and ends when nobody asks any more.

It is started with an open file, knows no secret of the installation, and confines itself before it reads the first byte.
What it says: a frame is a letter, the number of the question, a length and that many bytes. ``H`` is the head (JSON), ``R`` a
refusal (JSON), ``C`` a chunk of rows, ``E`` the end of a sheet. A question is two numbers: its own and that of the sheet;
a new one breaks off the answer to the one before.
"""

from __future__ import annotations

import gc
import json
import os
import select
import struct
import sys
from typing import IO, Final, NoReturn

from core.spreadsheets.cells import SpreadsheetRefused

FRAME: Final = struct.Struct("<cII")
QUESTION: Final = struct.Struct("<II")

_IN, _OUT = 0, 1


def serve(file: IO[bytes]) -> None:
    """Answer questions about the file until there are no more."""
    number = 0
    try:
        from core.spreadsheets.opening import open_source

        source = open_source(file)
        head = {"format": source.format, "date_1904": source.date_1904, "sheets": source.sheets}
        _say(b"H", 0, json.dumps(head, default=_fields).encode())
        while question := os.read(_IN, QUESTION.size):
            number, index = QUESTION.unpack(question)
            for frame in source.frames(index):
                _say(b"C", number, frame)
                if select.select([_IN], [], [], 0)[0]:
                    break
            else:
                _say(b"E", number, b"")
    except BaseException as fault:
        _say(b"R", number, json.dumps(_told(fault)).encode())


def _told(fault: BaseException) -> dict[str, str | None]:
    """Kind and place of a refusal; whatever else went wrong over a file means that the file is damaged."""
    if isinstance(fault, SpreadsheetRefused):
        return {"kind": fault.kind, "where": fault.where}
    return {"kind": "memory" if isinstance(fault, MemoryError) else "damaged", "where": None}


def _fields(head: object) -> object:
    return {name: getattr(head, name) for name in head.__slots__}  # type: ignore[attr-defined]  # a dataclass with slots


def _say(kind: bytes, number: int, content: bytes) -> None:
    left = memoryview(FRAME.pack(kind, number, len(content)) + content)
    while left:
        left = left[os.write(_OUT, left) :]


def main() -> NoReturn:
    """Serve the file whose descriptor is the last argument."""
    from core.spreadsheets.confinement import confine

    confine()
    gc.disable()  # rows have no cycles, and looking for some takes as long as packing them
    sys.setswitchinterval(0.001)  # threads that come back from zlib or calamine wait for the others no longer than that
    with os.fdopen(int(sys.argv[-1]), "rb") as file:
        serve(file)
    os._exit(0)


if __name__ == "__main__":
    main()
