"""Whatever is tried, in whatever order, by whomever: a case stands in a declared state, reached by a declared step, and its
clerk never decided it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from core.cases.models import Case, CaseDecision, CaseStep, Deadline
from core.cases.service import NewCase, NewParty, advance, next_steps, open_cases
from core.cases.workflows import declared_workflows, workflow_named
from core.codes import code_list
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import withdraw_document
from core.errors import BangfuError
from tests.conftest import COUNTY, Database
from tests.core.lines import Acting, install, papers, post

ACTORS = st.sampled_from(["clerk", "approver", "third"])


@pytest.mark.slow
def test_no_case_leaves_its_workflow(acting: Acting, db: Database) -> None:
    install(db)
    workflow = workflow_named("legal_aid")
    chosen = {field.name: code_list(field.code_list).codes[0] for field in workflow.form.fields if field.code_list}
    draft = NewCase(
        "legal_aid",
        "legal_aid",
        (NewParty("applicant", label="李明"),),
        form={**chosen, "opponent": "某厂", "facts": "欠薪"},
    )
    codes = sorted({step.code for found in declared_workflows().values() for step in found.transitions})
    edges = {(source, step.code, step.target) for step in workflow.transitions for source in step.sources}
    decisive = {step.code for step in workflow.transitions if step.decision}

    class OneCase(RuleBasedStateMachine):
        @initialize(actor=ACTORS)
        def opened(self, actor: str) -> None:
            with post(acting, actor), unit_of_work() as session:
                self.case = open_cases(session, [draft])[0]
            self.clerk, self.state = actor, workflow.initial

        @rule(actor=ACTORS)
        def papers_come(self, actor: str) -> None:
            try:
                with post(acting, actor), unit_of_work() as session:
                    papers(session, [session.get_one(Case, (COUNTY, self.case.id))])
            except BangfuError:
                assert workflow_closed(self.state)

        @rule(actor=ACTORS)
        def a_paper_goes(self, actor: str) -> None:
            with post(acting, actor), unit_of_work() as session:
                query = select(Document.id).where(Document.case_id == self.case.id, Document.withdrawn_on.is_(None))
                if (found := session.scalar(query.limit(1))) is not None:
                    withdraw_document(session, found, "撤回")

        @rule(actor=ACTORS, code=st.sampled_from(codes), note=st.sampled_from([None, "记录"]))
        def step(self, actor: str, code: str, note: str | None) -> None:
            with post(acting, actor), unit_of_work() as session:
                offers = next_steps(session, session.get_one(Case, (COUNTY, self.case.id)))
                offered = {offer.transition.code for offer in offers if offer.allowed}
            try:
                with post(acting, actor), unit_of_work() as session:
                    [case] = advance(session, [self.case.id], code, note)
            except BangfuError:
                assert code not in offered or note is None
                return
            assert code in offered
            assert (self.state, code, case.state) in edges
            assert code not in decisive or actor != self.clerk
            self.state = case.state

        @invariant()
        def it_stands_where_its_steps_led(self) -> None:
            with post(acting, "third"), unit_of_work() as session:
                case = session.get_one(Case, (COUNTY, self.case.id))
                steps = session.scalars(select(CaseStep).where(CaseStep.case_id == case.id).order_by(CaseStep.seq)).all()
                assert [step.seq for step in steps] == list(range(1, len(steps) + 1))
                assert case.state == self.state == steps[-1].target
                assert (case.closed_on is not None) == workflow_closed(case.state)
                decisions = session.scalars(select(CaseDecision).where(CaseDecision.case_id == case.id))
                assert all(found.decided_by != found.clerk == self.clerk for found in decisions)
                clocks = session.scalars(
                    select(Deadline).where(
                        Deadline.case_id == case.id, Deadline.met_on.is_(None), Deadline.cancelled_on.is_(None)
                    )
                )
                running = {clock.kind for clock in workflow.deadlines if case.state in clock.starts_in}
                assert {clock.kind for clock in clocks} == running

    def workflow_closed(code: str) -> bool:
        return any(state.closed for state in workflow.states if state.code == code)

    quick = settings(max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OneCase, settings=quick)
