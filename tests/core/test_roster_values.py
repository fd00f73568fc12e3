"""Values of rosters in general: numbers, days and amounts in every spelling, and cells that nobody foresaw."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.people.identity_number import check_identity_number
from core.people.roster import FIELDS, HouseholdDraft, check, targets, understand
from core.people.roster.amounts import AmountReader, chinese_number
from core.people.roster.days import DayReader
from core.people.roster.fields import column_label, field_of
from core.people.roster.headings import HEADINGS, heading_key, meaning_of
from core.people.roster.identity import IdentityReader, born, sex
from core.people.roster.problems import Fault
from core.people.roster.understanding import letter_of
from core.people.roster.values import NO_VALUE, Told, name, phone
from core.rules.batch import MAX_FEN
from core.spreadsheets.cells import Cell, FaultyCell
from core.text.normalise import fold_name
from tests.roster_corpus.case import COUNTY, DAY, PROGRAMMES, Case, CaseReading, Sheet, number

READ = IdentityReader(DAY, of_text=False)
_DAYS = st.dates(date(1930, 1, 1), date(2025, 8, 31))
NUMBERS = st.builds(lambda day, sequence: number(f"{day:%Y%m%d}", sequence), _DAYS, st.integers(1, 999))
QUICK = settings(max_examples=60, deadline=None, database=None)
_FULL = {48 + digit: 0xFF10 + digit for digit in range(10)}


@QUICK
@given(NUMBERS)
def test_a_sound_number_is_read_as_the_slow_rules_read_it(whole: str) -> None:
    slow = check_identity_number(whole, DAY)
    for typed in (whole, whole.lower(), f"'{whole}", f" {whole[:6]}\u3000{whole[6:]}\xa0", whole.translate(_FULL)):
        read = READ(typed)
        assert (read.value if isinstance(read, Told) else read) == slow.number.reveal()
    assert (born(whole), sex(whole)) == (slow.birth_date, slow.sex.value)


@QUICK
@given(NUMBERS)
def test_every_number_that_went_through_a_float_is_refused(whole: str) -> None:
    """Whatever the check digit says: as a number, as digits of one, and as the text that a program makes of it."""
    digits = whole[:17] + whole[17].replace("X", "0")
    kept = float(digits)
    of_text = IdentityReader(DAY, of_text=True)
    for damaged in (kept, int(kept), int(digits), f"{kept:.5E}", f"{digits[:15]}000"):
        assert isinstance(of_text(damaged), Fault)
    assert isinstance(READ(kept), Fault)


@QUICK
@given(st.text(alphabet="0123456789Xx ’'１２", min_size=10, max_size=20))
def test_no_other_number_passes(typed: str) -> None:
    read = READ(typed)
    if isinstance(read, str):
        assert check_identity_number(read, DAY).number.reveal() == read
    elif isinstance(read, Fault):
        with pytest.raises(InvalidInput):
            check_identity_number(typed.strip("'’ "), DAY)


@QUICK
@given(_DAYS)
def test_a_day_is_read_in_every_usual_form(day: date) -> None:
    reader, in_1904 = DayReader(date_1904=False), DayReader(date_1904=True)
    year, month, number_of_day = day.year, day.month, day.day
    for typed in (
        day,
        datetime.combine(day, time(8, 30)),
        day.isoformat(),
        f"{year}/{month}/{number_of_day}",
        f"{year}.{month:02d}.{number_of_day:02d}",
        f"{year}年{month}月{number_of_day}日".translate(_FULL),
        f"{day:%Y%m%d}",
        int(f"{day:%Y%m%d}"),
        f"{day} 00:00:00",
        f"{day}T08:00:00Z",
        (day - date(1899, 12, 30)).days,
    ):
        assert reader(typed) == day, typed
    if year > 1935:
        assert in_1904((day - date(1904, 1, 1)).days) == day
    assert reader(f"{month}/{number_of_day}/{year}") == Fault("date_order")
    assert isinstance(reader(float(f"{year}.{month:02d}")), Fault)


@QUICK
@given(st.integers(0, MAX_FEN))
def test_an_amount_is_exact_to_the_fen_in_every_usual_form(fen: int) -> None:
    reader = AmountReader()
    yuan = Decimal(fen) / 100
    for typed in (float(yuan), f"{yuan:,.2f}", f"￥{yuan:.2f}", f"{yuan:.2f}元", f"人民币{yuan:.2f}", f"{yuan / 10_000}万元"):
        assert reader(typed) == fen, typed
    assert isinstance(reader(f"-{yuan:.2f}"), Fault)
    assert isinstance(reader(f"{yuan:.2f}5"), Fault)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("一千二百", 1200), ("三万五千", 35000), ("十五", 15), ("两百零五", 205), ("壹仟", 1000), ("甲", None), ("一二", None)],
)
def test_chinese_numerals(typed: str, value: int | None) -> None:
    assert chinese_number(typed) == value


@QUICK
@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=20))
def test_a_name_stays_as_it_is_written(written: str) -> None:
    # Hypothesis knows the texts of the code, and draws a heading now and then.
    assume(written not in NO_VALUE and all(written not in (field.zh, *field.also) for field in FIELDS))
    for typed in (written, f"\u200b{written}\u3000", f"'{written}"):
        assert name(typed) == written
    assert name(f"{written}•{written}") == f"{written}•{written}"
    assert fold_name(f"{written}•{written}") == fold_name(f"{written}·{written}")


def test_phones() -> None:
    assert phone("+86 138-0000-0001") == "13800000001"
    assert phone(13800000001.0) == "13800000001"
    assert phone("0839 1234567") == "08391234567"


_CELLS: st.SearchStrategy[Cell] = st.one_of(
    st.none(), st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes(), st.times(),
    st.timedeltas(), st.sampled_from(["户主", "是", "无", "2024-01", "合计", "1.2万", "￥", "\ud800", "\x00", "E+17",
        "一月", "年", ":", "…" * 600]),
    st.just(FaultyCell("error", "#REF!")), st.just(FaultyCell("no_value", "")),
)  # fmt: skip
_HEADINGS = [field.zh for field in FIELDS] + ["户主姓名", "配偶姓名", "成员2姓名", "成员2身份证号", "怪列", "", "年收入(万元)"]


@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_no_cell_whatever_stops_a_check(data: st.DataObject) -> None:
    headings = data.draw(st.lists(st.sampled_from(_HEADINGS), min_size=1, max_size=10))
    width = len(headings) + 2
    rows = data.draw(st.lists(st.lists(_CELLS, min_size=1, max_size=width + 1), max_size=6))
    people: list[list[Cell]] = [["户主", "陈安", number("19800315", 11), *row] for row in rows]
    sheets = (Sheet("甲", [["关系", "姓名", "身份证号", *headings], *people, *rows]), Sheet("乙", rows))
    reading = CaseReading(Case("any", sheets))
    understanding = understand(reading, {})
    if understanding.refusal is not None:
        return
    checked = check(reading, understanding, DAY, PROGRAMMES, county=COUNTY)
    for problem in checked.problems:
        assert problem.as_json()["message"]
    assert all(isinstance(draft, HouseholdDraft) and draft.worker.relation == "head" for draft in checked.drafts)


def test_declared_columns_are_sound() -> None:
    """No heading names two fields (the table of headings refuses that when it is made); every field is found by its own."""
    for field in FIELDS:
        assert HEADINGS[heading_key(field.zh)][0] is field
        assert meaning_of((field.zh,)).target == field.code
        for word in field.also:
            assert meaning_of((f"* 3、{word}（必填）",)).target == field.code, word
    assert len({target for target, _ in targets()}) == len(targets())
    assert all(field_of(target) for target, _ in targets())


def test_labels_of_columns_and_letters() -> None:
    assert column_label("person_fact", "income_wage_fen") == "工资性收入"
    assert column_label("household_fact", "cost_illness_fen") == "因病刚性支出"
    assert column_label("file", "opinions") == "各级工会意见"
    assert [letter_of(index) for index in (0, 25, 26, 51, 702)] == ["A", "Z", "AA", "AZ", "AAA"]


def test_a_household_that_only_the_database_shows_is_held_back() -> None:
    rows: list[list[Cell]] = [["姓名", "身份证号", "职工编号"], ["陈安", number("19800315", 11), "D1"]]
    reading = CaseReading(Case("one", (Sheet("名册", rows),)))
    checked = check(reading, understand(reading, {}), DAY, PROGRAMMES, county=COUNTY)
    draft = checked.drafts[0]
    checked.doubt(draft, None, "name_differs", "name", name="陈*")
    assert checked.held_back == set()
    checked.hold_back(draft, None, "file_number_taken", "file_number")
    assert checked.held_back == {draft.key}
    assert [(one.row, one.column, one.value) for one in checked.problems] == [(2, "姓名", "陈*"), (2, "职工编号", "D1")]
    assert (checked.counts["errors"], checked.counts["warnings"]) == (1, 1)
    assert timedelta(0) == checked.drafts[0].worker.birth_date - date(1980, 3, 15)
