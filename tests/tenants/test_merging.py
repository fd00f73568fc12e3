"""Two counties become one: everything arrives, nothing is counted twice, and the one that closed can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core.audit.service import last_run
from core.cases.models import Case, Deadline
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import unit_of_work
from core.documents.models import Document
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.funds.carrying import carry_over
from core.funds.errors import AidedAlready
from core.funds.grants import approve_grants
from core.funds.repository import differences
from core.identity.service import scope_for
from core.jobs.outbox import relay
from core.people.models import WorkerFile
from core.scope import entered
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope, tenant_named
from core.transfers.models import BroughtCase, HouseholdTransfer
from core.transfers.service import settle_twice, twice_waiting
from tenants.merging import NotYet, SamePerson, ask_closing, closing_of, decide_closing, preview, withdraw_closing
from tenants.merging_gate import holdings
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.audit_story import YEAR
from tests.core.funds_story import LIVING, Need, draft
from tests.core.lines import PETITION, Acting
from tests.core.staffing import at_desk, trail_of
from tests.tenants.conftest import asked
from tests.tenants.merging_story import THIRD, WHY, Story, balances, files, tell


@pytest.fixture
def story(db: Database, acting: Acting) -> Story:
    return tell(db, acting)


def test_what_a_county_held_is_in_the_other_to_the_fen(story: Story) -> None:
    before = story.totals(COUNTY, OTHER_COUNTY)
    with at_desk(story.asker, PROVINCE) as session:
        seen = preview(session, COUNTY, OTHER_COUNTY)
    assert (seen.blocks, seen.twice, seen.held.households) == ((), 1, 3)
    assert {(row.workflow, row.count, row.travels) for row in seen.held.cases} == {
        ("petition", 1, True),
        ("job_seeking", 1, True),
    }
    closing = story.asked()
    story.agreed(closing)
    done = story.carried_out()
    assert done["state"] == "done", done
    after = story.totals(COUNTY, OTHER_COUNTY)
    assert after == before
    with entered(system_scope(OTHER_COUNTY, "test")), unit_of_work() as session:
        held = files(session)
        assert sorted(held.values()) == ["draft", "on_file", "on_file", "on_file", "on_file"]
        here = balances(session)
        assert differences(session, YEAR) == []
    with entered(system_scope(COUNTY, "test", closed=True)), unit_of_work() as session:
        assert set(files(session).values()) == {"moved"}
        gone = balances(session)
        assert differences(session, YEAR) == []
        assert last_run(session, YEAR) is not None
    assert story.staying.audit() == {}
    carried_out = {key[:3]: fen for key, fen in gone.items() if key[3] == "carried"}
    carried_in = {key[:3]: -fen for key, fen in here.items() if key[3] == "carried"}
    assert carried_out == carried_in
    assert not [key for key in gone if key[3] in ("available", "reserved")]
    with at_desk(story.asker, PROVINCE) as session:
        row = closing_of(session, closing)
        assert (row.state, row.result["households"], row.result["twice"]) == ("done", 3, 1)
        assert session.scalars(select(Tenant.state).where(Tenant.code == COUNTY)).one() == "closed"
        assert tenant_named(session, COUNTY).code == OTHER_COUNTY
        assert tenant_named(session, COUNTY, closed=True).code == COUNTY


def test_open_matters_go_on_with_their_clocks_as_started(story: Story) -> None:
    with story.leaving.post("desk"), unit_of_work() as session:
        clocks = set(session.execute(select(Deadline.kind, Deadline.started_on, Deadline.due_on)).all())
    story.agreed(story.asked())
    story.carried_out()
    with story.staying.post("desk"), unit_of_work() as session:
        brought = {row.peer_number: row.case_id for row in session.scalars(select(BroughtCase))}
        assert len(brought) == 2
        petition = session.scalars(select(Case).where(Case.id == brought[story.number])).one()
        assert (petition.state, petition.closed_on) == ("accepted", None)
        mine = session.execute(
            select(Deadline.kind, Deadline.started_on, Deadline.due_on).where(Deadline.case_id == petition.id)
        ).all()
        assert mine
        assert set(mine) <= clocks
        papers = session.scalars(select(Document).where(Document.case_id == petition.id)).all()
        assert [paper.title for paper in papers] == ["信访事项"]
    with entered(system_scope(COUNTY, "test", closed=True)), unit_of_work() as session:
        assert session.scalars(select(Case.id).where(Case.closed_on.is_(None))).all() == []


def test_killed_between_the_two_sides_it_is_gone_on_with_and_booked_once(story: Story) -> None:
    before = story.totals(COUNTY, OTHER_COUNTY)
    closing = story.asked()
    story.agreed(closing)
    # The giver's side was committed, then the process died: the package waits, and the whole job begins again.
    with entered(system_scope(COUNTY, "job")), unit_of_work() as session:
        assert carry_over(session, OTHER_COUNTY, WHY)
        assert carry_over(session, OTHER_COUNTY, WHY) == []
    between = story.totals(COUNTY, OTHER_COUNTY)
    assert between != before
    assert story.carried_out()["state"] == "done"
    for tenant in (COUNTY, OTHER_COUNTY):
        with entered(system_scope(tenant, "test", closed=True)), unit_of_work() as session:
            packages = select(func.count()).select_from(Envelope).where(Envelope.kind == "funds.carried")
            assert session.scalar(packages) == 1
    relay(OTHER_COUNTY)
    assert story.totals(COUNTY, OTHER_COUNTY) == before


def test_two_people_of_the_province_close_a_county(story: Story) -> None:
    with at_desk(story.leader, PROVINCE) as session, pytest.raises(Forbidden):
        ask_closing(session, COUNTY, OTHER_COUNTY, WHY)
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(InvalidInput):
        ask_closing(session, COUNTY, OTHER_COUNTY, "  ")
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(InvalidInput):
        ask_closing(session, COUNTY, COUNTY, WHY)
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(NotFound):
        ask_closing(session, "110101", OTHER_COUNTY, WHY)
    closing = story.asked()
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(Conflict):
        ask_closing(session, COUNTY, OTHER_COUNTY, WHY)
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(Forbidden):
        decide_closing(session, closing, agreed=True)
    with at_desk(story.leader, PROVINCE) as session, pytest.raises(InvalidInput):
        decide_closing(session, closing, agreed=False)
    with at_desk(story.leader, PROVINCE) as session:
        decide_closing(session, closing, agreed=False, why="时机未到")
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(Conflict):
        withdraw_closing(session, closing)
    again = story.asked()
    with at_desk(story.asker, PROVINCE) as session:
        withdraw_closing(session, again)
        assert session.scalars(select(Tenant.state).where(Tenant.code == COUNTY)).one() == "open"
    assert [one["action"] for one in trail_of(PROVINCE, "closing.asked")] == ["closing.asked"] * 2


def test_whoever_stands_in_for_the_asker_does_not_agree(story: Story) -> None:
    closing = story.asked()
    leader = replace(scope_for(story.leader, PROVINCE), principals=frozenset({str(story.asker)}))
    with entered(leader), unit_of_work() as session, pytest.raises(SamePerson):
        decide_closing(session, closing, agreed=True)


def test_a_sealed_petition_holds_the_closing_up_until_its_handler_has_closed_it(story: Story) -> None:
    form = PETITION | {"kind": "accusation"}
    with story.leaving.post("handler"), unit_of_work() as session:
        draft = NewCase("petitions", "petition", (NewParty("applicant", label="周明"),), form=form)
        [sealed] = open_cases(session, [draft])
        sealed_id, number = sealed.id, sealed.number
    with at_desk(story.asker, PROVINCE) as session:
        seen = preview(session, COUNTY, OTHER_COUNTY)
    assert [block.code for block in seen.blocks] == ["sealed"]
    assert number not in str(seen.as_json())
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(NotYet):
        ask_closing(session, COUNTY, OTHER_COUNTY, WHY)
    with story.leaving.post("handler"), unit_of_work() as session:
        advance(session, [sealed_id], "decline", "不属本单位职责")
    story.agreed(story.asked())
    assert story.carried_out()["state"] == "done"
    with entered(system_scope(OTHER_COUNTY, "test")), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(BroughtCase)) == 2


def test_who_is_on_file_in_both_is_looked_at_by_somebody(story: Story) -> None:
    story.agreed(story.asked())
    story.carried_out()
    with story.staying.post("desk"), unit_of_work() as session:
        [waiting] = twice_waiting(session)
        transfer, others = waiting.transfer_id, waiting.twice
        with pytest.raises(Conflict):
            settle_twice(session, transfer, keep=True, why="两户")
        settle_twice(session, transfer, keep=False, why="同一户")
        held = files(session)
        assert [held[number] for number in others] == ["on_file"]
        assert sorted(held.values()) == ["cancelled", "on_file", "on_file", "on_file", "on_file"]
        assert twice_waiting(session) == []


def test_nobody_is_aided_twice_because_two_counties_became_one(story: Story) -> None:
    story.agreed(story.asked())
    story.carried_out()

    with story.staying.post("desk"), unit_of_work() as session:
        came = session.scalars(select(HouseholdTransfer).where(HouseholdTransfer.twice == [])).first()
        assert came is not None
        assert came.household_id is not None
        assert [one["programme"] for one in came.history["aid"]] == ["yearly_living"]
        worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == came.household_id)).one()
        case = session.scalars(select(Case.id).where(Case.closed_on.is_(None))).first()
        assert case is not None
        need = Need(case, came.household_id, worker, "")
    with story.staying.post("decider"), unit_of_work() as session, pytest.raises(AidedAlready):
        approve_grants(session, [draft(need, programme=LIVING, occurrence=str(YEAR))])


def test_a_third_county_sees_nothing_of_it(story: Story) -> None:
    story.agreed(story.asked())
    story.carried_out()
    with entered(system_scope(THIRD, "test")), unit_of_work() as session:
        for table in (HouseholdTransfer, Envelope, Case, Document, BroughtCase):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_without_a_successor_nothing_may_be_left(story: Story) -> None:
    with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
        session.connection()
        with asked() as statements:
            holdings(session)
        assert len(statements) == 3
    with at_desk(story.asker, PROVINCE) as session:
        seen = preview(session, COUNTY, None)
        assert {block.code for block in seen.blocks} == {"cases.petition", "cases.job_seeking", "households", "money"}
        closing = ask_closing(session, THIRD, None, WHY).id
    story.agreed(closing)
    assert story.carried_out()["state"] == "done"
    with at_desk(story.asker, PROVINCE) as session:
        assert session.scalars(select(Tenant.state).where(Tenant.code == THIRD)).one() == "closed"
        with pytest.raises(NotFound):
            tenant_named(session, THIRD)
