"""Persons who may be here twice: proposed, told apart or merged; a merge counts everywhere and is undone to the fen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Party
from core.cases.repository import cases_of_households, on_file
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.funds.errors import AidedAlready
from core.funds.grants import approve_grants
from core.people.duplicates.by_hand import SeveralMeant, pair_by_hand
from core.people.duplicates.merging import as_one, merge, merged_files, survivors_of, undo_merge
from core.people.duplicates.models import DuplicateProposal, RecordMerge
from core.people.duplicates.scores import REASONS, THRESHOLD, Compared, score
from core.people.duplicates.service import count_open, keep_apart, proposals, propose_duplicates
from core.people.models import WorkerFile
from core.people.repository import fact_rows, members_on
from core.people.search.finding import find
from core.scope import Scope
from core.trail.models import TrailEntry
from core.transfers.packing import pack
from tests.conftest import OTHER_COUNTY, TODAY, tenant_tables
from tests.core.funds_story import CLERK, Need, Office, another_case, draft
from tests.core.people_story import Home, number_of, put_on_file

Acting = Callable[..., AbstractContextManager[Scope]]
BORN = date(1970, 3, 5)
WRITES = frozenset({"people.write", "case.read"})
KEPT = {"record_merge", "trail_entry", "trail_head", "trail_link"}
"""What a merge and its undoing leave behind."""


@pytest.fixture
def homes(acting: Acting) -> tuple[Home, Home, Home]:
    """Two files of one family, and one of another worker who has the same name; the same in the other county."""
    with acting(OTHER_COUNTY), unit_of_work() as session:
        put_on_file(session, ("王小明", number_of(901, BORN)))
    with acting(), unit_of_work() as session:
        wife = date(1972, 7, 1)
        return (
            put_on_file(session, ("王小明", number_of(1, BORN)), ("李红", number_of(2, wife))),
            put_on_file(session, ("王晓明", number_of(3, BORN)), ("李红", number_of(4, wife)), ("王一", number_of(5))),
            put_on_file(session, ("王小明", number_of(7, date(1988, 1, 1))), address="四川省成都市锦江区三圣乡"),
        )


def _digests(session: Session) -> dict[str, str]:
    return {
        table: session.execute(
            tenant_sql(
                f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t where tenant = :tenant"
            )
        ).scalar_one()
        for table in tenant_tables()
    }


def _pairs(session: Session) -> set[frozenset[UUID]]:
    return {frozenset((row.first.id, row.second.id)) for row in proposals(session)}


def test_who_may_be_here_twice_is_proposed_once_with_reasons(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, _ = homes
    expected = {frozenset((one.persons[0], two.persons[0])), frozenset((one.persons[1], two.persons[1]))}
    with acting(), unit_of_work() as session:
        assert propose_duplicates(session, [two.persons[0]]) == 1
        assert propose_duplicates(session) == 1
        assert propose_duplicates(session) == 0
        assert _pairs(session) == expected
        assert count_open(session) == 2
        best = proposals(session)[0]
        assert (best.score, set(best.reasons)) == (70, {"name", "birth_date", "address"})
        assert [row.id for row in proposals(session, after=best.id)] == [proposals(session)[1].id]
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert propose_duplicates(session) == 0
        assert proposals(session) == []


def test_two_whom_the_finder_misses_are_put_together_by_hand(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, stranger = homes
    with acting(actor="reader", permissions=frozenset({"people.read"})), unit_of_work() as session, pytest.raises(Forbidden):
        pair_by_hand(session, one.persons[0], stranger.file_number)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        made = pair_by_hand(session, stranger.persons[0], f" {one.file_number.lower()} ", one.persons[0])
        assert (made.state, made.score < THRESHOLD, made.reasons[0]) == ("open", True, "by_hand")
        assert pair_by_hand(session, one.persons[0], number_of(7, date(1988, 1, 1))).id == made.id
        with pytest.raises(SeveralMeant) as several:
            pair_by_hand(session, stranger.persons[0], two.file_number)
        assert {person.id for person in several.value.persons} == set(two.persons)
        for who, refusal in (("", InvalidInput), (number_of(7, date(1988, 1, 1)), InvalidInput), ("JJ1999-9", NotFound)):
            with pytest.raises(refusal):
                pair_by_hand(session, stranger.persons[0], who)
        # a number of the other county is nobody's here
        with pytest.raises(NotFound):
            pair_by_hand(session, stranger.persons[0], number_of(901, BORN))
        keep_apart(session, made.id, "两人出生地不同")
        # somebody knows better: the pair is taken up again, merged, undone as any other
        assert pair_by_hand(session, one.persons[0], stranger.file_number).state == "open"
        act = merge(session, stranger.persons[0], one.persons[0], "核对户口簿", households=True)
        with pytest.raises(Conflict, match="已合并"):
            pair_by_hand(session, stranger.persons[0], one.file_number, one.persons[0])
        undo_merge(session, act, "两人")
    with acting(), unit_of_work() as session:
        assert session.scalars(select(DuplicateProposal.state).where(DuplicateProposal.id == made.id)).one() == "open"
        told = session.scalars(select(TrailEntry.action).where(TrailEntry.action == "people.paired_by_hand")).all()
        assert len(told) == 3


BRACKETS, DIGITS_15, DIGITS_18 = "jj困（2025）第7号", "510104202500001", "510104202500000012"


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        (BRACKETS, BRACKETS),
        (BRACKETS, " jj困(2025)第7号 "),
        (BRACKETS.replace("（", "(").replace("）", ")"), BRACKETS),
        (DIGITS_15, DIGITS_15),
        (DIGITS_18, "５１０１０４ 202500000012"),
    ],
)
def test_a_file_is_found_by_its_number_whatever_the_pattern(
    acting: Acting, homes: tuple[Home, Home, Home], number: str, typed: str
) -> None:
    with acting(), unit_of_work() as session:
        other = put_on_file(session, ("赵明", number_of(11)), number=number)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        made = pair_by_hand(session, homes[2].persons[0], typed)
        assert {made.first_id, made.second_id} == {homes[2].persons[0], other.persons[0]}


def test_a_pair_that_was_told_apart_stays_so(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    with acting(), unit_of_work() as session:
        propose_duplicates(session)
        first = proposals(session)[0].id
    with acting(actor="reader", permissions=frozenset({"people.read"})), unit_of_work() as session, pytest.raises(Forbidden):
        keep_apart(session, first, "看过户口簿")
    with acting(OTHER_COUNTY, permissions=WRITES), unit_of_work() as session, pytest.raises(NotFound):
        keep_apart(session, first, "看过户口簿")
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        with pytest.raises(InvalidInput):
            keep_apart(session, first, " ")
        told = keep_apart(session, first, "看过两人户口簿，出生地不同")
        assert (told.state, told.decided_by) == ("different", "clerk")
        with pytest.raises(Conflict):
            keep_apart(session, first, "再次核对")
        assert propose_duplicates(session) == 0
        assert first not in [row.id for row in proposals(session)]


def _need(session: Session, home: Home) -> Need:
    made = another_case(session, Need(uuid4(), home.household_id, home.persons[0], ""))
    session.add(Party(case_id=made.case_id, role="household", household_id=home.household_id, label=home.file_number))
    session.flush()
    return made


def test_a_merge_counts_everywhere_and_is_undone_to_the_fen(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, three = homes
    office = Office(acting)
    office.receive(1_000_000, "in")
    with office.work(CLERK), unit_of_work() as session:
        ours, theirs = _need(session, one), _need(session, two)
    with office.work("decider", "case.decide"), unit_of_work() as session:
        approve_grants(session, [draft(theirs)])
    with acting(), unit_of_work() as session:
        propose_duplicates(session)
        before, money = _digests(session), office.states()
        former_members = len(fact_rows(session, TODAY).persons)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        act = merge(session, two.persons[0], one.persons[0], "核对户口簿，同一家庭重复建档", households=True)
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        assert survivors_of(session, two.persons) == {two.persons[0]: one.persons[0], two.persons[1]: one.persons[1]}
        assert as_one(session, [one.household_id])[one.household_id] == {one.household_id, two.household_id}
        assert as_one(session, [two.household_id])[two.household_id] == {one.household_id, two.household_id}
        assert [row.file_number for row in merged_files(session, one.household_id)] == [two.file_number]
        assert merged_files(session, one.household_id)[0].proposal_id is not None
        assert merged_files(session, two.household_id) == []
        assert session.scalar(select(WorkerFile.status).where(WorkerFile.household_id == two.household_id)) == "merged"
        assert [row.name for row in find(session, "王晓明")][:1] == ["王小明"]
        assert two.persons[0] not in {row.person_id for row in find(session, "wangxiaoming", 50)}
        assert set(members_on(session, two.household_id, TODAY)) == {two.persons[2]}
        assert len(fact_rows(session, TODAY).persons) == former_members - 3
        assert on_file(session, two.persons, [one.household_id, two.household_id]) == {two.persons[2], one.household_id}
        assert {line.id for line in cases_of_households(session, [one.household_id])} == {ours.case_id, theirs.case_id}
        assert proposals(session) == []
        assert propose_duplicates(session) == 0
    with office.work("decider", "case.decide"), unit_of_work() as session, pytest.raises(AidedAlready):
        approve_grants(session, [draft(ours)])
    # The person alone counts as well, in whatever household.
    alone = replace(draft(ours), household_id=three.household_id, beneficiaries=((one.persons[0], 100),))
    with office.work("decider", "case.decide"), unit_of_work() as session, pytest.raises(AidedAlready):
        approve_grants(session, [alone])
    with acting(), unit_of_work() as session:
        package = pack(session, [one.household_id], ())
        assert {row["subject_id"] for row in package.of("grant_occurrence")} == {str(one.household_id), str(one.persons[0])}
        assert list(package.history) == [str(one.household_id)]
    with acting(OTHER_COUNTY, actor="clerk", permissions=WRITES), unit_of_work() as session, pytest.raises(NotFound):
        undo_merge(session, act, "不是本县")
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        undo_merge(session, act, "经核实为两户")
        with pytest.raises(NotFound):
            undo_merge(session, act, "再撤一次")
    with acting(), unit_of_work() as session:
        after = _digests(session)
        assert {table for table in before if before[table] != after[table]} <= KEPT
        assert office.states() == money
        assert session.scalars(select(RecordMerge.undone_by).distinct()).all() == ["clerk"]
        assert len(fact_rows(session, TODAY).persons) == former_members
    with office.work("decider", "case.decide"), unit_of_work() as session:
        approve_grants(session, [draft(ours)])


def test_what_cannot_be_merged_is_refused_and_says_why(acting: Acting, homes: tuple[Home, Home, Home]) -> None:
    one, two, three = homes

    def refused(merged: UUID, survivor: UUID, *, households: bool = False, reason: str = "核对户口簿") -> str:
        with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
            with pytest.raises((Conflict, InvalidInput, NotFound)) as error:
                merge(session, merged, survivor, reason, households=households)
            return error.value.zh

    assert "材料" in refused(one.persons[1], two.persons[1], reason=" ")
    assert "不同的人" in refused(one.persons[0], one.persons[0])
    assert "没有此人" in refused(uuid4(), one.persons[0])
    assert "户主" in refused(two.persons[0], one.persons[0])
    assert "同一户" in refused(one.persons[1], one.persons[0], households=True)
    assert "没有对应" in refused(two.persons[1], three.persons[0], households=True)
    with acting(actor="reader", permissions=frozenset({"people.read"})), unit_of_work() as session, pytest.raises(Forbidden):
        merge(session, two.persons[1], one.persons[1], "核对户口簿")
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        act = merge(session, two.persons[1], one.persons[1], "核对户口簿")
    assert "已与其他" in refused(two.persons[1], three.persons[0])
    assert "已与其他" in refused(one.persons[1], three.persons[0])
    assert "已与其他" in refused(two.persons[2], two.persons[1])
    with acting(actor="clerk", permissions=WRITES), unit_of_work() as session:
        undo_merge(session, act, "选错了人")
        assert survivors_of(session, two.persons) == {}
        assert {row.state for row in session.scalars(select(DuplicateProposal))} <= {"open"}


def _compared(**differs: object) -> Compared:
    usual: dict[str, object] = {
        "id": uuid4(), "name": "王小明", "gender": "1", "birth_date": BORN, "identity_token": None, "identity_masked": None,
        "phone_token": None, "account_token": None, "household_id": uuid4(), "address": "东风村",
    }  # fmt: skip
    return Compared(**(usual | differs))  # type: ignore[arg-type]  # columns by name


@pytest.mark.parametrize(
    ("differs", "points", "reasons"),
    [
        ({}, 90, {"name", "birth_date", "number_missing", "address"}),
        ({"name": "王晓明"}, 85, {"name_sounds", "birth_date", "number_missing", "address"}),
        ({"name": "汪小敏"}, 80, {"name_confused", "birth_date", "number_missing", "address"}),
        ({"name": "王小朋"}, 70, {"name_similar", "birth_date", "number_missing", "address"}),
        ({"name": "赵六"}, 0, set()),
        ({"birth_date": date(1970, 5, 3)}, 75, {"name", "birth_date_similar", "number_missing", "address"}),
        ({"birth_date": date(1988, 1, 1)}, 40, {"name", "number_missing", "address"}),
        ({"birth_date": None, "address": None}, 45, {"name", "number_missing"}),
        ({"gender": "2"}, 70, {"name", "birth_date", "number_missing", "address"}),
    ],
)
def test_points(differs: dict[str, object], points: int, reasons: set[str]) -> None:
    one = _compared()
    found, why = score(one, _compared(**differs))
    assert (found, set(why)) == (points, reasons)
    assert reasons <= set(REASONS)
    assert score(_compared(**differs), one)[0] == points


def test_twins_are_no_duplicates() -> None:
    together = uuid4()
    one = _compared(household_id=together, identity_token=b"1")
    assert score(one, _compared(household_id=together, identity_token=b"2", name="王小亮")) == (0, [])
