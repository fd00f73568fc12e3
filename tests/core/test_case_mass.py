"""Many open cases of a line at once: counted, given to another, undone, handed up, finished; batches all or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.cases import mass_jobs
from core.cases.mass import Act, Group, Wanted, give_back, groups, recent, sealed_count, start
from core.cases.models import Case, CaseStep, SealedCase
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.identity.models import Account, Post
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.jobs.service import start_for_year, startable_kinds
from core.tenancy.models import TenantPlugin
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, TODAY, Database
from tests.core.lines import LINES, PETITION, Acting, install, job_seeker, post
from tests.tenants.conftest import asked

PARTY = (NewParty("applicant", label="周明"),)


@pytest.fixture(autouse=True)
def lines(db: Database, acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db)
    monkeypatch.setattr(mass_jobs, "BATCH", 2)
    for tenant in (COUNTY, PREFECTURE):
        with acting(tenant), unit_of_work() as session:
            session.add_all(TenantPlugin(plugin=line, enabled=True) for line in sorted(LINES))


@pytest.fixture
def zhao(db: Database) -> str:
    """A colleague who handles petitions."""
    account = uuid.uuid4()
    with db.owner.begin() as connection:
        connection.execute(insert(Account).values(id=account, login="zhao", display_name="赵芳"))
        post_of = {"account_id": account, "tenant_code": COUNTY, "role": "petition_handler", "title": "信访承办人"}
        connection.execute(insert(Post).values(id=uuid.uuid4(), valid_from=TODAY, **post_of))
    return str(account)


def petitions(acting: Acting, count: int, actor: str = "clerk") -> list[uuid.UUID]:
    with post(acting, actor), unit_of_work() as session:
        draft = NewCase("petitions", "petition", PARTY, form=PETITION)
        return [case.id for case in open_cases(session, [draft] * count)]


def standing(acting: Acting, line: str = "petitions", actor: str = "chief") -> list[Group]:
    with post(acting, actor), unit_of_work() as session:
        return groups(session, line)


def made(acting: Acting, act: Act, seen: int, to: str = "", *, line: str = "petitions", actor: str = "chief") -> uuid.UUID:
    """A mass act on the line's first group, done to its end."""
    [group, *_] = standing(acting, line)
    with post(acting, actor), unit_of_work() as session:
        job = start(session, Wanted(line, act, group.key, seen, "停办信访业务", to), str(uuid.uuid4())).id
    run_inline(COUNTY, job)
    return job


def cases(acting: Acting, ids: Sequence[uuid.UUID]) -> list[Case]:
    with post(acting, "chief"), unit_of_work() as session:
        found = {case.id: case for case in session.scalars(select(Case).where(Case.id.in_(ids)))}
        return [found[case_id] for case_id in ids]


def state(acting: Acting, job: uuid.UUID) -> tuple[str, dict[str, int]]:
    with post(acting, "chief"), unit_of_work() as session:
        row = session.get_one(Job, (COUNTY, job))
        return row.state, row.result


def test_what_stands_together_is_counted_with_the_steps_that_may_finish_it(acting: Acting) -> None:
    first, *_ = petitions(acting, 3)
    with post(acting, "handler"), unit_of_work() as session:
        advance(session, [first], "accept", "予以受理")
    with post(acting, "chief"), unit_of_work() as session:
        session.connection()
        with asked() as statements:
            found = groups(session, "petitions")
    assert [(one.state_zh, one.count, one.own, one.goes_up, [step.code for step in one.endings]) for one in found] == [
        ("已登记", 2, 0, True, ["decline"]),
        ("已受理", 1, 0, True, []),
    ]
    assert sum("case_record" in statement for statement in statements) == 1
    assert standing(acting, "employment") == []
    with pytest.raises(NotFound):
        standing(acting, "nothing")
    with acting(COUNTY, actor="admin"), unit_of_work() as session, pytest.raises(Forbidden):
        groups(session, "petitions")
    with post(acting, "chief", tenant=OTHER_COUNTY), unit_of_work() as session:
        assert groups(session, "petitions") == []


def test_cases_are_given_to_another_and_back_but_for_those_touched_since(acting: Acting, zhao: str) -> None:
    ids = petitions(acting, 3)
    job = made(acting, "assign", 3, zhao)
    assert state(acting, job) == ("done", {"cases": 3})
    assert {case.assigned_to for case in cases(acting, ids)} == {zhao}
    with post(acting, "handler"), unit_of_work() as session:
        advance(session, [ids[0]], "accept", "予以受理")
    for _ in range(2):
        with post(acting, "chief"), unit_of_work() as session:
            back = give_back(session, job).id
        run_inline(COUNTY, back)
    assert state(acting, back) == ("done", {"cases": 2, "left": 1})
    assert [case.assigned_to for case in cases(acting, ids)] == [zhao, None, None]
    with post(acting, "chief"), unit_of_work() as session:
        assert [(one.job.kind, one.undone) for one in recent(session, "petitions")] == [
            ("cases.give_back", False),
            ("cases.assign", True),
        ]
        with pytest.raises(Conflict):
            give_back(session, back)


def test_cases_are_finished_by_a_step_that_the_actor_may_take(acting: Acting) -> None:
    ids = petitions(acting, 3)
    job = made(acting, "finish", 3, "decline")
    assert state(acting, job) == ("done", {"cases": 3})
    assert {(case.state, case.closed_on) for case in cases(acting, ids)} == {("closed", TODAY)}
    with post(acting, "chief"), unit_of_work() as session:
        notes = session.execute(select(CaseStep.note, CaseStep.actor).where(CaseStep.transition == "decline")).all()
        assert set(notes) == {("停办信访业务", "chief")}
    assert standing(acting) == []


def test_a_batch_that_is_refused_changes_nothing_and_the_others_are_done(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = petitions(acting, 5)

    def refusing(session: Session, batch: Sequence[uuid.UUID], step: str, note: str) -> list[Case]:
        made = advance(session, batch, step, note)
        if ids[2] in batch:
            raise Conflict("此件尚有异议", "an objection", where="XF")
        return made

    monkeypatch.setattr(mass_jobs, "advance", refusing)
    job = made(acting, "finish", 5, "decline")
    assert state(acting, job)[0] == "failed"
    assert [case.state for case in cases(acting, ids)] == ["closed", "closed", "registered", "registered", "closed"]
    with post(acting, "chief"), unit_of_work() as session:
        [told] = recent(session, "petitions")
        assert (told.done, told.failed, told.running) == (2, 1, False)
        assert "此件尚有异议" in told.said[0]


def test_whoever_filed_a_case_never_decides_it_among_many(acting: Acting) -> None:
    aid = {
        "matter": "labour_dispute",
        "way": "litigation",
        "person_kind": "migrant_worker",
        "opponent": "某公司",
        "facts": "拖欠工资",
    }
    ids = []
    for actor in ("clerk", "chief"):
        with post(acting, actor), unit_of_work() as session:
            ids += [case.id for case in open_cases(session, [NewCase("legal_aid", "legal_aid", PARTY, form=aid)])]
    [group] = standing(acting, "legal_aid")
    refuse = next(step for step in group.endings if step.code == "refuse")
    assert (group.count, group.own, group.affected(refuse)) == (2, 1, 1)
    made(acting, "finish", 2, "refuse", line="legal_aid")
    assert [case.state for case in cases(acting, ids)] == ["refused", "applied"]
    with post(acting, "chief"), unit_of_work() as session, pytest.raises(Conflict, match="都由您"):
        start(session, Wanted("legal_aid", "finish", group.key, 1, "停办", "refuse"), "k")


def test_cases_go_to_the_union_above_where_it_has_the_line(acting: Acting, db: Database) -> None:
    from tests.core.lines import with_key

    with_key(acting)
    with_key(acting, PREFECTURE)
    ids = petitions(acting, 3)
    job = made(acting, "hand_up", 3)
    assert state(acting, job) == ("done", {"cases": 3})
    assert {case.outside_state for case in cases(acting, ids)} == {"offered"}
    with post(acting, "chief"), unit_of_work() as session:
        assert len(session.scalars(select(Envelope).where(Envelope.direction == "out")).all()) == 3
    [group] = standing(acting)
    assert (group.count, group.outside) == (0, 3)
    with acting(PREFECTURE), unit_of_work() as session:
        session.get_one(TenantPlugin, (PREFECTURE, "employment")).enabled = False
    with post(acting, "clerk"), unit_of_work() as session:
        job_seeker(session)
    [seeking] = standing(acting, "employment")
    assert not seeking.goes_up
    with post(acting, "chief"), unit_of_work() as session, pytest.raises(Conflict, match="不接收"):
        start(session, Wanted("employment", "hand_up", seeking.key, 1, "停办"), "k")


def test_sealed_cases_are_counted_and_never_among_them(acting: Acting) -> None:
    sealed = uuid.uuid4()
    with post(acting, "zhao"), unit_of_work() as session:
        row = {"plugin": "petitions", "workflow": "petition", "workflow_version": 2, "state": "registered", "clerk": "zhao"}
        session.add(Case(id=sealed, number="XF-2025-0009", opened_on=TODAY, handlers=["zhao"], **row))
        session.flush()
        session.add(SealedCase(id=sealed, number="XF-2025-0009"))
    for actor in ("chief", "zhao"):
        with post(acting, actor), unit_of_work() as session:
            assert groups(session, "petitions") == []
            assert (sealed_count(session, "petitions"), sealed_count(session, "employment")) == (1, 0)


def test_what_is_asked_wrongly_is_refused(acting: Acting, zhao: str) -> None:
    petitions(acting, 2)
    [group] = standing(acting)
    wanted = Wanted("petitions", "finish", group.key, 2, "停办", "decline")

    def refused(error: type[Exception], **other: object) -> None:
        with post(acting, "chief"), unit_of_work() as session, pytest.raises(error):
            start(session, Wanted(**{**{n: getattr(wanted, n) for n in Wanted.__slots__}, **other}), "key")

    refused(Conflict, seen=3)
    refused(NotFound, group="petition/2/closed")
    refused(InvalidInput, reason=" ")
    refused(InvalidInput, reason="长" * 2001)
    refused(InvalidInput, to="accept")
    refused(InvalidInput, act="assign", to="somebody")
    with (
        acting(COUNTY, actor="reader", permissions=frozenset({"case.read"}), plugins=LINES),
        unit_of_work() as session,
    ):
        assert groups(session, "petitions")[0].endings == ()
        with pytest.raises(Forbidden):
            start(session, Wanted("petitions", "assign", group.key, 2, "停办", zhao), "key")
    with post(acting, "chief"), unit_of_work() as session:
        once, again = start(session, wanted, "key"), start(session, wanted, "key")
        assert once.id == again.id
        assert not any(kind.kind.startswith("cases.") for kind in startable_kinds())
        with pytest.raises(NotFound):
            start_for_year(session, "cases.finish", 2025)
