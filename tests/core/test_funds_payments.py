"""Paying: three people, the bank file, the bank's return, one payment per instalment, cases closed."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import date

import pytest
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from core.announcements.service import yearly_figures
from core.cases.models import Case
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.funds import events, repository
from core.funds.bank_file import plain_cell
from core.funds.errors import AccountsDamaged, KeyUsed, SamePerson
from core.funds.models import Grant, Instalment, PaymentAttempt, PaymentBatch
from core.funds.service import (
    BankTotals,
    approve_batch,
    approve_grants,
    cancel_batch,
    differences,
    due,
    entries,
    paid_by_source_and_purpose,
    prepare_batch,
    release_grants,
    send_batch,
    take_return,
)
from core.funds.waiting import years_due
from core.people.models import Person
from core.trail.models import ReadLog
from tests.conftest import OTHER_COUNTY, TODAY, Database
from tests.core.funds_story import APPROVER, DECIDER, MANAGER, PAYER, Acting, Need, Office, draft, file_number, totals


class PayOffice(Office):
    """An office with money and steps of payment; ``closed`` gathers the cases told to close."""

    closed: list[uuid.UUID]

    def granted(self, count: int, fen: int = 120000, **more: str) -> list[Need]:
        found = self.needs(count, **more)  # type: ignore[arg-type]  # keywords of mixed types
        with self.work(DECIDER), unit_of_work() as session:
            approve_grants(session, [draft(need, fen) for need in found])
        return found

    def prepare(self, key: str = "p1", actor: str = MANAGER, grants: Sequence[uuid.UUID] | None = None) -> PaymentBatch:
        with self.work(actor, "funds.prepare"), unit_of_work() as session:
            return prepare_batch(session, year=2025, key=key, grant_ids=grants)

    def approve(self, batch: PaymentBatch, actor: str = APPROVER) -> PaymentBatch:
        with self.work(actor, "funds.approve_payment"), unit_of_work() as session:
            return approve_batch(session, batch.id)

    def send(self, batch: PaymentBatch, actor: str = PAYER) -> bytes:
        with self.work(actor, "funds.pay"), unit_of_work() as session:
            return send_batch(session, batch.id)

    def sent(self, key: str = "p1") -> PaymentBatch:
        batch = self.prepare(key)
        self.approve(batch)
        self.send(batch)
        return batch

    def take(self, batch: PaymentBatch, failures: Mapping[uuid.UUID, str]) -> PaymentBatch:
        with self.work(PAYER, "funds.pay"), unit_of_work() as session:
            return take_return(session, batch.id, failures, totals(session, batch.id, failures))

    def attempts(self, batch: PaymentBatch) -> list[PaymentAttempt]:
        with self.work(MANAGER), unit_of_work() as session:
            return repository.attempts(session, batch.id)


@pytest.fixture
def office(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> PayOffice:
    made = PayOffice(acting)
    made.closed = []

    def follow(_session: Session, case_ids: Sequence[uuid.UUID]) -> None:
        made.closed.extend(case_ids)

    monkeypatch.setattr(events, "AFTER_PAID", [follow])
    made.receive(10_000_00, "a")
    return made


def _rows(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_batch_is_paid_and_what_came_back_is_paid_again(office: PayOffice) -> None:
    found = office.granted(3)
    batch = office.sent()
    assert (batch.number, batch.items, batch.total_fen) == ("FF2025-0001", 3, 360000)
    back = office.attempts(batch)[1]
    for _ in range(2):
        assert office.take(batch, {back.id: "name_mismatch"}).state == "returned"
    assert office.states() == {"income": -10_000_00, "available": 640000, "reserved": 120000, "paid": 240000}
    assert len(office.closed) == 2
    assert [attempt.bank_reason for attempt in office.attempts(batch)] == [None, "name_mismatch", None]
    with pytest.raises(Conflict):
        office.take(batch, {})

    again = office.sent("p2")
    assert [attempt.instalment_id for attempt in office.attempts(again)] == [back.instalment_id]
    office.take(again, {})
    assert sorted(office.closed) == sorted(need.case_id for need in found)
    assert office.states() == {"income": -10_000_00, "available": 640000, "reserved": 0, "paid": 360000}
    with office.work(MANAGER), unit_of_work() as session:
        (paid,) = paid_by_source_and_purpose(session, 2025)
        assert (paid.source, paid.purpose, paid.fen, paid.grants, paid.households) == (
            "appropriation", "living", 360000, 3, 3,
        )  # fmt: skip
        assert set(session.scalars(select(Grant.state))) == {"paid"}
        assert set(session.scalars(select(Instalment.state))) == {"paid"}
        assert [view.entry.voucher for view in entries(session, 2025)] == [7, 6, 5, 4, 3, 2, 1]
        assert not differences(session, 2025)
        assert not due(session, 2025, TODAY)


def test_a_repeated_preparation_is_the_first_batch_and_nothing_is_paid_twice(office: PayOffice) -> None:
    office.granted(2)
    first = office.prepare()
    assert office.prepare().id == first.id
    with pytest.raises(Conflict):
        office.prepare("p2")
    with pytest.raises(KeyUsed):
        office.prepare("p1", grants=[office.attempts(first)[0].grant_id])


def test_the_bank_file_has_the_account_and_every_reading_is_recorded(office: PayOffice) -> None:
    found = office.granted(2, name='=HYPERLINK("http://example.org")')
    batch = office.prepare()
    office.approve(batch)
    first = office.send(batch)
    rows = _rows(first)
    assert [row["收款账号"] for row in rows] == [need.account for need in found]
    assert [row["金额（元）"] for row in rows] == ["1200.00", "1200.00"]
    assert rows[0]["收款人"].startswith("'=HYPERLINK")
    assert [row["支付编号"] for row in rows] == [str(attempt.id) for attempt in office.attempts(batch)]
    assert office.send(batch) == first
    with office.work(MANAGER), unit_of_work() as session:
        reads = list(session.scalars(select(ReadLog)))
    assert {read.actor for read in reads} == {PAYER}
    assert sorted(read.subject_id for read in reads if read.subject_id) == sorted(
        need.worker_id for need in found for _ in range(2)
    )


def test_a_payee_whose_account_cannot_be_opened_is_named_before_anything_is_sent(office: PayOffice, db: Database) -> None:
    broken, torn, _ = office.granted(3)
    batch = office.prepare()
    office.approve(batch)
    with db.owner.begin() as connection:
        connection.execute(update(Person).values(wrapped_key=bytes(60)).where(Person.id == broken.worker_id))
        wrong = update(PaymentAttempt).values(account_cipher=bytes(60))
        connection.execute(wrong.where(PaymentAttempt.payee_id == torn.worker_id))
    with pytest.raises(AccountsDamaged) as refused:
        office.send(batch)
    told, numbers = refused.value, [f"李明（{file_number(one)} 号档案）" for one in (broken, torn)]
    assert all(number in told.zh for number in numbers)
    assert (told.where, "备份" in (told.mend_zh or ""), "银行卡号" in (told.mend_zh or "")) == (batch.number, True, True)
    with office.work(MANAGER), unit_of_work() as session:
        assert (session.scalars(select(PaymentBatch.state)).all(), session.scalars(select(ReadLog)).all()) == (["approved"], [])


def test_who_cannot_be_paid_for_a_damaged_key_waits_and_keeps_nobody_else_waiting(office: PayOffice, db: Database) -> None:
    broken, whole = office.granted(2)
    with db.owner.begin() as connection:
        connection.execute(update(Person).values(wrapped_key=bytes(60)).where(Person.id == broken.worker_id))
    with office.work(MANAGER), unit_of_work() as session:
        waiting = due(session, 2025, TODAY)
    assert [(item.payable, item.damaged, item.file_number) for item in waiting] == [
        (False, True, file_number(broken)),
        (True, False, file_number(whole)),
    ]
    batch = office.prepare()
    office.approve(batch)
    assert [row["收款账号"] for row in _rows(office.send(batch))] == [whole.account]


@pytest.mark.parametrize(
    ("text", "cell"),
    [("李明", "李明"), ("=1+1", "'=1+1"), (" @sum", "'@sum"), ("＝1", "'＝1"), ("a\r\n=b", "a =b"), (None, ""), ("-5", "'-5")],
)
def test_no_cell_is_a_formula(text: str | None, cell: str) -> None:
    assert plain_cell(text) == cell


def test_manager_approver_and_payer_are_three_people(office: PayOffice) -> None:
    office.granted(1)
    batch = office.prepare()
    with pytest.raises(SamePerson):
        office.approve(batch, MANAGER)
    with pytest.raises(Conflict):
        office.send(batch)
    office.approve(batch)
    assert office.approve(batch).state == "approved"
    for actor in (MANAGER, APPROVER):
        with pytest.raises(SamePerson):
            office.send(batch, actor)
    with pytest.raises(Conflict):
        office.take(batch, {})
    office.send(batch)
    with pytest.raises(Conflict):
        office.send(batch, "second_payer")


def test_each_step_needs_its_permission(office: PayOffice) -> None:
    office.granted(1)
    batch = office.prepare()
    with office.work("someone", "funds.read"), unit_of_work() as session:
        for step in (
            lambda: prepare_batch(session, year=2025, key="x"),
            lambda: approve_batch(session, batch.id),
            lambda: send_batch(session, batch.id),
            lambda: take_return(session, batch.id, {}, BankTotals(1, 120000)),
            lambda: cancel_batch(session, batch.id, "重做"),
        ):
            with pytest.raises(Forbidden):
                step()


def test_who_has_no_account_waits(office: PayOffice) -> None:
    office.granted(1)
    office.granted(1, with_account=False)  # type: ignore[arg-type]  # keywords of mixed types
    with office.work(MANAGER), unit_of_work() as session:
        waiting = due(session, 2025, TODAY)
    assert [item.payable for item in waiting] == [True, False]
    assert "account_cipher" not in repr(waiting)
    with pytest.raises(Conflict):
        office.prepare("p2", grants=[waiting[1].grant_id])
    assert office.prepare().items == 1


def test_a_cancelled_batch_frees_its_payments_and_money_in_payment_is_not_released(office: PayOffice) -> None:
    office.granted(1)
    batch = office.prepare()
    (attempt,) = office.attempts(batch)
    with office.work(DECIDER), unit_of_work() as session, pytest.raises(Conflict):
        release_grants(session, [attempt.grant_id], "撤回")
    with office.work(MANAGER, "funds.prepare"), unit_of_work() as session:
        assert cancel_batch(session, batch.id, "重做").state == "cancelled"
    with pytest.raises(Conflict):
        office.approve(batch)
    assert office.prepare("p2").items == 1


def test_a_return_names_payments_of_the_batch_with_reasons(office: PayOffice) -> None:
    office.granted(1)
    batch = office.sent()
    (attempt,) = office.attempts(batch)
    for wrong in ({uuid.uuid4(): "other"}, {attempt.id: "  "}, {attempt.id: "没有这种原因"}):
        with pytest.raises(InvalidInput):
            office.take(batch, wrong)
    assert office.attempts(batch)[0].state == "open"
    office.take(batch, {attempt.id: "account_not_found"})
    assert office.closed == []
    assert office.states()["reserved"] == 120000


@pytest.mark.parametrize(("items", "fen"), [(0, 0), (3, 360000), (2, 360000), (1, 240000), (2, 239999)])
def test_a_return_that_the_receipt_does_not_confirm_pays_nothing(office: PayOffice, items: int, fen: int) -> None:
    office.granted(3)
    batch = office.sent()
    back = office.attempts(batch)[1]
    with office.work(PAYER, "funds.pay"), unit_of_work() as session, pytest.raises(InvalidInput) as refused:
        take_return(session, batch.id, {back.id: "name_mismatch"}, BankTotals(items, fen))
    assert "2 笔、2,400.00 元" in refused.value.zh
    assert {attempt.state for attempt in office.attempts(batch)} == {"open"}
    assert office.states()["paid"] == 0


def test_who_prepared_or_approved_does_not_take_the_return(office: PayOffice) -> None:
    office.granted(1)
    batch = office.sent()
    for actor in (MANAGER, APPROVER):
        with office.work(actor, "funds.pay"), unit_of_work() as session, pytest.raises(SamePerson):
            take_return(session, batch.id, {}, BankTotals(1, 120000))
    with office.work("second_payer", "funds.pay"), unit_of_work() as session:
        taken = take_return(session, batch.id, {}, BankTotals(1, 120000))
        assert (taken.paid_by, taken.returned_by, taken.state) == (PAYER, "second_payer", "returned")


def _first_two() -> Select[uuid.UUID]:
    return select(Instalment.id).order_by(Instalment.id).limit(2)


def test_a_grant_of_several_instalments_stays_open_until_the_last_is_paid(office: PayOffice, db: Database) -> None:
    office.granted(3)
    with db.owner.begin() as connection:
        connection.execute(update(Instalment).values(amount_fen=50000).where(Instalment.id.in_(_first_two())))
    with office.work(MANAGER), unit_of_work() as session:
        for first in session.scalars(select(Instalment).order_by(Instalment.id).limit(2)).all():
            session.add(Instalment(grant_id=first.grant_id, no=2, due_on=date(2025, 12, 1), amount_fen=70000))
    office.take(office.sent(), {})
    with office.work(MANAGER), unit_of_work() as session:
        states = session.scalars(select(Grant.state).order_by(Grant.id)).all()
        told = yearly_figures(session, 2025)
    sums = {name: sum(row["fen"] for row in told[name]) for name in ("received", "paid", "reserved", "left")}
    assert sums["received"] == sums["paid"] + sums["reserved"] + sums["left"]
    assert (sums["paid"], told["paid"][0]["grants"]) == (220000, 1)
    assert states == ["reserved", "reserved", "paid"]
    assert len(office.closed) == 1
    assert office.states()["reserved"] == 140000


def test_money_of_last_year_is_due_and_in_open_batches_in_january(office: PayOffice, acting: Acting) -> None:
    office.granted(1)
    january = PayOffice(acting, on=date(2026, 1, 6))
    with january.work(MANAGER), unit_of_work() as session:
        assert years_due(session, date(2026, 1, 6)) == {2025: 1}
    batch = january.prepare()
    with january.work(MANAGER), unit_of_work() as session:
        assert [found.id for found in repository.open_batches(session)] == [batch.id]
        assert years_due(session, date(2026, 1, 6)) == {}
    january.approve(batch)
    january.send(batch)
    january.take(batch, {})
    with january.work(MANAGER), unit_of_work() as session:
        assert repository.open_batches(session) == []
    assert office.states()["paid"] == 120000


def test_a_killed_return_leaves_all_as_it_was(office: PayOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office.granted(1)
    batch = office.sent()

    def die(_session: Session, _case_ids: Sequence[uuid.UUID]) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(events, "AFTER_PAID", [die])
        with pytest.raises(ZeroDivisionError):
            office.take(batch, {})
    assert office.states()["paid"] == 0
    office.take(batch, {})
    assert office.states()["paid"] == 120000


def test_another_countys_batch_is_not_here(office: PayOffice, acting: Acting) -> None:
    office.granted(1)
    batch = office.prepare()
    other = PayOffice(acting, OTHER_COUNTY)
    with pytest.raises(NotFound):
        other.approve(batch)


def test_a_paid_grant_closes_its_case(office: PayOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    (need,) = office.granted(1)
    with office.work(MANAGER), unit_of_work() as session:
        session.execute(update(Case).where(Case.id == need.case_id).values(state="approved"))
    batch = office.sent()
    monkeypatch.setattr(events, "AFTER_PAID", [events.close_cases])
    office.take(batch, {})
    with office.work(MANAGER), unit_of_work() as session:
        case = session.scalars(select(Case)).one()
    assert (case.state, case.closed_on) == ("closed", TODAY)
