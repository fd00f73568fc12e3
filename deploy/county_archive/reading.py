"""Reading an archive: all of it once, to know that it is whole, before anything is done with it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from core.errors import InvalidInput
from deploy.county_archive.container import Opened, PieceReader, read_header
from deploy.county_archive.errors import ArchiveBroken
from deploy.county_archive.shape import refuse_unshaped
from deploy.county_archive.ways import Opener

REFERENCE, MANIFEST = "reference.json", "manifest.json"
FILES: Final = "files/"
_PART: Final = re.compile(r"tables/([^/]+)/([0-9]{6})\.csv\.gz")


def part_name(table: str, number: int) -> str:
    """Where the part of a table lies in the archive; parts are counted from 1."""
    return f"tables/{table}/{number:06}.csv.gz"


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside an archive; its content can be read until the next one is asked for."""

    name: str
    content: IO[bytes]

    @property
    def table(self) -> str | None:
        """The table of which it is a part."""
        found = _PART.fullmatch(self.name)
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on disk that was opened, with all that its manifest says."""

    path: Path
    opened: Opened
    reference: Mapping[str, list[dict[str, Any]]]
    manifest: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Raises ``ArchiveBroken`` where it is not built as an archive is, or speaks of anything but its one county."""
        refuse_unshaped(self.opened.id, self.manifest, self.reference)

    @property
    def county(self) -> str:
        """The county's code."""
        return str(self.manifest["county"])

    def members(self) -> Iterator[Member]:
        """The files inside, in their order; raises ``ArchiveBroken`` where one is not as it was written."""
        return _members(self.path, self.opened)

    def by_table(self) -> Iterator[tuple[str | None, Iterator[Member]]]:
        """The files inside, those of one table together."""
        return groupby(self.members(), key=lambda member: member.table)


def _members(path: Path, opened: Opened) -> Iterator[Member]:
    with path.open("rb") as file:
        file.seek(len(opened.header))
        pieces: Any = PieceReader(file, opened)
        try:
            with tarfile.open(fileobj=pieces, mode="r|", bufsize=1 << 18) as tar:
                for info in tar:
                    content = tar.extractfile(info)
                    if content is not None:
                        yield Member(info.name, content)
                    # the library keeps a list of what passed by
                    tar.members = []  # type: ignore[attr-defined]  # documented, not typed
        except tarfile.TarError:
            raise ArchiveBroken("档案包内部结构损坏", "the inside of the archive is damaged") from None
        pieces.finish()


def read_archive(path: Path, opener: Opener) -> Archive:
    """Open the archive at ``path`` and read all of it: every piece, every table's digest against the manifest.

    Raises ``InvalidInput`` for a file that cannot be read, ``WrongKey``, ``ArchiveBroken``.
    """
    try:
        with path.open("rb") as file:
            opened = read_header(file, opener)
    except OSError as error:
        raise InvalidInput(
            f"文件无法读取（{type(error).__name__}）",
            f"the file cannot be read ({type(error).__name__})",
            where=str(path),
            mend_zh="请检查路径和权限",
            mend_en="check the path and its permissions",
        ) from None
    texts: dict[str, Any] = {}
    digests: dict[str, str] = {}
    files = 0
    try:
        for table, members in groupby(_members(path, opened), key=lambda member: member.table):
            if table is not None:
                digest = hashlib.sha256()
                for member in members:
                    digest.update(gzip.decompress(member.content.read()))
                digests[table] = digest.hexdigest()
                continue
            for member in members:
                if member.name in (REFERENCE, MANIFEST):
                    texts[member.name] = json.loads(member.content.read())
                files += member.name.startswith(FILES)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, RecursionError):
        raise ArchiveBroken("档案包内部内容损坏", "a part of the archive is damaged") from None
    if not texts.get(REFERENCE) or not texts.get(MANIFEST):
        raise ArchiveBroken("档案包缺少目录", "the archive has no manifest")
    return _agreeing(Archive(path, opened, texts[REFERENCE], texts[MANIFEST]), digests, files)


def _agreeing(archive: Archive, digests: Mapping[str, str], files: int) -> Archive:
    said = archive.manifest
    wrong = sorted(
        {table["table"] for table in said["tables"] if digests.get(table["table"]) != table["sha256"]}
        | (digests.keys() - {table["table"] for table in said["tables"]})
    )
    if wrong or files != said["documents"]["count"]:
        raise ArchiveBroken(
            "档案包内容与其目录不符", "the content is not what the manifest says", where=", ".join(wrong) or FILES
        )
    return archive
