"""Acts on people: found, revealed with a reason, joined by a member, corrected without losing what was known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.models import IdentityMark
from core.people.listing import FileFilter, count_files, list_files
from core.people.models import Household, Membership, Person, PersonFact, WorkerFile
from core.people.repository import fact_rows, household_view
from core.people.search.finding import find
from core.people.service import add_member, correct_income, import_roster, reveal
from core.rules.batch import MAX_FEN
from core.scope import Scope
from core.tenancy.keys import give_key
from core.trail.models import ReadLog
from core.trail.service import first_break
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY
from tests.recount import recount

Acting = Callable[..., AbstractContextManager[Scope]]
PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
NEWBORN = "510104202503010013"
JANUARY = date(2025, 1, 1)


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY, OTHER_COUNTY], households=30)[0]


@pytest.fixture
def county(acting: Acting, roster: Path) -> Acting:
    """A county with a roster taken in, and another one without any."""
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    with acting(), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
    return acting


def test_the_search_box_finds_by_every_form_and_in_its_own_county_only(county: Acting, roster: Path) -> None:
    number = recount.read_county(roster)["households"][2]["people"][0]["number"]
    with county(), unit_of_work() as session:
        found = find(session, number)
        assert [row.relation for row in found] == ["head"]
        worker = session.get_one(Person, (COUNTY, found[0].person_id))
        file = session.scalars(select(WorkerFile).where(WorkerFile.worker_id == worker.id)).one()
        phone = reveal(session, worker.id, "phone", "核对电话")
        account = reveal(session, worker.id, "account", "核对账号")
        for text in (worker.name, worker.name[:2], number[-4:], file.file_number, phone, account):
            assert worker.id in {row.person_id for row in find(session, text, 200)}
        assert number not in repr(found)
        assert find(session, "%") == []
        assert find(session, " ") == []
    with county(OTHER_COUNTY), unit_of_work() as session:
        assert find(session, number) == []


def test_a_full_value_needs_the_permission_and_a_reason_and_is_logged(county: Acting, roster: Path) -> None:
    number = recount.read_county(roster)["households"][1]["people"][0]["number"]
    with county(), unit_of_work() as session:
        person_id = find(session, number)[0].person_id
    with county(actor="clerk"), unit_of_work() as session, pytest.raises(Forbidden):
        reveal(session, person_id, "identity_number", "核对")
    with county(actor="clerk", permissions=frozenset({"people.reveal"})), unit_of_work() as session:
        with pytest.raises(InvalidInput):
            reveal(session, person_id, "identity_number", "  ")
        with pytest.raises(InvalidInput):
            reveal(session, person_id, "wrapped_key", "核对")
        assert reveal(session, person_id, "identity_number", "入户核实") == number
        assert reveal(session, person_id, "address", "入户核实").startswith("四川省")
    with county(), unit_of_work() as session:
        logged = session.scalars(select(ReadLog).order_by(ReadLog.id)).all()
        assert [(row.actor, row.what, row.reason) for row in logged] == [
            ("clerk", "identity_number", "入户核实"),
            ("clerk", "address", "入户核实"),
        ]
    with county(OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        reveal(session, person_id, "identity_number", "核对")


def test_nothing_that_identifies_stands_open_in_the_tables(county: Acting, roster: Path) -> None:
    people = [person for household in recount.read_county(roster)["households"].values() for person in household["people"]]
    with county(), unit_of_work() as session:
        stored = repr([tuple(vars(person).values()) for person in session.scalars(select(Person))])
        assert not [person["number"] for person in people if person["number"] in stored]
        assert not [row for row in session.scalars(select(Household)) if row.address[-1].isdigit()]


def test_a_new_member_counts_from_the_day_and_has_no_facts(county: Acting) -> None:
    with county(), unit_of_work() as session:
        household_id = session.scalars(select(WorkerFile.household_id)).first()
        assert household_id is not None
        before = fact_rows(session, TODAY, [household_id])
        since = TODAY - timedelta(days=3)

        def join(household: UUID, relation: str = "son") -> Person:
            return add_member(session, household, name="王小宝", identity_number=NEWBORN, relation=relation, valid_from=since)

        child = join(household_id)
        with pytest.raises(Conflict):
            join(household_id)
        with pytest.raises(InvalidInput):
            join(household_id, "head")
        with pytest.raises(NotFound):
            join(new_id())
        after = fact_rows(session, TODAY, [household_id])
        assert len(after.persons) == len(before.persons) + 1
        assert [(row.known, row.monthly_income_fen) for row in after.persons if row.person_id == child.id] == [(False, 0)]
        assert fact_rows(session, TODAY - timedelta(days=4), [household_id]) == before
        assert [row.person_id for row in find(session, "wangxiaobao")] == [child.id]
        view = household_view(session, household_id)
        assert view is not None
        assert view.members[0].relation == "head"
        assert [member.fact for member in view.members if member.person.id == child.id] == [None]
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == session.scalar(
            select(func.count()).select_from(Person)
        )
    with county(), unit_of_work() as session:
        assert first_break(session) is None


def _two_households(session: Session) -> tuple[UUID, UUID]:
    first, second = session.scalars(select(WorkerFile.household_id).order_by(WorkerFile.file_number).limit(2))
    return first, second


def test_nobody_is_a_member_of_two_households(county: Acting) -> None:
    """One household, one file (domain 10): income and allowances would count twice."""
    with county(), unit_of_work() as session:
        first, second = _two_households(session)
        day = TODAY - timedelta(days=3)

        def join(household: UUID, valid_from: date = day, name: str = "王小宝") -> Person:
            return add_member(session, household, name=name, identity_number=NEWBORN, relation="son", valid_from=valid_from)

        def stays(household: UUID, child: Person, valid_from: date, *, present: bool) -> None:
            session.add(
                Membership(household_id=household, person_id=child.id, relation="son", valid_from=valid_from, present=present)
            )
            session.flush()

        child = join(first)
        with pytest.raises(Conflict, match="登记的姓名") as known:
            join(second, name="李大宝")
        assert "王小宝" not in str(known.value)
        number = session.scalars(select(WorkerFile.file_number).where(WorkerFile.household_id == first)).one()
        for earlier in (date(2025, 4, 1), day, TODAY):
            with pytest.raises(Conflict, match="另一户") as refused:
                join(second, earlier)
            assert refused.value.where == number
            assert refused.value.mend_zh
        stays(first, child, TODAY - timedelta(days=1), present=False)
        with pytest.raises(Conflict, match="另一户"):
            join(second)
        assert join(second, TODAY - timedelta(days=1)).id == child.id
        assert [row.household_id for row in fact_rows(session, TODAY).persons if row.person_id == child.id] == [second]


def test_a_cancelled_file_keeps_nobody_from_joining_another(county: Acting) -> None:
    with county(), unit_of_work() as session:
        first, second = _two_households(session)
        add_member(session, first, name="王小宝", identity_number=NEWBORN, relation="son", valid_from=JANUARY)
        session.scalars(select(WorkerFile).where(WorkerFile.household_id == first)).one().status = "cancelled"
        session.flush()
        add_member(session, second, name="王 小宝", identity_number=NEWBORN, relation="son", valid_from=TODAY)


def test_who_may_change_what_is_known_of_people(county: Acting) -> None:
    with county(), unit_of_work() as session:
        household, _ = _two_households(session)
        worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == household)).one()

    def both(session: Session) -> Iterator[Callable[[], object]]:
        yield lambda: add_member(session, household, name="王小宝", identity_number=NEWBORN, relation="son", valid_from=TODAY)
        yield lambda: correct_income(session, worker, lines={"income_wage_fen": 1}, valid_from=TODAY)

    with county(actor="clerk", permissions=frozenset({"people.read", "people.import"})), unit_of_work() as session:
        for act in both(session):
            with pytest.raises(Forbidden, match=re.escape("people.write")):
                act()
    with county(actor="clerk", permissions=frozenset({"people.write"})), unit_of_work() as session:
        for act in both(session):
            act()


def test_a_corrected_income_is_appended_and_the_rest_copied(county: Acting) -> None:
    with county(), unit_of_work() as session:
        worker = fact_rows(session, TODAY).households[0]
        former = next(row for row in fact_rows(session, TODAY).persons if row.person_id == worker.worker_id)
        correct_income(
            session, worker.worker_id, lines={"income_unsorted_fen": former.monthly_income_fen + 7}, valid_from=JANUARY
        )
        now = next(row for row in fact_rows(session, TODAY).persons if row.person_id == worker.worker_id)
        assert now.monthly_income_fen == former.monthly_income_fen + 7
        assert (now.identity_status, now.able_to_work) == (former.identity_status, former.able_to_work)
        both = session.scalars(select(PersonFact).where(PersonFact.person_id == worker.worker_id)).all()
        assert sorted(fact.source.split(":")[0] for fact in both) == ["correction", "import"]
        for wrong in (-1, MAX_FEN + 1):
            with pytest.raises(InvalidInput, match="月收入"):
                correct_income(session, worker.worker_id, lines={"income_other_fen": wrong}, valid_from=JANUARY)
        with pytest.raises(NotFound):
            correct_income(session, new_id(), lines={"income_wage_fen": 1}, valid_from=JANUARY)


def test_files_are_listed_page_by_page_without_repeats(county: Acting) -> None:
    with county(), unit_of_work() as session:
        seen, after = [], None
        while page := list_files(session, FileFilter(status="on_file"), after, 7):
            seen += [row.file_number for row in page]
            after = page[-1].file_id
        assert len(seen) == len(set(seen)) == count_files(session).by_state["on_file"]
        assert list_files(session, FileFilter(kind="deep")) == []
    with county(OTHER_COUNTY), unit_of_work() as session:
        assert list_files(session) == []
        assert household_view(session, new_id()) is None
