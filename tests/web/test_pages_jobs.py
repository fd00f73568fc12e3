"""Background work through the pages and the interface: what is offered, started once at a time, shown and taken up again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from core.audit.models import AuditFinding
from core.db.session import unit_of_work
from core.jobs.runner import run_inline
from core.jobs.service import cancel_job, start_job
from core.scope import Scope
from tests.conftest import COUNTY, PREFECTURE, PROVINCE, TODAY
from tests.web.conftest import Desk, Person

Acting = Callable[..., AbstractContextManager[Scope]]


def _start(who: Person, kind: str, tenant: str = COUNTY) -> str:
    form = {"csrf_token": who.csrf, "kind": kind, "year": "2025"}
    answer = who.client.post(f"/{tenant}/jobs", data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize(("tenant", "offered"), [(COUNTY, False), (PREFECTURE, False), (PROVINCE, True)])
def test_the_audit_of_all_counties_is_the_province_s_alone(person: Desk, tenant: str, offered: bool) -> None:
    auditor = person("auditor", tenant=tenant, role="auditor")
    page = auditor.client.get(f"/{tenant}/jobs").text
    assert '<option value="audit"' in page
    assert ('<option value="audit.province"' in page) is offered
    token = {"X-CSRF-Token": auditor.csrf}
    by_page = auditor.client.post(f"/{tenant}/jobs", data={"kind": "audit.province", "year": "2025"}, headers=token)
    wanted = {"kind": "audit.province", "year": 2025}
    by_program = auditor.client.post(f"/api/v1/{tenant}/jobs", json=wanted, headers=token)
    assert (by_page.status_code, by_program.status_code) == ((303, 200) if offered else (403, 403))


def test_the_work_of_a_year_is_started_again_once_it_is_over(person: Desk) -> None:
    worker = person("worker")
    first = _start(worker, "survey")
    assert "已发起：年度调查认定" in worker.client.get(first).text
    assert _start(worker, "survey") == first
    assert "年度调查认定正在办理，未另行发起" in worker.client.get(first).text
    assert "HX-Refresh" not in worker.client.get(f"{first}/progress").headers
    run_inline(COUNTY, uuid.UUID(first.rsplit("/")[-1]))
    assert worker.client.get(f"{first}/progress").headers["HX-Refresh"] == "true"
    second = _start(worker, "survey")
    assert second != first
    api, wanted = f"/api/v1/{COUNTY}/jobs", {"kind": "survey", "year": 2025}
    token = {"X-CSRF-Token": worker.csrf}
    under_way = worker.client.post(api, json=wanted, headers=token)
    assert (under_way.status_code, under_way.headers["location"]) == (200, f"/api/v1{second}")
    run_inline(COUNTY, uuid.UUID(second.rsplit("/")[-1]))
    fresh = worker.client.post(api, json=wanted, headers=token)
    assert (fresh.status_code, fresh.json()["state"]) == (201, "queued")


def test_page_and_interface_let_the_same_people_take_a_job_up_again(person: Desk, acting: Acting) -> None:
    worker, auditor = person("worker"), person("auditor", role="auditor")
    with acting(COUNTY), unit_of_work() as session:
        job = start_job(session, "survey", "2025", {"year": 2025}).id
        cancel_job(session, job)
    page, api = f"/{COUNTY}/jobs/{job}", f"/api/v1/{COUNTY}/jobs/{job}"
    assert "继续办理" in worker.client.get(page).text
    assert "继续办理" not in auditor.client.get(page).text
    for who, expected in ((auditor, (403, 403)), (worker, (200, 303))):
        token = {"X-CSRF-Token": who.csrf}
        by_program = who.client.post(f"{api}/resume", headers=token).status_code
        if by_program == 200:
            with acting(COUNTY), unit_of_work() as session:
                cancel_job(session, job)
        assert (by_program, who.client.post(f"{page}/resume", headers=token).status_code) == expected


def test_a_finding_that_is_open_again_says_so_with_its_former_answer(person: Desk, acting: Acting) -> None:
    chair = person("chair", role="vice_chair_in_charge")
    with acting(COUNTY), unit_of_work() as session:
        session.add(
            AuditFinding(
                year=2025, check_code="c", severity="major", fingerprint="1", title="两户共用账户", subject_kind="tenant",
                clause="domain 10", found_on=TODAY, answer="已更正账户", answered_by=str(chair.account_id),
                answered_on=TODAY, reopened_on=TODAY,
            )
        )  # fmt: skip
    page = chair.client.get(f"/{COUNTY}/audit/findings?state=open").text
    assert "2025-09-01 复查时问题仍在" in page
    assert "原答复：已更正账户" in page


def test_work_of_any_kind_is_listed_and_shown_whatever_it_was_given(person: Desk, acting: Acting) -> None:
    """Work of a year, of a file that was sent, and work without anything of the kind."""
    worker = person("worker")
    given: tuple[dict[str, Any], ...] = ({"year": 2025}, {"import": str(uuid.uuid4()), "rounds": 1}, {})
    with acting(), unit_of_work() as session:
        jobs = [start_job(session, "survey", f"work/{no}", params).id for no, params in enumerate(given)]
    listed = worker.client.get(f"/{COUNTY}/jobs")
    assert listed.status_code == 200
    for job in jobs:
        assert f"/{COUNTY}/jobs/{job}" in listed.text
        assert worker.client.get(f"/{COUNTY}/jobs/{job}").status_code == 200
