"""Queries of cases: many at once, never one per case."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, and_, any_, exists, func, literal, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.cases.models import Case, CaseDecision, CaseStep, Deadline, Party, WorkflowVersion
from core.db.statements import among, tenant_sql
from core.errors import NotFound
from core.funds.models import Grant
from core.people.duplicates.merging import MERGED, as_one
from core.people.duplicates.models import RecordMerge
from core.people.models import Household, Person, WorkerFile
from core.scope import current_scope
from core.surveys.models import Determination
from core.transfers.models import HouseholdTransfer


def of_lines_read() -> ColumnElement[bool]:
    """Condition: the case is of a line whose cases the actor reads. Who handles a confidential one, the database asks."""
    lines = current_scope().case_lines
    return true() if lines is None else Case.plugin.in_(sorted(lines))


def cases_named(session: Session, case_ids: Sequence[uuid.UUID], *, lock: bool = False, settling: bool = False) -> list[Case]:
    """The cases in the order of ``case_ids``; raises ``NotFound`` where one is not here or not for this actor.

    ``lock`` holds the rows until the commit, taken in one order so that two acts never wait for each other in a ring.
    ``settling``: the platform moves them because of another act, so the actor need not read their line.
    """
    query = select(Case).where(among(Case.id, case_ids), true() if settling else of_lines_read()).order_by(Case.id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = {case.id: case for case in session.scalars(query)}
    if absent := [case_id for case_id in case_ids if case_id not in found]:
        raise NotFound("没有此个案", "no such case", where=str(absent[0]))
    return [found[case_id] for case_id in dict.fromkeys(case_ids)]


def cases_by_opening_key(session: Session, keys: Sequence[str]) -> dict[str, Case]:
    """Cases that were already opened under these keys."""
    if not keys:
        return {}
    rows = session.scalars(select(Case).where(Case.opening_key == any_(literal(list(keys), ARRAY(Case.opening_key.type)))))
    return {case.opening_key: case for case in rows if case.opening_key is not None}


def parties_of(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Party]]:
    """Parties of each case, applicant first."""
    order = {"applicant": 0, "beneficiary": 1, "representative": 2, "agent": 3, "employer": 4, "anonymous": 5, "household": 6}
    found: dict[uuid.UUID, list[Party]] = {case_id: [] for case_id in case_ids}
    rows = session.scalars(select(Party).where(among(Party.case_id, found)))
    for party in sorted(rows, key=lambda row: (order[row.role], row.id)):
        found[party.case_id].append(party)
    return found


def last_steps(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Number of the last step of each case."""
    rows = session.execute(
        select(CaseStep.case_id, func.max(CaseStep.seq)).where(among(CaseStep.case_id, case_ids)).group_by(CaseStep.case_id)
    )
    return dict(rows.all())


def last_notes(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str | None]:
    """Note of the last step of each case."""
    steps = select(CaseStep.case_id, CaseStep.note).where(among(CaseStep.case_id, case_ids))
    rows = session.execute(steps.ext(distinct_on(CaseStep.case_id)).order_by(CaseStep.case_id, CaseStep.seq.desc()))
    return dict(rows.all())


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case on a list: ``names`` are its parties' labels, ``due_on`` its next running deadline."""

    id: uuid.UUID
    number: str
    plugin: str
    workflow: str
    workflow_version: int
    programme: str | None
    state: str
    names: tuple[str, ...]
    clerk: str
    assigned_to: str | None
    opened_on: date
    closed_on: date | None
    requested_fen: int | None
    due_on: date | None
    confidential: bool


def _next_due(session: Session, case_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, date]:
    rows = session.execute(
        select(Deadline.case_id, func.min(Deadline.due_on))
        .where(among(Deadline.case_id, case_ids), Deadline.met_on.is_(None), Deadline.cancelled_on.is_(None))
        .group_by(Deadline.case_id)
    )
    return dict(rows.all())


def case_lines(
    session: Session, *, plugin: str | None, state: str | None, after: uuid.UUID | None, limit: int
) -> list[CaseLine]:
    """A page of cases, newest first, after the case ``after``: three statements whatever the length."""
    query = select(Case).where(of_lines_read()).order_by(Case.id.desc()).limit(limit)
    if plugin is not None:
        query = query.where(Case.plugin == plugin)
    if state is not None:
        query = query.where(Case.state == state)
    if after is not None:
        query = query.where(Case.id < after)
    return lines_of(session, session.scalars(query).all())


def lines_of(session: Session, cases: Sequence[Case]) -> list[CaseLine]:
    """``cases`` as they stand on lists."""
    ids = [case.id for case in cases]
    parties, due = parties_of(session, ids), _next_due(session, ids)
    return [
        CaseLine(
            id=case.id,
            number=case.number,
            plugin=case.plugin,
            workflow=case.workflow,
            workflow_version=case.workflow_version,
            programme=case.programme,
            state=case.state,
            names=tuple(party.label for party in parties[case.id] if party.role != "household"),
            clerk=case.clerk,
            assigned_to=case.assigned_to,
            opened_on=case.opened_on,
            closed_on=case.closed_on,
            requested_fen=case.requested_fen,
            due_on=due.get(case.id),
            confidential=case.handlers is not None,
        )
        for case in cases
    ]


def counts_by_state(session: Session, plugin: str | None) -> dict[tuple[str, str], int]:
    """Number of cases by (plugin, state)."""
    query = select(Case.plugin, Case.state, func.count()).where(of_lines_read()).group_by(Case.plugin, Case.state)
    if plugin is not None:
        query = query.where(Case.plugin == plugin)
    return {(name, state): number for name, state, number in session.execute(query)}


def history_of(session: Session, case_id: uuid.UUID) -> tuple[list[CaseStep], list[CaseDecision], list[Deadline]]:
    """Steps, decisions and deadlines of one case, oldest first."""
    steps = session.scalars(select(CaseStep).where(CaseStep.case_id == case_id).order_by(CaseStep.seq)).all()
    decisions = session.scalars(select(CaseDecision).where(CaseDecision.case_id == case_id).order_by(CaseDecision.id)).all()
    deadlines = session.scalars(
        select(Deadline).where(Deadline.case_id == case_id).order_by(Deadline.started_on, Deadline.id)
    ).all()
    return list(steps), list(decisions), list(deadlines)


def _owed(session: Session, until: date) -> ColumnElement[bool]:
    """A deadline runs, falls due up to ``until``, and somebody owes a step by it: not a period that must only pass."""
    clocks = select(WorkflowVersion.name, WorkflowVersion.version, WorkflowVersion.definition["deadlines"])
    passing = [
        (name, version, clock["kind"])
        for name, version, declared in session.execute(clocks)
        for clock in declared or ()
        if clock.get("waiting")
    ]
    runs = and_(Deadline.due_on <= until, Deadline.met_on.is_(None), Deadline.cancelled_on.is_(None))
    clock_of = tuple_(Case.workflow, Case.workflow_version, Deadline.kind)
    return and_(runs, clock_of.not_in(passing)) if passing else runs


def running_deadlines(
    session: Session, until: date, after: tuple[date, uuid.UUID] | None, limit: int
) -> list[tuple[Deadline, Case]]:
    """Deadlines by which a step is owed up to ``until``, soonest first, with their cases; ``after`` is the key of the last
    one seen."""
    query = (
        select(Deadline, Case)
        .join(Case, (Case.tenant == Deadline.tenant) & (Case.id == Deadline.case_id))
        .where(_owed(session, until), of_lines_read())
        .order_by(Deadline.due_on, Deadline.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Deadline.due_on, Deadline.id) > after)
    return [(deadline, case) for deadline, case in session.execute(query)]


def counts_by_due_day(session: Session, until: date) -> dict[date, int]:
    """How many of these deadlines fall due on each day."""
    query = (
        select(Deadline.due_on, func.count())
        .join(Case, (Case.tenant == Deadline.tenant) & (Case.id == Deadline.case_id))
        .where(_owed(session, until), of_lines_read())
        .group_by(Deadline.due_on)
    )
    return dict(session.execute(query).all())


def cases_of_households(session: Session, household_ids: Iterable[uuid.UUID], *, alone: bool = False) -> list[CaseLine]:
    """Cases in which one of the households, or (but ``alone``) one that counts as it, is a party, newest first."""
    homes = set(household_ids)
    if not alone:
        homes |= {one for group in as_one(session, homes).values() for one in group}
    query = (
        select(Case)
        .where(Case.id.in_(select(Party.case_id).where(among(Party.household_id, homes))), of_lines_read())
        .order_by(Case.id.desc())
    )
    return lines_of(session, session.scalars(query).all())


@dataclass(frozen=True, slots=True)
class FoundDue:
    """What a determination found due of its household, in fen by programme."""

    household_id: uuid.UUID
    amounts: Mapping[str, Any]


def amounts_determined(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, FoundDue]:
    """What determinations found due, by their ids."""
    asked = select(Determination.id, Determination.household_id, Determination.amounts)
    rows = session.execute(asked.where(among(Determination.id, ids)))
    return {row.id: FoundDue(row.household_id, row.amounts) for row in rows}


def open_one_by_one(session: Session) -> None:
    """Let the tenant's openings wait for each other until the commit, so that what each finds open stays so."""
    session.execute(tenant_sql("select pg_advisory_xact_lock(hashtext('case_opening' || :tenant))"))


def on_file(session: Session, persons: Iterable[uuid.UUID], households: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these persons and households the tenant has; a household that moved away, or came and may be here twice until
    somebody has looked, is not among them, nor who counts as another one."""
    merged = exists().where(RecordMerge.merged_id == Person.id, RecordMerge.undone_on.is_(None))
    found = set(session.scalars(select(Person.id).where(among(Person.id, persons), ~merged)))
    moved = select(WorkerFile.household_id).where(WorkerFile.status.in_(("moved", MERGED)))
    unsettled = select(HouseholdTransfer.household_id).where(
        HouseholdTransfer.direction == "in",
        HouseholdTransfer.household_id.is_not(None),
        HouseholdTransfer.twice != [],
        HouseholdTransfer.settled_as.is_(None),
    )
    here = among(Household.id, households), Household.id.not_in(moved), Household.id.not_in(unsettled)
    return found | set(session.scalars(select(Household.id).where(*here)))


def files_not_open(session: Session, households: Iterable[uuid.UUID]) -> list[tuple[str, str]]:
    """Number and state of the files of these households that are not on file."""
    asked = select(WorkerFile.file_number, WorkerFile.status).where(
        among(WorkerFile.household_id, households), WorkerFile.status != "on_file"
    )
    return [(number, status) for number, status in session.execute(asked.order_by(WorkerFile.file_number))]


@dataclass(frozen=True, slots=True)
class OpenRelief:
    """An open case of a programme and household; ``occurrence`` is its grant's, None before it was granted."""

    programme: str
    household_id: uuid.UUID
    number: str
    occurrence: str | None


def open_relief(session: Session, households: Iterable[uuid.UUID]) -> list[OpenRelief]:
    """Open cases of these households, oldest first; a case whose grant was released is over, though its file is open."""
    rows = session.execute(
        select(Case.programme, Party.household_id, Case.number, Grant.occurrence)
        .join(Party, (Party.tenant == Case.tenant) & (Party.case_id == Case.id))
        .join(Grant, (Grant.tenant == Case.tenant) & (Grant.case_id == Case.id), isouter=True)
        .where(
            among(Party.household_id, households),
            Case.closed_on.is_(None),
            or_(Grant.id.is_(None), Grant.state != "released"),
        )
        .order_by(Case.id)
    )
    return [
        OpenRelief(programme, household, number, occurrence)
        for programme, household, number, occurrence in rows
        if programme is not None and household is not None
    ]
