"""Two clerks at the same moment: whatever they do, nobody is on file twice and one of them is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from threading import Barrier, Thread

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError
from core.people.changes.membership import join
from core.people.changes.persons import Newcomer
from core.people.duplicates.merging import merge, undo_merge
from core.people.life.service import take_step
from core.people.models import Membership, WorkerFile
from core.people.registering import NewHousehold, register_household
from core.people.repository import members_on
from core.tenancy.keys import give_key
from tests.conftest import TODAY
from tests.core.files_story import WORDS
from tests.core.people_story import Home, number_of
from tests.core.test_people_one_file import BORN, CHILD, SAID, WHY, WIFE, WRITES, Acting, _file, _merged, _son, homes

__all__ = ["homes"]


def test_a_reopening_and_a_joining_at_once(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, _ = homes
    with acting(actor="boss", permissions=WRITES), unit_of_work() as session:
        take_step(session, two.household_id, "strike_off", **WORDS["strike_off"])

    def reopen(session: Session) -> None:
        take_step(session, two.household_id, "reopen", **WORDS["reopen"])

    def take_in(session: Session) -> None:
        join(session, one.household_id, _son("王一", 11, CHILD), kind="moved_in", valid_from=TODAY, why=WHY)

    assert _at_once(acting, reopen, take_in) == ["done", "refused"]
    with acting(), unit_of_work() as session:
        mine = two.persons[2] in members_on(session, one.household_id, TODAY)
        assert mine == (_file(session, two).status == "cancelled")


def test_a_merge_and_a_joining_at_once(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    """The merged person's number and the merge meet: he joins as whom he counts, or not at all; nobody is lost."""
    one, two, three = homes
    with acting(), unit_of_work() as session:
        session.add(
            Membership(
                household_id=two.household_id, person_id=two.persons[1], relation="wife", present=False, valid_from=TODAY
            )
        )

    def take_in(session: Session) -> None:
        join(session, three.household_id, Newcomer("李红", "other", number_of(4, WIFE)),
             kind="moved_in", valid_from=TODAY, why=WHY)  # fmt: skip

    def merging(session: Session) -> None:
        merge(session, two.persons[1], one.persons[1], SAID)

    _at_once(acting, take_in, merging)
    with acting(), unit_of_work() as session:
        here = members_on(session, three.household_id, TODAY)
        written = session.scalars(select(Membership.person_id).where(Membership.household_id == three.household_id)).all()
        assert set(written) == set(here) or two.persons[1] in written  # merged afterwards: counts as the one of the first file
        assert one.persons[1] not in here
        assert one.persons[1] in members_on(session, one.household_id, TODAY)


def test_one_family_registered_twice_at_once_is_one_file(acting: Acting) -> None:
    with acting(), unit_of_work() as session:
        give_key(session)
    head, wife = Newcomer("孙权", "head", number_of(21, BORN)), Newcomer("孙芳", "daughter", number_of(22, date(2001, 2, 3)))
    families = [
        NewHousehold((head, wife), "四川省成都市锦江区"),
        NewHousehold((replace(wife, relation="head"),), "四川省成都市"),
    ]

    def register(new: NewHousehold) -> Callable[[Session], object]:
        return lambda session: register_household(session, new)

    assert _at_once(acting, *map(register, [families[0], families[0], families[1]])).count("done") == 1
    with acting(), unit_of_work() as session:
        assert len(session.scalars(select(WorkerFile.id)).all()) == 1


def test_one_person_marries_into_two_households_at_once(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    _, two, three = homes

    def marry(home: Home) -> Callable[[Session], object]:
        bride = Newcomer("周瑜", "other", number_of(31, date(1990, 1, 2)))
        return lambda session: join(session, home.household_id, bride, kind="marriage", valid_from=TODAY, why=WHY)

    assert _at_once(acting, marry(two), marry(three)) == ["done", "refused"]


def test_a_merge_undone_twice_at_once_is_undone_once(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    act = _merged(acting, homes)

    def undo_it(session: Session) -> None:
        undo_merge(session, act, "经核实为两户")

    assert _at_once(acting, undo_it, undo_it) == ["done", "refused"]
    one, two, _ = homes

    def into(merged: Home, survivor: Home) -> Callable[[Session], object]:
        return lambda session: merge(session, merged.persons[0], survivor.persons[0], SAID, households=True)

    assert _at_once(acting, into(one, two), into(two, one)) == ["done", "refused"]


def _at_once(acting: Acting, *acts: Callable[[Session], object]) -> list[str]:
    start, answers = Barrier(len(acts)), list[str]()

    def tried(act: Callable[[Session], object]) -> None:
        try:
            with acting(actor="boss", permissions=WRITES), unit_of_work() as session:
                start.wait(20)
                act(session)
            answers.append("done")
        except BangfuError:
            answers.append("refused")

    threads = [Thread(target=tried, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(answers)
