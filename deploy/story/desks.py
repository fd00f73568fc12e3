"""Counties side by side: a step of the story is one act per county, and several counties are at their desks at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import BangfuError
from deploy.embedded.start_child import tie_to_parent
from deploy.story.calendar import Days


@dataclass(frozen=True, slots=True)
class Errand:
    """What one county's act is told: the county, its workbook, the year's days, about how many households it has."""

    county: str
    book: Path
    days: Days
    households: int


_LOOK_EVERY_S = 0.5

Said = dict[str, int | str]
"""What an act tells: counts, which are added up over counties, and texts, of which the last in order is shown."""
Act = Callable[[Errand], Said]
"""A function of a module, so that another process can find it; safe to repeat, since a kill may come before it is noted."""


class ActFailed(BangfuError):
    """An act of a county's desk did not end well; the errand is named in ``where``."""

    code = "act_failed"


def _sit_down(launcher: int) -> None:
    """First moments of a desk's process: Ctrl-C is the launcher's affair, and the launcher's end is the desk's too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tie_to_parent(signal.SIGKILL)
    if os.getppid() != launcher:
        sys.exit(1)


def _done(act: Act, errand: Errand) -> Said:
    try:
        return act(errand)
    except BangfuError as error:
        # Errors with more arguments than these two do not travel between processes.
        raise ActFailed(
            error.zh, error.en, where=f"{errand.county} {error.where or ''}", mend_zh=error.mend_zh, mend_en=error.mend_en
        ) from None


def _told(future: Future[Said]) -> Said:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ActFailed(
            "办理进程意外中断",
            "a process that acted for a county was lost",
            mend_zh="请再次运行，将从中断处继续",
            mend_en="run again: it goes on from here",
        ) from None


class Desks:
    """As many processes as the machine has cores, started when first needed. Each has connections of its own."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def each(self, act: Act, errands: Sequence[Errand], check: Callable[[], None]) -> Iterator[tuple[Errand, Said]]:
        """Carry out ``act`` for all errands; yields each with what it told, as it ends. Raises the first error.

        ``check`` is asked now and then, and raises where going on is hopeless.
        """
        if len(errands) == 1:
            yield errands[0], _done(act, errands[0])
            return
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                max_workers=os.cpu_count() or 1,
                mp_context=get_context("spawn"),
                initializer=_sit_down,
                initargs=(os.getpid(),),
            )
        waiting = {self._pool.submit(_done, act, errand): errand for errand in errands}
        while waiting:
            ended, _ = wait(waiting, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            for future in ended:
                yield waiting.pop(future), _told(future)
            check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=error is None, cancel_futures=True)
