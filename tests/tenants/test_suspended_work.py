"""What a suspended county finishes, so that it can be closed: money under way, matters, offers; and what it does not begin."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit.service import run_audit
from core.authorisation import Demand, Verdict, judge, require
from core.cases.service import NewCase, NewParty, open_cases
from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput
from core.exchange import matters
from core.exchange.models import Envelope
from core.funds import payments, repository, reversals
from core.funds.models import Grant, PaymentBatch
from core.funds.service import (
    BankTotals,
    approve_batch,
    decide_reversal,
    differences,
    prepare_batch,
    send_batch,
    take_return,
    tell_reversal,
)
from core.jobs.outbox import relay
from core.notices import service as notices
from core.people.models import WorkerFile
from core.people.service import import_roster
from core.scope import Scope, Suspended, entered
from core.tenancy.keys import give_key
from core.tenancy.life import GOES_ON, narrowed
from core.tenancy.service import system_scope
from core.transfers import offers
from deploy.sample.generate import generate
from tenants.lifecycle import suspend
from tenants.merging_gate import _BLOCKING, blocks, holdings
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, Database
from tests.core.audit_story import AUDITED, YEAR, OrderlyCounty
from tests.core.lines import LINES, PETITION, Acting, install, permissions, post
from tests.core.staffing import at_desk, hire, stand_at
from tests.core.test_transfers import PROGRAMMES
from tests.tenants.opened import WHY, keeper

FINISHED_BY: Mapping[str, tuple[Demand, ...]] = {
    "sealed": (Demand("case.advance"), Demand("case.decide")),
    "outside": (),
    "matters": (matters.TAKE, matters.REPLY),
    "transfers": (offers.ANSWERING, offers.WITHDRAWING),
    "batches": (payments.APPROVE, payments.SEND, payments.CANCEL),
    "sent": (payments.RETURN,),
    "reversals": (reversals.DECIDE,),
    "unpaid": (payments.PREPARE, payments.APPROVE, payments.SEND, payments.RETURN),
    "notices": (notices.REGISTER,),
    "objections": (notices.ANSWER,),
    "twice": (),
    "rounds": (),
    "jobs": (),
}
"""By what acts a county ends what stands in the way of its closing. Without one it waits for another, or there is none in a
county that was suspended by the agreement, which is given only where nothing is left: households twice on file, rounds."""
BEGINNING = (offers.OFFERING, offers.ACCEPTING, matters.HAND_OVER, matters.OPEN_HERE)


def _suspend(code: str = COUNTY) -> None:
    with keeper(), unit_of_work() as session:
        suspend(session, code, WHY)


def _clerk(code: str = COUNTY) -> Scope:
    """Somebody with every right, as far as the standing of the county leaves it."""
    return narrowed(replace(system_scope(code, "test"), actor="clerk", permissions=permissions(), plugins=LINES))


def test_all_that_stands_in_the_way_of_a_closing_can_be_ended_by_a_suspended_county(db: Database) -> None:
    """Whoever adds a block says how it is ended, by rights that a suspended county keeps."""
    assert {code for code, *_ in _BLOCKING} == set(FINISHED_BY)
    install(db)
    at_work = _clerk()
    _suspend()
    resting = _clerk()
    for code, demands in FINISHED_BY.items():
        for demand in demands:
            assert demand.permission in GOES_ON, (code, demand.permission)
            state = {demand.of.code: min(demand.states)} if demand.of else {}
            assert judge([demand], resting, COUNTY, states=state) is Verdict.ALLOWED, (code, demand.permission)
    for demand in BEGINNING:
        assert judge([demand], at_work, COUNTY) is Verdict.ALLOWED
        assert judge([demand], resting, COUNTY) is Verdict.FORBIDDEN
        with entered(resting), pytest.raises(Suspended, match="暂停办理"):
            require(demand)


def _standing() -> set[str]:
    with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
        return {block.code for block in blocks(holdings(session), heir=True)}


def test_money_under_way_is_brought_to_its_end_and_audited(db: Database, acting: Acting) -> None:
    """The bank's return of a batch that was sent before, a payment that comes back afterwards, and paying again."""
    install(db)
    stand_at(db, AUDITED)
    OrderlyCounty(db, acting)
    manager, approver = hire("guan", (COUNTY, "fund_manager")), hire("pi", (COUNTY, "payment_approver"))
    payer, auditor = hire("na", (COUNTY, "payer")), hire("shen", (COUNTY, "auditor"))

    def come_back(slip: str) -> None:
        with at_desk(payer) as session:
            [batch] = session.scalars(select(PaymentBatch.id).where(PaymentBatch.state == "returned").limit(1))
            attempt = next(one for one in repository.attempts(session, batch) if one.state == "succeeded")
            told = tell_reversal(session, attempt.id, reason="account_closed", slip=slip)
        assert "reversals" in _standing() or slip == "T-1"
        with at_desk(approver) as session:
            decide_reversal(session, told.id, approved=True)

    def sent(key: str) -> uuid.UUID:
        with at_desk(manager) as session:
            batch = prepare_batch(session, year=YEAR, key=key).id
        with at_desk(approver) as session:
            approve_batch(session, batch)
        with at_desk(payer) as session:
            send_batch(session, batch)
        return batch

    def returned(batch: uuid.UUID, *, fails: bool) -> None:
        with at_desk(payer) as session:
            attempts = repository.attempts(session, batch)
            failures = {one.id: "account_closed" for one in attempts} if fails else {}
            paid = [one for one in attempts if one.id not in failures]
            take_return(session, batch, failures, BankTotals(len(paid), sum(one.amount_fen for one in paid)))

    come_back("T-1")
    first = sent("p2")
    _suspend()
    assert _standing() == {"sent", "unpaid"}
    returned(first, fails=True)
    assert _standing() == {"unpaid"}
    returned(sent("p3"), fails=False)
    assert _standing() == set()
    come_back("T-2")
    assert _standing() == {"unpaid"}
    returned(sent("p4"), fails=False)
    assert _standing() == set()
    with at_desk(auditor) as session:
        assert set(session.scalars(select(Grant.state))) == {"paid"}
        assert not differences(session, YEAR)
        assert {code: kept.new for code, kept in run_audit(session, YEAR).items() if kept.new} == {}


def _matter(acting: Acting, tenant: str, peer: str) -> uuid.UUID:
    with post(acting, "giver", tenant=tenant), unit_of_work() as session:
        [case] = open_cases(session, [NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=PETITION)])
        return matters.hand_over(session, case.id, peer, WHY).envelope_id


def test_matters_are_answered_and_sent_back_but_none_is_begun(db: Database, acting: Acting) -> None:
    install(db)
    for code in (COUNTY, OTHER_COUNTY, PREFECTURE):
        with acting(code), unit_of_work() as session:
            give_key(session)
    first, second = _matter(acting, OTHER_COUNTY, COUNTY), _matter(acting, OTHER_COUNTY, COUNTY)
    assert relay(OTHER_COUNTY).failed == 0
    _suspend()
    clerk = _clerk()
    assert _standing() == {"matters"}
    with entered(clerk), unit_of_work() as session:
        with pytest.raises(Suspended):
            matters.open_here(session, first)
        matters.take(session, first)
        matters.answer(session, first, "已核实")
        matters.answer(session, second, "不属本县", outcome="returned")
    assert _standing() == set()
    assert relay(COUNTY).failed == 0
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert set(session.scalars(select(Envelope.state).where(Envelope.kind == matters.MATTER))) == {"answered", "returned"}
    with pytest.raises(Conflict, match="锦江区总工会已暂停，暂不接收移交事项"):
        _matter(acting, OTHER_COUNTY, COUNTY)
    with entered(clerk), pytest.raises(Suspended), unit_of_work() as session:
        matters.hand_over(session, uuid.uuid4(), PREFECTURE, WHY)


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY, OTHER_COUNTY], households=3)[0]


def test_offers_are_refused_and_taken_back_but_neither_made_nor_accepted(db: Database, acting: Acting, roster: Path) -> None:
    install(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
            import_roster(session, roster, programmes=PROGRAMMES)
    made: dict[str, uuid.UUID] = {}
    homes: dict[str, uuid.UUID] = {}
    for tenant, peer in ((COUNTY, OTHER_COUNTY), (OTHER_COUNTY, COUNTY)):
        with post(acting, "clerk", tenant=tenant), unit_of_work() as session:
            homes[tenant] = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.id).limit(1)).one()
            made[tenant] = offers.offer(session, homes[tenant], peer, WHY).transfer_id
        assert relay(tenant).failed == 0
    _suspend()
    assert _standing() == {"transfers"}
    clerk = _clerk()
    begins: tuple[Callable[[Session], object], ...] = (
        lambda session: offers.offer(session, homes[COUNTY], OTHER_COUNTY, WHY),
        lambda session: offers.answer_offer(session, made[OTHER_COUNTY], accept=True),
    )
    for begun in begins:
        with entered(clerk), pytest.raises(Suspended), unit_of_work() as session:
            begun(session)
    with entered(clerk), unit_of_work() as session:
        offers.answer_offer(session, made[OTHER_COUNTY], accept=False, why="本单位即将撤并")
        offers.withdraw_offer(session, made[COUNTY])
    assert _standing() == set()
    assert relay(COUNTY).failed == 0
    with post(acting, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises((Conflict, InvalidInput)):
        offers.offer(session, homes[OTHER_COUNTY], COUNTY, WHY)
