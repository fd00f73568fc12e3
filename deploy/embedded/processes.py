"""One child process of the launcher: how it starts, how it is known again after a crash, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.errors import BangfuError
from deploy.embedded.checks import EngineFailed, disk_errors, disk_full
from deploy.embedded.private import private_folder, write_private

_START_CHILD = Path(__file__).with_name("start_child.py")
_LOG_LIMIT_BYTES = 8 * 1024 * 1024
_LOG_KEPT_S = 184 * 24 * 3600
"""Six months at least (Cybersecurity Law, art. 21)."""
_CLOCK_TOLERANCE_S = 5.0


@dataclass(frozen=True)
class Ending:
    """How a child is asked to end: each signal with the seconds it is given, and the signal that the kernel sends
    when the launcher itself is killed (Linux). What still lives after the last is killed with its process group."""

    signals: tuple[tuple[signal.Signals, float], ...]
    if_launcher_dies: signal.Signals


STATELESS = Ending(((signal.SIGTERM, 10.0),), signal.SIGKILL)
"""For a child that holds nothing (web): its port must be free for the next start at once."""


def wait_until(condition: Callable[[], bool], within_s: float, every_s: float = 0.02) -> bool:
    """Ask ``condition`` until it holds (True) or ``within_s`` seconds are over (False)."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)
    return True


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end_process(process: psutil.Process, signals: Iterable[tuple[int, float]]) -> None:
    """End a process that this launcher did not start: each signal with its seconds (as in `Ending`), then SIGKILL."""
    for number, seconds in signals:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        if wait_until(lambda: _gone(process), seconds):
            return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
    wait_until(lambda: _gone(process), 5.0)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def put_aside(log: Path) -> None:
    """Give a log that has grown large a name of its own, ended by the second; one put aside over six months ago goes."""
    now = time.time()
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.{int(now)}"))
    for former in log.parent.glob(f"{log.name}.*"):
        if former.stat().st_mtime < now - _LOG_KEPT_S:
            former.unlink()


def end_leftover(record: Path) -> None:
    """End what a crashed launcher left: the process in ``record``, known by its start time, and its group."""
    try:
        kept = json.loads(record.read_text(encoding="utf-8"))
        pid, created = int(kept["pid"]), float(kept["created"])
        signals = [(int(number), float(seconds)) for number, seconds in kept["signals"]]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if created < psutil.boot_time() - _CLOCK_TOLERANCE_S:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > _CLOCK_TOLERANCE_S:
            return
        end_process(process, signals)
    # Only an orphan of that group can still bear its number: the kernel gives no new process a number in use.
    _kill_group(pid)


class Child:
    """A program run for the launcher in a process group of its own (Ctrl-C in the terminal does not reach it).

    ``env`` is its whole environment (None: the launcher's), ``identity`` is start_child's. Output goes to
    ``home/logs/NAME.log``; ``home/run/NAME.pid`` lets the next launcher find and end what a crashed one left.
    ``restarts``: the supervisor starts it anew when it has died (see `Supervisor.check`).
    The kernel ties the child to the *thread* that calls `start`: call it from one that lives as long as the
    launcher, the main thread.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        home: Path,
        env: Mapping[str, str] | None = None,
        ending: Ending = STATELESS,
        identity: str = "same",
        restarts: bool = False,
    ) -> None:
        self.name = name
        self.restarts = restarts
        self.log = home / "logs" / f"{name}.log"
        self._argv = list(argv)
        self._env = env
        self._ending = ending
        self._identity = identity
        self._home = home
        self._record = home / "run" / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Process id, or None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """End a leftover of the same name, then start; waits for nothing (see `wait_ready`)."""
        private_folder(self._home / "run")
        private_folder(self._home / "logs")
        end_leftover(self._record)
        with disk_errors(self.log):
            put_aside(self.log)
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._log_start = os.fstat(descriptor).st_size
            self._process = subprocess.Popen(  # noqa: S603 - the launcher's own argument list, no shell
                self.wrapped(self._argv, self._identity, self._ending.if_launcher_dies),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        with contextlib.suppress(psutil.NoSuchProcess):
            created = psutil.Process(self._process.pid).create_time()
            record = {"pid": self._process.pid, "created": created, "signals": self._ending.signals}
            write_private(self._record, json.dumps(record))

    @staticmethod
    def wrapped(argv: Sequence[str], identity: str, death_signal: int = signal.SIGKILL) -> list[str]:
        """``argv`` run through start_child as ``identity``."""
        prefix = [sys.executable, "-I", "-S", str(_START_CHILD), str(os.getpid()), str(int(death_signal)), identity]
        return [*prefix, *argv]

    def exit_code(self) -> int | None:
        """The child's exit code, or None while it runs."""
        return self._process.poll() if self._process else None

    def wait_ready(self, ready: Callable[[], bool], within_s: float) -> None:
        """Wait until ``ready()``; raise `EngineFailed` or `DiskFull` when the child dies first or time runs out."""
        wait_until(lambda: self.exit_code() is not None or ready(), within_s)
        if self.exit_code() is not None:
            raise self.death()
        if not ready():
            raise EngineFailed(
                f"{self.name} 在 {within_s:.0f} 秒内未能就绪",
                f"{self.name} was not ready within {within_s:.0f} s",
                where=str(self.log),
                mend_zh="请查看日志",
                mend_en="read the log",
            )

    def death(self) -> BangfuError:
        """The error that tells of this child's end, with the last lines of its log."""
        said = self.output()
        if "No space left on device" in said:
            return disk_full(self._home)
        tail = " | ".join(said.strip().splitlines()[-5:])
        return EngineFailed(
            f"{self.name} 已退出(代码 {self.exit_code()}):{tail}",
            f"{self.name} ended with code {self.exit_code()}: {tail}",
            where=str(self.log),
            mend_zh="请查看日志后重新启动,已保存的数据不受影响",
            mend_en="read the log and start again; saved data is kept",
        )

    def output(self) -> str:
        """What the child has written since this start (at most its last 64 KiB)."""
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - 65536))
            return file.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End the child: its signals in turn, each with its time limit, at last SIGKILL to its group. Idempotent."""
        process = self._process
        if process is None:
            return
        for number, seconds in self._ending.signals:
            if process.poll() is None:
                process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
        _kill_group(process.pid)
        process.wait()
        self._record.unlink(missing_ok=True)
        self._process = None
