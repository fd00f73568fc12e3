"""Work that starts by itself: once a period, wherever its plugin is on, by one process, and caught up once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from core.db.session import reference_work, unit_of_work
from core.host import hookimpl
from core.host.declarations import ChunkPlan, JobKindDecl, PluginInfo, Recurrence
from core.host.manager import host
from core.jobs import recovery, recurring
from core.jobs.models import Job, RecurringStart
from core.jobs.runner import run_inline
from core.jobs.service import county_chunks
from core.scope import Level, Scope
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.staffing import stand_at

Acting = Callable[..., AbstractContextManager[Scope]]
ALL = (PROVINCE, PREFECTURE, OTHER_PREFECTURE, COUNTY, OTHER_COUNTY)
LONG_AGO = date(2024, 1, 1)
NIGHTLY, MONTHLY, YEARLY = Recurrence(2), Recurrence(5, 28), Recurrence(6, 1, 1)


class Line:
    """A service line with work that recurs in each county and, over all of them, in the province."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo("line", "1", ">=1,<2", "定期", "Line", "测试", "for tests", "none")

    @hookimpl
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        counties = frozenset({Level.COUNTY})
        return [
            JobKindDecl("line.each", "逐县", "each", _one, _done, levels=counties, recurs=NIGHTLY),
            JobKindDecl("line.all", "全省", "all", lambda s, _: county_chunks(s), _done, fan_out=True, recurs=YEARLY),
            JobKindDecl("line.never", "不定期", "never", _one, _done),
        ]


def _one(*_: object) -> list[ChunkPlan]:
    return [ChunkPlan("一", {})]


def _done(*_: object) -> dict[str, object]:
    return {}


Clock = Callable[[date], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the civil day, late in the evening."""
    return lambda day: monkeypatch.setattr(recurring, "now_here", lambda: (day, 23))


@pytest.fixture(autouse=True)
def plugged(db: Database, clock: Clock) -> Iterator[None]:
    host.cache_clear()
    host().register(Line(), "line")
    stand_at(db)
    _start(LONG_AGO)
    clock(TODAY)
    yield
    host.cache_clear()


def _switch_on(db: Database, *tenants: str) -> None:
    with db.owner.begin() as connection:
        for tenant in tenants:
            statement = "insert into tenant_plugin (tenant, plugin, enabled, version) values (:t, 'line', true, 1)"
            connection.execute(text(statement), {"t": tenant})


def _jobs(db: Database, kind: str) -> list[tuple[str, str, str]]:
    with db.owner.connect() as connection:
        found = select(Job.tenant, Job.key, Job.actor).where(Job.kind == kind).order_by(Job.tenant, Job.key)
        return [(tenant, key, actor) for tenant, key, actor in connection.execute(found)]


def _tenants() -> Sequence[Tenant]:
    with reference_work() as session:
        return session.scalars(select(Tenant).order_by(Tenant.code)).all()


def _due(day: date, hour: int = 23) -> list[recurring.Due]:
    with reference_work() as session:
        return recurring.due(session, day, hour)


def _start(day: date, hour: int = 23) -> int:
    return recurring.start(_due(day, hour), _tenants())


@pytest.mark.parametrize(
    ("recurs", "day", "hour", "period", "following"),
    [
        (NIGHTLY, date(2025, 9, 1), 2, date(2025, 9, 1), date(2025, 9, 2)),
        (NIGHTLY, date(2025, 9, 1), 1, date(2025, 8, 31), date(2025, 9, 1)),
        (MONTHLY, date(2025, 3, 28), 5, date(2025, 3, 28), date(2025, 4, 28)),
        (MONTHLY, date(2025, 3, 28), 4, date(2025, 2, 28), date(2025, 3, 28)),
        (MONTHLY, date(2025, 1, 1), 9, date(2024, 12, 28), date(2025, 1, 28)),
        (YEARLY, date(2026, 1, 1), 6, date(2026, 1, 1), date(2027, 1, 1)),
        (YEARLY, date(2026, 1, 1), 5, date(2025, 1, 1), date(2026, 1, 1)),
        (YEARLY, date(2025, 12, 31), 23, date(2025, 1, 1), date(2026, 1, 1)),
    ],
)
def test_a_period_begins_at_its_hour(recurs: Recurrence, day: date, hour: int, period: date, following: date) -> None:
    assert recurring.begun(recurs, day, hour) == period
    assert recurring.following(recurs, period) == following


@pytest.mark.parametrize("wrong", [(24,), (2, 29), (2, 0), (2, None, 1), (2, 1, 13), (-1,)])
def test_a_recurrence_that_some_period_lacks_is_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="day up to 28"):
        Recurrence(*wrong)


def test_a_recurrence_is_said_in_words() -> None:
    assert [recurring.in_words(one) for one in (NIGHTLY, MONTHLY, YEARLY)] == [
        "每日 2:00",
        "每月 28 日 5:00",
        "每年 1 月 1 日 6:00",
    ]


def test_what_is_due_is_started_once_where_the_line_is_on(db: Database) -> None:
    _switch_on(db, PROVINCE, COUNTY)
    recovery.sweep_all()
    recovery.sweep_all()
    assert _jobs(db, "line.each") == [(COUNTY, f"recurring/{TODAY}", "system:schedule")]
    assert _jobs(db, "line.all") == [(PROVINCE, "recurring/2025-01-01", "system:schedule")]
    assert _jobs(db, "line.never") == []
    assert _jobs(db, "dormant.below") == [(PROVINCE, f"recurring/{TODAY}", "system:schedule")]


def test_the_schedule_of_a_line_that_is_off_is_silent(db: Database, clock: Clock) -> None:
    _switch_on(db, OTHER_COUNTY)
    recovery.sweep_all()
    assert [tenant for tenant, *_ in _jobs(db, "line.each")] == [OTHER_COUNTY]
    assert _jobs(db, "line.all") == []
    _switch_on(db, COUNTY)
    recovery.sweep_all()
    assert [tenant for tenant, *_ in _jobs(db, "line.each")] == [OTHER_COUNTY]
    clock(date(2025, 9, 2))
    recovery.sweep_all()
    assert [tenant for tenant, *_ in _jobs(db, "line.each")] == [COUNTY, OTHER_COUNTY, OTHER_COUNTY]


def test_the_period_in_which_a_kind_is_first_seen_is_none_that_was_missed(db: Database) -> None:
    _switch_on(db, PROVINCE, COUNTY)
    with db.owner.begin() as connection:
        connection.execute(text("delete from recurring_start"))
    assert _start(TODAY) == 0
    assert _start(TODAY) == 0
    with reference_work() as session:
        begun = session.get_one(RecurringStart, "line.each")
        assert (begun.period, begun.at) == (TODAY, None)
    _start(date(2025, 9, 2))
    assert [key for _, key, _ in _jobs(db, "line.each")] == ["recurring/2025-09-02"]
    assert _jobs(db, "line.all") == []


def test_a_moved_business_date_starts_nothing(db: Database) -> None:
    _switch_on(db, PROVINCE, COUNTY)
    recovery.sweep_all()
    for day in (date(2025, 9, 2), date(2026, 3, 1)):
        stand_at(db, day)
        recovery.sweep_all()
    assert len(_jobs(db, "line.each")) == 1


def test_periods_that_were_missed_are_caught_up_once(db: Database) -> None:
    _switch_on(db, COUNTY)
    for day in (TODAY, date(2025, 9, 20), date(2025, 9, 20), date(2025, 9, 10)):
        _start(day)
    assert [key for _, key, _ in _jobs(db, "line.each")] == ["recurring/2025-09-01", "recurring/2025-09-20"]


def test_before_its_hour_nothing_starts(db: Database) -> None:
    _switch_on(db, COUNTY)
    _start(TODAY)
    _start(date(2025, 9, 2), hour=1)
    assert len(_jobs(db, "line.each")) == 1
    _start(date(2025, 9, 2), hour=2)
    assert len(_jobs(db, "line.each")) == 2


def test_two_processes_start_one_job(db: Database) -> None:
    _switch_on(db, PROVINCE, COUNTY)
    together, counts = threading.Barrier(4), list[int]()
    tenants, found = _tenants(), _due(TODAY)

    def sweep() -> None:
        together.wait()
        counts.append(recurring.start(found, tenants))

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(_jobs(db, kind)) for kind in ("line.each", "line.all", "dormant.below")] == [1, 1, 1]
    assert sorted(counts)[:3] == [0, 0, 0]


def test_a_tenant_that_fails_stops_no_other_and_is_tried_again(
    db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _switch_on(db, COUNTY, OTHER_COUNTY)

    def failing(code: str, what: str, **more: object) -> Scope:
        if code == COUNTY:
            raise ConnectionError
        return system_scope(code, what, **more)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr("core.jobs.recurring.system_scope", failing)
    _start(TODAY)
    assert [tenant for tenant, *_ in _jobs(db, "line.each")] == [OTHER_COUNTY]
    assert "recurring work of 510104 not started" in caplog.text
    monkeypatch.undo()
    _start(TODAY)
    assert [tenant for tenant, *_ in _jobs(db, "line.each")] == [COUNTY, OTHER_COUNTY]
    with reference_work() as session:
        begun = session.get_one(RecurringStart, "line.each")
        assert (begun.period, begun.at is not None) == (TODAY, True)


def test_where_nothing_is_due_a_sweep_asks_once_whatever_the_number_of_tenants(db: Database) -> None:
    _switch_on(db, PROVINCE, *ALL[3:])
    _start(TODAY)
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(db.app, "before_cursor_execute", note)
    try:
        assert _start(TODAY) == 0
    finally:
        event.remove(db.app, "before_cursor_execute", note)
    assert len([statement for statement in sent if "recurring_start" in statement]) == 1
    assert not any("job" in statement for statement in sent)


def _of_the_line(session: Session) -> recurring.Scheduled:
    [found] = [item for item in recurring.schedule(session) if item.kind.kind == "line.each"]
    return found


def test_a_tenant_sees_what_recurs_there(db: Database, acting: Acting) -> None:
    _switch_on(db, PROVINCE, COUNTY)
    with acting(COUNTY, plugins=frozenset({"line"})), unit_of_work() as session:
        before = _of_the_line(session)
        assert (before.kind.kind, before.when, before.last, before.next_on) == (
            "line.each",
            "每日 2:00",
            None,
            date(2025, 9, 2),
        )
    recovery.sweep_all()
    with acting(COUNTY, plugins=frozenset({"line"})), unit_of_work() as session:
        after = _of_the_line(session)
        assert after.last is not None
        assert run_inline(COUNTY, after.last.id)["state"] == "done"
    with acting(COUNTY), unit_of_work() as session:
        assert "line.each" not in {item.kind.kind for item in recurring.schedule(session)}
    with acting(PROVINCE, plugins=frozenset({"line"})), unit_of_work() as session:
        assert {item.kind.kind for item in recurring.schedule(session)} >= {"line.all", "dormant.below", "housekeeping"}


def test_what_recurs_over_all_counties_can_be_started_by_the_province() -> None:
    """What fans out recurs in the province alone, so its declaration must let it."""
    kinds: list[JobKindDecl] = host().collected("bangfu_job_kinds")
    found = [kind for kind in kinds if kind.recurs is not None and kind.fan_out]
    assert found
    assert all(Level.PROVINCE in kind.levels for kind in found)
