"""What a tenant sets of the built-in lines is read by them: follow-up, visit, papers, two people for a petition, the panel."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from core.cases.engine import GuardsNotMet
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents
from core.errors import InvalidInput
from plugins.legal_aid.policy import panel
from tenants.configuring import change_settings
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import PDF, PETITION, Acting, install, job_seeker, papers, post, with_key

PARTY = (NewParty("applicant", label="李明"),)
AID = {
    "matter": "labour_dispute",
    "way": "litigation",
    "person_kind": "migrant_worker",
    "opponent": "某公司",
    "facts": "拖欠工资",
}


@pytest.fixture(autouse=True)
def lines(db: Database, acting: Acting) -> None:
    install(db)
    with_key(acting)


def configure(acting: Acting, line: str, **values: Any) -> None:
    """The county sets values of a line."""
    with acting(COUNTY, actor="system:test"), unit_of_work() as session:
        change_settings(session, line, values=values, reason="主席办公会决定")


def walk(acting: Acting, ids: list[uuid.UUID], *steps: tuple[str, str], note: str = "情况属实", on: date = TODAY) -> None:
    for step, actor in steps:
        with post(acting, actor, on=on), unit_of_work() as session:
            advance(session, ids, step, note)


def test_a_placement_is_followed_up_once_the_months_have_passed(acting: Acting) -> None:
    configure(acting, "employment", follow_up_months=3)
    with post(acting, "clerk"), unit_of_work() as session:
        cases = job_seeker(session)
        papers(session, cases)
        ids = [case.id for case in cases]
    walk(acting, ids, ("counsel", "sun"), ("place", "sun"))
    early = pytest.raises(GuardsNotMet, match=r"上岗满 3 个月（2025-12-01）")
    with post(acting, "sun", on=date(2025, 11, 30)), unit_of_work() as session, early:
        advance(session, ids, "follow_up", "在岗")
    walk(acting, ids, ("follow_up", "sun"), on=date(2025, 12, 1))


def test_relief_is_verified_after_the_visit_where_the_county_wants_one(acting: Acting) -> None:
    from core.db.base import new_id
    from core.people.models import Household

    with post(acting, "clerk"), unit_of_work() as session:
        home = Household(id=new_id(), address="成都市锦江区")
        session.add(home)
        session.flush()
        parties = (*PARTY, NewParty("household", household_id=home.id))
        draft = NewCase("living_relief", "living_relief", parties, programme="yearly_living", requested_fen=80_000)
        # as if it had been determined: only the step before the decision is looked at
        case = Case(
            number="SH-1", plugin="living_relief", workflow=draft.workflow, workflow_version=3, state="applied", clerk="clerk"
        )
        case.opened_on, case.programme = TODAY, draft.programme
        session.add(case)
        session.flush()
        ids = [case.id]
    configure(acting, "living_relief", visit_needed=True, papers=["bank_card_copy"])
    with post(acting, "checker"), unit_of_work() as session, pytest.raises(GuardsNotMet, match="入户调查表"):
        advance(session, ids, "verify")
    with post(acting, "clerk"), unit_of_work() as session:
        add_documents(session, [NewDocument("home_visit_record", "", PDF, case_id=ids[0])])
    walk(acting, ids, ("verify", "checker"))
    with post(acting, "clerk"), unit_of_work() as session:
        session.get_one(Case, (COUNTY, ids[0])).state = "noticed"
    with post(acting, "chief"), unit_of_work() as session, pytest.raises(GuardsNotMet, match="银行卡复印件"):
        advance(session, ids, "approve")


def test_accepting_and_answering_a_petition_take_two_people_where_the_county_says_so(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        drafts = [NewCase("petitions", "petition", PARTY, form=PETITION)] * 2
        first, second = (case.id for case in open_cases(session, drafts))
    walk(acting, [first, second], ("accept", "zhao"))
    walk(acting, [first], ("answer", "zhao"))
    configure(acting, "petitions", another_answers=True)
    with post(acting, "zhao"), unit_of_work() as session, pytest.raises(GuardsNotMet, match="受理了本件"):
        advance(session, [second], "answer", "已核实")
    walk(acting, [second], ("answer", "wang"))


def test_a_lawyer_of_the_panel_is_assigned_by_turns(acting: Acting) -> None:
    with post(acting, "chief"), unit_of_work() as session:
        assert panel(session) == []
    configure(acting, "legal_aid", lawyers=["郑律", "冯律", "郑律"], panel_only=True)
    with post(acting, "clerk"), unit_of_work() as session:
        cases = open_cases(session, [NewCase("legal_aid", "legal_aid", PARTY, form=AID)] * 2)
        papers(session, cases)
        ids = [case.id for case in cases]
    walk(acting, ids, ("check", "clerk"), ("grant", "chief"))
    refused = pytest.raises(InvalidInput, match="没有写明名册内律师")
    with refused, post(acting, "clerk"), unit_of_work() as session:
        advance(session, ids, "assign", "指派某律师")
    walk(acting, ids[:1], ("assign", "clerk"), note="指派郑律办理")
    with post(acting, "chief"), unit_of_work() as session:
        assert [(one.name, one.assigned, one.is_next) for one in panel(session)] == [("郑律", 1, False), ("冯律", 0, True)]
        states = dict(session.execute(select(Case.id, Case.state)).all())
        assert [states[case_id] for case_id in ids] == ["assigned", "granted"]
    with post(acting, "chief", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert panel(session) == []
