"""Taking in a roster: what is written, what is held back, and what the rules then read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select
from xlsxwriter import Workbook

from core.db.session import unit_of_work
from core.errors import Forbidden, InvalidInput
from core.exchange.models import IdentityMark
from core.people.imports.importer import TakenIn, import_roster
from core.people.imports.models import RosterImport
from core.people.models import Household, Person, SearchToken, WorkerFile
from core.people.repository import FactRows, fact_rows
from core.rules.batch import MAX_FEN, MAX_MEMBERS
from core.scope import Scope
from core.tenancy.keys import give_key
from core.trail.models import TrailEntry
from deploy.sample.columns import FILE_SHEET, SUPPLEMENT_SHEET
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY
from tests.recount import recount

Acting = Callable[..., AbstractContextManager[Scope]]
PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
Sheets = dict[str, list[list[Any]]]


@pytest.fixture(scope="module")
def rosters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return generate(tmp_path_factory.mktemp("rosters"), counties=[COUNTY, OTHER_COUNTY], households=40)


@pytest.fixture
def counties(acting: Acting) -> Acting:
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    return acting


def taken_in(acting: Acting, path: Path, tenant: str = COUNTY) -> TakenIn:
    with acting(tenant), unit_of_work() as session:
        return import_roster(session, path, programmes=PROGRAMMES)


def changed(source: Path, target: Path, change: Callable[[Sheets], None]) -> Path:
    """A copy of a roster with changed cells; header in row 0, so ``[number - 1]`` is the row with that number."""
    book = CalamineWorkbook.from_path(source)
    sheets: Sheets = {name: book.get_sheet_by_name(name).to_python() for name in (FILE_SHEET, SUPPLEMENT_SHEET)}
    change(sheets)
    with Workbook(target, {"default_date_format": "yyyy-mm-dd"}) as copy:
        for name, rows in sheets.items():
            sheet = copy.add_worksheet(name)
            for number, row in enumerate(rows):
                for place, cell in enumerate(row):
                    if cell != "":
                        sheet.write(number, place, cell) if not isinstance(cell, str) else sheet.write_string(
                            number, place, cell
                        )
    return target


def place(sheets: Sheets, column: str, sheet: str = FILE_SHEET) -> int:
    return sheets[sheet][0].index(column)


def test_a_roster_is_taken_in_whole_and_once(counties: Acting, rosters: list[Path]) -> None:
    made = taken_in(counties, rosters[0])
    expected = recount.read_county(rosters[0])
    people = sum(len(household["people"]) for household in expected["households"].values())
    assert made.problems == []
    assert (made.households, made.persons, made.held_back) == (len(expected["households"]), people, 0)
    assert taken_in(counties, rosters[0]).id == made.id
    with counties(COUNTY), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == people
        assert session.scalar(select(func.count()).select_from(IdentityMark)) == people
        assert session.scalar(select(func.count()).select_from(TrailEntry)) == 1
        assert session.scalar(select(func.count()).select_from(RosterImport)) == 1
    with counties(OTHER_COUNTY), unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 0


def comparable(facts: FactRows) -> Counter[tuple[object, ...]]:
    """Each household as its figures, in an order that does not depend on ids."""
    members: dict[object, list[tuple[object, ...]]] = {}
    for person in facts.persons:
        assert person.known
        figures = (person.gender == "1", person.birth_date, person.monthly_income_fen, person.residents_pension_fen)
        members.setdefault(person.household_id, []).append((*figures, person.able_to_work, person.aided_elsewhere))
    return Counter(
        (
            household.other_yearly_income_fen,
            tuple(sorted(household.costs.items())),
            tuple(sorted(household.property_flags)),
            household.loss_fen,
            household.compensation_fen,
            household.applied_programmes,
            tuple(sorted(members[household.household_id])),
        )
        for household in facts.households
    )


def test_facts_are_the_workbooks_own_to_the_fen(counties: Acting, rosters: list[Path]) -> None:
    """Compared with a reading of the same workbook that shares no code with the importer."""
    taken_in(counties, rosters[0])
    told = ("male", "birth", "monthly", "pension", "able", "aided")
    expected = Counter(
        (
            household["other_income"],
            tuple(sorted(household["costs"].items())),
            tuple(sorted(household["properties"])),
            household["loss"],
            household["compensation"],
            tuple(household["applied"]),
            tuple(sorted(tuple(person[name] for name in told) for person in household["people"])),
        )
        for household in recount.read_county(rosters[0])["households"].values()
    )
    with counties(COUNTY), unit_of_work() as session:
        facts = fact_rows(session, TODAY)
        assert comparable(facts) == expected
        one = facts.households[3].household_id
        named = fact_rows(session, TODAY, [one])
        assert [row.household_id for row in named.households] == [one]
        assert {row.household_id for row in named.persons} == {one}
        assert fact_rows(session, TODAY, []) == FactRows([], [])


def test_a_bad_cell_holds_back_its_household_and_all_problems_are_told(
    counties: Acting, rosters: list[Path], tmp_path: Path
) -> None:
    def spoil(sheets: Sheets) -> None:
        form = sheets[FILE_SHEET]
        form[1][place(sheets, "身份证号")] = form[1][place(sheets, "身份证号")][:17] + "?"
        form[1][place(sheets, "本人月平均收入")] = 1200.005
        form[1][place(sheets, "住房类型")] = "窑洞"
        form[2][place(sheets, "银行卡号")] = 6217000123456789012

    whole = recount.read_county(rosters[0])["households"]
    made = taken_in(counties, changed(rosters[0], tmp_path / "spoilt.xlsx", spoil))
    told = {(problem["sheet"], problem["row"], problem["column"]) for problem in made.problems}
    assert {(FILE_SHEET, 2, "身份证号"), (FILE_SHEET, 2, "本人月平均收入"), (FILE_SHEET, 2, "住房类型")} <= told
    assert (FILE_SHEET, 3, "银行卡号") in told
    assert made.held_back == 2
    assert made.households == len(whole) - 2
    for problem in made.problems:
        assert all(problem[part] for part in ("zh", "en", "mend_zh", "mend_en"))
    number = whole[1]["people"][0]["number"]
    assert number[6:14] not in str(made.problems)


def test_a_number_in_the_wrong_cell_holds_back_one_household(counties: Acting, rosters: list[Path], tmp_path: Path) -> None:
    """A telephone number as area or income neither stops the import nor, later, the survey of the other households."""
    phone, account = 13800001234, "6217000123456789012"
    wrong: dict[str, list[tuple[str, Any]]] = {
        FILE_SHEET: [("建筑面积", phone), ("本人月平均收入", phone), ("家庭其他年收入", account), ("建筑面积", "约八十")],
        SUPPLEMENT_SHEET: [("意外损失", phone), ("因病刚性支出", str(MAX_FEN // 100 + 1))],
    }

    told: list[tuple[str, str]] = []

    def mistake(sheets: Sheets) -> None:
        for sheet, cells in wrong.items():
            filled = place(sheets, "建档日期" if sheet == SUPPLEMENT_SHEET else "住址", sheet)
            heads = [row for row in sheets[sheet][1:] if row[filled] != ""]
            for row, (column, value) in zip(heads[len(told) :], cells, strict=False):
                row[place(sheets, column, sheet)] = value
            told.extend((sheet, column) for column, _ in cells)

    made = taken_in(counties, changed(rosters[0], tmp_path / "wrong.xlsx", mistake))
    assert made.households == len(recount.read_county(rosters[0])["households"]) - len(told)
    found = [(problem["sheet"], problem["column"]) for problem in made.problems if "wrong column" in problem["mend_en"]]
    assert Counter(found) == Counter(told)
    assert str(phone) not in str(made.problems)
    with counties(COUNTY), unit_of_work() as session:
        facts = fact_rows(session, TODAY)
        assert max(person.monthly_income_fen for person in facts.persons) <= MAX_FEN
        areas = session.scalars(select(Household.floor_area_dm2)).all()
        assert 0 < max(area for area in areas if area is not None) <= 1_000_000


def test_the_two_sheets_are_joined_by_the_number_however_it_was_typed(
    counties: Acting, rosters: list[Path], tmp_path: Path
) -> None:
    def retype(sheets: Sheets) -> None:
        for sheet, change in ((FILE_SHEET, str.lower), (SUPPLEMENT_SHEET, lambda number: f"{number[:6]} {number[6:]}")):
            at = place(sheets, "身份证号", sheet)
            for row in sheets[sheet][1:]:
                row[at] = change(row[at])

    made = taken_in(counties, changed(rosters[0], tmp_path / "retyped.xlsx", retype))
    assert (made.problems, made.held_back) == ([], 0)


def test_more_persons_than_rules_reckon_with_are_no_household(counties: Acting, rosters: list[Path], tmp_path: Path) -> None:
    def pile_up(sheets: Sheets) -> None:
        at, relation = place(sheets, "家庭编号"), place(sheets, "关系")
        first = sheets[FILE_SHEET][1]
        sheets[FILE_SHEET] += [[*first[:relation], "其他", *first[relation + 1 :]] for _ in range(MAX_MEMBERS)]
        assert sheets[FILE_SHEET][-1][at] == first[at]

    made = taken_in(counties, changed(rosters[0], tmp_path / "piled.xlsx", pile_up))
    assert made.held_back == 1
    assert "家庭编号" in {problem["column"] for problem in made.problems if problem["severity"] == "error"}


def test_an_import_needs_its_permission(counties: Acting, rosters: list[Path]) -> None:
    def import_as(*permissions: str) -> TakenIn:
        with counties(COUNTY, actor="clerk", permissions=frozenset(permissions)), unit_of_work() as session:
            return import_roster(session, rosters[0], programmes=PROGRAMMES)

    with pytest.raises(Forbidden, match=re.escape("people.import")):
        import_as("people.write")
    assert import_as("people.import").held_back == 0


def test_who_is_on_file_or_listed_twice_is_held_back(counties: Acting, rosters: list[Path], tmp_path: Path) -> None:
    def again(sheets: Sheets) -> None:
        for name in (FILE_SHEET, SUPPLEMENT_SHEET):
            number = sheets[name][0].index("家庭编号")
            first = [row for row in sheets[name][1:] if row[number] == 1.0]
            sheets[name] += [[*row[:number], 9999.0, *row[number + 1 :]] for row in first]

    doubled = taken_in(counties, changed(rosters[0], tmp_path / "doubled.xlsx", again))
    assert doubled.held_back == 2
    later = taken_in(counties, rosters[0])
    assert (later.households, later.counts["same"], later.held_back) == (1, doubled.households, 0)


def test_what_is_no_roster_is_refused(counties: Acting, rosters: list[Path], tmp_path: Path) -> None:
    text = tmp_path / "text.xlsx"
    text.write_text("no spreadsheet")
    with pytest.raises(InvalidInput, match="没有可识别的名册"):
        taken_in(counties, text)

    def cut(sheets: Sheets) -> None:
        for name in (FILE_SHEET, SUPPLEMENT_SHEET):
            sheets[name] = [["总工会通讯录"], ["联系电话", 12351]]

    with pytest.raises(InvalidInput, match="没有可识别的名册"):
        taken_in(counties, changed(rosters[0], tmp_path / "cut.xlsx", cut))


def test_a_household_shared_by_two_counties_has_equal_marks_and_unequal_tokens(counties: Acting, rosters: list[Path]) -> None:
    taken_in(counties, rosters[0])
    taken_in(counties, rosters[1], OTHER_COUNTY)
    marks, tokens = [], []
    for tenant in (COUNTY, OTHER_COUNTY):
        with counties(tenant), unit_of_work() as session:
            marks.append(set(session.scalars(select(IdentityMark.hash))))
            tokens.append(set(session.scalars(select(Person.identity_token))))
            assert session.scalar(select(func.count()).select_from(WorkerFile)) == len(
                recount.read_county(rosters[(COUNTY, OTHER_COUNTY).index(tenant)])["households"]
            )
            assert session.scalar(select(func.count()).select_from(SearchToken)) is not None
    assert len(marks[0] & marks[1]) >= 3
    assert not tokens[0] & tokens[1]
