"""The page of mass acts and the page that switches a line off: counts, forms, what was typed, the job, its undoing."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.cases.models import Case
from core.cases.service import NewCase, NewParty, open_cases
from core.db.session import unit_of_work
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.tenancy.models import TenantPlugin
from tests.conftest import COUNTY, Database
from tests.core.lines import LINES, PETITION, Acting, install, post
from tests.web.conftest import Desk

PAGE = f"/{COUNTY}/cases/mass?line=petitions"


@pytest.fixture(autouse=True)
def open_petitions(db: Database, acting: Acting) -> None:
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        session.add_all(TenantPlugin(plugin=line, enabled=True) for line in sorted(LINES))
        session.flush()
        open_cases(session, [NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=PETITION)] * 2)


def fields(client: TestClient, act: str) -> dict[str, str]:
    """The hidden fields of the form of an act."""
    page = client.get(PAGE).text
    form = next(one for one in re.findall(r"<form.*?</form>", page, re.DOTALL) if f'value="{act}"' in one)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def test_cases_are_given_to_a_colleague_and_the_page_undoes_it(person: Desk, acting: Acting) -> None:
    clerk, zhao = person("li"), person("zhao", role="petition_handler")
    assert PAGE in clerk.client.get(f"/{COUNTY}/cases?line=petitions").text
    sent = fields(clerk.client, "assign") | {"to": str(zhao.account_id), "reason": ""}
    refused = clerk.client.post(PAGE, data=sent)
    assert refused.status_code == 422
    assert "请填写理由" in refused.text
    assert f'<option value="{zhao.account_id}" selected>' in refused.text
    # sent twice, one job
    for _ in range(2):
        assert clerk.client.post(PAGE, data=sent | {"reason": "人员调整"}).headers["location"] == PAGE
    with post(acting, "clerk"), unit_of_work() as session:
        job = session.scalars(select(Job.id)).one()
    assert "hx-get" in clerk.client.get(PAGE).text
    run_inline(COUNTY, job)
    assert clerk.client.get(f"/{COUNTY}/cases/mass/news?line=petitions").headers["hx-refresh"] == "true"
    page = clerk.client.get(PAGE).text
    assert "办理 2 件" in page
    undone = clerk.client.post(f"/{COUNTY}/cases/mass/{job}/undo?line=petitions", data={"csrf_token": clerk.csrf})
    assert undone.status_code == 303
    with post(acting, "clerk"), unit_of_work() as session:
        back = session.scalars(select(Job.id).where(Job.kind == "cases.give_back")).one()
    run_inline(COUNTY, back)
    with post(acting, "clerk"), unit_of_work() as session:
        assert session.scalars(select(Case.assigned_to)).all() == [None, None]


def test_a_post_finishes_only_by_its_own_steps(person: Desk, acting: Acting) -> None:
    clerk, chief = person("li"), person("wang", role="case_approver")
    assert "不予受理并告知" not in clerk.client.get(PAGE).text
    sent = fields(chief.client, "finish") | {"reason": "本单位停办信访"}
    assert clerk.client.post(PAGE, data=sent | {"csrf_token": clerk.csrf}).status_code == 422
    assert chief.client.post(PAGE, data=sent | {"seen": "7"}).status_code == 409
    assert chief.client.post(PAGE, data=sent).status_code == 303
    with post(acting, "clerk"), unit_of_work() as session:
        job = session.scalars(select(Job.id)).one()
    run_inline(COUNTY, job)
    assert "没有在办个案" in chief.client.get(PAGE).text


def test_the_interface_counts_and_starts(person: Desk) -> None:
    chief = person("wang", role="case_approver")
    token = {"X-CSRF-Token": chief.csrf}
    [group] = chief.client.get(f"/api/v1/{COUNTY}/cases/groups?line=petitions").json()
    assert (group["count"], group["own"], group["endings"]) == (2, 0, ["decline"])
    asked = {"line": "petitions", "act": "finish", "group": group["group"], "seen": 2, "to": "decline", "reason": "停办"}
    made = chief.client.post(f"/api/v1/{COUNTY}/cases/mass", json=asked, headers=token)
    assert made.status_code == 202
    assert made.json()["title"] == "信访·已登记：不予受理并告知 2 件"
    undone = chief.client.post(f"/api/v1/{COUNTY}/cases/mass/{made.json()['job']}/undo", headers=token)
    assert undone.status_code == 403


def test_the_administrator_sees_steps_and_counts_and_no_way_to_the_cases(person: Desk) -> None:
    admin = person("guan", role="tenant_admin")
    page = admin.client.get(f"/{COUNTY}/plugins/petitions").text
    assert "还有 2 件在办" in page
    assert "已登记" in page
    assert PAGE not in page
    assert admin.client.get(PAGE).status_code == 403
