"""The annual announcement: its figures are the ledger's, it is published once, and corrected by a new edition."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError

from core.announcements.models import Announcement
from core.announcements.service import latest_announcement, publish, yearly_figures
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import Conflict, Forbidden
from core.funds.service import approve_grants, receive
from core.trail.models import TrailEntry
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.audit_story import AUDITED, YEAR, OrderlyCounty, orderly
from tests.core.funds_story import Office, draft
from tests.core.lines import Acting, install


@pytest.fixture
def county(db: Database, acting: Acting) -> Any:
    install(db)
    with orderly(db, acting) as made:
        yield made


def _of_ledger(county: OrderlyCounty, kind: str) -> dict[tuple[str, str], int]:
    """What the entries of a kind moved, by source and purpose, summed from the entries themselves."""
    with county.post("auditor"), unit_of_work() as session:
        rows = session.execute(
            tenant_sql(
                "select distinct e.id, a.source, a.purpose, e.amount_fen from ledger_entry e"
                " cross join lateral jsonb_array_elements(e.legs) leg"
                " join fund_account a on a.tenant = e.tenant and a.id = (leg ->> 'account')::uuid"
                " where e.tenant = :tenant and e.kind = :kind"
            ),
            {"kind": kind},
        ).all()
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        sums[row.source, row.purpose] += row.amount_fen
    return dict(sums)


def _shown(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    return {(row["source"], row["purpose"]): row["fen"] for row in rows}


def test_the_figures_are_the_ledgers(county: OrderlyCounty) -> None:
    with county.post("manager"), unit_of_work() as session:
        figures = yearly_figures(session, YEAR)
    received, paid = _of_ledger(county, "receipt"), _of_ledger(county, "pay")
    assert received == {("appropriation", "living"): 10_000_000, ("union", "medical"): 10_000_000}
    assert _shown(figures["received"]) == received
    assert _shown(figures["paid"]) == paid == {("appropriation", "living"): 240_000}
    [line] = figures["paid"]
    assert (line["households"], line["people"], line["grants"], figures["households"]) == (2, 2, 2, 2)
    assert _shown(figures["left"]) == {key: fen - paid.get(key, 0) for key, fen in received.items()}
    assert figures["reserved"] == []


def test_money_promised_but_not_paid_is_said(acting: Acting) -> None:
    office = Office(acting)
    office.receive(500_000, "a")
    needs = office.needs(2)
    with office.work("decider"), unit_of_work() as session:
        approve_grants(session, [draft(need) for need in needs])
    with acting(COUNTY), unit_of_work() as session:
        figures = yearly_figures(session, TODAY.year)
    assert _shown(figures["reserved"]) == {("appropriation", "living"): 240_000}
    assert (figures["paid"], figures["households"]) == ([], 0)
    assert sum(_shown(figures["received"]).values()) == 500_000
    assert _shown(figures["left"]) == {("appropriation", "living"): 260_000}


def test_it_holds_nothing_about_a_person(county: OrderlyCounty) -> None:
    with county.post("manager"), unit_of_work() as session:
        text = str(publish(session, YEAR).figures)
    for home in county.homes:
        assert str(home.household_id) not in text
        assert str(home.worker_id) not in text
    assert "李明" not in text


def test_a_second_one_is_refused_and_a_correction_is_a_new_edition(county: OrderlyCounty) -> None:
    with county.post("manager"), unit_of_work() as session:
        first = publish(session, YEAR)
        assert (first.edition, first.published_by, first.published_on) == (1, "manager", AUDITED)
    with county.post("manager"), unit_of_work() as session, pytest.raises(Conflict, match="已发布"):
        publish(session, YEAR)
    with county.post("manager"), unit_of_work() as session:
        receive(session, year=AUDITED.year, source="union", purpose="medical", amount_fen=1, key="late", note="到账")
        corrected = publish(session, YEAR, correction=True)
        assert corrected.edition == 2
        assert publish(session, YEAR + 1).edition == 1
    with county.post("manager"), unit_of_work() as session:
        latest = latest_announcement(session, YEAR)
        assert latest is not None
        assert latest.id == corrected.id
        assert [row.edition for row in session.scalars(select(Announcement).order_by(Announcement.id))] == [1, 2, 1]
        done = session.scalars(select(TrailEntry.action).where(TrailEntry.action == "announcement.published")).all()
        assert len(done) == 3


def test_a_correction_of_nothing_is_refused(acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session, pytest.raises(Conflict, match="尚未发布"):
        publish(session, YEAR, correction=True)


def test_only_one_who_may_publishes_and_only_at_home(acting: Acting) -> None:
    with acting(COUNTY, actor="nobody"), unit_of_work() as session, pytest.raises(Forbidden):
        publish(session, YEAR)
    with acting(COUNTY, actor="boss", permissions=frozenset({"announcement.publish"})), unit_of_work() as session:
        publish(session, YEAR)
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert latest_announcement(session, YEAR) is None


def test_what_is_published_never_changes(acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session:
        publish(session, YEAR)
    for change in ("update announcement set title = 'x'", "delete from announcement"):
        with acting(COUNTY), pytest.raises(ProgrammingError, match="permission denied"), unit_of_work() as session:
            session.connection().exec_driver_sql(change)
