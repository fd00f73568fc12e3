"""Jobs and the outbox: safe to run twice, to stop, to take up again; a county that fails fails alone."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, NotFound
from core.exchange.models import Fact, Opening
from core.host.manager import host
from core.jobs import outbox, recovery
from core.jobs.models import Job, JobChunk, OutboxItem, Pulse
from core.jobs.runner import Outcome, plan_job, run_chunk, run_inline
from core.jobs.service import (
    Started,
    cancel_job,
    may_resume,
    progress,
    resume_job,
    start_for_year,
    start_job,
    startable_kinds,
)
from core.scope import Scope
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.dummy_jobs import DummyJobs, effect

Acting = Callable[..., AbstractContextManager[Scope]]
ZHANG = "0199aaaa-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def plugged(db: Database) -> Iterator[None]:
    host.cache_clear()
    host().register(DummyJobs(), "dummy")
    yield
    outbox.set_sender(None)
    host.cache_clear()


@pytest.fixture
def sent() -> list[tuple[str, list[Any]]]:
    messages: list[tuple[str, list[Any]]] = []
    outbox.set_sender(lambda task, arguments: messages.append((task, list(arguments))))
    return messages


def _start(acting: Acting, tenant: str = COUNTY, kind: str = "dummy.parts", **params: Any) -> uuid.UUID:
    with acting(tenant), unit_of_work() as session:
        return start_job(session, kind, "2025", {"parts": 3} | params).id


def _effects(acting: Acting, tenant: str = COUNTY) -> list[str]:
    with acting(tenant), unit_of_work() as session:
        return list(session.scalars(select(Fact.period).where(Fact.tenant == tenant).order_by(Fact.period)))


def test_a_job_runs_once_however_often_it_is_started_and_run(acting: Acting) -> None:
    job_id = _start(acting)
    assert _start(acting) == job_id
    told: list[Mapping[str, Any]] = []
    seen = run_inline(COUNTY, job_id, told.append)
    assert (seen["state"], seen["total"], seen["done"], seen["result"]) == ("done", 3, 3, {"sum": 6})
    assert [line["done"] for line in told] == [1, 2, 3]
    assert run_inline(COUNTY, job_id)["state"] == "done"
    assert run_chunk(COUNTY, job_id, 1) is Outcome.NOT_MINE
    assert _effects(acting) == ["1", "2", "3"]


def test_two_processes_share_a_job_and_do_each_part_once(acting: Acting) -> None:
    job_id = _start(acting, parts=6)
    seen: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: seen.append(run_inline(COUNTY, job_id))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line["state"] for line in seen] == ["done", "done"]
    assert {chunk["attempts"] for chunk in seen[0]["chunks"]} == {1}
    assert _effects(acting) == ["1", "2", "3", "4", "5", "6"]


def test_a_job_belongs_to_its_tenant_and_its_starter(acting: Acting) -> None:
    with acting(COUNTY, actor=ZHANG), unit_of_work() as session, pytest.raises(Forbidden):
        start_job(session, "dummy.parts", "2025", {"parts": 1})
    with acting(COUNTY, actor=ZHANG, permissions=frozenset({"job.start"})), unit_of_work() as session:
        job = start_job(session, "dummy.parts", "2025", {"parts": 1})
        with pytest.raises(NotFound):
            start_job(session, "dummy.unheard_of", "2025", {})
    run_inline(COUNTY, job.id)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalar(select(JobChunk.result)) == {"no": 1, "actor": ZHANG}
    with acting(OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        progress(session, job.id)
    with pytest.raises(NotFound):
        plan_job(OTHER_COUNTY, job.id)


def test_a_failed_part_leaves_nothing_and_can_be_taken_up_again(acting: Acting, tmp_path: Path) -> None:
    job_id = _start(acting, fail=[2], wish=str(tmp_path / "mended"))
    seen = run_inline(COUNTY, job_id)
    assert (seen["state"], seen["done"], seen["failed"], seen["result"]) == ("failed", 2, 1, {})
    assert "资料不齐" in seen["chunks"][1]["error"]
    assert seen["chunks"][1]["attempts"] == 1
    assert _effects(acting) == ["1", "3"]
    (tmp_path / "mended").touch()
    with acting(COUNTY), unit_of_work() as session:
        resume_job(session, job_id)
    seen = run_inline(COUNTY, job_id)
    assert (seen["state"], seen["error"], seen["result"]) == ("done", None, {"sum": 6})
    with acting(COUNTY), unit_of_work() as session, pytest.raises(Conflict):
        resume_job(session, job_id)


def test_only_errors_that_may_pass_are_tried_again_and_no_value_gets_into_the_text(acting: Acting, tmp_path: Path) -> None:
    job_id = _start(acting, clash=1, slip=3, wish=str(tmp_path / "clashed"))
    lines = run_inline(COUNTY, job_id)["chunks"]
    assert [(line["state"], line["attempts"]) for line in lines] == [("done", 2), ("done", 1), ("failed", 1)]
    assert "KeyError" in lines[2]["error"]
    assert "5101041990" not in lines[2]["error"]


def test_a_plan_that_fails_fails_the_job(acting: Acting) -> None:
    seen = run_inline(COUNTY, _start(acting, no_plan=True))
    assert (seen["state"], seen["total"]) == ("failed", 0)
    assert "无法拆分" in seen["error"]
    assert run_inline(OTHER_COUNTY, _start(acting, OTHER_COUNTY, parts=0))["state"] == "done"


def test_a_job_cancelled_in_the_middle_keeps_what_is_done(acting: Acting) -> None:
    job_id = _start(acting, cancel_in=2)
    seen = run_inline(COUNTY, job_id)
    assert [line["state"] for line in seen["chunks"]] == ["done", "done", "cancelled"]
    assert (seen["state"], seen["cancel_requested"]) == ("cancelled", True)
    with acting(COUNTY), unit_of_work() as session:
        with pytest.raises(Conflict):
            cancel_job(session, job_id)
        resume_job(session, job_id)
    assert run_inline(COUNTY, job_id)["state"] == "done"
    assert _effects(acting) == ["1", "2", "3"]
    with acting(OTHER_COUNTY), unit_of_work() as session:
        waiting = start_job(session, "dummy.parts", "2025", {"parts": 1})
        assert cancel_job(session, waiting.id).state == "cancelled"


def test_a_county_that_fails_fails_alone_and_keeps_the_record_of_the_visit(acting: Acting) -> None:
    job_id = _start(acting, PROVINCE, "dummy.counties", fail=[OTHER_COUNTY])
    seen = run_inline(PROVINCE, job_id)
    assert (seen["state"], seen["done"], seen["failed"], seen["result"]) == ("failed", 1, 1, {"sum": 1})
    assert (_effects(acting, COUNTY), _effects(acting, OTHER_COUNTY), _effects(acting, PROVINCE)) == (["1"], [], [])
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            visits = session.scalars(select(Opening)).all()
        assert [(visit.guest, visit.guest_tenant) for visit in visits] == [("system:test", PROVINCE)]
        assert "逐县任务" in visits[0].reason


def test_a_job_does_not_reach_beyond_its_own_counties(acting: Acting, db: Database) -> None:
    job_id = _start(acting, PREFECTURE, "dummy.counties")
    assert plan_job(PREFECTURE, job_id) == [1]
    with acting(PREFECTURE), unit_of_work() as session:
        session.execute(update(JobChunk).values(payload={"tenant": OTHER_COUNTY}))
    assert run_chunk(PREFECTURE, job_id, 1) is Outcome.FAILED
    assert _effects(acting, OTHER_COUNTY) == []
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Opening)) == 0


def test_a_commit_prompts_and_a_rollback_does_not(acting: Acting, sent: list[tuple[str, list[Any]]]) -> None:
    with acting(COUNTY), unit_of_work() as session:
        start_job(session, "dummy.parts", "2025", {"parts": 1})
        session.rollback()
    assert sent == []
    job_id = _start(acting)
    assert sent == [(outbox.RELAY, [COUNTY])]
    assert outbox.relay(COUNTY) == outbox.Relayed(1, 0)
    assert outbox.relay(COUNTY) == outbox.Relayed(0, 0)
    assert sent[1:] == [(outbox.JOB, [COUNTY, str(job_id)])]


def test_a_sender_that_is_down_is_made_good_by_the_sweep(acting: Acting, sent: list[tuple[str, list[Any]]]) -> None:
    def down(task: str, arguments: Sequence[Any]) -> None:
        raise ConnectionError

    outbox.set_sender(down)
    job_id = _start(acting)
    assert outbox.relay(COUNTY) == outbox.Relayed(0, 1)
    outbox.set_sender(lambda task, arguments: sent.append((task, list(arguments))))
    assert recovery.sweep_all() == 1
    assert sent == [(outbox.JOB, [COUNTY, str(job_id)])]
    assert recovery.sweep_all() == 0
    swept = recovery.sweep(COUNTY, stale_after=timedelta(0))
    assert swept.jobs == (job_id,)
    assert len(sent) == 2


def test_a_lost_part_is_given_back_and_given_up_after_three_attempts(acting: Acting) -> None:
    job_id = _start(acting, parts=2)
    plan_job(COUNTY, job_id)
    with acting(COUNTY), unit_of_work() as session:
        session.execute(update(JobChunk).where(JobChunk.no == 1).values(state="running", attempts=3, started_at=func.now()))
        session.execute(update(JobChunk).where(JobChunk.no == 2).values(state="running", attempts=1, started_at=func.now()))
    recovery.sweep(COUNTY, stale_after=timedelta(0))
    seen = run_inline(COUNTY, job_id)
    assert [(line["state"], line["attempts"]) for line in seen["chunks"]] == [("failed", 3), ("done", 2)]
    assert _effects(acting) == ["2"]


def test_a_topic_has_its_effect_exactly_once(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "TOPICS", {})
    failing = [True]

    @outbox.on_topic("dummy.effect")
    def deliver(session: Session, payload: Mapping[str, Any]) -> None:
        effect(session, payload["no"])
        if payload["no"] == 2 and failing:
            raise Conflict("对方未开通", "the other side is not there yet")

    with acting(COUNTY), unit_of_work() as session:
        outbox.post(session, "dummy.effect", {"no": 1}, {"no": 2}, {"no": 3})
        outbox.post(session, "dummy.nobody", {})
    threads = [threading.Thread(target=outbox.relay, args=(COUNTY,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _effects(acting) == ["1", "3"]
    failing.clear()
    assert outbox.relay(COUNTY) == outbox.Relayed(1, 0)
    assert _effects(acting) == ["1", "2", "3"]
    with acting(COUNTY), unit_of_work() as session:
        waiting = session.scalars(select(OutboxItem.topic).where(OutboxItem.sent_at.is_(None))).all()
        assert list(waiting) == ["dummy.nobody"]
        assert session.scalar(select(func.count()).select_from(Job)) == 0
    with pytest.raises(ValueError, match="has a handler"):
        outbox.on_topic("dummy.effect")(lambda *_: None)


def _again(acting: Acting, on: date, year: int = 2025) -> Started:
    with acting(COUNTY, on=on), unit_of_work() as session:
        return start_for_year(session, "dummy.years", year)


def test_the_work_of_a_year_is_done_as_often_as_wanted_but_never_twice_at_once(acting: Acting) -> None:
    first = _again(acting, TODAY)
    assert first.new
    under_way = _again(acting, TODAY + timedelta(days=1))
    assert (under_way.new, under_way.job.id) == (False, first.job.id)
    assert _again(acting, TODAY, 2024).new
    run_inline(COUNTY, first.job.id)
    keys = [first.job.key]
    for on in (TODAY, TODAY, TODAY + timedelta(days=1)):
        again = _again(acting, on)
        assert again.new
        assert run_inline(COUNTY, again.job.id)["state"] == "done"
        keys.append(again.job.key)
    assert keys == ["2025/2025-09-01", "2025/2025-09-01/2", "2025/2025-09-01/3", "2025/2025-09-02"]


def test_two_who_start_at_once_get_one_job(acting: Acting) -> None:
    got: list[Started] = []
    together = threading.Barrier(2)

    def start() -> None:
        together.wait()
        got.append(_again(acting, TODAY))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started.new for started in got) == [False, True]
    assert len({started.job.id for started in got}) == 1


def test_a_kind_of_work_is_offered_and_started_at_its_levels_only(acting: Acting) -> None:
    for tenant, offered in ((COUNTY, False), (PREFECTURE, False), (PROVINCE, True)):
        with acting(tenant, actor=ZHANG, permissions=frozenset({"audit.run"})), unit_of_work() as session:
            assert {kind.kind for kind in startable_kinds()} == {"audit", "audit.province"} - (
                set() if offered else {"audit.province"}
            )
            if offered:
                assert start_for_year(session, "audit.province", 2025).new
            else:
                with pytest.raises(Forbidden):
                    start_job(session, "audit.province", "2025", {"year": 2025})
                with pytest.raises(Forbidden):
                    start_for_year(session, "audit.province", 2025)


def test_who_may_start_a_kind_of_work_may_take_it_up_again(acting: Acting) -> None:
    job_id = _start(acting, kind="dummy.years")
    with acting(COUNTY), unit_of_work() as session:
        cancel_job(session, job_id)
    for held, may in (("job.start", False), ("survey.open", True)):
        with acting(COUNTY, actor=ZHANG, permissions=frozenset({held})), unit_of_work() as session:
            assert may_resume("dummy.years", "cancelled") is may
            assert may_resume("dummy.unheard_of", "cancelled") is False
            if may:
                assert resume_job(session, job_id).state == "queued"
                assert may_resume("dummy.years", "queued") is False
            else:
                with pytest.raises(Forbidden):
                    resume_job(session, job_id)


def test_the_background_is_late_when_no_sweep_begins(acting: Acting, db: Database) -> None:
    assert not recovery.is_swept()
    recovery.sweep_all()
    assert recovery.is_swept()
    with db.owner.begin() as connection:
        connection.execute(update(Pulse).values(at=Pulse.at - recovery.SILENT_AFTER))
    assert not recovery.is_swept()
