"""Which roles hold which permissions of a service line here: the line proposes, the tenant decides, duties hold."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest

from core.db.session import reference_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound, PreconditionFailed
from core.host.manager import host
from core.identity.mapping import BreaksDuty, breaks, map_permission, mappable, mapping_table, mapping_version
from core.identity.service import give_post, permissions_of, roles, scope_for
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import LINES, install
from tests.core.staffing import SINCE, WHY, admin, at_desk, hire, stand_at, trail_of
from tests.web.county import switch_lines

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_lines(db, tenant)


def _may(account: uuid.UUID, permission: str, tenant: str = COUNTY) -> bool:
    return permission in scope_for(account, tenant).permissions


def test_a_tenant_gives_and_takes_from_a_day_on_for_itself_alone(db: Database) -> None:
    boss = admin()
    here, there = hire("here", (COUNTY, "reviewer")), hire("there", (OTHER_COUNTY, "reviewer"))
    assert not _may(here, "legal_aid.check")
    with at_desk(boss) as session:
        map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=WHY, valid_from=TOMORROW)
    assert not _may(here, "legal_aid.check")
    stand_at(db, TOMORROW)
    assert _may(here, "legal_aid.check")
    assert not _may(there, "legal_aid.check", OTHER_COUNTY)
    with at_desk(boss) as session:
        # what the line proposes is taken away too
        map_permission(session, "legal_aid.check", "caseworker", granted=False, reason=WHY)
        map_permission(session, "legal_aid.check", "reviewer", granted=False, reason=WHY)
    assert not _may(here, "legal_aid.check")
    clerk = hire("clerk", (COUNTY, "caseworker"))
    assert not _may(clerk, "legal_aid.check")
    assert _may(clerk, "legal_aid.assign")
    said = [entry["fields"] for entry in trail_of(COUNTY, "permission.mapped")]
    assert said[0] == {"role": "reviewer", "permission": "legal_aid.check", "granted": True, "valid_from": str(TOMORROW)}
    assert len(said) == 3


def test_the_table_tells_the_tenants_own_word_from_the_lines() -> None:
    boss = admin()
    with at_desk(boss) as session:
        map_permission(session, "living_relief.verify", "survey_visitor", granted=True, reason=WHY)
        rows = {row.permission.code: row for row in mapping_table(session)}
    assert {role.code for role in rows["living_relief.verify"].holders} == {"caseworker", "reviewer", "survey_visitor"}
    assert rows["living_relief.verify"].own == {"survey_visitor": True}
    assert {role.code for role in rows["petitions.handle"].holders} == {"petition_handler"}
    assert {row.plugin for row in rows.values()} == LINES


def test_only_permissions_of_lines_that_are_on_can_be_mapped(db: Database) -> None:
    boss = admin()
    for permission, role in (
        ("case.decide", "reviewer"),
        ("funds.pay", "fund_manager"),
        ("staff.write", "leader"),
        ("tenants.switch_plugins", "caseworker"),
        ("nothing.at_all", "reviewer"),
        ("legal_aid.check", "emperor"),
    ):
        with at_desk(boss) as session, pytest.raises(NotFound):
            map_permission(session, permission, role, granted=True, reason=WHY)
    who = hire("who", (COUNTY, "reviewer"))
    with at_desk(boss) as session:
        map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=WHY)
    with db.owner.begin() as connection:
        connection.exec_driver_sql("update tenant_plugin set enabled = false where plugin = 'legal_aid'")
    assert not _may(who, "legal_aid.check")
    with at_desk(boss) as session, pytest.raises(NotFound):
        map_permission(session, "legal_aid.check", "reviewer", granted=False, reason=WHY)


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("living_relief.approve", "caseworker"),
        ("living_relief.approve", "reviewer"),
        ("legal_aid.decide", "fund_manager"),
        ("legal_aid.check", "payer"),
        ("petitions.handle", "fund_manager"),
        ("petitions.register", "auditor"),
        ("employment.counsel", "leader"),
        ("employment.counsel", "tenant_admin"),
    ],
)
def test_no_role_gets_what_would_break_its_duty(permission: str, role: str) -> None:
    with at_desk(admin()) as session, pytest.raises(BreaksDuty) as refused:
        map_permission(session, permission, role, granted=True, reason=WHY)
    assert refused.value.mend_zh


def test_no_mapping_at_all_joins_duties_in_one_role_or_shows_persons_to_administrators() -> None:
    """Whatever a tenant may map is mapped: still no role decides that is not an approver's, and none that sees nobody sees."""
    personal = {found.code for found in host().collected("bangfu_permissions") if found.personal}
    deciding = {found.code for found in host().collected("bangfu_permissions") if found.duty == "approver"}
    for role in roles().values():
        granted = {code for code, (_, permission) in mappable(LINES).items() if not breaks(permission, role)}
        most = permissions_of([role.code], LINES) | granted
        assert not most & deciding or role.duty == "approver", role.code
        assert role.sees_persons or not most & personal, role.code


def test_a_change_needs_its_right_a_reason_a_day_and_a_difference() -> None:
    boss = admin()
    with at_desk(hire("who", (COUNTY, "reviewer"))) as session, pytest.raises(Forbidden):
        map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=WHY)
    with at_desk(boss) as session:
        with pytest.raises(InvalidInput, match="原因"):
            map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=" ")
        with pytest.raises(InvalidInput, match="早于今天"):
            map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=WHY, valid_from=SINCE)
        with pytest.raises(Conflict):
            map_permission(session, "legal_aid.check", "reviewer", granted=False, reason=WHY)
        with pytest.raises(Conflict):
            map_permission(session, "legal_aid.check", "caseworker", granted=True, reason=WHY)


def test_a_mapped_permission_makes_a_handler() -> None:
    """Whoever holds the step by the tenant's word is offered as a handler of a confidential case."""
    from core.cases.handlers import Office
    from core.cases.workflows import workflow_named

    boss, who = admin(), hire("who", (COUNTY, "reviewer"))
    with reference_work() as session:
        give_post(session, who, COUNTY, "survey_visitor", valid_from=SINCE)
    with at_desk(boss) as session:
        flow = workflow_named("petition")
        assert str(who) not in {found.actor for found in Office(session).candidates(flow)}
        map_permission(session, "petitions.handle", "reviewer", granted=True, reason=WHY)
        assert str(who) in {found.actor for found in Office(session).candidates(flow)}


def test_a_change_on_a_table_that_was_changed_meanwhile_is_refused() -> None:
    boss = admin()
    with at_desk(boss) as session:
        assert mapping_version(session) == 0
        map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=WHY, expected_version=0)
        assert mapping_version(session) == 1
    with pytest.raises(PreconditionFailed), at_desk(boss) as session:
        map_permission(session, "legal_aid.check", "reviewer", granted=False, reason=WHY, expected_version=0)
    with pytest.raises(Conflict), at_desk(boss) as session:
        map_permission(session, "legal_aid.check", "reviewer", granted=True, reason=WHY)
    with at_desk(boss) as session:
        assert mapping_version(session) == 1


def test_two_who_change_one_version_at_once_change_it_once() -> None:
    boss = admin()
    together, came = threading.Barrier(2), list[str]()

    def change(role: str) -> None:
        with at_desk(boss) as session:
            together.wait()
            try:
                map_permission(session, "legal_aid.check", role, granted=True, reason=WHY, expected_version=0)
                came.append("changed")
            except PreconditionFailed:
                came.append("refused")
                session.rollback()

    threads = [threading.Thread(target=change, args=(role,)) for role in ("reviewer", "survey_visitor")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["changed", "refused"]
    with at_desk(boss) as session:
        assert mapping_version(session) == 1
