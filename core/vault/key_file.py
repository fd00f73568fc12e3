"""The installation's key (安装密钥): 32 random bytes in a file that its owner alone can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Conflict, Misconfigured

_KEY_BYTES: Final = 32
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class InstallationKey:
    """The root of all keys. It is never used itself: every use has a key of its own, derived by label."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError("an installation key has 32 bytes")
        self._key = key

    def derive(self, label: str) -> bytes:
        """A key of 32 bytes for one use (HKDF-SHA256); another label gives an unrelated key."""
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=f"bangfu/{label}".encode()).derive(self._key)

    def __repr__(self) -> str:
        return "InstallationKey(****)"

    def __reduce__(self) -> str:
        raise TypeError("an installation key does not leave its process")


def create_installation_key(path: Path) -> InstallationKey:
    """Write a new key file (0600) where none is; raises Conflict where one stands, since it would lose all data."""
    key = os.urandom(_KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict("密钥文件已存在，不能覆盖", "the key file exists and is never overwritten", where=str(path)) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return InstallationKey(key)


def load_installation_key(path: Path) -> InstallationKey:
    """Read the key file; raises Misconfigured when it is missing, damaged or readable by anyone but its owner."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = file.read(_KEY_BYTES + 1)
    except OSError as error:
        raise Misconfigured(
            "读不到密钥文件",
            f"the key file cannot be read ({error.strerror})",
            where=str(path),
            mend_zh="请恢复安装时生成的密钥文件",
            mend_en="restore the key file made at installation",
        ) from None
    if status.st_mode & _FOR_OTHERS:
        raise Misconfigured(
            "密钥文件可被其他用户访问",
            "the key file is open to other users",
            where=str(path),
            mend_zh="请将权限改为 0600",
            mend_en="set its mode to 0600",
        )
    if len(key) != _KEY_BYTES:
        raise Misconfigured(
            "密钥文件已损坏",
            "the key file is damaged: it does not hold 32 bytes",
            where=str(path),
            mend_zh="请从备份恢复密钥文件",
            mend_en="restore it from a backup",
        )
    return InstallationKey(key)
