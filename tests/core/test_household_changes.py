"""Households registered and changed by hand: births, deaths, moves, marriages, another head, a split, and slips undone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
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
from core.people.changes.corrections import Ground, by_former_number, correct_identity, correct_name, corrections_of
from core.people.changes.membership import Founding, change_head, changes_of, join, leave, move_between, split, suggested, undo
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import Newcomer
from core.people.entry import Refused
from core.people.models import Household, Membership, Person, WorkerFile
from core.people.registering import NewHousehold, look_up, register_household
from core.people.repository import household_view, members_on
from core.people.search.finding import find
from core.people.service import reveal
from core.scope import Scope, current_scope
from core.tenancy.keys import give_key
from core.trail.models import ReadLog
from core.trail.service import first_break
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY

Acting = Callable[..., AbstractContextManager[Scope]]
WHY = Why("依据户口簿")
HEAD, WIFE, SON, FATHER = "510104198001010010", "510104198202020024", "510104200803030036", "510104195004040014"
OTHER_HEAD, OTHER_SON, DAUGHTER = "510104197505050012", "510104200506060014", "510104200607070025"
YESTERDAY = TODAY - timedelta(days=1)


def _number(stem: str) -> str:
    from stdnum.cn.ric import calc_check_digit

    return stem[:17] + calc_check_digit(stem[:17] + "0")


def somebody(name: str, number: str, relation: str) -> Newcomer:
    return Newcomer(name, relation, _number(number))


FAMILY = NewHousehold(
    (
        somebody("单明", HEAD, "head"),
        somebody("解芳", WIFE, "wife"),
        somebody("单小宝", SON, "son"),
        somebody("单建国", FATHER, "father"),
    ),
    "四川省成都市锦江区双桂路社区12号3单元",
    {"employer_name": "锦江纺织厂", "main_cause": "06"},
)
OTHERS = NewHousehold(
    (somebody("李强", OTHER_HEAD, "head"), somebody("李刚", OTHER_SON, "son"), somebody("李梅", DAUGHTER, "daughter")),
    "四川省成都市锦江区莲桂西路社区8号",
)


@pytest.fixture
def two(acting: Acting) -> Acting:
    """Two counties with keys and nobody on file."""
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    return acting


@pytest.fixture
def homes(two: Acting) -> tuple[UUID, UUID]:
    """Two households that were registered some time ago."""
    with two(on=date(2025, 1, 6)), unit_of_work() as session:
        return register_household(session, FAMILY).household_id, register_household(session, OTHERS).household_id


def _people(session: Session, home: UUID) -> dict[str, Person]:
    view = household_view(session, home)
    assert view is not None
    return {member.relation: member.person for member in view.members}


def _file(session: Session, home: UUID) -> WorkerFile:
    return session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()


def _one_head_each(session: Session) -> None:
    """What holds whatever was done: one head, whose file it is, unless the file has ended; nobody in two files."""
    seen: dict[UUID, UUID] = {}
    for file in session.scalars(select(WorkerFile).where(WorkerFile.status.not_in(("died", "cancelled", "moved")))):
        members = members_on(session, file.household_id, TODAY)
        assert [one for one, row in members.items() if row.relation == "head"] == [file.worker_id]
        for one in members:
            assert seen.setdefault(one, file.household_id) == file.household_id


def test_a_household_is_registered_as_a_draft_with_its_number(two: Acting) -> None:
    with two(), unit_of_work() as session:
        assert look_up(session, FAMILY) == []
        file = register_household(session, FAMILY)
        assert (file.status, file.opened_on, file.employer_name) == ("draft", TODAY, "锦江纺织厂")
        assert file.file_number.startswith("DA2025")
        people = _people(session, file.household_id)
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
        _one_head_each(session)
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert changes_of(session, file.household_id) == []
        assert [(found.place, found.on_file) for found in look_up(session, FAMILY)] == [(at, True) for at in range(4)]
        with pytest.raises(NotFound):
            join(session, file.household_id, somebody("王五", OTHER_SON, "son"), kind="moved_in", valid_from=TODAY, why=WHY)
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert session.scalar(select(func.count()).where(ReadLog.what == "identity_index")) == 8
        assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_all_faults_are_told_at_once_and_nothing_is_written(two: Acting) -> None:
    wrong = NewHousehold(
        (
            Newcomer("", "head", "510104198001010011"),
            Newcomer("解芳", "wife", _number(WIFE)),
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
        number = _file(session, homes[0]).file_number
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
        number = _number(f"510104{YESTERDAY:%Y%m%d}002")
        correct_identity(session, person.id, number, Ground("补登新办身份证号"))
        assert [row.person_id for row in find(session, number)] == [person.id]
        assert corrections_of(session, [person.id])[0].former_identity_token is None
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 8


def test_when_the_head_dies_another_is_named_or_the_file_ends(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    with two(), unit_of_work() as session:
        people = _people(session, home)
        head, wife = people["head"], people["wife"]

    with pytest.raises(InvalidInput, match="新户主"), two(), unit_of_work() as session:
        leave(session, home, head.id, kind="death", valid_from=YESTERDAY, why=WHY)
    with pytest.raises(InvalidInput, match="单小宝"), two(), unit_of_work() as session:
        leave(session, home, head.id, kind="death", valid_from=YESTERDAY, why=WHY,
              succession=Succession(wife.id, {people["father"].id: "other"}))  # fmt: skip
    relations = {people["son"].id: "son", people["father"].id: "other"}
    with two(), unit_of_work() as session:
        leave(session, home, head.id, kind="death", valid_from=YESTERDAY, why=WHY, succession=Succession(wife.id, relations))
        file = _file(session, home)
        assert (file.worker_id, file.status) == (wife.id, "draft")
        assert session.get_one(Person, (COUNTY, head.id)).died_on == YESTERDAY
        assert reveal(session, wife.id, "address", "核对") == FAMILY.address
        assert find(session, file.file_number)[0].person_id == wife.id
        assert _people(session, home).keys() == {"head", "son", "other"}
        _one_head_each(session)
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 6
        with pytest.raises(Conflict, match="死亡"):
            join(session, homes[1], somebody("单明", HEAD, "other"), kind="moved_in", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        for child in ("son", "daughter"):
            leave(session, homes[1], _people(session, homes[1])[child].id, kind="moved_out", valid_from=YESTERDAY, why=WHY)
        last = _people(session, homes[1])["head"].id
    with pytest.raises(Conflict, match="没有成员"), two(), unit_of_work() as session:
        leave(session, homes[1], last, kind="moved_out", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        death = leave(session, homes[1], last, kind="death", valid_from=TODAY, why=WHY)
        assert _file(session, homes[1]).status == "died"
        with pytest.raises(Conflict, match="去世"):
            join(session, homes[1], somebody("李梅", DAUGHTER, "daughter"), kind="moved_in", valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        undo(session, death.id, reason="登记错人")
        assert _file(session, homes[1]).status == "draft"
        assert session.get_one(Person, (COUNTY, last)).died_on is None
        _one_head_each(session)
        assert first_break(session) is None


def test_a_member_marries_into_another_household_in_one_act(two: Acting, homes: tuple[UUID, UUID]) -> None:
    first, second = homes
    with two(), unit_of_work() as session:
        daughter = _people(session, second)["daughter"]

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
        _one_head_each(session)
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
        people = _people(session, home)
        head, son, daughter = people["head"].id, people["son"].id, people["daughter"].id
        change_head(session, home, Succession(son, {head: "father", daughter: "other"}), valid_from=YESTERDAY, why=WHY)
        assert _file(session, home).worker_id == son
        with pytest.raises(InvalidInput):
            change_head(session, home, Succession(new_id(), {}), valid_from=TODAY, why=WHY)
    with two(), unit_of_work() as session:
        made = split(session, home, Founding(daughter, {head: "father"}, "四川省成都市锦江区柳江社区2号"),
                     kind="split", valid_from=TODAY, why=WHY)  # fmt: skip
        assert (made.status, made.worker_id) == ("draft", daughter)
        assert members_on(session, home, TODAY).keys() == {son}
        assert made.household_id != home
        _one_head_each(session)
        change = changes_of(session, home)[0]
    with two(), unit_of_work() as session:
        undo(session, change.id, reason="两人仍同住")
        assert _file(session, made.household_id).status == "cancelled"
        assert members_on(session, home, TODAY).keys() == {head, son, daughter}
        _one_head_each(session)


def test_the_proposed_relations_fit_the_new_head() -> None:
    assert suggested("head", "1", "wife", True) == "husband"
    assert suggested("son", "1", "wife", False) == "son"
    assert suggested("head", "2", "son", True) == "mother"
    assert suggested("wife", "1", "son", False) == "mother"
    assert suggested("mother", "1", "father", False) == "wife"
    assert suggested("head", "1", "other", True) == "other"


def test_contradictions_and_strangers_are_refused(two: Acting, homes: tuple[UUID, UUID]) -> None:
    home = homes[0]
    new = somebody("王晓", _number("51010420010101001"), "son")
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
        _file(session, home).status = "moved"
    with pytest.raises(Conflict, match="已转往"), two(), unit_of_work() as session:
        join(session, home, new, kind="moved_in", valid_from=TODAY, why=WHY)


@pytest.mark.parametrize("known", [False, True])
def test_two_clerks_cannot_put_one_person_into_two_households(two: Acting, homes: tuple[UUID, UUID], known: bool) -> None:
    """Both in their own transaction, at the same moment: one of them is refused, whether the person was known before or not."""
    with two(), unit_of_work() as session:
        daughter = _people(session, homes[1])["daughter"].id
    start, answers = Barrier(2), []

    def first() -> None:
        with two(), unit_of_work() as session:
            start.wait(20)
            if known:
                move_between(
                    session, homes[1], daughter, homes[0], relation="other", kind="moved_in", valid_from=TODAY, why=WHY
                )
            else:
                join(session, homes[0], somebody("王晓", _number("51010420010101001"), "son"), kind="moved_in",
                     valid_from=TODAY, why=WHY)  # fmt: skip

    def second() -> None:
        with two(), unit_of_work() as session:
            start.wait(20)
            if known:
                split(session, homes[1], Founding(daughter, {}, "四川省成都市锦江区"), kind="split", valid_from=TODAY, why=WHY)
            else:
                join(session, homes[1], somebody("王晓", _number("51010420010101001"), "son"), kind="moved_in",
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
        _one_head_each(session)


def test_a_name_and_a_number_are_put_right_with_history(two: Acting, homes: tuple[UUID, UUID]) -> None:
    wrong, right = _number(SON), _number("510104200803040032")
    with two(), unit_of_work() as session:
        son = _people(session, homes[0])["son"].id
        correct_name(session, son, "单晓波", Ground("姓名用字有误", asked_on=YESTERDAY))
        correct_identity(session, son, right, Ground("号码录入有误"))
        with pytest.raises(Conflict, match="相同"):
            correct_name(session, son, "单晓波", Ground("再改"))
        with pytest.raises(Conflict, match="另一人"):
            correct_identity(session, son, _number(HEAD), Ground("改"))
        with pytest.raises(InvalidInput, match="校验码"):
            correct_identity(session, son, right[:17] + ("1" if right[17] != "1" else "2"), Ground("改"))
    with two(), unit_of_work() as session:
        person = session.get_one(Person, (COUNTY, son))
        assert (person.name, person.birth_date) == ("单晓波", date(2008, 3, 4))
        assert reveal(session, son, "identity_number", "核对") == right
        assert [row.person_id for row in find(session, right)] == [son]
        assert find(session, wrong) == []
        assert find(session, "单小宝") == []
        assert [row.person_id for row in find(session, "shanxiaobo")] == [son]
        history = corrections_of(session, [son])
        assert [(row.field, row.asked_on) for row in history] == [("identity_number", None), ("name", YESTERDAY)]
        assert wrong not in repr([vars(row) for row in history])
        assert "单小宝" not in repr([vars(row) for row in history])
        assert by_former_number(session, wrong) == [son]
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == 7
    with two(OTHER_COUNTY), unit_of_work() as session:
        assert by_former_number(session, wrong) == []
        assert [found.on_file for found in look_up(session, replace(OTHERS, members=(Newcomer("单晓波", "head", right),)))] == [
            True
        ]
        assert look_up(session, replace(OTHERS, members=(Newcomer("单小宝", "head", wrong),))) == []
        assert current_scope().tenant == OTHER_COUNTY
