"""Bars that show in the terminal how far a step or a job is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SAID_ONE_BY_ONE = 12
"""Up to so many counties each gets a line of its own; more are told in sum."""


def bars() -> Progress:
    """Bars that vanish when they are over; none where the output is not a terminal."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, transient=True, disable=not sys.stdout.isatty())


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar of ``total`` parts while the body runs; the value advances it by one."""
    with bars() as shown:
        task = shown.add_task(title, total=total)
        yield lambda: shown.advance(task)
