"""A county with an object in each state of each kind, brought there by the acts that lead there, made when first asked for."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from core.audit.models import AuditFinding
from core.audit.service import answer_finding
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, close_paid, open_cases
from core.cases.workflows import POST_NOTICE
from core.codes import code_list
from core.documents.models import Document
from core.documents.service import withdraw_document
from core.errors import Conflict, InvalidInput
from core.exchange.envelopes import envelopes
from core.exchange.matters import MATTER, answer, hand_over, take
from core.exchange.models import Envelope
from core.funds.models import PaymentAttempt, PaymentBatch
from core.funds.repository import attempts
from core.funds.reversals import decide_reversal, tell_reversal
from core.funds.service import (
    approve_batch,
    approve_grants,
    cancel_batch,
    prepare_batch,
    send_batch,
    take_return,
)
from core.host.declarations import FormField, WorkflowDecl
from core.host.manager import host
from core.jobs.service import cancel_job, start_job
from core.notices.service import answer_objection, post_notice, raise_objection
from core.surveys.service import determine, open_round
from core.web.pages.words import newest_workflows
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.funds_story import draft, needs, totals
from tests.core.lines import LINES, PETITION, papers
from tests.matrix.declared import CASES_OF, POSTED
from tests.matrix.ground import APPROVER, CLERK, DECIDER, MANAGER, PAYER, Thing
from tests.matrix.offices import Offices
from tests.web.county import LATER, Acting, deliver_all, money_in, open_county, relief_cases

LEGAL = {
    "matter": "labour_dispute",
    "way": "advice",
    "person_kind": "worker_in_difficulty",
    "opponent": "某公司",
    "facts": "拖欠工资",
}


class World(Offices):
    """The county and its objects. ``shared`` gives one object of a kind in a state, ``spare`` one of its own to be changed."""

    def __init__(self, db: Database, acting: Acting, roster: Path) -> None:
        super().__init__(db, acting)
        self._shared: dict[tuple[str, str, str], Thing] = {}
        open_county(db, acting, roster)
        for name in sorted(set(host().infos) - LINES - host().always_on):
            for tenant in (COUNTY, OTHER_COUNTY, PREFECTURE):
                self.owner(
                    "insert into tenant_plugin (tenant, plugin, enabled, version) values (:tenant, :name, true, 1)",
                    tenant=tenant, name=name,
                )  # fmt: skip
        # prefectures steer their counties as the declared level says
        self.owner(
            "insert into tenant_parameter (tenant, id, name, valid_from, value, source, clause, actor)"
            " values (:tenant, gen_random_uuid(), 'prefectures_keep_counties', '2025-01-02', 'true', 'x', 'x', 'system:test')",
            tenant=PROVINCE,
        )
        with self._at(CLERK) as session:
            determine(session, open_round(session, 2025).id)
            money_in(session)
        with self._at(CLERK) as session:
            self.household, relief = relief_cases(session)
            papers(session, relief)
            self._relief = deque(case.id for case in relief)
        self._makers: dict[str, Callable[[str, str], Thing]] = {
            "case": lambda state, _: self._standing(state),
            "document": lambda state, _: self._document(state),
            "payment_batch": lambda state, _: self._paid_together(state),
            "payment": lambda state, _: self._payment(state),
            "payment_reversal": lambda state, _: self._reversal(state),
            "objection": lambda state, _: self._objection(state),
            "audit_finding": lambda state, _: self._finding(state),
            "matter": lambda state, _: self._matter(state),
            "parameter_proposal": lambda state, _: self._proposal(state),
            "roster_import": lambda state, _: self._import(state),
            "job": self._job,
            "account": self._account,
            "post": self._post,
            "survey_round": lambda state, _: self._round(state),
            "plugin": lambda state, _: self._switched(state),
            "opening_balance": lambda state, _: self._opening(state),
            "handler_change": lambda state, _: self._change("leader", state, asked_here=True),
            "handler_change:leader": lambda state, _: self._change("leader", state),
            "handler_change:vice_chair": lambda state, _: self._change("vice_chair", state),
        }

    def shared(self, kind: str, state: str, tenant: str = COUNTY) -> Thing:
        """The object of a kind in a state that cells share which change nothing."""
        key = (kind, state, tenant)
        if key not in self._shared:
            self._shared[key] = self.spare(kind, state, tenant)
        return self._shared[key]

    def spare(self, kind: str, state: str, tenant: str = COUNTY) -> Thing:
        """A new object of a kind in a state."""
        if kind.startswith("case:"):
            return self._of_case(self._case(newest_workflows()[kind.removeprefix("case:")], state))
        return self._makers[kind](state, tenant)

    def _of_case(self, case_id: uuid.UUID) -> Thing:
        with self._at(CLERK) as session:
            case = session.get_one(Case, (COUNTY, case_id))
            return Thing({"case_id": case.id}, {"case": str(case.id)}, case.version)

    # Cases

    def _case(self, flow: WorkflowDecl, state: str) -> uuid.UUID:
        """A case of a workflow, led to a state by its own steps; ``outside`` is with another union."""
        if flow.name == POSTED:
            case_id = self._relief.popleft()
        else:
            parties = [NewParty("applicant", label="李明")]
            if flow.needs_household:
                parties.append(NewParty("household", household_id=self.household))
            with self._at(CLERK) as session:
                [case] = open_cases(session, [NewCase(flow.plugin, flow.name, tuple(parties), form=filled(flow))])
                papers(session, [case])
                case_id = case.id
        if state == "outside":
            with self._at(CLERK) as session:
                hand_over(session, case_id, PREFECTURE, "涉及两个县")
            return case_id
        try:
            for code in _way(flow, state):
                self._step(case_id, code)
        except (Conflict, InvalidInput):
            if flow.plugin in LINES:
                raise
            # a line may ask for more than this county has; the state is what is looked at here
            closed = TODAY if next(one for one in flow.states if one.code == state).closed else None
            self.owner("update case_record set state = :s, closed_on = :day where id = :id", s=state, day=closed, id=case_id)
        return case_id

    def _step(self, case_id: uuid.UUID, code: str) -> None:
        if code == POST_NOTICE:
            with self._at(CLERK) as session:
                post_notice(session, [case_id], "公示")
        elif code == "paid":
            with self._at("system:paid", LATER) as session:
                close_paid(session, [case_id])
        else:
            with self._at(DECIDER, LATER) as session:
                advance(session, [case_id], code, "记录")
        if code == "hand_up":
            self._answered_above(case_id)

    def _answered_above(self, case_id: uuid.UUID) -> None:
        """The union above answers, so that the case goes on here."""
        deliver_all(self._acting)
        with self._at(CLERK) as session:
            sent = session.scalars(select(Envelope.envelope_id).where(Envelope.case_id == case_id)).one()
        with self._at(CLERK, tenant=PREFECTURE) as session:
            answer(session, sent, "请依法答复")
        deliver_all(self._acting, PREFECTURE)

    def _standing(self, state: str) -> Thing:
        flow = newest_workflows()[CASES_OF["case"]]
        return self._of_case(self._case(flow, {"open": flow.initial}.get(state, state)))

    def _document(self, state: str) -> Thing:
        case_id = self._case(newest_workflows()[CASES_OF["document"]], "registered")
        with self._at(CLERK) as session:
            paper = session.scalars(select(Document.id).where(Document.case_id == case_id).limit(1)).one()
            if state == "withdrawn":
                withdraw_document(session, paper, "重复")
        return Thing({"case_id": case_id, "document_id": paper})

    # Money

    def _batch(self, state: str, *, failed: bool = False) -> PaymentBatch:
        with self._at(CLERK) as session:
            [need] = needs(session, 1)
        self.owner("update case_record set state = 'approved' where id = :id", id=need.case_id)
        with self._at(DECIDER) as session:
            [grant] = approve_grants(session, [draft(need)])
        with self._at(MANAGER) as session:
            batch = prepare_batch(session, year=2025, key=f"matrix-{next(self._serial)}", grant_ids=[grant.id])
            if state == "cancelled":
                cancel_batch(session, batch.id, "重新编制")
        if state in {"approved", "sent", "returned"}:
            with self._at(APPROVER) as session:
                approve_batch(session, batch.id)
        if state in {"sent", "returned"}:
            with self._at(PAYER) as session:
                send_batch(session, batch.id)
        if state == "returned":
            with self._at(PAYER) as session:
                reasons = {attempts(session, batch.id)[0].id: "name_mismatch"} if failed else {}
                take_return(session, batch.id, reasons, totals(session, batch.id, reasons))
        return batch

    def _paid_together(self, state: str) -> Thing:
        batch = self._batch(state)
        return Thing({"batch_id": batch.id}, {"paid_items": "1", "paid_total": f"{batch.total_fen // 100}.00"})

    def _attempt(self, batch: PaymentBatch) -> PaymentAttempt:
        with self._at(PAYER) as session:
            return attempts(session, batch.id)[0]

    def _payment(self, state: str) -> Thing:
        leads = {"open": "draft", "cancelled": "cancelled"}
        batch = self._batch(leads.get(state, "returned"), failed=state == "failed")
        form = {"attempt": str(self._attempt(batch).id), "back_reason": "account_closed", "slip": f"T-{next(self._serial)}"}
        return Thing({"batch_id": batch.id}, form)

    def _reversal(self, state: str) -> Thing:
        batch = self._batch("returned")
        attempt = self._attempt(batch)
        with self._at(PAYER) as session:
            told = tell_reversal(session, attempt.id, reason="account_closed", slip=f"T-{next(self._serial)}")
        if state != "told":
            with self._at(APPROVER) as session:
                decide_reversal(session, told.id, approved=state == "approved")
        return Thing({"batch_id": batch.id, "reversal_id": told.id})

    # Notices, findings, matters, jobs

    def _objection(self, state: str) -> Thing:
        case_id = self._case(newest_workflows()["living_relief"], "verified")
        with self._at(CLERK) as session:
            batch = post_notice(session, [case_id], "公示")
            objection = raise_objection(session, "名下有商品房", batch_id=batch.id, case_id=case_id, contact="13800001234")
        if state == "answered":
            with self._at(DECIDER) as session:
                answer_objection(session, objection.id, "rejected", "不属实")
        return Thing({"batch_id": batch.id, "objection_id": objection.id}, {"outcome": "rejected"})

    def _finding(self, state: str) -> Thing:
        with self._at("system:audit") as session:
            finding = AuditFinding(
                year=2025, check_code="test", severity="major", fingerprint=str(next(self._serial)), title="发放早于审批",
                subject_kind="tenant", clause="domain 7.2", found_on=TODAY, due_on=LATER,
            )  # fmt: skip
            session.add(finding)
            session.flush()
            if state != "open":
                answer_finding(session, finding.id, state=state, answer="已核实")
            return Thing({"finding_id": finding.id}, version=finding.version)

    def _matter(self, state: str) -> Thing:
        with self._at(CLERK, tenant=OTHER_COUNTY) as session:
            new = NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=PETITION)
            [case] = open_cases(session, [new])
            sent = hand_over(session, case.id, COUNTY, "用人单位在贵县").envelope_id
        deliver_all(self._acting, OTHER_COUNTY)
        with self._at(CLERK) as session:
            assert sent in {found.envelope_id for found in envelopes(session, "in", kind=MATTER)}
            if state == "taken":
                take(session, sent)
            elif state != "delivered":
                answer(session, sent, "已处理", outcome=state)
        return Thing({"envelope_id": sent}, {"outcome": "answered"})

    def _job(self, state: str, tenant: str) -> Thing:
        with self._at("system:job", tenant=tenant) as session:
            job = start_job(session, "survey", f"matrix-{next(self._serial)}", {"year": 2020})
            if state == "cancelled":
                cancel_job(session, job.id)
        if state in {"running", "done", "failed"}:
            self.owner("update job set state = :state where id = :id", state=state, id=job.id)
        return Thing({"job_id": job.id})


def filled(flow: WorkflowDecl) -> dict[str, str]:
    """A workflow's form with what it requires, filled so that the case is an ordinary one."""
    return {field.name: _sample(field) for field in flow.form.fields if field.required}


def _sample(field: FormField) -> str:
    if field.kind == "choice":
        listed = code_list(field.code_list).items if field.code_list is not None else ()
        codes = [item.code for item in listed if not item.old and not item.extra.get("confidential")]
        return [*codes, *(code for code, _ in field.choices)][0]
    return {"money": "100", "date": TODAY.isoformat(), "integer": "1", "yes_no": "no"}.get(field.kind, "样例")


def _way(flow: WorkflowDecl, state: str) -> list[str]:
    """The shortest way of steps from a workflow's beginning to one of its states."""
    ways = {flow.initial: list[str]()}
    waiting = deque([flow.initial])
    while waiting:
        here = waiting.popleft()
        for step in flow.transitions:
            if here in step.sources and step.target not in ways:
                ways[step.target] = [*ways[here], step.code]
                waiting.append(step.target)
    return ways[state]
