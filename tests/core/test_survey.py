"""The annual survey: determinations are kept with all they rest on, once per household and round."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Forbidden, NotFound
from core.host.manager import host
from core.jobs.runner import run_inline
from core.jobs.service import start_for_year
from core.parameters.service import set_parameter, sync_national
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.rules.batch import MAX_FEN
from core.rules.errors import OutOfBounds, RulesUnknown
from core.scope import Scope
from core.surveys import jobs, service
from core.surveys.models import Determination, ParameterSet, SurveyRound
from core.tenancy.models import TenantPlugin
from plugins.living_relief import plugin
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database

Acting = Callable[..., AbstractContextManager[Scope]]
LINE = 80_000
SINCE = date(2025, 1, 1)
ON = {"plugins": frozenset({"living_relief"})}


def plant(session: Session, incomes: list[int], *, first: int = 1) -> list[uuid.UUID]:
    """Households of one worker each, with these monthly incomes in fen."""
    rows: dict[Any, list[dict[str, Any]]] = {
        model: [] for model in (Person, Household, Membership, WorkerFile, PersonFact, HouseholdFact)
    }
    for number, income in enumerate(incomes, start=first):
        household, person = new_id(), new_id()
        rows[Person].append(
            {"id": person, "name": f"职工{number}", "pinyin": "zg", "gender": "1", "birth_date": date(1980, 1, 1)}
        )
        rows[Household].append({"id": household, "address": "某社区"})
        rows[Membership].append({"household_id": household, "person_id": person, "relation": "head", "valid_from": SINCE})
        rows[WorkerFile].append(
            {
                "household_id": household,
                "worker_id": person,
                "file_number": f"K{number:06}",
                "status": "on_file",
                "opened_on": SINCE,
                "updated_on": SINCE,
            }
        )
        rows[PersonFact].append(
            {"person_id": person, "valid_from": SINCE, "income_unsorted_fen": income, "source": "survey:2025"}
        )
        rows[HouseholdFact].append({"household_id": household, "valid_from": SINCE, "source": "survey:2025"})
    for model, values in rows.items():
        session.execute(insert(model), values)
    return [row["id"] for row in rows[Household]]


@pytest.fixture
def county(db: Database, acting: Acting) -> Iterator[list[uuid.UUID]]:
    """Four households of the county: deep, relative, none, and deep."""
    if "living_relief" not in host().infos:
        host().register(plugin, "living_relief")
    with db.owner.begin() as connection:
        sync_national(connection)
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", date(2025, 7, 1), LINE, "省级文件", "domain 10")
    with acting(COUNTY, **ON), unit_of_work() as session:
        households = plant(session, [LINE - 1, LINE, 2 * LINE, 0])
    with acting(COUNTY, **ON):
        yield households


def determined(year: int = 2025) -> dict[uuid.UUID, Determination]:
    with unit_of_work() as session:
        return {row.household_id: row for row in service.latest_determinations(session, year)}


def survey() -> int:
    with unit_of_work() as session:
        return service.determine(session, service.open_round(session, 2025).id)


def test_a_round_determines_every_household_once(county: list[uuid.UUID]) -> None:
    assert (survey(), survey()) == (4, 0)
    found = determined()
    assert [found[household].kind for household in county] == ["deep", "relative", None, "deep"]
    assert found[county[0]].amounts == {"yearly_living": 120_000}
    assert found[county[2]].amounts == {}
    assert found[county[0]].decided_on == TODAY
    assert {"deep", "eligible", "below_line"} <= set(found[county[0]].reasons)
    with unit_of_work() as session:
        assert len(session.scalars(select(ParameterSet)).all()) == 1
        kinds = {file.household_id: file.kind for file in session.scalars(select(WorkerFile))}
        assert session.scalars(select(SurveyRound.decided_on)).all() == [TODAY]
    assert [kinds[household] for household in county] == ["deep", "relative", None, "deep"]


def test_a_single_decision_outside_a_round_may_follow(county: list[uuid.UUID], acting: Acting) -> None:
    survey()
    with unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", TODAY + timedelta(days=1), LINE * 3, "县级文件", "domain 10")
    with acting(COUNTY, on=TODAY + timedelta(days=1), **ON):
        with unit_of_work() as session:
            assert service.determine(session, None, [county[2]]) == 1
        assert determined()[county[2]].kind == "deep"
        assert determined()[county[1]].kind == "relative"


def test_a_round_is_decided_by_the_day_of_its_first_run(county: list[uuid.UUID], acting: Acting) -> None:
    with unit_of_work() as session:
        service.determine(session, service.open_round(session, 2025).id, county[:2])
    with acting(COUNTY, on=TODAY + timedelta(days=3), **ON):
        assert survey() == 2
        assert {row.decided_on for row in determined().values()} == {TODAY}


def test_stored_determinations_run_again_from_their_own_rows(county: list[uuid.UUID]) -> None:
    survey()
    with unit_of_work() as session:
        person = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == county[0])).one()
        session.add(PersonFact(person_id=person, valid_from=SINCE, income_unsorted_fen=900_000, source="correction"))
        set_parameter(session, "minimum_living_standard", SINCE, 1, "县级文件", "domain 10")
    rows = list(determined().values())
    with unit_of_work() as session:
        again = service.rerun_from_snapshot(session, rows)
        now = {found.household_id: found for found in service.evaluate(session, "living_relief", TODAY)}
        shares = service.shares_of(session, [row.id for row in rows])
    for row in rows:
        outcome = again[row.id]
        assert (outcome.eligible, outcome.kind, list(outcome.reasons), outcome.amounts, outcome.inputs) == (
            row.eligible,
            row.kind,
            row.reasons,
            row.amounts,
            row.inputs,
        )
        assert {code: sum(fen for _, fen in mine) for code, mine in shares[row.id].items()} == row.amounts
    assert now[county[0]].kind is None


def test_the_explanation_names_value_level_day_and_source(county: list[uuid.UUID]) -> None:
    survey()
    row = determined()[county[0]]
    with unit_of_work() as session:
        sheet = service.explain(session, row.id)
        with pytest.raises(NotFound):
            service.explain(session, uuid.uuid4())
    line = next(entry for entry in sheet.parameters if entry.name == "minimum_living_standard")
    assert (line.value, line.level, line.tenant, line.valid_from) == (LINE, "province", PROVINCE, date(2025, 7, 1))
    assert (line.source, line.unit) == ("省级文件", "fen")
    assert (sheet.kind, sheet.decided_on, sheet.household_id) == ("deep", TODAY, county[0])
    assert {value.name: value.value for value in sheet.figures}["yearly_income"] == 12 * (LINE - 1)


def test_the_job_cuts_households_into_chunks_and_may_run_twice(
    county: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 3)
    params = {"year": 2025}
    with unit_of_work() as session:
        plans = jobs.plan(session, params)
    assert [plan.payload["households"] for plan in plans] == [3, 1]
    results = []
    for plan in (*plans, plans[0]):
        with unit_of_work() as session:
            results.append(jobs.run(session, params, plan.payload))
    assert [result["determined"] for result in results] == [3, 1, 0]
    with unit_of_work() as session:
        assert jobs.finish(session, params, results[:2]) == {
            "households": 4,
            "found": {"deep": 2, "relative": 1, "none": 1},
        }
        assert sorted(jobs.measured(session, 2025))[0] == ("households_determined", "deep", 2)


def test_a_roster_that_comes_after_the_survey_is_determined_by_the_next_one(county: list[uuid.UUID], acting: Acting) -> None:
    def surveyed(on: date) -> dict[str, Any]:
        with acting(COUNTY, on=on, **ON):
            with unit_of_work() as session:
                started = start_for_year(session, "survey", 2025)
            assert started.new
            return run_inline(COUNTY, started.job.id)

    with unit_of_work() as session:
        session.add(TenantPlugin(plugin="living_relief", enabled=True))
    assert surveyed(TODAY)["result"]["households"] == 4
    before = {row.household_id: row.id for row in determined().values()}
    with unit_of_work() as session:
        late = plant(session, [0], first=5)
    seen = surveyed(TODAY + timedelta(days=20))
    assert (seen["state"], seen["result"]["found"]) == ("done", {"deep": 3, "relative": 1, "none": 1})
    after = determined()
    assert after[late[0]].kind == "deep"
    assert {household: after[household].id for household in before} == before


def test_a_household_that_stops_the_survey_is_named_by_its_file(county: list[uuid.UUID]) -> None:
    with unit_of_work() as session:
        asked = select(WorkerFile.worker_id, WorkerFile.file_number).where(WorkerFile.household_id == county[2])
        worker, number = session.execute(asked).one()
        session.add(PersonFact(person_id=worker, valid_from=SINCE, income_unsorted_fen=MAX_FEN + 1, source="survey:2025"))
    with pytest.raises(OutOfBounds) as refused:
        survey()
    assert refused.value.where == f"{number} / monthly_income"


def test_another_county_sees_none_of_it(county: list[uuid.UUID], acting: Acting) -> None:
    survey()
    row = next(iter(determined().values()))
    with acting(OTHER_COUNTY, **ON):
        assert determined() == {}
        with unit_of_work() as session, pytest.raises(NotFound):
            service.explain(session, row.id)


def test_who_may_open_a_round_and_where_rules_are_on(county: list[uuid.UUID], acting: Acting) -> None:
    with acting(COUNTY, actor="clerk", **ON), unit_of_work() as session, pytest.raises(Forbidden):
        service.open_round(session, 2025)
    with acting(COUNTY), unit_of_work() as session, pytest.raises(RulesUnknown) as refused:
        service.determine(session, None, county)
    assert "生活救助" in str(refused.value.mend_zh)
    with unit_of_work() as session, pytest.raises(RulesUnknown):
        service.evaluate(session, "unheard_of", TODAY)
