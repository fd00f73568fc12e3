"""Every cell of the table: what the declarations call for, and what the application's own function says."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest

from core.authorisation import Verdict, judge
from core.cases.switched_off import LINE, line_state
from core.identity.service import case_lines_of, permissions_of, roles
from core.scope import Level, Scope
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY
from tests.matrix.cover import covering
from tests.matrix.declared import Cell, Errand, cells, errands, lines
from tests.matrix.expected import expected

_ABOVE = {
    COUNTY: (PREFECTURE, PROVINCE),
    OTHER_COUNTY: (OTHER_PREFECTURE, PROVINCE),
    PREFECTURE: (PROVINCE,),
    OTHER_PREFECTURE: (PROVINCE,),
    PROVINCE: (),
}


@pytest.fixture(scope="module")
def tried() -> list[Errand]:
    return list(errands())


@lru_cache(maxsize=512)
def _scope(role: str, home: str, level: Level, on: bool, line: str | None) -> Scope:
    return Scope(
        tenant=home,
        level=level,
        province=PROVINCE,
        prefecture=None if level is Level.PROVINCE else home if level is Level.PREFECTURE else PREFECTURE,
        actor="somebody",
        business_date=TODAY,
        roles=frozenset({role}),
        permissions=permissions_of([role], lines(on) | ({line} if line else set())),
        plugins=lines(on),
        case_lines=case_lines_of([role], lines(on)),
    )


def judged(cell: Cell, *, proven: bool = True) -> Verdict:
    """What the application's function says of a cell."""
    step, states = cell.errand.step, dict(cell.errand.states)
    line = step[0].plugin if step else None
    if step is not None:
        states[LINE.code] = line_state(*step, lines(cell.on))
    scope = _scope(cell.role, cell.seat.home, cell.seat.level, cell.on, line)
    of = (cell.seat.of, _ABOVE[cell.seat.of]) if cell.seat.of is not None else None
    return judge(cell.errand.demands, scope, cell.seat.addressed, states=states, proven=proven, of=of)


def test_every_cell_is_answered_as_declared(tried: list[Errand]) -> None:
    counted: Counter[Verdict] = Counter()
    wrong = []
    for cell in cells(tried):
        verdict = judged(cell)
        counted[verdict] += 1
        if verdict is not expected(cell):
            wrong.append((cell, verdict, expected(cell)))
    assert wrong == []
    assert set(counted) == set(Verdict) - {Verdict.PROOF}
    assert counted.total() > 40_000


def test_without_a_fresh_proof_whoever_may_is_asked_for_it_and_nobody_else(tried: list[Errand]) -> None:
    asking = [errand for errand in tried if errand.route.asks_again]
    assert asking
    for cell in cells(asking):
        calm, fresh = judged(cell, proven=False), judged(cell)
        looked_for = any(demand.hidden for demand in cell.errand.demands) or cell.seat.of is not None
        if fresh is Verdict.NOT_FOUND and looked_for:
            # what is not there is looked for by whoever has given the proof
            assert calm in {Verdict.PROOF, fresh}, cell
        else:
            assert calm is (Verdict.PROOF if fresh in {Verdict.ALLOWED, Verdict.CONFLICT} else fresh), cell
    others = [errand for errand in tried if not errand.route.asks_again]
    assert all(judged(cell, proven=False) is judged(cell) for cell in cells(others[::7]))


def test_whoever_holds_no_post_is_let_in_nowhere(tried: list[Errand]) -> None:
    assert {judge(errand.demands, None, PREFECTURE, proven=True) for errand in tried} == {Verdict.NOT_FOUND}


def test_every_state_that_an_errand_names_is_a_declared_one(tried: list[Errand]) -> None:
    for errand in tried:
        kinds = {demand.of.code: demand.of for demand in errand.demands if demand.of is not None}
        for code, state in errand.states:
            assert code not in kinds or state in kinds[code].states, errand
        for demand in errand.demands:
            assert demand.of is None or demand.states | demand.again <= set(demand.of.states), demand


def test_every_role_is_tried() -> None:
    assert {"petition_handler", "legal_aid_lawyer", "employment_officer"} < set(roles())
    assert {role.administers for role in roles().values()} == {None, "system", "security", "audit"}


def test_a_covering_set_meets_every_goal_with_few() -> None:
    choices = [(role, state) for role in "abc" for state in range(4)] + [("a", 9)]
    taken = covering(choices, lambda one: frozenset({("role", one[0]), ("state", one[1])}))
    assert {one for one, _ in taken} == set("abc")
    assert {state for _, state in taken} == {0, 1, 2, 3, 9}
    assert len(taken) == 5
