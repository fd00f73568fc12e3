"""Payments that the bank sends back later: told by the payer, decided by the approver, booked back, paid again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.funds import events
from core.funds.errors import SamePerson
from core.funds.models import Grant, Instalment, PaymentAttempt, PaymentReversal
from core.funds.service import (
    batches_with_open_reversals,
    decide_reversal,
    differences,
    entries,
    release_grants,
    reversals_of,
    tell_reversal,
)
from core.trail.models import TrailEntry
from tests.conftest import OTHER_COUNTY, TODAY
from tests.core.funds_story import APPROVER, DECIDER, MANAGER, PAYER, Acting
from tests.core.test_funds_payments import PayOffice


@pytest.fixture
def office(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> PayOffice:
    """An office whose paid grants close their cases as far as the fund is concerned."""
    made = PayOffice(acting)
    made.closed = []

    def follow(_session: Session, case_ids: Sequence[uuid.UUID]) -> None:
        made.closed.extend(case_ids)

    monkeypatch.setattr(events, "AFTER_PAID", [follow])
    made.receive(10_000_00, "a")
    return made


@pytest.fixture
def paid(office: PayOffice) -> PaymentAttempt:
    """One of two payments of a batch whose return was taken."""
    office.granted(2)
    batch = office.sent()
    office.take(batch, {})
    return office.attempts(batch)[0]


def _tell(office: PayOffice, attempt: PaymentAttempt, actor: str = PAYER, slip: str = "T-1") -> PaymentReversal:
    with office.work(actor, "funds.pay"), unit_of_work() as session:
        return tell_reversal(session, attempt.id, reason="account_closed", slip=slip)


def _decide(office: PayOffice, told: PaymentReversal, approved: bool = True, actor: str = APPROVER) -> PaymentReversal:
    with office.work(actor, "funds.approve_payment"), unit_of_work() as session:
        return decide_reversal(session, told.id, approved=approved)


def test_what_the_bank_sent_back_is_booked_back_and_paid_again(office: PayOffice, paid: PaymentAttempt) -> None:
    told = _tell(office, paid)
    assert _tell(office, paid).id == told.id
    assert office.states() == {"income": -10_000_00, "available": 760000, "reserved": 0, "paid": 240000}
    with office.work(MANAGER), unit_of_work() as session:
        assert [batch.id for batch in batches_with_open_reversals(session)] == [paid.batch_id]
    for _ in range(2):
        assert _decide(office, told).state == "approved"
    assert office.states() == {"income": -10_000_00, "available": 760000, "reserved": 120000, "paid": 120000}
    with office.work(MANAGER), unit_of_work() as session:
        assert batches_with_open_reversals(session) == []
        (entry,) = [view.entry for view in entries(session, 2025, kind="reverse")]
        assert (entry.attempt_id, entry.amount_fen, entry.actor) == (paid.id, 120000, APPROVER)
        assert "T-1" in entry.note
        back = session.scalars(select(PaymentAttempt).where(PaymentAttempt.id == paid.id)).one()
        assert (back.state, back.bank_reason) == ("failed", "account_closed")
        assert session.scalars(select(Instalment.state).where(Instalment.id == paid.instalment_id)).one() == "due"
        assert session.scalars(select(Grant.state).where(Grant.id == paid.grant_id)).one() == "reserved"
        actions = list(session.scalars(select(TrailEntry.action).order_by(TrailEntry.seq)))
        assert actions[-2:] == ["funds.reversal_told", "funds.reversal_approved"]
    with pytest.raises(Conflict):
        _tell(office, paid, slip="T-2")

    again = office.sent("p2")
    assert [attempt.instalment_id for attempt in office.attempts(again)] == [paid.instalment_id]
    office.take(again, {})
    assert office.states()["paid"] == 240000
    with office.work(MANAGER), unit_of_work() as session:
        assert not differences(session, 2025)


def test_the_closed_case_stays_closed_when_the_money_is_paid_again(office: PayOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    (need,) = office.granted(1)
    with office.work(MANAGER), unit_of_work() as session:
        session.execute(update(Case).where(Case.id == need.case_id).values(state="approved"))
    monkeypatch.setattr(events, "AFTER_PAID", [events.close_cases])
    batch = office.sent()
    office.take(batch, {})
    _decide(office, _tell(office, office.attempts(batch)[0]))
    office.take(office.sent("p2"), {})
    with office.work(MANAGER), unit_of_work() as session:
        case = session.scalars(select(Case)).one()
        assert (case.state, case.closed_on) == ("closed", TODAY)
        assert session.scalars(select(Grant.state)).one() == "paid"


def test_declined_it_changes_nothing_and_may_be_told_again(office: PayOffice, paid: PaymentAttempt) -> None:
    told = _tell(office, paid)
    assert _decide(office, told, approved=False).state == "declined"
    with pytest.raises(Conflict):
        _decide(office, told)
    assert office.states()["paid"] == 240000
    _decide(office, _tell(office, paid, slip="T-2"))
    assert office.states()["paid"] == 120000
    with office.work(MANAGER), unit_of_work() as session:
        assert [one.state for one in reversals_of(session, [paid])] == ["declined", "approved"]


def test_who_tells_does_not_decide_and_neither_is_of_another_duty(office: PayOffice, paid: PaymentAttempt) -> None:
    for actor in (MANAGER, APPROVER):
        with pytest.raises(SamePerson):
            _tell(office, paid, actor)
    told = _tell(office, paid, "second_payer")
    for actor in (MANAGER, PAYER, "second_payer"):
        with pytest.raises(SamePerson):
            _decide(office, told, actor=actor)
    with office.work("someone", "funds.read"), unit_of_work() as session:
        with pytest.raises(Forbidden):
            tell_reversal(session, paid.id, reason="other", slip="T-1")
        with pytest.raises(Forbidden):
            decide_reversal(session, told.id, approved=True)
    assert office.states()["paid"] == 240000


def test_only_what_is_booked_as_paid_and_proved_by_a_slip_is_told(office: PayOffice) -> None:
    office.granted(1)
    batch = office.sent()
    (attempt,) = office.attempts(batch)
    with pytest.raises(Conflict):
        _tell(office, attempt)
    office.take(batch, {})
    with office.work(PAYER, "funds.pay"), unit_of_work() as session:
        for reason, slip in (("other", " "), ("other", "长" * 101), ("unheard_of", "T-1")):
            with pytest.raises(InvalidInput):
                tell_reversal(session, attempt.id, reason=reason, slip=slip)
        with pytest.raises(NotFound):
            tell_reversal(session, uuid.uuid4(), reason="other", slip="T-1")
    told = _tell(office, attempt)
    with pytest.raises(Conflict):
        _tell(office, attempt, slip="T-2")
    other = PayOffice(office._acting, OTHER_COUNTY)
    with pytest.raises(NotFound):
        _decide(other, told)


def test_money_sent_back_may_be_released(office: PayOffice, paid: PaymentAttempt) -> None:
    _decide(office, _tell(office, paid))
    with office.work(DECIDER), unit_of_work() as session:
        release_grants(session, [paid.grant_id], "本人已故")
    assert office.states() == {"income": -10_000_00, "available": 880000, "reserved": 0, "paid": 120000}
