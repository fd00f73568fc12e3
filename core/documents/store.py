"""The file store (文件库): sealed bytes under random names, one folder per tenant, written whole or not at all.

No part of a path comes from what somebody typed or uploaded. A file is named in the database only, and a transaction that
rolls back, or a savepoint of it, takes the files that it wrote with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from core.db.gathering import Gathering
from core.db.session import ScopedSession
from core.errors import InvalidInput, NotFound
from core.scope import current_scope
from core.settings import settings

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
_SIGNS = ((b"%PDF-", PDF), (b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG))
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class SealedPaper:
    """A paper as it is stored: its key as the row holds it, and the bytes for the file store."""

    wrapped_key: bytes
    data: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what lies in the file store."""
        return hashlib.sha256(self.data).digest()


def sniffed_type(data: bytes, *, where: str) -> str:
    """The media type that the first bytes state; raises ``InvalidInput`` for anything but PDF, JPEG and PNG."""
    for sign, media_type in _SIGNS:
        if data.startswith(sign):
            return media_type
    raise InvalidInput(
        "只接收 PDF、JPEG、PNG 文件",
        "only PDF, JPEG and PNG are taken, whatever the name says",
        where=where,
        mend_zh="请将材料扫描或另存为上述格式",
        mend_en="scan it, or save it as one of these",
    )


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


_WRITTEN: Gathering[Path] = Gathering("written_files", _unlink)


def _folder() -> Path:
    return settings().files_dir / current_scope().tenant


def put_all(session: Session, papers: Sequence[SealedPaper]) -> list[str]:
    """Store ``papers`` for the tenant in scope; the names under which they lie, in order.

    All are written before they are forced to disk together, so that one journal commit serves many. Removed again if the
    transaction rolls back.
    """
    names = [f"{token[:2]}/{token}" for token in (secrets.token_hex(20) for _ in papers)]
    paths = [_folder() / name for name in names]
    unfinished = [path.with_suffix(".part") for path in paths]
    _WRITTEN.of(session).extend([*unfinished, *paths])
    for path, paper in zip(unfinished, papers, strict=True):
        _make_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(paper.data)
    with ThreadPoolExecutor(min(8, len(unfinished)) or 1) as pool:
        list(pool.map(_settle, unfinished))
    for part, path in zip(unfinished, paths, strict=True):
        part.rename(path)
    # The folders' entries too: a committed row never names a file that a power cut took.
    for folder in {path.parent for path in paths}:
        _settle(folder)
    return names


def _make_folder(folder: Path) -> None:
    # One by one: with ``parents=True`` those above would get the umask's mode.
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _settle(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def get(name: str) -> bytes:
    """The bytes stored under ``name`` in the tenant's folder; raises ``NotFound``."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a storage name")
    try:
        return (_folder() / name).read_bytes()
    except FileNotFoundError:
        raise NotFound("材料文件缺失", "the stored file is missing", where=name) from None


def remove(names: Sequence[str]) -> None:
    """Destroy files of the tenant in scope, once it is committed that nothing names them any more; what is gone stays gone. The
    folders' entries are forced to disk."""
    folders = set()
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError("not a storage name")
        path = _folder() / name
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        if folder.is_dir():
            _settle(folder)


@event.listens_for(ScopedSession, "after_commit")
def _keep(session: Session) -> None:
    _WRITTEN.take(session)
