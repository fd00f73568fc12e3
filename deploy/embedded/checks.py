"""What can stand in the way of a start (port, disk, folder, another launcher), said so that a person can mend it."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import BangfuError

MEBIBYTE = 1024 * 1024
NEEDED_BYTES = 256 * MEBIBYTE
COMFORTABLE_BYTES = 1024 * MEBIBYTE

_log = logging.getLogger("bangfu.embedded")


class PortTaken(BangfuError):
    """Another program listens where the web was to be served."""

    code = "port_taken"
    status = 503


class DiskFull(BangfuError):
    """The disk that holds the home folder has no room left."""

    code = "disk_full"
    status = 507


class HomeNotWritable(BangfuError):
    """The home folder (``.bangfu``) cannot be made or written."""

    code = "home_not_writable"
    status = 503


class HomeInUse(BangfuError):
    """Another launcher already works on this home folder."""

    code = "home_in_use"
    status = 409


class EngineFailed(BangfuError):
    """An embedded engine (数据库, 消息队列) could not be started or died."""

    code = "engine_failed"
    status = 503


def require_port(host: str, port: int) -> None:
    """Raise `PortTaken` unless ``host:port`` can be listened on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            other = 8010 if port != 8010 else 8011
            if error.errno == errno.EACCES:
                said = (f"无权使用端口 {port}", f"this user may not listen on port {port}")
            elif error.errno == errno.EADDRINUSE:
                said = (f"端口 {port} 已被其他程序占用", f"port {port} is taken by another program")
            else:
                said = (
                    f"无法在 {host} 的端口 {port} 上提供服务({error.strerror})",
                    f"cannot listen on {host} port {port} ({error.strerror})",
                )
            raise PortTaken(
                *said,
                where=f"{host}:{port}",
                mend_zh=f'请换一个端口:make run ARGS="--port {other}"',
                mend_en=f'choose another: make run ARGS="--port {other}"',
            ) from None


def disk_full(place: Path) -> DiskFull:
    """The error for a disk without room at ``place``."""
    return DiskFull(
        "磁盘空间不足",
        "the disk is full",
        where=str(place),
        mend_zh=f"请至少腾出 {COMFORTABLE_BYTES // MEBIBYTE} MB 空间后重新启动,已保存的数据不受影响",
        mend_en=f"free at least {COMFORTABLE_BYTES // MEBIBYTE} MB and start again; saved data is kept",
    )


def require_space(place: Path, *, needed: int = NEEDED_BYTES, comfortable: int = COMFORTABLE_BYTES) -> None:
    """Raise `DiskFull` below ``needed`` free bytes; warn in the log below ``comfortable``."""
    free = shutil.disk_usage(place).free
    if free < needed:
        raise disk_full(place)
    if free < comfortable:
        megabytes = free // MEBIBYTE
        _log.warning("磁盘空间即将用尽:%s 仅剩 %d MB / disk nearly full: %d MB left", place, megabytes, megabytes)


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn "no space" and "not permitted" of the operating system into `DiskFull` and `HomeNotWritable`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(place) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise HomeNotWritable(
                f"无法写入数据目录({error.strerror})",
                f"the home folder cannot be written ({error.strerror})",
                where=error.filename or str(place),
                mend_zh="请检查该目录的归属和权限,或用 BANGFU_HOME 指定另一个目录",
                mend_en="check who owns it and its permissions, or name another folder with BANGFU_HOME",
            ) from error
        raise


def require_home(home: Path) -> None:
    """Make ``home`` (0700) and prove that it can be written; raise `HomeNotWritable` or `DiskFull` otherwise."""
    with disk_errors(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        probe = home / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(b"x" * 4096)
        finally:
            probe.unlink(missing_ok=True)
