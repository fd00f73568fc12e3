"""The trail: chained per tenant, written last, and any change to it is found."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.documents.store import SealedPaper, get, put_all
from core.scope import Scope
from core.settings import settings
from core.tenancy.service import next_numbers
from core.trail.models import TrailEntry, TrailHead
from core.trail.service import Broken, first_break, record
from tests.conftest import COUNTY, OTHER_COUNTY, Database

ROOT = Path(__file__).parents[2]
Acting = Callable[..., AbstractContextManager[Scope]]


def _write(acting: Acting, tenant: str, count: int) -> None:
    for _ in range(count):
        with acting(tenant), unit_of_work() as session:
            record(session, "test.done", "thing", new_id(), {"amount_fen": 1})
            record(session, "test.seen", "thing", new_id())


def test_a_chain_holds_and_is_the_tenants_own(acting: Acting) -> None:
    _write(acting, COUNTY, 3)
    _write(acting, OTHER_COUNTY, 1)
    for tenant, expected in ((COUNTY, 6), (OTHER_COUNTY, 2)):
        with acting(tenant), unit_of_work() as session:
            assert first_break(session) is None
            assert session.scalar(select(func.count()).select_from(TrailEntry)) == expected


def _act_and_fail(acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session:
        record(session, "test.done", "thing", new_id())
        raise ZeroDivisionError


def test_a_rolled_back_act_leaves_no_entry(acting: Acting) -> None:
    with pytest.raises(ZeroDivisionError):
        _act_and_fail(acting)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(TrailEntry)) == 0


def _in_a_savepoint(session: Session, action: str, *, fail: bool) -> None:
    with suppress(ZeroDivisionError), session.begin_nested():
        record(session, action, "thing", new_id())
        [name] = put_all(session, [SealedPaper(b"", action.encode())])
        assert get(name)
        if fail:
            raise ZeroDivisionError


def test_a_savepoint_takes_back_what_was_done_in_it_and_nothing_else(acting: Acting) -> None:
    """Entries and files alike: each before, in and after savepoints that end well or not, one in another and one whose flush
    fails."""
    folder = settings().files_dir / COUNTY
    before = set(folder.rglob("*"))
    with acting(COUNTY), unit_of_work() as session:
        record(session, "first", "thing", new_id())
        put_all(session, [SealedPaper(b"", b"first")])
        _in_a_savepoint(session, "undone", fail=True)
        with suppress(ZeroDivisionError), session.begin_nested():
            _in_a_savepoint(session, "inner", fail=False)
            _in_a_savepoint(session, "undone", fail=True)
            raise ZeroDivisionError
        with session.begin_nested():
            _in_a_savepoint(session, "undone", fail=True)
            _in_a_savepoint(session, "kept", fail=False)
        with suppress(IntegrityError), session.begin_nested():
            record(session, "undone", "thing", new_id())
            session.add(TrailHead(seq=0, hash=None))
            session.flush()
        record(session, "last", "thing", new_id())
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(TrailEntry.action).order_by(TrailEntry.seq)).all() == ["first", "kept", "last"]
        assert first_break(session) is None
    written = [path for path in set(folder.rglob("*")) - before if path.is_file()]
    assert {path.read_bytes() for path in written} == {b"first", b"kept"}


def test_nothing_else_listens_to_a_rollback() -> None:
    """Whatever is gathered for the end of a transaction is gathered where savepoints are known."""
    sources = (path for part in ("core", "plugins", "tenants", "worker") for path in (ROOT / part).rglob("*.py"))
    listening = [path.name for path in sources if re.search(r'"after_(soft_)?rollback"', path.read_text(encoding="utf-8"))]
    assert listening == ["gathering.py"]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("update trail_entry set content = content || 'x'::bytea where seq = 3", Broken(3, "changed content")),
        ("delete from trail_link where seq = 2", Broken(2, "missing link")),
        ("delete from trail_link where seq = 6", Broken(6, "head does not match the last link")),
        ("update trail_link set content_hash = hash where seq = 4", Broken(4, "changed content")),
    ],
)
def test_a_change_is_found(acting: Acting, db: Database, change: str, broken: Broken) -> None:
    _write(acting, COUNTY, 3)
    with db.owner.begin() as connection:
        connection.execute(text(change))
    with acting(COUNTY), unit_of_work() as session:
        assert first_break(session) == broken


def test_many_writers_keep_one_chain_and_no_number_twice(acting: Acting) -> None:
    numbers: list[int] = []

    def work() -> None:
        for _ in range(5):
            with acting(COUNTY), unit_of_work() as session:
                numbers.extend(next_numbers(session, "test", 2025, 2))
                record(session, "test.done", "thing", new_id())

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 61))
    with acting(COUNTY), unit_of_work() as session:
        assert first_break(session) is None
        assert session.scalar(select(func.count()).select_from(TrailEntry)) == 30
