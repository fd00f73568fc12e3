"""``bangfu plugin``: the same services as the pages, on the command line."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from core.errors import Conflict, InvalidInput
from core.tenancy.service import system_scope
from deploy.cli import app
from tests.conftest import COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, Database
from tests.core.staffing import stand_at
from tests.tenants.steered import NAME

WHY = ("--reason", "主席办公会决定")
SECRET = "门禁口令-7731"

pytestmark = pytest.mark.usefixtures("steered")


@pytest.fixture(autouse=True)
def today(db: Database) -> None:
    stand_at(db)


def run(*order: str, typed: str | None = None) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["plugin", *order], input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_line_is_switched_from_a_later_day_and_ruled_from_above() -> None:
    day = system_scope(COUNTY, "test").business_date + timedelta(days=122)
    assert f"已安排自 {day} 起启用" in run("on", NAME, "--county", COUNTY, "--from", str(day), *WHY)
    assert f"自 {day} 起启用" in run("list", "--county", COUNTY)
    assert "已停用" in run("off", NAME, "--county", COUNTY, *WHY)
    assert "要求启用，自" in run("rule", NAME, "require", "--county", PROVINCE, "--prefecture", PREFECTURE, *WHY)
    assert "上级要求" in run("list", "--county", COUNTY)
    assert NAME in system_scope(COUNTY, "test").plugins
    assert NAME not in system_scope(OTHER_PREFECTURE, "test").plugins
    with pytest.raises(Conflict, match="要求启用"):
        run("off", NAME, "--county", COUNTY, *WHY)


def test_settings_are_shown_changed_and_brought_back() -> None:
    place = ("--county", COUNTY)
    assert "默认" in run("settings", NAME, *place)
    shown = run("settings", NAME, *place, "--set", "limit=5", "--set", "note=备注", "--set", 'places=["锦江"]', *WHY)
    assert "5 次" in shown
    assert "县级" in shown
    assert "已设置" in run("settings", NAME, *place, "--secret", "gateway", *WHY, typed=f"{SECRET}\n")
    assert SECRET not in run("settings", NAME, *place)
    later = date(2030, 1, 1)
    run("settings", NAME, *place, "--set", "limit=9", "--from", str(later), *WHY)
    run("settings", NAME, *place, "--withdraw", "3", *WHY)
    assert "7 次" in run("settings", NAME, *place, "--set", "limit=7", "--reset", "note", *WHY)
    assert "5 次" in run("settings", NAME, *place, "--restore", "1", *WHY)
    run("settings", NAME, "--county", PROVINCE, "--lock", "limit", *WHY)
    assert "省级锁定" in run("settings", NAME, *place)
    for order in (("--set", "limit=99"), ("--set", "limit"), ("--set", "unheard=1")):
        with pytest.raises((InvalidInput, Conflict)):
            run("settings", NAME, *place, *order, *WHY)
