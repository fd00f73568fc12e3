"""Clocks of cases (办理期限): started by entering a state, met by leaving it; calendar and working days (domain 8)."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.calendar import Due, WorkingCalendar, add_calendar_days
from core.cases.models import Case, Deadline
from core.cases.workflows import WITHDRAW
from core.db.bulk import insert_rows
from core.db.statements import among
from core.host.declarations import DeadlineDecl, WorkflowDecl
from core.parameters.models import WorkingDayException
from core.scope import current_scope

if TYPE_CHECKING:
    from core.cases.engine import Move


def working_calendar(session: Session) -> WorkingCalendar:
    """The calendar of working days with the notices that were entered since the built-in ones."""
    rows = {row.day: row.working for row in session.execute(select(WorkingDayException.day, WorkingDayException.working))}
    if not rows:
        return WorkingCalendar()
    built_in = WorkingCalendar()
    entered_years = {day.year for day in rows}
    notices: dict[int, dict[date, bool]] = defaultdict(dict)
    for day, working in rows.items():
        # The last days of a December that is already settled come from the next year's notice.
        next_notice = day.month == 12 and day.year + 1 in entered_years and built_in.is_settled(date(day.year, 6, 1))
        notices[day.year + next_notice][day] = working
    return WorkingCalendar(notices)


def days_of(session: Session, clock: DeadlineDecl) -> int:
    """How many days a clock gives: fixed by law, or the parameter as it stands on the business date."""
    if clock.parameter is None:
        return clock.days or 0
    from core.parameters.service import resolve

    return int(resolve(session, current_scope().business_date).value(clock.parameter))


def due_of(session: Session, clock: DeadlineDecl, calendar: WorkingCalendar | None = None) -> Due:
    """The last day of a clock that starts on the business date."""
    start, days = current_scope().business_date, days_of(session, clock)
    if clock.clock == "calendar":
        return Due(add_calendar_days(start, days), provisional=False)
    return (calendar or working_calendar(session)).add_working_days(start, days)


def start_clocks(session: Session, opened: Iterable[tuple[Case, WorkflowDecl]]) -> None:
    """Start the clocks of cases that enter their first state."""
    _start(session, [(case, clock) for case, flow in opened for clock in flow.deadlines if flow.initial in clock.starts_in])


def turn_clocks(session: Session, moves: Iterable[Move]) -> None:
    """Stop the clocks of states that are left and start those of states that are entered.

    A clock that was left by a step of the office is met; one that the applicant's withdrawal (撤回) leaves is cancelled:
    what was owed by it was not done and is owed no more.
    """
    left: dict[tuple[str, bool], list[uuid.UUID]] = defaultdict(list)
    entered: list[tuple[Case, DeadlineDecl]] = []
    for move in moves:
        for clock in move.workflow.deadlines:
            ran, runs = move.source in clock.starts_in, move.transition.target in clock.starts_in
            if ran and not runs:
                left[clock.kind, move.transition.permission == WITHDRAW].append(move.case.id)
            elif runs and not ran:
                entered.append((move.case, clock))
    day = current_scope().business_date
    for (kind, withdrawn), case_ids in sorted(left.items()):
        session.execute(
            update(Deadline)
            .where(
                among(Deadline.case_id, case_ids),
                Deadline.kind == kind,
                Deadline.met_on.is_(None),
                Deadline.cancelled_on.is_(None),
            )
            .values({Deadline.cancelled_on if withdrawn else Deadline.met_on: day}),
            execution_options={"synchronize_session": "fetch"},
        )
    _start(session, entered)


def _start(session: Session, started: list[tuple[Case, DeadlineDecl]]) -> None:
    if not started:
        return
    calendar = working_calendar(session)
    due = {clock: due_of(session, clock, calendar) for clock in {clock for _, clock in started}}
    rows = [
        {
            "case_id": case.id,
            "kind": clock.kind,
            "started_on": current_scope().business_date,
            "due_on": due[clock].on,
            "provisional": due[clock].provisional,
            "clause": clock.clause,
            "handlers": case.handlers,
        }
        for case, clock in started
    ]
    insert_rows(session, Deadline, rows)
