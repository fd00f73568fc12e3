"""What the line does: one service for its page, its resource and its job."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bangfu_kit_sample.models import Visit
from bangfu_kit_sample.names import NAME, RECORD
from core.cases.models import Case
from core.db.statements import among
from core.errors import InvalidInput, NotFound
from core.scope import current_scope
from core.trail.service import record


def record_visit(session: Session, number: str, note: str) -> Visit:
    """Keep a visit to the case with this number. Raises ``Forbidden``, ``InvalidInput`` (no note) and ``NotFound`` (no open
    case)."""
    scope = current_scope()
    scope.require(RECORD)
    if not note.strip():
        raise InvalidInput(
            "请填写走访情况",
            "say what was seen",
            where="note",
            mend_zh="写明见到谁、有何需求",
            mend_en="who was met, what is needed",
        )
    case = session.scalar(select(Case).where(Case.number == number.strip(), Case.plugin == NAME, Case.closed_on.is_(None)))
    if case is None:
        raise NotFound("没有编号相符的在办个案", "no open case has this number", where="number")
    visit = Visit(case_id=case.id, made_on=scope.business_date, actor=scope.actor, note=note.strip())
    session.add(visit)
    session.flush()
    record(session, "kit_sample.visited", "case", case.id, {"visit": str(visit.id)}, handlers=case.handlers)
    return visit


def visits(session: Session, after: uuid.UUID | None = None, limit: int = 50) -> list[tuple[Visit, str]]:
    """Visits with the numbers of their cases, the newest first; ``after`` is the last one of the page before."""
    wanted = select(Visit, Case.number).join(Case, Case.id == Visit.case_id).order_by(Visit.id.desc()).limit(limit)
    if after is not None:
        wanted = wanted.where(Visit.id < after)
    return [(visit, number) for visit, number in session.execute(wanted)]


def visits_by_case(session: Session, case_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many visits each case has had; cases without one are absent."""
    counted = select(Visit.case_id, func.count()).where(among(Visit.case_id, case_ids)).group_by(Visit.case_id)
    return dict(session.execute(counted).all())
