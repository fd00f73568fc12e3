"""Folders and files that only the installation's own user may open: secrets (0600) and sockets (0700)."""

from __future__ import annotations

import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

from deploy.embedded.checks import HomeNotWritable, disk_errors

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103
_LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432")


def private_folder(path: Path) -> Path:
    """Make ``path`` with mode 0700 (also when it was there with another) and return it."""
    with disk_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` with mode 0600, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with disk_errors(path):
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def secret(home: Path, name: str) -> str:
    """The password kept as ``home/secrets/NAME``, made (256 random bits, URL-safe) when it is not there."""
    path = private_folder(home / "secrets") / name
    if path.exists():
        with disk_errors(path):
            path.chmod(0o600)
            kept = path.read_text(encoding="utf-8").strip()
        if kept:
            return kept
    made = secrets.token_urlsafe(32)
    write_private(path, made)
    return made


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700


def fits_a_socket(folder: Path) -> bool:
    """Whether sockets in ``folder`` stay within the operating system's limit for their path."""
    return len(os.fsencode(folder)) + _LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT


def socket_folder(home: Path) -> Path:
    """The folder of the engines' sockets: ``home/run``.

    Where that path would be too long for a socket (107 bytes), a 0700 folder with a random name in the system's
    temporary folder takes its place; ``home/run/elsewhere`` remembers it for the next start.
    """
    folder = private_folder(home / "run")
    if fits_a_socket(folder):
        return folder
    note = folder / "elsewhere"
    if note.exists():
        remembered = Path(note.read_text(encoding="utf-8"))
        if _is_ours(remembered):
            return remembered
    made = Path(tempfile.mkdtemp(prefix="bangfu-"))
    if not fits_a_socket(made):
        made.rmdir()
        raise HomeNotWritable(
            "临时目录的路径过长,无法存放套接字",
            "the path of the temporary folder is too long for a socket",
            where=str(made.parent),
            mend_zh="请把 TMPDIR 设为较短的路径",
            mend_en="set TMPDIR to a shorter path",
        )
    write_private(note, str(made))
    return made
