"""Letting other systems in: who may, which roles, and that client and service account stay one (外部系统接入)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from core.errors import Conflict, Forbidden, InvalidInput
from core.identity.models import Post
from core.identity.programs import list_programs, register_program, roles_for_programs
from core.identity.subtree import administering
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.staffing import WHY, admin, at_desk, hire, security, stand_at, trail_of

SUBJECT = "5c0f6a0e-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def today(db: Database) -> None:
    stand_at(db)


def _register(by: uuid.UUID, tenant: str = COUNTY, **more: Any) -> Post:
    given = {"client": "payroll", "name": "工资系统", "subject": SUBJECT, "role": "caseworker", "reason": WHY} | more
    with at_desk(by, PROVINCE), administering(tenant, WHY) as session:
        return register_program(session, valid_from=TODAY, **given)


def _listed(by: uuid.UUID, tenant: str) -> list[tuple[str, list[str]]]:
    with at_desk(by, PROVINCE), administering(tenant, WHY) as session:
        return [(one.account.login, [post.role for post in one.posts]) for one in list_programs(session)]


def test_the_security_administrator_lets_a_program_into_a_county(db: Database) -> None:
    boss = security()
    post = _register(boss)
    assert (post.tenant_code, post.role) == (COUNTY, "caseworker")
    assert _listed(boss, COUNTY) == [("payroll", ["caseworker"])]
    assert _listed(boss, OTHER_COUNTY) == []
    _register(boss, OTHER_COUNTY, name="", role="reviewer")
    assert _listed(boss, OTHER_COUNTY) == [("payroll", ["reviewer"])]
    assert _listed(boss, COUNTY) == [("payroll", ["caseworker"])]
    assert [entry["fields"] for entry in trail_of(COUNTY, "program.registered")] == [{"client": "payroll"}]
    assert len(trail_of(COUNTY, "post.given")) == 1


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"client": "Payroll"}, "client"),
        ({"client": "p"}, "client"),
        ({"client": "pay roll"}, "client"),
        ({"name": " "}, "name"),
        ({"subject": ""}, "subject"),
        ({"reason": " "}, "reason"),
        ({"role": "case_approver"}, "role"),
        ({"role": "payment_approver"}, "role"),
        ({"role": "fund_manager"}, "role"),
        ({"role": "payer"}, "role"),
        ({"role": "tenant_admin"}, "role"),
        ({"role": "security_administrator"}, "role"),
        ({"role": "nobody"}, "role"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(db: Database, wrong: dict[str, str], where: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _register(security(), **wrong)
    assert refused.value.where == where


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "another-account"},
        {"client": "ledger"},
        {"client": "worker-zhang", "subject": "another-account"},
    ],
)
def test_a_client_and_its_service_account_stay_one(db: Database, wrong: dict[str, str]) -> None:
    boss = security()
    hire("worker-zhang", (COUNTY, "caseworker"))
    _register(boss)
    with pytest.raises(Conflict):
        _register(boss, role="reviewer", **wrong)


def test_nobody_else_lets_programs_in(db: Database) -> None:
    county = admin()
    with at_desk(county) as session, pytest.raises(Forbidden):
        register_program(session, "payroll", "工资系统", SUBJECT, "caseworker", reason=WHY, valid_from=TODAY)
    with at_desk(county) as session, pytest.raises(Forbidden):
        list_programs(session)


def test_no_role_of_a_program_decides_or_pays_at_any_level(db: Database) -> None:
    boss = security()
    for tenant in (PROVINCE, PREFECTURE, COUNTY):
        with at_desk(boss, PROVINCE), administering(tenant, WHY):
            roles = roles_for_programs()
        assert roles
        assert all(role.duty in {None, "clerk"} and role.granted_by == "tenant" for role in roles)
