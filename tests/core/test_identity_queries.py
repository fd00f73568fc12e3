"""A county asks its province about somebody on file elsewhere too: the hash travels, rows do not, the answer comes back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.envelopes import deliver
from core.exchange.identity_queries import answer_query, ask_province, matches, names_asked_of, queries
from core.exchange.models import Envelope, IdentityMark
from core.exchange.query_models import IdentityQuery
from core.jobs.models import OutboxItem
from core.people.models import Person
from core.scope import Scope
from core.tenancy.keys import tokens
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE
from tests.core.people_story import Home, number_of, put_on_file

Acting = Callable[..., AbstractContextManager[Scope]]
BOTH = number_of(1, date(1970, 3, 5))
CLERK = frozenset({"people.read", "people.reveal"})
TAKES = frozenset({"exchange.take", "people.read", "people.reveal"})


def _mark(session: object, number: str) -> None:
    session.add(  # type: ignore[attr-defined]  # a session
        IdentityMark(province=PROVINCE, hash=tokens().identity_index_hash(number), year=2024, matter="on_file")
    )


@pytest.fixture
def family(acting: Acting) -> Home:
    """A worker on file in two counties, with a wife who is on file in one."""
    with acting(OTHER_COUNTY), unit_of_work() as session:
        put_on_file(session, ("王小明", BOTH))
        _mark(session, BOTH)
    with acting(), unit_of_work() as session:
        made = put_on_file(session, ("王小明", BOTH), ("李红", number_of(2)))
        _mark(session, BOTH)
        return made


def _relay(acting: Acting, tenant: str) -> None:
    with acting(tenant), unit_of_work() as session:
        payloads = [item.payload for item in session.scalars(select(OutboxItem).where(OutboxItem.topic == "envelope"))]
    for payload in payloads:
        deliver(tenant, payload)
        deliver(tenant, payload)


def _ask(acting: Acting, family: Home, person: UUID) -> IdentityQuery:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        asked = ask_province(session, family.household_id, person, "入户时自述曾在外县建档")
        assert asked is not None
        return asked


def test_a_question_goes_to_the_province_and_its_answer_comes_back(acting: Acting, family: Home) -> None:
    asked = _ask(acting, family, family.persons[0])
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session, pytest.raises(Conflict):
        ask_province(session, family.household_id, family.persons[0], "再问一次")
    with acting(permissions=CLERK), unit_of_work() as session:
        package = session.scalars(select(Envelope)).one()
        assert (package.peer, package.body) == (PROVINCE, {})
        assert {row.reason for row in session.scalars(select(ReadLog))} == {"入户时自述曾在外县建档"}
        assert names_asked_of(session, queries(session, "out")) == {family.persons[0]: "王小明"}
    _relay(acting, COUNTY)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        [got] = queries(session, "in")
        assert (got.peer, got.person_id, got.reason) == (COUNTY, None, "入户时自述曾在外县建档")
        assert {match.tenant for match in matches(session, got)} == {COUNTY, OTHER_COUNTY}
        assert session.scalars(select(Person)).all() == []
        with pytest.raises(InvalidInput):
            answer_query(session, got.id, "maybe", "说明")
        with pytest.raises(InvalidInput):
            answer_query(session, got.id, "duplicate", " ", keeper=COUNTY)
        with pytest.raises(InvalidInput):
            answer_query(session, got.id, "duplicate", "核对两县档案", keeper=PREFECTURE)
        assert answer_query(session, got.id, "pending", "请两县提供户籍证明").state == "pending"
        answer_query(session, got.id, "duplicate", "由居住地保留", keeper=OTHER_COUNTY)
        with pytest.raises(Conflict):
            answer_query(session, got.id, "different", "改")
    _relay(acting, PROVINCE)
    with acting(permissions=CLERK), unit_of_work() as session:
        back = session.get_one(IdentityQuery, (COUNTY, asked.id))
        assert (back.state, back.outcome, back.keeper, back.answer) == ("answered", "duplicate", OTHER_COUNTY, "由居住地保留")
    with acting(OTHER_COUNTY, permissions=CLERK), unit_of_work() as session:
        assert queries(session, "out") == []
        assert session.scalars(select(Envelope)).all() == []
    # answered: it may be asked again, should the files change
    _ask(acting, family, family.persons[0])


def test_a_county_asks_of_its_own_members_alone_and_only_where_somebody_is_elsewhere(acting: Acting, family: Home) -> None:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        assert ask_province(session, family.household_id, family.persons[1], "无人在外县") is None
        assert session.scalars(select(Envelope)).all() == []
        with pytest.raises(NotFound):
            ask_province(session, family.household_id, uuid4(), "没有此人")
        with pytest.raises(InvalidInput):
            ask_province(session, family.household_id, family.persons[0], " ")
    with acting(OTHER_COUNTY, actor="clerk", permissions=CLERK), unit_of_work() as session, pytest.raises(NotFound):
        ask_province(session, family.household_id, family.persons[0], "外县的户")
    for tenant, permissions in ((COUNTY, frozenset({"people.read"})), (PROVINCE, TAKES)):
        with acting(tenant, permissions=permissions), unit_of_work() as session, pytest.raises(Forbidden):
            ask_province(session, family.household_id, family.persons[0], "无权")
    for tenant in (COUNTY, PREFECTURE):
        with acting(tenant, permissions=TAKES), unit_of_work() as session, pytest.raises(Forbidden):
            queries(session, "in")
