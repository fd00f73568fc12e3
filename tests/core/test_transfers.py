"""Households move to another county with all that is known of them: once, sealed anew, and seen by the two alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

import core.models
from core.cases.models import Case, CaseStep, Deadline, Party
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import NewDocument, add_documents, read_document
from core.errors import Conflict
from core.exchange.envelopes import deliver
from core.exchange.models import Envelope, IdentityMark
from core.funds.models import Occurrence
from core.jobs.outbox import relay
from core.people.life.consents import consents_of, give_consent
from core.people.life.service import steps_of, take_step
from core.people.models import FOUND_BY, Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.people.repository import fact_rows
from core.people.search.finding import find
from core.people.service import import_roster, reveal
from core.scope import Scope
from core.settings import settings
from core.tenancy.keys import give_key
from core.transfers.arriving import LEFT_BEHIND, POINTING
from core.transfers.departing import depart, travelling_workflows
from core.transfers.models import BroughtCase, BroughtPerson, HouseholdTransfer
from core.transfers.packing import SEALED
from core.transfers.service import settle_twice, twice_waiting
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, Database
from tests.core.lines import PDF, PETITION, install, post
from tests.tenants.conftest import asked

Acting = Callable[..., AbstractContextManager[Scope]]
PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
WHY = "市总工会批复〔2025〕3号"


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY, OTHER_COUNTY], households=12)[0]


@pytest.fixture
def two(db: Database, acting: Acting, roster: Path) -> Acting:
    """A county with a roster, and another one without any."""
    install(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    with acting(), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
    return acting


def _homes(session: Session, count: int) -> list[UUID]:
    return list(session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id).limit(count)))


def _send(acting: Acting, homes: list[UUID]) -> None:
    with acting(), unit_of_work() as session:
        depart(session, OTHER_COUNTY, homes, WHY)
    assert relay(COUNTY).failed == 0
    assert relay(OTHER_COUNTY).failed == 0


def _count(session: Session, table: type[object]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_household_goes_with_members_facts_papers_and_its_open_matter(two: Acting) -> None:
    with post(two, "clerk"), unit_of_work() as session:
        [home] = _homes(session, 1)
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()
        worker, former = file.worker_id, file.file_number
        add_documents(session, [NewDocument("identity_card", "身份证", PDF, household_id=home)])
        take_step(session, home, "confirm_unchanged", note="电话核实")
        signed = file.updated_on
        give_consent(session, home, "personal_information", reference="同 1 号", given_on=signed, person_id=worker)
        parties = (NewParty("applicant", worker, label="某某"), NewParty("household", household_id=home))
        [case] = open_cases(session, [NewCase("petitions", "petition", parties, form=PETITION)])
        advance(session, [case.id], "accept", "属本单位职责")
        number, state = case.number, case.state
        [clock] = session.scalars(select(Deadline).where(Deadline.case_id == case.id, Deadline.met_on.is_(None)))
        due, started = clock.due_on, clock.started_on
        before = fact_rows(session, file.updated_on, [home])
        told = _revealed(session, worker)
        facts = _facts(session, worker)
    _send(two, [home])
    with post(two, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        new = session.scalars(select(WorkerFile)).one()
        assert new.status == "on_file"
        assert new.file_number != former
        after = fact_rows(session, new.updated_on, [new.household_id])
        assert [row.monthly_income_fen for row in after.persons] == [row.monthly_income_fen for row in before.persons]
        assert [row.costs for row in after.households] == [row.costs for row in before.households]
        assert _revealed(session, new.worker_id) == told
        assert _facts(session, new.worker_id) == facts
        [step] = steps_of(session, new.household_id)
        assert (step.step, step.note, step.actor) == ("confirm_unchanged", "电话核实", "clerk")
        [paper] = consents_of(session, new.household_id)
        assert (paper.person_id, paper.reference, paper.given_on) == (new.worker_id, "同 1 号", signed)
        assert {row.person_id for row in find(session, former)} == {new.worker_id}
        assert {row.person_id for row in find(session, told[0])} == {new.worker_id}
        scan, data = read_document(session, session.scalars(select(Document.id)).one())
        assert (scan.household_id, data) == (new.household_id, PDF)
        here = session.scalars(select(Case)).one()
        assert (here.state, here.closed_on) == (state, None)
        brought = session.scalars(select(BroughtCase)).one()
        assert (brought.peer, brought.peer_number, brought.case_id) == (COUNTY, number, here.id)
        running = session.scalars(select(Deadline).where(Deadline.met_on.is_(None))).one()
        assert (running.started_on, running.due_on) == (started, due)
        assert [step.seq for step in session.scalars(select(CaseStep).order_by(CaseStep.seq))] == [1, 2]
        came = session.scalars(select(HouseholdTransfer)).one()
        assert (came.direction, came.peer, came.peer_file_number, came.twice) == ("in", COUNTY, former, [])
        new_number = new.file_number
    with post(two, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()
        assert file.status == "moved"
        assert [step.to_state for step in steps_of(session, home)] == ["on_file", "moved"]
        went = session.scalars(select(HouseholdTransfer)).one()
        assert (went.state, went.peer, went.peer_file_number) == ("arrived", OTHER_COUNTY, new_number)
        old = session.scalars(select(Case)).one()
        assert (old.closed_on is not None, old.outside_state) == (True, "moved")
        assert session.scalars(select(Envelope).where(Envelope.kind == "household.package")).one().body_cipher is None
    with two(PREFECTURE), unit_of_work() as session:
        assert _count(session, HouseholdTransfer) == _count(session, WorkerFile) == _count(session, Envelope) == 0


def _revealed(session: Session, person: UUID) -> list[str]:
    return [reveal(session, person, what, "核对") for what in ("identity_number", "phone", "account", "address")]


def _facts(session: Session, person: UUID) -> list[tuple[object, ...]]:
    columns = (PersonFact.valid_from, PersonFact.recorded_at, PersonFact.monthly_income_fen, PersonFact.source)
    return [tuple(row) for row in session.execute(select(*columns).where(PersonFact.person_id == person))]


def test_sent_twice_and_delivered_twice_is_once(two: Acting) -> None:
    with two(), unit_of_work() as session:
        homes = _homes(session, 3)
        depart(session, OTHER_COUNTY, homes, WHY)
    with two(), unit_of_work() as session:
        assert depart(session, OTHER_COUNTY, homes, WHY).households == 0
        packages = session.scalars(select(Envelope.envelope_id).where(Envelope.kind == "household.package")).all()
    assert len(packages) == 1
    for _ in range(2):
        deliver(COUNTY, {"envelope": str(packages[0])})
    for _ in range(2):
        relay(COUNTY)
        relay(OTHER_COUNTY)
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert (_count(session, WorkerFile), _count(session, Household), _count(session, HouseholdTransfer)) == (3, 3, 3)
    with two(), unit_of_work() as session:
        states = session.execute(select(WorkerFile.status, func.count()).group_by(WorkerFile.status)).all()
        assert ("moved", 3) in [tuple(row) for row in states]


def test_a_package_asks_as_much_for_one_household_as_for_many(two: Acting) -> None:
    with two(), unit_of_work() as session:
        first, *others = _homes(session, 8)
    counts = []
    for homes in ([first], others):
        with asked() as statements:
            _send(two, homes)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_the_same_person_in_both_counties_is_marked_and_not_merged(two: Acting, roster: Path) -> None:
    with two(OTHER_COUNTY), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
        numbers = set(session.scalars(select(WorkerFile.file_number)))
        people = _count(session, Person)
    with two(), unit_of_work() as session:
        homes = _homes(session, 2)
    _send(two, homes)
    with two(OTHER_COUNTY), unit_of_work() as session:
        came = session.scalars(select(HouseholdTransfer)).all()
        assert len(came) == 2
        assert all(len(one.twice) == 1 and set(one.twice) <= numbers for one in came)
        new = session.scalars(select(WorkerFile).where(WorkerFile.file_number.not_in(numbers))).all()
        assert {file.status for file in new} == {"draft"}
        assert _count(session, Person) > people
        members = select(Membership.person_id).where(Membership.household_id.in_([file.household_id for file in new]))
        assert set(session.scalars(select(Person.identity_token).where(Person.id.in_(members)))) == {None}


def test_one_that_is_kept_is_found_by_its_number_once_the_other_file_is_cancelled(two: Acting, roster: Path) -> None:
    with two(OTHER_COUNTY), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
    with post(two, "clerk"), unit_of_work() as session:
        [home] = _homes(session, 1)
        worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == home)).one()
        number = reveal(session, worker, "identity_number", "核对")
    _send(two, [home])
    with post(two, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [waiting] = twice_waiting(session)
        with pytest.raises(Conflict, match="一人只能在一户建档"):
            settle_twice(session, waiting.transfer_id, keep=True, why="核对")
        former = session.scalars(select(WorkerFile).where(WorkerFile.file_number == waiting.twice[0])).one()
        former.status = "cancelled"
        session.flush()
        settle_twice(session, waiting.transfer_id, keep=True, why="原档案已注销")
        new = session.scalars(select(WorkerFile).where(WorkerFile.household_id == waiting.household_id)).one()
        assert new.status == "on_file"
        assert {row.person_id for row in find(session, number)} >= {new.worker_id}
        holders = session.scalars(select(Person.id).where(Person.identity_token.is_not(None))).all()
        assert new.worker_id in holders
        assert former.worker_id not in holders
        with pytest.raises(Conflict, match="已核对"):
            settle_twice(session, waiting.transfer_id, keep=False, why="再次")


def test_who_comes_back_is_the_person_that_was_here(two: Acting) -> None:
    with two(), unit_of_work() as session:
        homes, people = _homes(session, 2), _count(session, Person)
        marks = _count(session, IdentityMark)
    _send(two, homes)
    with two(), unit_of_work() as session:
        gone = marks - _count(session, IdentityMark)
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert _count(session, IdentityMark) == gone == _count(session, BroughtPerson)
        depart(session, COUNTY, _homes(session, 2), WHY)
    relay(OTHER_COUNTY)
    relay(COUNTY)
    with two(), unit_of_work() as session:
        assert _count(session, Person) == people
        assert _count(session, IdentityMark) == marks
        back = session.scalars(select(WorkerFile).order_by(WorkerFile.id.desc()).limit(2)).all()
        assert {file.status for file in back} == {"on_file"}
        assert set(homes).isdisjoint(file.household_id for file in back)


@pytest.mark.parametrize("damaged", ["file", "key"])
def test_a_lost_paper_is_told_and_keeps_nobody_back(two: Acting, db: Database, damaged: str) -> None:
    with post(two, "clerk"), unit_of_work() as session:
        [home] = _homes(session, 1)
        [paper] = add_documents(session, [NewDocument("identity_card", "身份证", PDF, household_id=home)])
        lost = settings().files_dir / COUNTY / paper.storage_name
    if damaged == "file":
        lost.unlink()
    else:
        with db.owner.begin() as connection:
            connection.execute(text("update document set wrapped_key = :key"), {"key": bytes(60)})
    _send(two, [home])
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert _count(session, Document) == 0
        assert session.scalars(select(HouseholdTransfer)).one().history["missing_papers"] is True


def test_money_cases_stay_and_petitions_travel() -> None:
    travelling = travelling_workflows()
    assert "petition" in travelling
    assert "living_relief" not in travelling


def test_every_sealed_column_of_what_travels_is_sealed_anew() -> None:
    """A column that is sealed or a token must not travel as it stands: it would mean nothing, or somebody else, there."""
    for table in (Person, Household, Membership, WorkerFile, PersonFact, HouseholdFact):
        names = {str(column.key) for column in table.__table__.columns}
        handled = SEALED.get(str(table.__tablename__), {})
        kept = set(handled) | {token[1] for token in handled.values() if token}
        sealed = {name for name in names if name.endswith(("_cipher", "_token"))}
        assert sealed <= kept, table


def test_every_reference_of_what_travels_is_found_anew_or_left_behind() -> None:
    """A column that points at a row of the giver's would point at nothing, or at another's, there."""
    travelling = (Person, Household, Membership, WorkerFile, PersonFact, HouseholdFact, SearchToken)
    of_cases = (Case, Party, CaseStep, Deadline, Document, Occurrence)
    for model in (*travelling, *of_cases):
        for key in core.models.metadata.tables[str(model.__tablename__)].foreign_key_constraints:
            pointing = {column.name for column in key.columns} - {"tenant", "released"}
            assert pointing <= {*POINTING, *LEFT_BEHIND}, (model, pointing)


def test_nothing_personal_lies_open_in_the_package(two: Acting, db: Database) -> None:
    with two(), unit_of_work() as session:
        [home] = _homes(session, 1)
        depart(session, OTHER_COUNTY, [home], WHY)
        names = set(session.scalars(select(Person.name)))
        tokens = _count(session, SearchToken)
    assert tokens
    with db.owner.connect() as connection:
        bodies = connection.scalars(text("select body::text from envelope")).all()
    assert bodies
    assert not [name for name in names for body in bodies if name in body]


def test_who_was_erased_here_and_comes_again_comes_anew(two: Acting, db: Database) -> None:
    """The row that he had here tells nothing any more, and nothing new is put under it."""
    with two(), unit_of_work() as session:
        homes = _homes(session, 1)
    _send(two, homes)
    with two(OTHER_COUNTY), unit_of_work() as session:
        people = set(session.scalars(select(Person.id)))
        depart(session, COUNTY, _homes(session, 1), WHY)
    relay(OTHER_COUNTY)
    relay(COUNTY)
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "update person set name = '已删除', pinyin = '', birth_date = null, wrapped_key = null, identity_cipher = null,"
                " identity_token = null, phone_cipher = null, phone_token = null, erased_at = now(),"
                f" {', '.join(f'{name} = null' for name in FOUND_BY)} where tenant = :tenant"
            ),
            {"tenant": OTHER_COUNTY},
        )
    with two(), unit_of_work() as session:
        back = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id.desc()).limit(1)).one()
        names = sorted(
            session.scalars(
                select(Person.name).join(Membership, Membership.person_id == Person.id).where(Membership.household_id == back)
            )
        )
    _send(two, [back])
    with two(OTHER_COUNTY), unit_of_work() as session:
        come = session.scalars(select(Person).where(Person.id.not_in(people))).all()
        assert sorted(person.name for person in come) == names
        assert all(person.wrapped_key is not None for person in come)
        assert set(session.scalars(select(PersonFact.person_id).where(PersonFact.person_id.in_(people)))) <= people
