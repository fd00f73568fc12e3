"""Connections that a piece of code borrows from the pools and does not give back are taken from it at its end.

A pool has few connections: code that keeps one, call for call, would in the end stop everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Pool, event
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

Borrowed = dict[int, PoolProxiedConnection]

_borrowed: ContextVar[Borrowed | None] = ContextVar("bangfu_borrowed", default=None)


@event.listens_for(Pool, "checkout")
def _lent(_connection: object, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
    if (out := _borrowed.get()) is not None:
        out[id(entry)] = proxy


@event.listens_for(Pool, "checkin")
def _returned(_connection: object, entry: ConnectionPoolEntry) -> None:
    if (out := _borrowed.get()) is not None:
        out.pop(id(entry), None)


def watch_loans() -> Borrowed:
    """Note from here on, in this context, what is borrowed and not yet given back; ``take_back`` ends it."""
    out: Borrowed = {}
    _borrowed.set(out)
    return out


def take_back(out: Borrowed) -> int:
    """Close what is still out, which gives its place in the pool back; how many there were."""
    left = list(out.values())
    out.clear()
    for proxy in left:
        proxy.invalidate()
    return len(left)


@contextmanager
def loans() -> Iterator[Borrowed]:
    """Note what the body borrows; the caller takes back what is left. What was borrowed before the body is not its own."""
    out: Borrowed = {}
    token = _borrowed.set(out)
    try:
        yield out
    finally:
        _borrowed.reset(token)
