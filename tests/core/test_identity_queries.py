"""A county asks its province about somebody on file elsewhere too: the hash travels, rows do not, the answer comes back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.envelopes import deliver
from core.exchange.identity_index import Elsewhere, elsewhere, this_and_last_year
from core.exchange.identity_queries import (
    ANSWER,
    WITHDRAWN,
    answer_query,
    ask_province,
    matches,
    names_asked_of,
    queries,
    withdraw_query,
)
from core.exchange.identity_told import TOLD, see, told_here, unseen
from core.exchange.marks import holder_of
from core.exchange.models import Envelope, IdentityMark
from core.exchange.query_models import IdentityQuery, IdentityQuestionCount
from core.exchange.question_limits import PER_ACCOUNT, PER_COUNTY, TooManyQuestions
from core.jobs.models import OutboxItem
from core.parameters.proposals import propose
from core.parameters.service import NewParameter, least_of_levels, set_parameter
from core.people.models import Person
from core.scope import Scope
from core.tenancy.keys import tokens
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.people_story import Home, number_of, put_on_file
from tests.core.staffing import close_into

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
    with acting(OTHER_COUNTY, actor="there", permissions=CLERK | {"people.write"}), unit_of_work() as session:
        assert queries(session, "out") == []
        # told twice about one question: that a file of theirs is concerned and that it stays, not who asked nor why
        [told] = told_here(session)
        assert (told.outcome, told.keeper, told.peer, unseen(session)) == ("duplicate", OTHER_COUNTY, PROVINCE, 1)
        assert names_asked_of(session, [told]) == {told.person_id: "王小明"}
        packages = session.scalars(select(Envelope)).all()
        assert [(one.kind, one.body_cipher) for one in packages] == [("identity.told", None)] * 2
        assert all(COUNTY not in str(one.body) for one in packages)
        assert (told.answer, COUNTY in told.reason, "自述" in told.reason) == (None, False, False)
        assert (see(session, told.id).state, unseen(session)) == ("answered", 0)
        assert see(session, told.id).answered_by == "there"
    with acting(permissions=CLERK | {"people.write"}), unit_of_work() as session:
        assert told_here(session) == []
        with pytest.raises(NotFound):
            see(session, told.id)
    # answered: it may be asked again, should the files change
    _ask(acting, family, family.persons[0])


def _got(acting: Acting, family: Home) -> UUID:
    """A question that has come to the province."""
    _ask(acting, family, family.persons[0])
    _relay(acting, COUNTY)
    with acting(PROVINCE, permissions=TAKES), unit_of_work() as session:
        return queries(session, "in")[0].id


def _withdrawn(acting: Acting, question: UUID) -> IdentityQuery:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        return withdraw_query(session, question)


def test_what_was_asked_by_mistake_is_taken_back_until_the_province_has_said_anything(acting: Acting, family: Home) -> None:
    asked = _ask(acting, family, family.persons[0])
    for tenant, refusal in ((OTHER_COUNTY, NotFound), (PROVINCE, Forbidden)):
        with acting(tenant, actor="clerk", permissions=CLERK), unit_of_work() as session, pytest.raises(refusal):
            withdraw_query(session, asked.id)
    with acting(actor="reader", permissions=frozenset({"people.read"})), unit_of_work() as session, pytest.raises(Forbidden):
        withdraw_query(session, asked.id)
    for _ in range(2):
        assert (_withdrawn(acting, asked.id).state, _withdrawn(acting, asked.id).answered_by) == ("withdrawn", "clerk")
    with acting(), unit_of_work() as session:
        [word] = session.scalars(select(Envelope).where(Envelope.kind == WITHDRAWN))
    with pytest.raises(NotFound, match="尚未到达"):  # tried again when the question has come
        deliver(COUNTY, {"envelope": str(word.envelope_id)})
    _relay(acting, COUNTY)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        [got] = queries(session, "in")
        assert (got.state, got.answered_by) == ("withdrawn", f"tenant:{COUNTY}")
        with pytest.raises(Conflict, match="已撤回"):
            answer_query(session, got.id, "different", "两人")
    again = _ask(acting, family, family.persons[0])  # it keeps nobody from asking again
    _relay(acting, COUNTY)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        answer_query(session, queries(session, "in")[0].id, "pending", "请补充证明")
    _relay(acting, PROVINCE)
    with pytest.raises(Conflict, match="不能撤回"):
        _withdrawn(acting, again.id)


def test_a_question_is_answered_that_was_taken_back_too_late(acting: Acting, family: Home) -> None:
    question = _got(acting, family)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        answer_query(session, question, "pending", "请补充证明")
    with acting(), unit_of_work() as session:
        [asked] = session.scalars(select(IdentityQuery).where(IdentityQuery.direction == "out"))
    _withdrawn(acting, asked.id)
    other = _ask(acting, family, family.persons[0])
    for tenant in (PROVINCE, COUNTY):
        _relay(acting, tenant)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        assert session.get_one(IdentityQuery, (PROVINCE, question)).state == "pending"
        answer_query(session, question, "different", "两人")
    _relay(acting, PROVINCE)
    with acting(permissions=CLERK), unit_of_work() as session:
        states = {row.id: row.state for row in queries(session, "out")}
        assert states == {asked.id: "answered", other.id: "asked"}


def _told(acting: Acting) -> list[tuple[str, str, bool]]:
    """Whom the province told what, in order."""
    with acting(PROVINCE), unit_of_work() as session:
        sent = session.scalars(select(Envelope).where(Envelope.kind == TOLD).order_by(Envelope.id)).all()
        return [(one.peer, one.body["outcome"], one.body["stays"]) for one in sent]


@pytest.mark.parametrize("heir", [None, COUNTY, OTHER_PREFECTURE])
def test_marks_of_a_county_that_has_closed_hold_up_no_answer(
    acting: Acting, family: Home, db: Database, heir: str | None
) -> None:
    """Whoever took over hears of it, once, also where it has a mark itself; whoever asked does not hear of the own question."""
    if heir == OTHER_PREFECTURE:
        with acting(heir), unit_of_work() as session:
            _mark(session, BOTH)
    question = _got(acting, family)
    close_into(db, OTHER_COUNTY, heir)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        answer_query(session, question, "pending", "请补充证明")
        if heir is None:
            with pytest.raises(InvalidInput, match="未撤销"):
                answer_query(session, question, "duplicate", "由居住地保留", keeper=OTHER_COUNTY)
        kept = COUNTY if heir is None else OTHER_COUNTY
        assert answer_query(session, question, "duplicate", "由居住地保留", keeper=kept).keeper == (heir or COUNTY)
    there = [(OTHER_PREFECTURE, "pending", False), (OTHER_PREFECTURE, "duplicate", True)]
    assert _told(acting) == (there if heir == OTHER_PREFECTURE else [])


@pytest.mark.parametrize(("heir", "late"), [(None, True), (OTHER_COUNTY, True), (OTHER_COUNTY, False)])
def test_a_question_of_a_county_that_has_closed_is_answered_to_nobody(
    acting: Acting, family: Home, db: Database, heir: str | None, late: bool
) -> None:
    question = _got(acting, family)
    if late:
        close_into(db, COUNTY, heir)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        assert answer_query(session, question, "different", "两人").state == "answered"
        assert len(session.scalars(select(Envelope).where(Envelope.kind == ANSWER)).all()) == (not late)
    if not late:
        close_into(db, COUNTY, heir)
        _relay(acting, PROVINCE)  # the heir asked nothing, so that nothing comes to it
        with acting(PROVINCE), unit_of_work() as session:
            assert session.scalars(select(Envelope.state).where(Envelope.kind == ANSWER)).all() == ["undelivered"]


def test_that_there_was_nothing_to_it_hears_who_was_told_of_it(acting: Acting, family: Home) -> None:
    question = _got(acting, family)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        answer_query(session, question, "pending", "请补充证明")
    with acting(OTHER_PREFECTURE), unit_of_work() as session:
        _mark(session, BOTH)
    with acting(PROVINCE, actor="p", permissions=TAKES), unit_of_work() as session:
        answer_query(session, question, "different", "两人")
    assert _told(acting) == [(OTHER_COUNTY, "pending", False), (OTHER_COUNTY, "different", False)]


def test_questions_to_the_index_are_limited_by_account_and_county(acting: Acting, family: Home, db: Database) -> None:
    del family
    install(db)
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, PER_ACCOUNT, TODAY, 3, "省级规定", "第一条")
        set_parameter(session, PER_COUNTY, TODAY, 5, "省级规定", "第一条")

    def ask(actor: str, *numbers: str) -> list[Elsewhere] | None:
        with acting(actor=actor, permissions=CLERK):
            try:
                with unit_of_work() as session:
                    return elsewhere(session, numbers, this_and_last_year(), "受理申请")
            except TooManyQuestions:
                return None

    # of four at once three are answered, whoever comes first
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: ask("clerk", number), [BOTH, number_of(2), number_of(3), number_of(4)]))
    assert sum(answer is None for answer in answers) == 1
    # a household's question is asked as a whole or not at all; nothing is counted where it is refused
    assert ask("other", number_of(5), number_of(6), number_of(7)) is None
    assert ask("other", number_of(5), BOTH) == [Elsewhere(False, False), Elsewhere(True, False)]
    assert ask("third", BOTH) is None
    with acting(actor="system:test"), unit_of_work() as session:
        assert len(elsewhere(session, [BOTH] * 9, [2025], "系统")) == 9
        counted = {row.actor: (row.asked, row.in_vain) for row in session.scalars(select(IdentityQuestionCount))}
        assert counted["other"] == (2, 1)
        assert counted[""] == (5, 0)
        assert counted["clerk"][0] == 3
    with acting(actor="clerk", permissions=CLERK, on=TODAY + timedelta(days=1)), unit_of_work() as session:
        assert elsewhere(session, [BOTH], [2025], "次日") == [Elsewhere(True, False)]
    with acting(OTHER_COUNTY, actor="clerk", permissions=CLERK), unit_of_work() as session:
        assert len(elsewhere(session, [number_of(9)], [2025], "外县另计")) == 1


def test_a_county_lowers_the_limit_and_never_raises_it(acting: Acting, db: Database) -> None:
    install(db)
    with acting(), unit_of_work() as session:
        assert least_of_levels(session, [PER_ACCOUNT], TODAY) == {PER_ACCOUNT: 300}
        set_parameter(session, PER_ACCOUNT, TODAY, 10_000, "本县自定", "第一条")
        assert least_of_levels(session, [PER_ACCOUNT], TODAY) == {PER_ACCOUNT: 300}
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, PER_ACCOUNT, TODAY, 500, "省级规定", "第一条")
    with acting(), unit_of_work() as session:
        assert least_of_levels(session, [PER_ACCOUNT], TODAY) == {PER_ACCOUNT: 500}
        set_parameter(session, PER_ACCOUNT, TODAY, 50, "本县自定", "第一条")
        assert least_of_levels(session, [PER_ACCOUNT, PER_COUNTY], TODAY) == {PER_ACCOUNT: 50, PER_COUNTY: 2_000}
    rights = frozenset({"parameters.write"})
    for tenant, refusal in ((COUNTY, pytest.raises(InvalidInput, match="不得高于上级规定的 500")), (PROVINCE, nullcontext())):
        with acting(tenant, actor="admin", permissions=rights), unit_of_work() as session, refusal:
            propose(session, NewParameter(PER_ACCOUNT, TODAY, 900, "文件", "第二条"), reason="业务量大")


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


def test_a_damaged_key_keeps_nobody_else_from_being_found(acting: Acting, family: Home) -> None:
    husband, _ = family.persons
    with acting(), unit_of_work() as session:
        one, other = (session.get_one(Person, (COUNTY, person)) for person in family.persons)
        other.wrapped_key = one.wrapped_key
        session.flush()
        assert holder_of(session, tokens().identity_index_hash(number_of(2))) is None
        assert holder_of(session, tokens().identity_index_hash(BOTH)) == husband
