"""Two web processes and a worker feel a switch, a rule and a setting at their next request or task, without a restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from core.db.session import reference_work, unit_of_work
from core.errors import NotFound
from core.identity.local import sign_in
from core.identity.service import give_post, make_account, scope_for
from core.jobs import outbox
from core.jobs.models import Job
from core.jobs.service import start_job
from core.scope import Scope, entered
from core.settings import settings
from core.tenancy.service import system_scope
from deploy.embedded.valkey import EmbeddedValkey
from tenants.configuring import change_settings
from tenants.rules import set_rule
from tenants.switching import switch_plugin
from tests.conftest import COUNTY, PROVINCE, TODAY, Database
from tests.core.staffing import SINCE, stand_at
from tests.tenants.conftest import asked
from tests.tenants.steered import NAME

Admin = Callable[..., AbstractContextManager[Scope]]
ROOT = Path(__file__).parents[2]
PASSWORD = "正确的密码-2025"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("steered")]


@pytest.fixture
def queue(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real message queue, this process sending to it."""
    with EmbeddedValkey(db.home) as urls:
        monkeypatch.setenv("BANGFU_CELERY_BROKER_URL", urls.celery)
        settings.cache_clear()
        from worker.app import app
        from worker.relay import use_queue

        app.conf.broker_url = urls.celery
        assert use_queue()
        yield
        app.close()
        outbox.set_sender(None)
    settings.cache_clear()


@contextmanager
def process(*command: str, out: int | Any = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """A process of this program, ended afterwards with all that it started."""
    running = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        if running.stdout:
            running.stdout.close()


class Office:
    """A caseworker at two web processes, and the worker behind them."""

    def __init__(self, clients: list[httpx.Client], admin: Admin) -> None:
        self._clients, self._admin, self._jobs = clients, admin, 0

    def pages(self) -> list[int | str]:
        """What both processes answer: the page's word, or the status where it does not exist."""
        answers = [client.get(f"/{COUNTY}/steered") for client in self._clients]
        resources = [client.get(f"/api/v1/{COUNTY}/steered") for client in self._clients]
        for page, resource in zip(answers, resources, strict=True):
            assert page.status_code == resource.status_code
        return [page.json() if page.is_success else page.status_code for page in answers]

    def shown(self) -> list[bool]:
        """Whether the line's entry stands in the navigation of both."""
        return [f'href="/{COUNTY}/steered"' in client.get(f"/{COUNTY}/").text for client in self._clients]

    def start(self) -> Any:
        """Have the worker count; the job's id."""
        self._jobs += 1
        with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
            return start_job(session, "steered.count", str(self._jobs), {}).id

    def result(self, job_id: Any) -> Any:
        """What the worker found, once it is done: the wait ends when the row says so."""
        with entered(system_scope(COUNTY, "test")):
            for _ in range(50_000):
                with unit_of_work() as session:
                    job = session.scalar(select(Job).where(Job.id == job_id))
                    assert job is not None
                    if job.state in {"done", "failed"}:
                        return job.result if job.state == "done" else job.error
                self._clients[0].get("/healthz")
        raise AssertionError("the worker did not finish")


@pytest.fixture
def office(db: Database, queue: None, admin: Admin, tmp_path: Path) -> Iterator[Office]:
    stand_at(db)
    with reference_work() as session:
        account = make_account(session, "li", "李", PASSWORD)
        give_post(session, account.id, COUNTY, "caseworker", valid_from=SINCE)
    token = sign_in("li", PASSWORD)
    assert token is not None
    worker = ["-m", "celery", "-A", "worker.app", "worker", "--include", "tests.tenants.plugged", "--concurrency", "1"]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "worker.log").open("w"))
        stack.enter_context(process(*worker, "--without-gossip", "--without-mingle", "--without-heartbeat", out=log))
        clients = []
        web = stack.enter_context(process("-m", "tests.tenants.second_web"))
        assert web.stdout is not None
        for _ in range(2):
            origin = f"http://127.0.0.1:{int(web.stdout.readline())}"
            client = httpx.Client(base_url=origin, cookies={"bangfu_session": token}, timeout=60)
            clients.append(stack.enter_context(client))
        yield Office(clients, admin)


def test_a_switch_a_rule_and_a_setting_hold_at_the_next_request_and_task_of_every_process(office: Office, admin: Admin) -> None:
    def act(tenant: str, change: Callable[..., object], *given: Any, **more: Any) -> None:
        with admin(tenant), unit_of_work() as session:
            change(session, NAME, *given, reason="主席办公会决定", **more)

    assert (office.pages(), office.shown()) == ([404, 404], [False, False])
    with pytest.raises(NotFound):
        office.start()
    act(COUNTY, switch_plugin, enabled=True)
    assert (office.pages(), office.shown()) == (["3", "3"], [True, True])
    assert office.result(office.start()) == {"limit": 3}
    act(COUNTY, change_settings, values={"limit": 5})
    assert office.pages() == ["5", "5"]
    assert office.result(office.start()) == {"limit": 5}
    act(PROVINCE, change_settings, values={"limit": 7}, locks={"limit": True})
    assert office.pages() == ["7", "7"]
    assert office.result(office.start()) == {"limit": 7}
    act(PROVINCE, set_rule, "forbid")
    assert (office.pages(), office.shown()) == ([404, 404], [False, False])
    with pytest.raises(NotFound):
        office.start()
    act(PROVINCE, set_rule, "free")
    assert office.pages() == ["7", "7"]


def test_settings_and_rules_cost_a_request_no_statement_more(db: Database, admin: Admin) -> None:
    """The scope of a request and of a task, with the line on by its own word, by a rule, and with settings behind it."""
    stand_at(db)
    with reference_work() as session:
        account = make_account(session, "li", "李", PASSWORD)
        give_post(session, account.id, COUNTY, "caseworker", valid_from=SINCE)
    scope_for(account.id, COUNTY)

    def counted() -> list[str]:
        with asked() as statements:
            assert scope_for(account.id, COUNTY).business_date == TODAY
        return statements

    bare = counted()
    with admin(COUNTY), unit_of_work() as session:
        switch_plugin(session, NAME, enabled=True, reason="开通")
        change_settings(session, NAME, values={"limit": 5}, reason="调整")
    with admin(PROVINCE), unit_of_work() as session:
        set_rule(session, NAME, "require", reason="统一启用")
    assert len(counted()) == len(bare)
    assert len([statement for statement in bare if "tenant_plugin" in statement]) == 1
