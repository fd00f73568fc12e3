"""Opening cases and moving them along, for all service lines (domain 2, 4).

Every function takes many cases at once and never commits. What a transition checks and does stands in ``core.cases.engine``.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.cases import engine, repository
from core.cases.deadlines import start_clocks
from core.cases.forms import is_confidential, read_form
from core.cases.models import Case, CaseDecision, CaseStep, Deadline, Party
from core.cases.sealing import form_of, sealed_form
from core.cases.workflows import programme_named, state_of, workflow_named, workflow_of, workflows_of
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.documents.models import Document
from core.errors import Conflict, Forbidden, InvalidInput
from core.host.declarations import GuardVerdict, TransitionDecl, WorkflowDecl
from core.people.models import SearchToken
from core.scope import Scope, current_scope
from core.tenancy.service import next_numbers
from core.text.normalise import fold, fold_name
from core.text.pinyin import name_pinyin
from core.trail.service import record


@dataclass(frozen=True, slots=True)
class NewParty:
    """Who takes part (当事人): a person or household on file, or only the name given."""

    role: str
    person_id: uuid.UUID | None = None
    household_id: uuid.UUID | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be opened. ``workflow`` names the plugin's workflow; its newest version is pinned.

    ``handlers`` makes the case confidential: only those accounts see it. ``opening_key`` makes opening safe to repeat.
    """

    plugin: str
    workflow: str
    parties: tuple[NewParty, ...]
    programme: str | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    determination_id: uuid.UUID | None = None
    requested_fen: int | None = None
    opening_key: str | None = None
    handlers: Sequence[str] | None = None


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


def open_cases(session: Session, drafts: Sequence[NewCase]) -> list[Case]:
    """Open cases; the actor becomes their clerk (经办人). A draft whose opening key was used gives that case again.

    Raises ``Forbidden`` where the line is off or the post may not, ``InvalidInput`` for a form or parties that do not fit.
    """
    scope = current_scope()
    known = repository.cases_by_opening_key(session, [draft.opening_key for draft in drafts if draft.opening_key])
    flows = {name: workflow_named(name) for name in {draft.workflow for draft in drafts}}
    for name, plugin in {(draft.workflow, draft.plugin) for draft in drafts}:
        _may_open(scope, flows[name], plugin)
    fresh: list[tuple[NewCase, Case]] = []
    opened: list[Case] = []
    for draft in drafts:
        case = known.get(draft.opening_key) if draft.opening_key else None
        if case is None:
            case = _made(session, draft, flows[draft.workflow], scope)
            fresh.append((draft, case))
            if draft.opening_key:
                known[draft.opening_key] = case
        opened.append(case)
    if fresh:
        _store(session, fresh, flows)
    return opened


def _may_open(scope: Scope, flow: WorkflowDecl, plugin: str) -> None:
    if flow.plugin != plugin:
        raise InvalidInput(f"流程 {flow.name} 不属于该业务", f"the workflow belongs to {flow.plugin}", where=plugin)
    if plugin not in scope.plugins:
        raise Forbidden(
            "本单位未启用该业务",
            f"the service line {plugin} is switched off here",
            where=plugin,
            mend_zh="请联系本级管理员启用",
            mend_en="ask the tenant's administrator to switch it on",
        )
    scope.require(flow.open_permission)


def _made(session: Session, draft: NewCase, flow: WorkflowDecl, scope: Scope) -> Case:
    _check_parties(draft, flow)
    if draft.programme is not None and programme_named(draft.programme).plugin != draft.plugin:
        raise InvalidInput("救助项目不属于该业务", "the programme is another line's", where=draft.programme)
    values = read_form(flow.form, draft.form)
    handlers = list(draft.handlers) if draft.handlers is not None else None
    if handlers is None and is_confidential(flow.form, values):
        handlers = [scope.actor]
    if handlers is not None and scope.actor not in handlers:
        raise InvalidInput(
            "登记人应列为承办人", "whoever registers a confidential case is one of its handlers", where="handlers"
        )
    case_id = new_id()
    return Case(
        id=case_id,
        plugin=draft.plugin,
        programme=draft.programme,
        workflow=flow.name,
        workflow_version=flow.version,
        state=flow.initial,
        clerk=scope.actor,
        opened_on=scope.business_date,
        form={} if handlers is not None else values,
        form_cipher=sealed_form(session, case_id, values) if handlers is not None else None,
        determination_id=draft.determination_id,
        requested_fen=draft.requested_fen,
        opening_key=draft.opening_key,
        handlers=handlers,
        version=1,
    )


def _check_parties(draft: NewCase, flow: WorkflowDecl) -> None:
    if not draft.parties:
        raise InvalidInput("请登记当事人", "a case needs a party", where="parties")
    if flow.needs_household and not any(party.household_id for party in draft.parties):
        raise InvalidInput(
            f"{flow.zh}须先建档、后帮扶",
            f"{flow.en} needs a household on file",
            where="parties",
            mend_zh="请先为该家庭建档",
            mend_en="open the household's file first",
        )


def _store(session: Session, fresh: Sequence[tuple[NewCase, Case]], flows: Mapping[str, WorkflowDecl]) -> None:
    scope = current_scope()
    by_prefix: dict[str, list[Case]] = defaultdict(list)
    for _, case in fresh:
        by_prefix[flows[case.workflow].number_prefix].append(case)
    year = scope.business_date.year
    for prefix, cases in sorted(by_prefix.items()):
        for number, case in zip(next_numbers(session, f"case:{prefix}", year, len(cases)), cases, strict=True):
            case.number = f"{prefix}-{year}-{number:04d}"
    session.add_all(case for _, case in fresh)
    session.flush()
    insert_rows(session, Party, [_party(case, party) for draft, case in fresh for party in draft.parties])
    insert_rows(session, CaseStep, [_opening(case, scope) for _, case in fresh])
    insert_rows(session, SearchToken, [token for draft, case in fresh for token in _search_tokens(draft, case)])
    start_clocks(session, [(case, flows[case.workflow]) for _, case in fresh])
    for _, case in fresh:
        fields = {"number": case.number, "plugin": case.plugin, "programme": case.programme}
        record(session, "case.open", "case", case.id, fields, handlers=case.handlers)


def _party(case: Case, party: NewParty) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "role": party.role,
        "person_id": party.person_id,
        "household_id": party.household_id,
        "label": party.label,
        "handlers": case.handlers,
    }


def _opening(case: Case, scope: Scope) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "seq": 1,
        "transition": "open",
        "source": "",
        "target": case.state,
        "actor": scope.actor,
        "business_date": scope.business_date,
        "handlers": case.handlers,
    }


def _search_tokens(draft: NewCase, case: Case) -> list[dict[str, Any]]:
    words = {fold(case.number)}
    for party in draft.parties:
        if party.label and party.role not in ("household", "anonymous"):
            read = name_pinyin(party.label)
            words |= {fold_name(party.label), read.full, read.initials}
    return [{"token": word, "subject_kind": "case", "subject_id": case.id, "handlers": case.handlers} for word in sorted(words)]


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
    return engine.make(session, case_ids, "paid", settling=True)


def next_steps(session: Session, case: Case) -> list[StepOffer]:
    """The transitions that the case's state offers, in the order of the declaration, each with its conditions."""
    scope, flow = current_scope(), workflow_of(session, case)
    moves = [engine.Move(case, flow, step, case.state) for step in flow.transitions if case.state in step.sources]
    offers = []
    for move in moves:
        verdicts = engine.judged(session, [move])[case.id]
        step = move.transition
        if case.is_outside:
            verdicts.append(GuardVerdict(False, "对方单位答复或退回后方可办理", "needs the other union's answer first"))
        if step.decision and case.clerk == scope.actor:
            verdicts.append(GuardVerdict(False, "须由经办人以外的审批人办理", "needs someone other than the clerk"))
        if not scope.may(step.permission):
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
