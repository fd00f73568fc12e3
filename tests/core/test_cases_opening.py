"""Opening a case: who handles a confidential one, what it asks for, and what its form may hold."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from core.cases.forms import read_form
from core.cases.handlers import Office
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, assign, case_view, list_cases, open_cases
from core.cases.workflows import workflow_named
from core.db.base import new_id
from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, InvalidInput
from core.identity.service import add_account, give_post, permissions_of
from core.people.models import Household
from core.scope import Scope
from core.surveys.models import Determination, ParameterSet
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import LINES, PETITION, Acting, install, with_key

SINCE = date(2025, 1, 2)
PARTY = (NewParty("applicant", label="赵勇"),)
ACCUSATION = NewCase("petitions", "petition", PARTY, form=PETITION | {"kind": "accusation"})


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def _account(role: str, tenant: str = COUNTY) -> str:
    """An account with one post; its actor key."""
    with reference_work() as session:
        account = add_account(session, f"{role}-{tenant}", f"员工{role}", "no password")
        give_post(session, account.id, tenant, role, valid_from=SINCE)
        return str(account.id)


def _at_work(acting: Acting, actor: str, role: str) -> AbstractContextManager[Scope]:
    return acting(COUNTY, actor=actor, permissions=permissions_of([role], LINES), plugins=LINES)


def test_an_accusation_that_a_caseworker_registers_is_taken_up_by_the_handler_named(acting: Acting) -> None:
    with_key(acting)
    clerk, handler, other = _account("caseworker"), _account("petition_handler"), _account("reviewer")
    with _at_work(acting, clerk, "caseworker"), unit_of_work() as session:
        with pytest.raises(InvalidInput, match="信访承办人") as refused:
            open_cases(session, [ACCUSATION])
        assert refused.value.where == "handlers"
        [case] = open_cases(session, [_with(handlers=(handler,))])
        assert case.handlers == [clerk, handler]
        with pytest.raises(Conflict):
            assign(session, [case.id], other)
        assert assign(session, [case.id], handler)[0].assigned_to == handler
    with _at_work(acting, handler, "petition_handler"), unit_of_work() as session:
        assert case_view(session, case.id).form["subject"] == "工资"
        advance(session, [case.id], "accept", "已告知")
    with _at_work(acting, other, "reviewer"), unit_of_work() as session:
        assert list_cases(session) == []


def _with(**more: Any) -> NewCase:
    return NewCase("petitions", "petition", PARTY, form=ACCUSATION.form, **more)


def test_a_handler_has_a_post_here_that_works_on_the_line(acting: Acting) -> None:
    with_key(acting)
    clerk, approver = _account("caseworker"), _account("case_approver")
    strangers = (_account("petition_handler", OTHER_COUNTY), _account("payer"), "nobody")
    with _at_work(acting, clerk, "caseworker"), unit_of_work() as session:
        for stranger in strangers:
            with pytest.raises(InvalidInput, match="没有办理该业务的岗位"):
                open_cases(session, [_with(handlers=(stranger,))])
        with pytest.raises(InvalidInput, match="至少指定一名"):
            open_cases(session, [_with(handlers=(approver,))])
        offered = Office(session).candidates(workflow_named("petition"))
        assert [(one.actor, one.may_begin) for one in offered] == [(approver, False)]
        assert session.scalars(select(Case)).all() == []


def test_who_may_take_it_up_needs_no_other_handler(acting: Acting) -> None:
    with_key(acting)
    handler = _account("petition_handler")
    with _at_work(acting, handler, "petition_handler"), unit_of_work() as session:
        [case] = open_cases(session, [ACCUSATION])
        assert case.handlers == [handler]


def _determined(acting: Acting, amounts: Mapping[str, int]) -> tuple[uuid.UUID, uuid.UUID]:
    """A household with a determination: their ids."""
    household, determination, parameters = new_id(), new_id(), new_id()
    with acting(COUNTY), unit_of_work() as session:
        session.add(Household(id=household, address="成都市锦江区"))
        session.add(ParameterSet(id=parameters, digest="1", as_of=TODAY, entries={}))
        session.flush()
        session.add(
            Determination(
                id=determination,
                household_id=household,
                decided_on=TODAY,
                rule_set="living_relief",
                rule_version="2025.1",
                parameter_set_id=parameters,
                inputs=[],
                eligible=True,
                reasons=[],
                amounts=dict(amounts),
            )
        )
    return household, determination


def test_a_case_asks_for_what_was_determined(acting: Acting) -> None:
    household, determination = _determined(acting, {"yearly_living": 120_000})

    def draft(programme: str = "yearly_living", asked: int | None = None, found: uuid.UUID | None = determination) -> NewCase:
        parties = (NewParty("applicant", label="李明"), NewParty("household", household_id=household))
        return NewCase(
            "living_relief",
            "living_relief",
            parties,
            programme=programme,
            determination_id=found,
            requested_fen=asked,
        )

    clerk = _account("caseworker")
    with _at_work(acting, clerk, "caseworker"), unit_of_work() as session:
        cases = open_cases(session, [draft(), draft(asked=120_000), draft("medical"), draft(asked=5, found=None)])
        assert [case.requested_fen for case in cases] == [120_000, 120_000, None, 5]
        for wrong in (draft(asked=500_000), draft("medical", 500_000)):
            with pytest.raises(InvalidInput, match="以认定金额为准") as refused:
                open_cases(session, [wrong])
            assert refused.value.where == "requested"
        with pytest.raises(InvalidInput, match="没有这份认定"):
            open_cases(session, [draft(found=new_id())])


def test_a_code_that_is_no_choice_is_told_at_its_field() -> None:
    with pytest.raises(InvalidInput, match="信访形式") as refused:
        read_form(workflow_named("petition").form, PETITION | {"channel": "pigeon"})
    assert refused.value.where == "channel"
    assert "可选" in (refused.value.mend_zh or "")


def test_a_text_is_measured_as_browsers_count_it_and_never_cut() -> None:
    form = workflow_named("petition").form
    full = PETITION | {"content": "\r\n".join(["字"] * 10_000) + "字"}
    assert read_form(form, full)["content"] == "\n".join(["字"] * 10_000) + "字"
    with pytest.raises(InvalidInput, match="现有 20001 字") as refused:
        read_form(form, full | {"content": full["content"] + "字"})
    assert refused.value.where == "content"
