"""How long a stranger's plugin may take to start, and how it is kept from taking longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from core.errors import BangfuError

T = TypeVar("T")

START_LIMIT_S = 30.0
"""After this a plugin that is being loaded, or says what it declares, is left out."""
SLOW_START_S = 5.0
"""A plugin that takes longer for one of these steps works, and is reported."""


class TooSlow(BangfuError):
    """A plugin did not answer in time while the program started."""

    code = "plugin_too_slow"
    status = 500


def within(seconds: float, act: Callable[[], T]) -> tuple[T, float]:
    """What ``act`` gives, with the seconds that it took; raises ``TooSlow`` after ``seconds``, and what ``act`` raises.

    It runs in a thread of its own: one that never ends stays behind, idle or not, and the program goes on without it.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(act())
        except BaseException as error:
            errors.append(error)

    started = time.monotonic()
    thread = threading.Thread(target=run, name="bangfu-plugin-start", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TooSlow(f"{seconds:g} 秒内没有完成", f"not done within {seconds:g} s")
    if errors:
        raise errors[0]
    return answers[0], time.monotonic() - started
