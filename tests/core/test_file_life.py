"""The life of a file: nothing is on file without its steps, each with its maker, reason and paper (domain 10)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.cases.engine import SamePerson
from core.cases.service import NewCase, NewParty, open_cases
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import BangfuError, Conflict, Forbidden, InvalidInput, NotFound
from core.notices.files import post_files
from core.notices.repository import batches
from core.notices.service import answer_objection, raise_objection
from core.parameters.service import sync_national
from core.people.life.consents import consents_of, give_consent, withdraw_consent
from core.people.life.models import FileStep
from core.people.life.service import SameHand, next_steps, steps_of, take_step
from core.people.life.steps import ENDED, STATE, STEP, STEPS
from core.people.models import Membership, Person, WorkerFile
from tests.conftest import OTHER_COUNTY, TODAY, Database
from tests.core.files_story import WORDS, Acting, clerk, decider, plant_file, sign
from tests.core.lines import install, post

pytestmark = pytest.mark.usefixtures("figures")
LATER = TODAY + timedelta(days=20)
"""A day after every notice that was posted today is over."""


@pytest.fixture
def figures(db: Database) -> None:
    """The national figures of policy."""
    with db.owner.begin() as connection:
        sync_national(connection)


def status(session: Session, household: uuid.UUID) -> str:
    return session.scalars(select(WorkerFile.status).where(WorkerFile.household_id == household)).one()


def lead(acting: Acting, household: uuid.UUID, upto: str) -> None:
    """Lead a draft as far as ``upto``, each step by whoever may."""
    with clerk(acting, "checker"), unit_of_work() as session:
        for code in ("first_check", "visit"):
            if code == "visit":
                sign(session, household)
            take_step(session, household, code, **WORDS[code])
            if code == upto:
                return
    with clerk(acting, "sender"), unit_of_work() as session:
        take_step(session, household, "civil_affairs_check", **WORDS["civil_affairs_check"])
        if upto == "civil_affairs_check":
            return
        post_files(session, [household], "建档公示")


def test_a_file_is_opened_by_all_its_steps_and_by_several_hands(acting: Acting) -> None:
    with clerk(acting), unit_of_work() as session:
        household = plant_file(session)
        with pytest.raises(Conflict, match="不能入户核查"):
            take_step(session, household, "visit", **WORDS["visit"])
        with pytest.raises(NotFound):
            take_step(session, household, "fly", note="？")
        with pytest.raises(InvalidInput, match="初审的情况"):
            take_step(session, household, "first_check", note=" ")
        with pytest.raises(InvalidInput, match="不能晚于今天"):
            take_step(session, household, "first_check", note="好", done_on=TODAY + timedelta(days=1))
    with clerk(acting, "checker"), unit_of_work() as session:
        take_step(session, household, "first_check", **WORDS["first_check"])
        with pytest.raises(Conflict, match="核对授权书"):
            take_step(session, household, "visit", **WORDS["visit"])
        sign(session, household)
        with pytest.raises(InvalidInput, match="入户核查记录"):
            take_step(session, household, "visit", note="属实")
        with pytest.raises(InvalidInput, match="早于上一环节"):
            take_step(session, household, "visit", **WORDS["visit"], done_on=TODAY - timedelta(days=1))
        take_step(session, household, "visit", **WORDS["visit"])
        with pytest.raises(SameHand, match="入户核查"):
            take_step(session, household, "civil_affairs_check", **WORDS["civil_affairs_check"])
    with clerk(acting, "sender"), unit_of_work() as session:
        take_step(session, household, "civil_affairs_check", **WORDS["civil_affairs_check"])
        post_files(session, [household], "建档公示")
        with pytest.raises(Forbidden):
            take_step(session, household, "put_on_file")
    with decider(acting), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        needs = {found.step.code: found for found in next_steps(session, file, steps_of(session, household))}["put_on_file"]
        assert needs.mine
        assert "尚未届满" in needs.lacks[0]
        with pytest.raises(Conflict, match="尚未届满"):
            take_step(session, household, "put_on_file")
    with decider(acting, "checker", on=LATER), unit_of_work() as session, pytest.raises(SameHand):
        take_step(session, household, "put_on_file")
    with decider(acting, on=LATER), unit_of_work() as session:
        take_step(session, household, "put_on_file")
        file = session.scalars(select(WorkerFile)).one()
        assert (file.status, file.opened_on) == ("on_file", LATER)
        made = steps_of(session, household)
        ways = [(step.step, step.actor, step.to_state) for step in made]
    assert [code for code, _, _ in ways] == ["first_check", "visit", "civil_affairs_check", "post_notice", "put_on_file"]
    assert [who for _, who, _ in ways] == ["checker", "checker", "sender", "sender", "decider"]


def test_an_objection_keeps_a_file_from_being_opened(acting: Acting) -> None:
    with clerk(acting), unit_of_work() as session:
        first, second = plant_file(session, 1), plant_file(session, 2)
    for household in (first, second):
        lead(acting, household, "civil_affairs_check")
    with clerk(acting, "sender"), unit_of_work() as session:
        post_files(session, [first, second], "建档公示")
        [batch] = batches(session, None, 9)
        against = raise_objection(session, "该户有车", batch_id=batch.id, household_id=first)
        with pytest.raises(InvalidInput):
            raise_objection(session, "不在名单", batch_id=batch.id, household_id=uuid.uuid4())
    with decider(acting, on=LATER), unit_of_work() as session:
        with pytest.raises(Conflict, match="尚未答复"):
            take_step(session, first, "put_on_file")
        take_step(session, second, "put_on_file")
    with decider(acting, "checker", on=LATER), unit_of_work() as session, pytest.raises(SamePerson):
        answer_objection(session, against.id, "rejected", "经查无车")
    with decider(acting, on=LATER), unit_of_work() as session:
        answer_objection(session, against.id, "upheld", "经查属实")
        with pytest.raises(Conflict, match="成立"):
            take_step(session, first, "put_on_file")
        take_step(session, first, "refuse", **WORDS["refuse"])
        assert status(session, first) == "cancelled"


def test_a_withdrawn_consent_stops_what_rests_on_it(acting: Acting) -> None:
    with clerk(acting), unit_of_work() as session:
        household = plant_file(session)
    lead(acting, household, "visit")
    with clerk(acting, "sender"), unit_of_work() as session:
        [paper, *_] = [one for one in consents_of(session, household) if one.kind == "income_check_authorisation"]
        with pytest.raises(InvalidInput):
            withdraw_consent(session, paper.id, " ")
        withdraw_consent(session, paper.id, "本人要求撤回")
        with pytest.raises(Conflict):
            withdraw_consent(session, paper.id, "再撤")
        with pytest.raises(Conflict, match="核对授权书"):
            take_step(session, household, "civil_affairs_check", **WORDS["civil_affairs_check"])
        over: dict[str, Any] = {"reference": "2 号", "given_on": TODAY - timedelta(days=9), "until": TODAY - timedelta(days=1)}
        give_consent(session, household, "income_check_authorisation", **over)
        with pytest.raises(Conflict, match="核对授权书"):
            take_step(session, household, "civil_affairs_check", **WORDS["civil_affairs_check"])
        head = session.scalars(select(Membership.person_id)).one()
        give_consent(
            session, household, "income_check_authorisation", reference="3 号", given_on=TODAY, person_id=head
        )  # its only member: that is all of them
        take_step(session, household, "civil_affairs_check", **WORDS["civil_affairs_check"])


def test_for_a_child_the_guardian_signs(acting: Acting) -> None:
    with clerk(acting), unit_of_work() as session:
        household = plant_file(session)
        fourteen = TODAY.replace(year=TODAY.year - 14)
        child = Person(name="小宝", pinyin="xiao bao", gender="1", birth_date=fourteen + timedelta(days=1))
        session.add(child)
        session.flush()
        session.add(Membership(household_id=household, person_id=child.id, relation="son", valid_from=date(2025, 2, 1)))
        session.flush()
        head = session.scalars(select(WorkerFile.worker_id)).one()
        common: dict[str, Any] = {"kind": "sensitive_information", "reference": "1 号", "given_on": TODAY}
        with pytest.raises(InvalidInput, match="监护人签署"):
            give_consent(session, household, person_id=child.id, **common)
        with pytest.raises(InvalidInput, match="成年人"):
            give_consent(session, household, person_id=head, guardian_id=child.id, **common)
        with pytest.raises(InvalidInput, match="不是该户"):
            give_consent(session, household, person_id=uuid.uuid4(), **common)
        made = give_consent(session, household, person_id=child.id, guardian_id=head, **common)
        assert made.guardian_id == head
        child.birth_date = fourteen
        session.flush()
        give_consent(session, household, person_id=child.id, **common)
    with acting(actor="reader", permissions=frozenset({"people.read"})), unit_of_work() as session:
        with pytest.raises(Forbidden):
            withdraw_consent(session, made.id, "x")
        with pytest.raises(Forbidden):
            give_consent(session, household, **common)
    with clerk(acting, tenant=OTHER_COUNTY), unit_of_work() as session:
        with pytest.raises(NotFound):
            give_consent(session, household, **common)
        with pytest.raises(NotFound):
            take_step(session, household, "first_check", note="看看")
        assert consents_of(session, household) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "put_on_file", "from_state": "draft", "to_state": "on_file"},
        {"step": "first_check", "from_state": "draft", "to_state": "first_checked", "note": ""},
        {"step": "strike_off", "from_state": "on_file", "to_state": "cancelled", "note": "x", "reason": None},
        {"step": "end_difficulty", "from_state": "on_file", "to_state": "out_of_difficulty", "note": "x", "unlike": ["clerk"]},
    ],
)
def test_the_database_refuses_a_step_that_nobody_declared(acting: Acting, wrong: dict[str, object]) -> None:
    with clerk(acting), unit_of_work() as session:
        household = plant_file(session)
        session.add(FileStep(household_id=household, actor="clerk", done_on=TODAY, **wrong))
        with pytest.raises(DBAPIError):
            session.flush()
        session.rollback()


def test_steps_are_never_rewritten(acting: Acting) -> None:
    with clerk(acting), unit_of_work() as session:
        household = plant_file(session)
        take_step(session, household, "first_check", note="好")
    with clerk(acting), unit_of_work() as session:
        with pytest.raises(DBAPIError):
            session.execute(tenant_sql("update file_step set note = 'x' where tenant = :tenant"))
        session.rollback()


@pytest.mark.slow
def test_no_file_comes_on_file_but_by_its_steps(acting: Acting) -> None:
    codes = st.sampled_from([step.code for step in STEPS if step.hand])

    class OneFile(RuleBasedStateMachine):
        @initialize()
        def taken(self) -> None:
            with clerk(acting), unit_of_work() as session:
                number = len(session.scalars(select(WorkerFile.id)).all()) + 1
                self.household = plant_file(session, number)
            self.day = TODAY

        @rule(actor=st.sampled_from(["a", "b", "c"]), code=codes)
        def step(self, actor: str, code: str) -> None:
            who = decider if STEP[code].decides else clerk
            with who(acting, actor, on=self.day), unit_of_work() as session:
                before = status(session, self.household)
            try:
                with who(acting, actor, on=self.day), unit_of_work() as session:
                    take_step(session, self.household, code, **WORDS.get(code, {}))
            except BangfuError:
                return
            assert before in STEP[code].sources

        @rule(actor=st.sampled_from(["a", "b"]))
        def family_signs(self, actor: str) -> None:
            try:
                with clerk(acting, actor, on=self.day), unit_of_work() as session:
                    sign(session, self.household)
            except Conflict:
                with clerk(acting), unit_of_work() as session:
                    assert STATE[status(session, self.household)].closed

        @rule(actor=st.sampled_from(["a", "b", "c"]))
        def notice_goes_up(self, actor: str) -> None:
            try:
                with clerk(acting, actor, on=self.day), unit_of_work() as session:
                    post_files(session, [self.household], "公示")
            except Conflict:
                return

        @rule()
        def weeks_pass(self) -> None:
            self.day += timedelta(days=15)

        @invariant()
        def it_came_by_its_steps(self) -> None:
            with clerk(acting), unit_of_work() as session:
                now, made = status(session, self.household), steps_of(session, self.household)
            at, way = "draft", ["draft"]
            for step in made:
                assert step.from_state == at
                assert step.to_state == STEP[step.step].target
                if STATE[at].closed:
                    assert step.step in {"reopen", "record_death"} or (at, step.step) == ("out_of_difficulty", "strike_off")
                    assert step.note
                at = step.to_state
                way = ["draft"] if at == "draft" else [*way, at]
                if at == "on_file" and step.step == "put_on_file":
                    assert way[-5:] == ["first_checked", "visited", "civil_affairs_checked", "public_notice", "on_file"]
                    assert step.unlike
                    assert step.actor not in step.unlike
            assert now == at
            assert at not in ENDED or made

    quick = settings(max_examples=4, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OneFile, settings=quick)


def test_relief_follows_the_file(acting: Acting, db: Database) -> None:
    install(db)
    with post(acting, "clerk"), unit_of_work() as session:
        household = plant_file(session)
        worker = session.scalars(select(WorkerFile.worker_id)).one()
        parties = (NewParty("applicant", person_id=worker, label="张三"), NewParty("household", household_id=household))
        asked = NewCase("living_relief", "living_relief", parties, programme="yearly_living")
        with pytest.raises(Conflict, match="先建档"):
            open_cases(session, [asked])
        opened = plant_file(session, 2, "on_file")
        worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == opened)).one()
        parties = (NewParty("applicant", person_id=worker, label="张三"), NewParty("household", household_id=opened))
        assert open_cases(session, [replace(asked, parties=parties)])
