"""Work beside other work, in threads: worth it where one side waits for the database or is in a library that lets go of the
interpreter meanwhile (zlib, calamine, ciphers)."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

Step = TypeVar("Step")
_TURN_S: Final = 0.0001


def ahead(steps: Iterator[Step], most: int = 1) -> Generator[Step]:
    """What ``steps`` gives (never None), the next ones, ``most`` of them, made by a thread while one is used. Whoever breaks
    off waits for the step that is under way, and for none behind it."""
    from concurrent.futures import ThreadPoolExecutor  # costs time to load that a reader of small files does not need

    aside = ThreadPoolExecutor(1)
    try:
        made = deque(aside.submit(next, steps, None) for _ in range(most))
        while (step := made.popleft().result()) is not None:
            made.append(aside.submit(next, steps, None))
            yield step
    finally:
        aside.shutdown(cancel_futures=True)


@contextmanager
def short_turns() -> Iterator[None]:
    """Let a thread that feeds the database have the interpreter soon after each of its thousand waits. At the usual turn of
    five milliseconds it is the database that waits, for a good tenth of the time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
