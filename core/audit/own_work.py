"""Nobody judges his own work: who filed, checked, decided or paid what a finding is about does not answer the finding
(domain 7.2, 12)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from core.audit.models import AuditFinding
from core.cases.models import Case, CaseDecision, CaseStep, HandlerChange
from core.errors import Forbidden
from core.funds.models import Grant, LedgerEntry, PaymentAttempt, PaymentBatch
from core.scope import current_scope


class OwnWork(Forbidden):
    """The finding is about something in which the actor, or whom he stands in for, had a part."""

    code = "own_work"


def refuse_own_work(session: Session, finding: AuditFinding) -> None:
    """Raise ``OwnWork`` where the actor, or one for whom he stands in, had a part in what the finding is about."""
    persons = current_scope().persons
    if not _had_a_part(session, finding, sorted(persons)):
        return
    raise OwnWork(
        "您或您代理的人员经办、审核、审批或发放过该问题所涉事项，不能由您答复",
        "you, or whom you stand in for, had a part in what the finding is about",
        where="finding",
        mend_zh="请由未参与办理的人员答复",
        mend_en="let somebody answer who had no part in it",
    )


def _had_a_part(session: Session, finding: AuditFinding, persons: Sequence[str]) -> bool:
    if finding.detail.get("actor") in persons:
        return True
    grants = _grants_of(session, finding)
    cases = {*_cases_of(finding), *(grant.case_id for grant in grants)}
    if any(grant.approved_by in persons for grant in grants):
        return True
    booked = select(LedgerEntry.id).where(LedgerEntry.id == finding.subject_id, LedgerEntry.actor.in_(persons))
    parts = [
        booked,
        select(HandlerChange.id).where(
            HandlerChange.id == finding.subject_id,
            or_(HandlerChange.asked_by.in_(persons), HandlerChange.decided_by.in_(persons)),
        ),
        select(Case.id).where(Case.id.in_(cases), Case.clerk.in_(persons)),
        select(CaseStep.id).where(CaseStep.case_id.in_(cases), CaseStep.actor.in_(persons)),
        select(CaseDecision.id).where(CaseDecision.case_id.in_(cases), CaseDecision.decided_by.in_(persons)),
        select(PaymentBatch.id)
        .join(PaymentAttempt, PaymentAttempt.batch_id == PaymentBatch.id)
        .where(
            PaymentAttempt.grant_id.in_([grant.id for grant in grants]),
            or_(
                PaymentBatch.prepared_by.in_(persons),
                PaymentBatch.approved_by.in_(persons),
                PaymentBatch.paid_by.in_(persons),
                PaymentBatch.returned_by.in_(persons),
            ),
        ),
    ]
    return any(session.scalars(part.limit(1)).first() is not None for part in parts)


def _cases_of(finding: AuditFinding) -> set[uuid.UUID]:
    """The cases that the finding names: its subject, and those that its evidence lists."""
    named = {uuid.UUID(case) for case in finding.detail.get("cases", ())}
    return named | {finding.subject_id} if finding.subject_kind == "case" and finding.subject_id else named


def _grants_of(session: Session, finding: AuditFinding) -> Sequence[Grant]:
    """The grants that the finding touches: of its cases, of its household, of its entry in the ledger."""
    entry = select(LedgerEntry.grant_id).where(LedgerEntry.id == finding.subject_id)
    touched: list[ColumnElement[bool]] = [Grant.case_id.in_(_cases_of(finding))]
    if finding.subject_kind == "household":
        touched.append(Grant.household_id == finding.subject_id)
    if finding.subject_kind == "ledger_entry":
        touched.append(Grant.id.in_(entry))
    return session.scalars(select(Grant).where(or_(*touched))).all()
