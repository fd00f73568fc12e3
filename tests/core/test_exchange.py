"""The three doors between tenants: what passes, and that nothing else does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import func, select, text

from core.cases.models import Case, Party
from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.envelopes import deliver
from core.exchange.facts import figures_below
from core.exchange.identity_index import aided_twice, elsewhere, mark
from core.exchange.matters import answer, answers_of, hand_over, matter_content, take
from core.exchange.models import Envelope, Fact, IdentityMark
from core.jobs.models import OutboxItem
from core.scope import Scope
from core.tenancy.keys import tokens
from core.trail.models import ReadLog
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, Database

Acting = Callable[..., AbstractContextManager[Scope]]
NUMBER = "51010419800101001X"


def _fact(acting: Acting, tenant: str, value: int) -> None:
    with acting(tenant) as scope, unit_of_work() as session:
        session.add(
            Fact(
                prefecture=scope.prefecture,
                province=scope.province,
                name="households",
                period="2025",
                value=value,
                as_of=scope.business_date,
            )
        )


def test_figures_go_up_and_never_sideways(acting: Acting) -> None:
    _fact(acting, COUNTY, 3)
    _fact(acting, OTHER_COUNTY, 4)
    expected = {
        COUNTY: [3],
        OTHER_COUNTY: [4],
        PREFECTURE: [3],
        OTHER_PREFECTURE: [4],
        PROVINCE: [3, 4],
    }
    for tenant, values in expected.items():
        with acting(tenant), unit_of_work() as session:
            assert [figure.value for figure in figures_below(session, 2025)] == values
            assert figures_below(session, 2024) == []
            assert figures_below(session, 2025, ["other"]) == []


def test_a_level_above_reads_figures_but_changes_none(acting: Acting, db: Database) -> None:
    _fact(acting, COUNTY, 3)
    with db.app.begin() as connection:
        connection.execute(text("set local app.tenant = '510000'"))
        assert connection.execute(text("select count(*) from fact")).scalar() == 1
        assert connection.execute(text("update fact set value = 9")).rowcount == 0


def test_the_index_says_elsewhere_and_nothing_more(acting: Acting) -> None:
    digest = tokens().identity_index_hash(NUMBER)
    with acting(COUNTY), unit_of_work() as session:
        mark(session, [digest], 2025, "on_file")
        mark(session, [digest], 2025, "aided:yearly_living")
        mark(session, [digest], 2025, "on_file")
    with acting(COUNTY), unit_of_work() as session:
        [own] = elsewhere(session, [NUMBER], [2025], "受理申请")
        assert (own.on_file, own.aided) == (False, False)
    with acting(OTHER_COUNTY), unit_of_work() as session:
        [found] = elsewhere(session, [NUMBER], [2025], "受理申请")
        assert (found.on_file, found.aided) == (True, True)
        [later] = elsewhere(session, [NUMBER], [2028], "受理申请")
        assert (later.on_file, later.aided) == (True, False)
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 0
        assert session.connection().exec_driver_sql("select count(*) from identity_mark").scalar() == 0
        assert session.scalar(select(func.count()).select_from(ReadLog)) == 2


def test_only_the_province_compares_all(acting: Acting) -> None:
    digest = tokens().identity_index_hash(NUMBER)
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            mark(session, [digest], 2025, "aided:yearly_living")
    with acting(PROVINCE), unit_of_work() as session:
        [twice] = aided_twice(session, 2025)
        assert twice.tenants == (COUNTY, OTHER_COUNTY)
        assert aided_twice(session, 2024) == []
    for tenant in (PREFECTURE, COUNTY):
        with acting(tenant), unit_of_work() as session:
            with pytest.raises(Forbidden):
                aided_twice(session, 2025)
            seen = session.connection().exec_driver_sql("select count(*) from identity_mark").scalar()
            assert seen == (1 if tenant == COUNTY else 0)


def _case(acting: Acting, handlers: list[str] | None = None) -> uuid.UUID:
    case_id = new_id()
    with acting(COUNTY) as scope, unit_of_work() as session:
        session.add(
            Case(
                id=case_id,
                number="XF-2025-0001",
                plugin="petitions",
                workflow="petition",
                workflow_version=1,
                state="registered",
                clerk="system:clerk",
                opened_on=scope.business_date,
                form={"request": "欠薪"},
                handlers=handlers,
            )
        )
        session.flush()
        session.add(Party(case_id=case_id, role="applicant", label="张三", handlers=handlers))
    return case_id


def _relay(acting: Acting, tenant: str) -> None:
    with acting(tenant), unit_of_work() as session:
        payloads = [item.payload for item in session.scalars(select(OutboxItem).where(OutboxItem.topic == "envelope"))]
    for payload in payloads:
        deliver(tenant, payload)
        deliver(tenant, payload)


def test_a_matter_goes_up_and_comes_back(acting: Acting) -> None:
    case_id = _case(acting)
    with acting(COUNTY), unit_of_work() as session:
        sent = hand_over(session, case_id, PREFECTURE, "涉及市属企业")
        package = sent.envelope_id
        assert "张三" not in str(sent.body)
        with pytest.raises(Conflict):
            hand_over(session, case_id, PREFECTURE, "再次")
    _relay(acting, COUNTY)
    with acting(PREFECTURE, actor="zhou", permissions=frozenset({"exchange.take"})), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Envelope)) == 1
        take(session, package)
        take(session, package)
        assert matter_content(session, package)["parties"] == [{"role": "applicant", "label": "张三"}]
        assert session.scalar(select(func.count()).select_from(Case)) == 0
    _relay(acting, PREFECTURE)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(Case.outside_state)).one() == "taken"
    with acting(PREFECTURE), unit_of_work() as session:
        answer(session, package, "已责令支付，\r\n欠薪于月底前付清")
        with pytest.raises(Conflict):
            answer(session, package, "再答")
    _relay(acting, PREFECTURE)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(Case.outside_state)).one() == "returned"
        states = session.scalars(select(Envelope.state).where(Envelope.direction == "out")).all()
        assert states == ["answered"]
    with acting(COUNTY, permissions=frozenset({"case.read"})), unit_of_work() as session:
        [told] = answers_of(session, case_id)
        assert (told.peer, told.outcome) == (PREFECTURE, "answered")
        assert told.text == "已责令支付，\n欠薪于月底前付清"
    with acting(OTHER_COUNTY, permissions=frozenset({"case.read"})), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Envelope)) == 0
        with pytest.raises(NotFound):
            answers_of(session, case_id)
        with pytest.raises(NotFound):
            take(session, package)
        with pytest.raises(NotFound):
            hand_over(session, case_id, PREFECTURE, "越权")


def test_an_acknowledgement_that_is_late_does_not_undo_the_answer(acting: Acting) -> None:
    case_id = _case(acting)
    with acting(COUNTY), unit_of_work() as session:
        package = hand_over(session, case_id, PREFECTURE, "涉及市属企业").envelope_id
    _relay(acting, COUNTY)
    with acting(PREFECTURE), unit_of_work() as session:
        take(session, package)
        answer(session, package, "已责令支付")
        posted = session.scalars(select(OutboxItem).where(OutboxItem.topic == "envelope").order_by(OutboxItem.id)).all()
        taken, answered = (item.payload for item in posted)
    deliver(PREFECTURE, answered)
    deliver(PREFECTURE, taken)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(Case.outside_state)).one() == "returned"
        [sent] = session.scalars(select(Envelope).where(Envelope.direction == "out"))
        assert sent.state == "answered"
        assert sent.acknowledged_on is not None


def test_a_confidential_matter_is_not_handed_over_and_stays_here(acting: Acting) -> None:
    case_id = _case(acting, ["wang"])
    with acting(COUNTY, actor="wang", permissions=frozenset({"exchange.hand_over"})), unit_of_work() as session:
        with pytest.raises(Conflict, match="保密件"):
            hand_over(session, case_id, PREFECTURE, "涉及市属企业")
        assert session.scalars(select(Case.outside_state)).one() is None
        assert session.scalar(select(func.count()).select_from(Envelope)) == 0


@pytest.mark.parametrize("reason", ["", " \r\n", "长" * 2001])
def test_a_reason_is_neither_missing_nor_cut(acting: Acting, reason: str) -> None:
    case_id = _case(acting)
    with acting(COUNTY), unit_of_work() as session:
        with pytest.raises(InvalidInput) as refused:
            hand_over(session, case_id, PREFECTURE, reason)
        assert refused.value.where == "reason"


def test_a_full_text_of_short_lines_is_not_too_long(acting: Acting) -> None:
    """A browser counts a line end as one character and sends two."""
    case_id = _case(acting)
    with acting(COUNTY), unit_of_work() as session:
        sent = hand_over(session, case_id, PREFECTURE, "字\r\n" * 999 + "字字")
        assert len(sent.body["reason"]) == 2000
