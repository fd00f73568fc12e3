"""The list of files: every filter in the order of pinyin, alone and together, page by page; and where a township comes from."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from core.db.session import unit_of_work
from core.people.changes.facts import change_address
from core.people.listing import NEVER, FileFilter, list_files, townships
from core.people.models import Person, WorkerFile
from core.people.papers.batches import Wanted, list_now, plan_forms
from core.people.townships import township_in, township_of
from core.tenancy.keys import give_key
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.files_story import Acting, clerk, plant_file
from tests.core.people_story import stale_after_a_year

BEFORE = TODAY.replace(year=TODAY.year - 2)
FILES: tuple[dict[str, Any], ...] = (
    {"pinyin": "an 1", "kind": "deep", "township": "书院街道", "categories": ["laid_off"]},
    {"pinyin": "chen 1", "kind": "deep", "township": "书院街道", "status": "draft", "categories": ["laid_off", "unemployed"]},
    {"pinyin": "bai 1", "township": "三圣乡", "former_kind": "low_income", "categories": ["unemployed"]},
    {"pinyin": "an 1", "kind": "relative", "status": "on_file", "updated_on": BEFORE},
    {"pinyin": "du 1", "kind": "deep", "township": "书院街道", "status": "moved"},
)


@pytest.fixture
def files(acting: Acting) -> list[uuid.UUID]:
    """Five files of a county, and one of another of the same township."""
    stale_after_a_year(acting)
    with acting(OTHER_COUNTY), unit_of_work() as session:
        plant_file(session, 9, "on_file", township="书院街道", kind="deep")
    with clerk(acting), unit_of_work() as session:
        give_key(session)
        return [plant_file(session, at, **{"status": "on_file", **told}) for at, told in enumerate(FILES)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (FileFilter(), [0, 3, 2, 1, 4]),
        (FileFilter(township="书院街道"), [0, 1, 4]),
        (FileFilter(township=NEVER), [3]),
        (FileFilter(category="unemployed"), [2, 1]),
        (FileFilter(category="laid_off", status="on_file"), [0]),
        (FileFilter(kind="deep", township="书院街道", status="draft"), [1]),
        (FileFilter(kind=NEVER), [2]),
        (FileFilter(stale=True), [3]),
        (FileFilter(reassess=True), [2]),
        (FileFilter(township="没有此镇"), []),
    ],
)
def test_filters_alone_and_together_keep_the_order(
    acting: Acting, files: list[uuid.UUID], wanted: FileFilter, found: list[int]
) -> None:
    with clerk(acting), unit_of_work() as session:
        assert [files.index(row.household_id) for row in list_files(session, wanted)] == found
        paged, after = [], None
        while page := list_files(session, wanted, after, 2):
            paged += [files.index(row.household_id) for row in page]
            after = page[-1].file_id
        assert paged == found
        assert townships(session) == ["三圣乡", "书院街道"]


def test_what_the_list_shows_is_what_is_printed(acting: Acting, files: list[uuid.UUID]) -> None:
    """In its order, without files that moved; a job keeps the filter and ids, and no name."""
    wanted = Wanted("forms", FileFilter(township="书院街道"))
    with clerk(acting), unit_of_work() as session:
        (plan,) = plan_forms(session, wanted.params(2))
        ids = {row.file_id: row.household_id for row in list_files(session, wanted.files)}
        assert [ids[uuid.UUID(one)] for one in plan.payload["files"]] == [files[0], files[1]]
        assert set(plan.payload) == {"no", "files"}
        assert list_now(session, replace(wanted, made="list")).data


def test_the_order_follows_the_worker(acting: Acting, files: list[uuid.UUID]) -> None:
    """Whoever writes a file or a person's name, the file's sort key is its worker's: the database sees to it."""
    with clerk(acting), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == files[0])).one()
        file.pinyin = "zz"
        session.flush()
        session.refresh(file)
        assert file.pinyin == "an 1"
        person = session.get_one(Person, (COUNTY, file.worker_id))
        person.pinyin = "zhou 1"
        session.flush()
        assert [row.household_id for row in list_files(session)][-1] == files[0]


def test_an_address_says_the_township_and_a_clerk_has_the_last_word(acting: Acting, files: list[uuid.UUID]) -> None:
    home = files[3]
    with clerk(acting), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == home)).one()
        change_address(session, home, "", {"township": " 三圣乡人民政府 "})
        assert (file.township, [row.household_id for row in list_files(session, FileFilter(township="三圣乡"))]) == (
            "三圣乡",
            [home, files[2]],
        )
        change_address(session, home, "", {"postcode": "610061"})
        assert file.township == "三圣乡"
        change_address(session, home, "", {"township": ""})
        assert file.township is None


@pytest.mark.parametrize(
    ("address", "township"),
    [
        ("四川省成都市锦江区书院街道东风村3组", "书院街道"),
        ("锦江区 东街街道 五组", "东街街道"),
        ("成都市锦江区三圣乡幸福村", "三圣乡"),
        ("锦江区白鹭湾街道办事处旁", "白鹭湾街道"),
        ("锦江区双桂路社区12号", None),
        ("锦江区镇江路1号", None),
        ("锦江区牛市口新镇小区", None),
        ("书院街道东风村", None),
        ("武侯区桂溪街道", None),
        ("", None),
    ],
)
def test_an_address_names_its_township_behind_the_county_or_not_at_all(
    db: Database, acting: Acting, address: str, township: str | None
) -> None:
    with acting(COUNTY):
        assert township_in(address) == township


def test_a_township_is_kept_by_its_name_alone() -> None:
    told = ("书院街道办事处", " 书院 街道 ", "城关镇人民政府", "李乡政府", "经开区", "", None)
    assert [township_of(one) for one in told] == ["书院街道", "书院街道", "城关镇", "李乡", "经开区", None, None]
