"""Nobody is on file twice here, whatever comes together: merges, files that live again, merged persons' numbers, transfers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.cases.models import Party
from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.models import IdentityMark
from core.funds.errors import AidedAlready
from core.funds.grants import approve_grants
from core.notices.files import notice_hinders, post_files
from core.parameters.service import sync_national
from core.people.changes.act import Succession, Why
from core.people.changes.membership import change_head, join, leave, move_between, undo
from core.people.changes.persons import Newcomer
from core.people.duplicates.merging import households_of, merge, undo_merge
from core.people.entry import Refused
from core.people.life.models import Consent
from core.people.life.service import SameHand, apply, next_steps, steps_of, take_step
from core.people.life.steps import STEP
from core.people.models import Membership, Person, WorkerFile
from core.people.registering import NewHousehold, look_up, register_household
from core.people.repository import members_on
from core.people.service import add_member, import_roster
from core.scope import Scope
from core.tenancy.keys import give_key, tokens
from core.transfers.departing import _unmark
from core.transfers.hindrances import refuse_unfinished
from core.transfers.packing import members_today, pack
from tests.conftest import TODAY, Database
from tests.core.files_story import WORDS, clerk, decider, plant_file, sign
from tests.core.funds_story import CLERK, Need, Office, another_case, draft
from tests.core.people_story import Home, number_of, put_on_file
from tests.core.rosters import Row, family, saved

Acting = Callable[..., AbstractContextManager[Scope]]
WRITES = frozenset({"people.read", "people.write", "people.decide", "case.read"})
WHY, SAID = Why("依据户口簿"), "核对户口簿，同一家庭重复建档"
BORN, WIFE, CHILD = date(1970, 3, 5), date(1972, 7, 1), date(2010, 5, 5)


@pytest.fixture
def homes(acting: Acting) -> tuple[Home, Home, Home]:
    """Two files of one family, the second with a child, and one of another family."""
    with acting(), unit_of_work() as session:
        return (
            put_on_file(session, ("王小明", number_of(1, BORN)), ("李红", number_of(2, WIFE))),
            put_on_file(session, ("王小明", number_of(3, BORN)), ("李红", number_of(4, WIFE)), ("王一", number_of(11, CHILD))),
            put_on_file(session, ("赵强", number_of(7, date(1980, 1, 1)))),
        )


def _merged(acting: Acting, homes: tuple[Home, Home, Home]) -> UUID:
    """The second file counts as the first."""
    one, two, _ = homes
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        return merge(session, two.persons[0], one.persons[0], SAID, households=True)


def _file(session: Session, home: Home) -> WorkerFile:
    return session.scalars(select(WorkerFile).where(WorkerFile.household_id == home.household_id)).one()


def _son(name: str, serial: int, born: date) -> Newcomer:
    return Newcomer(name, "son", number_of(serial, born))


def test_the_number_of_a_merged_person_leads_to_whom_he_counts_as(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, _, three = homes
    _merged(acting, homes)
    again = NewHousehold((Newcomer("王小明", "head", number_of(3, BORN)),), "四川省成都市锦江区书院街道")
    sister = Newcomer("李红", "other", number_of(4, WIFE))
    added: dict[str, Any] = {"name": "李红", "identity_number": number_of(4, WIFE), "relation": "other", "valid_from": TODAY}
    for act in (
        lambda session: look_up(session, again),
        lambda session: register_household(session, again),
        lambda session: join(session, three.household_id, sister, kind="moved_in", valid_from=TODAY, why=WHY),
        lambda session: add_member(session, three.household_id, **added),
    ):
        at_work = acting(actor="clerk", permissions=WRITES)
        with pytest.raises((Refused, Conflict)) as refused, at_work, unit_of_work() as session:
            act(session)
        assert one.file_number in f"{refused.value.zh} {refused.value.where}"
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session, pytest.raises(Conflict, match="已是该户"):
        add_member(session, one.household_id, **added)


def test_a_merge_is_not_undone_while_a_member_is_in_the_other_file(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, _ = homes
    act = _merged(acting, homes)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        # The child stood in the merged file alone, so he is taken into the one that stays.
        child = join(session, one.household_id, _son("王一", 11, CHILD), kind="moved_in", valid_from=TODAY, why=WHY)
        assert child.id == two.persons[2]
    at_work = acting(actor="clerk", permissions=WRITES)
    with pytest.raises(Conflict, match="不能撤销合并") as refused, at_work, unit_of_work() as session:
        undo_merge(session, act, "经核实为两户")
    assert refused.value.where == one.file_number
    with acting(), unit_of_work() as session:
        assert _file(session, two).status == "merged"
        session.add(
            Membership(household_id=one.household_id, person_id=child.id, relation="son", present=False, valid_from=TODAY)
        )
        session.flush()
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        undo_merge(session, act, "经核实为两户")
    with acting(), unit_of_work() as session:
        assert _file(session, two).status == "on_file"
        assert set(members_on(session, two.household_id, TODAY)) == set(two.persons)


def test_a_file_does_not_live_again_while_a_member_is_in_another(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, _ = homes
    with acting(actor="boss", permissions=WRITES), unit_of_work() as session:
        take_step(session, two.household_id, "strike_off", **WORDS["strike_off"])
        join(session, one.household_id, _son("王一", 11, CHILD), kind="moved_in", valid_from=TODAY, why=WHY)
        with pytest.raises(Conflict, match=rf"另一户档案（{one.file_number}）中") as refused:
            take_step(session, two.household_id, "reopen", **WORDS["reopen"])
        assert refused.value.where == one.file_number
        session.add(
            Membership(household_id=two.household_id, person_id=two.persons[2], relation="son", present=False, valid_from=TODAY)
        )
        session.flush()
        take_step(session, two.household_id, "reopen", **WORDS["reopen"])
        # Of the two households to which somebody belongs, those whose files have ended do not count.
        assert households_of(session, [one.persons[0]]) == {one.persons[0]: [one.household_id]}


def test_whoever_is_merged_must_not_leave_his_household_without_him(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, _, _ = homes
    with acting(), unit_of_work() as session:
        stray = Person(id=new_id(), name="李红", pinyin="li hong", gender="2", birth_date=WIFE)
        session.add(stray)
        session.flush()
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        with pytest.raises(Conflict, match="不在任何家庭"):
            merge(session, one.persons[1], stray.id, SAID)
        merge(session, stray.id, one.persons[1], SAID)


def test_a_chain_is_never_made(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    """A counts as B: B does not become C, C not A, and B not A; when it is undone each is alone again."""
    one, two, three = homes
    act = _merged(acting, homes)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        for merged, survivor in ((one, three), (one, two), (two, three), (three, two)):
            for households in (False, True):
                with pytest.raises(Conflict):
                    merge(session, merged.persons[0], survivor.persons[0], SAID, households=households)
        undo_merge(session, act, "经核实为两户")
        assert {_file(session, home).status for home in homes} == {"on_file"}


def test_two_records_of_one_person_are_not_aided_in_one_grant(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, three = homes
    office = Office(acting)
    office.receive(1_000_000, "in")
    with office.work(CLERK), unit_of_work() as session:
        need = another_case(session, Need(uuid4(), three.household_id, three.persons[0], ""))
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        act = merge(session, two.persons[2], one.persons[1], SAID)
    both = replace(draft(need), beneficiaries=((two.persons[2], 100), (one.persons[1], 100)))
    with office.work("decider", "case.decide"), unit_of_work() as session, pytest.raises(AidedAlready):
        approve_grants(session, [both])
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        undo_merge(session, act, "两人")
    with office.work("decider", "case.decide"), unit_of_work() as session:
        approve_grants(session, [both])


def test_a_file_that_was_struck_off_takes_no_grant(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one = homes[0]
    office = Office(acting)
    office.receive(1_000_000, "in")
    with office.work(CLERK), unit_of_work() as session:
        need = another_case(session, Need(uuid4(), one.household_id, one.persons[0], ""))
    with acting(actor="boss", permissions=WRITES), unit_of_work() as session:
        take_step(session, one.household_id, "strike_off", **WORDS["strike_off"])
    with office.work("decider", "case.decide"), unit_of_work() as session, pytest.raises(Conflict, match="已注销"):
        approve_grants(session, [draft(need)])
    assert office.states()["reserved"] == 0


def test_a_household_does_not_leave_what_was_merged_into_it(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, three = homes
    _merged(acting, homes)
    office = Office(acting)
    with office.work(CLERK), unit_of_work() as session:
        need = another_case(session, Need(uuid4(), two.household_id, two.persons[0], ""))
        session.add(Party(case_id=need.case_id, role="household", household_id=two.household_id, label="x"))
    with acting(), unit_of_work() as session:
        with pytest.raises(Conflict, match="并入该户"):
            refuse_unfinished(session, _file(session, one))
        refuse_unfinished(session, _file(session, three))


def test_a_merged_member_does_not_go_along(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    """He counts as somebody of another file here, so where the household goes he would be on file a second time."""
    one, two, _ = homes
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        signed = {"household_id": two.household_id, "kind": "sensitive_information", "given_on": TODAY, "recorded_by": "clerk"}
        session.add_all(Consent(person_id=person, reference="1 号", **signed) for person in (two.persons[1], two.persons[0]))
        session.flush()
        merge(session, two.persons[1], one.persons[1], SAID)
        package = pack(session, [two.household_id], ())
        assert {person for _, person in members_today(package)} == {str(two.persons[0]), str(two.persons[2])}
        assert [row["person_id"] for row in package.of("consent")] == [str(two.persons[0])]


def test_a_decision_is_of_today_and_its_clerk_stays_barred_after_sending_back(acting: Acting) -> None:
    later = TODAY + timedelta(days=30)
    with clerk(acting, "taker"), unit_of_work() as session:
        household = plant_file(session)
        file = session.scalars(select(WorkerFile)).one()
        apply(session, STEP["apply"], [file])
    with clerk(acting, "checker"), unit_of_work() as session:
        take_step(session, household, "first_check", **WORDS["first_check"])
        take_step(session, household, "send_back", **WORDS["send_back"])
        take_step(session, household, "first_check", **WORDS["first_check"])
        sign(session, household)
    with decider(acting, "taker"), unit_of_work() as session, pytest.raises(SameHand, match="登记申请"):
        take_step(session, household, "refuse", **WORDS["refuse"])
    with decider(acting, on=later), unit_of_work() as session:
        with pytest.raises(InvalidInput, match="当天"):
            take_step(session, household, "refuse", done_on=TODAY, **WORDS["refuse"])
        take_step(session, household, "refuse", done_on=later, **WORDS["refuse"])


def test_a_file_without_its_head_is_not_put_on_file(acting: Acting) -> None:
    with clerk(acting), unit_of_work() as session:
        household = plant_file(session, 1, "public_notice")
        file = session.scalars(select(WorkerFile)).one()
        left = {"person_id": file.worker_id, "relation": "head", "present": False, "valid_from": TODAY}
        session.add(Membership(household_id=household, **left))
        session.flush()
    with decider(acting), unit_of_work() as session:
        needs = {found.step.code: found for found in next_steps(session, file, steps_of(session, household))}
        assert "户主" in needs["put_on_file"].lacks[-1]
        assert "缺少" in needs["put_on_file"].lacks[0], "a consent that is withdrawn under notice stops it too"


def test_another_head_than_the_one_who_was_posted_is_posted_anew(db: Database, acting: Acting) -> None:
    with db.owner.begin() as connection:
        sync_national(connection)
    later = TODAY + timedelta(days=20)
    with clerk(acting), unit_of_work() as session:
        give_key(session)
        household = plant_file(session, 1, "civil_affairs_checked")
        file = session.scalars(select(WorkerFile)).one()
        heir = Person(name="赵四", pinyin="zhao si", gender="2", birth_date=date(1982, 1, 1))
        session.add(heir)
        session.flush()
        session.add(Membership(household_id=household, person_id=heir.id, relation="wife", valid_from=date(2025, 2, 1)))
        session.flush()
        post_files(session, [household], "建档公示")
        assert notice_hinders(session, household) != []
    with clerk(acting, on=later), unit_of_work() as session:
        assert notice_hinders(session, household) == []
        change_head(session, household, Succession(heir.id, {file.worker_id: "husband"}), valid_from=later, why=WHY)
    with decider(acting, on=later), unit_of_work() as session, pytest.raises(Conflict, match="重新公示"):
        take_step(session, household, "put_on_file")


def test_a_slip_is_undone_in_its_own_household(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, _ = homes
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        slip = leave(session, two.household_id, two.persons[2], kind="moved_out", valid_from=TODAY, why=WHY)
        with pytest.raises(NotFound):
            undo(session, slip.id, reason="误登", of=one.household_id)
        undo(session, slip.id, reason="误登", of=two.household_id)


def test_who_left_another_household_leaves_no_mark_behind(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    _, two, three = homes
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        relation: dict[str, Any] = {"relation": "other", "kind": "moved_in", "valid_from": TODAY, "why": WHY}
        move_between(session, two.household_id, two.persons[2], three.household_id, **relation)
        digest = tokens().identity_index_hash(number_of(11, CHILD))
        marked = select(IdentityMark.matter).where(IdentityMark.hash == digest)
        assert session.scalars(marked).all() == ["on_file"]
        package = pack(session, [three.household_id], ())
        session.execute(update(WorkerFile).where(WorkerFile.household_id == three.household_id).values(status="moved"))
        _unmark(session, package)
        assert session.scalars(marked).all() == []


def test_an_import_founds_no_household_of_a_merged_person(acting: Acting, tmp_path: Path) -> None:
    with acting(), unit_of_work() as session:
        give_key(session)
        import_roster(session, saved(tmp_path, "一.xlsx", [*family(1), *family(11)]))
        first, second = session.scalars(select(Person.id).where(Person.name == "王小明").order_by(Person.id)).all()
        merge(session, second, first, SAID)
        home = session.scalars(select(Membership.household_id).where(Membership.person_id == second)).one()
        gone = {"person_id": second, "relation": "son", "present": False, "valid_from": TODAY}
        session.add(Membership(household_id=home, **gone))
    with acting(), unit_of_work() as session:
        made = import_roster(session, saved(tmp_path, "二.xlsx", [Row("H12", "户主", "王小明", 12), *family(21)]))
        assert (made.households, made.held_back) == (1, 1)
        assert len(session.scalars(select(WorkerFile.id)).all()) == 3


def test_a_file_that_has_ended_takes_no_new_paper(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    _merged(acting, homes)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session, pytest.raises(Conflict, match="已并入"):
        sign(session, homes[1].household_id)
