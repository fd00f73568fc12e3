"""What each cell is to be answered, worked out from the declarations alone and not from the function that is tried."""

from __future__ import annotations

from functools import lru_cache

from core.authorisation import Verdict
from core.cases.workflows import STANDING, WITHDRAW
from core.host.declarations import TransitionDecl, WorkflowDecl
from core.identity.service import roles
from core.web.pages.words import newest_workflows
from tests.matrix.declared import Cell, Errand, Relation, held, lines, reads_line


@lru_cache(maxsize=512)
def rights_of(role: str, on: bool, line: str | None = None) -> frozenset[str]:
    """What the declarations say that a role may do, as ``held``, kept for all cells."""
    return held(roles()[role], on, line)


@lru_cache(maxsize=512)
def _reads(role: str, on: bool, line: str) -> bool:
    return reads_line(roles()[role], on, line)


def expected(cell: Cell) -> Verdict:
    """The answer that the declarations call for: nobody sees another tenant; a line that is off is not there; then the right,
    then whether the post reads the case's line, then the fresh proof (the walk's session has given it), then the state."""
    errand, route = cell.errand, cell.errand.route
    elsewhere = cell.seat.relation is not Relation.OWN
    if (elsewhere and cell.seat.of is None) or (route.plugin is not None and route.plugin not in lines(cell.on)):
        return Verdict.NOT_FOUND
    rights = rights_of(cell.role, cell.on)
    if not route.permissions <= rights:
        return Verdict.FORBIDDEN
    if cell.seat.of is not None and cell.seat.relation not in {Relation.OWN, Relation.CHILD}:
        return _without_the_right(cell) or Verdict.NOT_FOUND
    if errand.case_line is not None and not _reads(cell.role, cell.on, errand.case_line):
        return Verdict.NOT_FOUND
    flow = newest_workflows().get(errand.variant)
    if flow is not None:
        if flow.plugin not in lines(cell.on):
            return Verdict.NOT_FOUND
        return Verdict.ALLOWED if flow.open_permission in rights else Verdict.FORBIDDEN
    if errand.step is not None:
        return _of_step(cell, *errand.step)
    if (refused := _without_the_right(cell)) is not None:
        return refused
    return Verdict.ALLOWED if _state_allows(errand) else Verdict.CONFLICT


def _without_the_right(cell: Cell) -> Verdict | None:
    rights = rights_of(cell.role, cell.on)
    for demand in cell.errand.demands:
        if demand.permission is not None and demand.permission not in rights:
            return Verdict.NOT_FOUND if demand.hidden else Verdict.FORBIDDEN
        if cell.seat.level not in demand.levels:
            return Verdict.FORBIDDEN
    return None


def _of_step(cell: Cell, flow: WorkflowDecl, step: TransitionDecl, state: str) -> Verdict:
    """By the workflow's own declaration. Of a line that is off, the posts that made a step make it where a clock obliges to it
    or the applicant withdraws; all else waits."""
    if step.permission not in rights_of(cell.role, cell.on, flow.plugin):
        return Verdict.FORBIDDEN
    owed = step.permission == WITHDRAW or any(state in clock.starts_in for clock in flow.deadlines if not clock.waiting)
    goes_on = flow.plugin in lines(cell.on) or owed
    here = dict(cell.errand.states)[STANDING.code] == "open"
    return Verdict.ALLOWED if state in step.sources and goes_on and here else Verdict.CONFLICT


def _state_allows(errand: Errand) -> bool:
    return all(
        state in demand.states | demand.again
        for demand in errand.demands
        for code, state in errand.states
        if demand.of is not None and demand.of.code == code
    )
