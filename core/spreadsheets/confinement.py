"""What the process that parses strangers' files may not do: take memory and time without end, write, start others, talk.

Limits are the kernel's own. Beyond them a filter of system calls refuses sockets, programs and changes of the file system
where the platform has it, and an audit hook of the interpreter refuses the same to Python code everywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import sys
from typing import Final

MOST_MEMORY: Final = 512 * 1024 * 1024
"""Address space of the process, in bytes."""
MOST_SECONDS: Final = 120
"""Processor time of the process over its whole life."""

_NO_NEW_PRIVILEGES: Final = 38
_SECCOMP: Final = 22
_FILTER_MODE: Final = 2
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050001  # the call answers EPERM
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_FOREIGN_TABLE: Final = 0x40000000  # x32 calls on x86-64
_CALLS: Final = {
    # audit number of the machine, then: socket, connect, execve, execveat, ptrace, fork, vfork, io_uring_setup, kill, tkill,
    # unlink(at), rename(at, at2), truncate, link(at), symlink(at), mkdir(at), rmdir, chmod family, process_vm_writev, bpf
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 57, 58, 425, 62, 200, 87, 263, 82, 264, 316, 76, 86, 265, 88, 266, 83, 258,
                            84, 90, 91, 268, 311, 321)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 425, 129, 130, 35, 38, 276, 45, 37, 36, 34, 52, 53, 271, 280)),
}  # fmt: skip
_REFUSED_EVENTS: Final = ("socket.", "subprocess.", "ctypes.", "shutil.", "os.", "pty.", "mmap.")
_HARMLESS_EVENTS: Final = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk"})


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Step)))


def confine() -> None:
    """Confine this process, for good. Call it before anything of a stranger is read."""
    for limit, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(limit, most)
    with contextlib.suppress(OSError, AttributeError):
        _refuse_calls()
    sys.addaudithook(_watch)


def _lower(limit: int, most: int) -> None:
    hard = resource.getrlimit(limit)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(limit, (most, most))
    except (OSError, ValueError):
        if sys.platform == "linux":  # macOS knows no limit of the address space
            raise


def _refuse_calls() -> None:
    known = _CALLS.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return
    machine, calls = known
    refuse = len(calls) + 1
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, refuse + 1, machine),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, refuse - 1, 0, _FOREIGN_TABLE),
        *((_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    laid = (_Step * len(steps))(*(_Step(*step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        libc.prctl(_SECCOMP, _FILTER_MODE, ctypes.byref(_Program(len(steps), laid)), 0, 0)


def _watch(event: str, details: tuple[object, ...]) -> None:
    """Refuse what no parser needs."""
    writes = event == "open" and isinstance(details[2], int) and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or (event.startswith(_REFUSED_EVENTS) and event not in _HARMLESS_EVENTS):
        raise PermissionError(f"the reader of spreadsheets may not: {event}")
