"""Receiving and granting: earmarks, sources, one aid per occurrence, no overdraft, repeated commands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core.db.session import unit_of_work
from core.errors import BangfuError, Conflict, Forbidden, InvalidInput
from core.funds.declared import FACTS
from core.funds.errors import AidedAlready, KeyUsed, Overdrawn, SamePerson
from core.funds.models import Grant, LedgerEntry, Occurrence
from core.funds.service import approve_grants, differences, entries, receive, release_grants
from core.trail.models import TrailEntry
from tests.conftest import OTHER_COUNTY
from tests.core.funds_story import CLERK, DECIDER, MANAGER, MEDICAL, Acting, Need, Office, another_case, draft


@pytest.fixture
def office(acting: Acting) -> Office:
    return Office(acting)


def _approve(office: Office, found: list[Need], fen: int = 120000) -> list[Grant]:
    with office.work(DECIDER), unit_of_work() as session:
        return approve_grants(session, [draft(need, fen) for need in found])


def _count(office: Office, table: type[Grant | LedgerEntry | Occurrence]) -> int:
    with office.work(MANAGER), unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_money_received_is_available_and_income_is_its_origin(office: Office) -> None:
    assert office.receive(1000_00, "a") == 1
    assert office.receive(500_00, "b") == 2
    assert office.states() == {"income": -150000, "available": 150000, "reserved": 0, "paid": 0}


def test_a_repeated_receipt_is_the_first_and_another_content_is_refused(office: Office) -> None:
    assert office.receive(1000_00, "a") == office.receive(1000_00, "a") == 1
    with pytest.raises(KeyUsed):
        office.receive(1000_01, "a")
    with pytest.raises(KeyUsed):
        office.receive(1000_00, "a", note="捐款")
    assert office.states()["available"] == 100000
    assert _count(office, LedgerEntry) == 1


@pytest.mark.parametrize(
    "wrong", [{"year": 1999}, {"source": "lottery"}, {"purpose": "parties"}, {"amount_fen": 0}, {"amount_fen": -5}]
)
def test_a_wrong_receipt_is_refused(office: Office, wrong: dict[str, object]) -> None:
    right = {"year": 2025, "source": "union", "purpose": "medical", "amount_fen": 1, "key": "a", "note": ""}
    with office.work(MANAGER, "funds.receive"), unit_of_work() as session, pytest.raises(InvalidInput):
        receive(session, **(right | wrong))  # type: ignore[arg-type]  # keywords of mixed types
    with office.work(MANAGER, "funds.read"), unit_of_work() as session, pytest.raises(Forbidden):
        receive(session, **right)  # type: ignore[arg-type]  # keywords of mixed types


def test_an_approval_reserves_and_a_repeated_one_gives_the_first_grants(office: Office) -> None:
    office.receive(3000_00, "a")
    found = office.needs(2)
    first = _approve(office, found)
    again = _approve(office, found)
    assert [grant.id for grant in again] == [grant.id for grant in first]
    assert [grant.case_id for grant in first] == [need.case_id for need in found]
    assert office.states() == {"income": -300000, "available": 60000, "reserved": 240000, "paid": 0}
    with office.work(MANAGER), unit_of_work() as session:
        journal = entries(session, 2025, limit=2)
        assert [view.entry.voucher for view in journal] == [3, 2]
        assert [(leg.state, leg.fen) for leg in journal[0].legs] == [("available", -120000), ("reserved", 120000)]
        assert [view.entry.voucher for view in entries(session, 2025, before=2)] == [1]
        assert not differences(session, 2025)
        actions = session.scalars(select(TrailEntry.action).order_by(TrailEntry.seq))
        assert list(actions) == ["funds.received", "funds.granted"]


def test_the_first_source_that_covers_all_gives_and_none_is_split(office: Office) -> None:
    office.receive(2000_00, "a")
    office.receive(5000_00, "b", source="union")
    office.receive(9999_00, "c", source="union", purpose="medical")
    grants = _approve(office, office.needs(2))
    assert {grant.source for grant in grants} == {"union"}
    assert {grant.source for grant in _approve(office, office.needs(1))} == {"appropriation"}
    with pytest.raises(Overdrawn) as refused:
        _approve(office, office.needs(3))
    assert "800.00 元" in refused.value.zh
    assert "2,600.00 元" in refused.value.zh
    assert office.states("union", "medical")["available"] == 9999_00


def test_a_refused_approval_leaves_nothing(office: Office) -> None:
    office.receive(1000_00, "a")
    with pytest.raises(Overdrawn):
        _approve(office, office.needs(1))
    assert _count(office, Grant) == _count(office, Occurrence) == 0
    assert office.states()["available"] == 100000


def test_a_killed_command_leaves_nothing_and_no_gap(office: Office) -> None:
    office.receive(3000_00, "a")
    found = office.needs(2)

    def killed() -> None:
        with office.work(DECIDER), unit_of_work() as session:
            approve_grants(session, [draft(need) for need in found])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        killed()
    assert _count(office, Grant) == 0
    assert office.states()["reserved"] == 0
    _approve(office, found)
    with office.work(MANAGER), unit_of_work() as session:
        assert [view.entry.voucher for view in entries(session, 2025)] == [3, 2, 1]


def _split(office: Office, need: Need) -> Need:
    """Another household's case for the same worker."""
    return replace(office.needs(1)[0], worker_id=need.worker_id)


def _same_household(office: Office, need: Need) -> Need:
    with office.work(CLERK), unit_of_work() as session:
        return replace(another_case(session, need), worker_id=office.needs(1)[0].worker_id)


@pytest.mark.parametrize("second", [_split, _same_household])
@pytest.mark.parametrize("together", [True, False])
def test_nobody_is_aided_twice(office: Office, second: Callable[[Office, Need], Need], together: bool) -> None:
    office.receive(9000_00, "a")
    (first,) = office.needs(1, name="王小明")
    other = second(office, first)
    if not together:
        _approve(office, [first])
    with pytest.raises(AidedAlready) as refused:
        _approve(office, [first, other])
    assert "王小明" not in str(refused.value)
    assert str(first.worker_id) not in str(refused.value)
    assert "SH2025-" in (refused.value.where or "")
    assert _count(office, Grant) == (0 if together else 1)


def test_another_year_or_programme_is_another_occurrence(office: Office) -> None:
    office.receive(9000_00, "a")
    office.receive(9000_00, "b", source="union", purpose="medical")
    (need,) = office.needs(1)
    with office.work(CLERK), unit_of_work() as session:
        more = [another_case(session, need) for _ in range(2)]
    with office.work(DECIDER), unit_of_work() as session:
        approve_grants(session, [draft(need), draft(more[0], 50, MEDICAL), draft(more[1], occurrence="2026")])
        totals = {(name, at): value for fact in FACTS for name, at, value in fact.measure(session, 2025)}
    assert totals["fund.received", "union/medical"] == 9000_00
    assert (totals["fund.grants", "medical"], totals["fund.grants", "yearly_living"]) == (1, 2)


def test_the_clerk_does_not_approve(office: Office) -> None:
    office.receive(9000_00, "a")
    found = office.needs(1)
    with office.work(CLERK), unit_of_work() as session, pytest.raises(SamePerson):
        approve_grants(session, [draft(need) for need in found])


def test_a_released_grant_frees_money_and_occurrence_once(office: Office) -> None:
    office.receive(1200_00, "a")
    (need,) = office.needs(1)
    (grant,) = _approve(office, [need])
    for _ in range(2):
        with office.work(DECIDER), unit_of_work() as session:
            assert release_grants(session, [grant.id], "本人放弃")[0].state == "released"
    assert office.states() == {"income": -120000, "available": 120000, "reserved": 0, "paid": 0}
    with pytest.raises(Conflict):
        _approve(office, [need])
    with office.work(CLERK), unit_of_work() as session:
        again = another_case(session, need)
    _approve(office, [again])
    assert office.states()["reserved"] == 120000


def test_another_county_has_its_own_books(office: Office, acting: Acting) -> None:
    office.receive(1000_00, "a")
    other = Office(acting, OTHER_COUNTY)
    assert other.receive(70_00, "a") == 1
    assert other.states()["available"] == 7000
    assert office.states()["available"] == 100000


def test_twenty_approvers_at_once_never_overdraw(office: Office) -> None:
    office.receive(7 * 100_00, "a")
    found = office.needs(20)
    refused: list[BangfuError] = []
    start = threading.Barrier(20)

    def approve(need: Need) -> None:
        start.wait()
        try:
            _approve(office, [need], 100_00)
        except Overdrawn as error:
            refused.append(error)

    threads = [threading.Thread(target=approve, args=(need,)) for need in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 13
    assert office.states() == {"income": -70000, "available": 0, "reserved": 70000, "paid": 0}
    with office.work(MANAGER), unit_of_work() as session:
        assert sorted(view.entry.voucher for view in entries(session, 2025)) == list(range(1, 9))
        assert not differences(session, 2025)


def test_commands_over_the_same_accounts_in_any_order_never_wait_in_a_ring(office: Office) -> None:
    office.receive(9000_00, "a")
    office.receive(9000_00, "b", source="union", purpose="medical")
    found = office.needs(16)
    faults: list[Exception] = []
    start = threading.Barrier(8)

    def act(no: int) -> None:
        drafts = [draft(found[2 * no], 100), draft(found[2 * no + 1], 100, MEDICAL)]
        start.wait()
        try:
            with office.work(DECIDER), unit_of_work() as session:
                # Two commands in one transaction take the accounts in opposite orders.
                for one in drafts if no % 2 else reversed(drafts):
                    approve_grants(session, [one])
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=act, args=(no,)) for no in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert office.states()["reserved"] == office.states("union", "medical")["reserved"] == 800
