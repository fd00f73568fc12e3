"""Opening cases and moving them along, for all service lines (domain 2, 4).

Every function takes many cases at once and never commits. What opening does stands in ``core.cases.opening``, what a
transition checks and does in ``core.cases.engine``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.cases import engine, repository
from core.cases.models import Case, CaseDecision, CaseStep, Deadline, Party
from core.cases.opening import NewCase, NewParty, open_cases, openable
from core.cases.sealing import form_of
from core.cases.switched_off import permissions_with, steps_open
from core.cases.workflows import PAID, state_of, workflow_of, workflows_of
from core.documents.models import Document
from core.errors import Conflict
from core.host.declarations import GuardVerdict, TransitionDecl, WorkflowDecl
from core.scope import current_scope
from core.trail.service import record

__all__ = [
    "CaseView",
    "DueItem",
    "NewCase",
    "NewParty",
    "StepOffer",
    "advance",
    "assign",
    "case_counts",
    "case_view",
    "close_paid",
    "due_items",
    "list_cases",
    "next_steps",
    "open_cases",
    "openable",
]


@dataclass(frozen=True, slots=True)
class StepOffer:
    """A transition that the case's state offers, whether this actor may make it now, and what stands in the way."""

    transition: TransitionDecl
    allowed: bool
    verdicts: tuple[GuardVerdict, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """All of one case for its page."""

    case: Case
    workflow: WorkflowDecl
    form: Mapping[str, Any]
    parties: Sequence[Party]
    steps: Sequence[CaseStep]
    decisions: Sequence[CaseDecision]
    deadlines: Sequence[Deadline]
    documents: Sequence[Document]
    offers: Sequence[StepOffer]


@dataclass(frozen=True, slots=True)
class DueItem:
    """A running deadline (待办期限). ``days_left`` is negative once it is overdue."""

    id: uuid.UUID
    case_id: uuid.UUID
    number: str
    plugin: str
    state: str
    kind: str
    zh: str
    en: str
    clause: str
    due_on: date
    provisional: bool
    days_left: int


def advance(
    session: Session,
    case_ids: Sequence[uuid.UUID],
    transition: str,
    note: str | None = None,
    *,
    versions: Mapping[uuid.UUID, int] | None = None,
) -> list[Case]:
    """Make one transition on all cases, or on none (流转).

    Raises ``Forbidden`` (permission, own case), ``Conflict`` (state, ``GuardsNotMet``), ``InvalidInput`` (note missing),
    ``PreconditionFailed`` (a case changed since ``versions``), ``NotFound``.
    """
    return engine.make(session, case_ids, transition, note, versions=versions)


def close_paid(session: Session, case_ids: Sequence[uuid.UUID]) -> list[Case]:
    """Close the cases whose grants are paid in full (已发放). Called by the payments alone: no post may do it by hand."""
    if not case_ids:
        return []
    return engine.make(session, case_ids, PAID, settling=True)


def next_steps(session: Session, case: Case) -> list[StepOffer]:
    """The transitions that the case's state offers, in the order of the declaration, each with its conditions."""
    scope, flow = current_scope(), workflow_of(session, case)
    moves = [engine.Move(case, flow, step, case.state) for step in flow.transitions if case.state in step.sources]
    held, goes_on = permissions_with(session, [flow.plugin]), steps_open(flow, flow.transitions, case.state)
    offers = []
    for move in moves:
        verdicts = engine.judged(session, [move])[case.id]
        step = move.transition
        if case.is_outside:
            verdicts.append(GuardVerdict(False, "对方单位答复或退回后方可办理", "needs the other union's answer first"))
        if step.decision and case.clerk in scope.persons:
            verdicts.append(GuardVerdict(False, "须由经办人以外的审批人办理", "needs someone other than the clerk"))
        if not goes_on[step.code]:
            verdicts.append(GuardVerdict(False, "业务已停用，暂停办理", "the line is off, so the case waits"))
        if step.permission not in held:
            verdicts.append(GuardVerdict(False, "您的岗位不能办理此环节", "your post may not make this step"))
        offers.append(StepOffer(step, all(verdict.passed for verdict in verdicts), tuple(verdicts)))
    return offers


def assign(session: Session, case_ids: Sequence[uuid.UUID], actor: str) -> list[Case]:
    """Have ``actor`` handle the cases from now on (指派承办人). Confidential cases are assigned among their handlers."""
    current_scope().require("case.assign")
    cases = repository.cases_named(session, case_ids, lock=True)
    for case in cases:
        if case.handlers is not None and actor not in case.handlers:
            raise Conflict("该个案保密，只能由指定承办人办理", "only its named handlers may be assigned", where=case.number)
        case.assigned_to = actor
        case.version += 1
        record(session, "case.assign", "case", case.id, {"to": actor}, handlers=case.handlers)
    session.flush()
    return cases


def list_cases(
    session: Session,
    plugin: str | None = None,
    state: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[repository.CaseLine]:
    """A page of cases, newest first; ``after`` is the id of the last one seen."""
    current_scope().require("case.read")
    return repository.case_lines(session, plugin=plugin, state=state, after=after, limit=min(max(limit, 1), 500))


def case_counts(session: Session, plugin: str | None = None) -> dict[tuple[str, str], int]:
    """Number of cases by (plugin, state), for the tabs of a list."""
    current_scope().require("case.read")
    return repository.counts_by_state(session, plugin)


def case_view(session: Session, case_id: uuid.UUID) -> CaseView:
    """Everything that the page of one case shows; raises ``NotFound``, also for a case confidential to others."""
    from core.documents.repository import documents_of

    current_scope().require("case.read")
    case = repository.cases_named(session, [case_id])[0]
    steps, decisions, deadlines = repository.history_of(session, case_id)
    return CaseView(
        case=case,
        workflow=workflow_of(session, case),
        form=form_of(session, case),
        parties=repository.parties_of(session, [case_id])[case_id],
        steps=steps,
        decisions=decisions,
        deadlines=deadlines,
        documents=documents_of(session, [case_id])[case_id],
        offers=next_steps(session, case),
    )


def due_counts(session: Session, until: date) -> dict[date, int]:
    """How many of the deadlines of ``due_items`` fall due on each day, all pages together."""
    current_scope().require("case.read")
    return repository.counts_by_due_day(session, until)


def due_items(session: Session, until: date, *, after: tuple[date, uuid.UUID] | None = None, limit: int = 50) -> list[DueItem]:
    """A page of the deadlines by which a step is owed up to ``until``, soonest first; also of lines that were switched off
    since. ``after`` is day and id of the last one seen. A period that must only pass (公示期) is nothing to do and is not
    among them."""
    scope = current_scope()
    scope.require("case.read")
    rows = repository.running_deadlines(session, until, after, limit)
    flows = workflows_of(session, [case for _, case in rows])
    items = []
    for deadline, case in rows:
        clocks = {clock.kind: clock for clock in flows[case.workflow, case.workflow_version].deadlines}
        clock = clocks.get(deadline.kind)
        items.append(
            DueItem(
                id=deadline.id,
                case_id=case.id,
                number=case.number,
                plugin=case.plugin,
                state=state_of(flows[case.workflow, case.workflow_version], case.state).zh,
                kind=deadline.kind,
                zh=clock.zh if clock else deadline.kind,
                en=clock.en if clock else deadline.kind,
                clause=deadline.clause,
                due_on=deadline.due_on,
                provisional=deadline.provisional,
                days_left=(deadline.due_on - scope.business_date).days,
            )
        )
    return items
