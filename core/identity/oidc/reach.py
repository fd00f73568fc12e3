"""Whether the issuer answers at present, as this process last saw it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RETRY = 5.0
"""Seconds after a failure before the issuer is asked again."""
RECENT = 1.0
"""Seconds for which an answer is taken to hold, so that a flood of strangers before the sign-in page is not passed on."""


class Reach:
    """After a failure the issuer is asked again by one thread at a time, and not before ``RETRY`` seconds: a server that
    lets everybody wait would otherwise hold all of this process's database connections."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._try_at: float | None = None
        self._answered_at: float | None = None

    def is_recent(self) -> bool:
        """Whether the issuer has answered just now."""
        with self._lock:
            return self._answered_at is not None and self._monotonic() - self._answered_at < RECENT

    def may_try(self) -> bool:
        """Whether to ask now. Who is told so after a failure is the one who tries, and has to report how it went."""
        with self._lock:
            if self._try_at is None:
                return True
            now = self._monotonic()
            if now < self._try_at:
                return False
            self._try_at = now + RETRY
            return True

    def answered(self) -> None:
        """The issuer has answered, whatever it said."""
        with self._lock:
            self._try_at, self._answered_at = None, self._monotonic()

    def failed(self) -> None:
        """The issuer did not answer."""
        with self._lock:
            self._try_at, self._answered_at = self._monotonic() + RETRY, None
