"""Keycloak's programs from the machine's own Maven, unpacked and built once into a cache outside the repository.

Where Maven looks is the machine's affair (its settings); what it brings is checked against the digest below. The cache is
``$XDG_CACHE_HOME/bangfu`` (``~/.cache/bangfu``), and nothing in it is written again after the build, so that any number of
servers run from it.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.checks import disk_errors, require_space
from deploy.keycloak.java import KeycloakMissing, java, keycloak_command

VERSION = "26.7.3"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
_NEEDED_BYTES = 1024 * 1024 * 1024
_BUILD = ("build", "--db=dev-file", "--health-enabled=false", "--metrics-enabled=false")
_UNREACHABLE = re.compile(
    r"could not transfer|connect(ion)? (refused|reset|timed out)|unknown host|name resolution|offline mode|unreachable",
    re.IGNORECASE,
)

_log = logging.getLogger("bangfu.keycloak")


def cache_folder() -> Path:
    """Where downloads of this project are kept (XDG base directory specification)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The specification has a relative path ignored.
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "bangfu"


def ensure_keycloak() -> Path:
    """The folder of a built Keycloak, fetched when it is not in the cache yet.

    Any number of processes may ask at once: one fetches, the others wait. Killed at any point, the next one begins
    again. Raises `KeycloakMissing` (no Java, no Maven, not to be reached, another file than expected), `DiskFull`.
    """
    folder = cache_folder()
    ready = folder / f"keycloak-{VERSION}"
    program = java()
    if ready.is_dir():
        return ready
    with disk_errors(folder):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _alone(folder / f"keycloak-{VERSION}.lock"):
            if not ready.is_dir():
                _make(folder, ready, program)
    return ready


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold ``lock``; the kernel gives it back however the holder ends."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(folder: Path, ready: Path, program: str) -> None:
    begun = f"{ready.name}.new-"
    for left in folder.glob(f"{begun}*"):
        shutil.rmtree(left, ignore_errors=True)
    require_space(folder, needed=_NEEDED_BYTES, comfortable=_NEEDED_BYTES)
    # A name of its own each time: a Maven that outlives a killed predecessor writes elsewhere.
    fresh = Path(tempfile.mkdtemp(prefix=begun, dir=folder))
    try:
        _log.info("正在获取 Keycloak %s / fetching Keycloak %s", VERSION, VERSION)
        archive = _download(fresh)
        unpacked = _unpack(archive, fresh)
        _log.info("正在构建 Keycloak（仅首次）/ building Keycloak, this once")
        _run(keycloak_command(program, unpacked, *_BUILD), "构建 Keycloak 失败", "building Keycloak failed")
        unpacked.rename(ready)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _download(fresh: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise KeycloakMissing(
            "本机没有 Maven，无法获取 Keycloak",
            "there is no Maven on this machine to fetch Keycloak with",
            where=ARTIFACT,
            mend_zh="请安装 Maven：Debian/Ubuntu 为 apt install maven",
            mend_en="install Maven; on Debian or Ubuntu: apt install maven",
        )
    command = [maven, "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={fresh}"]
    _run(command, "获取 Keycloak 失败", "fetching Keycloak failed", cwd=fresh)
    found = sorted(fresh.glob("*.zip"))
    digest = _digest(found[0]) if found else "-"
    if digest != SHA256:
        raise KeycloakMissing(
            "获取的 Keycloak 与预期不符",
            "what was fetched is not the Keycloak that is expected",
            where=f"sha256 {digest}",
            mend_zh="请删除本机 Maven 仓库中的该构件后重试；仍不符时请勿使用该来源",
            mend_en="delete the artifact from the local Maven repository and try again; distrust a source that differs still",
        )
    return found[0]


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _unpack(archive: Path, fresh: Path) -> Path:
    target = fresh / "unpacked"
    with zipfile.ZipFile(archive) as content:
        content.extractall(target)
        for entry in content.infolist():
            # zipfile forgets modes; an administrator may want bin/kcadm.sh.
            if mode := entry.external_attr >> 16 & 0o777:
                (target / entry.filename).chmod(mode)
    archive.unlink()
    [inner] = target.iterdir()
    return inner


def _run(command: list[str], zh: str, en: str, cwd: Path | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - our own argument list, no shell
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    last = " | ".join(line.strip() for line in done.stdout.strip().splitlines()[-5:])
    if _UNREACHABLE.search(done.stdout):
        raise KeycloakMissing(
            f"{zh}：无法连接构件仓库（{last}）",
            f"{en}: the artifact repository cannot be reached ({last})",
            where=ARTIFACT,
            mend_zh="请检查网络、代理及 Maven 的 settings.xml",
            mend_en="check the network, its proxy and Maven's settings.xml",
        )
    raise KeycloakMissing(
        f"{zh}：{last}", f"{en}: {last}", where=command[0], mend_zh="请按上述信息处理后重试", mend_en="mend that and try again"
    )
