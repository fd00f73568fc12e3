"""The line from beginning to end, on a real database with two counties (fixtures: ``deploy.testing.plugin`` of Bangfu)."""

from __future__ import annotations

import pytest
from bangfu_kit_sample import plugin
from bangfu_kit_sample.names import NAME
from bangfu_kit_sample.policy import Settings

OTHER_COUNTY = "510704"
FORM = {"reason": "住院"}


def _visits(county_scope, tenant="510104"):
    from bangfu_kit_sample.visits import visits

    from core.db.session import unit_of_work

    with county_scope(tenant), unit_of_work() as session:
        return [(visit.note, number) for visit, number in visits(session)]


def test_the_plugin_says_who_it_is():
    info = plugin.bangfu_plugin()
    assert info.name == NAME
    assert Settings().remind_after_days > 0


def test_a_case_is_closed_after_its_visit(switch_on, open_case, walk, county_scope, signed_in):
    switch_on(NAME)
    case = walk(open_case(NAME, FORM), "take_up")
    clerk = signed_in("caseworker")
    form = {"csrf_token": clerk.csrf, "number": case.number, "note": ""}
    refused = clerk.client.post("/510104/kit_sample", data=form)
    assert (refused.status_code, "请填写走访情况" in refused.text) == (422, True)
    assert clerk.client.post("/510104/kit_sample", data=form | {"note": "病情稳定"}).status_code == 303
    assert "病情稳定" in clerk.client.get("/510104/kit_sample").text
    [seen] = clerk.client.get("/api/v1/510104/kit_sample/visits").json()
    assert (seen["number"], seen["note"]) == (case.number, "病情稳定")
    assert walk(case, "close").state == "closed"
    assert _visits(county_scope) == [("病情稳定", case.number)]


def test_a_case_without_a_visit_is_not_closed(switch_on, open_case, walk):
    from core.cases.engine import GuardsNotMet

    switch_on(NAME)
    case = walk(open_case(NAME, FORM), "take_up")
    with pytest.raises(GuardsNotMet, match="至少 1 次"):
        walk(case, "close")


def test_another_county_sees_nothing_of_it(switch_on, open_case, walk, county_scope, signed_in):
    switch_on(NAME)
    case = walk(open_case(NAME, FORM), "take_up")
    clerk = signed_in("caseworker")
    clerk.client.post("/510104/kit_sample", data={"csrf_token": clerk.csrf, "number": case.number, "note": "病情稳定"})
    other = signed_in("caseworker", tenant=OTHER_COUNTY)
    assert other.client.get(f"/{OTHER_COUNTY}/kit_sample").status_code == 404
    assert other.client.get(f"/api/v1/{OTHER_COUNTY}/kit_sample/visits").status_code == 404
    switch_on(NAME, tenant=OTHER_COUNTY)
    assert _visits(county_scope, OTHER_COUNTY) == []


def test_the_job_lists_cases_that_wait(switch_on, open_case, county_scope):
    from datetime import date

    from core.db.session import unit_of_work
    from core.jobs.runner import run_inline
    from core.jobs.service import start_job

    switch_on(NAME)
    case = open_case(NAME, FORM)
    with county_scope(on=date(2025, 12, 1)), unit_of_work() as session:
        job = start_job(session, "kit_sample.remind", "2025", {})
    done = run_inline("510104", job.id)
    assert done["state"] == "done"
    with county_scope(), unit_of_work() as session:
        from sqlalchemy import select

        from core.jobs.models import JobChunk

        assert session.scalars(select(JobChunk.result)).all() == [{"waiting": [case.number]}]


def test_the_rules_find_large_families_and_the_audit_finds_nothing_yet(switch_on, families, county_scope):
    from core.audit.service import run_audit
    from core.db.session import unit_of_work
    from core.surveys.service import evaluate

    switch_on(NAME)
    assert len(families(3)) == 3
    with county_scope() as scope, unit_of_work() as session:
        found = evaluate(session, NAME, scope.business_date)
        assert {outcome.kind for outcome in found} <= {None, "large"}
        assert run_audit(session, 2025)["kit_sample.closed_without_visit"].new == 0
