"""How many households the rules of living relief decide in a second, without reading or writing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any

from core.people.repository import FactRows, HouseholdRow, PersonRow
from core.rules.compare import compare
from core.rules.engine import decide, snapshots_of
from plugins.living_relief.parameters import PARAMETERS
from plugins.living_relief.rules import RULES

DAY = date(2025, 9, 1)
HOUSEHOLDS = 100_000
COMPARED = 50_000
_COSTS = ("illness", "disability", "schooling", "housing", "long_term_care", "work_cost", "other")


def households(numbers: Iterable[int]) -> FactRows:
    """Invented households of two, with incomes spread around the line."""
    homes, persons = [], []
    for number in numbers:
        own = uuid.UUID(int=number)
        spread = number * 7919 % 300_000
        costs = dict.fromkeys(_COSTS, 0) | {"illness": spread * 3}
        homes.append(HouseholdRow(own, own, own, None, (), 0, costs, (), 0, 0))
        for member in (1, 2):
            person = uuid.UUID(int=(number << 8) + member)
            relation = "head" if member == 1 else "spouse"
            persons.append(
                PersonRow(own, person, relation, str(member), date(1975, 5, 1), spread, 0, "on_post", True, False, True)
            )
    return FactRows(homes, persons)


def figures() -> dict[str, Any]:
    """The figures of policy by which they are decided."""
    found: dict[str, Any] = {declared.name: declared.defaults[-1].value for declared in PARAMETERS if declared.defaults}
    return found | {"minimum_living_standard": 87_500, "minimum_wage": 220_000}


def measure() -> list[tuple[str, str]]:
    """(what, figure) rows."""
    rows = households(range(1, HOUSEHOLDS + 1))
    started = time.perf_counter()
    snapshots = snapshots_of(RULES, rows)
    laid_down = time.perf_counter()
    found = decide(RULES, DAY, figures(), snapshots)
    ended = time.perf_counter()
    eligible = sum(outcome.eligible for outcome in found)
    few = snapshots[:COMPARED]
    began = time.perf_counter()
    told = compare(RULES, DAY, figures(), figures() | {"relative_multiple": 20_000}, few)
    compared = time.perf_counter() - began
    return [
        ("households decided (of which in difficulty)", f"{HOUSEHOLDS:,} ({eligible:,})"),
        ("laying down what the rules read", f"{laid_down - started:.2f} s"),
        ("deciding, with reasons and shares", f"{ended - laid_down:.2f} s"),
        (f"what another threshold would change for {COMPARED:,} households", f"{compared:.2f} s, {len(told.changed):,} change"),
        ("households per second, both", f"{HOUSEHOLDS / (ended - started):,.0f}"),
    ]
