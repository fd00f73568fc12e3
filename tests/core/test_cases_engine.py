"""One engine for all lines: what is checked before a case moves, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import IntegrityError

from core.cases.engine import GuardsNotMet, SamePerson
from core.cases.models import Case, CaseDecision, CaseStep, Deadline, Party
from core.cases.service import (
    NewCase,
    NewParty,
    advance,
    case_counts,
    case_view,
    close_paid,
    due_items,
    list_cases,
    next_steps,
    open_cases,
)
from core.cases.workflows import declared_workflows, problems_of, sync_workflows, workflow_named, workflow_of
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound, PreconditionFailed
from core.host.declarations import WorkflowDecl
from core.host.manager import host
from core.people.models import SearchToken
from core.trail.models import TrailEntry
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import (
    JOB,
    LINES,
    PETITION,
    Acting,
    as_if_opened,
    install,
    job_seeker,
    papers,
    permissions,
    post,
    with_key,
)


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def _legal_form() -> dict[str, str]:
    form = workflow_named("legal_aid").form
    from core.codes import code_list

    chosen = {field.name: code_list(field.code_list).codes[0] for field in form.fields if field.code_list and field.required}
    return {**chosen, "opponent": "某厂", "facts": "拖欠工资"}


def _legal_case(acting: Acting, actor: str = "clerk") -> Case:
    with post(acting, actor), unit_of_work() as session:
        draft = NewCase("legal_aid", "legal_aid", (NewParty("applicant", label="李明"),), form=_legal_form())
        [case] = open_cases(session, [draft])
        papers(session, [case])
        advance(session, [case.id], "check")
    return case


def test_a_case_opens_with_number_step_party_tokens_and_trail(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        cases = job_seeker(session, 3)
    assert [case.number for case in cases] == ["QZ-2025-0001", "QZ-2025-0002", "QZ-2025-0003"]
    with post(acting, "clerk"), unit_of_work() as session:
        assert set(session.scalars(select(CaseStep.transition))) == {"open"}
        assert set(session.scalars(select(Party.label))) == {"李明"}
        assert {"李明", "liming", "lm", "qz-2025-0001"} <= set(session.scalars(select(SearchToken.token)))
        assert session.scalars(select(TrailEntry.action)).all() == ["case.open"] * 3


def test_opening_again_with_its_key_gives_the_same_case(acting: Acting) -> None:
    draft = NewCase("employment", "job_seeking", (NewParty("applicant", label="李明"),), form=JOB, opening_key="k:1")
    with post(acting, "clerk"), unit_of_work() as session:
        first = open_cases(session, [draft, draft])
    with post(acting, "clerk"), unit_of_work() as session:
        again = open_cases(session, [draft])
        assert session.scalar(select(func.count()).select_from(Case)) == 1
    assert {case.id for case in first} == {again[0].id}


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (NewCase("employment", "job_seeking", (), form=JOB), InvalidInput),
        (NewCase("employment", "job_seeking", (NewParty("applicant", label="李"),), form={}), InvalidInput),
        (NewCase("employment", "job_seeking", (NewParty("applicant", label="李"),), form=JOB | {"x": "1"}), InvalidInput),
        (NewCase("petitions", "job_seeking", (NewParty("applicant", label="李"),), form=JOB), InvalidInput),
        (NewCase("living_relief", "living_relief", (NewParty("applicant", label="李"),)), InvalidInput),
        (NewCase("employment", "unknown", (NewParty("applicant", label="李"),)), NotFound),
    ],
)
def test_what_does_not_fit_is_not_opened(acting: Acting, draft: NewCase, error: type[Exception]) -> None:
    with post(acting, "clerk"), pytest.raises(error), unit_of_work() as session:
        open_cases(session, [draft])


def test_a_line_that_is_off_opens_nothing_but_its_cases_stay_readable(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
    off = acting(COUNTY, actor="clerk", permissions=permissions(), plugins=LINES - {"employment"})
    with off, unit_of_work() as session:
        assert case_view(session, case.id).case.number == case.number
        with pytest.raises(NotFound, match="未启用"):
            job_seeker(session)


def test_a_step_needs_state_permission_note_guards_and_the_present_version(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        cases = job_seeker(session, 2)
        ids = [case.id for case in cases]
        with pytest.raises(InvalidInput):
            advance(session, ids, "counsel")
        with pytest.raises(Conflict):
            advance(session, ids, "place", "某厂")
        with pytest.raises(NotFound):
            advance(session, ids, "fly")
        papers(session, cases[:1])
        with pytest.raises(GuardsNotMet) as refused:
            advance(session, ids, "counsel", "已谈")
        assert "身份证" in refused.value.zh
        assert [case.state for case in cases] == ["registered", "registered"]
        papers(session, cases[1:])
        with pytest.raises(PreconditionFailed):
            advance(session, ids, "counsel", "已谈", versions={ids[0]: 7})
        with pytest.raises(InvalidInput):
            advance(session, ids, "counsel", "字" * 2001)
        advance(session, ids, "counsel", "字\r\n" * 1000, versions={ids[0]: 1})
        assert [(case.state, case.version) for case in cases] == [("counselled", 2)] * 2
    with acting(COUNTY, actor="guest", plugins=LINES), unit_of_work() as session:
        with pytest.raises(Forbidden):
            advance(session, ids, "place", "某厂")
        with pytest.raises(Forbidden):
            list_cases(session)


def test_another_county_finds_no_case(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
    with post(acting, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        with pytest.raises(NotFound):
            advance(session, [case.id], "counsel", "已谈")
        with pytest.raises(NotFound):
            case_view(session, case.id)


def test_the_clerk_never_decides_and_the_database_holds_it(acting: Acting) -> None:
    case = _legal_case(acting)
    with post(acting, "clerk"), unit_of_work() as session:
        with pytest.raises(SamePerson, match="经办人"):
            advance(session, [case.id], "grant")
        offers = {offer.transition.code: offer for offer in next_steps(session, session.get_one(Case, (COUNTY, case.id)))}
        assert not offers["grant"].allowed
        assert offers["withdraw"].allowed
    with post(acting, "clerk"), pytest.raises(IntegrityError, match="approver_is_not_the_clerk"), unit_of_work() as session:
        session.add(
            CaseDecision(
                case_id=case.id, clerk="clerk", decided_by="clerk", outcome="approved", business_date=TODAY, snapshot={}
            )
        )
    with post(acting, "approver"), unit_of_work() as session:
        advance(session, [case.id], "grant", "同意")
        decision = session.scalars(select(CaseDecision)).one()
        assert (decision.clerk, decision.decided_by, decision.outcome) == ("clerk", "approver", "approved")
        assert len(decision.snapshot["documents"]) == 3


def test_a_refusal_closes_and_nothing_leaves_a_closed_case(acting: Acting) -> None:
    case = _legal_case(acting)
    with post(acting, "approver"), unit_of_work() as session:
        advance(session, [case.id], "refuse", "不属援助范围")
        assert session.get_one(Case, (COUNTY, case.id)).closed_on == TODAY
        with pytest.raises(Conflict):
            advance(session, [case.id], "check")


def test_clocks_start_with_a_state_and_are_met_by_leaving_it(acting: Acting) -> None:
    party = (NewParty("applicant", label="王强"),)
    with post(acting, "handler"), unit_of_work() as session:
        [case] = open_cases(session, [NewCase("petitions", "petition", party, form=PETITION)])
    with post(acting, "handler", on=TODAY + timedelta(days=20)), unit_of_work() as session:
        [item] = due_items(session, TODAY + timedelta(days=20))
        assert (item.kind, item.due_on, item.days_left) == ("acceptance", date(2025, 9, 16), -5)
        advance(session, [case.id], "accept", "已告知")
    with post(acting, "handler"), unit_of_work() as session:
        found = {row.kind: row for row in session.scalars(select(Deadline))}
        assert found["acceptance"].met_on == date(2025, 9, 21)
        assert (found["answer"].due_on, found["answer"].met_on) == (date(2025, 11, 20), None)


def test_an_accusation_is_sealed_and_seen_by_its_handlers_alone(acting: Acting) -> None:
    with_key(acting)
    party = (NewParty("applicant", label="赵勇"),)
    draft = NewCase("petitions", "petition", party, form=PETITION | {"kind": "accusation"})
    with post(acting, "handler"), unit_of_work() as session:
        [case] = open_cases(session, [draft])
        with pytest.raises(InvalidInput):
            open_cases(session, [replace(draft, handlers=("someone",))])
        assert (case.handlers, case.form) == (["handler"], {})
        assert case_view(session, case.id).form["subject"] == "工资"
        advance(session, [case.id], "accept", "已告知")
    with post(acting, "other"), unit_of_work() as session:
        for table in (Case, Party, CaseStep, Deadline, SearchToken, TrailEntry):
            assert session.scalars(select(table)).all() == []
        assert list_cases(session) == []
        assert due_items(session, date(2030, 1, 1)) == []
        with pytest.raises(NotFound):
            case_view(session, case.id)
        with pytest.raises(NotFound):
            advance(session, [case.id], "answer", "x")


def test_only_the_platform_settles(acting: Acting) -> None:
    assert "case.settle" in {found.code for found in host().collected("bangfu_permissions")}
    with post(acting, "clerk"), unit_of_work() as session:
        assert close_paid(session, []) == []
        [case] = job_seeker(session)
        with pytest.raises(NotFound):
            close_paid(session, [case.id])


@pytest.mark.parametrize("outside", ["offered", "taken"])
def test_what_is_with_another_union_makes_no_step_here(acting: Acting, outside: str) -> None:
    draft = NewCase("petitions", "petition", (NewParty("applicant", label="王强"),), form=PETITION)
    with post(acting, "handler"), unit_of_work() as session:
        [case] = open_cases(session, [draft])
        case.outside_state = outside
        session.flush()
        with pytest.raises(Conflict, match="已移交其他单位"):
            advance(session, [case.id], "accept", "已告知")
        assert {offer.allowed for offer in next_steps(session, case)} == {False}
        case.outside_state = "returned"
        session.flush()
        advance(session, [case.id], "accept", "已告知")


def test_lists_page_by_key_with_a_fixed_number_of_statements(acting: Acting, db: Database) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        cases = job_seeker(session, 7)
    statements: list[str] = []

    def count(_c: object, _k: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(db.app, "before_cursor_execute", count)
    try:
        with post(acting, "clerk"), unit_of_work() as session:
            first = list_cases(session, "employment", limit=5)
            seen = len(statements)
            rest = list_cases(session, "employment", "registered", after=first[-1].id, limit=5)
            assert case_counts(session) == {("employment", "registered"): 7}
    finally:
        event.remove(db.app, "before_cursor_execute", count)
    assert [line.number for line in [*first, *rest]] == [case.number for case in reversed(cases)]
    assert first[0].names == ("李明",)
    assert seen <= 4


def test_many_cases_move_with_a_fixed_number_of_statements(acting: Acting, db: Database) -> None:
    def statements_for(count: int) -> int:
        seen: list[str] = []

        def note(_c: object, _k: object, statement: str, *_rest: object) -> None:
            seen.append(statement)

        with post(acting, "clerk"), unit_of_work() as session:
            cases = job_seeker(session, count)
            papers(session, cases)
            session.flush()
            event.listen(db.app, "before_cursor_execute", note)
            try:
                advance(session, [case.id for case in cases], "counsel", "已谈")
            finally:
                event.remove(db.app, "before_cursor_execute", note)
        return len(seen)

    assert statements_for(2) == statements_for(20)


def test_workflows_are_stored_once_and_old_versions_are_read_back(acting: Acting, db: Database) -> None:
    with db.owner.begin() as connection:
        assert sync_workflows(connection) == 0
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into workflow_version select name, 99, plugin, jsonb_set(definition, '{version}', '99'), form"
                " from workflow_version where name = 'job_seeking' and version = :version"
            ),
            {"version": case.workflow_version},
        )
    as_if_opened(db, workflow_version=99)
    with post(acting, "clerk"), unit_of_work() as session:
        found = session.get_one(Case, (COUNTY, case.id))
        assert workflow_of(session, found) == replace(workflow_named("job_seeking"), version=99)
    with db.owner.begin() as connection:
        connection.execute(text("update workflow_version set plugin = plugin, form = '{}' where name = 'petition'"))
    with db.owner.connect() as connection, pytest.raises(Conflict, match="版本号"):
        sync_workflows(connection)


def test_declarations_hold_together() -> None:
    guards = {guard.name for guard in host().collected("bangfu_guards")}
    effects = {effect.name for effect in host().collected("bangfu_effects")}
    known = {found.code for found in host().collected("bangfu_permissions")} | {"notice.post"}
    for workflow in declared_workflows().values():
        assert problems_of(workflow, guards, effects) == []
        assert {step.permission for step in workflow.transitions} | {workflow.open_permission} <= known
        assert problems_of(workflow, guards, effects, {"living_relief"}) == []
    broken = replace(workflow_named("petition"), initial="nowhere")
    assert "unknown state nowhere" in problems_of(broken, guards, effects)


def _relief_with(code: str, more: dict[str, Any]) -> WorkflowDecl:
    """The workflow of living relief with one step changed."""
    flow = workflow_named("living_relief")
    steps = [replace(step, **more) if step.code == code else step for step in flow.transitions]
    return replace(flow, transitions=tuple(steps))


@pytest.mark.parametrize(
    ("code", "more", "problem"),
    [
        ("paid", {"code": "finished"}, "no step paid closes them"),
        ("paid", {"code": "finished"}, "finished needs case.settle"),
        ("paid", {"permission": "case.advance"}, "made by the payments alone"),
        ("paid", {"note_required": True}, "for which the payments cannot stop"),
        ("paid", {"target": "applied"}, "which is not closed"),
        ("paid", {"sources": ("noticed",)}, "does not leave the approved state approved"),
        ("post_notice", {"code": "publish"}, "approve waits for a notice"),
        ("post_notice", {"permission": "case.advance"}, "made for a batch"),
    ],
)
def test_what_the_payments_and_notices_look_for_is_asked_for_at_the_start(
    code: str, more: dict[str, Any], problem: str
) -> None:
    guards = {guard.name for guard in host().collected("bangfu_guards")}
    effects = {effect.name for effect in host().collected("bangfu_effects")}
    found = problems_of(_relief_with(code, more), guards, effects, {"living_relief"})
    assert any(problem in one for one in found), found


def test_a_stored_workflow_without_a_later_optional_part_is_still_the_same(db: Database) -> None:
    """The host's classes may gain optional parts: what was stored before must not read as another workflow."""
    with db.owner.begin() as connection:
        sync_workflows(connection)
        connection.execute(
            text(
                "update workflow_version set definition ="
                " jsonb_set(definition, '{deadlines,0}', (definition #> '{deadlines,0}') - 'waiting') where name = 'petition'"
            )
        )
        assert sync_workflows(connection) == 0
