"""The list of erasures (删除清单): a file beside the database, so that a restored backup does not bring people back.

One JSON object a line, with ids and digests alone. Each line holds its own digest, over that of the line before and what it
says. A line is forced to disk before anybody relies on it, and none is ever changed. Back it up apart from the database, and
never restore it with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from core.errors import Misconfigured
from core.settings import settings

_START: Final = hashlib.sha256(b"bangfu erasures").hexdigest()


@dataclass(frozen=True, slots=True)
class Listed:
    """One erasure as the list holds it."""

    erasure: uuid.UUID
    tenant: str
    household: uuid.UUID
    whole: bool
    persons: tuple[uuid.UUID, ...]
    ground: str
    done_on: str

    def as_json(self) -> dict[str, Any]:
        """The erasure as a line says it, but for its place in the chain."""
        return {
            "erasure": str(self.erasure),
            "tenant": self.tenant,
            "household": str(self.household),
            "whole": self.whole,
            "persons": [str(one) for one in self.persons],
            "ground": self.ground,
            "done_on": self.done_on,
        }


def list_file() -> Path:
    """Where the list lies."""
    return settings().home / "erasures" / "erasures.jsonl"


def erasures_listed() -> list[Listed]:
    """All erasures of the list, the earliest first; raises ``Misconfigured`` where the chain does not hold."""
    if not list_file().exists():
        return []
    with list_file().open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return [found for found, _ in _read(file)]


def list_erasures(new: Sequence[Listed]) -> int:
    """Write erasures down that are not in the list yet, and force them to disk; how many were new. Safe to run twice, and by
    several processes at once. A line that a power cut broke off is taken away first: nobody has relied on it."""
    if not new:
        return 0
    with _locked() as file:
        lines, whole = _lines(file.read())
        known, last = set(), _START
        for line in lines:
            found, last = _line(line, last)
            known.add(found.erasure)
        wanted = [one for one in new if one.erasure not in known]
        file.seek(whole)
        file.truncate()
        for one in wanted:
            last = _digest(last, one)
            file.write(_text(one.as_json() | {"digest": last}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return len(wanted)


@contextmanager
def _locked() -> Iterator[IO[bytes]]:
    path = list_file()
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lines(content: bytes) -> tuple[list[bytes], int]:
    """The whole lines, and how many bytes they take."""
    whole = content.rfind(b"\n") + 1
    return content[:whole].splitlines(), whole


def _read(file: IO[bytes]) -> Iterator[tuple[Listed, str]]:
    last = _START
    for line in _lines(file.read())[0]:
        found, last = _line(line, last)
        yield found, last


def _line(line: bytes, former: str) -> tuple[Listed, str]:
    try:
        told = json.loads(line)
        found = Listed(
            uuid.UUID(told["erasure"]),
            told["tenant"],
            uuid.UUID(told["household"]),
            told["whole"],
            tuple(uuid.UUID(one) for one in told["persons"]),
            told["ground"],
            told["done_on"],
        )
        digest = _digest(former, found)
        if told["digest"] != digest:
            raise ValueError("the chain is broken")
    except (ValueError, KeyError, TypeError):
        raise Misconfigured(
            "删除清单被改动或损坏",
            "the list of erasures was changed or is damaged",
            where=str(list_file()),
            mend_zh="请从清单自己的备份恢复该文件，再运行 bangfu doctor",
            mend_en="restore the file from its own backup, then run bangfu doctor",
        ) from None
    return found, digest


def _text(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=True, sort_keys=True)


def _digest(former: str, one: Listed) -> str:
    return hashlib.sha256(f"{former}{_text(one.as_json())}".encode()).hexdigest()
