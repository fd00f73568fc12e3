"""What a single transfer waits for, what is told and forgotten on the way, and people who come in more than one package."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from core.cases.models import Party
from core.cases.service import NewCase, NewParty, open_cases
from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput
from core.exchange.models import Envelope
from core.funds.grants import approve_grants
from core.jobs.outbox import relay
from core.people.models import Household, Membership, Person, WorkerFile
from core.people.service import import_roster, reveal
from core.tenancy.keys import give_key
from core.transfers.departing import depart, depart_cases
from core.transfers.models import BroughtPerson, HouseholdTransfer
from core.transfers.offers import OFFER, answer_offer, offer, offered_households, offers
from core.transfers.service import settle_twice, twice_waiting
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, TODAY, Database
from tests.core.funds_story import CLERK, Need, Office, draft
from tests.core.lines import LINES, PETITION, Acting, install, permissions, post
from tests.core.staffing import trail_of
from tests.core.test_transfers import PROGRAMMES, WHY


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY, OTHER_COUNTY], households=6)[0]


@pytest.fixture
def bare(db: Database, acting: Acting) -> Acting:
    """Two counties with keys and nobody on file."""
    install(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    return acting


@pytest.fixture
def two(bare: Acting, roster: Path) -> Acting:
    """A county with a roster, and another one without any."""
    with bare(), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
    return bare


def _carry(*tenants: str) -> None:
    for tenant in tenants or (COUNTY, OTHER_COUNTY, COUNTY, OTHER_COUNTY):
        assert relay(tenant).failed == 0


def _need(acting: Acting, role: str = "household") -> Need:
    """A household whose open case of living relief names it."""
    office = Office(acting)
    [need] = office.needs(1)
    with post(acting, CLERK), unit_of_work() as session:
        session.add(Party(case_id=need.case_id, role=role, label="李明", household_id=need.household_id))
    return need


def _close(db: Database, need: Need) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("update case_record set closed_on = :day where id = :id"), {"day": TODAY, "id": need.case_id})


def _grant(acting: Acting, need: Need) -> None:
    Office(acting).receive(1_000_000, "k1")
    with post(acting, "decider"), unit_of_work() as session:
        approve_grants(session, [draft(need)])


def test_a_household_waits_until_its_aid_is_decided_and_paid(bare: Acting, db: Database) -> None:
    need = _need(bare)
    with post(bare, "clerk"), unit_of_work() as session, pytest.raises(Conflict, match="尚未办结"):
        offer(session, need.household_id, OTHER_COUNTY, WHY)
    _grant(bare, need)
    _close(db, need)
    with post(bare, "clerk"), unit_of_work() as session, pytest.raises(Conflict, match="尚未发放"):
        offer(session, need.household_id, OTHER_COUNTY, WHY)


def test_aid_that_begins_after_the_offer_takes_the_offer_back(bare: Acting, db: Database) -> None:
    need = _need(bare)
    _close(db, need)
    with post(bare, "clerk"), unit_of_work() as session:
        transfer = offer(session, need.household_id, OTHER_COUNTY, WHY).transfer_id
    _carry(COUNTY)
    _grant(bare, need)
    with post(bare, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        answer_offer(session, transfer, accept=True)
    _carry(OTHER_COUNTY, COUNTY, OTHER_COUNTY)
    for tenant in (COUNTY, OTHER_COUNTY):
        with post(bare, "clerk", tenant=tenant), unit_of_work() as session:
            row = session.scalars(select(HouseholdTransfer)).one()
            assert (row.state, "尚未发放" in row.history["why"]) == ("withdrawn", True)
            assert session.scalars(select(Envelope.body_cipher).where(Envelope.kind == OFFER)).all() == [None]
    with post(bare, "clerk"), unit_of_work() as session:
        assert session.scalars(select(WorkerFile.status)).one() == "on_file"


def test_nobody_is_aided_where_he_moved_away(bare: Acting, db: Database) -> None:
    need = _need(bare)
    _close(db, need)
    with bare(), unit_of_work() as session:
        depart(session, OTHER_COUNTY, [need.household_id], WHY)
    Office(bare).receive(1_000_000, "k1")
    with post(bare, "decider"), unit_of_work() as session, pytest.raises(Conflict, match="已转出"):
        approve_grants(session, [draft(need)])


def test_what_was_typed_and_told_is_sealed_and_forgotten_at_every_end(two: Acting, db: Database) -> None:
    typed, answered = "户主张三随子女迁居", "张三不在本县居住"
    with post(two, "clerk"), unit_of_work() as session:
        homes = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id).limit(2)).all()
        ids = [offer(session, home, OTHER_COUNTY, typed).transfer_id for home in homes]
    _carry(COUNTY)
    with post(two, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert {one.reason for one in offers(session, "in")} == {typed}
        answer_offer(session, ids[0], accept=True)
        answer_offer(session, ids[1], accept=False, why=answered)
    _carry(OTHER_COUNTY, COUNTY, OTHER_COUNTY)
    with post(two, "clerk"), unit_of_work() as session:
        assert {one.state: one.history for one in offers(session, "out")} == {"arrived": {}, "refused": {"why": answered}}
    with post(two, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert {one.reason for one in offers(session, "in") if one.state == "arrived"} == {typed}
    with db.owner.connect() as connection:
        bodies = connection.scalars(text("select body::text from envelope")).all()
        kept = connection.scalars(text(f"select body_cipher from envelope where kind = '{OFFER}'")).all()
    assert not [body for body in bodies if "张三" in body]
    assert kept == [None] * 4


def test_a_household_with_an_open_matter_is_not_taken_where_the_line_is_off(two: Acting) -> None:
    with post(two, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).order_by(WorkerFile.id).limit(1)).one()
        parties = (NewParty("applicant", file.worker_id, label="某某"), NewParty("household", household_id=file.household_id))
        open_cases(session, [NewCase("petitions", "petition", parties, form=PETITION)])
        transfer = offer(session, file.household_id, OTHER_COUNTY, WHY).transfer_id
    _carry(COUNTY)
    without = LINES - {"petitions"}
    taker = two(OTHER_COUNTY, actor="taker", permissions=permissions(), plugins=without, on=TODAY)
    with taker, unit_of_work() as session, pytest.raises(Conflict, match="信访"):
        answer_offer(session, transfer, accept=True)
    with post(two, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert answer_offer(session, transfer, accept=True).state == "accepted"


def test_a_former_code_leads_to_the_county_and_a_broken_package_hides_no_other(two: Acting, db: Database) -> None:
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into tenant_division (tenant_code, division_code, valid_from, name, union_name, province, prefecture)"
                " select code, '510199', :day, name, union_name, province, prefecture from tenant where code = :code"
            ),
            {"day": TODAY, "code": OTHER_COUNTY},
        )
    with post(two, "clerk"), unit_of_work() as session:
        homes = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id).limit(2)).all()
        sound, broken = (offer(session, home, "510199", WHY).transfer_id for home in homes)
        assert {one.peer for one in offers(session, "out")} == {OTHER_COUNTY}
        with pytest.raises(InvalidInput):
            offer(session, session.scalars(select(WorkerFile.household_id)).all()[-1], PREFECTURE, WHY)
    _carry(COUNTY)
    with post(two, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        rows = offers(session, "in")
        package = next(one.package_id for one in rows if one.transfer_id == broken)
        session.execute(update(Envelope).where(Envelope.envelope_id == package).values(body_cipher=b"\x01" * 64))
        told = offered_households(session, rows)
        assert "无法打开" in told[broken]["name"]
        assert told[sound]["name"]
        answer_offer(session, sound, accept=True)
    _carry(OTHER_COUNTY, COUNTY, OTHER_COUNTY)
    with post(two, "clerk"), unit_of_work() as session:
        assert {one.transfer_id: one.state for one in offers(session, "out")} == {sound: "arrived", broken: "offered"}


def test_a_household_is_not_offered_to_a_county_that_rests(two: Acting, db: Database) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("update tenant set state = 'suspended' where code = :code"), {"code": OTHER_COUNTY})
    with post(two, "clerk"), unit_of_work() as session:
        home = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id)).first()
        assert home is not None
        with pytest.raises(Conflict, match="未在正常办理"):
            offer(session, home, OTHER_COUNTY, WHY)


@pytest.mark.parametrize("on_file", ["before", "between"])
def test_who_came_in_an_earlier_package_is_still_found_on_file(two: Acting, roster: Path, on_file: str) -> None:
    """He was on file there already, or somebody put him on file after his matter came: the household is marked either way."""
    if on_file == "before":
        with two(OTHER_COUNTY), unit_of_work() as session:
            import_roster(session, roster, programmes=PROGRAMMES)
    with post(two, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).order_by(WorkerFile.id).limit(1)).one()
        home = file.household_id
        members = set(session.scalars(select(Membership.person_id).where(Membership.household_id == home))) | {file.worker_id}
        drafts = [NewCase("petitions", "petition", (NewParty("applicant", one, label="某"),), form=PETITION) for one in members]
        cases = [open_cases(session, [one])[0].id for one in drafts]
    with two(), unit_of_work() as session:
        assert depart_cases(session, OTHER_COUNTY, cases, WHY).cases == len(members)
    _carry()
    if on_file == "between":
        with two(OTHER_COUNTY), unit_of_work() as session:
            worker = select(BroughtPerson.person_id).where(BroughtPerson.peer_person_id == file.worker_id)
            _put_on_file(session, session.scalars(worker).one())
    with two(), unit_of_work() as session:
        depart(session, OTHER_COUNTY, [home], WHY)
    _carry()
    with two(OTHER_COUNTY), unit_of_work() as session:
        came = session.scalars(select(HouseholdTransfer)).one()
        assert len(came.twice) == 1
        assert session.scalars(select(WorkerFile.status).where(WorkerFile.household_id == came.household_id)).one() == "draft"


def _put_on_file(session: Session, person: UUID) -> None:
    session.add(Household(id=UUID(int=9), address="蜀门北路"))
    session.flush()
    session.add(
        WorkerFile(
            household_id=UUID(int=9), worker_id=person, file_number="DA-9", status="on_file", opened_on=TODAY, updated_on=TODAY
        )
    )


def test_two_rows_of_one_number_in_a_package_do_not_stop_it(two: Acting, roster: Path) -> None:
    with two(OTHER_COUNTY), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
    with two(), unit_of_work() as session:
        home = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id)).first()
        assert home is not None
        depart(session, OTHER_COUNTY, [home], WHY)
    _carry()
    with two(PREFECTURE), unit_of_work() as session:
        give_key(session)
    with two(OTHER_COUNTY), unit_of_work() as session:
        came = session.scalars(select(HouseholdTransfer)).one()
        other = session.scalars(select(WorkerFile.household_id).where(WorkerFile.file_number == came.twice[0])).one()
        assert came.household_id is not None
        depart(session, PREFECTURE, [came.household_id, other], WHY)
    _carry(OTHER_COUNTY, PREFECTURE, OTHER_COUNTY)
    with two(PREFECTURE), unit_of_work() as session:
        tokens = session.scalars(select(Person.identity_token).order_by(Person.id)).all()
        assert len(tokens) == 2 * len([token for token in tokens if token is not None])


@pytest.mark.parametrize("had", ["matter", "on_file", "closed"])
def test_a_damaged_key_at_the_receivers_keeps_nobody_from_arriving(two: Acting, db: Database, roster: Path, had: str) -> None:
    """The giver's file is closed by then. Who came before, is on file or was, comes as a person of his own, to whom the number
    leads unless a file here holds him."""
    with post(two, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).order_by(WorkerFile.id).limit(1)).one()
        if had == "matter":
            [case] = open_cases(
                session, [NewCase("petitions", "petition", (NewParty("applicant", file.worker_id, label="某"),), form=PETITION)]
            )
            depart_cases(session, OTHER_COUNTY, [case.id], WHY)
    _carry()
    if had != "matter":
        with two(OTHER_COUNTY), unit_of_work() as session:
            import_roster(session, roster, programmes=PROGRAMMES)
            if had == "closed":
                session.execute(update(WorkerFile).values(status="cancelled"))
    with db.owner.begin() as connection:
        connection.execute(
            text("update person set wrapped_key = :key where tenant = :t"), {"key": bytes(60), "t": OTHER_COUNTY}
        )
    with two(), unit_of_work() as session:
        depart(session, OTHER_COUNTY, [file.household_id], WHY)
    _carry()
    with post(two, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        came = session.scalars(select(HouseholdTransfer)).one()
        assert (came.state, came.twice != []) == ("arrived", had == "on_file")
        worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == came.household_id)).one()
        assert reveal(session, worker, "account", WHY)
        assert reveal(session, worker, "identity_number", WHY)
        person = session.get_one(Person, (OTHER_COUNTY, worker))
        assert (person.identity_token is None) == (had == "on_file")
    [told] = trail_of(OTHER_COUNTY, "household.arrived")
    assert ("damaged_here" in str(told["fields"])) == (had != "on_file")


def _in_both(acting: Acting, roster: Path, status: str = "on_file") -> HouseholdTransfer:
    """A household that came to a county where it was on file already."""
    with acting(OTHER_COUNTY), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
    with acting(), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).order_by(WorkerFile.id).limit(1)).one()
        file.status = status
        session.flush()
        depart(session, OTHER_COUNTY, [file.household_id], WHY)
    _carry()
    with post(acting, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [waiting] = twice_waiting(session)
        return waiting


def test_what_has_moved_on_is_not_revived_by_settling_it(two: Acting, roster: Path) -> None:
    came = _in_both(two, roster)
    home: UUID | None = came.household_id
    assert home is not None
    with post(two, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        with pytest.raises(Conflict, match="疑似重复"):
            offer(session, home, COUNTY, WHY)
        depart(session, COUNTY, [home], WHY)
    with post(two, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert twice_waiting(session) == []
        session.execute(update(WorkerFile).where(WorkerFile.file_number.in_(came.twice)).values(status="cancelled"))
        for keep in (True, False):
            with pytest.raises(Conflict, match="无需核对"):
                settle_twice(session, came.transfer_id, keep=keep, why="核对")
        assert session.scalars(select(WorkerFile.status).where(WorkerFile.household_id == home)).one() == "moved"


@pytest.mark.parametrize("status", ["draft", "on_file", "out_of_difficulty"])
def test_a_file_that_is_kept_stands_again_as_it_came(two: Acting, roster: Path, status: str) -> None:
    came = _in_both(two, roster, status)
    with post(two, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session:
        session.execute(update(WorkerFile).where(WorkerFile.file_number.in_(came.twice)).values(status="cancelled"))
        settle_twice(session, came.transfer_id, keep=True, why="原档案已注销")
        wanted = select(WorkerFile.status).where(WorkerFile.household_id == came.household_id)
        assert session.scalars(wanted).one() == status
