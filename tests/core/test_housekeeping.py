"""What need not be kept goes; what tells of acts is kept six months, by the program and by the database."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import ProgrammingError

from core.db.base import Base, new_id
from core.db.session import reference_work, unit_of_work
from core.errors import InvalidInput
from core.identity.models import Account, SeenToken, StaffSession
from core.identity.sessions import Origin, note_sign_in, open_session
from core.jobs.models import OutboxItem
from core.jobs.outbox import post
from core.jobs.runner import run_inline
from core.jobs.service import start_job
from core.parameters.service import set_parameter
from core.scope import Scope
from core.trail.housekeeping import clean, kept_months
from core.trail.models import ReadLog, SignInEvent, TrailEntry
from core.trail.names import HOUSEKEEPING, LOG_MONTHS
from core.trail.service import record, record_read
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import SINCE, hire, stand_at

Acting = Callable[..., AbstractContextManager[Scope]]
OLD, YOUNG = timedelta(days=200), timedelta(days=150)


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)


def _age(db: Database, table: str, by: timedelta, *columns: str) -> None:
    changed = ", ".join(f"{column} = {column} - :by" for column in columns)
    with db.owner.begin() as connection:
        connection.execute(text(f"update {table} set {changed}"), {"by": by})


def _post_items(acting: Acting, tenant: str = COUNTY) -> None:
    with acting(tenant), unit_of_work() as session:
        sent, _ = post(session, "dummy.sent", {"n": 1}), post(session, "dummy.waits", {"n": 2})
        session.flush()
        sent[0].sent_at = sent[0].at


def _count(model: type[Base], acting: Acting, tenant: str = COUNTY) -> int:
    with acting(tenant), unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


COUNTY_GONE = {"imports": 0, "printed": 0}
"""What a county has besides, and has none of here."""


def _clean(acting: Acting, tenant: str = COUNTY) -> dict[str, int]:
    with acting(tenant), unit_of_work() as session:
        return clean(session)


def _sign_in() -> uuid.UUID:
    account = hire("li", (COUNTY, "leader"))
    with reference_work() as session:
        open_session(session, session.get_one(Account, account), Origin("10.0.0.1"))
        note_sign_in(session, None, "password", "refused", "10.0.0.2")
        session.add(SeenToken(number=str(new_id()), expires_at=func.now() - timedelta(days=1)))
        session.add(SeenToken(number=str(new_id()), expires_at=func.now() + timedelta(days=1)))
    return account


def test_what_was_sent_goes_after_six_months_and_what_waits_stays(acting: Acting, db: Database) -> None:
    _post_items(acting)
    assert _clean(acting) == COUNTY_GONE | {"outbox": 0}
    _age(db, "outbox", YOUNG, "at", "sent_at")
    assert _clean(acting) == COUNTY_GONE | {"outbox": 0}
    _age(db, "outbox", OLD - YOUNG, "at", "sent_at")
    assert _clean(acting) == COUNTY_GONE | {"outbox": 1}
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(OutboxItem.topic)).all() == ["dummy.waits"]


def test_the_database_lets_nothing_younger_go_whatever_the_program_asks(acting: Acting, db: Database) -> None:
    _post_items(acting)
    _sign_in()
    _age(db, "outbox", YOUNG, "at", "sent_at")
    _age(db, "staff_session", YOUNG, "created_at", "expires_at")
    _age(db, "sign_in_event", YOUNG, "at")
    with acting(COUNTY), unit_of_work() as session:
        for model in (OutboxItem, StaffSession, SignInEvent):
            session.execute(delete(model))
    assert [_count(model, acting) for model in (OutboxItem, StaffSession, SignInEvent)] == [2, 1, 2]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (OutboxItem, {"at": func.now() - OLD}),
        (StaffSession, {"created_at": func.now() - OLD}),
        (SignInEvent, {"at": func.now()}),
    ],
)
def test_no_row_is_made_older_by_the_program(acting: Acting, model: type[Base], values: dict[str, object]) -> None:
    with acting(COUNTY), pytest.raises(ProgrammingError, match="permission denied"), unit_of_work() as session:
        session.execute(update(model).values(values).execution_options(synchronize_session=False))


def test_another_county_s_items_are_not_touched(acting: Acting, db: Database) -> None:
    _post_items(acting, OTHER_COUNTY)
    _age(db, "outbox", OLD, "at", "sent_at")
    assert _clean(acting) == COUNTY_GONE | {"outbox": 0}
    assert _count(OutboxItem, acting, OTHER_COUNTY) == 2


def test_what_belongs_to_the_installation_is_cleaned_by_the_province_alone(acting: Acting, db: Database) -> None:
    _sign_in()
    _age(db, "staff_session", OLD, "created_at", "expires_at")
    _age(db, "sign_in_event", OLD, "at")
    assert _clean(acting) == COUNTY_GONE | {"outbox": 0}
    assert _clean(acting, PROVINCE) == {"outbox": 0, "sessions": 1, "sign_ins": 2, "seen_tokens": 1}
    assert [_count(model, acting) for model in (StaffSession, SignInEvent, SeenToken)] == [0, 0, 1]


def test_fewer_than_six_months_are_refused_and_the_longest_counts(acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session:
        assert kept_months(session) == 6
        with pytest.raises(InvalidInput, match="不得少于 6"):
            set_parameter(session, LOG_MONTHS, SINCE, 5, "本单位规定", "无")
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, LOG_MONTHS, SINCE, 12, "省总工会规定", "无")
    with acting(COUNTY), unit_of_work() as session:
        set_parameter(session, LOG_MONTHS, SINCE, 8, "本单位规定", "无")
    with acting(COUNTY), unit_of_work() as session:
        assert kept_months(session) == 12


def test_the_nightly_job_cleans_every_tenant_and_leaves_trail_and_looks(acting: Acting, db: Database) -> None:
    for tenant in (COUNTY, OTHER_COUNTY):
        _post_items(acting, tenant)
        with acting(tenant), unit_of_work() as session:
            record(session, "test.done", "thing", None)
            record_read(session, "identity", "person", None, "核对")
    _age(db, "outbox", OLD, "at", "sent_at")
    _age(db, "read_log", timedelta(days=4000), "at")
    _age(db, "trail_entry", timedelta(days=4000), "at")
    with acting(PROVINCE), unit_of_work() as session:
        job = start_job(session, HOUSEKEEPING, "test", {"year": TODAY.year}).id
    done = run_inline(PROVINCE, job)
    assert (done["state"], done["result"]["outbox"]) == ("done", 2)
    assert [_count(ReadLog, acting, tenant) for tenant in (COUNTY, OTHER_COUNTY)] == [1, 1]
    assert _count(TrailEntry, acting) == 1
