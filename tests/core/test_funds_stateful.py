"""Random commands against the fund: whatever is asked in whatever order, the books agree with a simple model."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import case, func, select

from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput
from core.funds import events, repository
from core.funds.errors import Overdrawn, SamePerson
from core.funds.models import Grant, LedgerEntry, PaymentAttempt
from core.funds.service import (
    BankTotals,
    approve_batch,
    approve_grants,
    decide_reversal,
    differences,
    prepare_batch,
    release_grants,
    send_batch,
    take_return,
    tell_reversal,
)
from tests.core.funds_story import APPROVER, DECIDER, LIVING, MANAGER, PAYER, Acting, Office, draft, totals

_ONE_SOURCE = replace(LIVING, sources=("appropriation",))
_years = itertools.count(2001)


class FundMachine(RuleBasedStateMachine):
    """One fund year of its own per run; ``reserved`` and ``paid`` hold fen by grant."""

    acting: Acting

    def __init__(self) -> None:
        super().__init__()
        self.year = next(_years)
        self.office = Office(self.acting, on=date(self.year, 9, 1))
        self.needs = iter(self.office.needs(40))
        self.keys = itertools.count()
        self.received = 0
        self.reserved: dict[uuid.UUID, int] = {}
        self.paid: dict[uuid.UUID, int] = {}
        self.batch: uuid.UUID | None = None
        self.in_batch: dict[uuid.UUID, uuid.UUID] = {}
        """Grant by open attempt."""
        self.paid_by: dict[uuid.UUID, uuid.UUID] = {}
        """Grant by attempt that is booked as paid."""

    @property
    def available(self) -> int:
        return self.received - sum(self.reserved.values()) - sum(self.paid.values())

    @rule(fen=st.integers(1, 3000), twice=st.booleans())
    def receive(self, fen: int, twice: bool) -> None:
        key = f"{self.year}-{next(self.keys)}"
        vouchers = {self.office.receive(fen, key) for _ in range(1 + twice)}
        assert len(vouchers) == 1
        self.received += fen

    @rule(fens=st.lists(st.integers(1, 1500), min_size=1, max_size=3), twice=st.booleans())
    def approve(self, fens: list[int], twice: bool) -> None:
        found = list(itertools.islice(self.needs, len(fens)))
        drafts = [draft(need, fen, _ONE_SOURCE) for need, fen in zip(found, fens, strict=False)]
        total = sum(one.amount_fen for one in drafts)
        for _ in range(1 + twice):
            try:
                with self.office.work(DECIDER), unit_of_work() as session:
                    grants = approve_grants(session, drafts)
            except Overdrawn:
                assert total > self.available
                return
        assert total <= self.available
        self.reserved.update((grant.id, grant.amount_fen) for grant in grants)

    @precondition(lambda self: self.reserved)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        grant = data.draw(st.sampled_from(sorted(self.reserved)))
        try:
            with self.office.work(DECIDER), unit_of_work() as session:
                release_grants(session, [grant], "撤回")
        except Conflict:
            assert grant in self.in_batch.values()
        else:
            assert grant not in self.in_batch.values()
            del self.reserved[grant]

    @precondition(lambda self: self.batch is None and self.reserved)
    @rule()
    def send(self) -> None:
        key = f"batch-{self.year}-{next(self.keys)}"
        with self.office.work(MANAGER, "funds.prepare"), unit_of_work() as session:
            batch = prepare_batch(session, year=self.year, key=key)
        with self.office.work(APPROVER, "funds.approve_payment"), unit_of_work() as session:
            approve_batch(session, batch.id)
        with self.office.work(PAYER, "funds.pay"), unit_of_work() as session:
            send_batch(session, batch.id)
            self.in_batch = {one.id: one.grant_id for one in repository.attempts(session, batch.id)}
        self.batch = batch.id
        assert set(self.in_batch.values()) == set(self.reserved)

    @precondition(lambda self: self.batch is not None)
    @rule(data=st.data(), twice=st.booleans())
    def take(self, data: st.DataObject, twice: bool) -> None:
        assert self.batch is not None
        failed = data.draw(st.sets(st.sampled_from(sorted(self.in_batch))))
        for _ in range(1 + twice):
            with self.office.work(PAYER, "funds.pay"), unit_of_work() as session:
                confirmed = totals(session, self.batch, failed)
                take_return(session, self.batch, dict.fromkeys(failed, "account_not_found"), confirmed)
        for attempt, grant in self.in_batch.items():
            if attempt not in failed:
                self.paid[grant] = self.reserved.pop(grant)
                self.paid_by[attempt] = grant
        self.batch, self.in_batch = None, {}

    @precondition(lambda self: self.batch is not None)
    @rule(data=st.data(), mistake=st.sampled_from(["items", "fen", "stranger", "reason", "manager", "approver"]))
    def take_wrongly(self, data: st.DataObject, mistake: str) -> None:
        assert self.batch is not None
        failed = data.draw(st.sets(st.sampled_from(sorted(self.in_batch))))
        told = dict.fromkeys(failed, "account_not_found")
        if mistake == "stranger":
            told[uuid.uuid4()] = "other"
        if mistake == "reason":
            told[min(self.in_batch)] = "unheard_of"
        actor = {"manager": MANAGER, "approver": APPROVER}.get(mistake, PAYER)
        with self.office.work(actor, "funds.pay"), unit_of_work() as session:
            right = totals(session, self.batch, failed)
            said = BankTotals(right.items + (mistake == "items"), right.fen + (mistake == "fen"))
            with pytest.raises(SamePerson if actor != PAYER else InvalidInput):
                take_return(session, self.batch, told, said)
        with self.office.work(MANAGER), unit_of_work() as session:
            assert {attempt.state for attempt in repository.attempts(session, self.batch)} == {"open"}

    @precondition(lambda self: self.paid_by)
    @rule(data=st.data(), approved=st.booleans(), twice=st.booleans())
    def send_back(self, data: st.DataObject, approved: bool, twice: bool) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.paid_by)))
        for _ in range(1 + twice):
            with self.office.work(PAYER, "funds.pay"), unit_of_work() as session:
                told = tell_reversal(session, attempt, reason="account_closed", slip="T1").id
        for _ in range(1 + twice):
            with self.office.work(APPROVER, "funds.approve_payment"), unit_of_work() as session:
                decide_reversal(session, told, approved=approved)
        if approved:
            grant = self.paid_by.pop(attempt)
            self.reserved[grant] = self.paid.pop(grant)

    @invariant()
    def books_agree(self) -> None:
        states = self.office.states()
        assert states == {
            "income": -self.received,
            "available": self.available,
            "reserved": sum(self.reserved.values()),
            "paid": sum(self.paid.values()),
        } or (not self.received and not any(states.values()))
        with self.office.work(MANAGER), unit_of_work() as session:
            assert not differences(session, self.year)
            of_year = LedgerEntry.year == self.year
            count, last = session.execute(select(func.count(), func.max(LedgerEntry.voucher)).where(of_year)).one()
            assert count == (last or 0)
            sign = case((LedgerEntry.kind == "pay", 1), else_=-1)
            paid = select(LedgerEntry.grant_id, func.sum(sign), func.sum(sign * LedgerEntry.amount_fen))
            moves = paid.where(of_year, LedgerEntry.kind.in_(("pay", "reverse"))).group_by(LedgerEntry.grant_id)
            rows = [row for row in session.execute(moves) if row[1]]
            assert {row[0]: (row[1], row[2]) for row in rows} == {grant: (1, fen) for grant, fen in self.paid.items()}
            succeeded = select(PaymentAttempt.id).join(
                Grant, (Grant.tenant == PaymentAttempt.tenant) & (Grant.id == PaymentAttempt.grant_id)
            )
            settled = succeeded.where(Grant.year == self.year, PaymentAttempt.state == "succeeded")
            assert set(session.scalars(settled)) == set(self.paid_by)
            standing = select(Grant.id).where(Grant.year == self.year, Grant.state == "reserved")
            assert set(session.scalars(standing)) == set(self.reserved)


@pytest.mark.slow
def test_random_commands(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "AFTER_PAID", [])
    monkeypatch.setattr(FundMachine, "acting", staticmethod(acting), raising=False)
    run_state_machine_as_test(
        FundMachine,
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
        ),
    )
