"""What goes on in a line that was switched off: old cases, clocks with the steps they oblige to; and what is silent."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import select

from core.cases.models import Case, Deadline
from core.cases.service import NewCase, NewParty, advance, case_view, due_items, open_cases
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, NotFound
from core.identity.service import permissions_of
from core.scope import Scope, entered
from core.tenancy.plugin_state import enabled_plugins
from tenants.switching import switch_plugin
from tenants.usage import effect_of, open_work, preview, users
from tests.conftest import COUNTY, TODAY, Database, scope_of
from tests.core.lines import LINES, PETITION, install, job_seeker, papers, permissions, post
from tests.tenants.conftest import asked

Acting = Callable[..., AbstractContextManager[Scope]]
PROVEN = "材料齐全，予以受理"
AID = {
    "matter": "labour_dispute",
    "way": "litigation",
    "person_kind": "migrant_worker",
    "opponent": "某公司",
    "facts": "拖欠工资",
}


@pytest.fixture(autouse=True)
def on(db: Database, acting: Acting) -> None:
    """All built-in lines on, as the administrator's act leaves them."""
    install(db)
    with acting(COUNTY), unit_of_work() as session:
        for line in sorted(LINES):
            switch_plugin(session, line, enabled=True, reason="开通")


def off(acting: Acting, *lines: str) -> None:
    with acting(COUNTY), unit_of_work() as session:
        for line in lines:
            switch_plugin(session, line, enabled=False, reason="停办")


def holding(role: str, actor: str = "somebody") -> AbstractContextManager[Scope]:
    """Act with one role, as a request would find it now."""
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        plugins = enabled_plugins(session)
    bare = scope_of(COUNTY, actor=actor, permissions=permissions_of([role], plugins), plugins=plugins)
    return entered(Scope(**{**{name: getattr(bare, name) for name in Scope.__slots__}, "roles": frozenset({role})}))


def petitions(acting: Acting, count: int = 1) -> list[uuid.UUID]:
    with post(acting, "clerk"), unit_of_work() as session:
        draft = NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=PETITION)
        return [case.id for case in open_cases(session, [draft] * count)]


def offered(case_id: uuid.UUID) -> dict[str, bool]:
    with unit_of_work() as session:
        return {offer.transition.code: offer.allowed for offer in case_view(session, case_id).offers}


def test_a_step_that_a_running_clock_obliges_to_is_made_by_the_post_that_would_make_it(acting: Acting) -> None:
    (case_id,) = petitions(acting)
    off(acting, "petitions")
    with holding("case_approver", "chief"):
        # the line's grant to the role is silent, and yet the answer is owed within its days
        assert offered(case_id) == {"accept": False, "decline": True, "hand_up": False}
        with unit_of_work() as session, pytest.raises(Forbidden):
            advance(session, [case_id], "accept", PROVEN)
    with holding("petition_handler", "zhao"), unit_of_work() as session:
        advance(session, [case_id], "accept", PROVEN)
    with holding("case_approver", "chief"), unit_of_work() as session:
        assert [item.kind for item in due_items(session, TODAY.replace(year=TODAY.year + 1))] == ["answer"]
        advance(session, [case_id], "answer", "已核实并责令补发")
        assert session.scalar(select(Deadline.met_on).where(Deadline.kind == "answer")) == TODAY
    # what is left has no clock: it waits, readable
    with holding("petition_handler", "zhao"):
        assert offered(case_id) == {"close": False}
        with unit_of_work() as session, pytest.raises(Conflict, match="本单位已停用信访"):
            advance(session, [case_id], "close", "归档")
        with unit_of_work() as session:
            switch_back(acting)
    with holding("petition_handler", "zhao"), unit_of_work() as session:
        assert advance(session, [case_id], "close", "归档")[0].closed_on == TODAY


def switch_back(acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session:
        switch_plugin(session, "petitions", enabled=True, reason="恢复")


def test_a_case_without_a_clock_waits_and_no_new_one_is_opened(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        cases = job_seeker(session)
        papers(session, cases)
        case_id = cases[0].id
    off(acting, "employment")
    with holding("employment_officer", "sun"):
        assert set(offered(case_id).values()) == {False}
        with unit_of_work() as session, pytest.raises(Conflict, match="暂停办理"):
            advance(session, [case_id], "counsel", "指导")
        with unit_of_work() as session, pytest.raises(NotFound, match="未启用"):
            job_seeker(session)


def test_an_applicant_takes_back_what_he_asked_for(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        draft = NewCase("legal_aid", "legal_aid", (NewParty("applicant", label="李明"),), form=AID)
        (case,) = open_cases(session, [draft])
        case_id = case.id
    off(acting, "legal_aid")
    with acting(COUNTY, actor="clerk", permissions=permissions()), unit_of_work() as session:
        assert advance(session, [case_id], "withdraw", "本人申请")[0].state == "closed"


def test_a_line_that_is_on_costs_no_statement_more(acting: Acting) -> None:
    first, second = petitions(acting, 2)

    def counted(case_ids: Sequence[uuid.UUID]) -> int:
        with holding("petition_handler", "zhao"), unit_of_work() as session:
            session.connection()
            with asked() as statements:
                advance(session, case_ids, "accept", PROVEN)
        return len(statements)

    while_on = counted([first])
    off(acting, "petitions")
    assert counted([second]) == while_on + 1


def test_the_page_counts_who_works_with_it_and_what_is_under_way(acting: Acting) -> None:
    petitions(acting, 3)
    with post(acting, "clerk"), unit_of_work() as session:
        work = open_work(session)
        assert (work["petitions"].cases, work["petitions"].clocks, work["petitions"].overdue) == ((("信访", 3),), 3, 0)
        assert work["employment"].total == 0
        found = users(session)
        assert {role.code for role in found["petitions"].roles} == {"caseworker", "case_approver", "petition_handler"}
        assert found["petitions"].people == 0
        seen = preview(session, "petitions", "case_approver")
        assert (seen.navigation, seen.opens) == (("信访",), ())
        assert seen.steps == (("信访", ("出具处理意见", "不予受理并告知", "上报上级")),)
        assert effect_of("petitions").navigation == ("信访", "接访安排")
        with pytest.raises(NotFound):
            preview(session, "petitions", "nobody")


def test_confidential_cases_are_not_counted_for_others(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        session.add(
            Case(
                number="XF-1",
                plugin="petitions",
                workflow="petition",
                workflow_version=2,
                state="registered",
                clerk="x",
                opened_on=TODAY,
                handlers=["zhao"],
            )
        )
    with post(acting, "admin"), unit_of_work() as session:
        assert open_work(session)["petitions"].total == 0
