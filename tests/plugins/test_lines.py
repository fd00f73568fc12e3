"""The four built-in lines from beginning to end; living relief with its notice, its decision and its money."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
from sqlalchemy import select

from core.cases.engine import GuardsNotMet
from core.cases.models import Case, Deadline
from core.cases.occurrences import occurrence_on
from core.cases.service import NewCase, NewParty, advance, close_paid, open_cases
from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden
from core.funds.models import Grant, GrantBeneficiary
from core.funds.service import receive, release_grants
from core.notices.models import NoticeBatch, NoticeItem
from core.notices.service import answer_objection, contact_of, post_notice, raise_objection
from core.parameters.service import set_parameter
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.surveys.models import Determination
from core.surveys.service import determine
from plugins.living_relief.programmes import PROGRAMMES
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import PETITION, Acting, as_if_opened, install, job_seeker, papers, post, with_key

OVER = date(2025, 9, 9)
"""First day after a notice of five working days that is posted on Monday, 2025-09-01."""


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def _household(acting: Acting) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """A poor household of a worker and a student: (household, worker, student), determined."""
    household, worker, student = new_id(), new_id(), new_id()
    with post(acting, "system:parameters"), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", date(2025, 1, 1), 80_000, "样例", "domain 10")
    with post(acting, "surveyor"), unit_of_work() as session:
        session.add(Household(id=household, address="成都市锦江区"))
        for person, name in ((worker, "欧阳修文"), (student, "欧阳小雨")):
            session.add(Person(id=person, name=name, pinyin="ouyang", gender="1", birth_date=date(1980, 1, 1)))
        session.flush()
        for person, relation, status in ((worker, "head", "employed"), (student, "son", "undergraduate")):
            session.add(Membership(household_id=household, person_id=person, relation=relation, valid_from=date(2025, 1, 1)))
            session.add(
                PersonFact(
                    person_id=person, valid_from=date(2025, 1, 1), income_unsorted_fen=0, identity_status=status, source="t"
                )
            )
        session.add(HouseholdFact(household_id=household, valid_from=date(2025, 1, 1), cost_illness_fen=900_000, source="t"))
        session.add(
            WorkerFile(
                household_id=household,
                worker_id=worker,
                file_number="1",
                status="on_file",
                opened_on=date(2025, 1, 1),
                updated_on=date(2025, 1, 1),
                applied_programmes=["yearly_living", "medical", "schooling"],
            )
        )
        session.flush()
        assert determine(session, None, [household]) == 1
    return household, worker, student


def _relief(acting: Acting, household: uuid.UUID, worker: uuid.UUID) -> list[Case]:
    """A case of each programme, verified and with its papers."""
    with post(acting, "clerk"), unit_of_work() as session:
        found = session.scalars(select(Determination)).one()
        cases = open_cases(
            session,
            [
                NewCase(
                    "living_relief",
                    "living_relief",
                    (NewParty("applicant", worker, label="欧阳修文"), NewParty("household", household_id=household)),
                    programme=programme.code,
                    determination_id=found.id,
                    requested_fen=found.amounts[programme.code],
                )
                for programme in PROGRAMMES
            ],
        )
        papers(session, cases)
        advance(session, [case.id for case in cases], "verify")
    return cases


def _funded(acting: Acting) -> None:
    with post(acting, "treasurer"), unit_of_work() as session:
        for programme in PROGRAMMES:
            receive(
                session,
                year=2025,
                source=programme.sources[0],
                purpose=programme.purpose,
                amount_fen=10_000_000,
                key=programme.code,
                note="到账",
            )


def test_relief_from_application_to_paid(acting: Acting) -> None:
    household, worker, student = _household(acting)
    cases = _relief(acting, household, worker)
    ids = [case.id for case in cases]
    _funded(acting)
    with post(acting, "clerk"), unit_of_work() as session:
        with pytest.raises(GuardsNotMet, match="尚未公示"):
            advance(session, ids, "post_notice")
        batch = post_notice(session, ids, "2025 年第一批救助公示")
        assert (batch.number, batch.working_days, batch.ends_on) == ("GS-2025-0001", 5, date(2025, 9, 8))
        items = session.scalars(select(NoticeItem)).all()
        assert {item.masked_name for item in items} == {"欧阳**"}
        assert {item.matter for item in items} == {"年度生活救助", "医疗救助", "金秋助学"}
    with post(acting, "approver", on=batch.ends_on), unit_of_work() as session, pytest.raises(GuardsNotMet, match="尚未届满"):
        advance(session, ids, "approve", "同意")
    with post(acting, "approver", on=OVER), unit_of_work() as session:
        advance(session, ids, "approve", "同意")
        grants = {grant.programme: grant for grant in session.scalars(select(Grant))}
        assert {name: grant.amount_fen for name, grant in grants.items()} == {
            "yearly_living": 120_000,
            "medical": 450_000,
            "schooling": 500_000,
        }
        assert (grants["schooling"].occurrence, grants["medical"].occurrence) == ("2025-2026", "2025")
        whom = {row.grant_id: row.person_id for row in session.scalars(select(GrantBeneficiary))}
        assert whom == {
            grants["yearly_living"].id: worker,
            grants["medical"].id: worker,
            grants["schooling"].id: student,
        }
        with pytest.raises(Forbidden):
            advance(session, ids, "paid")
        assert {case.state for case in close_paid(session, ids)} == {"closed"}
        assert {row.met_on for row in session.scalars(select(Deadline))} == {OVER}


def test_an_objection_stops_the_decision_until_it_is_answered(acting: Acting) -> None:
    household, worker, _ = _household(acting)
    ids = [case.id for case in _relief(acting, household, worker)]
    with_key(acting)
    _funded(acting)
    with post(acting, "clerk"), unit_of_work() as session:
        batch = post_notice(session, ids, "公示")
        objection = raise_objection(session, "该户有车", batch_id=batch.id, case_id=ids[0], contact="13800001234")
        assert "1380" not in (objection.contact or "")
        assert contact_of(session, batch.id, objection.id, "核实情况") == "13800001234"
    with post(acting, "approver", on=OVER), unit_of_work() as session:
        with pytest.raises(GuardsNotMet, match="YY-2025-0001 尚未答复"):
            advance(session, ids[:1], "approve")
        answer_objection(session, objection.id, "upheld", "属实")
        with pytest.raises(GuardsNotMet, match="成立"):
            advance(session, ids[:1], "approve")
        with pytest.raises(Conflict):
            answer_objection(session, objection.id, "rejected", "再答")
        advance(session, ids[:1], "refuse", "名下有车辆")
        advance(session, ids[1:], "approve")
        assert len(session.scalars(select(Grant)).all()) == 2


def test_a_case_without_a_determination_gets_nothing(acting: Acting) -> None:
    household, worker, _ = _household(acting)
    parties = (NewParty("applicant", worker, label="李明"), NewParty("household", household_id=household))
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = open_cases(session, [NewCase("living_relief", "living_relief", parties, programme="yearly_living")])
        papers(session, [case])
        advance(session, [case.id], "verify")
        post_notice(session, [case.id], "公示")
    with post(acting, "approver", on=OVER), pytest.raises(Conflict, match="认定"), unit_of_work() as session:
        advance(session, [case.id], "approve")
    with post(acting, "clerk"), unit_of_work() as session:
        assert session.get_one(Case, (COUNTY, case.id)).state == "noticed"


def _noticed(acting: Acting, household: uuid.UUID, worker: uuid.UUID) -> list[uuid.UUID]:
    """Cases of each programme whose notice is over, with money to pay them."""
    ids = [case.id for case in _relief(acting, household, worker)]
    _funded(acting)
    with post(acting, "clerk"), unit_of_work() as session:
        post_notice(session, ids, "公示")
    return ids


@pytest.mark.parametrize("version", [1, 2])
def test_a_determination_that_another_replaced_grants_nothing(acting: Acting, db: Database, version: int) -> None:
    household, worker, _ = _household(acting)
    ids = _noticed(acting, household, worker)
    as_if_opened(db, workflow_version=version)
    with post(acting, "surveyor", on=OVER), unit_of_work() as session:
        assert determine(session, None, [household]) == 1
    replaced = pytest.raises(Conflict, match=f"已被 {OVER.isoformat()} 的认定取代")
    with post(acting, "approver", on=OVER), replaced, unit_of_work() as session:
        advance(session, ids[:1], "approve")
    with post(acting, "approver", on=OVER), unit_of_work() as session:
        assert session.scalars(select(Grant)).all() == []


@pytest.mark.parametrize("version", [1, 2])
def test_a_determination_of_last_year_grants_nothing_but_the_running_school_year(
    acting: Acting, db: Database, version: int
) -> None:
    household, worker, _ = _household(acting)
    ids = _noticed(acting, household, worker)
    as_if_opened(db, workflow_version=version)
    with post(acting, "clerk"), unit_of_work() as session:
        cases = {case.programme: case.id for case in session.scalars(select(Case))}
    assert sorted(cases.values()) == sorted(ids)
    with post(acting, "approver", on=date(2026, 1, 4)), unit_of_work() as session:
        for programme in ("yearly_living", "medical"):
            with pytest.raises(Conflict, match="2025-09-01 的认定不属于本期"):
                advance(session, [cases[programme]], "approve")
    with post(acting, "treasurer", on=date(2026, 1, 4)), unit_of_work() as session:
        receive(session, year=2026, source="donation", purpose="schooling", amount_fen=10_000_000, key="26", note="到账")
    with post(acting, "approver", on=date(2026, 1, 4)), unit_of_work() as session:
        assert advance(session, [cases["schooling"]], "approve")[0].state == "approved"


def test_who_takes_an_application_back_leaves_a_clock_that_is_cancelled(acting: Acting) -> None:
    household, worker, _ = _household(acting)
    ids = _noticed(acting, household, worker)
    with post(acting, "clerk"), unit_of_work() as session:
        advance(session, ids[:1], "withdraw", "家庭情况好转")
        [clock] = session.scalars(select(Deadline).where(Deadline.case_id == ids[0]))
        assert (clock.cancelled_on, clock.met_on) == (TODAY, None)
    with post(acting, "approver", on=OVER), unit_of_work() as session:
        advance(session, ids[1:2], "refuse", "已迁出")
        [clock] = session.scalars(select(Deadline).where(Deadline.case_id == ids[1]))
        assert (clock.cancelled_on, clock.met_on) == (None, OVER)


def test_a_household_has_one_open_case_of_a_programme(acting: Acting) -> None:
    household, worker, _ = _household(acting)
    cases = {case.programme: case for case in _relief(acting, household, worker)}
    first = cases["yearly_living"]

    def again() -> Case:
        parties = (NewParty("applicant", worker), NewParty("household", household_id=household))
        draft = NewCase("living_relief", "living_relief", parties, programme="yearly_living", determination_id=found)
        return open_cases(session, [draft])[0]

    with post(acting, "clerk"), unit_of_work() as session:
        found = session.scalars(select(Determination.id)).one()
        with pytest.raises(Conflict, match=f"年度生活救助个案 {first.number}") as refused:
            again()
        assert refused.value.where == first.number
        advance(session, [first.id], "withdraw", "登记有误")
        second = again()
        papers(session, [second])
        advance(session, [second.id], "verify")
        post_notice(session, [second.id], "公示")
    _funded(acting)
    with post(acting, "approver", on=OVER), unit_of_work() as session:
        advance(session, [second.id], "approve")
        grant = session.scalars(select(Grant.id)).one()
    with post(acting, "clerk", on=OVER), unit_of_work() as session, pytest.raises(Conflict, match=second.number):
        again()
    # Granted for 2025 and only waiting to be paid, it does not stand in the way of the next year's.
    with post(acting, "clerk", on=date(2026, 1, 4)), unit_of_work() as session:
        assert again().state == "applied"
        session.rollback()
    with post(acting, "treasurer", on=OVER), unit_of_work() as session:
        release_grants(session, [grant], "户主去世")
    with post(acting, "clerk", on=OVER), unit_of_work() as session:
        assert again().state == "applied"


def test_what_is_not_ready_or_is_confidential_is_not_posted(acting: Acting) -> None:
    with_key(acting)
    draft = NewCase("petitions", "petition", (NewParty("applicant", label="赵"),), form=PETITION | {"kind": "report"})
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = open_cases(session, [draft])
        with pytest.raises(Conflict, match="保密"):
            post_notice(session, [case.id], "公示")
    with post(acting, "clerk"), unit_of_work() as session:
        assert session.scalars(select(NoticeBatch)).all() == []


def test_a_job_seeker_is_placed_and_followed_up(acting: Acting) -> None:
    with post(acting, "officer"), unit_of_work() as session:
        cases = job_seeker(session)
        papers(session, cases)
        for step in ("counsel", "place", "seek_again", "place", "follow_up"):
            advance(session, [cases[0].id], step, "记录")
        assert (cases[0].state, cases[0].closed_on) == ("closed", TODAY)


@pytest.mark.parametrize("steps", [("accept", "answer", "close"), ("decline",)])
def test_a_petition_ends_with_an_answer(acting: Acting, steps: tuple[str, ...]) -> None:
    with post(acting, "handler"), unit_of_work() as session:
        [case] = open_cases(session, [NewCase("petitions", "petition", (NewParty("applicant", label="王"),), form=PETITION)])
        for step in steps:
            advance(session, [case.id], step, "记录")
        assert case.state == "closed"
        assert all(row.met_on == TODAY for row in session.scalars(select(Deadline)))


@pytest.mark.parametrize(
    ("day", "occurrence"), [(date(2025, 8, 31), "2024-2025"), (date(2025, 9, 1), "2025-2026"), (date(2026, 1, 1), "2025-2026")]
)
def test_the_school_year_begins_in_september(day: date, occurrence: str) -> None:
    schooling = next(programme for programme in PROGRAMMES if programme.code == "schooling")
    assert occurrence_on(schooling, day, "") == occurrence
