"""The page of other systems: seen and used by the security administrator alone."""

from __future__ import annotations

import pytest

from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.staffing import WHY, stand_at
from tests.web.conftest import Desk
from tests.web.test_step_up import age_proof

FORM = {"client": "payroll", "name": "工资系统", "subject": "subject-1", "role": "caseworker", "reason": WHY}


@pytest.fixture(autouse=True)
def today(db: Database) -> None:
    stand_at(db)


def test_a_program_is_registered_in_a_county_and_listed_there(person: Desk) -> None:
    boss = person("security", tenant=PROVINCE, role="security_administrator")
    url = f"/{PROVINCE}/programs?of={COUNTY}"
    empty = boss.client.get(url)
    assert (empty.status_code, "没有登记外部系统" in empty.text) == (200, True)
    refused = boss.client.post(url, data={"csrf_token": boss.csrf, **FORM, "client": "Pay"})
    assert (refused.status_code, 'value="Pay"' in refused.text, WHY in refused.text) == (422, True, True)
    assert boss.client.post(url, data={"csrf_token": boss.csrf, **FORM}).status_code == 303
    assert "工资系统" in boss.client.get(url).text
    assert "工资系统" not in boss.client.get(f"/{PROVINCE}/programs?of={OTHER_COUNTY}").text


@pytest.mark.parametrize("role", ["tenant_admin", "system_administrator", "caseworker", "auditor"])
def test_others_may_not(person: Desk, role: str) -> None:
    who = person("other", tenant=PROVINCE, role=role)
    assert who.client.get(f"/{PROVINCE}/programs").status_code == 403
    assert who.client.post(f"/{PROVINCE}/programs", data={"csrf_token": who.csrf, **FORM}).status_code == 403


def test_registering_asks_for_a_fresh_proof(person: Desk, db: Database) -> None:
    boss = person("security", tenant=PROVINCE, role="security_administrator")
    age_proof(db)
    asked = boss.client.post(f"/{PROVINCE}/programs", data={"csrf_token": boss.csrf, **FORM})
    assert (asked.status_code, "再次验证身份" in asked.text) == (401, True)
    assert "工资系统" not in boss.client.get(f"/{PROVINCE}/programs").text
