"""The worker: what its application is set to, whom it refuses to run as, and that a killed process loses nothing."""

from __future__ import annotations

import os
import select as waiting
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from celery.signals import worker_init
from sqlalchemy import create_engine, select

from core.db.session import unit_of_work
from core.exchange.models import Fact
from core.host.manager import host
from core.jobs import outbox, recovery, repository
from core.jobs.models import JobChunk
from core.jobs.service import progress, start_job
from core.scope import Scope
from core.settings import settings
from deploy.embedded.valkey import EmbeddedValkey
from tests.conftest import COUNTY, Database
from tests.dummy_jobs import DummyJobs

Acting = Callable[..., AbstractContextManager[Scope]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def queue(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real message queue, this process sending to it."""
    with EmbeddedValkey(db.home) as urls:
        monkeypatch.setenv("BANGFU_CELERY_BROKER_URL", urls.celery)
        settings.cache_clear()
        host.cache_clear()
        host().register(DummyJobs(), "dummy")
        from worker.app import app
        from worker.relay import use_queue

        app.conf.broker_url = urls.celery
        assert use_queue()
        yield
        app.close()
        outbox.set_sender(None)
    settings.cache_clear()
    host.cache_clear()


@contextmanager
def _worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--include", "tests.worker.plugged"]
    options = ["--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "info"]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Wire:
    """A pipe with a name, over which a worker's process says something."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._end = os.open(path, os.O_RDWR)

    def heard(self, log: Path) -> str:
        ready, _, _ = waiting.select([self._end], [], [], 30)
        assert ready, log.read_text()
        return os.read(self._end, 100).decode().strip()

    def close(self) -> None:
        os.close(self._end)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_nothing_and_does_nothing_twice(
    queue: None, acting: Acting, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    os.mkfifo(tmp_path / "never")
    with closing(Wire(tmp_path / "at_work")) as at_work, closing(Wire(tmp_path / "over")) as over:
        params = {"parts": 1, "never": str(tmp_path / "never"), "flag": str(tmp_path / "flag")}
        with acting(COUNTY), unit_of_work() as session:
            wires = {"at_work": at_work.path, "over": over.path}
            job_id = start_job(session, "dummy.stuck", "2025", params | wires).id
        with _worker(first) as worker:
            child = int(at_work.heard(first))
            assert child != worker.pid
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        with acting(COUNTY), unit_of_work() as session:
            # waits until the database has noticed the death
            session.scalars(select(JobChunk.id).with_for_update()).all()
            assert progress(session, job_id)["running"] == 1
            assert session.scalar(select(Fact.id)) is None
        assert recovery.sweep(COUNTY, stale_after=timedelta(0)).jobs == (job_id,)
        with _worker(second):
            assert int(at_work.heard(second)) != child
            over.heard(second)
            with acting(COUNTY), unit_of_work() as session:
                # waits until the sum is committed
                assert repository.job_of(session, job_id, lock=True).state == "done"
                seen = progress(session, job_id)
                effects = session.scalars(select(Fact.value)).all()
    assert (seen["result"], seen["chunks"][0]["attempts"], list(effects)) == ({"sum": 1}, 2, [1])


def test_a_worker_refuses_a_role_that_sees_past_the_counties(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    import worker.app

    assert worker.app.app.main == "bangfu"
    worker_init.send(sender=None)
    monkeypatch.setattr("core.db.session.app_engine", lambda: db.owner)
    with pytest.raises(SystemExit, match="应用账号权限过大"):
        worker_init.send(sender=None)


def test_a_worker_that_cannot_ask_for_its_role_does_not_start_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    import worker.app

    assert worker.app.app.main == "bangfu"
    nowhere = create_engine("postgresql+psycopg://bangfu_app@127.0.0.1:1/bangfu")
    monkeypatch.setattr("core.db.session.app_engine", lambda: nowhere)
    with pytest.raises(SystemExit, match="OperationalError"):
        worker_init.send(sender=None)


def test_messages_carry_ids_only_and_nothing_is_kept() -> None:
    from worker.app import app

    app.loader.import_default_modules()
    assert {name for name in app.tasks if name.startswith("bangfu.")} == {
        outbox.RELAY,
        outbox.JOB,
        outbox.CHUNK,
        outbox.SWEEP,
    }
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
    assert (app.conf.task_acks_late, app.conf.worker_prefetch_multiplier) == (True, 1)
    assert (app.conf.accept_content, app.conf.task_serializer, app.conf.result_backend) == (["json"], "json", None)
