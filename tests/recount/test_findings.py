"""What the recount expects the audit to find, and how it reads cells; tiny workbooks, expectations by hand."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.recount import recount
from tests.recount.tiny import Home, Somebody, alone, counted, row

LIVING, MEDICAL = "年度生活救助", "医疗救助"


def test_nothing_is_found_in_an_orderly_county(tmp_path: Path) -> None:
    result = counted(tmp_path, [alone("a", 0, card="1"), alone("b", 0, card="2"), alone("c", 0)])
    assert result["findings"] == {"critical": 0, "major": 0, "minor": 0}
    assert set(result["findings_by_check"].values()) == {0}


def test_withdrawn_papers_newcomers_and_returned_payments(tmp_path: Path) -> None:
    events = [
        ("材料撤回", 1, LIVING, ""),
        ("新增成员", 1, "", ""),
        ("新增成员", 2, "", ""),
        ("银行退回", 2, LIVING, ""),
    ]
    result = counted(tmp_path, [alone("a", 0), alone("b", 0)], events=events)
    assert result["findings"] == {"critical": 0, "major": 1, "minor": 2}
    assert (result["persons_surveyed"], result["persons"]) == (2, 4)
    assert result["paid_fen"]["appropriation"]["living"] == 240_000


def test_one_finding_per_shared_account(tmp_path: Path) -> None:
    homes = [alone("a", 0, card="1"), alone("b", 0, card="1"), alone("c", 99999, card="1"), alone("d", 0, card="2")]
    result = counted(tmp_path, homes, second=[alone("e", 0, card="2")])
    assert result["findings_by_check"]["one_account_several_households"] == 1
    assert result["findings"]["major"] == 1


def test_aided_in_two_counties_is_found_in_both(tmp_path: Path) -> None:
    twice = Home([Somebody("a"), Somebody("a1", "小学")])
    refused = alone("b", 99999)
    result = counted(tmp_path, [twice, alone("b", 0)], second=[twice, refused])
    assert [one["findings_by_check"]["aided_in_two_counties"] for one in result["by_county"]] == [1, 1]
    assert result["findings"]["critical"] == 2
    assert (result["households"], result["persons"]) == (4, 6)


@pytest.mark.parametrize(("updated", "stale"), [("2024-12-25", 0), ("2024-12-24", 1), (date(2023, 1, 1), 1)])
def test_a_file_is_stale_after_more_than_365_days(tmp_path: Path, updated: str | date, stale: int) -> None:
    result = counted(tmp_path, [alone("a", 99999, apply="", updated=updated)])
    assert result["findings"] == {"critical": 0, "major": 0, "minor": stale}


def test_stale_after_days_is_the_figure_of_the_audit_day(tmp_path: Path) -> None:
    rows = [row("stale_after_days", "100", "2025-12-01", "510104")]
    assert counted(tmp_path, [alone("a", 0)], rows=rows)["findings_by_check"]["file_stale"] == 1


@pytest.mark.parametrize(
    ("monthly", "critical"),
    [
        (1499.99, 0),  # 17,999.88 - 6,000 = 11,999.88: still deep
        (1500, 1),  # 12,000: relative, no ground of yearly relief any more; the medical case stands
        (2000, 2),  # 18,000: not in difficulty, both cases fall
    ],
)
def test_corrected_income(tmp_path: Path, monthly: float, critical: int) -> None:
    home = Home([Somebody("a")], costs={"因病刚性支出": 6000}, apply=f"{LIVING}；{MEDICAL}")
    result = counted(tmp_path, [home], events=[("收入更正", 1, LIVING, monthly)])
    assert result["cases"] == 2
    assert result["findings"] == {"critical": critical, "major": 0, "minor": 0}


def test_corrected_income_of_a_model_worker_lowers_the_amount(tmp_path: Path) -> None:
    # deep 1,200 becomes relative 800: still a ground, a smaller amount
    homes = [alone("a", 0, rank="全国劳模")]
    result = counted(tmp_path, homes, events=[("收入更正", 1, LIVING, 1000)])
    assert result["findings"] == {"critical": 0, "major": 1, "minor": 0}
    # what was paid does not change
    assert result["paid_fen"]["appropriation"]["living"] == 120_000


def test_an_event_of_a_case_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        counted(tmp_path, [alone("a", 99999)], events=[("材料撤回", 1, LIVING, "")])


def test_money_is_exact_and_part_fen_are_refused() -> None:
    assert [recount.fen(cell) for cell in (0.29, 1234.56, 4999.99, 7, "12.30", "", None)] == [
        29,
        123456,
        499999,
        700,
        1230,
        0,
        0,
    ]
    with pytest.raises(ValueError, match="whole number of fen"):
        recount.fen(0.005)


def test_the_program_runs_by_itself(tmp_path: Path) -> None:
    counted(tmp_path, [alone("a", 0)])
    out = tmp_path / "out.json"
    program = Path(recount.__file__)
    subprocess.run(
        [
            sys.executable,
            "-I",
            program,
            tmp_path,
            "--day",
            "2025-09-01",
            "--parameters",
            tmp_path / "parameters.csv",
            "--json",
            out,
        ],
        check=True,
        capture_output=True,
    )
    assert json.loads(out.read_text(encoding="utf-8"))["paid_fen"]["appropriation"]["living"] == 120_000
