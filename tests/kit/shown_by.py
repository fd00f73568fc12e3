"""Run by ``test_shown_by`` in a process where the kit's plugin is installed: on in one county of two, and there alone.

Not collected by itself: pytest is given this file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from importlib.metadata import entry_points
from multiprocessing import get_context

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from core.audit.models import AuditFinding
from core.audit.service import run_audit
from core.db.session import app_engine, unit_of_work
from core.errors import NotFound
from core.exchange.facts import report_facts
from core.exchange.models import Fact
from core.host.manager import host
from core.jobs import outbox
from core.jobs.models import Job, JobChunk
from core.jobs.service import start_job
from core.scope import Scope
from core.trail.models import TrailEntry
from deploy.cli import app
from deploy.testing.installation import COUNTY, OTHER_COUNTY, PROVINCE
from deploy.testing.trial import Trial

NAME = "warm_words"
TITLE = "暖心问候"


@pytest.fixture
def on(bangfu: Trial) -> Trial:
    bangfu.switch_on(NAME)
    return bangfu


def test_it_is_found_by_its_entry_point_and_is_no_part_of_the_platform() -> None:
    [point] = [point for point in entry_points(group="bangfu.plugins") if point.name == NAME]
    assert point.value == f"bangfu_{NAME}:plugin"
    assert not host().is_built_in(NAME)
    assert [out for out in host().left_out if out.name == NAME] == []


def test_it_is_on_the_countys_page_and_in_one_county_alone(bangfu: Trial) -> None:
    admin = bangfu.signed_in("tenant_admin")
    assert TITLE in admin.client.get(f"/{COUNTY}/plugins").text
    clerk, other = bangfu.signed_in(), bangfu.signed_in(tenant=OTHER_COUNTY)
    for person, tenant in ((clerk, COUNTY), (other, OTHER_COUNTY)):
        assert person.client.get(f"/{tenant}/{NAME}").status_code == 404
    bangfu.switch_on(NAME)
    page = clerk.client.get(f"/{COUNTY}/{NAME}")
    assert page.status_code == 200
    assert f"/{COUNTY}/{NAME}" in clerk.client.get(f"/{COUNTY}/").text
    assert "Visits" in clerk.client.get(f"/{COUNTY}/{NAME}?lang=en").text
    assert clerk.client.get(f"/api/v1/{COUNTY}/{NAME}/visits").json() == []
    for path in (f"/{OTHER_COUNTY}/{NAME}", f"/api/v1/{OTHER_COUNTY}/{NAME}/visits"):
        assert other.client.get(path).status_code == 404
    assert f"/{OTHER_COUNTY}/{NAME}" not in other.client.get(f"/{OTHER_COUNTY}/").text
    assert clerk.client.get(f"/{OTHER_COUNTY}/{NAME}").status_code == 404


def test_what_was_edited_in_its_folder_holds(on: Trial) -> None:
    """``test_shown_by`` has added a field to the form and raised the figure of policy to two visits."""
    case = on.walk(on.open_case(NAME, {"reason": "住院", "gift": "大米"}), "take_up")
    clerk = on.signed_in()
    for number, closed in ((1, False), (2, True)):
        added = {"number": case.number, "note": f"第 {number} 次"}
        token = {"X-CSRF-Token": clerk.csrf}
        assert clerk.client.post(f"/api/v1/{COUNTY}/{NAME}/visits", json=added, headers=token).status_code == 201
        if closed:
            assert on.walk(case, "close").state == "closed"
        else:
            with pytest.raises(Exception, match="至少 2 次"):
                on.walk(case, "close")


def test_the_command_line_sees_and_switches_it(on: Trial) -> None:
    home = ["--home", str(on.database.home)]
    runner = CliRunner(env={"COLUMNS": "200"})
    for tenant, state in ((COUNTY, "启用"), (OTHER_COUNTY, "停用")):
        listed = runner.invoke(app, ["plugin", "list", "--county", tenant, *home])
        [line] = [line for line in listed.output.splitlines() if NAME in line]
        assert state in line, line
    switched = runner.invoke(app, ["plugin", "on", NAME, "--county", OTHER_COUNTY, "--reason", "试行", *home])
    assert switched.exit_code == 0, switched.output
    assert on.signed_in(tenant=OTHER_COUNTY).client.get(f"/{OTHER_COUNTY}/{NAME}").status_code == 200
    shut = runner.invoke(app, ["plugin", "quarantine", NAME, "--province", PROVINCE, "--reason", "有误", *home])
    assert shut.exit_code == 0, shut.output
    for tenant in (COUNTY, OTHER_COUNTY):
        assert on.signed_in(tenant=tenant).client.get(f"/{tenant}/{NAME}").status_code == 404


def test_its_work_is_done_by_a_worker_in_one_county_alone(on: Trial, bangfu_queue: str) -> None:
    case = on.open_case(NAME, {"reason": "住院", "gift": "大米"})
    with on.scope(OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        start_job(session, f"{NAME}.remind", "2025", {})
    with on.scope(on=date(2025, 12, 1)), unit_of_work() as session:
        job_id = start_job(session, f"{NAME}.remind", "2025", {}).id
    from worker.relay import use_queue

    assert use_queue()
    outbox.send(outbox.JOB, [COUNTY, str(job_id)])
    worker = get_context("fork").Process(target=_work)
    worker.start()
    try:
        _until_done(on.scope, job_id)
    finally:
        worker.terminate()
        worker.join()
    with on.scope(), unit_of_work() as session:
        assert session.scalars(select(JobChunk.result)).all() == [{"waiting": [case.number]}]


def _work() -> None:
    """Be a worker: a fork of this process has loaded what takes a new one seconds, and makes connections of its own."""
    from worker.app import app as celery

    app_engine().dispose(close=False)
    warnings.simplefilter("default")  # where tests run as root, Celery warns of that
    options = ["--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    celery.worker_main(["worker", "--queues=bangfu,bangfu.chunks", *options])


def _until_done(scope: Callable[..., AbstractContextManager[Scope]], job_id: object) -> None:
    """Look until the job is over; the worker's own limits end the wait."""
    from deploy.embedded.processes import wait_until

    def over() -> bool:
        with scope(), unit_of_work() as session:
            return session.scalar(select(Job.state).where(Job.id == job_id)) in {"done", "failed"}

    assert wait_until(over, 60, every_s=0.1)


def test_the_audit_and_the_figures_know_it_where_it_was_on(on: Trial) -> None:
    on.open_case(NAME, {"reason": "住院", "gift": "大米"})
    for tenant, known in ((COUNTY, True), (OTHER_COUNTY, False)):
        with on.scope(tenant), unit_of_work() as session:
            assert (f"{NAME}.closed_without_visit" in run_audit(session, 2025)) is known
            report_facts(session, 2025)
            assert (f"{NAME}.visits" in session.scalars(select(Fact.name)).all()) is known
            assert session.scalars(select(AuditFinding.check_code).where(AuditFinding.check_code.startswith(NAME))).all() == []
            switched = session.scalars(select(TrailEntry.action).where(TrailEntry.action == "plugin.on")).all()
            assert bool(switched) is known
