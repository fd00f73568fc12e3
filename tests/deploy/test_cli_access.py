"""``bangfu staff review``: the list, the confirmation, the workbook."""

from __future__ import annotations

from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from core.errors import Forbidden, InvalidInput
from core.identity.grants import NotYours
from deploy.cli import app
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import admin, hire, posts_of, stand_at


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)
    hire("chair", (COUNTY, "vice_chair_in_charge"))


def _run(*arguments: str, login: str = "chair") -> str:
    wanted = ["staff", "review", "--county", COUNTY, "--as", login, *arguments]
    result = CliRunner().invoke(app, wanted, catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_posts_are_listed_confirmed_and_written_to_a_file(tmp_path: Path) -> None:
    clerk = hire("jing", (COUNTY, "caseworker"))
    assert "在任岗位 2 个，未确认 2 个，期限 2025-03-31" in _run()
    said = _run("--confirm", "jing/caseworker", "--xlsx", str(tmp_path / "review.xlsx"))
    assert "已确认 1 个岗位" in said
    assert "员工jing" not in said
    assert posts_of(clerk)[0].reviewed_on == TODAY
    assert "员工jing" in _run("--all")
    rows = CalamineWorkbook.from_path(tmp_path / "review.xlsx").get_sheet_by_index(0).to_python()
    assert len(rows) == 3 + 2


def test_what_cannot_be_confirmed_is_said(tmp_path: Path) -> None:
    admin()
    with pytest.raises(InvalidInput, match="没有在任岗位 jing/payer"):
        _run("--confirm", "jing/payer")
    with pytest.raises(NotYours, match="本人"):
        _run("--confirm", "chair/vice_chair_in_charge")
    with pytest.raises(Forbidden):
        _run("--confirm", "chair/vice_chair_in_charge", login=f"admin-{COUNTY}")
    with pytest.raises(InvalidInput, match="无法写入"):
        _run("--xlsx", str(tmp_path / "nowhere" / "review.xlsx"))
