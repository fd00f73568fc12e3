"""The outbox (发件箱): what is to be carried out after the transaction that asked for it, exactly once in its effects.

An item is written in the transaction of its cause. After the commit the sender of this process is told; whatever it
misses, the sweep finds. A topic's handler runs in the tenant's scope, in the transaction that marks the item as sent.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, UOWTransaction

from core.db.session import ScopedSession, unit_of_work
from core.errors import BangfuError, NotFound
from core.host.manager import host
from core.jobs import repository
from core.jobs.failures import Waits, told
from core.jobs.models import OutboxItem
from core.scope import entered
from core.tenancy.service import system_scope

log = logging.getLogger(__name__)

JOB_TOPIC = "job"
RELAY, JOB, CHUNK, SWEEP = "bangfu.relay", "bangfu.job", "bangfu.chunk", "bangfu.sweep"
"""Names of the worker's tasks: (tenant), (tenant, job), (tenant, job, number of the chunk), ()."""

Handler = Callable[[Session, Mapping[str, Any]], None]
Sender = Callable[[str, Sequence[Any]], None]

TOPICS: dict[str, Handler] = {}
"""Handlers by topic. A domain adds its own with ``on_topic`` in a module that its ``declared.py`` imports."""

_WAITS = "outbox"
_PATIENT = 3
"""How often an item is tried with each sweep before it rests."""
_FIRST_REST, _LONGEST_WAIT, _LONGEST_REST = timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=1)
_senders: list[Sender] = []


@dataclass(frozen=True, slots=True)
class Relayed:
    """How many items were carried out, and how many failed and wait for the next time."""

    sent: int
    failed: int


def on_topic(name: str) -> Callable[[Handler], Handler]:
    """Declare the handler of a topic: (session in the tenant's scope, payload). Raises ValueError on a second one.

    The handler may be called again for an item whose transaction failed, so what it does beyond the session (another
    tenant's row, a message) must be safe to do twice.
    """

    def declare(handler: Handler) -> Handler:
        if TOPICS.get(name, handler) is not handler:
            raise ValueError(f"topic {name!r} has a handler already")
        TOPICS[name] = handler
        return handler

    return declare


def post(session: Session, topic: str, *payloads: Mapping[str, Any]) -> list[OutboxItem]:
    """Have something carried out after this transaction, once for each payload (a JSON object of ids, no names)."""
    items = [OutboxItem(topic=topic, payload=dict(payload)) for payload in payloads]
    session.add_all(items)
    return items


def set_sender(sender: Sender | None) -> None:
    """Tell this process how to reach the workers: ``sender(task name, arguments)``. None: by the sweep alone."""
    _senders[:] = [] if sender is None else [sender]
    if sender is None:
        TOPICS.pop(JOB_TOPIC, None)
    else:
        TOPICS[JOB_TOPIC] = _hand_over


def _hand_over(session: Session, payload: Mapping[str, Any]) -> None:
    for sender in _senders:
        sender(JOB, [session.info["scope"].tenant, payload["job"]])


def send(task: str, arguments: Sequence[Any]) -> bool:
    """Send a task through the sender of this process; False where there is none or the queue is out of reach.

    Nothing is lost then: rows hold what is to be done, and the sweep sends it again.
    """
    for sender in _senders:
        try:
            sender(task, arguments)
        except Exception as error:
            log.warning("task %s not sent, left to the sweep: %s", task, type(error).__name__)
            return False
    return bool(_senders)


@event.listens_for(ScopedSession, "after_flush")
def _notice(session: Session, _context: UOWTransaction) -> None:
    if any(isinstance(row, OutboxItem) for row in session.new):
        session.info[_WAITS] = True


@event.listens_for(ScopedSession, "after_commit")
def _prompt(session: Session) -> None:
    if session.in_nested_transaction() or not session.info.pop(_WAITS, False):
        return
    send(RELAY, [session.info["scope"].tenant])


def relay(tenant: str, *, limit: int = 500) -> Relayed:
    """Carry out the tenant's waiting items, each in its own transaction. Topics that nobody handles here stay; of a topic whose
    handler says that it has to wait (``Waits``) no further item is tried this time. A tenant that has closed since it was
    prompted has none."""
    host()
    sent = failed = 0
    held: set[str] = set()
    try:
        scope = system_scope(tenant, "relay")
    except NotFound:
        return Relayed(0, 0)
    with entered(scope):
        with unit_of_work() as session:
            waiting = repository.waiting_items(session, list(TOPICS), limit)
        for item_id, topic in waiting:
            if topic in held:
                continue
            try:
                sent += _carry_out(item_id)
            except Exception as error:
                failed += 1
                _note_failure(item_id, error)
                if isinstance(error, Waits):
                    held.add(topic)
    return Relayed(sent, failed)


def _carry_out(item_id: uuid.UUID) -> bool:
    with unit_of_work() as session:
        item = repository.lock_item(session, item_id)
        if item is None:
            return False
        TOPICS[item.topic](session, item.payload)
        item.attempts += 1
        item.sent_at = datetime.now(UTC)
        item.error = None
    return True


def _note_failure(item_id: uuid.UUID, error: Exception) -> None:
    level = logging.WARNING if isinstance(error, BangfuError) else logging.ERROR
    log.log(level, "outbox item %s failed: %s", item_id, told(error))
    with unit_of_work() as session:
        item = repository.lock_item(session, item_id)
        if item is not None:
            item.attempts += 1
            item.error = told(error)
            rest = _rest(item.attempts, error)
            item.not_before = datetime.now(UTC) + rest if rest else None


def _rest(attempts: int, error: Exception) -> timedelta | None:
    """How long a failed item rests: not at all at first, then twice as long each time, up to a minute where everything of its
    kind waits for the same, else up to an hour."""
    if attempts <= _PATIENT:
        return None
    longest = _LONGEST_WAIT if isinstance(error, Waits) else _LONGEST_REST
    doubled: timedelta = _FIRST_REST * 2 ** min(attempts - _PATIENT - 1, 20)
    return min(doubled, longest)
