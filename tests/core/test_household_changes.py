"""Households registered and changed by hand: births, deaths, moves, marriages, another head, a split, and slips undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import BangfuError, Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import IdentityMark
from core.people.changes.act import Succession, Why
from core.people.changes.corrections import Ground, correct_identity, corrections_of
from core.people.changes.membership import Founding, change_head, changes_of, join, leave, move_between, split, suggested, undo
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import Newcomer
from core.people.entry import Refused
from core.people.models import Household, Membership, Person
from core.people.registering import NewHousehold, look_up, register_household
from core.people.repository import members_on
from core.people.search.finding import find
from core.people.service import reveal
from core.trail.models import ReadLog
from core.trail.service import first_break
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY
from tests.core.household_story import (
    DAUGHTER,
    FAMILY,
    HEAD,
    OTHER_SON,
    SON,
    WHY,
    WIFE,
    YESTERDAY,
    Acting,
    file_of,
    homes,
    numbered,
    one_head_each,
    people_of,
    somebody,
    two,
)

__all__ = ["homes", "two"]


def test_a_household_is_registered_as_a_draft_with_its_number(two: Acting) -> None:
    with two(), unit_of_work() as session:
        assert look_up(session, FAMILY) == []
        file = register_household(session, FAMILY)
        assert (file.status, file.opened_on, file.employer_name) == ("draft", TODAY, "锦江纺织厂")
        assert file.file_number.startswith("DA2025")
        people = people_of(session, file.household_id)
        assert {relation: one.name for relation, one in people.items()} == {
            "head": "单明", "wife": "解芳", "son": "单小宝", "father": "单建国",
        }  # fmt: skip
        assert (people["wife"].gender, people["wife"].birth_date) == ("2", date(1982, 2, 2))
        household = session.scalars(select(Household)).one()
        assert household.address == "四川省成都市锦江区双桂路社区"
        assert reveal(session, people["head"].id, "address", "核对") == FAMILY.address
        assert [row.person_id for row in find(session, "shanming")] == [people["head"].id]
        assert [row.kind for row in changes_of(session, file.household_id)] == ["registered"]
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 4
        one_head_each(session)
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert changes_of(session, file.household_id) == []
        assert [(found.place, found.on_file) for found in look_up(session, FAMILY)] == [(at, True) for at in range(4)]
        with pytest.raises(NotFound):
            join(session, file.household_id, somebody("王五", OTHER_SON, "son"), kind="moved_in", valid_from=TODAY, why=WHY)
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert session.scalar(select(func.count()).where(ReadLog.what == "identity_index")) == 4
        assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_all_faults_are_told_at_once_and_nothing_is_written(two: Acting) -> None:
    wrong = NewHousehold(
        (
            Newcomer("", "head", "510104198001010011"),
            Newcomer("解芳", "wife", numbered(WIFE)),
            Newcomer("小宝", "", "", phone="12"),
        ),
        "",
        {"main_cause": "99"},
    )
    with two(), unit_of_work() as session:
        for act in (look_up, register_household):
            with pytest.raises(Refused) as refused:
                act(session, wrong)
            assert {fault.where for fault in refused.value.faults} == {
                "members.0.name", "members.0.identity_number", "members.2.relation", "members.2.gender",
                "members.2.birth_date", "members.2.phone", "address", "main_cause",
            }  # fmt: skip
        assert "510104198001010011" not in str(refused.value)
        twice = replace(FAMILY, members=(*FAMILY.members, somebody("单小宝", SON, "son")))
        with pytest.raises(Refused, match="重复"):
            register_household(session, twice)
        assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_one_household_one_file(two: Acting, homes: tuple[UUID, UUID]) -> None:
    with two(), unit_of_work() as session:
        number = file_of(session, homes[0]).file_number
        apart = NewHousehold((somebody("单小宝", SON, "head"),), "四川省成都市锦江区")
        with pytest.raises(Refused, match=number) as refused:
            look_up(session, apart)
        assert refused.value.faults[0].where == "members.0.identity_number"


def test_a_child_is_born_without_a_number_and_gets_one_later(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    child = Newcomer("单小妹", "daughter", gender="2", birth_date=YESTERDAY)
    with two(), unit_of_work() as session:
        with pytest.raises(Refused, match="出生日期"):
            join(session, home, child, kind="birth", valid_from=TODAY, why=WHY)
        with pytest.raises(Refused, match="身份证号"):
            join(session, home, child, kind="moved_in", valid_from=YESTERDAY, why=WHY)
    with two(), unit_of_work() as session:
        person = join(session, home, child, kind="birth", valid_from=YESTERDAY, why=WHY)
        assert (person.identity_token, person.wrapped_key is not None) == (None, True)
        with pytest.raises(Conflict, match="同名"):
            join(session, home, child, kind="birth", valid_from=YESTERDAY, why=WHY)
    with two(), unit_of_work() as session:
        assert [row.person_id for row in find(session, "单小妹")] == [person.id]
        number = numbered(f"510104{YESTERDAY:%Y%m%d}002")
        correct_identity(session, person.id, number, Ground("补登新办身份证号"))
        assert [row.person_id for row in find(session, number)] == [person.id]
        assert corrections_of(session, [person.id])[0].former_identity_token is None
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 8


def test_when_the_head_dies_another_is_named_or_the_file_ends(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    with two(), unit_of_work() as session:
        people = people_of(session, home)
        head, wife = people["head"], people["wife"]

    with pytest.raises(InvalidInput, match="新户主"), two(), unit_of_work() as session:
        leave(session, home, head.id, kind="death", valid_from=YESTERDAY, why=WHY)
    with pytest.raises(InvalidInput, match="单小宝"), two(), unit_of_work() as session:
        leave(session, home, head.id, kind="death", valid_from=YESTERDAY, why=WHY,
              succession=Succession(wife.id, {people["father"].id: "other"}))  # fmt: skip
    relations = {people["son"].id: "son", people["father"].id: "other"}
    with two(), unit_of_work() as session:
        leave(session, home, head.id, kind="death", valid_from=YESTERDAY, why=WHY, succession=Succession(wife.id, relations))
        file = file_of(session, home)
        assert (file.worker_id, file.status) == (wife.id, "draft")
        assert session.get_one(Person, (COUNTY, head.id)).died_on == YESTERDAY
        assert reveal(session, wife.id, "address", "核对") == FAMILY.address
        assert find(session, file.file_number)[0].person_id == wife.id
        assert people_of(session, home).keys() == {"head", "son", "other"}
        one_head_each(session)
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 6
        with pytest.raises(Conflict, match="死亡"):
            join(session, homes[1], somebody("单明", HEAD, "other"), kind="moved_in", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        for child in ("son", "daughter"):
            leave(session, homes[1], people_of(session, homes[1])[child].id, kind="moved_out", valid_from=YESTERDAY, why=WHY)
        last = people_of(session, homes[1])["head"].id
    with pytest.raises(Conflict, match="没有成员"), two(), unit_of_work() as session:
        leave(session, homes[1], last, kind="moved_out", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        death = leave(session, homes[1], last, kind="death", valid_from=TODAY, why=WHY)
        assert file_of(session, homes[1]).status == "died"
        with pytest.raises(Conflict, match="去世"):
            join(session, homes[1], somebody("李梅", DAUGHTER, "daughter"), kind="moved_in", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        undo(session, death.id, reason="登记错人")
        assert file_of(session, homes[1]).status == "draft"
        assert session.get_one(Person, (COUNTY, last)).died_on is None
        one_head_each(session)
        assert first_break(session) is None


def test_a_member_marries_into_another_household_in_one_act(two: Acting, homes: tuple[UUID, UUID]) -> None:
    first, second = homes
    with two(), unit_of_work() as session:
        daughter = people_of(session, second)["daughter"]

    def marries(session: Session, relation: str = "other", day: date = YESTERDAY) -> HouseholdChange:
        return move_between(session, second, daughter.id, first, relation=relation, kind="marriage", valid_from=day, why=WHY)

    with pytest.raises(Conflict, match="性别"), two(), unit_of_work() as session:
        marries(session, "son")
    with pytest.raises(Conflict, match="配偶"), two(), unit_of_work() as session:
        marries(session, "wife")
    with two(), unit_of_work() as session:
        change = marries(session)
        assert daughter.id in members_on(session, first, YESTERDAY)
        assert daughter.id in members_on(session, second, YESTERDAY - timedelta(days=1))
        assert [row.kind for row in changes_of(session, second)] == ["marriage", "registered"]
        one_head_each(session)
    with two(), unit_of_work() as session:
        with pytest.raises(NotFound):
            marries(session, day=TODAY)
        with pytest.raises(Conflict, match="先后"):
            leave(session, second, daughter.id, kind="moved_out", valid_from=YESTERDAY - timedelta(days=3), why=WHY)
    with pytest.raises(Conflict, match="当天"), two(on=TODAY + timedelta(days=1)), unit_of_work() as session:
        undo(session, change.id, reason="误登")
    with two(), unit_of_work() as session:
        undo(session, change.id, reason="误登")
        assert daughter.id in members_on(session, second, TODAY)
        assert daughter.id not in members_on(session, first, TODAY)
        assert session.scalar(select(func.count()).where(Membership.person_id == daughter.id)) == 5
        with pytest.raises(Conflict, match="已撤销"):
            undo(session, change.id, reason="误登")


def test_the_head_changes_and_members_found_a_household(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[1]
    with two(), unit_of_work() as session:
        people = people_of(session, home)
        head, son, daughter = people["head"].id, people["son"].id, people["daughter"].id
        change_head(session, home, Succession(son, {head: "father", daughter: "other"}), valid_from=YESTERDAY, why=WHY)
        assert file_of(session, home).worker_id == son
        with pytest.raises(InvalidInput):
            change_head(session, home, Succession(new_id(), {}), valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        made = split(session, home, Founding(daughter, {head: "father"}, "四川省成都市锦江区柳江社区2号"),
                     kind="split", valid_from=TODAY, why=WHY)  # fmt: skip
        assert (made.status, made.worker_id) == ("draft", daughter)
        assert members_on(session, home, TODAY).keys() == {son}
        assert made.household_id != home
        one_head_each(session)
        change = changes_of(session, home)[0]
    with two(), unit_of_work() as session:
        undo(session, change.id, reason="两人仍同住")
        assert file_of(session, made.household_id).status == "cancelled"
        assert members_on(session, home, TODAY).keys() == {head, son, daughter}
        one_head_each(session)


def test_the_proposed_relations_fit_the_new_head() -> None:
    assert suggested("head", "1", "wife", True) == "husband"
    assert suggested("son", "1", "wife", False) == "son"
    assert suggested("head", "2", "son", True) == "mother"
    assert suggested("wife", "1", "son", False) == "mother"
    assert suggested("mother", "1", "father", False) == "wife"
    assert suggested("head", "1", "other", True) == "other"


def test_contradictions_and_strangers_are_refused(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    new = somebody("王晓", numbered("51010420010101001"), "son")
    girl = somebody("李梅", DAUGHTER, "other")

    def joins(who: Newcomer = new, kind: str = "moved_in", on: date = TODAY, why: Why = WHY) -> Callable[[Session], object]:
        return lambda session: join(session, home, who, kind=kind, valid_from=on, why=why)

    refused: list[tuple[type[BangfuError], str, Callable[[Session], object]]] = [
        (InvalidInput, "晚于今天", joins(on=TODAY + timedelta(days=1))),
        (InvalidInput, "原因", joins(why=Why(" "))),
        (InvalidInput, "材料", joins(why=Why("a", new_id()))),
        (Conflict, "早于该户", joins(on=date(2020, 1, 1))),
        (InvalidInput, "这类变动", joins(kind="death")),
        (InvalidInput, "户主", joins(replace(new, relation="head"))),
        (Conflict, "另一户", joins(girl, "marriage")),
        (Conflict, "出生日期", joins(replace(new, relation="father"))),
    ]
    for error, told, act in refused:
        with pytest.raises(error, match=told), two(), unit_of_work() as session:
            act(session)
    with pytest.raises(Forbidden), two(actor="clerk", permissions=frozenset({"people.read"})), unit_of_work() as session:
        join(session, home, new, kind="moved_in", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        file_of(session, home).status = "moved"
    with pytest.raises(Conflict, match="已转往"), two(), unit_of_work() as session:
        join(session, home, new, kind="moved_in", valid_from=TODAY, why=WHY)


@pytest.mark.parametrize("known", [False, True])
def test_two_clerks_cannot_put_one_person_into_two_households(two: Acting, homes: tuple[UUID, UUID], known: bool) -> None:
    """Both in their own transaction, at the same moment: one of them is refused, whether the person was known before or not."""
    with two(), unit_of_work() as session:
        daughter = people_of(session, homes[1])["daughter"].id
    start, answers = Barrier(2), []

    def first() -> None:
        with two(), unit_of_work() as session:
            start.wait(20)
            if known:
                move_between(
                    session, homes[1], daughter, homes[0], relation="other", kind="moved_in", valid_from=TODAY, why=WHY
                )
            else:
                join(session, homes[0], somebody("王晓", numbered("51010420010101001"), "son"), kind="moved_in",
                     valid_from=TODAY, why=WHY)  # fmt: skip

    def second() -> None:
        with two(), unit_of_work() as session:
            start.wait(20)
            if known:
                split(session, homes[1], Founding(daughter, {}, "四川省成都市锦江区"), kind="split", valid_from=TODAY, why=WHY)
            else:
                join(session, homes[1], somebody("王晓", numbered("51010420010101001"), "son"), kind="moved_in",
                     valid_from=TODAY, why=WHY)  # fmt: skip

    def tried(act: Callable[[], None]) -> None:
        try:
            act()
            answers.append("done")
        except (Conflict, NotFound):
            answers.append("refused")

    threads = [Thread(target=tried, args=(act,)) for act in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["done", "refused"]
    with two(), unit_of_work() as session:
        one_head_each(session)
