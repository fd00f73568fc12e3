"""The list as a workbook: in the columns of the import, to be taken in again; masked by default, harmless always."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from core.db.session import unit_of_work
from core.people.models import HouseholdFact, Person, WorkerFile
from core.people.papers.attachments import photos_of
from core.people.papers.batches import Wanted, list_now
from core.people.papers.export import COLUMNS, NOTE_SHEET, SHEET, file_list
from core.people.papers.form import sheets_of
from core.people.roster import check, understand
from core.people.service import import_roster
from core.people.whole_files import DAMAGED, full_values, whole_files
from core.printing.forms import Foot
from core.spreadsheets.reading import open_spreadsheet
from core.tenancy.keys import give_key
from core.text.pinyin import name_pinyin
from core.trail.models import ReadLog, TrailEntry
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.files_story import Acting
from tests.plugins.trials import statements

PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
RIGHTS = frozenset({"people.read", "people.reveal", "people.import", "survey.read", "case.read"})
FILES = 11
"""Of the sample's twelve households one is held back, for a fault that is planted in it."""
ODD_NAMES = ("𠮷𡈽㐱", "阿依古丽·买买提江", "欧阳䶮", "古丽巴哈尔•阿不都热依木", "Ó Súilleabháin", "王" * 50)
ODD_TEXTS = ("=1+1", "-5", "+86 县医院", "@SUM(A1)", "第一行\n第二行", "00123", "1E5", "2025-01-01", "#N/A")


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY], households=12)[0]


@pytest.fixture
def county(acting: Acting, roster: Path) -> Acting:
    """A county with files in which stands what spreadsheets are known to spoil, and another one without any."""
    for tenant in (COUNTY, OTHER_COUNTY):
        with acting(tenant), unit_of_work() as session:
            give_key(session)
    with acting(), unit_of_work() as session:
        import_roster(session, roster, programmes=PROGRAMMES)
        for person, name in zip(session.scalars(select(Person).order_by(Person.id)), ODD_NAMES, strict=False):
            person.name, person.pinyin = name, name_pinyin(name).sort_key
        for file, text in zip(session.scalars(select(WorkerFile).order_by(WorkerFile.id)), ODD_TEXTS, strict=False):
            file.remark, file.employer_name = text, text.replace("\n", " ")
    return acting


def exported(acting: Acting, tenant: str = COUNTY, reason: str | None = "报送复核") -> bytes:
    with acting(tenant, actor="clerk", permissions=RIGHTS), unit_of_work() as session:
        return list_now(session, Wanted("list", reason=reason)).data


def rows_of(data: bytes) -> list[dict[str, Any]]:
    head, *rows = CalamineWorkbook.from_filelike(BytesIO(data)).get_sheet_by_name(SHEET).to_python()
    assert head == [field.zh for field in COLUMNS]
    return [dict(zip(map(str, head), row, strict=True)) for row in rows]


def test_days_and_amounts_fit_into_their_columns() -> None:
    """A spreadsheet shows ``####`` for a day or an amount that is wider than its column."""
    foot = Foot("明远县总工会", "王芳", TODAY)
    with ZipFile(BytesIO(file_list([], foot, 0))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    spans = re.findall(r'<col min="(\d+)" max="(\d+)" width="([\d.]+)"', sheet)
    wide = {at: float(width) for first, last, width in spans for at in range(int(first), int(last) + 1)}
    shown = [at for at, field in enumerate(COLUMNS, 1) if field.holds in ("day", "birth", "month", "money", "sum")]
    narrow = [COLUMNS[at - 1].zh for at in shown if wide[at] < 12]
    assert (len(wide), narrow) == (len(COLUMNS), [])


def test_masked_by_default_and_whole_on_record(county: Acting) -> None:
    masked = exported(county, reason=None)
    rows, whole = rows_of(masked), rows_of(exported(county))
    numbers = {str(row["身份证号"]) for row in whole}
    secrets = {str(row[name]) for row in whole for name in ("身份证号", "手机", "银行卡号") if row[name]}
    assert len(rows) == len(whole) == len(numbers)
    assert not secrets & {str(value) for row in rows for value in row.values()}
    assert all("****" in str(row["身份证号"]) for row in rows)
    book = CalamineWorkbook.from_filelike(BytesIO(masked))
    assert f"共 {FILES} 份 · 证件号码等已遮盖" in str(book.get_sheet_by_name(NOTE_SHEET).to_python())
    with county(), unit_of_work() as session:
        looks = session.scalars(select(ReadLog).where(ReadLog.what == "identity_number")).all()
        assert len(looks) == len(numbers)
        assert {(look.actor, look.reason) for look in looks} == {("clerk", "报送复核")}
        printed = session.scalars(select(TrailEntry).where(TrailEntry.action == "people.printed")).all()
        assert len(printed) == 2


def test_a_damaged_key_is_told_in_its_place_and_keeps_nobody_else_from_the_list(county: Acting, db: Database) -> None:
    before = rows_of(exported(county))
    with county(), unit_of_work() as session:
        broken, torn = session.execute(select(Person.id, Person.name).order_by(Person.id).limit(2)).all()
    with db.owner.begin() as connection:
        connection.execute(update(Person).values(wrapped_key=bytes(60)).where(Person.id == broken.id))
        connection.execute(update(Person).values(identity_cipher=bytes(60)).where(Person.id == torn.id))
    rows = rows_of(exported(county))
    changed = {str(row["姓名"]): row["身份证号"] for row, was in zip(rows, before, strict=True) if row != was}
    assert changed == dict.fromkeys((broken.name, torn.name), DAMAGED)
    with county(), unit_of_work() as session:
        looks = select(ReadLog.subject_id).where(ReadLog.what == "identity_number")
        assert [session.scalars(looks.where(ReadLog.subject_id == one.id)).all() for one in (broken, torn)] == [
            [broken.id],
            [torn.id],
        ]


def test_many_files_cost_no_more_questions_than_one(county: Acting, db: Database) -> None:
    with county(actor="clerk", permissions=RIGHTS), unit_of_work() as session:
        homes = list(session.scalars(select(WorkerFile.household_id)))

    def asked(few: int) -> int:
        with county(actor="clerk", permissions=RIGHTS), unit_of_work() as session, statements(db) as said:
            files = whole_files(session, homes[:few])
            sheets = sheets_of(files, "", full=full_values(session, files, "报送复核"), photos=photos_of(session, files))
            assert len(sheets) == few
            return len(said)

    assert asked(1) == asked(FILES) <= 11


def test_nothing_in_it_runs_and_nothing_is_spoilt(county: Acting) -> None:
    rows = rows_of(exported(county))
    assert {str(row["备注"]) for row in rows if row["备注"]} >= set(ODD_TEXTS)
    assert {row["姓名"] for row in rows} >= set(ODD_NAMES)
    assert all(isinstance(row["身份证号"], str) for row in rows)
    with county(), unit_of_work() as session:
        costs = sorted(fact.cost_illness_fen for fact in session.scalars(select(HouseholdFact)))
    assert sorted(round(100 * float(row["因病刚性支出"] or 0)) for row in rows if row["住址"]) == costs


def test_what_is_exported_is_understood_without_a_word(county: Acting, tmp_path: Path) -> None:
    path = tmp_path / "名册.xlsx"
    path.write_bytes(exported(county))
    with open_spreadsheet(path) as reading:
        understood = understand(reading, {})
        checked = check(reading, understood, TODAY, PROGRAMMES, county=COUNTY)
    told = [(one.kind, one.column, one.value) for one in checked.problems]
    assert [one for one in told if one[0] not in {"other_county"}] == []
    assert len(checked.drafts) == FILES
    given = {person.number: person.name for draft in checked.drafts for person in draft.people}
    assert set(given.values()) >= set(ODD_NAMES)
    assert {draft.file.get("remark") for draft in checked.drafts} >= set(ODD_TEXTS)


def test_taken_in_by_an_empty_county_it_gives_the_same_files(county: Acting, tmp_path: Path) -> None:
    data = exported(county)
    path = tmp_path / "名册.xlsx"
    path.write_bytes(data)
    with county(OTHER_COUNTY, actor="clerk", permissions=RIGHTS), unit_of_work() as session:
        made = import_roster(session, path, programmes=PROGRAMMES)
        assert (made.households, made.held_back) == (FILES, 0)
    assert rows_of(exported(county, OTHER_COUNTY)) == rows_of(data)


def test_taken_in_again_it_changes_nothing(county: Acting, tmp_path: Path) -> None:
    data = exported(county)
    path = tmp_path / "名册.xlsx"
    path.write_bytes(data)
    with county(actor="clerk", permissions=RIGHTS), unit_of_work() as session:
        import_roster(session, path, programmes=PROGRAMMES)
    assert rows_of(exported(county)) == rows_of(data)
