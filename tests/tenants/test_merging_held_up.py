"""Closings that stand still, that meet earlier money, or that are taken up a second time: nothing is lost or done twice."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select, text

from core.cases.models import Case, Party
from core.cases.service import NewCase, NewParty, open_cases
from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.funds.carrying import carry_over
from core.funds.ledger import AccountKey, Posting
from core.funds.ledger import post as book
from core.funds.models import FundAccount
from core.identity.own_account import own_change
from core.jobs.models import Job
from core.jobs.outbox import Relayed, relay
from core.jobs.runner import plan_job, run_chunk, run_inline
from core.jobs.service import resume_job
from core.people.models import Person, WorkerFile
from core.scope import entered
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope, tenant_named
from core.transfers.models import BroughtCase, HouseholdTransfer
from core.transfers.offers import OFFER, answer_offer, offer, offered_households, offers
from tenants import merging_jobs
from tenants.lifecycle import resume
from tenants.merging import MOVE_JOB, SEAL_JOB, NotYet, ask_closing, closing_of, go_on, preview, stop_closing
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.lines import JOB, PETITION, Acting
from tests.core.staffing import at_desk, hire, trail_of
from tests.tenants.merging_story import THIRD, WHY, Story, balances, files, tell


@pytest.fixture
def story(db: Database, acting: Acting) -> Story:
    return tell(db, acting)


@pytest.mark.parametrize("key", [f"opening:{uuid.UUID(int=7)}", f"carry:{uuid.UUID(int=7)}:2025:appropriation:living"])
def test_money_that_a_county_began_with_or_took_over_earlier_does_not_hold_it_up(story: Story, key: str) -> None:
    with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
        one = session.scalars(select(FundAccount).where(FundAccount.state == "available")).first()
        assert one is not None
        carried, available = (AccountKey(one.year, one.source, one.purpose, state) for state in ("carried", "available"))
        book(session, [Posting("carry", key, carried, available, 100, "期初")])
        held = sum(fen for (*_, state), fen in balances(session).items() if state == "available")
    closing = story.asked()
    story.agreed(closing)
    done = story.carried_out()
    assert done["state"] == "done", done
    with at_desk(story.asker, PROVINCE) as session:
        assert closing_of(session, closing).result["carried_fen"] == held


def test_nothing_runs_twice_in_the_successor_for_a_county_that_has_closed(story: Story) -> None:
    story.agreed(story.asked())
    story.carried_out()
    with entered(system_scope(OTHER_COUNTY, "test")), unit_of_work() as session:
        before = (balances(session), files(session))
    job = story.job(MOVE_JOB)
    _break(story, job)
    with at_desk(story.leader, PROVINCE) as session:
        resume_job(session, job)
    again = run_inline(PROVINCE, job)
    assert (again["state"], again["done"]) == ("failed", 0)
    relay(OTHER_COUNTY)
    with entered(system_scope(OTHER_COUNTY, "test")), unit_of_work() as session:
        assert (balances(session), files(session)) == before
        with pytest.raises(InvalidInput):
            carry_over(session, OTHER_COUNTY, WHY)
    with pytest.raises(NotFound):
        system_scope(COUNTY, "job.audit.run")
    assert relay(COUNTY) == Relayed(0, 0)
    with entered(system_scope(PROVINCE, "test")), unit_of_work() as session:
        assert tenant_named(session, COUNTY).code == OTHER_COUNTY


def _break(story: Story, job: uuid.UUID) -> None:
    with story.db.owner.begin() as connection:
        connection.execute(text("update job_chunk set state = 'failed' where job_id = :job"), {"job": job})
        connection.execute(text("update job set state = 'failed' where id = :job"), {"job": job})


def _late_file(story: Story) -> uuid.UUID:
    """Plan the moves while the newest file is cancelled, and have it on file again afterwards; the job."""
    job = story.job(MOVE_JOB)
    newest = "(select max(id::text)::uuid from worker_file where tenant = '" + COUNTY + "')"
    with story.db.owner.begin() as connection:
        connection.execute(text(f"update worker_file set status = 'cancelled' where id = {newest}"))
    plan_job(PROVINCE, job)
    with story.db.owner.begin() as connection:
        connection.execute(text(f"update worker_file set status = 'on_file' where id = {newest}"))
    return job


def test_what_is_left_fails_the_move_and_a_new_attempt_takes_it_along(story: Story) -> None:
    before = story.totals(COUNTY, OTHER_COUNTY)
    closing = story.asked()
    story.agreed(closing)
    moved = run_inline(PROVINCE, _late_file(story))
    assert moved["state"] == "failed"
    assert "还有 1 户" in str(moved["error"])
    with at_desk(story.leader, PROVINCE) as session:
        attempt = go_on(session, closing).job_id
        assert attempt is not None
        with pytest.raises(Conflict, match="正在办理"):
            go_on(session, closing)
    assert run_inline(PROVINCE, attempt)["state"] == "done"
    assert run_inline(PROVINCE, story.job(SEAL_JOB))["state"] == "done"
    assert story.totals(COUNTY, OTHER_COUNTY) == before
    with at_desk(story.leader, PROVINCE) as session, pytest.raises(Conflict):
        go_on(session, closing)


def test_a_closing_is_stopped_and_the_county_works_on(story: Story) -> None:
    closing = story.asked()
    story.agreed(closing)
    with at_desk(story.asker, PROVINCE) as session, pytest.raises(Conflict, match="正在办理撤并"):
        resume(session, COUNTY, WHY)
    job = _late_file(story)
    run_inline(PROVINCE, job)
    with at_desk(story.leader, PROVINCE) as session, pytest.raises(InvalidInput):
        stop_closing(session, closing, " ")
    with at_desk(story.leader, PROVINCE) as session:
        stopped = stop_closing(session, closing, "批复撤销")
        assert (stopped.state, stopped.stopped_why) == ("stopped", "批复撤销")
    with at_desk(story.leader, PROVINCE) as session:
        resume_job(session, job)
    assert run_inline(PROVINCE, job)["state"] == "failed"
    with at_desk(story.asker, PROVINCE) as session:
        resume(session, COUNTY, WHY)
        assert session.scalars(select(Tenant.state).where(Tenant.code == COUNTY)).one() == "open"
    with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
        assert sorted(files(session).values()) == ["moved", "moved", "on_file"]
    relay(COUNTY)
    relay(OTHER_COUNTY)
    story.agreed(story.asked())


def test_a_stopped_closing_drops_what_waits(story: Story) -> None:
    closing = story.asked()
    story.agreed(closing)
    with at_desk(story.leader, PROVINCE) as session:
        stop_closing(session, closing, "批复撤销")
        assert session.scalars(select(Job.state).where(Job.kind == MOVE_JOB)).one() == "cancelled"
    with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
        assert set(files(session).values()) == {"on_file"}


def test_a_county_that_is_at_work_again_does_not_close(story: Story) -> None:
    closing = story.asked()
    story.agreed(closing)
    assert run_inline(PROVINCE, story.job(MOVE_JOB))["state"] == "done"
    with story.db.owner.begin() as connection:
        connection.execute(text("update tenant set state = 'open' where code = :code"), {"code": COUNTY})
    sealed = run_inline(PROVINCE, story.job(SEAL_JOB))
    assert sealed["state"] == "failed"
    assert "已恢复办理" in str(sealed["chunks"])
    with at_desk(story.leader, PROVINCE) as session:
        attempt = go_on(session, closing).job_id
        assert attempt is not None
        assert session.scalars(select(Tenant.state).where(Tenant.code == COUNTY)).one() == "suspended"
    assert run_inline(PROVINCE, attempt)["state"] == "done"
    with at_desk(story.leader, PROVINCE) as session:
        seal = session.scalars(select(Job.id).where(Job.kind == SEAL_JOB).order_by(Job.id.desc())).first()
        assert seal is not None
    assert run_inline(PROVINCE, seal)["state"] == "done"


def test_what_came_after_the_comparison_is_seen_at_the_closing(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    closing = story.asked()
    story.agreed(closing)
    assert run_inline(PROVINCE, story.job(MOVE_JOB))["state"] == "done"

    def late(closing: object) -> int:
        with story.db.owner.begin() as connection:
            connection.execute(text("update worker_file set status = 'on_file' where tenant = :code"), {"code": COUNTY})
        return 0

    monkeypatch.setattr(merging_jobs, "_last_look", late)
    sealed = run_inline(PROVINCE, story.job(SEAL_JOB))
    assert sealed["state"] == "failed"
    with at_desk(story.leader, PROVINCE) as session:
        assert session.scalars(select(Tenant.state).where(Tenant.code == COUNTY)).one() == "suspended"


def test_one_closing_at_a_time_touches_a_county(story: Story) -> None:
    story.asked()
    with at_desk(story.asker, PROVINCE) as session:
        for leaving, heir in ((OTHER_COUNTY, THIRD), (THIRD, COUNTY)):
            with pytest.raises(Conflict):
                ask_closing(session, leaving, heir, WHY)
        assert ask_closing(session, THIRD, OTHER_COUNTY, WHY).state == "asked"


def test_a_matter_of_two_households_goes_with_both_though_they_are_planned_apart(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging_jobs, "HOUSEHOLDS_AT_ONCE", 1)
    first, second, _ = story.leaving.homes
    with story.leaving.post("desk"), unit_of_work() as session:
        parties = (NewParty("applicant", first.worker_id, label="李明"), *(_household(one) for one in (first, second)))
        [shared] = open_cases(session, [NewCase("petitions", "petition", parties, form=PETITION)])
        open_cases(session, [NewCase("employment", "job_seeking", (NewParty("applicant", label="周芳"),), form=JOB)])
        number = shared.number
    story.agreed(story.asked())
    job = story.job(MOVE_JOB)
    # The cases' part covers a run of ids in which the households' matters lie: it leaves them to their households.
    for no in reversed(plan_job(PROVINCE, job)):
        run_chunk(PROVINCE, job, no)
    assert run_inline(PROVINCE, story.job(SEAL_JOB))["state"] == "done"
    with entered(system_scope(OTHER_COUNTY, "test")), unit_of_work() as session:
        case = session.scalars(select(BroughtCase.case_id).where(BroughtCase.peer_number == number)).one()
        homes = set(session.scalars(select(Party.household_id).where(Party.case_id == case, Party.role == "household")))
        assert len(homes) == 2
        assert homes <= set(session.scalars(select(WorkerFile.household_id)))
        old = session.scalars(select(BroughtCase.case_id).where(BroughtCase.peer_number == story.number)).one()
        assert session.scalars(select(Party.household_id).where(Party.case_id == old, Party.household_id.is_not(None))).all()
        assert len(session.scalars(select(Case.id)).all()) >= 4


def _household(home: object) -> NewParty:
    return NewParty("household", household_id=home.household_id)  # type: ignore[attr-defined]  # a Home of the story


def test_a_package_sealed_for_a_county_that_closed_meanwhile_reaches_its_successor(story: Story) -> None:
    with story.leaving.post("clerk"), unit_of_work() as session:
        household = story.leaving.homes[1].household_id
        transfer = offer(session, household, THIRD, WHY).transfer_id
    with at_desk(story.asker, PROVINCE) as session:
        closing = ask_closing(session, THIRD, OTHER_COUNTY, WHY).id
    story.agreed(closing)
    assert story.carried_out()["state"] == "done"
    assert relay(COUNTY).failed == 0
    with story.staying.post("taker"), unit_of_work() as session:
        [offered] = offers(session, "in")
        assert offered_households(session, [offered])[transfer]["name"] == "李明"
        answer_offer(session, transfer, accept=True)
    for tenant in (OTHER_COUNTY, COUNTY, OTHER_COUNTY):
        assert relay(tenant).failed == 0
    with story.leaving.post("clerk"), unit_of_work() as session:
        went = session.scalars(select(HouseholdTransfer)).one()
        assert went.state == "arrived"
        assert session.scalars(select(WorkerFile.status).where(WorkerFile.household_id == household)).one() == "moved"
        assert session.scalars(select(Envelope.body_cipher).where(Envelope.kind == OFFER)).one() is None


def test_files_that_may_be_there_twice_are_looked_at_before_a_county_closes(story: Story) -> None:
    story.agreed(story.asked())
    story.carried_out()
    with at_desk(story.asker, PROVINCE) as session:
        assert "twice" in {block.code for block in preview(session, OTHER_COUNTY, THIRD).blocks}
        with pytest.raises(NotYet, match="疑似重复"):
            ask_closing(session, OTHER_COUNTY, THIRD, WHY)
    with entered(system_scope(OTHER_COUNTY, "test")), unit_of_work() as session:
        assert session.scalars(select(Person.id)).all()


def test_who_audits_a_closed_county_still_changes_his_own_account(story: Story) -> None:
    auditor = hire("shen", (COUNTY, "auditor"), (OTHER_COUNTY, "auditor"))
    story.agreed(story.asked())
    story.carried_out()
    with own_change(auditor, "password.changed"):
        pass  # a closed county's log takes no entry
    assert relay(OTHER_COUNTY).failed == 0
    assert len(trail_of(OTHER_COUNTY, "password.changed")) == 1
