"""Opening a case: who handles a confidential one, what it asks for, and what its form may hold."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from core.cases.forms import read_form
from core.cases.handlers import Office
from core.cases.models import Case
from core.cases.repeats import KeyUsed
from core.cases.service import NewCase, NewParty, advance, assign, case_view, list_cases, open_cases
from core.cases.workflows import workflow_named
from core.db.base import new_id
from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.identity.service import add_account, give_post, permissions_of
from core.people.models import Household, Person
from core.scope import Scope
from core.surveys.models import Determination, ParameterSet
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.lines import JOB, LINES, PETITION, Acting, install, with_key

SINCE = date(2025, 1, 2)
PARTY = (NewParty("applicant", label="赵勇"),)
SUGGESTION = NewCase("petitions", "petition", PARTY, form=PETITION, opening_key="k")
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
        for wanted, fen in ((draft(), 120_000), (draft(asked=120_000), 120_000), (draft(asked=5, found=None), 5)):
            [case] = open_cases(session, [wanted])
            assert case.requested_fen == fen
            advance(session, [case.id], "withdraw", "登记有误")
        assert open_cases(session, [draft("medical")])[0].requested_fen is None
        for wrong in (draft(asked=500_000), draft("medical", 500_000)):
            with pytest.raises(InvalidInput, match="以认定金额为准") as refused:
                open_cases(session, [wrong])
            assert refused.value.where == "requested"
        with pytest.raises(InvalidInput, match="没有该户的这份认定"):
            open_cases(session, [draft(found=new_id())])
        other = new_id()
        session.add(Household(id=other, address="成都市锦江区"))
        session.flush()
        strange = replace(draft(), parties=(NewParty("household", household_id=other, label="王强"),))
        with pytest.raises(InvalidInput, match="没有该户的这份认定"):
            open_cases(session, [strange])


def test_two_drafts_of_one_household_and_programme_are_not_opened_together(acting: Acting) -> None:
    household, determination = _determined(acting, {"yearly_living": 120_000})
    party = (NewParty("household", household_id=household, label="李明"),)
    draft = NewCase("living_relief", "living_relief", party, programme="yearly_living", determination_id=determination)
    with _at_work(acting, _account("caseworker"), "caseworker"), unit_of_work() as session:
        with pytest.raises(Conflict, match="不能重复受理"):
            open_cases(session, [draft, draft])
        assert session.scalars(select(Case)).all() == []


def test_parties_are_on_file_here(acting: Acting) -> None:
    household, _ = _determined(acting, {})
    person = new_id()
    with acting(OTHER_COUNTY), unit_of_work() as session:
        session.add(Person(id=person, name="外县人", pinyin="waixianren", gender="1"))
    with _at_work(acting, _account("caseworker"), "caseworker"), unit_of_work() as session:
        for party in (
            NewParty("applicant", person_id=person),
            NewParty("applicant", person_id=new_id()),
            NewParty("applicant", household_id=new_id()),
        ):
            with pytest.raises(NotFound):
                open_cases(session, [replace(SUGGESTION, parties=(party,))])
        assert session.scalars(select(Case)).all() == []
        open_cases(session, [replace(SUGGESTION, parties=(NewParty("applicant", household_id=household),))])


def _other_contents() -> list[NewCase]:
    return [
        replace(SUGGESTION, parties=(NewParty("applicant", label="另一人"),)),
        replace(SUGGESTION, parties=(NewParty("anonymous", label="赵勇"),)),
        replace(SUGGESTION, parties=(*PARTY, *PARTY)),
        replace(SUGGESTION, form=PETITION | {"subject": "另一件"}),
        replace(SUGGESTION, requested_fen=5),
        replace(SUGGESTION, handlers=()),
        NewCase("employment", "job_seeking", PARTY, form=JOB, opening_key="k"),
    ]


def test_a_key_that_comes_with_other_content_opens_nothing(acting: Acting) -> None:
    with_key(acting)
    handler = _account("petition_handler")
    everything = permissions_of(["caseworker", "petition_handler"], LINES)
    with acting(COUNTY, actor=handler, permissions=everything, plugins=LINES), unit_of_work() as session:
        [case] = open_cases(session, [SUGGESTION])
        for other in _other_contents():
            with pytest.raises(KeyUsed):
                open_cases(session, [other])
        with pytest.raises(KeyUsed):
            open_cases(session, [replace(one, opening_key="new") for one in (SUGGESTION, _other_contents()[0])])
        assert open_cases(session, [replace(SUGGESTION, form=dict(reversed(PETITION.items())))])[0].id == case.id
        secret = replace(ACCUSATION, opening_key="secret")
        [sealed] = open_cases(session, [secret])
        assert open_cases(session, [secret])[0].id == sealed.id
        with pytest.raises(KeyUsed):
            open_cases(session, [replace(secret, form={**ACCUSATION.form, "content": "另一件"})])
        assert len(session.scalars(select(Case)).all()) == 2


def test_one_key_sent_four_times_at_once_opens_one_case(acting: Acting) -> None:
    clerk, together = _account("caseworker"), Barrier(4)

    def opened(_: int) -> tuple[uuid.UUID, str]:
        with _at_work(acting, clerk, "caseworker"):
            together.wait()
            with unit_of_work() as session:
                [case] = open_cases(session, [SUGGESTION])
                return case.id, case.number

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(opened, range(4)))) == 1
    with _at_work(acting, clerk, "caseworker"), unit_of_work() as session:
        assert open_cases(session, [replace(SUGGESTION, opening_key="next")])[0].number == "XF-2025-0002"


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
