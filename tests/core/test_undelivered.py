"""Packages to a county that closed before they came, and that nobody or only the sender took over: each ends with the sender,
where a person sees it, and nothing is tried for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import core.models
from core.cases.models import Case, Deadline, Party
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict
from core.exchange import envelopes
from core.exchange.envelopes import UNDELIVERED_ZH, deliver, hold_arrivals, seal_envelope, unheard
from core.exchange.matters import ANSWER, answer, answers_of, hand_over, take
from core.exchange.models import Envelope, IdentityMark
from core.funds.carrying import carry_over, held
from core.funds.service import receive
from core.jobs.outbox import relay
from core.people.life.service import steps_of, take_step
from core.people.models import Household, Membership, WorkerFile
from core.rights.partner_models import PartnerErasure
from core.rights.partners import lead_on
from core.transfers.departing import depart
from core.transfers.models import HouseholdTransfer
from core.transfers.offers import REFUSED, answer_offer, offer, withdraw_offer
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.household_story import homes, two
from tests.core.lines import PETITION, Acting, install, post
from tests.core.staffing import close_into, trail_of

__all__ = ["homes", "two"]
LEFT_FOR_READING = "read_only"
WITH_A_WAY_BACK = {
    "matter",
    "household.offer",
    "household.accepted",
    "household.package",
    "funds.carried",
    "rights.erased_there",
}


def _nobody_takes_it(db: Database, heir: str | None) -> None:
    if heir == LEFT_FOR_READING:
        with db.owner.begin() as connection:
            connection.execute(text("update tenant set state = 'read_only' where code = :code"), {"code": OTHER_COUNTY})
    else:
        close_into(db, OTHER_COUNTY, heir)
    assert relay(COUNTY).failed == 0
    assert relay(COUNTY).sent == 0


@pytest.mark.parametrize("heir", [None, COUNTY, LEFT_FOR_READING, PREFECTURE])
def test_a_package_of_any_kind_ends(acting: Acting, db: Database, heir: str | None) -> None:
    """Of words that answer something nothing is left to do, and whoever took over has asked nothing; the others are known by
    their way back."""
    asked = new_id()
    assert core.models
    assert envelopes._returns.keys() == WITH_A_WAY_BACK
    kinds = sorted(envelopes._arrivals.keys() - WITH_A_WAY_BACK)
    with acting(), unit_of_work() as session:
        told = {"envelope_id": asked, "kind": "asked", "body": {}, "sealed_on": TODAY, "state": "taken"}
        session.add(Envelope(direction="in", peer=OTHER_COUNTY, **told))
        for kind in kinds:
            seal_envelope(session, peer=OTHER_COUNTY, kind=kind, body={}, personal={"why": "某事"}, in_reply_to=asked)
    _nobody_takes_it(db, heir)
    with acting(), unit_of_work() as session:
        rows = session.scalars(select(Envelope).where(Envelope.direction == "out").order_by(Envelope.kind)).all()
        assert [(row.kind, row.state, row.body_cipher, row.acknowledged_on is None) for row in rows] == [
            (kind, "undelivered", None, False) for kind in kinds
        ]
    assert len(trail_of(COUNTY, "envelope.undelivered")) == len(kinds)


def test_a_package_that_had_arrived_is_only_marked(acting: Acting, db: Database) -> None:
    with acting(), unit_of_work() as session:
        sent = seal_envelope(session, peer=OTHER_COUNTY, kind="matter", body={"number": "X"})
        told = {"envelope_id": sent.envelope_id, "kind": "matter", "body": {}, "sealed_on": TODAY, "state": "taken"}
    with acting(OTHER_COUNTY), unit_of_work() as session:
        session.add(Envelope(direction="in", peer=COUNTY, **told))
    _nobody_takes_it(db, None)
    with acting(), unit_of_work() as session:
        assert session.scalars(select(Envelope.state)).all() == ["delivered"]


def test_a_matter_comes_back_to_whoever_handed_it_over(acting: Acting, db: Database) -> None:
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = open_cases(session, [NewCase("petitions", "petition", (NewParty("applicant", label="某某"),), form=PETITION)])
        hand_over(session, case.id, OTHER_COUNTY, "属该县职责")
        case_id = case.id
    _nobody_takes_it(db, None)
    with post(acting, "clerk"), unit_of_work() as session:
        assert session.scalars(select(Case.outside_state)).all() == ["returned"]
        [told] = answers_of(session, case_id)
        assert (told.peer, told.outcome, told.text) == (OTHER_COUNTY, "undelivered", UNDELIVERED_ZH)


@pytest.mark.parametrize("heir", [None, COUNTY])
def test_a_household_that_was_offered_stays_and_says_why(
    acting: Acting, db: Database, homes: tuple[UUID, UUID], heir: str | None
) -> None:
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        offer(session, homes[0], OTHER_COUNTY, "迁居")
    _nobody_takes_it(db, heir)
    with post(acting, "clerk"), unit_of_work() as session:
        [ended] = session.scalars(select(HouseholdTransfer)).all()
        assert (ended.state, ended.history, ended.ended_on is None) == ("withdrawn", {"why": UNDELIVERED_ZH}, False)


@pytest.mark.parametrize("heir", [None, COUNTY, PREFECTURE])
def test_an_offer_is_taken_back_also_where_its_receiver_has_closed(
    acting: Acting, db: Database, homes: tuple[UUID, UUID], heir: str | None
) -> None:
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        made = offer(session, homes[0], OTHER_COUNTY, "迁居").transfer_id
    assert relay(COUNTY).failed == 0
    close_into(db, OTHER_COUNTY, heir)
    with post(acting, "clerk"), unit_of_work() as session:
        assert withdraw_offer(session, made).state == "withdrawn"
    assert relay(COUNTY).failed == 0


@pytest.mark.parametrize(
    ("heir", "early"), [(None, True), (OTHER_COUNTY, False), (PREFECTURE, True), (PREFECTURE, False), (None, False)]
)
def test_words_to_a_giver_that_has_closed_end(
    acting: Acting, db: Database, homes: tuple[UUID, UUID], heir: str | None, early: bool
) -> None:
    """Whoever took over has offered and handed over nothing: a household that was accepted is said not to come, one that was
    not answered can be refused alone, and a matter is answered for the record here."""
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        one, other = (offer(session, home, OTHER_COUNTY, "迁居").transfer_id for home in homes)
        [case] = open_cases(session, [NewCase("petitions", "petition", (NewParty("applicant", label="某某"),), form=PETITION)])
        matter = hand_over(session, case.id, OTHER_COUNTY, "属该县职责").envelope_id
    assert relay(COUNTY).failed == 0
    if not early:
        close_into(db, COUNTY, heir)
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        take(session, matter)
        answer(session, matter, "已办理")
        package = answer_offer(session, other, accept=False, why="不在本县").package_id
        assert package is not None
        said = {ANSWER: matter, REFUSED: package}
        at_once = not early and heir != PREFECTURE
        assert [unheard(session, kind, [about]) == {about} for kind, about in said.items()] == [at_once] * 2
        if early:
            answer_offer(session, one, accept=True)
    if early:
        close_into(db, COUNTY, heir)
    else:
        with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises(Conflict, match="已撤并"):
            answer_offer(session, one, accept=True)
    for _ in range(2):
        assert relay(OTHER_COUNTY).failed == 0
    with post(acting, "taker", tenant=OTHER_COUNTY), unit_of_work() as session:
        states = dict(session.execute(select(HouseholdTransfer.transfer_id, HouseholdTransfer.state)).all())
        assert states == {one: "withdrawn" if early else "offered", other: "refused"}
        left = session.scalars(select(Envelope.state).where(Envelope.direction == "out", Envelope.state != "undelivered"))
        assert left.all() == []
        assert [unheard(session, kind, [about, new_id()]) >= {about} for kind, about in said.items()] == [True] * 2


@pytest.mark.parametrize("heir", [None, LEFT_FOR_READING])
def test_households_that_were_sent_stand_here_again(
    acting: Acting, db: Database, homes: tuple[UUID, UUID], heir: str | None
) -> None:
    """With their cases and clocks, their marks in the index, and the step that says why."""
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        status = {file.household_id: file.status for file in session.scalars(select(WorkerFile))}
        [worker] = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == homes[0]))
        parties = (NewParty("applicant", worker, label="某某"), NewParty("household", household_id=homes[0]))
        [case] = open_cases(session, [NewCase("petitions", "petition", parties, form=PETITION)])
        advance(session, [case.id], "accept", "属本单位职责")
        running = session.scalars(select(Deadline.id).where(Deadline.met_on.is_(None))).all()
        marks = set(session.scalars(select(IdentityMark.hash)))
        depart(session, OTHER_COUNTY, homes, "划转")
        assert (
            session.scalars(select(Deadline.id).where(Deadline.cancelled_on.is_(None), Deadline.met_on.is_(None))).all() == []
        )
    _nobody_takes_it(db, heir)
    with post(acting, "clerk"), unit_of_work() as session:
        assert {file.household_id: file.status for file in session.scalars(select(WorkerFile))} == status
        assert steps_of(session, homes[0])[-1].note == UNDELIVERED_ZH
        assert {(one.state, one.history["why"]) for one in session.scalars(select(HouseholdTransfer))} == {
            ("withdrawn", UNDELIVERED_ZH)
        }
        here = session.scalars(select(Case)).one()
        assert (here.closed_on, here.outside_state) == (None, None)
        clocks = select(Deadline.id).where(Deadline.cancelled_on.is_(None), Deadline.met_on.is_(None))
        assert session.scalars(clocks).all() == running
        assert set(session.scalars(select(IdentityMark.hash))) >= marks
        assert len(session.scalars(select(Party.id)).all()) == 2
        assert session.scalars(select(Envelope.body_cipher).where(Envelope.kind == "household.package")).one() is None


def test_a_household_that_comes_back_is_as_stale_as_it_was_and_nobody_is_on_file_twice(
    acting: Acting, db: Database, homes: tuple[UUID, UUID]
) -> None:
    """Somebody of the one was taken into the other while it was on its way: it comes back to be checked, and waits for that."""
    install(db)
    long_ago = date(2024, 1, 5)
    with db.owner.begin() as connection:
        connection.execute(text("update worker_file set status = 'on_file', updated_on = :day"), {"day": long_ago})
    with post(acting, "clerk"), unit_of_work() as session:
        depart(session, OTHER_COUNTY, homes, "划转")
        [worker] = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == homes[0]))
        session.add(Household(id=UUID(int=9), address="蜀门北路"))
        session.flush()
        session.add_all(
            [
                Membership(household_id=UUID(int=9), person_id=worker, relation="head", valid_from=TODAY),
                WorkerFile(
                    household_id=UUID(int=9), worker_id=worker, file_number="DA-9", status="on_file", opened_on=TODAY,
                    updated_on=TODAY,
                ),
            ]
        )  # fmt: skip
    _nobody_takes_it(db, None)
    with post(acting, "clerk"), unit_of_work() as session:
        files = {file.household_id: file for file in session.scalars(select(WorkerFile))}
        assert [files[home].status for home in homes] == ["draft", "on_file"]
        assert {files[home].updated_on for home in homes} == {long_ago}
        assert "DA-9" in steps_of(session, homes[0])[-1].note
        assert steps_of(session, homes[1])[-1].note == UNDELIVERED_ZH
        files[homes[0]].status = "public_notice"
        session.flush()
        with pytest.raises(Conflict, match="一人只能在一户建档"):
            take_step(session, homes[0], "put_on_file")


def test_money_that_was_carried_over_is_booked_back(acting: Acting, db: Database) -> None:
    install(db)
    with post(acting, "manager"), unit_of_work() as session:
        receive(session, year=2025, source="appropriation", purpose="living", amount_fen=900_000, key="in", note="拨款")
        before = held(session)
        carry_over(session, OTHER_COUNTY, "撤并")
        assert held(session) == []
    _nobody_takes_it(db, None)
    with post(acting, "manager"), unit_of_work() as session:
        assert held(session) == before


@pytest.mark.parametrize("heir", [None, LEFT_FOR_READING])
def test_a_notice_of_an_erasure_is_over_also_where_it_had_arrived(
    acting: Acting, db: Database, homes: tuple[UUID, UUID], heir: str | None
) -> None:
    """What came before the county closed is found by the job of the night."""
    with acting(), unit_of_work() as session:
        for home, kind in zip(homes, ("rights.erased_there", "matter.taken"), strict=True):
            sealed = seal_envelope(session, peer=OTHER_COUNTY, kind=kind, body={})
            session.add(
                PartnerErasure(
                    envelope_id=sealed.envelope_id, direction="out", peer=OTHER_COUNTY, household_id=home, whole=True,
                    persons=[], ground="retention", told_on=TODAY,
                )
            )  # fmt: skip
    _nobody_takes_it(db, heir)
    with acting(), unit_of_work() as session:
        assert [row.outcome for row in session.scalars(select(PartnerErasure).order_by(PartnerErasure.id))] == ["closed", None]
        assert (lead_on(session), lead_on(session)) == (1, 0)
    with acting(), unit_of_work() as session:
        assert set(session.scalars(select(PartnerErasure.outcome))) == {"closed"}


def test_who_closes_a_county_waits_for_what_arrives_and_nothing_arrives_after(
    acting: Acting, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def arrive(session: Session, arrived: Envelope) -> None:
        with acting(PROVINCE), unit_of_work() as closing:
            closing.connection().exec_driver_sql("set local lock_timeout = '1ms'")
            with pytest.raises(OperationalError):
                hold_arrivals(closing, OTHER_COUNTY)
            closing.rollback()
        seen.append(arrived.kind)

    monkeypatch.setitem(envelopes._arrivals, "slow", arrive)
    with acting(), unit_of_work() as session:
        one, other = (seal_envelope(session, peer=OTHER_COUNTY, kind="slow", body={}).envelope_id for _ in range(2))
    deliver(COUNTY, {"envelope": str(one)})
    # it closes after the package was found to be for it, and before it is written there
    monkeypatch.setattr(envelopes, "_refuse_after_closing", partial(_closed_first, db, envelopes._refuse_after_closing))
    with pytest.raises(Conflict, match="刚刚关闭"):
        deliver(COUNTY, {"envelope": str(other)})
    assert seen == ["slow"]


def _closed_first(db: Database, refuse: Callable[[Session, str], None], session: Session, receiver: str) -> None:
    close_into(db, receiver, None)
    refuse(session, receiver)
