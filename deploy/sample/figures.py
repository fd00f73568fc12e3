"""The dated figures the generator aims at, resolved for one county on the decision day (政策参数)."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PARAMETERS = Path(__file__).parent / "parameters.csv"
_NATIONAL = {"impute_minimum_wage": "false", "count_residents_pension": "true", "relative_multiple": "15000"}
ACCIDENT_SHARE = 8000
"""Basis points of yearly income (domain 10)."""
MEDICAL_THRESHOLD = 500_000
"""Fen a year from which medical relief starts."""
STALE_AFTER_DAYS = 365
WORKING_AGE_FROM = 16
WORKING_AGE_TO_MALE = 60
WORKING_AGE_TO_FEMALE = 55


@dataclass(frozen=True, slots=True)
class Figures:
    """Money in fen a month, multiple in basis points."""

    day: date
    audit_day: date
    line: int
    multiple: int
    minimum_wage: int
    imputes: bool
    counts_pension: bool


def figures(county: str, year: int) -> Figures:
    """What holds in the county on 1 September of the year; LookupError if no level sets a required figure."""
    day = date(year, 9, 1)
    with PARAMETERS.open(encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if date.fromisoformat(row["valid_from"]) <= day]

    def figure(name: str) -> str:
        for level in (county, f"{county[:4]}00", f"{county[:2]}0000"):
            dated = [(row["valid_from"], row["value"]) for row in rows if (row["tenant_code"], row["name"]) == (level, name)]
            if dated:
                return max(dated)[1]
        if name in _NATIONAL:
            return _NATIONAL[name]
        raise LookupError(f"no {name} for {county} on {day}")

    return Figures(
        day=day,
        audit_day=date(year, 12, 25),
        line=int(figure("minimum_living_standard")),
        multiple=int(figure("relative_multiple")),
        minimum_wage=int(figure("minimum_wage")),
        imputes=figure("impute_minimum_wage") == "true",
        counts_pension=figure("count_residents_pension") == "true",
    )
