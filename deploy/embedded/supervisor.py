"""The launcher's watch over its children: one launcher per home, started in order, stopped in the reverse order."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self

from deploy.embedded.checks import HomeInUse, disk_errors, require_home
from deploy.embedded.processes import Child, end_leftover
from deploy.embedded.start_child import tie_to_parent

log = logging.getLogger(__name__)

MOST_RESTARTS, RESTARTS_WITHIN_S = 5, 600.0
"""A child that dies more often than this is broken, and not only stuck: the launcher ends and tells why."""


class Interrupted(KeyboardInterrupt):
    """The launcher was asked to end by a signal; ``signum`` says which (128 + signum is its exit code)."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def _interrupt(signum: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted(signum)


class HomeLock:
    """The right to work on a home folder. Held by the open file, so the kernel gives it back however a holder ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / "launcher.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; raise `HomeInUse`, naming the other process, when it is held."""
        with disk_errors(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "?"
            os.close(descriptor)
            raise HomeInUse(
                f"该数据目录已有一个帮扶平台在运行(进程号 {holder})",
                f"another launcher already runs on this home folder (process {holder})",
                where=str(self._path.parent),
                mend_zh=f"请使用已启动的平台,或先停止它:kill {holder}",
                mend_en=f"use the one that runs, or stop it first: kill {holder}",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Supervisor:
    """Starts children one after another, notices when one dies, and stops them last-started first.

    Start the engines first and the web last: `stop` then ends web, worker, message queue, database in this order.
    As a context manager it holds the home's lock, and SIGINT and SIGTERM raise `Interrupted` in the main thread, so
    that every way out passes through `stop`; with ``BANGFU_END_WITH_PARENT`` (set by make) the end of the parent is
    such a signal. After a kill -9 the kernel ends the children (see `Ending`).
    A Celery worker wants ``Ending(((SIGTERM, 20), (SIGQUIT, 5)), SIGKILL)``: asked with SIGQUIT it would wait for a queue
    that is gone too. Its pool and beat end with it (`worker.lifeline`).
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._lock = HomeLock(self.home)
        self._children: list[Child] = []
        self._deaths: dict[str, list[float]] = {}
        self._handlers: dict[int, signal.Handlers | int | Callable[[int, FrameType | None], object] | None] = {}

    def open(self) -> None:
        """Take the home (see `HomeLock`) and end, gently, what a launcher that crashed on it has left running."""
        require_home(self.home)
        self._lock.acquire()
        for record in (self.home / "run").glob("*.pid"):
            end_leftover(record)
            record.unlink(missing_ok=True)

    def adopt(self, child: Child) -> None:
        """Watch and stop a child that has already been started."""
        self._children.append(child)

    def start(self, child: Child, *, ready: Callable[[], bool] | None = None, within_s: float = 60.0) -> None:
        """Start ``child`` and, where ``ready`` is given, wait until it holds."""
        self.adopt(child)
        child.start()
        if ready is not None:
            child.wait_ready(ready, within_s)

    def check(self) -> None:
        """Raise the error that tells of a child that has died, if one has; one that ``restarts`` is started anew instead,
        unless it has died `MOST_RESTARTS` times within `RESTARTS_WITHIN_S`."""
        for child in self._children:
            if child.pid is None or child.exit_code() is None:
                continue
            if not (child.restarts and self._may_restart(child)):
                raise child.death()
            log.error("%s", child.death())
            child.stop()
            child.start()

    def _may_restart(self, child: Child) -> bool:
        now = time.monotonic()
        recent = [at for at in self._deaths.get(child.name, ()) if now - at < RESTARTS_WITHIN_S]
        self._deaths[child.name] = [*recent, now]
        return len(recent) < MOST_RESTARTS

    def watch(self) -> NoReturn:
        """Stay until a signal (`Interrupted`) or the death of a child (its error) ends the launcher."""
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop all children, last-started first, and give the home back. Idempotent."""
        while self._children:
            self._children[-1].stop()
            self._children.pop()
        self._lock.release()

    def __enter__(self) -> Self:
        self.open()
        self._handlers = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        if os.environ.get("BANGFU_END_WITH_PARENT"):
            tie_to_parent(signal.SIGTERM)
        # nohup ignores SIGHUP on purpose.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, _interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # An impatient second Ctrl-C must not break off the orderly end; time limits bound it.
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                with contextlib.suppress(TypeError):
                    signal.signal(number, handler)
