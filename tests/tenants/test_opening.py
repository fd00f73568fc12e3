"""A county is opened from above, prepared, checked and goes live; opening balances by two people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.funds.errors import SamePerson
from core.funds.ledger import AccountKey
from core.funds.opening import decide_opening, opening_balances, tell_opening
from core.funds.service import balances
from core.identity.service import scope_for
from core.jobs.outbox import relay
from core.parameters.service import set_parameter
from core.scope import NotAtWork, Standing, entered
from core.tenancy.life import history
from core.tenancy.models import Tenant, TenantChange, TenantDivision, TenantKey, TenantPlugin
from core.tenancy.service import system_scope
from tenants.checklist import checklists
from tenants.opening import NotReady, add, divisions_to_open, go_live, prepare
from tenants.plugin import PREFECTURES_KEEP
from tenants.profiles import profiles, set_profile
from tenants.rules import set_rule
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import stand_at, trail_of
from tests.tenants.conftest import asked
from tests.tenants.opened import (
    NEW,
    WHY,
    at,
    figures,
    keeper,
    no_balances,
    open_points,
    opened,
    ready,
    staffed,
    state_of,
    stated,
)


@pytest.fixture(autouse=True)
def installed(db: Database) -> None:
    install(db)
    stand_at(db)


def test_from_a_division_to_a_county_at_work() -> None:
    with keeper(), unit_of_work() as session:
        waiting = [item.code for item in divisions_to_open(session)]
    assert NEW in waiting
    assert COUNTY not in waiting
    with pytest.raises(NotFound):
        system_scope(NEW, "test")
    opened()
    assert state_of() == "preparing"
    scope = system_scope(NEW, "test", on=TODAY)
    assert (scope.standing, scope.prefecture, scope.union_name) == (Standing.PREPARING, PREFECTURE, "青羊区总工会")
    assert "living_relief" in scope.plugins
    assert "petitions" not in scope.plugins
    assert open_points() == ["parameters", "posts", "centre", "opening"]
    with keeper(), pytest.raises(NotReady, match="开通清单还有 4 项未完成") as refused, unit_of_work() as session:
        go_live(session, NEW, WHY)
    assert "没有取值" in str(refused.value)
    assert state_of() == "preparing"
    people = staffed()
    assert open_points() == ["parameters", "centre", "opening"]
    clerk = scope_for(people["caseworker"], NEW)
    with entered(clerk), pytest.raises(NotAtWork, match="尚未正式开通"):
        clerk.require("case.open")
    figures()
    stated()
    no_balances()
    assert open_points() == []
    with keeper(), unit_of_work() as session:
        go_live(session, NEW, WHY)
        assert [change.act for change in history(session, NEW)] == ["go_live", "add"]
    assert state_of() == "open"
    scope_for(people["caseworker"], NEW).require("case.open")
    assert [entry["fields"] for entry in trail_of(PROVINCE, "tenant.go_live")] == [{"tenant": NEW}]
    with keeper(), unit_of_work() as session:
        assert session.get_one(Tenant, NEW).onboarded_on == TODAY


def test_whatever_breaks_off_is_done_by_the_outbox_and_twice_changes_nothing() -> None:
    with keeper(), unit_of_work() as session:
        add(session, [NEW], WHY)
    assert open_points()[0] == "key"
    assert relay(PROVINCE).failed == 0
    with entered(system_scope(NEW, "test", on=TODAY)), unit_of_work() as session:
        (key,) = session.scalars(select(TenantKey)).all()
        lines = {row.plugin: row.version for row in session.scalars(select(TenantPlugin))}
    assert {"living_relief", "petitions", "employment", "legal_aid"} == set(lines)
    assert not prepare(NEW)
    with entered(system_scope(NEW, "test", on=TODAY)), unit_of_work() as session:
        assert session.scalars(select(TenantKey.wrapped)).all() == [key.wrapped]
    with keeper(), pytest.raises(Conflict, match="开通中，不能着手开通"), unit_of_work() as session:
        add(session, [NEW], WHY)


def test_who_may_open() -> None:
    clerk = entered(scope_of(PROVINCE, actor="clerk"))
    with clerk, pytest.raises(Forbidden), unit_of_work() as session:
        add(session, [NEW], WHY)
    with keeper(COUNTY), pytest.raises(Forbidden, match="没有下级"), unit_of_work() as session:
        add(session, [NEW], WHY)
    with keeper(PREFECTURE), pytest.raises(Forbidden, match="统一开通和管理"), unit_of_work() as session:
        add(session, [NEW], WHY)
    # what the prefecture says itself counts for nothing
    for tenant, opens in ((PREFECTURE, False), (PROVINCE, True)):
        with entered(system_scope(tenant, "test", on=TODAY)), unit_of_work() as session:
            set_parameter(session, PREFECTURES_KEEP, TODAY, True, WHY, "domain 1.3")
        if not opens:
            with keeper(PREFECTURE), pytest.raises(Forbidden), unit_of_work() as session:
                add(session, [NEW], WHY)
    for code in ("510703", "440103", "999999"):
        with keeper(PREFECTURE), pytest.raises(NotFound), unit_of_work() as session:
            add(session, [code], WHY)
    with keeper(PREFECTURE), pytest.raises(InvalidInput, match="依据"), unit_of_work() as session:
        add(session, [NEW], " ")
    with keeper(PREFECTURE), pytest.raises(NotFound, match="开通方案"), unit_of_work() as session:
        add(session, [NEW], WHY, profile="none")
    opened(tenant=PREFECTURE)
    with keeper(OTHER_PREFECTURE), unit_of_work() as session:
        assert history(session, NEW) == []


def test_the_database_lets_only_the_levels_above_write_the_tree() -> None:
    opened()
    closes = "update tenant set state = 'closed', closed_on = '2025-09-01' where code = :c"
    for tenant, touched in ((NEW, 0), (COUNTY, 0), (OTHER_PREFECTURE, 0), (PREFECTURE, 1), (PROVINCE, 1)):
        with entered(scope_of(tenant)), unit_of_work() as session, session.begin_nested() as tried:
            assert session.connection().execute(text(closes), {"c": NEW}).rowcount == touched, tenant
            tried.rollback()
    with entered(scope_of(PREFECTURE)), unit_of_work() as session:
        assert session.connection().execute(text(closes), {"c": PREFECTURE}).rowcount == 0
    for column in ("level = 'province'", "province = code", "parent = null"):
        with pytest.raises(DBAPIError, match="permission denied"), entered(scope_of(PROVINCE)), unit_of_work() as session:
            session.connection().execute(text(f"update tenant set {column} where code = :c"), {"c": NEW})
    forged = TenantChange(
        tenant_code=OTHER_COUNTY, province=PROVINCE, prefecture=PREFECTURE, act="suspend", state="suspended", reason="x",
        detail={}, actor="x", by_tenant=PREFECTURE, business_date=TODAY,
    )  # fmt: skip
    with pytest.raises(DBAPIError, match="foreign key"), entered(scope_of(PREFECTURE)), unit_of_work() as session:
        session.add(forged)
    own = TenantDivision(
        tenant_code=COUNTY, division_code="510106", valid_from=TODAY, name="x", union_name="x", province=PROVINCE,
        prefecture=PREFECTURE,
    )  # fmt: skip
    with pytest.raises(DBAPIError, match="row-level security"), entered(scope_of(COUNTY)), unit_of_work() as session:
        session.add(own)


def test_a_profile_of_the_province_begins_a_county_and_rules_hold_anyway() -> None:
    with keeper(), unit_of_work() as session:
        assert {code: found.plugins for code, found in profiles(session).items()}["relief"] == ("living_relief",)
        set_profile(session, "letters", "仅信访", plugins=["petitions", "employment"], reason=WHY)
        set_profile(session, "relief", "仅生活救助", plugins=[], reason=WHY, retired=True)
        set_profile(session, "full", "全部", plugins=[], reason=WHY, valid_from=TODAY + timedelta(days=1))
        assert "relief" not in profiles(session)
        assert len(profiles(session)["full"].plugins) == 4
        with pytest.raises(InvalidInput, match="方案代码"):
            set_profile(session, "X y", "x", plugins=[], reason=WHY)
        with pytest.raises(InvalidInput, match="所含业务"):
            set_profile(session, "x", "x", plugins=[], reason=WHY, settings={"petitions": {"a": 1}})
    with entered(system_scope(PROVINCE, "test", on=TODAY)), unit_of_work() as session:
        set_rule(session, "employment", "forbid", reason=WHY)
        set_rule(session, "legal_aid", "require", reason=WHY)
    opened(profile="letters")
    on = system_scope(NEW, "test", on=TODAY).plugins
    assert on & {"petitions", "employment", "legal_aid", "living_relief"} == {"petitions", "legal_aid"}


def test_opening_balances_are_carried_by_two_people_once() -> None:
    opened()
    told: dict[str, Any] = {
        "year": 2024,
        "source": "union",
        "purpose": "living",
        "amount_fen": 120_050,
        "document": "对账单12",
        "reason": "结转",
    }
    with at(NEW, "teller", "funds.receive", "funds.approve_payment"), unit_of_work() as session:
        row = tell_opening(session, **told)
        assert tell_opening(session, **told).id == row.id
        with pytest.raises(Conflict, match="已登记"):
            tell_opening(session, **told | {"amount_fen": 1})
        with pytest.raises(Conflict, match="不能并存"):
            tell_opening(session, **told | {"source": "", "purpose": "", "amount_fen": 0})
        for wrong, said in (({"amount_fen": 0}, "大于零"), ({"document": " "}, "凭证"), ({"source": "gift"}, "来源")):
            with pytest.raises(InvalidInput, match=said):
                tell_opening(session, **told | wrong)
        with pytest.raises(SamePerson):
            decide_opening(session, row.id, confirmed=True)
    assert "opening" in open_points()
    with at(NEW, "second", "funds.approve_payment"), unit_of_work() as session:
        done = decide_opening(session, row.id, confirmed=True)
        assert decide_opening(session, row.id, confirmed=True).entry_id == done.entry_id
        with pytest.raises(Conflict, match="已有处理结果"):
            decide_opening(session, row.id, confirmed=False)
        held = {AccountKey(2024, b.source, b.purpose, b.state): b.fen for b in balances(session, 2024)}
    carried = {"carried": -120_050, "available": 120_050}
    assert held == {AccountKey(2024, "union", "living", state): fen for state, fen in carried.items()}
    assert "opening" not in open_points()
    with at(COUNTY, "teller", "funds.receive"), unit_of_work() as session:
        assert opening_balances(session) == []
        with pytest.raises(Conflict, match="已正式开通"):
            tell_opening(session, **told)


def test_a_list_of_counties_costs_as_much_as_one() -> None:
    codes = [NEW, "510106", "510107"]
    for code in codes:
        opened(code)
    counts = []
    for wanted in (codes[:1], codes):
        with keeper(), unit_of_work() as session:
            session.connection()
            with asked() as statements:
                assert set(checklists(session, wanted)) == set(wanted)
            counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_county_that_is_ready_goes_live_by_its_prefecture_too() -> None:
    with entered(system_scope(PROVINCE, "test", on=TODAY)), unit_of_work() as session:
        set_parameter(session, PREFECTURES_KEEP, TODAY, True, WHY, "domain 1.3")
    ready()
    with keeper(PREFECTURE), unit_of_work() as session:
        go_live(session, NEW, WHY)
    assert state_of() == "open"
