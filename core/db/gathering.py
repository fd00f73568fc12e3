"""What a transaction gathers until it ends (entries of the trail, files that it wrote), and what a rollback takes back of it.

SQLAlchemy tells of the rollback of a savepoint as it tells of that of the whole transaction: a list that is emptied then would
lose what was gathered before the savepoint, and stands though the transaction goes on. Savepoints are closed before the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from core.db.session import ScopedSession

T = TypeVar("T")


def _nothing(_taken_back: Sequence[Any]) -> None:
    return


class Gathering(Generic[T]):
    """A list of each session's transaction, under a name of its own. ``undo`` is given what a rollback takes back: of a
    savepoint what was gathered since it began, of the transaction everything."""

    def __init__(self, name: str, undo: Callable[[Sequence[T]], None] = _nothing) -> None:
        self._name = name
        self._began = f"{name}: savepoints"
        self._undo = undo
        event.listen(ScopedSession, "after_transaction_create", self._begin)
        event.listen(ScopedSession, "after_rollback", self._take_back)
        event.listen(ScopedSession, "after_transaction_end", self._end)

    def of(self, session: Session) -> list[T]:
        """What was gathered so far, to be added to."""
        found: list[T] = session.info.setdefault(self._name, [])
        return found

    def take(self, session: Session) -> list[T]:
        """What was gathered when the transaction commits, and forget it; nothing where a savepoint is released, since the
        transaction around it goes on."""
        return [] if session.in_nested_transaction() else session.info.pop(self._name, [])

    def _marks(self, session: Session) -> dict[SessionTransaction, int]:
        found: dict[SessionTransaction, int] = session.info.setdefault(self._began, {})
        return found

    def _begin(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            self._marks(session)[transaction] = len(self.of(session))

    def _take_back(self, session: Session) -> None:
        savepoint, gathered = session.get_nested_transaction(), self.of(session)
        start = 0 if savepoint is None else self._marks(session)[savepoint]
        taken_back = gathered[start:]
        del gathered[start:]
        self._undo(taken_back)

    def _end(self, session: Session, transaction: SessionTransaction) -> None:
        self._marks(session).pop(transaction, None)
