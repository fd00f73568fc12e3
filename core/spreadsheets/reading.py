"""Opening a spreadsheet: a process of its own parses it, under limits, and this side takes plain values.

Parsers of old formats meet whatever strangers send, and calamine ends its whole process when memory runs out. So the file is
read in a child (``child``), and whatever becomes of that, this side answers with a refusal that says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import IO, Final, Self

from core.spreadsheets.cells import Format, Merge, SheetHead, SheetRow, SpreadsheetRefused
from core.spreadsheets.child import FRAME, QUESTION
from core.spreadsheets.frames import decode
from core.spreadsheets.refusals import KINDS, MOST_BYTES, refused

_PATIENCE: Final = 300_000
"""Milliseconds without a sign of life, on a machine however busy, before the child is given up."""
_LARGEST_FRAME: Final = 256 * 1024 * 1024
_PIPE_BYTES: Final = 1024 * 1024
_SET_PIPE_SIZE: Final = 1031  # F_SETPIPE_SZ of Linux
_START: Final = "import sys; sys.path[:0] = sys.argv[1:-1]; from core.spreadsheets.child import main; main()"
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_SUFFIXES: Final = {"xlsx": (".xlsx", ".xlsm"), "xls": (".xls", ".et"), "ods": (".ods",), "text": (".csv", ".txt", ".tsv")}


class ChildReading:
    """A file that a child process has open; fits ``core.spreadsheets.cells.Reading``.

    Only one sheet is read at a time: a new call of ``rows`` ends the iteration before.
    """

    def __init__(self, file: BufferedIOBase, name: str) -> None:
        self.file_name = name
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= MOST_BYTES:
            raise refused("too_large" if size else "empty", name)
        file.seek(0)
        self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        self._child = _started(file)
        self._question = self._call = 0
        self._begun: tuple[int, Sequence[SheetRow]] | None = None
        try:
            kind, _, content = self._frame()
            head = json.loads(content) if kind == b"H" else {}
            self.format: Format = head["format"]
            self.date_1904: bool = head["date_1904"]
            self.sheets = tuple(
                SheetHead(sheet["index"], sheet["name"], sheet["visible"], tuple(Merge(*ends) for ends in sheet["merges"]))
                for sheet in head["sheets"]
            )
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            self.close()
            raise refused("crashed", self.file_name) from fault
        except BaseException:
            self.close()
            raise

    @property
    def misnamed(self) -> bool:
        """Whether the name's ending belongs to another format than the content."""
        return not self.file_name.lower().endswith(_SUFFIXES[self.format])

    def rows(self, index: int) -> Iterator[Sequence[SheetRow]]:
        """The rows of a sheet in chunks; see ``Reading.rows``. Where no more than the first chunk of the same sheet was taken
        before, the child goes on, and has read ahead meanwhile."""
        self._call += 1
        if self._begun is not None and self._begun[0] == index:
            return self._answer(self._call, index, [self._begun[1]])
        self._begun = None
        self._question += 1
        with contextlib.suppress(BrokenPipeError):  # what became of the child is told by what it sends
            os.write(_descriptor(self._child.stdin), QUESTION.pack(self._question, self.sheets[index].index))
        return self._answer(self._call, index, [])

    def close(self) -> None:
        """End the child, whatever it does."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe:
                pipe.close()
        self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, call: int, index: int, taken: Sequence[Sequence[SheetRow]]) -> Iterator[Sequence[SheetRow]]:
        yield from taken
        first = not taken
        while call == self._call:
            self._begun = None
            kind, number, content = self._frame()
            if number != self._question:
                continue
            if kind == b"E":
                return
            try:
                rows = decode(content)
            except (ValueError, TypeError, LookupError, RecursionError, struct.error) as fault:
                raise refused("crashed", self.file_name) from fault
            if first:
                self._begun, first = (index, rows), False
            yield rows
        raise RuntimeError("another sheet of this file has been asked for")

    def _frame(self) -> tuple[bytes, int, bytes]:
        """The next frame; a refusal is raised."""
        kind, number, length = FRAME.unpack(self._taken(FRAME.size))
        if length > _LARGEST_FRAME:
            raise refused("crashed", self.file_name)
        content = self._taken(length)
        if kind == b"R":
            raise self._told(content)
        return kind, number, content

    def _told(self, content: bytes) -> SpreadsheetRefused:
        told = json.loads(content)
        where = f"{self.file_name} / {told['where']}" if told["where"] else self.file_name
        return refused(told["kind"] if told["kind"] in KINDS else "crashed", where)

    def _taken(self, length: int) -> bytes:
        """So many bytes of the child. Raises ``SpreadsheetRefused`` when it has died or hangs."""
        descriptor = _descriptor(self._child.stdout)
        taken = bytearray(length)
        view, got = memoryview(taken), 0
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while got < length:
            if not waiting.poll(_PATIENCE):
                raise refused("too_slow", self.file_name)
            read = os.readv(descriptor, [view[got:]])
            if not read:
                raise refused(_death(self._child.wait()), self.file_name)
            got += read
        return bytes(taken)


def open_spreadsheet(path: Path) -> ChildReading:
    """The file, open for reading. Raises ``SpreadsheetRefused`` with the kind of what is wrong with it."""
    with _opened(path) as file:
        return ChildReading(file, path.name)


def read_spreadsheet(file: BufferedIOBase, name: str) -> ChildReading:
    """As ``open_spreadsheet``, of a file that is open already and may have no path; it can be closed at once."""
    return ChildReading(file, name)


def _opened(path: Path) -> BufferedReader:
    if not path.is_file():
        raise refused("missing", path.name)
    return path.open("rb")


def _started(file: BufferedIOBase) -> subprocess.Popen[bytes]:
    """A child for the file. It gets this interpreter's search path, and none of the environment, where secrets may stand."""
    descriptor = file.fileno()
    child = subprocess.Popen(  # noqa: S603 - the interpreter itself, with arguments of this program
        [sys.executable, "-I", "-S", "-c", _START, _ROOT, *filter(None, sys.path), str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        pass_fds=(descriptor,),
        env={"MALLOC_ARENA_MAX": "1"},  # threads that share a heap take 30 MB less
        cwd="/",
    )
    with contextlib.suppress(OSError):  # a small pipe only costs time
        fcntl.fcntl(_descriptor(child.stdout), _SET_PIPE_SIZE, _PIPE_BYTES)
    return child


def _descriptor(pipe: IO[bytes] | None) -> int:
    return -1 if pipe is None else pipe.fileno()


def _death(status: int) -> str:
    """The kind for how a child ended: calamine aborts where memory runs out, the kernel kills for memory and time."""
    if status == -signal.SIGXCPU:
        return "too_slow"
    if status in (-signal.SIGABRT, -signal.SIGKILL, -signal.SIGBUS):
        return "memory"
    return "crashed"
