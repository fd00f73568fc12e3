"""The sample's rosters: reproducible, committed as generated, plausible, planted, and all synthetic."""

import csv
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from core.divisions import is_known_code
from deploy.sample.__main__ import main
from deploy.sample.columns import (
    EVENT_COLUMNS,
    EVENT_SHEET,
    FILE_COLUMNS,
    FILE_SHEET,
    SUPPLEMENT_COLUMNS,
    SUPPLEMENT_SHEET,
)
from deploy.sample.divisions import DEFAULT_COUNTIES, counties
from deploy.sample.figures import PARAMETERS, figures
from deploy.sample.generate import first_counties, generate
from deploy.sample.identity import CARD_PREFIX, PHONE_PREFIX, card_number, identity_number
from deploy.sample.roster import build
from tests.recount import recount

SAMPLE = Path(PARAMETERS).parent
ROSTERS = SAMPLE / "rosters"
SHEETS = {FILE_SHEET: FILE_COLUMNS, SUPPLEMENT_SHEET: SUPPLEMENT_COLUMNS, EVENT_SHEET: EVENT_COLUMNS}
AUDIT = date(2025, 12, 25)


def cells(path: Path) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


@cache
def rows(county: str, sheet: str) -> list[dict[str, Any]]:
    table = cells(ROSTERS / f"{county}.xlsx")[sheet]
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]


@cache
def totals() -> dict[str, Any]:
    return recount.recount(ROSTERS, PARAMETERS, 2025, date(2025, 9, 1))


def luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


def check_digit(body: str) -> str:
    return "10X98765432"[sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body)) % 11]


def test_the_committed_workbooks_are_what_the_generator_writes(tmp_path: Path) -> None:
    paths = generate(tmp_path, counties=DEFAULT_COUNTIES, households=300)
    assert [path.name for path in paths] == [f"{code}.xlsx" for code in DEFAULT_COUNTIES]
    assert sorted(path.name for path in ROSTERS.iterdir()) == sorted(path.name for path in paths)
    for path in paths:
        assert cells(path) == cells(ROSTERS / path.name)
        assert (ROSTERS / path.name).stat().st_size < 250_000


def test_the_same_arguments_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    def written(folder: str, seed: int) -> list[bytes]:
        paths = generate(tmp_path / folder, counties=("510104", "510105"), households=30, seed=seed)
        return [path.read_bytes() for path in paths]

    assert written("a", 1) == written("b", 1)
    assert written("c", 2) != written("a", 1)


def test_the_command_writes_the_first_counties(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--counties", "4", "--households", "20", "--out", str(tmp_path)])
    expected = [str(tmp_path / f"{code}.xlsx") for code in (*DEFAULT_COUNTIES, "510105")]
    assert capsys.readouterr().out.split() == expected


def test_counties_are_the_whole_province_and_share_no_identity_code() -> None:
    known = counties()
    assert len(known) == 183
    assert tuple(known)[:3] == DEFAULT_COUNTIES
    codes = [code for one in known.values() for code in (*(old for old, _ in one.retired), *one.outside)]
    assert len(codes) == len(set(codes))
    for wrong in (["510104", "510104"], ["999999"]):
        with pytest.raises(LookupError):
            generate(Path(), counties=wrong, households=10)
    with pytest.raises(ValueError, match="1 to 183"):
        first_counties(184)


def test_every_county_has_its_figures() -> None:
    assert all(figures(code, 2025).line > 0 for code in counties())
    with PARAMETERS.open(encoding="utf-8", newline="") as text:
        table = list(csv.DictReader(text))
    assert list(table[0]) == ["tenant_code", "name", "valid_from", "value", "source", "clause"]
    assert all("样例数据" in row["source"] and row["clause"].startswith("domain ") for row in table)
    assert len({row["tenant_code"] for row in table if row["tenant_code"].endswith("00")}) == 22


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_sheets_and_columns_stand_in_their_order(county: str) -> None:
    table = cells(ROSTERS / f"{county}.xlsx")
    assert {name: tuple(sheet[0]) for name, sheet in table.items()} == SHEETS
    assert list(table) == list(SHEETS)


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_people_are_consistent_and_synthetic(county: str) -> None:
    people = rows(county, FILE_SHEET)
    numbers = [row["身份证号"] for row in people]
    assert len(set(numbers)) == len(numbers)
    assert numbers == [row["身份证号"] for row in rows(county, SUPPLEMENT_SHEET)]
    for row in people:
        number = row["身份证号"]
        assert number[17] == check_digit(number[:17])
        assert is_known_code(number[:6])
        assert number[6:14] == row["出生日期"].replace("-", "")
        assert (int(number[16]) % 2 == 1) == (row["性别"] == "男")
        if row["关系"] == "户主":
            assert row["银行卡号"].startswith(CARD_PREFIX)
            assert luhn(row["银行卡号"])
            assert row["手机"].startswith(PHONE_PREFIX)
    assert any(number[:6] not in counties() for number in numbers)


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_households_are_blocks_of_one_to_six_with_one_head(county: str) -> None:
    people = rows(county, FILE_SHEET)
    sizes = Counter(int(row["家庭编号"]) for row in people)
    heads = [row for row in people if row["关系"] == "户主"]
    assert list(sizes) == list(range(1, len(heads) + 1))
    assert set(sizes.values()) == {1, 2, 3, 4, 5, 6}
    assert 280 <= len(heads) - 2 <= 320
    assert all(int(row["家庭人口"]) == sizes[int(row["家庭编号"])] for row in heads)


@pytest.mark.parametrize("county", ["510304", "510603"])
def test_nobody_in_a_roster_is_born_after_it_was_filled_in(county: str) -> None:
    """These two had an infant born between the roster's day and the decision day."""
    codes = first_counties(183)
    place = codes.index(county)
    known = counties()
    ring = (known[codes[place - 1]], known[codes[(place + 1) % len(codes)]])
    built = build(known[county], ring, 200, 20250101, 2025)
    assert max(person.birth for household in built.households for person in household.people) < date(2025, 8, 28)


def test_names_of_every_sort_occur() -> None:
    names = [row["姓名"] for county in DEFAULT_COUNTIES for row in rows(county, FILE_SHEET)]
    assert any("·" in name for name in names)
    assert {"欧阳", "诸葛"} & {name[:2] for name in names}
    assert {"单", "解", "仇", "曾"} <= {name[0] for name in names}


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_the_recount_finds_every_household_as_it_was_built(county: str) -> None:
    known = counties()
    place = DEFAULT_COUNTIES.index(county)
    ring = (known[DEFAULT_COUNTIES[place - 1]], known[DEFAULT_COUNTIES[(place + 1) % 3]])
    roster = build(known[county], ring, 300, 20250101, 2025)
    resolved = recount.figures_of(county, date(2025, 9, 1), recount.read_parameters(PARAMETERS))
    read = recount.read_county(ROSTERS / f"{county}.xlsx")["households"]
    found = [recount.judge(read[one.number], resolved, date(2025, 9, 1)) for one in roster.households]
    assert [one["kind"] for one in found] == [one.kind for one in roster.households]
    entitled = [one.entitled() for one in roster.households]
    assert ["yearly_living" in one["amounts"] for one in found] == entitled


def test_shares_of_the_kinds_are_plausible() -> None:
    result = totals()
    share = {kind: 100 * count / result["households"] for kind, count in result["eligible_by_kind"].items()}
    assert 30 <= share["deep"] <= 44
    assert 14 <= share["relative"] <= 26
    assert 3 <= share["accident"] <= 9


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_every_limit_is_met_from_both_sides(county: str) -> None:
    resolved = recount.figures_of(county, date(2025, 9, 1), recount.read_parameters(PARAMETERS))
    heights = set()
    for household in recount.read_county(ROSTERS / f"{county}.xlsx")["households"].values():
        monthly = [recount.counted_monthly(one, resolved, date(2025, 9, 1)) for one in household["people"]]
        costs = sum(household["costs"][kind] for kind in resolved["rigid_expense_kinds"])
        net = 12 * sum(monthly) + household["other_income"] - costs
        line = resolved["minimum_living_standard"] * 12 * len(household["people"])
        heights |= {("deep", net - line), ("relative", net - line * resolved["relative_multiple"] // 10_000)}
        heights |= {("medical", household["costs"]["illness"] - 500_000)}
    assert {(limit, fen) for limit in ("deep", "relative", "medical") for fen in (-1, 0)} <= heights


@pytest.mark.parametrize(("male", "years"), [(True, 60), (False, 55), (True, 16), (False, 16)])
def test_working_ages_are_met_at_their_limits(male: bool, years: int) -> None:
    birthday = date(2025 - years, 9, 1)
    wanted = {str(birthday), str(birthday + timedelta(days=1))}
    found = {
        row["出生日期"]
        for county in DEFAULT_COUNTIES
        for row in rows(county, FILE_SHEET)
        if (row["性别"] == "男") == male and "失（无）业" in (row["工作状态"], row["身份"])
    }
    assert wanted & found if years == 16 else wanted <= found


def planted(county: str, kind: str) -> list[dict[str, Any]]:
    return [row for row in rows(county, EVENT_SHEET) if row["事项"] == kind]


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_at_least_two_of_every_plant(county: str) -> None:
    assert all(len(planted(county, kind)) >= 2 for kind in ("材料撤回", "收入更正", "新增成员", "银行退回"))
    one = next(one for one in totals()["by_county"] if one["county"] == county)
    assert all(count >= 2 for count in one["findings_by_check"].values())
    assert all(one["findings"][severity] >= 2 for severity in ("critical", "major", "minor"))
    stale = sorted(row["档案更新日期"] for row in rows(county, SUPPLEMENT_SHEET) if row["档案更新日期"])
    assert {AUDIT - timedelta(days=days) for days in (365, 366)} <= set(stale)


@pytest.mark.parametrize("county", DEFAULT_COUNTIES)
def test_newcomers_have_numbers_of_their_own(county: str) -> None:
    numbers = {row["身份证号"] for row in rows(county, FILE_SHEET)}
    for row in planted(county, "新增成员"):
        facts = dict(part.split("：") for part in row["说明"].split("；"))
        assert list(facts) == ["姓名", "关系", "性别", "出生日期", "身份证号"]
        assert facts["身份证号"][17] == check_digit(facts["身份证号"][:17])
        assert facts["身份证号"] not in numbers


def in_several(paths: Sequence[Path]) -> Counter[str]:
    """Identity numbers standing in several rosters."""
    found: Counter[str] = Counter()
    for path in paths:
        found.update(str(row[FILE_COLUMNS.index("身份证号")]) for row in cells(path)[FILE_SHEET][1:])
    return Counter({number: times for number, times in found.items() if times > 1})


def test_only_whole_planted_households_stand_in_two_counties(tmp_path: Path) -> None:
    assert set(in_several([ROSTERS / f"{code}.xlsx" for code in DEFAULT_COUNTIES]).values()) == {2}
    for count in (1, 2, 5):
        paths = generate(tmp_path / str(count), counties=first_counties(count), households=60)
        shared = in_several(paths)
        assert len(shared) == 3 * (count if count > 1 else 0)
        assert set(shared.values()) <= {2}


def test_numbers_carry_their_check_digits() -> None:
    assert identity_number("110105", date(1949, 12, 31), 2) == "11010519491231002X"
    assert luhn(card_number("510104", 1))
    assert len(card_number("510104", 12345678)) == 19


def test_the_description_names_every_column_and_event() -> None:
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    missing = [column for columns in SHEETS.values() for column in columns if f"| {column} |" not in text]
    assert not missing
    assert all(kind in text for kind in ("材料撤回", "收入更正", "新增成员", "银行退回"))
