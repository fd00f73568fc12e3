"""Rule sets say what they read, and are held to it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from core.rules.batch import MAX_FEN
from core.rules.declarations import Column, Figure, KindLabel, Predicate, ProgrammeRule, RuleSet
from core.rules.engine import decide
from core.rules.errors import OutOfBounds

INCOME = Column("income", "收入", "income", "person", "fen", "monthly_income_fen")
TOTAL = Figure("total", "合计", "total", "fen", "domain 10", ("income",), lambda read: read.household_sum("income"))
KIND = Figure("kind", "类别", "kind", "code", "domain 10", ("low",), lambda read: read["low"] * 1)
LOW = Predicate("low", "低收入", "low", "domain 10", ("total", "line"), lambda read: read["total"] < read.number("line"))


def rule_set(**more: Any) -> RuleSet:
    values: dict[str, Any] = {
        "name": "small",
        "version": "1",
        "plugin": "small",
        "zh": "小",
        "en": "small",
        "clause": "domain 10",
        "columns": (
            Column("worker_id", "职工", "worker", "household", "id", "worker_id"),
            Column("person_id", "成员", "member", "person", "id", "person_id"),
            INCOME,
        ),
        "figures": (TOTAL, KIND),
        "predicates": (LOW,),
        "programmes": (ProgrammeRule("aid", "救助", "aid", "domain 10", "low", "total"),),
        "parameters": ("line",),
        "kinds": (KindLabel("none", "无", "none"), KindLabel("low", "低", "low")),
        "kind": "kind",
        "eligible": "low",
    }
    return RuleSet(**{**values, **more})


WORKER = str(uuid.UUID(int=1))


def decided(rules: RuleSet, *incomes: list[int]) -> list[int]:
    snapshots = [(uuid.UUID(int=at), [WORKER, [[WORKER, income] for income in mine]]) for at, mine in enumerate(incomes)]
    return [outcome.amounts.get("aid", -1) for outcome in decide(rules, date(2025, 9, 1), {"line": 100}, snapshots)]


def test_persons_are_added_up_per_household_even_where_there_are_none() -> None:
    assert decided(rule_set(), [30, 40], [], [99], [100], [60, 60]) == [70, 0, 99, -1, -1]
    assert decide(rule_set(), date(2025, 9, 1), {}, []) == []


def test_a_rule_sees_only_what_it_declares() -> None:
    secret = replace(LOW, reads=("total",))
    with pytest.raises(KeyError, match="does not declare that it reads line"):
        decided(rule_set(predicates=(secret,)), [1])


def test_a_rule_must_give_exact_values_for_every_household() -> None:
    halves = replace(TOTAL, compute=lambda read: read.household_sum("income") / 2)
    with pytest.raises(TypeError, match="exact"):
        decided(rule_set(figures=(halves, KIND)), [1])


def test_nobody_can_change_what_was_computed() -> None:
    def spoil(read: Any) -> Any:
        read["total"][0] = 0
        return read["total"] < read.number("line")

    with pytest.raises(ValueError, match="read-only"):
        decided(rule_set(predicates=(replace(LOW, compute=spoil),)), [1])


@pytest.mark.parametrize("parameter", [-1, 10**10 + 1, 1.5, "100"])
def test_a_parameter_out_of_bounds_stops_the_run(parameter: object) -> None:
    with pytest.raises(OutOfBounds, match="line"):
        decide(rule_set(), date(2025, 9, 1), {"line": parameter}, [(uuid.UUID(int=1), [WORKER, [[WORKER, 1]]])])


def test_too_many_members_stop_the_run_and_the_household_is_named() -> None:
    with pytest.raises(OutOfBounds, match="200 members") as refused:
        decided(rule_set(), [1], [1] * 201, [1])
    assert refused.value.where == f"{uuid.UUID(int=1)} / members"


def test_a_monstrous_amount_names_the_household_that_it_stands_in() -> None:
    with pytest.raises(OutOfBounds) as refused:
        decided(rule_set(), [1, 1], [], [1, MAX_FEN + 1], [1])
    assert refused.value.where == f"{uuid.UUID(int=2)} / income"
    loss = Column("loss", "损失", "loss", "household", "fen", "loss_fen")
    rules = rule_set(
        columns=(*rule_set().columns, loss), predicates=(replace(LOW, reads=(*LOW.reads, "loss"), compute=_lossy),)
    )
    snapshots = [(uuid.UUID(int=at), [WORKER, fen, [[WORKER, 1]]]) for at, fen in ((7, 1), (8, -MAX_FEN - 1))]
    with pytest.raises(OutOfBounds) as refused:
        decide(rules, date(2025, 9, 1), {"line": 100}, snapshots)
    assert refused.value.where == f"{uuid.UUID(int=8)} / loss"


def _lossy(read: Any) -> Any:
    return read["total"] < read["loss"]


def test_doubled_unknown_and_circular_names_are_refused() -> None:
    with pytest.raises(ValueError, match="stand twice"):
        rule_set(parameters=("line", "total"))
    with pytest.raises(ValueError, match="nobody declares"):
        rule_set(figures=(TOTAL,))
    with pytest.raises(ValueError, match="circle"):
        rule_set(figures=(replace(TOTAL, reads=("income", "kind")), KIND))


def test_declaring_rules_does_not_load_numpy() -> None:
    code = "import sys, core.surveys.service, plugins.living_relief.rules; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
