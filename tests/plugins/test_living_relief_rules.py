"""The vectorised rules of living relief against plain arithmetic, one household at a time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.codes.loader import code_list
from core.people.repository import FactRows, HouseholdRow, PersonRow
from core.rules.engine import Outcome, decide, explained, snapshots_of
from core.rules.errors import OutOfBounds, ParameterMissing
from core.rules.sheet import SheetParameter
from plugins.living_relief.parameters import PARAMETERS
from plugins.living_relief.rules import RULES

DAY = date(2025, 9, 1)
COST_KINDS = ["illness", "disability", "schooling", "housing", "long_term_care", "work_cost", "other"]
LINE, WAGE = 87_500, 220_000
NATIONAL: dict[str, Any] = {declared.name: declared.defaults[-1].value for declared in PARAMETERS if declared.defaults}
FIGURES = {**NATIONAL, "minimum_living_standard": LINE, "minimum_wage": WAGE}


def years_between(born: date, on: date) -> int:
    years = on.year - born.year
    return years - 1 if (on.month, on.day) < (born.month, born.day) else years


def plain_person(person: PersonRow, p: Mapping[str, Any]) -> int:
    income = person.monthly_income_fen
    if not p["count_residents_pension"]:
        income = max(0, income - person.residents_pension_fen)
    if p["impute_minimum_wage"] and person.able_to_work and person.identity_status in {"unemployed", "laid_off"}:
        top = p["working_age_to_female"] if person.gender == "2" else p["working_age_to_male"]
        if person.birth_date is not None and p["working_age_from"] <= years_between(person.birth_date, DAY) < top:
            income = max(income, p["minimum_wage"])
    return income


def plain_schooling(person: PersonRow, p: Mapping[str, Any]) -> int:
    if person.aided_elsewhere:
        return 0
    if person.identity_status in {"undergraduate", "postgraduate"}:
        return int(p["schooling_amount_higher"])
    if person.identity_status in {"senior_high", "secondary_vocational"}:
        return int(p["schooling_amount_secondary"])
    return 0


def plain(row: HouseholdRow, persons: list[PersonRow], p: Mapping[str, Any]) -> tuple[str | None, dict[str, int], set[str]]:
    """(kind, amounts, grounds of yearly relief) as the rules are written down."""
    yearly = 12 * sum(plain_person(person, p) for person in persons) + row.other_yearly_income_fen
    net = yearly - sum(row.costs[kind] for kind in p["rigid_expense_kinds"])
    line = p["minimum_living_standard"] * 12 * len(persons)
    barred = any(flag in p["property_exclusions"] for flag in row.property_flags)
    lost = max(0, row.loss_fen - row.compensation_fen)
    kind = None
    if not barred:
        if net < line:
            kind = "deep"
        elif net * 10_000 < line * p["relative_multiple"]:
            kind = "relative"
        elif lost > 0 and (lost * 10_000 > yearly * p["accident_share"] or net - lost < line):
            kind = "accident"
    grounds = set()
    if yearly < line and not barred:
        grounds.add("below_line")
    if kind == "deep":
        grounds.add("special_difficulty")
    if row.model_worker_rank in {"national", "provincial", "prefecture"} and not barred:
        grounds.add("model_worker")
    amounts = {}
    if grounds:
        amount = p[f"living_amount_{kind or 'model_worker'}"]
        amounts["yearly_living"] = min(amount, p["minimum_living_standard"] * p["living_ceiling_months"])
    illness = row.costs["illness"]
    if kind and illness >= p["medical_self_paid_threshold"]:
        amounts["medical"] = min(illness * p["medical_rate"] // 10_000, p["medical_cap"])
    schooling = sum(plain_schooling(person, p) for person in persons)
    if kind and schooling > 0:
        amounts["schooling"] = schooling
    return kind, amounts, grounds


near_line = st.builds(lambda times, off: max(0, LINE * times + off), st.integers(0, 4), st.integers(-2, 2))
money = st.one_of(st.just(0), near_line, st.integers(0, 600_000))
yearly_money = st.one_of(st.just(0), st.integers(0, 3).map(lambda n: n * 500_000), st.integers(0, 10_000_000))
statuses = st.sampled_from(
    [
        "on_post",
        "unemployed",
        "laid_off",
        "retired",
        "undergraduate",
        "postgraduate",
        "senior_high",
        "secondary_vocational",
        None,
    ]
)
births = st.one_of(
    st.none(),
    st.dates(date(1935, 1, 1), DAY),
    st.sampled_from(
        [date(2009, 9, 1), date(2009, 9, 2), date(1965, 9, 1), date(1965, 9, 2), date(1970, 9, 1), date(2008, 2, 29)]
    ),
)


@st.composite
def households(draw: st.DrawFn) -> tuple[HouseholdRow, list[PersonRow]]:
    household = uuid.UUID(int=draw(st.integers(1, 2**100)))
    persons = [
        PersonRow(
            household_id=household,
            person_id=uuid.UUID(int=number),
            relation="head" if number == 1 else "son",
            gender=draw(st.sampled_from(["1", "2", "9"])),
            birth_date=draw(births),
            monthly_income_fen=draw(money),
            residents_pension_fen=draw(st.integers(0, 30_000)),
            identity_status=draw(statuses),
            able_to_work=draw(st.booleans()),
            aided_elsewhere=draw(st.booleans()),
            known=True,
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    ]
    row = HouseholdRow(
        household_id=household,
        worker_id=persons[0].person_id,
        file_id=uuid.UUID(int=1),
        model_worker_rank=draw(st.sampled_from([None, "none", "national", "provincial", "prefecture", "county"])),
        applied_programmes=(),
        other_yearly_income_fen=draw(yearly_money),
        costs={kind: draw(yearly_money) for kind in COST_KINDS},
        property_flags=tuple(draw(st.lists(st.sampled_from(code_list("property_exclusion").codes), max_size=1, unique=True))),
        loss_fen=draw(yearly_money),
        compensation_fen=draw(yearly_money),
    )
    return row, persons


figures = st.fixed_dictionaries(
    {
        "minimum_living_standard": st.sampled_from([LINE, 112_000]),
        "impute_minimum_wage": st.booleans(),
        "count_residents_pension": st.booleans(),
        "rigid_expense_kinds": st.lists(st.sampled_from(COST_KINDS), unique=True),
        "relative_multiple": st.sampled_from([15_000, 20_000]),
        "accident_share": st.sampled_from([0, 8_000]),
        "property_exclusions": st.sampled_from([NATIONAL["property_exclusions"], ["vehicle"], []]),
        "living_ceiling_months": st.sampled_from([1, 12]),
        "medical_rate": st.sampled_from([3_333, 5_000]),
    }
).map(lambda changed: {**FIGURES, **changed})


def facts(many: list[tuple[HouseholdRow, list[PersonRow]]]) -> FactRows:
    return FactRows([row for row, _ in many], [person for _, persons in many for person in persons])


def decided(many: list[tuple[HouseholdRow, list[PersonRow]]], p: Mapping[str, Any]) -> list[Outcome]:
    return decide(RULES, DAY, p, snapshots_of(RULES, facts(many)))


@settings(max_examples=150, deadline=None)
@given(st.lists(households(), min_size=1, max_size=12, unique_by=lambda pair: pair[0].household_id), figures)
def test_the_batch_finds_what_plain_arithmetic_finds(
    many: list[tuple[HouseholdRow, list[PersonRow]]], p: dict[str, Any]
) -> None:
    for (row, persons), found in zip(many, decided(many, p), strict=True):
        kind, amounts, grounds = plain(row, persons, p)
        assert (found.kind, found.amounts, found.eligible) == (kind, amounts, kind is not None)
        assert grounds == {"below_line", "special_difficulty", "model_worker"} & set(found.reasons)
        assert {code: sum(fen for _, fen in shares) for code, shares in found.shares.items()} == amounts
        expected = {(person.person_id, fen) for person in persons if (fen := plain_schooling(person, p))}
        assert set(found.shares.get("schooling", ())) == (expected if "schooling" in amounts else set())


@settings(max_examples=40, deadline=None)
@given(st.lists(households(), min_size=2, max_size=5, unique_by=lambda pair: pair[0].household_id), figures)
def test_one_household_alone_is_decided_as_in_a_batch(
    many: list[tuple[HouseholdRow, list[PersonRow]]], p: dict[str, Any]
) -> None:
    together = decided(many, p)
    assert [decided([pair], p)[0] for pair in many] == together
    assert decide(RULES, DAY, p, [(found.household_id, found.inputs) for found in together]) == together


def sheet_parameters(p: Mapping[str, Any]) -> list[SheetParameter]:
    return [
        SheetParameter(name, name, name, "fen", value, "province", "510000", date(2025, 1, 1), "某文件", "domain 10")
        for name, value in p.items()
    ]


def one(**more: Any) -> tuple[HouseholdRow, list[PersonRow]]:
    """A worker who earns twice the line and a student; ``more`` replaces values of the household."""
    household, worker, child = (uuid.UUID(int=n) for n in (9, 1, 2))
    persons = [
        PersonRow(household, worker, "head", "1", date(1980, 1, 1), 2 * LINE, 0, "on_post", True, False, True),
        PersonRow(household, child, "daughter", "2", date(2006, 5, 1), 0, 0, "undergraduate", True, False, True),
    ]
    values: dict[str, Any] = {
        "model_worker_rank": None,
        "applied_programmes": (),
        "other_yearly_income_fen": 0,
        "costs": dict.fromkeys(COST_KINDS, 0),
        "property_flags": (),
        "loss_fen": 0,
        "compensation_fen": 0,
    }
    return HouseholdRow(household_id=household, worker_id=worker, file_id=household, **{**values, **more}), persons


def test_exactly_at_the_line_is_not_below_it() -> None:
    [at_line] = decided([one()], FIGURES)
    assert (at_line.kind, "below_line" in at_line.reasons) == ("relative", False)
    [a_fen_less] = decided([one(costs={**dict.fromkeys(COST_KINDS, 0), "housing": 1})], FIGURES)
    assert a_fen_less.kind == "deep"


def test_the_sheet_shows_values_figures_conditions_and_beneficiaries() -> None:
    pair = one(costs={**dict.fromkeys(COST_KINDS, 0), "illness": 800_000})
    [(household, snapshot)] = snapshots_of(RULES, facts([pair]))
    sheet = explained(RULES, DAY, sheet_parameters(FIGURES), household, snapshot)
    assert (sheet.kind, sheet.kind_zh, sheet.eligible) == ("deep", "深度困难", True)
    values = {value.name: value.value for value in sheet.figures}
    assert values["net_income"] == 2 * LINE * 12 - 800_000
    assert {predicate.name: predicate.held for predicate in sheet.predicates}["deep"] is True
    assert {value.name: value.value for value in sheet.persons[1]}["age"] == 19
    by_code = {programme.code: programme for programme in sheet.programmes}
    assert by_code["medical"].amount_fen == 400_000
    assert by_code["schooling"].shares == ((pair[1][1].person_id, 500_000),)
    assert by_code["yearly_living"].shares == ((pair[0].worker_id, 120_000),)
    assert {entry.name for entry in sheet.parameters} == set(RULES.parameters)
    clauses = [value.clause for value in (*sheet.stated, *sheet.figures)] + [rule.clause for rule in sheet.programmes]
    assert all(clauses + [predicate.clause for predicate in sheet.predicates])


def test_a_missing_line_and_a_monstrous_amount_stop_the_run() -> None:
    with pytest.raises(ParameterMissing, match="minimum_living_standard"):
        decided([one()], NATIONAL)
    with pytest.raises(OutOfBounds, match="loss"):
        decided([one(loss_fen=10**10 + 1)], FIGURES)


def test_every_parameter_of_the_rules_is_declared() -> None:
    assert set(RULES.parameters) == {declared.name for declared in PARAMETERS}
    assert all(default.source and default.clause for declared in PARAMETERS for default in declared.defaults)
