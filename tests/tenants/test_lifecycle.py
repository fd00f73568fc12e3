"""A tenant that is suspended, resumed, closed, renamed and recoded: what its people, jobs and the levels above still do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import log_work, reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.service import desks, scope_for
from core.jobs import recurring
from core.jobs.recovery import sweep_all
from core.jobs.service import county_chunks
from core.scope import NotAtWork, Scope, Standing, Suspended, entered
from core.tenancy.life import history
from core.tenancy.models import Tenant, TenantChange, TenantCounter
from core.tenancy.service import system_scope, tenant_named
from core.trail.service import record_page
from tenants.divisions_of import covered, name_on, recode
from tenants.lifecycle import close, resume, suspend
from tenants.opening import divisions_to_open
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import PETITION, install, job_seeker, papers, post
from tests.core.staffing import hire, stand_at, trail_of
from tests.tenants.conftest import Acting
from tests.tenants.opened import NEW, WHY, keeper, opened, plant_division, posts_held, state_of
from tests.web.county import switch_lines

HUILI = "513425"


@pytest.fixture(autouse=True)
def installed(db: Database) -> None:
    install(db)
    stand_at(db)
    for code in (COUNTY, OTHER_COUNTY):
        switch_lines(db, code)


def told(act: str, code: str = COUNTY, *more: str, tenant: str = PROVINCE) -> None:
    acts: dict[str, Callable[..., TenantChange]] = {"suspend": suspend, "resume": resume, "close": close}
    with keeper(tenant), unit_of_work() as session:
        acts[act](session, code, WHY, *more)


def scope_in(who: uuid.UUID, code: str = COUNTY) -> Scope:
    return scope_for(who, code)


def test_a_suspended_county_rests_but_for_what_is_owed() -> None:
    clerk, payer = hire("clerk", (COUNTY, "caseworker")), hire("payer", (COUNTY, "payer"))
    auditor = hire("auditor", (COUNTY, "auditor"))
    before = {who: scope_in(who) for who in (clerk, payer, auditor)}
    told("suspend", COUNTY, "周主任 028-1234567")
    scope = scope_in(clerk)
    assert (scope.standing, scope.plugins & {"living_relief", "petitions"}) == (Standing.SUSPENDED, frozenset())
    assert scope.pause is not None
    assert (scope.pause.by, scope.pause.since, scope.pause.reason) == ("四川省总工会", TODAY, WHY)
    for permission in ("home.read", "case.open", "people.write"):
        with entered(scope), pytest.raises(Suspended, match="四川省总工会暂停办理") as refused:
            scope.require(permission)
        assert refused.value.mend_zh == "请联系周主任 028-1234567"
    # steps that a clock obliges to, the bank's returns and the audit go on
    scope.require("case.advance")
    scope_in(payer).require("funds.pay")
    for permission in ("audit.read", "audit.run", "log.read"):
        scope_in(auditor).require(permission)
    # whoever never held a right learns of no suspension
    with pytest.raises(Forbidden) as plain:
        scope_in(payer).require("case.open")
    assert not isinstance(plain.value, NotAtWork)
    with entered(scope_of(PROVINCE)), unit_of_work() as session:
        assert COUNTY in {plan.payload["tenant"] for plan in county_chunks(session)}
    told("resume")
    assert {who: scope_in(who) for who in before} == before
    with keeper(), unit_of_work() as session:
        assert [(change.act, change.state) for change in history(session, COUNTY)] == [
            ("resume", "open"),
            ("suspend", "suspended"),
        ]
    with entered(scope_of(OTHER_COUNTY)), unit_of_work() as session:
        assert history(session, COUNTY) == []
    assert trail_of(PROVINCE, "tenant.suspend")[0]["fields"] == {"tenant": COUNTY, "contact": "周主任 028-1234567"}


def test_steps_that_a_clock_obliges_to_are_made_in_a_suspended_county(acting: Acting) -> None:
    handler, officer = hire("zhao", (COUNTY, "petition_handler")), hire("sun", (COUNTY, "employment_officer"))
    with post(acting, "clerk"), unit_of_work() as session:
        draft = NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=PETITION)
        (petition,) = open_cases(session, [draft])
        seekers = job_seeker(session)
        papers(session, seekers)
    told("suspend")
    with entered(scope_in(handler)), unit_of_work() as session:
        advance(session, [petition.id], "accept", "材料齐全，予以受理")
    with entered(scope_in(officer)), unit_of_work() as session, pytest.raises(Conflict, match="暂停办理"):
        advance(session, [seekers[0].id], "counsel", "指导")
    told("resume")
    with entered(scope_in(officer)), unit_of_work() as session:
        advance(session, [seekers[0].id], "counsel", "指导")


def test_nothing_recurs_in_a_suspended_county(monkeypatch: pytest.MonkeyPatch) -> None:
    told("suspend")
    started: list[str] = []

    def noted(_due: object, tenants: Sequence[Tenant]) -> int:
        started.extend(tenant.code for tenant in tenants)
        return 0

    monkeypatch.setattr(recurring, "start", noted)
    sweep_all()
    assert COUNTY not in started
    assert OTHER_COUNTY in started


def test_what_does_not_fit() -> None:
    with pytest.raises(Conflict, match="已开通，不能恢复办理"):
        told("resume")
    told("suspend", PREFECTURE)
    with pytest.raises(Conflict, match="已暂停，不能暂停办理"):
        told("suspend", PREFECTURE)
    with pytest.raises(Conflict, match="锦江区总工会尚未关闭"):
        told("close", PREFECTURE)
    for code in (PROVINCE, "440103", NEW):
        with pytest.raises(NotFound):
            told("suspend", code)
    with pytest.raises(Forbidden, match="统一开通和管理"):
        told("suspend", COUNTY, tenant=PREFECTURE)
    with keeper(), pytest.raises(InvalidInput, match="依据"), unit_of_work() as session:
        suspend(session, COUNTY, "")
    with pytest.raises(InvalidInput, match="承接单位"):
        told("close", COUNTY, COUNTY)
    with pytest.raises(NotFound):
        told("close", COUNTY, "440103")


def test_a_closed_county_is_read_by_its_auditor_alone_and_the_database_takes_no_writes() -> None:
    clerk, auditor = hire("clerk", (COUNTY, "caseworker")), hire("auditor", (COUNTY, "auditor"))
    told("close", COUNTY, OTHER_COUNTY)
    assert posts_held(COUNTY) == {"auditor"}
    with pytest.raises(NotFound):
        scope_in(clerk)
    assert [desk.tenant for desk in desks(auditor)] == [COUNTY]
    scope = scope_in(auditor)
    assert scope.standing is Standing.CLOSED
    assert {"people.read", "audit.read", "funds.read"} <= scope.permissions
    with pytest.raises(NotAtWork, match="已撤并"):
        scope.require("audit.run")
    with entered(scope):
        with unit_of_work() as session:
            session.get(TenantCounter, (COUNTY, "x", 0))
        with pytest.raises(DBAPIError, match="read-only transaction"), unit_of_work() as session:
            session.add(TenantCounter(kind="x", year=0))
        with log_work() as session:
            record_page(session, "/households", "people.read", "list", None)
    with pytest.raises(NotFound):
        system_scope(COUNTY, "test")
    closed = system_scope(COUNTY, "test", closed=True)
    with entered(closed), pytest.raises(DBAPIError, match="read-only transaction"), unit_of_work() as session:
        session.add(TenantCounter(kind="x", year=0))
    with entered(scope_of(PROVINCE)), unit_of_work() as session:
        assert COUNTY not in {plan.payload["tenant"] for plan in county_chunks(session)}
    with pytest.raises(Conflict, match="已关闭"):
        told("close")


def test_a_county_is_renamed_and_recoded_and_found_by_both_codes(db: Database) -> None:
    """会理县 513425 became 会理市 513402 in 2021."""
    plant_division(db, HUILI, "会理县")
    plant_division(db, "513402", "会理市")
    opened(HUILI)
    clerk = hire("clerk", (HUILI, "caseworker"))
    day = date(2021, 1, 20)
    with keeper(), unit_of_work() as session:
        recode(session, HUILI, "513402", "民函〔2021〕6号", valid_from=day)
    assert (state_of(HUILI), state_of("513402")) == ("preparing", "closed")
    assert system_scope(HUILI, "test", on=TODAY).union_name == "会理市总工会"
    with pytest.raises(NotFound):  # work of the platform is for a tenant itself: only what people follow leads on
        system_scope("513402", "test", on=TODAY)
    for code in (HUILI, "513402"):
        assert scope_in(clerk, code).tenant == HUILI
    with reference_work() as session:
        assert {tenant_named(session, code).union_name for code in (HUILI, "513402")} == {"会理市总工会"}
        assert [(row.division_code, row.name) for row in covered(session, HUILI)] == [("513402", "会理市"), (HUILI, "会理县")]
        assert name_on(session, HUILI, day - timedelta(days=1)) == ("会理县", "会理县总工会")
        assert name_on(session, HUILI, day) == ("会理市", "会理市总工会")
    with keeper(), unit_of_work() as session:
        assert not {HUILI, "513402"} & {item.code for item in divisions_to_open(session)}
        said = history(session, HUILI)[0]
        assert (said.act, said.detail["former"], said.detail["division"]) == ("recode", HUILI, "513402")
    again: dict[str, Any] = {"valid_from": TODAY}
    for division, wrong, kind, match in (
        ("513402", again, Conflict, "没有变化"),
        (COUNTY, again, Conflict, "已由锦江区总工会管辖"),
        ("513425", again, NotFound, "没有行政区划代码"),
        (PREFECTURE, again, InvalidInput, "级别"),
        ("513401", {"valid_from": day}, InvalidInput, "晚于上次变更"),
        ("513401", {"valid_from": TODAY + timedelta(days=1)}, InvalidInput, "生效之日"),
    ):
        with keeper(), pytest.raises(kind, match=match), unit_of_work() as session:
            recode(session, HUILI, division, WHY, **wrong)
    with keeper(OTHER_PREFECTURE), pytest.raises(Forbidden), unit_of_work() as session:
        recode(session, HUILI, "513401", WHY)
    # a new name alone
    with keeper(), unit_of_work() as session:
        recode(session, HUILI, "513402", WHY, name="会理新区")
        assert session.get_one(Tenant, HUILI).union_name == "会理新区总工会"
