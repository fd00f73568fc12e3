"""Roles as data: the glossary's names, who may never see persons' data, who gives which, and what excludes what."""

from __future__ import annotations

import csv
import re
import uuid
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from core.db.session import reference_work
from core.host.declarations import RoleDecl
from core.host.manager import host
from core.identity.declared import ROLES
from core.identity.duties import DutiesExclude
from core.identity.models import Post
from core.identity.service import give_post, permissions_of, roles
from core.scope import Level
from tests.conftest import COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.test_duties import _account as account

ADMINISTRATORS = {"system_administrator": "system", "security_administrator": "security", "audit_administrator": "audit"}
SEE_NO_PERSONS = {*ADMINISTRATORS, "leader", "tenant_admin"}
WORKING = {
    "caseworker",
    "reviewer",
    "case_approver",
    "payment_approver",
    "vice_chair_in_charge",
    "fund_manager",
    "payer",
    "auditor",
    "survey_visitor",
    "leader",
}


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def _glossary() -> dict[str, set[str]]:
    """Chinese names of each English term: the first, and those in brackets behind it."""
    with (Path(__file__).parents[2] / "docs" / "glossary.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {row["english_term"]: {*re.split("[（）]", row["chinese"]), row["chinese"]} for row in rows}


def test_the_roles_are_those_of_the_issue() -> None:
    assert {role.code for role in ROLES} == WORKING | {"tenant_admin"} | set(ADMINISTRATORS)
    assert {"petition_handler", "legal_aid_lawyer", "employment_officer"} <= set(roles())


@pytest.mark.parametrize("code", [*(role.code for role in ROLES), "petition_handler", "legal_aid_lawyer", "employment_officer"])
def test_a_role_is_called_what_the_glossary_calls_it(code: str) -> None:
    role = roles()[code]
    term = re.sub("[ -]", "_", role.en)
    assert role.zh in _glossary()[term]


def _all_that(code: str) -> frozenset[str]:
    """What a role may do where every line is on."""
    return permissions_of([code], frozenset(host().infos))


def test_administrators_and_leaders_hold_nothing_that_shows_a_person() -> None:
    personal = {permission.code for permission in host().collected("bangfu_permissions") if permission.personal}
    assert {"case.read", "people.reveal", "funds.read", "audit.read", "living_relief.verify", "petitions.handle"} <= personal
    assert {role.code for role in roles().values() if not role.sees_persons} == SEE_NO_PERSONS
    for code in SEE_NO_PERSONS:
        assert _all_that(code) & personal == set(), code


def test_what_opens_files_cases_or_books_is_marked_as_personal() -> None:
    """A permission that reads or acts on files, cases or books and was judged harmless is named here with its reason."""
    harmless = {
        "funds.receive",  # books a sum by its source
        "survey.open",  # starts the determination and is told how many
    }
    touches = ("people.", "case.", "document.", "notice.", "funds.", "exchange.", "survey.", *(f"{n}." for n in host().infos))
    for permission in host().collected("bangfu_permissions"):
        if permission.code.startswith(touches) and not permission.code.startswith("tenants."):
            assert permission.personal or permission.code in harmless, permission.code


def test_the_log_is_for_who_audits_and_grants_are_for_who_administers() -> None:
    holders = {
        permission: {role.code for role in roles().values() if permission in _all_that(role.code)}
        for permission in (
            "log.read",
            "staff.write",
            "staff.grant_administrators",
            "staff.see_review",
            "staff.review",
            "system.read",
        )
    }
    assert holders == {
        "log.read": {"audit_administrator", "auditor"},
        "staff.write": {"tenant_admin", "security_administrator"},
        "staff.grant_administrators": {"security_administrator"},
        "staff.see_review": {"security_administrator", "vice_chair_in_charge", "tenant_admin"},
        "staff.review": {"security_administrator", "vice_chair_in_charge"},
        "system.read": {"system_administrator"},
    }
    assert {role.code for role in roles().values() if role.granted_by == "security"} == {*ADMINISTRATORS, "tenant_admin"}


def test_the_three_administrators_are_of_province_and_prefecture() -> None:
    for code, what in ADMINISTRATORS.items():
        role = roles()[code]
        assert role.administers == what
        assert role.levels == {Level.PROVINCE, Level.PREFECTURE}


@pytest.mark.parametrize("one", sorted(ADMINISTRATORS))
def test_an_administrator_holds_no_other_post_anywhere(db: Database, one: str) -> None:
    who = account()
    with reference_work() as session:
        give_post(session, who, PROVINCE, one, valid_from=TODAY)
    for other in (*sorted(ADMINISTRATORS), "leader", "caseworker", "tenant_admin"):
        if other == one:
            continue
        for tenant in (PROVINCE, PREFECTURE, COUNTY):
            role = roles()[other]
            if tenant == COUNTY and other in ADMINISTRATORS:
                continue
            with pytest.raises(DutiesExclude) as refused, reference_work() as session:
                give_post(session, who, tenant, other, valid_from=TODAY)
            # who works elsewhere is nobody's to know
            assert (PROVINCE in refused.value.zh) == (tenant == PROVINCE)
            with pytest.raises(IntegrityError, match="ex_post_administrators_apart"), reference_work() as session:
                session.execute(insert(Post).values(**_row(who, tenant, role)))
    with reference_work() as session:
        give_post(session, who, PREFECTURE, one, valid_from=TODAY)


def _row(who: uuid.UUID, tenant: str, role: RoleDecl) -> dict[str, object]:
    return {
        "account_id": who,
        "tenant_code": tenant,
        "role": role.code,
        "title": role.zh,
        "valid_from": TODAY,
        "administers": role.administers or "nothing",
    }


def test_every_step_that_decides_states_the_approvers_duty() -> None:
    """So that no tenant can map it to a role that does not approve."""
    declared = {permission.code: permission for permission in host().collected("bangfu_permissions")}
    for flow in host().collected("bangfu_workflows"):
        for step in flow.transitions:
            if step.decision and step.permission.partition(".")[0] in host().infos:
                assert declared[step.permission].duty == "approver", step
