"""Zip packages (.xlsx, .ods) as strangers send them: looked at before anything in them is unpacked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, Final
from xml.parsers import expat

from core.beside import ahead
from core.spreadsheets.refusals import MOST_PARTS, MOST_UNPACKED, refused

_PROLOG: Final = 4096
_MARKUP: Final = (".xml", ".rels", ".vml")


class Package:
    """The parts of a zip package by name, whatever the case of their letters.

    Raises ``SpreadsheetRefused`` for names that lead out of the package, names that come twice, unknown methods, and for
    declarations of entities in any part of XML. Sizes are those that the directory states: ``zipfile`` gives no byte more
    and asks for the checksum at the end, so that a lying directory makes a damaged file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError) as fault:
            raise refused("damaged") from fault
        self._unpacked = 0
        self._parts: dict[str, zipfile.ZipInfo] = {}
        entries = self._zip.infolist()
        if len(entries) > MOST_PARTS:
            raise refused("too_many_parts")
        for entry in entries:
            name = entry.filename.replace("\\", "/").lower()
            if name.startswith("/") or ":" in name or ".." in name.split("/") or name in self._parts:
                raise refused("unsafe_names")
            if not entry.is_dir():
                self._parts[name] = entry
        for name, entry in self._parts.items():
            if name.endswith(_MARKUP) and not entry.flag_bits & 1:
                with self.open(name, whole=False) as part:
                    without_declarations(read_block(part, _PROLOG))

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def size(self, name: str) -> int:
        """How many bytes a part has unpacked, as the directory states; 0 where there is none."""
        entry = self._parts.get(name.lower())
        return entry.file_size if entry is not None else 0

    def open(self, name: str, *, whole: bool = True) -> IO[bytes]:
        """A part as a stream of its unpacked bytes; its size counts against what a package may unpack."""
        entry = self._parts.get(name.lower())
        if entry is None:
            raise refused("damaged")
        if entry.flag_bits & 1:
            raise refused("password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused("damaged")
        self._unpacked += entry.file_size if whole else 0
        if self._unpacked > MOST_UNPACKED:
            raise refused("bomb")
        try:
            return self._zip.open(entry)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
            raise refused("damaged") from fault

    @contextmanager
    def blocks(self, name: str, size: int, *, whole: bool = True) -> Iterator[Iterator[bytes]]:
        """A part in blocks of ``size`` bytes; where it has more than one, the next is unpacked while one is used."""
        with self.open(name, whole=whole) as part:
            blocks = iter(lambda: read_block(part, size), b"")
            if self.size(name) <= size:
                yield blocks
            else:
                with closing(ahead(blocks)) as made:  # at once: one that is left to the collector may lock its thread
                    yield made

    def read(self, name: str) -> bytes:
        """A whole part, without declarations of entities."""
        with self.open(name) as part:
            content = read_block(part, -1)
        without_declarations(content)
        return content


def read_block(part: IO[bytes], size: int) -> bytes:
    """The next ``size`` bytes at most (-1: all); none at the end."""
    try:
        return part.read(size)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as fault:
        raise refused("damaged") from fault


def without_declarations(content: bytes) -> None:
    """Raises ``SpreadsheetRefused`` where XML declares a document type or entities, or hides it in another encoding."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[:4] == b"<\x00?\x00" or content[:2] == b"\x00<":
        raise refused("damaged")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise refused("entities")


def elements(content: bytes) -> list[tuple[str, dict[str, str]]]:
    """All elements of a small part by local name, with their attributes by local name."""
    found: list[tuple[str, dict[str, str]]] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        found.append((name.rpartition(" ")[2], local))

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = begin
    try:
        parser.Parse(content, True)
    except expat.ExpatError as fault:
        raise refused("damaged") from fault
    return found
