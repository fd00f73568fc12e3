"""Taking away what need not be kept any longer (到期清理): sent items of the outbox, sessions that are over, sign-ins,
spreadsheets that nobody has imported, printed files that nobody has fetched.

The trail and the read log are never deleted. Everything else that tells who did what is kept for ``log_months``, six at least:
the database itself lets nothing younger go (``core.db.rules.KEPT_MONTHS``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Delete, delete, func
from sqlalchemy.orm import Session

from core.host.declarations import ChunkPlan, JobKindDecl, Recurrence
from core.identity.models import SeenToken, StaffSession
from core.jobs.models import OutboxItem
from core.jobs.service import tree_chunks
from core.parameters.service import resolve, set_by_levels
from core.people.imports.service import discard_overdue
from core.printing.waiting import expire
from core.scope import Level, current_scope
from core.trail.models import SignInEvent
from core.trail.names import HOUSEKEEPING, LOG_MONTHS


def kept_months(session: Session) -> int:
    """How many months logs are kept in the tenant in scope: the longest that a level has set, since a level below may keep them
    longer, but not shorter."""
    on = current_scope().business_date
    return max([int(resolve(session, on).value(LOG_MONTHS)), *map(int, set_by_levels(session, LOG_MONTHS, on).values())])


def clean(session: Session) -> dict[str, int]:
    """Take away what the tenant in scope need not keep, and for the province what belongs to the whole installation; how many
    rows of each. Safe to run twice."""
    scope = current_scope()
    before = func.now() - func.make_interval(0, kept_months(session))
    gone = {"imports": discard_overdue(session), "printed": expire(session)} if scope.level is Level.COUNTY else {}
    gone |= {"outbox": _gone(session, delete(OutboxItem).where(OutboxItem.at < before, OutboxItem.sent_at < before))}
    if scope.level is Level.PROVINCE:
        gone["sessions"] = _gone(
            session, delete(StaffSession).where(StaffSession.created_at < before, StaffSession.expires_at < before)
        )
        gone["sign_ins"] = _gone(session, delete(SignInEvent).where(SignInEvent.at < before))
        gone["seen_tokens"] = _gone(session, delete(SeenToken).where(SeenToken.expires_at < func.now()))
    return gone


def _gone(session: Session, statement: Delete) -> int:
    result: Any = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)


def _plan(session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return tree_chunks(session)


def _run(session: Session, _params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return clean(session)


def _sum(_session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    names = sorted({name for result in results for name in result})
    return {name: sum(int(result.get(name, 0)) for result in results) for name in names}


JOBS = (
    JobKindDecl(
        HOUSEKEEPING,
        "到期清理",
        "take away what need not be kept",
        _plan,
        _run,
        _sum,
        fan_out=True,
        levels=frozenset({Level.PROVINCE}),
        recurs=Recurrence(hour=3),
    ),
)
