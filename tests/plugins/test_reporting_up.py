"""A petition that is reported up: the package, the answer from above, and how the case goes on (domain 4.2.3)."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from sqlalchemy import func, select

from core.cases.engine import GuardsNotMet
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, case_view, next_steps, open_cases
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, NotFound
from core.exchange.matters import MATTER, answer, matter_behind, open_here, take
from core.exchange.models import Envelope
from core.identity.service import permissions_of
from core.scope import Scope
from core.tenancy.models import TenantPlugin
from tests.conftest import COUNTY, PREFECTURE, PROVINCE, Database
from tests.core.audit_story import relay
from tests.core.lines import LINES, PETITION, Acting, as_if_opened, install, with_key

PARTY = (NewParty("applicant", label="王强"),)


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def _handler(acting: Acting, tenant: str = COUNTY) -> AbstractContextManager[Scope]:
    return acting(tenant, actor="handler", permissions=permissions_of(["petition_handler"], LINES), plugins=LINES)


def _opened(acting: Acting, tenant: str = COUNTY, **more: str) -> Case:
    with _handler(acting, tenant), unit_of_work() as session:
        return open_cases(session, [NewCase("petitions", "petition", PARTY, form=PETITION | more)])[0]


def _line_above(acting: Acting) -> None:
    with acting(PREFECTURE), unit_of_work() as session:
        session.add(TenantPlugin(plugin="petitions", enabled=True))


def _caseworker_above(acting: Acting) -> AbstractContextManager[Scope]:
    return acting(PREFECTURE, actor="zhou", permissions=permissions_of(["caseworker"], LINES), plugins=LINES)


def test_what_arrives_is_opened_above_as_a_case_that_cites_it(acting: Acting) -> None:
    _line_above(acting)
    case = _opened(acting)
    with _handler(acting), unit_of_work() as session:
        advance(session, [case.id], "hand_up", "涉及市属企业")
    relay(acting, COUNTY)
    with _caseworker_above(acting), unit_of_work() as session:
        package = session.scalars(select(Envelope.envelope_id).where(Envelope.kind == MATTER)).one()
        made, again = open_here(session, package), open_here(session, package)
        assert made.id == again.id
        view = case_view(session, made.id)
        assert ([party.label for party in view.parties], view.form) == (["王强"], PETITION)
        behind = matter_behind(session, made.id)
        assert behind is not None
        assert (behind.envelope_id, behind.state, behind.body["number"]) == (package, "taken", case.number)
        answer(session, package, "已责令支付")
        with pytest.raises(Conflict, match="已答复"):
            open_here(session, package)
    relay(acting, PREFECTURE)
    with _handler(acting), unit_of_work() as session:
        assert session.get_one(Case, (COUNTY, case.id)).outside_state == "returned"
        assert matter_behind(session, case.id) is None


def test_nothing_is_opened_above_without_the_line_or_the_post(acting: Acting) -> None:
    _line_above(acting)
    case = _opened(acting)
    with _handler(acting), unit_of_work() as session:
        advance(session, [case.id], "hand_up", "涉及市属企业")
    relay(acting, COUNTY)
    may_take = frozenset({"exchange.take"})
    for plugins, held, refusal in (
        (LINES - {"petitions"}, may_take | {"petitions.register"}, NotFound),
        (LINES, may_take, Forbidden),
    ):
        with acting(PREFECTURE, actor="zhou", permissions=held, plugins=plugins), unit_of_work() as session:
            package = session.scalars(select(Envelope.envelope_id).where(Envelope.kind == MATTER)).one()
            with pytest.raises(refusal):
                open_here(session, package)
            assert session.scalars(select(Case)).all() == []


@pytest.mark.parametrize("onward", [("take_back", "accept"), ("answer", "close"), ("close",)])
def test_a_petition_goes_up_and_goes_on_with_the_answer(acting: Acting, onward: tuple[str, ...]) -> None:
    _line_above(acting)
    case = _opened(acting)
    with _handler(acting), unit_of_work() as session:
        [moved] = advance(session, [case.id], "hand_up", "涉及市属企业")
        assert (moved.state, moved.outside_state) == ("handed_up", "offered")
        with pytest.raises(Conflict, match="已移交其他单位"):
            advance(session, [case.id], onward[0], "记录")
    relay(acting, COUNTY)
    with acting(PREFECTURE, actor="zhou", permissions=frozenset({"exchange.take"})), unit_of_work() as session:
        arrived = session.scalars(select(Envelope).where(Envelope.kind == MATTER)).one()
        assert arrived.body["reason"] == "涉及市属企业"
        take(session, arrived.envelope_id)
        answer(session, arrived.envelope_id, "已责令支付")
    relay(acting, PREFECTURE)
    with _handler(acting), unit_of_work() as session:
        for step in onward:
            advance(session, [case.id], step, "记录")


def test_where_the_union_above_takes_no_petitions_the_step_says_so(acting: Acting) -> None:
    case = _opened(acting)
    with _handler(acting), unit_of_work() as session:
        with pytest.raises(GuardsNotMet, match="成都市总工会未启用信访业务"):
            advance(session, [case.id], "hand_up", "涉及市属企业")
        assert session.scalar(select(func.count()).select_from(Envelope)) == 0
        assert session.get_one(Case, (COUNTY, case.id)).state == "registered"


def test_the_province_has_nobody_above(acting: Acting) -> None:
    case = _opened(acting, PROVINCE)
    with _handler(acting, PROVINCE), unit_of_work() as session, pytest.raises(GuardsNotMet, match="没有上级工会"):
        advance(session, [case.id], "hand_up", "重大")


def test_a_confidential_petition_is_not_reported_up_here(acting: Acting) -> None:
    _line_above(acting)
    with_key(acting)
    case = _opened(acting, kind="accusation")
    with _handler(acting), unit_of_work() as session:
        offers = {offer.transition.code: offer for offer in next_steps(session, session.get_one(Case, (COUNTY, case.id)))}
        assert offers["accept"].allowed
        assert not offers["hand_up"].allowed
        with pytest.raises(GuardsNotMet, match="保密件"):
            advance(session, [case.id], "hand_up", "涉及市属企业")


def test_a_case_of_the_first_version_keeps_its_steps(acting: Acting, db: Database) -> None:
    case = _opened(acting)
    as_if_opened(db, workflow_version=1)
    with _handler(acting), unit_of_work() as session:
        [moved] = advance(session, [case.id], "hand_up", "已书面上报")
        assert (moved.state, moved.outside_state) == ("handed_up", None)
        advance(session, [case.id], "close", "上级已答复")
