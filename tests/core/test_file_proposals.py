"""What the platform finds of files by itself: months above the line, stale files, dead heads; and the working of means."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.errors import Forbidden, InvalidInput, NotFound
from core.host.manager import host
from core.parameters.service import resolve, set_parameter, sync_national
from core.people.life import proposals
from core.people.life.models import FileProposal
from core.people.life.proposals import months_before, propose_above_line, propose_by_date
from core.people.life.service import decline, steps_of, take_step
from core.people.listing import FileFilter, count_files, list_files
from core.people.models import INCOME_LINES, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.surveys.service import evaluate, working
from plugins.living_relief import plugin
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database
from tests.core.files_story import CLERK, Acting, plant_file

LINE = 80_000
HIGH, LOW = 3 * LINE, LINE - 1
ON = {"plugins": frozenset({"living_relief"})}


@pytest.fixture
def county(db: Database, acting: Acting) -> Iterator[None]:
    """The county with living relief on and the line set."""
    if "living_relief" not in host().infos:
        host().register(plugin, "living_relief")
    with db.owner.begin() as connection:
        sync_national(connection)
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", date(2024, 1, 1), LINE, "省级文件", "domain 10")
    with acting(COUNTY, **ON):
        yield


def income(session: Session, household: uuid.UUID, since: date, fen: int) -> None:
    """The worker's monthly income from a day on."""
    worker = session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == household)).one()
    session.add(PersonFact(person_id=worker, valid_from=since, income_wage_fen=fen, source="correction"))
    session.flush()


def household(session: Session, number: int, *changes: tuple[date, int], **file: object) -> uuid.UUID:
    """A household on file whose income changes on these days."""
    made = plant_file(session, number, "on_file", **file)  # type: ignore[arg-type]  # keywords of plant_file
    session.execute(insert(HouseholdFact), [{"household_id": made, "valid_from": date(2024, 1, 1), "source": "t"}])
    for since, fen in changes:
        income(session, made, since, fen)
    return made


def proposed(session: Session, kind: str = "above_line") -> set[uuid.UUID]:
    return {row.household_id for row in list_of(session) if row.kind == kind and row.settled_on is None}


def list_of(session: Session) -> list[FileProposal]:
    return list(session.scalars(select(FileProposal)))


def test_the_months_that_count() -> None:
    assert months_before(date(2025, 9, 1), 3) == [date(2025, 8, 1), date(2025, 7, 1), date(2025, 6, 1)]
    assert months_before(date(2025, 1, 31), 2) == [date(2024, 12, 1), date(2024, 11, 1)]


@pytest.mark.usefixtures("county")
def test_six_months_above_the_line_to_the_day() -> None:
    old, march = (date(2024, 1, 1), LOW), date(2025, 3, 1)
    with unit_of_work() as session:
        whole = household(session, 1, old, (march, HIGH))
        a_day_late = household(session, 2, old, (march + timedelta(days=1), HIGH))
        dipped = household(session, 3, old, (march, HIGH), (date(2025, 6, 1), LOW), (date(2025, 6, 30), HIGH))
        within_a_month = household(session, 4, old, (march, HIGH), (date(2025, 6, 2), LOW), (date(2025, 6, 30), HIGH))
        below_now = household(session, 5, old, (march, HIGH), (TODAY, LOW))
        new = household(session, 6, (date(2024, 1, 1), HIGH), opened_on=date(2025, 3, 2))
        unknown = household(session, 7)
        everybody = [whole, a_day_late, dipped, within_a_month, below_now, new, unknown]
        assert propose_above_line(session, everybody) == 2
        assert proposed(session) == {whole, within_a_month}
        assert {row.since for row in list_of(session)} == {march}
        assert propose_above_line(session, everybody) == 0, "twice does no harm"
        assert [row.household_id for row in list_files(session, FileFilter(proposed="above_line"))] == [whole, within_a_month]
        assert count_files(session).proposed["above_line"] == 2
        income(session, whole, TODAY, LOW)
        propose_above_line(session, everybody)
        assert proposed(session) == {within_a_month}
        assert {row.settled_as for row in list_of(session)} == {None, "passed"}
        set_parameter(session, "out_of_difficulty_months", TODAY, 5, "县级文件", "domain 10")
        propose_above_line(session, everybody)
        assert proposed(session) == {within_a_month, a_day_late, new}


@pytest.mark.usefixtures("county")
def test_a_clerk_confirms_or_declines() -> None:
    with unit_of_work() as session:
        first, second = (household(session, number, (date(2024, 1, 1), HIGH)) for number in (1, 2))
        propose_above_line(session, [first, second])
        take_step(session, first, "end_difficulty", note="已稳定就业")
        with pytest.raises(InvalidInput):
            decline(session, second, "above_line", " ")
        decline(session, second, "above_line", "收入为一次性补发")
        with pytest.raises(NotFound):
            decline(session, second, "above_line", "再说一次")
        assert {row.settled_as for row in list_of(session)} == {"done", "declined"}
        assert propose_above_line(session, [second]) == 0, "not again at once"
        assert session.scalars(select(WorkerFile.status).order_by(WorkerFile.file_number)).all() == [
            "out_of_difficulty",
            "on_file",
        ]


@pytest.mark.usefixtures("county")
def test_a_county_may_have_it_happen_by_itself() -> None:
    with unit_of_work() as session:
        set_parameter(session, "out_of_difficulty_by_itself", TODAY, True, "县级文件", "domain 10")
        made = household(session, 1, (date(2024, 1, 1), HIGH))
        assert propose_above_line(session, [made]) == 1
        [step] = steps_of(session, made)
        assert (step.step, step.to_state) == ("end_difficulty", "out_of_difficulty")
        assert "6 个月" in step.note
        assert list_of(session) == []


@pytest.mark.usefixtures("county")
def test_stale_files_and_dead_heads(acting: Acting) -> None:
    a_year = TODAY - timedelta(days=365)
    with unit_of_work() as session:
        fresh = household(session, 1, updated_on=a_year)
        stale = household(session, 2, updated_on=a_year - timedelta(days=1))
        dead = household(session, 3)
        session.get_one(Person, (COUNTY, worker_of(session, dead))).died_on = TODAY
        session.flush()
        propose_by_date(session)
        propose_by_date(session)
        assert (proposed(session, "stale"), proposed(session, "head_died")) == ({stale}, {dead})
        assert [row.household_id for row in list_files(session, FileFilter(stale=True))] == [stale]
        take_step(session, stale, "confirm_unchanged", note="电话核实")
        take_step(session, dead, "record_death", note="户主亡故")
        propose_by_date(session)
        assert not [row for row in list_of(session) if row.settled_on is None]
        assert fresh not in {row.household_id for row in list_of(session)}
    reader = acting(COUNTY, actor="reader", permissions=frozenset({"people.read"}))
    with reader, unit_of_work() as session, pytest.raises(Forbidden):
        decline(session, stale, "stale", "不是")
    with acting(OTHER_COUNTY, actor="clerk", permissions=CLERK), unit_of_work() as session:
        propose_by_date(session)
        assert list_of(session) == []


def worker_of(session: Session, household_id: uuid.UUID) -> uuid.UUID:
    return session.scalars(select(WorkerFile.worker_id).where(WorkerFile.household_id == household_id)).one()


@pytest.mark.usefixtures("county")
def test_statements_do_not_grow_with_households(db: Database) -> None:
    counts = []
    with unit_of_work() as session:
        homes = [household(session, number, (date(2024, 1, 1), HIGH)) for number in range(1, 13)]
        session.commit()
    for some in (homes[:2], homes[2:]):
        with unit_of_work() as session:
            seen: list[object] = []
            engine = session.get_bind()

            def note(*given: object, seen: list[object] = seen) -> None:
                seen.append(given[2])

            event.listen(engine, "before_cursor_execute", note)
            try:
                propose_above_line(session, some)
                propose_by_date(session)
                list_files(session)
                count_files(session)
            finally:
                event.remove(engine, "before_cursor_execute", note)
            counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.usefixtures("county")
def test_the_job_goes_through_all_files() -> None:
    with unit_of_work() as session:
        high = household(session, 1, (date(2024, 1, 1), HIGH))
        household(session, 2, (date(2024, 1, 1), LOW), updated_on=date(2024, 1, 1))
        parts = proposals.plan(session, {})
        results = [proposals.run(session, {}, part.payload) for part in parts]
        assert proposals.finish(session, {}, results) == {"above_line": 1, "stale": 1}
        assert proposed(session) == {high}


@pytest.mark.usefixtures("county")
def test_the_page_and_the_batch_reckon_alike() -> None:
    """The income per head, from its lines, is one thing for the page and the batch; worked out here a third time."""
    dice = random.Random(7)
    homes: dict[uuid.UUID, int] = {}
    with unit_of_work() as session:
        set_parameter(session, "count_residents_pension", TODAY, False, "县级文件", "domain 10")
        set_parameter(session, "impute_minimum_wage", TODAY, True, "县级文件", "domain 10")
        set_parameter(session, "minimum_wage", TODAY, 2 * LINE, "县级文件", "domain 10")
        for number in range(1, 21):
            made, sum_of_all = household(session, number), 0
            people = [worker_of(session, made)]
            for _ in range(dice.randrange(3)):
                one = Person(id=new_id(), name="成员", pinyin="cheng", gender="1", birth_date=date(1990, 1, 1))
                session.add(one)
                session.flush()
                session.add(Membership(household_id=made, person_id=one.id, relation="son", valid_from=date(2025, 1, 1)))
                people.append(one.id)
            for person in people:
                lines = {name: dice.choice((0, dice.randrange(LINE))) for name in INCOME_LINES}
                idle = dice.random() < 0.3
                status = {"identity_status": "unemployed" if idle else "on_post", "able_to_work": True}
                session.add(PersonFact(person_id=person, valid_from=date(2025, 1, 1), source="t", **lines, **status))
                counted = sum(lines.values()) - lines["residents_pension_fen"]
                sum_of_all += max(counted, 2 * LINE) if idle else counted
            homes[made] = sum_of_all // len(people)
        session.flush()
        figures_of_today = resolve(session, TODAY)
        outcomes = {found.household_id: found for found in evaluate(session, "living_relief", TODAY)}
        for made, per_head in homes.items():
            sheet = working(session, made, figures_of_today)
            assert sheet is not None
            figures = {figure.name: figure.value for figure in sheet.figures}
            assert figures["income_per_head"] == per_head
            assert (sheet.kind, sheet.eligible) == (outcomes[made].kind, outcomes[made].eligible)
