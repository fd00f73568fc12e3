"""Notices: the period in working days, the county's own figure, whole batches under objection."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.cases.deadlines import working_calendar
from core.cases.engine import Move, SamePerson, judged
from core.cases.models import Case
from core.cases.workflows import transition_of, workflow_named
from core.db.session import unit_of_work
from core.errors import Forbidden, InvalidInput
from core.notices.models import NoticeBatch, NoticeItem
from core.notices.repository import open_objections
from core.notices.service import answer_objection, notice_view, post_notice, raise_objection
from core.parameters.service import set_parameter
from core.scope import Scope
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import LINES, Acting, install, job_seeker, post


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def _posted(acting: Acting, on: date, days: int) -> tuple[NoticeBatch, Case]:
    """A batch whose item stands under notice; the case itself is any case."""
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
        batch = NoticeBatch(
            number="GS-2025-0001",
            title="公示",
            posted_on=TODAY,
            ends_on=on,
            working_days=days,
            clause="domain 7.4",
            posted_by="clerk",
        )
        session.add(batch)
        session.flush()
        session.add(NoticeItem(batch_id=batch.id, case_id=case.id, masked_name="李*", matter="救助"))
    return batch, case


def _says(acting: Acting, case: Case, on: date) -> str:
    """What the guard notice_over says of the case."""
    flow = workflow_named("living_relief")
    with post(acting, "clerk", on=on), unit_of_work() as session:
        found = session.get_one(Case, (COUNTY, case.id))
        return judged(session, [Move(found, flow, transition_of(flow, "approve"), "noticed")])[case.id][1].zh


@pytest.fixture
def notice(acting: Acting) -> tuple[NoticeBatch, Case]:
    return _posted(acting, date(2025, 9, 8), 5)


def test_decisions_are_free_from_the_next_day_on(acting: Acting, notice: tuple[NoticeBatch, Case]) -> None:
    _, case = notice
    assert "尚未届满" in _says(acting, case, date(2025, 9, 8))
    assert "无异议" in _says(acting, case, date(2025, 9, 9))


def test_an_objection_to_a_batch_stops_each_of_its_cases(acting: Acting, notice: tuple[NoticeBatch, Case]) -> None:
    batch, case = notice
    with post(acting, "clerk"), unit_of_work() as session:
        objection = raise_objection(session, "程序不合规定", batch_id=batch.id)
        question = raise_objection(session, "公告中的培训费是多少？")
        assert [found.number for found in open_objections(session)] == ["YY-2025-0001", "YY-2025-0002"]
    assert "尚未答复" in _says(acting, case, date(2025, 9, 9))
    with post(acting, "approver"), unit_of_work() as session:
        with pytest.raises(InvalidInput):
            answer_objection(session, objection.id, "maybe", "答复")
        answer_objection(session, objection.id, "rejected", "程序符合规定")
        answer_objection(session, question.id, "rejected", "见附表")
        assert len(notice_view(session, batch.id)[1]) == 1
    assert "无异议" in _says(acting, case, date(2025, 9, 9))


def test_a_clerk_does_not_answer_objections_against_his_own_cases(
    acting: Acting, db: Database, notice: tuple[NoticeBatch, Case]
) -> None:
    batch, case = notice
    with post(acting, "clerk"), unit_of_work() as session:
        against_one = raise_objection(session, "该户有车", batch_id=batch.id, case_id=case.id)
        against_all = raise_objection(session, "程序不合规定", batch_id=batch.id)
        question = raise_objection(session, "公告中的培训费是多少？")
        for own in (against_one, against_all):
            with pytest.raises(SamePerson):
                answer_objection(session, own.id, "rejected", "不属实")
        answer_objection(session, question.id, "rejected", "见附表")
    with db.owner.connect() as connection:
        wrong = "update objection set answered_by = 'clerk' where id = :id"
        with pytest.raises(DBAPIError, match="answered_by_another"):
            connection.execute(text(wrong), {"id": against_one.id})
        connection.rollback()
        with pytest.raises(DBAPIError, match="fk_objection_tenant_case_id_clerk"):
            connection.execute(text("update objection set clerk = 'x' where id = :id"), {"id": against_one.id})
    with post(acting, "approver"), unit_of_work() as session:
        for own in (against_one, against_all):
            assert answer_objection(session, own.id, "rejected", "不属实").answered_by == "approver"


def test_the_county_sets_its_period(acting: Acting) -> None:
    from core.cases.deadlines import days_of
    from core.host.declarations import DeadlineDecl

    clock = DeadlineDecl("n", "公示期", "notice", ("noticed",), "working", "domain 7.4", parameter="notice_working_days")
    with post(acting, "system:parameters"), unit_of_work() as session:
        assert days_of(session, clock) == 5
        set_parameter(session, "notice_working_days", date(2025, 1, 1), 7, "县总工会办法", "domain 10")
        assert days_of(session, clock) == 7


def test_days_off_are_not_counted_and_a_later_notice_is_read(acting: Acting, db: Database) -> None:
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into working_day_exception (day, working, source) values"
                " ('2027-01-01', false, 't'), ('2026-12-31', false, 't'), ('2027-05-03', false, 't')"
            )
        )
    with post(acting, "clerk"), unit_of_work() as session:
        calendar = working_calendar(session)
    assert calendar.add_working_days(date(2025, 9, 30), 1).on == date(2025, 10, 9)
    assert calendar.add_working_days(date(2026, 12, 30), 1).on == date(2027, 1, 4)
    assert not calendar.add_working_days(date(2027, 4, 30), 1).provisional
    assert calendar.is_working(date(2025, 10, 11))


def test_posting_needs_a_post_and_cases(acting: Acting) -> None:
    with acting(COUNTY, actor="guest", plugins=LINES) as scope, unit_of_work() as session:
        assert isinstance(scope, Scope)
        with pytest.raises(Forbidden):
            post_notice(session, [], "公示")
    with post(acting, "clerk"), unit_of_work() as session, pytest.raises(InvalidInput):
        post_notice(session, [], "公示")
