"""Stored documents of a county on their way: out of its folder, and into a folder that becomes the county's in one step."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from psycopg import sql

from core.scope import TENANT_CODE
from core.settings import settings
from deploy.county_archive.errors import ArchiveBroken, DoesNotFit
from deploy.county_archive.tables import Driver

_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{40}")
_MARK: Final = ".taken-in"
"""Lies in a folder until the import that brought it is committed: what an interrupted import left is known by it."""
_BLOCK: Final = 1 << 20
_BATCH: Final = 2000
SHOWN: Final = 20
_ARCHIVE: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def files_of(tenant: str) -> Iterator[tuple[str, Path]]:
    """The county's stored files by storage name, in their order; unfinished ones are not among them."""
    folder = settings().files_dir / tenant
    if not folder.is_dir():
        return
    for part in sorted(found.name for found in folder.iterdir() if found.is_dir()):
        for path in sorted((folder / part).iterdir()):
            name = f"{part}/{path.name}"
            if _NAME.fullmatch(name):
                yield name, path


class Seen:
    """Files that passed by, with size and digest, in a temporary table: compared with the documents' rows in the end."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rows: list[tuple[str, int, bytes]] = []
        self.count = 0
        self.bytes = 0
        driver.execute("create temporary table crossing_file (name text primary key, size bigint, sha256 bytea) on commit drop")

    def note(self, name: str, size: int, digest: bytes) -> None:
        """One file more."""
        self.count += 1
        self.bytes += size
        self._rows.append((name, size, digest))
        if len(self._rows) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        with self._driver.cursor() as cursor, cursor.copy("copy crossing_file from stdin") as copy:
            for row in self._rows:
                copy.write_row(row)
        self._rows.clear()

    def summary(self, tenant: str) -> dict[str, Any]:
        """Number and size of the files; the documents whose file is missing or is not the one that was taken in."""
        self._flush()
        query = sql.SQL(
            "select count(*), (array_agg(d.id::text order by d.id))[:{shown}] from document d left join crossing_file f"
            " on f.name = d.storage_name where d.tenant = {tenant} and d.erased_on is null"
            " and (f.sha256 is null or f.sha256 <> d.sealed_sha256)"
        ).format(shown=sql.Literal(SHOWN), tenant=sql.Literal(tenant))
        row = self._driver.execute(query).fetchone() or (0, None)
        return {"count": self.count, "bytes": self.bytes, "unsound": int(row[0]), "unsound_ids": list(row[1] or [])}


class Hashed:
    """A file that is read while its digest is taken."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def digest(self) -> bytes:
        """Of what was read."""
        return self._digest.digest()


def marked(tenant: str) -> str | None:
    """The archive whose import left its mark in the county's folder: it was killed right before its commit, or right after."""
    try:
        return (settings().files_dir / tenant / _MARK).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def keep_marked(tenant: str) -> None:
    """Take the mark off: the folder is the county's, with all that lies in it."""
    (settings().files_dir / tenant / _MARK).unlink()


def drop_marked(tenant: str) -> None:
    """Take away the folder of an import that was not committed. Only for a county that was never opened and has no document."""
    shutil.rmtree(settings().files_dir / tenant)


def finish_renaming(tenant: str, archive: uuid.UUID) -> None:
    """Give the county the folder that a committed import had made ready, where a power cut took the renaming back."""
    incoming = Incoming(tenant, archive)
    if incoming.is_ready and not incoming.is_in_place:
        incoming.rename()


class Incoming:
    """The folder into which an archive's files are written; ``settle`` makes it the county's, marked until ``keep_marked``. As
    a context it takes away what was not settled. Raises ``ArchiveBroken`` for a county's code that is none."""

    def __init__(self, tenant: str, archive: uuid.UUID) -> None:
        if not TENANT_CODE.fullmatch(tenant):
            # the code becomes part of a path
            raise ArchiveBroken("档案包中的单位代码不合规", "the archive's county has no code of six digits")
        self._root = settings().files_dir
        self._tenant = tenant
        self._final = self._root / tenant
        self._folder = self._root / f"{tenant}.{archive}"
        self._archive = archive

    @property
    def is_ready(self) -> bool:
        """Whether the folder beside the county's own holds all that the import brought."""
        return (self._folder / _MARK).exists()

    @property
    def is_in_place(self) -> bool:
        """Whether there is any file under the county's name."""
        return any(path.is_file() for path in self._final.rglob("*"))

    def _left(self) -> Iterator[Path]:
        """Folders of imports of this county that were killed."""
        if self._root.is_dir():
            for folder in self._root.iterdir():
                tenant, _, archive = folder.name.partition(".")
                if tenant == self._tenant and _ARCHIVE.fullmatch(archive):
                    yield folder

    def __enter__(self) -> Incoming:
        for folder in list(self._left()):
            shutil.rmtree(folder)
        if self.is_in_place:
            raise DoesNotFit(
                "文件库中已有该单位的文件，但数据库中没有其数据",
                "there are files of the county, though the database holds none of its rows",
                where=str(self._final),
                mend_zh="请确认这些文件的来历后移走",
                mend_en="find out whose they are and move them away",
            )
        self._folder.mkdir(mode=0o700, parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def put(self, name: str, file: IO[bytes]) -> tuple[int, bytes]:
        """Write one file; its size and digest. Raises ``ArchiveBroken`` for a name that is none of the file store."""
        if not _NAME.fullmatch(name):
            raise ArchiveBroken("档案包中有不合规的文件名", "a file in the archive has a name that the store does not give")
        path = self._folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        size, digest = 0, hashlib.sha256()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            while block := file.read(_BLOCK):
                out.write(block)
                digest.update(block)
                size += len(block)
        return size, digest.digest()

    def settle(self) -> None:
        """Have everything on disk under the county's name, still marked."""
        (self._folder / _MARK).write_text(str(self._archive), encoding="ascii")
        # each file, and the folders' entries too: a committed row never names a file that a power cut took
        os.sync()
        self.rename()

    def rename(self) -> None:
        """Give the folder the county's name, on disk; raises ``OSError`` where a file has come there meanwhile."""
        for empty in sorted((path for path in self._final.rglob("*") if path.is_dir()), reverse=True):
            empty.rmdir()
        self._folder.rename(self._final)
        on_disk(self._root)


def on_disk(folder: Path) -> None:
    """Have the entries of ``folder`` on disk: names that were given or taken there outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
