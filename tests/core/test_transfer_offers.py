"""One household moves by two offices' word: offered, accepted or refused, and each side's trail shows it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.jobs.outbox import relay
from core.people.life.service import take_step
from core.people.models import Person, WorkerFile
from core.people.service import add_member, import_roster
from core.tenancy.keys import give_key
from core.transfers.models import HouseholdTransfer
from core.transfers.offers import answer_offer, offer, offered_households, offers, withdraw_offer
from core.transfers.packing import Unopened
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, TODAY, Database
from tests.core.lines import Acting, install, post
from tests.core.staffing import trail_of
from tests.core.test_transfers import PROGRAMMES, WHY


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY, OTHER_COUNTY], households=6)[0]


@pytest.fixture
def family(db: Database, acting: Acting, roster: Path) -> UUID:
    """A household of the first county."""
    install(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    with acting(), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
        return session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id)).first() or UUID(int=0)


def _offer(acting: Acting, family: UUID) -> UUID:
    with post(acting, "clerk"), unit_of_work() as session:
        transfer = offer(session, family, OTHER_COUNTY, WHY).transfer_id
    assert relay(COUNTY).failed == 0
    return transfer


def _carry() -> None:
    for tenant in (OTHER_COUNTY, COUNTY, OTHER_COUNTY):
        assert relay(tenant).failed == 0


def test_what_is_accepted_comes_and_is_read_only_where_it_was(acting: Acting, family: UUID) -> None:
    transfer = _offer(acting, family)
    with post(acting, "clerk"), unit_of_work() as session:
        name = session.scalars(
            select(Person.name).join(WorkerFile, WorkerFile.worker_id == Person.id).where(WorkerFile.household_id == family)
        ).one()
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        [offered] = offers(session, "in")
        assert offered.state == "offered"
        assert offered_households(session, [offered])[transfer]["name"] == name
        assert session.scalars(select(WorkerFile.id)).all() == []
        answer_offer(session, transfer, accept=True)
        answer_offer(session, transfer, accept=True)
    _carry()
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        came = session.scalars(select(HouseholdTransfer)).one()
        assert (came.state, came.transfer_id) == ("arrived", transfer)
        assert session.scalars(select(WorkerFile.status)).one() == "on_file"
        assert came.household_id is not None
    with post(acting, "clerk"), unit_of_work() as session:
        went = session.scalars(select(HouseholdTransfer)).one()
        assert (went.state, went.peer_file_number) == ("arrived", came.file_number)
        with pytest.raises(Conflict, match="只供查阅"):
            add_member(
                session,
                family,
                name="李小明",
                identity_number="510104202503010013",
                relation="son",
                valid_from=TODAY,
            )
    assert [one["action"] for one in trail_of(COUNTY, "household.sent")] == ["household.sent"]
    assert [one["action"] for one in trail_of(OTHER_COUNTY, "household.arrived")] == ["household.arrived"]


def test_what_is_refused_stays_with_the_reason(acting: Acting, family: UUID) -> None:
    transfer = _offer(acting, family)
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        with pytest.raises(InvalidInput):
            answer_offer(session, transfer, accept=False)
        answer_offer(session, transfer, accept=False, why="不在本县居住")
    _carry()
    with post(acting, "clerk"), unit_of_work() as session:
        [went] = offers(session, "out")
        assert (went.state, went.history) == ("refused", {"why": "不在本县居住"})
        assert session.scalars(select(WorkerFile.status).where(WorkerFile.household_id == family)).one() == "on_file"
        offer(session, family, OTHER_COUNTY, WHY)


def test_what_is_taken_back_does_not_go_though_it_was_accepted_at_the_same_moment(acting: Acting, family: UUID) -> None:
    transfer = _offer(acting, family)
    with post(acting, "clerk"), unit_of_work() as session:
        withdraw_offer(session, transfer)
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        answer_offer(session, transfer, accept=True)
    _carry()
    for tenant in (COUNTY, OTHER_COUNTY):
        with post(acting, "clerk", tenant=tenant), unit_of_work() as session:
            assert session.scalars(select(HouseholdTransfer.state)).all() == ["withdrawn"]
    with post(acting, "clerk"), unit_of_work() as session, pytest.raises(Conflict):
        withdraw_offer(session, transfer)


def test_who_may_and_whereto(acting: Acting, family: UUID) -> None:
    with acting(COUNTY, actor="clerk"), unit_of_work() as session, pytest.raises(Forbidden):
        offer(session, family, OTHER_COUNTY, WHY)
    with post(acting, "clerk"), unit_of_work() as session:
        for peer in (COUNTY, PREFECTURE):
            with pytest.raises(InvalidInput):
                offer(session, family, peer, WHY)
        with pytest.raises(NotFound):
            offer(session, UUID(int=1), OTHER_COUNTY, WHY)
        offer(session, family, OTHER_COUNTY, WHY)
        with pytest.raises(Conflict, match="已提出"):
            offer(session, family, OTHER_COUNTY, WHY)
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        answer_offer(session, UUID(int=1), accept=True)


def test_an_offer_ends_where_the_file_has_ended_meanwhile(acting: Acting, family: UUID) -> None:
    """Neither side waits for ever for what cannot come any more."""
    transfer = _offer(acting, family)
    with acting(actor="system:test"), unit_of_work() as session:
        take_step(session, family, "strike_off", reason="own_request", note="本人申请")
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        answer_offer(session, transfer, accept=True)
    _carry()
    with post(acting, "clerk"), unit_of_work() as session:
        went = session.scalars(select(HouseholdTransfer)).one()
        assert (went.state, "已注销" in went.history["why"]) == ("withdrawn", True)
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert session.scalars(select(HouseholdTransfer.state)).one() == "withdrawn"
        assert session.scalars(select(WorkerFile.id)).all() == []


def test_a_damaged_key_is_told_by_file_and_relation_and_nothing_goes(acting: Acting, family: UUID) -> None:
    """At once where it is offered; where it is damaged since, the offer is taken back and both sides read why."""
    with post(acting, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == family)).one()
        other = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id != family)).first()
        worker, stranger = (session.get_one(Person, (COUNTY, one)) for one in (file.worker_id, other))
        sound, wrong, number = worker.wrapped_key, stranger.wrapped_key, file.file_number
        worker.wrapped_key = wrong
        session.flush()
        with pytest.raises(Unopened, match=f"{number} 号档案的户主") as refused:
            offer(session, family, OTHER_COUNTY, WHY)
        assert (refused.value.status, worker.name in refused.value.zh) == (409, False)
        worker.wrapped_key = sound
    transfer = _offer(acting, family)
    with post(acting, "clerk"), unit_of_work() as session:
        session.get_one(Person, (COUNTY, file.worker_id)).wrapped_key = wrong
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        answer_offer(session, transfer, accept=True)
    _carry()
    for tenant in (COUNTY, OTHER_COUNTY):
        with post(acting, "clerk", tenant=tenant), unit_of_work() as session:
            ended = session.scalars(select(HouseholdTransfer)).one()
            assert ended.state == "withdrawn"
            assert f"{number} 号档案的户主" in ended.history["why"]
    with post(acting, "clerk"), unit_of_work() as session:
        assert session.scalars(select(WorkerFile.status).where(WorkerFile.household_id == family)).one() == "on_file"
