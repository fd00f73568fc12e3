"""Erasures of persons and households that moved: who holds a copy is told, and what is on its way is waited for."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from core.db.base import new_id
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.people.duplicates.merging import merge
from core.people.models import WorkerFile
from core.rights.erasing import decide, propose
from core.rights.hindrances import hindrances
from core.rights.partner_models import PartnerErasure
from core.rights.partners import ANSWER, answer_partner, lead_on, names_here, partner_erasures, undecided
from core.transfers.models import BroughtPerson, HouseholdTransfer
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, TODAY, Database
from tests.core.audit_story import relay
from tests.core.lines import with_key
from tests.core.rights_story import (
    DOUBLE,
    LONG_AFTER,
    STRANGER,
    WIFE,
    WORKER,
    Acting,
    Family,
    Somebody,
    county,
    everybody,
    family,
    joins,
    no_list,
    propose_and_confirm,
    standing_in_the_database,
)
from tests.core.staffing import close_into

__all__ = ["county", "no_list"]

HEIR = OTHER_PREFECTURE
"""Who takes over from a county that closes: any tenant would do."""


def _sent(county: Acting, gone: Family, giver: str = COUNTY, receiver: str = OTHER_COUNTY) -> dict[str, object]:
    """The giver's side of a household that has moved; what both sides have in common."""
    moved = {"transfer_id": new_id(), "state": "arrived", "reason": "迁居", "begun_by": "clerk", "begun_on": TODAY}
    with everybody(county, "clerk", tenant=giver), unit_of_work() as session:
        session.add(HouseholdTransfer(direction="out", peer=receiver, household_id=gone.household, **moved))
    return moved


def _moved(county: Acting, gone: Family, come: Family, giver: str = COUNTY, receiver: str = OTHER_COUNTY) -> None:
    moved = _sent(county, gone, giver, receiver)
    with everybody(county, "clerk", tenant=receiver), unit_of_work() as session:
        session.add(HouseholdTransfer(direction="in", peer=giver, household_id=come.household, **moved))
        session.add_all(
            BroughtPerson(peer=giver, peer_person_id=there, person_id=here)
            for there, here in zip(gone.persons, come.persons, strict=True)
        )


def test_the_county_to_which_a_household_moved_is_told_and_decides_itself(county: Acting, db: Database) -> None:
    theirs, there = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    _moved(county, theirs, there)
    propose_and_confirm(county, theirs)
    for _ in range(2):
        relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.direction, told.household_id, told.persons, told.whole) == ("in", there.household, [*there.persons], True)
        assert (names_here(session, [told]), undecided(session)) == ({there.persons[0]: WORKER.name}, 1)
        for wrong in (("maybe", "依据"), ("kept", " ")):
            with pytest.raises(InvalidInput):
                answer_partner(session, told.id, *wrong)
        answer_partner(session, told.id, "kept", f"{WORKER.name}在本县受助，保存期未满")
        with pytest.raises(Conflict):
            answer_partner(session, told.id, "erasing", "x")
    for _ in range(2):
        relay(county, OTHER_COUNTY)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        [sent] = partner_erasures(session)
        assert (sent.direction, sent.outcome, sent.answer, undecided(session)) == ("out", "kept", None, 0)
        with pytest.raises(NotFound):
            answer_partner(session, sent.id, "kept", "x")
    # the former county holds no word about whom it erased, nor does what travelled
    assert standing_in_the_database(db, WORKER.told()) == []


@pytest.mark.parametrize("heir", [None, COUNTY, HEIR])
def test_a_household_is_followed_through_a_county_that_has_closed(county: Acting, db: Database, heir: str | None) -> None:
    """A closed receiver keeps nobody from being erased; where the household went on, the county that holds it now is told."""
    theirs, between = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    _moved(county, theirs, between)
    if heir == HEIR:
        with_key(county, HEIR)
        there = family(county, WORKER, tenant=HEIR)
        _moved(county, between, there, OTHER_COUNTY, HEIR)
    elif heir is not None:
        _sent(county, between, OTHER_COUNTY, heir)
    close_into(db, OTHER_COUNTY, heir)
    propose_and_confirm(county, theirs)
    relay(county, COUNTY)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        assert [row.peer for row in partner_erasures(session)] == ([HEIR] if heir == HEIR else [])
    if heir != HEIR:
        return
    with everybody(county, "desk", tenant=HEIR), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.peer, told.household_id, told.persons) == (COUNTY, there.household, [*there.persons])
        answer_partner(session, told.id, "erasing", "不再需要")
    relay(county, HEIR)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        assert [row.outcome for row in partner_erasures(session)] == ["erasing"]


@pytest.mark.parametrize(("heir", "late"), [(None, True), (OTHER_COUNTY, True), (HEIR, True), (HEIR, False)])
def test_an_answer_to_a_county_that_has_closed_holds_nobody_up(
    county: Acting, db: Database, heir: str | None, late: bool
) -> None:
    there = family(county, WORKER, tenant=OTHER_COUNTY)
    told = PartnerErasure(
        envelope_id=new_id(), direction="in", peer=COUNTY, household_id=there.household, whole=True, persons=[*there.persons],
        ground="retention", told_on=TODAY,
    )  # fmt: skip
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        session.add(told)
    if late:
        close_into(db, COUNTY, heir)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        answer_partner(session, told.id, "kept", "保存期未满")
        assert undecided(session) == 0
        assert len(session.scalars(select(Envelope).where(Envelope.kind == ANSWER)).all()) == (not late)
    if not late:
        close_into(db, COUNTY, heir)
        relay(county, OTHER_COUNTY)
        with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
            assert session.scalars(select(Envelope.state).where(Envelope.kind == ANSWER)).all() == ["delivered"]


def test_every_county_that_holds_one_of_them_is_told(county: Acting) -> None:
    """Also of other households in which they stood, and twice where two went to one county; each as far as it was erased."""
    theirs, other = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2")
    there = family(county, WORKER, WIFE, tenant=OTHER_COUNTY)
    beside = family(county, STRANGER, number="SB2", tenant=OTHER_COUNTY)
    joins(county, other, theirs.persons[1])
    _moved(county, theirs, there)
    _moved(county, other, beside)
    propose_and_confirm(county, theirs, person_id=theirs.persons[1])
    relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        told = {(row.household_id, tuple(row.persons), row.whole) for row in partner_erasures(session)}
    assert told == {(home.household, (there.persons[1],), False) for home in (there, beside)}


def test_a_household_that_counts_as_one_is_told_of_where_it_moved(county: Acting) -> None:
    """The erasure is proposed on the page of the file that was merged; the other one has moved."""
    theirs, there = family(county, WORKER, status="on_file"), family(county, WORKER, tenant=OTHER_COUNTY)
    double = family(county, DOUBLE, number="SB2", status="on_file")
    with everybody(county, "clerk"), unit_of_work() as session:
        merge(session, double.persons[0], theirs.persons[0], "同一人，已核对证件", households=True)
        session.execute(tenant_sql("update worker_file set status = 'moved' where tenant = :tenant and file_number = 'SB1'"))
    _moved(county, theirs, there)
    propose_and_confirm(county, double)
    relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.household_id, told.persons, told.whole) == (there.household, [*there.persons], True)


@pytest.mark.parametrize("whole", [True, False])
def test_a_package_on_its_way_is_waited_for(county: Acting, whole: bool) -> None:
    """Also for one person alone, and where another household takes the person along: the package still holds everybody."""
    theirs, other = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2")
    joins(county, other, theirs.persons[1])
    found = []
    for home in (theirs, other):
        sent = _sent(county, home)
        for state in ("sent", "arrived"):
            with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
                asked = select(HouseholdTransfer).where(HouseholdTransfer.transfer_id == sent["transfer_id"])
                session.scalars(asked).one().state = state
                session.flush()
                held = hindrances(session, theirs.household, theirs.persons[1:], whole=whole, wish=False)
                found.append([one.code for one in held])
    assert found == [["moving"], [], ["moving"], []]


def test_the_county_from_which_a_household_had_come_is_told_as_well(county: Acting) -> None:
    """And answers by itself once it has erased them too: nobody is told of what he told."""
    theirs, there = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    _moved(county, there, theirs, OTHER_COUNTY, COUNTY)
    propose_and_confirm(county, theirs)
    relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.direction, told.household_id, told.persons, told.whole) == ("in", there.household, [*there.persons], True)
        answer_partner(session, told.id, "erasing", "保存期满")
    with everybody(county, "clerk", LONG_AFTER, OTHER_COUNTY), unit_of_work() as session:
        made = propose(session, there.household, reason="保存期满").id
    with everybody(county, "decider", LONG_AFTER, OTHER_COUNTY), unit_of_work() as session:
        decide(session, made, confirmed=True)
    with everybody(county, "desk", LONG_AFTER, OTHER_COUNTY), unit_of_work() as session:
        assert [row.direction for row in partner_erasures(session)] == ["in"]
    relay(county, OTHER_COUNTY)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        assert [(row.direction, row.outcome) for row in partner_erasures(session)] == [("out", "erasing")]


def test_who_has_nothing_to_decide_says_so_by_itself(county: Acting) -> None:
    """Both erase before either hears of the other; and what came nowhere leaves nothing open."""
    theirs, there = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    _moved(county, theirs, there)
    propose_and_confirm(county, theirs)
    with everybody(county, "clerk", LONG_AFTER, OTHER_COUNTY), unit_of_work() as session:
        made = propose(session, there.household, reason="保存期满").id
    with everybody(county, "decider", LONG_AFTER, OTHER_COUNTY), unit_of_work() as session:
        decide(session, made, confirmed=True)
    for tenant in (COUNTY, OTHER_COUNTY, COUNTY):
        relay(county, tenant)
    for tenant in (COUNTY, OTHER_COUNTY):
        with everybody(county, "desk", LONG_AFTER, tenant), unit_of_work() as session:
            assert [(row.direction, row.outcome) for row in partner_erasures(session)] == [("out", "nothing")]
            assert undecided(session) == 0


@pytest.mark.parametrize("arrived", [True, False])
def test_a_notice_goes_on_where_its_county_closes_before_it_answers(county: Acting, db: Database, arrived: bool) -> None:
    """Whether it lies there undecided, or is on its way and comes to the heir, who knows the household by another transfer."""
    with_key(county, HEIR)
    theirs, between = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    there = family(county, WORKER, tenant=HEIR)
    _moved(county, theirs, between)
    propose_and_confirm(county, theirs)
    if arrived:
        relay(county, COUNTY)
    _moved(county, between, there, OTHER_COUNTY, HEIR)
    close_into(db, OTHER_COUNTY, HEIR)
    if arrived:
        with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
            assert lead_on(session) == 1
    for tenant in (COUNTY, HEIR, COUNTY):
        relay(county, tenant)
    with everybody(county, "desk", tenant=HEIR), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.household_id, told.persons) == (there.household, [*there.persons])
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        assert [(row.peer, row.outcome) for row in partner_erasures(session)] == [(HEIR, None), (OTHER_COUNTY, "led_on")]


def _told(county: Acting, tenant: str) -> list[tuple[str, str, str | None]]:
    with everybody(county, "desk", LONG_AFTER, tenant), unit_of_work() as session:
        return sorted((row.direction, row.peer, row.outcome) for row in partner_erasures(session))


def _lead_on(county: Acting) -> int:
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        return lead_on(session)


def test_a_notice_is_led_on_as_often_as_counties_close(county: Acting, db: Database) -> None:
    """One county after the other closes before it answers; the one that holds the household in the end is told."""
    with_key(county, HEIR)
    homes = [family(county, WORKER, tenant=tenant) for tenant in (COUNTY, OTHER_COUNTY, HEIR)]
    _moved(county, homes[0], homes[1])
    propose_and_confirm(county, homes[0])
    _moved(county, homes[1], homes[2], OTHER_COUNTY, HEIR)
    close_into(db, OTHER_COUNTY, HEIR)
    assert _lead_on(county) == 1
    with_key(county, PREFECTURE)
    last = family(county, WORKER, tenant=PREFECTURE)
    _moved(county, homes[2], last, HEIR, PREFECTURE)
    close_into(db, HEIR, PREFECTURE)
    assert _lead_on(county) == 1
    assert _told(county, COUNTY) == sorted(
        [("out", OTHER_COUNTY, "led_on"), ("out", HEIR, "led_on"), ("out", PREFECTURE, None)]
    )


@pytest.mark.parametrize("state", ["closed", "read_only"])
@pytest.mark.parametrize("order", [(COUNTY, OTHER_COUNTY, HEIR), (HEIR, OTHER_COUNTY, COUNTY)])
def test_a_household_is_followed_both_ways_past_a_county_that_nobody_took_over(
    county: Acting, db: Database, state: str, order: tuple[str, str, str]
) -> None:
    """It had moved on before: whoever had it first tells the one that holds it now, and the other way."""
    with_key(county, HEIR)
    homes = [family(county, WORKER, tenant=tenant) for tenant in order]
    for at in range(2):
        _moved(county, homes[at], homes[at + 1], order[at], order[at + 1])
    with db.owner.begin() as connection:
        bound = {"state": state, "code": OTHER_COUNTY, "on": TODAY if state == "closed" else None}
        connection.execute(text("update tenant set state = :state, closed_on = :on where code = :code"), bound)
    propose_and_confirm(county, homes[order.index(COUNTY)])
    relay(county, COUNTY)
    assert (_told(county, COUNTY), _told(county, HEIR)) == ([("out", HEIR, None)], [("in", COUNTY, None)])
    with everybody(county, "desk", tenant=HEIR), unit_of_work() as session:
        there = homes[order.index(HEIR)]
        assert [(row.household_id, row.persons) for row in partner_erasures(session)] == [(there.household, [*there.persons])]


def _went_and_came_back(county: Acting, *people: Somebody) -> tuple[Family, Family, Family]:
    """Here it is two files, with the same persons in both; there it was one, the last of the three."""
    went, there = family(county, *people), family(county, *people, tenant=OTHER_COUNTY)
    _moved(county, went, there)
    back = family(county, STRANGER, number="SB2")
    with everybody(county, "clerk"), unit_of_work() as session:
        session.scalars(select(WorkerFile).where(WorkerFile.household_id == back.household)).one().worker_id = went.persons[0]
    moved = _sent(county, there, OTHER_COUNTY, COUNTY)
    with everybody(county, "clerk"), unit_of_work() as session:
        session.add(HouseholdTransfer(direction="in", peer=OTHER_COUNTY, household_id=back.household, **moved))
        session.add_all(
            BroughtPerson(peer=OTHER_COUNTY, peer_person_id=one, person_id=here)
            for one, here in zip(there.persons, went.persons, strict=True)
        )
    for person in went.persons[1:]:
        joins(county, back, person)
    return went, back, there


def test_one_person_of_a_household_that_went_and_came_back_is_told_of_once(county: Acting) -> None:
    went, back, there = _went_and_came_back(county, WORKER, WIFE)
    propose_and_confirm(county, back, person_id=went.persons[1])
    relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.household_id, told.persons, told.whole) == (there.household, [there.persons[1]], False)


def test_who_told_of_a_household_that_went_and_came_back_is_not_told_again(county: Acting) -> None:
    """Told of the one file, both are erased."""
    went, back, _ = _went_and_came_back(county, WORKER)
    with everybody(county, "desk"), unit_of_work() as session:
        session.execute(update(HouseholdTransfer).values(peer_file_number="SB1"))
        session.add(
            PartnerErasure(
                envelope_id=new_id(), direction="in", peer=OTHER_COUNTY, household_id=back.household, whole=True,
                persons=[*went.persons], ground="retention", told_on=TODAY,
            )
        )  # fmt: skip
    propose_and_confirm(county, went)
    assert _told(county, COUNTY) == [("in", OTHER_COUNTY, None)]
