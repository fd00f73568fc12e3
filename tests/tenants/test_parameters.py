"""A figure of policy is changed by two people, who see before what would follow; and what they see is what then happens."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.manager import host
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.parameters import forecasts, jobs
from core.parameters.models import ForecastHousehold, ParameterForecast, ParameterProposal, TenantParameter
from core.parameters.proposals import TwoPeopleNeeded, adopt, propose, refuse, withdraw
from core.parameters.service import NewParameter, resolve, set_parameter, sync_national
from core.rules.compare import compare
from core.rules.engine import decide, snapshots_of
from core.scope import Scope, entered
from core.surveys.service import evaluate
from core.tenancy.models import TenantPlugin
from deploy.cli import app
from deploy.testing.installation import empty, plant_tenants
from plugins.living_relief import plugin
from plugins.living_relief.rules import RULES
from tests.bench.rules import DAY, figures, households
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.staffing import stand_at
from tests.core.test_survey import plant
from tests.tenants.conftest import asked

Acting = Callable[..., AbstractContextManager[Scope]]
LINE, RATIO, NOTICE = "minimum_living_standard", "relative_multiple", "notice_working_days"
STANDARD = 80_000
SINCE = date(2025, 1, 1)
OFFICE = frozenset({"parameters.read", "parameters.write", "parameters.adopt", "parameters.forecast"})


@pytest.fixture
def desk(db: Database, acting: Acting) -> Callable[..., AbstractContextManager[Session]]:
    """``with desk("wang") as session:`` acts as somebody who may propose and adopt; the province has set the line."""
    if "living_relief" not in host().infos:
        host().register(plugin, "living_relief")
    with db.owner.begin() as connection:
        sync_national(connection)
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, LINE, SINCE, STANDARD, "省级文件", "domain 10")

    @contextmanager
    def at(actor: str, tenant: str = COUNTY, on: date = TODAY, rights: frozenset[str] = OFFICE) -> Iterator[Session]:
        on_here = frozenset({"living_relief"})
        with acting(tenant, actor=actor, permissions=rights, plugins=on_here, on=on), unit_of_work() as session:
            yield session

    return at


Desk = Callable[..., AbstractContextManager[Session]]


def new(value: Any, name: str = RATIO, on: date = TODAY) -> NewParameter:
    return NewParameter(name, on, value, "市民政局〔2025〕12号", "第三条")


def proposed(desk: Desk, value: Any, name: str = RATIO, *, on: date = TODAY, tenant: str = COUNTY, **more: Any) -> uuid.UUID:
    with desk("wang", tenant) as session:
        return propose(session, new(value, name, on), reason="随低保标准调整", **more).id


def held(desk: Desk, name: str = NOTICE, on: date = TODAY, tenant: str = COUNTY) -> tuple[Any, str]:
    with desk("wang", tenant) as session:
        found = resolve(session, on)[name]
        return found.value, found.level


def test_one_proposes_and_another_adopts(desk: Desk) -> None:
    first = proposed(desk, 7, NOTICE)
    assert held(desk) == (5, "nation")
    with desk("wang") as session, pytest.raises(TwoPeopleNeeded):
        adopt(session, first)
    with desk("zhao", rights=OFFICE - {"parameters.adopt"}) as session, pytest.raises(Forbidden):
        adopt(session, first)
    with desk("li", OTHER_COUNTY) as session, pytest.raises(NotFound):
        adopt(session, first)
    with desk("li") as session:
        made = adopt(session, first, note="主席办公会")
        assert (made.value, made.actor, made.proposal_id, made.source) == (7, "li", first, "市民政局〔2025〕12号")
    assert (held(desk), held(desk, tenant=OTHER_COUNTY)) == ((7, "county"), (5, "nation"))
    with desk("li") as session, pytest.raises(Conflict, match="已核准"):
        adopt(session, first)


def test_whoever_stands_in_for_the_proposer_does_not_adopt(desk: Desk, acting: Acting) -> None:
    first = proposed(desk, 7, NOTICE)
    acts: tuple[Callable[[Session], object], ...] = (
        lambda session: adopt(session, first),
        lambda session: refuse(session, first, note="不妥"),
    )
    with acting(COUNTY, actor="li", permissions=OFFICE) as scope, entered(replace(scope, principals=frozenset({"wang"}))):
        for act in acts:
            with unit_of_work() as session, pytest.raises(TwoPeopleNeeded):
                act(session)


def test_the_database_wants_two_people_too(desk: Desk, db: Database) -> None:
    first = proposed(desk, 7, NOTICE)
    with pytest.raises(DBAPIError, match="two_people"), db.owner.begin() as connection:
        connection.execute(
            text("update parameter_proposal set state = 'adopted', decided_by = proposed_by where id = :id"), {"id": first}
        )
    with pytest.raises(DBAPIError, match="permission denied"), desk("wang") as session:
        session.scalars(select(ParameterProposal)).one().value = 9


def test_a_proposal_is_refused_or_taken_back_and_one_waits_at_a_time(desk: Desk) -> None:
    first = proposed(desk, 7, NOTICE)
    with desk("wang") as session, pytest.raises(Conflict, match="已有待核准"):
        propose(session, new(8, NOTICE), reason="再调")
    with desk("li") as session:
        with pytest.raises(InvalidInput, match="原因"):
            refuse(session, first, note=" ")
        assert refuse(session, first, note="依据不足").state == "refused"
    second = proposed(desk, 8, NOTICE)
    with desk("zhao", rights=frozenset({"parameters.write"})) as session:
        row = withdraw(session, second, note="文号有误")
        assert (row.state, row.decided_by) == ("withdrawn", "zhao")
    assert held(desk) == (5, "nation")


def test_what_does_not_hold_together_is_refused(desk: Desk) -> None:
    with desk("wang") as session:
        for wrong in (new(-1, NOTICE), new("7", NOTICE), new(["x"], "rigid_expense_kinds")):
            with pytest.raises(InvalidInput) as error:
                propose(session, wrong, reason="试")
            assert error.value.where == wrong.name
        with pytest.raises(InvalidInput, match="依据"):
            propose(session, NewParameter(NOTICE, TODAY, 7, " ", ""), reason="试")
        with pytest.raises(InvalidInput, match="调整原因"):
            propose(session, new(7, NOTICE), reason=" ")
        with pytest.raises(NotFound):
            propose(session, new(7, "unheard_of"), reason="试")
        with pytest.raises(Conflict, match="没有自行设定"):
            propose(session, new(None, NOTICE), reason="沿用上级")
        with pytest.raises(NotFound):
            propose(session, new(7, NOTICE), reason="恢复", restores=uuid.uuid4())
    with desk("wang", rights=frozenset({"parameters.read"})) as session, pytest.raises(Forbidden):
        propose(session, new(7, NOTICE), reason="试")


def test_a_figure_that_only_tightens_is_not_loosened_below(desk: Desk, acting: Acting) -> None:
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, "log_months", SINCE, 12, "省总工会规定", "无")
        set_parameter(session, "roles_granted_by_county", SINCE, ["caseworker", "reviewer"], "省总工会规定", "无")
    with desk("wang") as session:
        with pytest.raises(InvalidInput, match="不得短于上级规定的 12"):
            propose(session, new(8, "log_months"), reason="试")
        with pytest.raises(InvalidInput, match="超出上级"):
            propose(session, new(["caseworker", "payer"], "roles_granted_by_county"), reason="试")
        propose(session, new(["caseworker"], "roles_granted_by_county"), reason="收窄")


def test_back_to_a_former_value_and_back_to_the_level_above(desk: Desk) -> None:
    for value in (7, 9):
        with desk("li") as session:
            adopt(session, proposed(desk, value, NOTICE))
    with desk("wang") as session:
        of_people = select(TenantParameter.id).where(TenantParameter.proposal_id.is_not(None))
        former = session.scalars(of_people.order_by(TenantParameter.id)).all()
    with desk("li") as session:
        adopt(session, proposed(desk, 7, NOTICE, restores=former[0]))
    assert held(desk) == (7, "county")
    with desk("li") as session:
        adopt(session, proposed(desk, None, NOTICE, on=TODAY + timedelta(days=3)))
    assert (held(desk), held(desk, on=TODAY + timedelta(days=3))) == ((7, "county"), (5, "nation"))
    with desk("wang") as session:
        rows = session.scalars(select(TenantParameter).where(TenantParameter.name == NOTICE)).all()
        assert len(rows) == 4


def test_the_what_if_comes_before_the_decision(desk: Desk) -> None:
    with desk("wang") as session:
        homes = plant(session, [STANDARD - 1, STANDARD, 2 * STANDARD, 4 * STANDARD])
    first = proposed(desk, 25_000)
    with desk("li") as session, pytest.raises(Conflict, match="核准前须先测算"):
        adopt(session, first)
    with desk("li", rights=OFFICE - {"parameters.forecast"}) as session, pytest.raises(Forbidden):
        forecasts.forecast(session, first)
    with desk("li") as session, asked() as statements:
        found = forecasts.forecast(session, first)
    assert len(statements) < 30
    figures_ = found.figures
    assert figures_ is not None
    assert {name: figures_[name] for name in ("households", "gain", "lose", "stay", "newly_eligible")} == {
        "households": 4, "gain": 1, "lose": 0, "stay": 3, "newly_eligible": 1,
    }  # fmt: skip
    assert figures_["programmes"]["yearly_living"]["fen_before"] == 120_000
    with desk("li") as session:
        [changed] = forecasts.households(session, found.id, "gain", None, 50)
        assert (changed.household_id, changed.kind_before, changed.kind_after) == (homes[2], None, "relative")
        proposal = session.scalars(select(ParameterProposal)).one()
        assert not forecasts.is_stale(session, found, proposal)
        plant(session, [0], first=9)
    with desk("li") as session:
        proposal = session.scalars(select(ParameterProposal)).one()
        assert forecasts.is_stale(session, session.scalars(select(ParameterForecast)).one(), proposal)
        adopt(session, first)
    assert held(desk, RATIO) == (25_000, "county")
    with desk("li", OTHER_COUNTY) as session:
        assert session.scalars(select(ForecastHousehold)).all() == []
    with desk("li") as session, pytest.raises(Conflict):
        forecasts.forecast(session, first)


def test_a_figure_that_no_rule_reads_is_not_counted(desk: Desk) -> None:
    first = proposed(desk, 7, NOTICE)
    with desk("li") as session, pytest.raises(Conflict, match="无须测算"):
        forecasts.forecast(session, first)


def test_many_households_are_counted_by_a_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "AT_ONCE", 2)
    monkeypatch.setattr(jobs, "CHUNK", 2)
    with desk("wang") as session:
        session.add(TenantPlugin(plugin="living_relief", enabled=True))
        plant(session, [STANDARD - 1, STANDARD, 2 * STANDARD, 2 * STANDARD + 1, 4 * STANDARD])
    first = proposed(desk, 25_000)
    with desk("li") as session:
        begun = forecasts.forecast(session, first)
        assert (begun.figures, begun.job_id is None) == (None, False)
    with desk("li") as session:
        again = forecasts.forecast(session, first)
        assert again.id == begun.id
        job = session.scalars(select(Job)).one()
        assert again.job_id == job.id
    assert run_inline(COUNTY, job.id)["state"] == "done"
    with desk("li") as session:
        found = forecasts.newest(session, first)
        assert found is not None
        assert found.figures is not None
        assert (found.figures["households"], found.figures["gain"]) == (5, 2)
        assert len(forecasts.households(session, found.id, None, None, 50)) == 2


def test_a_level_above_counts_its_counties_and_sees_no_household(desk: Desk, acting: Acting) -> None:
    for tenant, incomes in ((COUNTY, [2 * STANDARD, 0]), (OTHER_COUNTY, [2 * STANDARD])):
        with desk("wang", tenant) as session:
            session.add(TenantPlugin(plugin="living_relief", enabled=True))
            plant(session, incomes)
    with acting(OTHER_COUNTY), unit_of_work() as session:
        # what the county says itself, the province does not change
        set_parameter(session, RATIO, SINCE, 12_000, "县级文件", "一")
    first = proposed(desk, 25_000, tenant=PROVINCE)
    with desk("li", PROVINCE) as session:
        begun = forecasts.forecast(session, first)
    assert begun.job_id is not None
    assert run_inline(PROVINCE, begun.job_id)["state"] == "done"
    with desk("li", PROVINCE) as session:
        found = forecasts.newest(session, first)
        assert found is not None
        assert found.figures is not None
        assert (found.figures["households"], found.figures["gain"]) == (3, 1)
        assert {one["tenant"]: one["gain"] for one in found.figures["counties"]} == {COUNTY: 1, OTHER_COUNTY: 0}
        assert session.scalars(select(ForecastHousehold)).all() == []
        adopt(session, first)
    with desk("li") as session:
        assert session.scalars(select(ForecastHousehold)).all() == []
        assert resolve(session, TODAY)[RATIO].tenant == PROVINCE
    assert held(desk, RATIO, tenant=PREFECTURE)[0] == 25_000


CHANGES = st.one_of(
    st.tuples(st.just(LINE), st.integers(0, 400_000)),
    st.tuples(st.just(RATIO), st.integers(0, 40_000)),
    st.tuples(st.just("impute_minimum_wage"), st.booleans()),
    st.tuples(st.just("medical_rate"), st.integers(0, 10_000)),
    st.tuples(st.sampled_from(["medical_cap", "living_amount_deep", "living_amount_relative"]), st.integers(0, 900_000)),
    st.tuples(
        st.just("rigid_expense_kinds"),
        st.lists(st.sampled_from(["illness", "disability", "schooling", "housing"]), unique=True),
    ),
)


@settings(deadline=None)
@given(change=CHANGES, serials=st.lists(st.integers(1, 5_000), min_size=1, max_size=30, unique=True))
def test_what_is_counted_is_what_the_rules_then_decide(change: tuple[str, Any], serials: list[int]) -> None:
    before = figures()
    after = before | {change[0]: change[1]}
    snapshots = snapshots_of(RULES, households(serials))
    found = compare(RULES, DAY, before, after, snapshots)
    was, then = (decide(RULES, DAY, values, snapshots) for values in (before, after))
    moved = {
        new.household_id: (old.kind, new.kind, sum(old.amounts.values()), sum(new.amounts.values()))
        for old, new in zip(was, then, strict=True)
        if (old.kind, old.amounts) != (new.kind, new.amounts)
    }
    assert {
        one.household_id: (one.kind_before, one.kind_after, one.fen_before, one.fen_after) for one in found.changed
    } == moved
    for code, cost in found.costs.items():
        assert (cost.fen_before, cost.fen_after) == tuple(
            sum(one.amounts.get(code, 0) for one in outcomes) for outcomes in (was, then)
        )
        assert cost.households_after == sum(code in one.amounts for one in then)
    for one in found.changed:
        assert one.way == ("gain" if one.fen_after > one.fen_before else "lose" if one.fen_after < one.fen_before else one.way)
    assert found.newly_eligible - found.no_longer_eligible == sum(o.eligible for o in then) - sum(o.eligible for o in was)


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=CHANGES, days=st.integers(-40, 40))
def test_after_adoption_the_rules_find_what_was_foretold(desk: Desk, db: Database, change: tuple[str, Any], days: int) -> None:
    with db.owner.begin() as connection:
        empty(connection)
        plant_tenants(connection)
        sync_national(connection)
    on = TODAY + timedelta(days=days)
    with desk("system:a", PROVINCE) as session:
        set_parameter(session, LINE, SINCE, STANDARD, "省级文件", "domain 10")
        set_parameter(session, "minimum_wage", SINCE, 210_000, "省级文件", "domain 10")
    with desk("system:a") as session:
        plant(session, [0, STANDARD - 1, STANDARD, 2 * STANDARD, 150_000, 210_000])
        # a word of the county's own, which a proposal for an earlier day does not replace
        set_parameter(session, RATIO, TODAY - timedelta(days=10), 17_000, "县级文件", "一")
    first = proposed(desk, change[1], change[0], on=on)
    with desk("li") as session:
        found = forecasts.forecast(session, first)
        figures_ = found.figures
        told = {one.household_id: (one.kind_after, one.fen_after) for one in session.scalars(select(ForecastHousehold))}
        day = found.on
        was = {one.household_id: (one.kind, sum(one.amounts.values())) for one in evaluate(session, "living_relief", day)}
        adopt(session, first)
    with desk("li", on=day) as session:
        then = {one.household_id: (one.kind, sum(one.amounts.values())) for one in evaluate(session, "living_relief", day)}
    assert {home: result for home, result in then.items() if result != was[home]}.items() <= told.items()
    assert all(then[home] == result for home, result in told.items())
    assert figures_ is not None
    assert sum(cost["fen_after"] for cost in figures_["programmes"].values()) == sum(fen for _, fen in then.values())


def test_the_command_line_lists_proposes_and_counts(desk: Desk, db: Database) -> None:
    stand_at(db)
    with desk("wang") as session:
        session.add(TenantPlugin(plugin="living_relief", enabled=True))
        plant(session, [STANDARD - 1, 2 * STANDARD])

    def run(*order: str) -> str:
        result = CliRunner(env={"COLUMNS": "240"}).invoke(
            app, ["parameter", *order, "--county", COUNTY], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return result.output

    assert "150%" in run("list")
    made = run(
        "propose", RATIO, "--value", "250", "--from", TODAY.isoformat(), "--source", "市文〔2025〕1号", "--reason", "调整"
    )
    assert "250%，待核准" in made
    proposal = made.split()[0]
    assert '"gain": 1' in run("forecast", proposal)
    assert "待核准" in run("proposals")
    with desk("li") as session:
        adopt(session, uuid.UUID(proposal))
    assert "市文〔2025〕1号" in run("history", RATIO)
