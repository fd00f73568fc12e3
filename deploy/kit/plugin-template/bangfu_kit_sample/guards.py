"""Conditions of steps (流转条件): each judges many cases in a fixed number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from bangfu_kit_sample.names import LEAST_VISITS, VISITED
from bangfu_kit_sample.visits import visits_by_case
from core.cases.models import Case
from core.host.declarations import GuardDecl, GuardVerdict
from core.parameters.service import resolve
from core.scope import current_scope


def enough_visits(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """As many visits were made as the figure of policy asks for."""
    least = int(resolve(session, current_scope().business_date).value(LEAST_VISITS))
    made = visits_by_case(session, [case.id for case in cases])
    return {case.id: _verdict(made.get(case.id, 0), least) for case in cases}


def _verdict(made: int, least: int) -> GuardVerdict:
    if made >= least:
        return GuardVerdict(True, f"已走访 {made} 次", f"{made} visits were made")
    return GuardVerdict(False, f"已走访 {made} 次，至少 {least} 次方可办结", f"{made} of {least} visits were made")


GUARDS = (GuardDecl(VISITED, "完成走访", "enough visits were made", enough_visits),)
