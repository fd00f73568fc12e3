"""Items of the outbox that fail: they rest longer and longer, hold up no other, and wait together for what they all need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import Conflict
from core.jobs import outbox, recovery, repository
from core.jobs.failures import Waits
from core.jobs.models import OutboxItem
from core.scope import Scope
from tests.conftest import COUNTY, Database

Acting = Callable[..., AbstractContextManager[Scope]]


def _items(acting: Acting, topic: str) -> list[OutboxItem]:
    with acting(COUNTY), unit_of_work() as session:
        return list(session.scalars(select(OutboxItem).where(OutboxItem.topic == topic).order_by(OutboxItem.id)))


def _to_sweep(acting: Acting) -> bool:
    with acting(COUNTY) as scope:
        return COUNTY in repository.anything_to_sweep([scope], datetime.now(UTC) - timedelta(hours=1))


def _post(acting: Acting, topic: str, *payloads: Mapping[str, Any]) -> None:
    with acting(COUNTY), unit_of_work() as session:
        outbox.post(session, topic, *payloads)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the items of topic ``even`` that were carried out; odd ones are refused. Topic ``away`` has to wait."""
    monkeypatch.setattr(outbox, "TOPICS", {})
    found: list[int] = []

    @outbox.on_topic("even")
    def even(_session: Session, payload: Mapping[str, Any]) -> None:
        if payload["no"] % 2:
            raise Conflict("不是双数", "not even")
        found.append(payload["no"])

    @outbox.on_topic("away")
    def away(_session: Session, _payload: Mapping[str, Any]) -> None:
        raise Waits("没有响应", "no answer")

    return found


def test_an_item_that_fails_rests_longer_each_time(acting: Acting, done: list[int], db: Database) -> None:
    _post(acting, "even", {"no": 1})
    rests = []
    for _ in range(16):
        assert outbox.relay(COUNTY) == outbox.Relayed(0, 1)
        [item] = _items(acting, "even")
        rests.append(item.not_before)
        with db.owner.begin() as connection:
            connection.execute(text("update outbox set not_before = null, attempts = :n"), {"n": len(rests)})
    now = datetime.now(UTC)
    assert rests[:2] == [None, None]
    assert all(rest is not None and rest < now + timedelta(minutes=2) for rest in rests[3:5])
    assert now + timedelta(minutes=50) < (rests[-1] or now) < now + timedelta(minutes=61)
    assert done == []


def test_who_rests_is_passed_over_and_holds_up_nobody(acting: Acting, done: list[int]) -> None:
    _post(acting, "even", {"no": 1})
    for _ in range(5):
        outbox.relay(COUNTY)
    [item] = _items(acting, "even")
    assert (item.attempts, "不是双数" in (item.error or "")) == (4, True)
    assert not _to_sweep(acting)
    _post(acting, "even", {"no": 2}, {"no": 4})
    assert _to_sweep(acting)
    assert recovery.sweep(COUNTY).sent == 2
    assert done == [2, 4]


def test_a_topic_that_has_to_wait_is_tried_once(acting: Acting, done: list[int]) -> None:
    _post(acting, "away", {}, {}, {})
    _post(acting, "even", {"no": 2})
    assert outbox.relay(COUNTY) == outbox.Relayed(1, 1)
    assert [item.attempts for item in _items(acting, "away")] == [1, 0, 0]
    for _ in range(30):
        outbox.relay(COUNTY)
    waits = _items(acting, "away")
    assert [item.attempts for item in waits] == [4, 4, 4]
    latest = max(item.not_before for item in waits if item.not_before is not None)
    assert latest < datetime.now(UTC) + timedelta(minutes=1)
    assert done == [2]
