"""What a household's page says of each member's income: what follows from it, and nothing else."""

from __future__ import annotations

from core.rules.declarations import Unit
from core.rules.sheet import SheetValue
from core.web.pages.household_means import income_amounts


def _value(name: str, unit: Unit, *reads: str) -> SheetValue:
    return SheetValue(name, name, name, unit, "domain 10", 1, reads=reads)


def test_only_what_follows_from_the_monthly_income_stands_beside_it() -> None:
    values = [
        _value("age", "years", "birth_date"),
        _value("uncounted", "fen", "monthly_income", "residents_pension"),
        _value("counted", "fen", "uncounted"),
        _value("able", "flag", "age"),
        _value("student_amount", "fen", "identity_status"),
    ]
    assert [value.name for value in income_amounts(values)] == ["uncounted", "counted"]
