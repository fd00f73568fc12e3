"""A value that the issuer publishes, kept in this process: its keys, its addresses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from core.identity.oidc.errors import IssuerUnavailable

PAUSE = 10.0
"""Seconds between the end of one fetch and the next, whether it succeeded or not."""

T = TypeVar("T")

log = logging.getLogger(__name__)


def in_a_thread(work: Callable[[], None]) -> None:
    """Do ``work`` beside the request that noticed the need for it."""
    threading.Thread(target=work, name="oidc-renewal", daemon=True).start()


class Fetched(Generic[T]):
    """A value that ``load`` fetches: by one thread at a time, and never twice within ``PAUSE`` seconds.

    Whoever finds the value at hand good enough does not wait. A failing fetch keeps the former value. A value older than
    ``fresh_for`` seconds is renewed in the background, so that what the issuer has withdrawn does not live on here.
    ``monotonic`` gives seconds; ``background`` runs the renewal.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        fresh_for: float,
        monotonic: Callable[[], float] = time.monotonic,
        background: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self._load = load
        self._fresh_for = fresh_for
        self._monotonic = monotonic
        self._background = background
        # Held while fetching: the others queue here, and find the outcome when they get in.
        self._flight = threading.Lock()
        self._held: tuple[T, float] | None = None
        self._tried_at: float | None = None
        self._failure: IssuerUnavailable | None = None

    def at_hand(self) -> T | None:
        """The value as it is now, or None before the first fetch. Never waits; starts a renewal where the value is old."""
        held = self._held
        if held is None:
            return None
        if self._is_due() and self._flight.acquire(blocking=False):
            try:
                # Asked again: another thread may have renewed between the question and the lock.
                due = self._is_due()
                if due:
                    self._background(self._renew_in_flight)
            except BaseException:
                self._flight.release()
                raise
            if not due:
                self._flight.release()
        return held[0]

    def that(self, suits: Callable[[T], bool]) -> T:
        """The value at hand if it ``suits``; else the value after one fetch, or after that of the thread already fetching.

        The answer may still not suit: then the issuer does not publish what was looked for, or was asked less than
        ``PAUSE`` seconds ago. Raises ``IssuerUnavailable`` where the last fetch failed and what is held does not suit.
        """
        value = self.at_hand()
        if value is not None and suits(value):
            return value
        with self._flight:
            # Who waited for another's fetch finds it resting now.
            if not self._is_resting():
                self._fetch()
            held, failure = self._held, self._failure
        if held is not None and (failure is None or suits(held[0])):
            return held[0]
        if failure is None:
            raise RuntimeError("a fetch ended without a value and without a failure")
        # A new one for each caller: a shared exception would gather the tracebacks of all threads.
        raise IssuerUnavailable(failure.zh, failure.en, where=failure.where or "")

    def _is_due(self) -> bool:
        held = self._held
        return held is not None and self._monotonic() - held[1] >= self._fresh_for and not self._is_resting()

    def _is_resting(self) -> bool:
        return self._tried_at is not None and self._monotonic() - self._tried_at < PAUSE

    def _renew_in_flight(self) -> None:
        try:
            self._fetch()
        finally:
            self._flight.release()

    def _fetch(self) -> None:
        """Only with the flight's lock held."""
        try:
            value = self._load()
        except IssuerUnavailable as error:
            self._failure = error
            log.warning("what the issuer publishes could not be renewed: %s", error)
        else:
            self._held, self._failure = (value, self._monotonic()), None
        finally:
            # At the end, not at the start: a fetch that took longer than the pause must not be followed at once by those
            # who waited for it.
            self._tried_at = self._monotonic()
