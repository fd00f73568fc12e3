"""The recount's rules on tiny workbooks; every expected value is worked out by hand (line: 12,000 yuan a year a head)."""

from pathlib import Path

import pytest

from tests.recount.tiny import Home, Somebody, alone, counted, row

CAR = "拥有、经常使用机动车辆"


def kinds(result: dict[str, dict[str, int]]) -> tuple[int, int, int]:
    found = result["eligible_by_kind"]
    return found["deep"], found["relative"], found["accident"]


def test_deep_and_relative_differ_by_a_fen(tmp_path: Path) -> None:
    # deep below 12,000; relative below 1.5 x 12,000 = 18,000
    homes = [alone("a", 11999.99), alone("b", 12000), alone("c", 17999.99), alone("d", 18000)]
    result = counted(tmp_path, homes)
    assert kinds(result) == (1, 2, 0)
    assert result["eligible"] == 3
    # relative difficulty alone is no ground of yearly relief
    assert result["cases_by_programme"] == {"yearly_living": 1, "medical": 0, "schooling": 0}
    assert result["paid_fen"]["appropriation"] == {"living": 120_000}


def test_rigid_costs_lower_the_net_income_but_work_cost_does_not(tmp_path: Path) -> None:
    rigid = {"因病刚性支出": 1000, "因残刚性支出": 2000, "因学刚性支出": 500, "住房刚性支出": 400, "长期照料费用": 100.01}
    # 16,000 - 4,000.01 = 11,999.99: deep; work and other costs of 4,000.01 leave 16,000: relative
    loose = {"必要就业成本": 2000, "其他刚性支出": 2000.01}
    assert kinds(counted(tmp_path, [alone("a", 16000, costs=rigid), alone("b", 16000, costs=loose)])) == (1, 1, 0)


def test_relative_multiple_of_two(tmp_path: Path) -> None:
    homes = [alone("a", 23999.99), alone("b", 24000)]
    assert kinds(counted(tmp_path, homes, rows=[row("relative_multiple", "20000", tenant="510100")])) == (0, 1, 0)


def test_accident_by_share_of_income(tmp_path: Path) -> None:
    # 80 % of 60,000 is 48,000, which leaves 12,000, exactly the line: neither condition holds until a fen more
    homes = [
        alone("a", 60000, loss=48000),
        alone("b", 60000, loss=48000.01),
        alone("c", 60000, loss=58000.01, compensation=10000),
        alone("d", 60000, loss=58000, compensation=10000),
        alone("e", 60000, loss=5000, compensation=9000),
    ]
    result = counted(tmp_path, homes)
    assert kinds(result) == (0, 0, 2)
    assert result["cases"] == 0


def test_accident_by_what_is_left(tmp_path: Path) -> None:
    # half of 24,000 is under the share; 12,000 left is the line itself, 11,999.99 is below it
    homes = [alone("a", 24000, loss=12000), alone("b", 24000, loss=12000.01)]
    assert kinds(counted(tmp_path, homes)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("person", "deep"),
    [
        (Somebody("a", "失（无）业", birth="1965-09-02"), 0),  # a man of 59
        (Somebody("a", "失（无）业", birth="1965-09-01"), 1),  # 60 on the day
        (Somebody("a", "下（待）岗", birth="1970-09-02", male=False), 0),  # a woman of 54
        (Somebody("a", "下（待）岗", birth="1970-09-01", male=False), 1),  # 55 on the day
        (Somebody("a", "失（无）业", birth="1985-01-01", able=False), 1),
        (Somebody("a", "在岗", birth="1985-01-01"), 1),
        (Somebody("a", "失（无）业", monthly=999.99, birth="1985-01-01"), 0),
    ],
)
def test_imputed_minimum_wage_of_the_worker(tmp_path: Path, person: Somebody, deep: int) -> None:
    # imputed 2,000 x 12 = 24,000, no difficulty; otherwise nothing or little: deep
    rows = [row("minimum_wage", "200000"), row("impute_minimum_wage", "true")]
    assert kinds(counted(tmp_path, [Home([person])], rows=rows)) == (deep, 0, 0)


def test_nothing_is_imputed_where_the_county_does_not(tmp_path: Path) -> None:
    homes = [Home([Somebody("a", "失（无）业")])]
    assert kinds(counted(tmp_path, homes, rows=[row("minimum_wage", "200000")])) == (1, 0, 0)


def test_imputed_minimum_wage_of_a_member_from_sixteen(tmp_path: Path) -> None:
    # two people: 24,000; imputed 24,000 is not below it (relative), without it deep
    homes = [
        Home([Somebody("a"), Somebody("b", "失（无）业", birth="2009-09-01")]),
        Home([Somebody("c"), Somebody("d", "失（无）业", birth="2009-09-02")]),
    ]
    rows = [row("minimum_wage", "200000"), row("impute_minimum_wage", "true")]
    assert kinds(counted(tmp_path, homes, rows=rows)) == (1, 1, 0)


@pytest.mark.parametrize(("counts", "expected"), [("true", (0, 2, 0)), ("false", (1, 1, 0))])
def test_residents_pension(tmp_path: Path, counts: str, expected: tuple[int, int, int]) -> None:
    # 1,000 + 1,000 a month is 24,000 for two, not below the line; without the pension 12,000 is.
    # A pension above the income counts as nought, never less: 24,000 of other income stay.
    homes = [
        Home([Somebody("a", monthly=1000), Somebody("b", "无劳动能力", monthly=1000, pension=1000)]),
        Home([Somebody("c"), Somebody("d", "无劳动能力", monthly=100, pension=300)], other=24000),
    ]
    assert kinds(counted(tmp_path, homes, rows=[row("count_residents_pension", counts)])) == expected


def test_property_excludes_whatever_the_income(tmp_path: Path) -> None:
    homes = [
        alone("a", 0, properties=CAR),
        alone("b", 0, properties=f"{CAR}；两套（含）以上住房", rank="全国劳模"),
        alone("c", 0, costs={"因病刚性支出": 9000}, properties=CAR, apply="医疗救助"),
    ]
    result = counted(tmp_path, homes)
    assert (result["eligible"], result["cases"]) == (0, 0)
    other = row("property_exclusions", '["two_dwellings"]', tenant="510104")
    assert kinds(counted(tmp_path, homes, rows=[other])) == (2, 0, 0)


def test_model_workers(tmp_path: Path) -> None:
    homes = [
        alone("a", 90000, rank="全国劳模"),  # no difficulty: 600
        alone("b", 90000, rank="省部级劳模"),  # 600
        alone("c", 90000, rank="县级劳模"),  # nothing
        alone("d", 90000, rank="其他"),  # nothing
        alone("e", 12000, rank="地市级劳模"),  # relative: 800
        alone("f", 24000, rank="地市级劳模", loss=12000.01),  # accident: 1,000
        alone("g", 100, rank="地市级劳模"),  # deep: 1,200
        alone("h", 90000, rank="地市级劳模", apply=""),  # has not asked
    ]
    result = counted(tmp_path, homes)
    assert result["cases"] == 5
    assert result["paid_fen"]["appropriation"]["living"] == 60_000 * 2 + 80_000 + 100_000 + 120_000


def test_living_relief_stops_at_the_ceiling(tmp_path: Path) -> None:
    # one month of the line, 1,000 yuan: deep 1,200 is cut, relative 800 is not
    homes = [alone("a", 0), alone("b", 12000, rank="地市级劳模")]
    result = counted(tmp_path, homes, rows=[row("living_ceiling_months", "1", tenant="510104")])
    assert result["paid_fen"]["appropriation"]["living"] == 100_000 + 80_000


def test_medical_relief_from_the_threshold_to_the_cap(tmp_path: Path) -> None:
    def ill(number: str, cost: float, other: float = 0) -> Home:
        return alone(number, other, costs={"因病刚性支出": cost}, apply="医疗救助")

    homes = [
        ill("a", 4999.99),  # nothing
        ill("b", 5000),  # 2,500
        ill("c", 5000.01),  # half of 500,001 fen, cut to whole fen: 250,000
        ill("d", 12000),  # 6,000, cut to 5,000
        ill("e", 8000, other=20000),  # 20,000 - 8,000 = 12,000: relative, 4,000
        ill("f", 8000, other=30000),  # not in difficulty
    ]
    result = counted(tmp_path, homes)
    assert result["cases_by_programme"]["medical"] == 4
    assert result["paid_fen"]["union"]["medical"] == 250_000 + 250_000 + 500_000 + 400_000


def test_schooling_aid_per_student_not_aided_elsewhere(tmp_path: Path) -> None:
    def family(number: str, *children: Somebody, other: float = 0) -> Home:
        return Home([Somebody(number), *children], other=other, apply="金秋助学")

    homes = [
        family("a", Somebody("a1", "大学生"), Somebody("a2", "高中")),  # 5,000 + 3,000
        family("b", Somebody("b1", "研究生", aided=True), Somebody("b2", "中职中技")),  # 3,000
        family("c", Somebody("c1", "大学生", aided=True)),  # nothing, so no case
        family("d", Somebody("d1", "初中")),  # nothing
        family("e", Somebody("e1", "研究生"), other=36000),  # not in difficulty: 3/2 of 24,000 reached
        family("f", Somebody("f1", "研究生"), other=35999.99),  # relative: 5,000
    ]
    result = counted(tmp_path, homes)
    assert result["cases_by_programme"]["schooling"] == 3
    assert result["paid_fen"]["donation"]["schooling"] == 800_000 + 300_000 + 500_000


def test_one_household_with_every_programme(tmp_path: Path) -> None:
    home = Home(
        [Somebody("a"), Somebody("b", "高中")],
        costs={"因病刚性支出": 6000},
        apply="年度生活救助；医疗救助；金秋助学",
    )
    result = counted(tmp_path, [home])
    assert (result["counties"], result["households"], result["persons"], result["cases"]) == (1, 1, 2, 3)
    assert result["paid_fen"] == {
        "appropriation": {"living": 120_000},
        "union": {"medical": 300_000},
        "donation": {"schooling": 300_000},
    }


def test_the_most_local_level_wins_and_inside_it_the_latest_date(tmp_path: Path) -> None:
    name = "minimum_living_standard"
    homes = [alone("a", 9600), alone("b", 9599.99)]
    older = row(name, "80000", "2021-01-01", "510104")
    later = row(name, "999999", "2025-09-02", "510104")
    prefecture = row(name, "120000", "2025-07-01", "510100")
    assert kinds(counted(tmp_path, homes, rows=[prefecture])) == (2, 0, 0)
    # the county's 800 yuan are older than the prefecture's row and win; what begins after the day does not
    assert kinds(counted(tmp_path, homes, rows=[later, prefecture, older])) == (1, 1, 0)
    # on the day itself a row is in force: 960 yuan x 12 = 11,520
    today = row(name, "96000", "2025-09-01", "510104")
    assert kinds(counted(tmp_path, homes, rows=[today, prefecture, older])) == (2, 0, 0)
