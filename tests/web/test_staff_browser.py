"""The pages of staff, delegation, review, permissions, log and system in a real browser, wide and narrow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from core.db.session import reference_work, unit_of_work
from core.identity.delegation import delegate
from core.identity.service import give_post, scope_for
from core.scope import entered
from core.trail.service import record
from tests.conftest import COUNTY, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import SINCE, posts_of, stand_at
from tests.web.conftest import Desk
from tests.web.county import switch_lines
from tests.web.test_pages_browser import chromium, problems, served

__all__ = ["chromium"]

pytestmark = pytest.mark.browser


def test_every_page_of_staff_fits_and_nothing_complains(chromium: Browser, app: FastAPI, db: Database, person: Desk) -> None:
    install(db)
    stand_at(db)
    switch_lines(db, COUNTY)
    boss, chair = person("boss", role="tenant_admin"), person("chair", role="vice_chair_in_charge")
    holder, deputy, auditor = (
        person("zhu", role="case_approver"),
        person("dai", role="reviewer"),
        person("shen", role="auditor"),
    )
    with reference_work() as session:
        for role in ("survey_visitor", "leader"):
            give_post(session, deputy.account_id, COUNTY, role, valid_from=SINCE)
    with entered(scope_for(holder.account_id, COUNTY)), unit_of_work() as session:
        own = posts_of(holder.account_id)[0].id
        delegate(session, own, "dai", valid_from=TODAY, valid_to=TODAY + timedelta(days=5), reason="外出参加省总工会业务培训")
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        for number in range(40):
            record(session, "permission.mapped", "role_permission", own, {"role": "reviewer", "n": number, "on": TODAY})
    seen = {
        boss: ("/staff", f"/staff/{deputy.account_id}", f"/staff/{boss.account_id}", "/staff/permissions", "/delegations"),
        chair: ("/staff/review", "/staff/review?everything=true"),
        auditor: ("/log", "/log?what=reads"),
        holder: ("/delegations",),
    }
    above = {
        person("top", tenant=PROVINCE, role="tenant_admin"): (f"/staff?of={COUNTY}", f"/staff/{deputy.account_id}?of={COUNTY}"),
        person("guard", tenant=PROVINCE, role="security_administrator"): ("/staff", f"/staff/review?of={COUNTY}"),
        person("reader", tenant=PROVINCE, role="audit_administrator"): (f"/log?of={COUNTY}",),
        person("keeper", tenant=PROVINCE, role="system_administrator"): ("/", "/system"),
    }
    with served(app) as origin:
        for tenant, looks in ((COUNTY, seen), (PROVINCE, above)):
            for who, paths in looks.items():
                assert problems(chromium, origin, who.token, [f"/{tenant}{path}" for path in paths]) == []
