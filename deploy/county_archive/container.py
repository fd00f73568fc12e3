"""The outside of an archive: a header in plain text, then the content in sealed pieces (流式认证加密).

Each piece is bound to the header, to its number and to whether it is the last: an altered byte, a piece left out, moved or
added, and a file cut off at any place are found. Memory holds one piece.
"""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from core.vault.ciphers import AES_256_GCM, NONCE_BYTES, TAG_BYTES, Sealer
from core.vault.errors import SealBroken
from core.vault.key_file import InstallationKey
from deploy.county_archive.errors import ArchiveBroken
from deploy.county_archive.ways import Opener, Way

FORMAT: Final = 1
_MAGIC: Final = b"BANGFU-COUNTY-ARCHIVE "
_LONGEST_HEADER: Final = 4096
PIECE_BYTES: Final = 256 * 1024
_LAST: Final = 1 << 31
_LENGTH: Final = struct.Struct(">I")
_NUMBER: Final = struct.Struct(">QB")
_LONGEST_PIECE: Final = 1 + NONCE_BYTES + PIECE_BYTES + TAG_BYTES


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive's id and its key, of which both the outer seal and the keys inside are derived."""

    id: uuid.UUID
    key: InstallationKey
    header: bytes

    @property
    def inner(self) -> InstallationKey:
        """What stands in for an installation's key inside the archive: tenant keys, secrets and hashes hang on it."""
        return InstallationKey(self.key.derive("county-archive/inner"))

    def sealer(self) -> Sealer:
        """Seals and opens the pieces."""
        return Sealer(AES_256_GCM, self.key.derive("county-archive/pieces"))

    @property
    def place(self) -> bytes:
        """What each piece is bound to."""
        return hashlib.sha256(self.header).digest()


def write_header(out: BinaryIO, archive: uuid.UUID, key: bytes, way: Way) -> Opened:
    """Write the header of a new archive."""
    said = {"archive": str(archive), "cipher": AES_256_GCM.name, "key": way.wrap(archive, key)}
    header = _MAGIC + f"{FORMAT}\n{json.dumps(said, sort_keys=True)}\n".encode()
    out.write(header)
    return Opened(archive, InstallationKey(key), header)


def asks_for_passphrase(path: Path) -> bool:
    """Whether an archive's header says that it was made for a passphrase; False for anything that is none."""
    try:
        with path.open("rb") as file:
            if file.readline(64).startswith(_MAGIC):
                return bool(json.loads(file.readline(_LONGEST_HEADER))["key"]["way"] == "passphrase")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return False


def read_header(file: BinaryIO, opener: Opener) -> Opened:
    """Read the header and open the archive's key; raises ``ArchiveBroken``, ``WrongKey``."""
    first = file.readline(64)
    if not first.startswith(_MAGIC) or not first.endswith(b"\n"):
        raise ArchiveBroken("不是单位档案包", "not a county archive")
    version = first[len(_MAGIC) : -1]
    if version != str(FORMAT).encode():
        raise ArchiveBroken(
            f"档案包格式为 {version.decode('ascii', 'replace')}，本程序只认识 {FORMAT}",
            f"the format is {version.decode('ascii', 'replace')}, this program knows {FORMAT}",
        )
    line = file.readline(_LONGEST_HEADER)
    try:
        said: dict[str, Any] = json.loads(line)
        archive, key = uuid.UUID(said["archive"]), dict(said["key"])
        if said["cipher"] != AES_256_GCM.name or not line.endswith(b"\n"):
            raise ValueError
        return Opened(archive, InstallationKey(opener.unwrap(archive, key)), first + line)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArchiveBroken("档案包文件头已损坏", "the header is damaged") from None


class PieceWriter:
    """A file to write into, sealed piece by piece; ``finish`` writes the last one."""

    def __init__(self, out: BinaryIO, opened: Opened) -> None:
        self._out = out
        self._sealer = opened.sealer()
        self._place = opened.place
        self._number = 0
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        """Take ``data``; full pieces go out."""
        self._held += data
        while len(self._held) > PIECE_BYTES:
            self._put(bytes(self._held[:PIECE_BYTES]), last=False)
            del self._held[:PIECE_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write the last piece, by which a reader knows that nothing is missing."""
        self._put(bytes(self._held), last=True)
        self._held.clear()

    def _put(self, data: bytes, *, last: bool) -> None:
        blob = self._sealer.seal(data, self._place + _NUMBER.pack(self._number, last))
        self._out.write(_LENGTH.pack(len(blob) | (_LAST if last else 0)))
        self._out.write(blob)
        self._number += 1


class PieceReader:
    """A file to read from; raises ``ArchiveBroken`` at the first piece that is not as it was written."""

    def __init__(self, file: BinaryIO, opened: Opened) -> None:
        self._file = file
        self._sealer = opened.sealer()
        self._place = opened.place
        self._number = 0
        self._held = b""
        self._at = 0
        self._over = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        if self._at == len(self._held) and not self._over:
            self._next()
        part = self._held[self._at : self._at + size]
        self._at += len(part)
        return part

    def finish(self) -> None:
        """Read to the end, so that it is known that nothing was cut off or added."""
        while not self._over:
            self._next()
        if self._file.read(1):
            raise ArchiveBroken("文件末尾有多余内容", "something follows the last piece")

    def _next(self) -> None:
        head = self._exactly(_LENGTH.size)
        (length,) = _LENGTH.unpack(head)
        last = bool(length & _LAST)
        length &= ~_LAST
        if length > _LONGEST_PIECE:
            raise self._altered()
        blob = self._exactly(length)
        try:
            self._held = self._sealer.open(blob, self._place + _NUMBER.pack(self._number, last))
        except SealBroken:
            raise self._altered() from None
        self._at, self._over = 0, last
        self._number += 1

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise ArchiveBroken(
                f"档案包不完整，在第 {self._number + 1} 块处中断", f"the archive is cut off at piece {self._number + 1}"
            )
        return data

    def _altered(self) -> ArchiveBroken:
        return ArchiveBroken(
            f"档案包第 {self._number + 1} 块被改动过", f"piece {self._number + 1} of the archive is not as it was written"
        )
