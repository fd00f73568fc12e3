"""First moments of a child of the launcher: tie its life to the launcher's, become who it is to be, then exec.

Run as ``python -I -S start_child.py LAUNCHER_PID DEATH_SIGNAL IDENTITY PROGRAM ARGUMENT...``; standard library only.
IDENTITY is ``same``, ``namespace`` (root becomes ``nobody`` inside a user namespace of its own, so that files stay
root's while a program that refuses uid 0 is content) or ``UID:GID`` (give up root for that user).

A program of its own rather than ``preexec_fn``, which is unsafe once the launcher has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

NOBODY = 65534
NAMESPACE_REFUSED = 97
LAUNCHER_GONE = 98
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib would double this program's start time
        file.write(text)


def _enter_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        sys.exit(NAMESPACE_REFUSED)
    try:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{NOBODY} {uid} 1")
        _write("/proc/self/gid_map", f"{NOBODY} {gid} 1")
    except OSError:
        sys.exit(NAMESPACE_REFUSED)


def _become(identity: str) -> None:
    if identity == "namespace":
        _enter_namespace()
    elif identity != "same":
        uid, gid = (int(part) for part in identity.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def tie_to_parent(death_signal: int) -> None:
    """Have the kernel send ``death_signal`` to this process when its parent ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)


def main(arguments: list[str]) -> None:
    """Never returns: execs the program, or exits with a code that says why not."""
    launcher, death_signal, identity, *program = arguments
    # A background job of a shell starts with SIGINT ignored, and what is ignored stays so across exec.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o077)
    _become(identity)
    # After the change of identity, which would clear it.
    tie_to_parent(int(death_signal))
    if os.getppid() != int(launcher):
        sys.exit(LAUNCHER_GONE)
    os.execv(program[0], program)  # noqa: S606 - the launcher's own argument list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
