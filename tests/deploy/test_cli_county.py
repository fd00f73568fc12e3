"""``bangfu county``: opened, shown, live, suspended, resumed, recoded; both codes of a county are taken."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.scope import entered
from core.tenancy.models import Tenant, TenantKey
from core.tenancy.service import system_scope
from deploy import cli_county
from deploy.cli import app
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.lines import install
from tests.core.staffing import stand_at
from tests.tenants.opened import NEW, WHY, figures, no_balances, plant_division, posts_held, staffed, state_of, stated

WHY_OPTION = ("--reason", WHY)


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["county", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_county_from_the_division_to_work_and_rest(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert "开通中" in run("add", NEW, "--profile", "relief", *WHY_OPTION, "--json", str(out))
    (made,) = json.loads(out.read_text(encoding="utf-8"))["opened"]
    assert (made["code"], made["state"], made["lines"]) == (NEW, "preparing", ["living_relief"])
    assert "待办 岗位人员已到位" in run("show", NEW)
    with pytest.raises(Conflict, match="开通清单还有 4 项"):
        run("go-live", NEW, *WHY_OPTION)
    staffed()
    figures()
    stated()
    no_balances()
    assert "已正式开通" in run("go-live", NEW, *WHY_OPTION)
    assert "已暂停办理" in run("suspend", NEW, *WHY_OPTION, "--contact", "周主任")
    assert f"{NEW} 青羊区总工会 已暂停" in run("list", "--state", "suspended")
    assert "已恢复办理" in run("resume", NEW, *WHY_OPTION)
    run("show", NEW, "--json", str(out))
    told = json.loads(out.read_text(encoding="utf-8"))
    assert [change["act"] for change in told["changes"]] == ["resume", "suspend", "go_live", "add"]
    assert run("list").splitlines()[0] == f"{PROVINCE} 四川省总工会 已开通"
    run("list", "--level", "county", "--json", str(out))
    listed = json.loads(out.read_text(encoding="utf-8"))["tenants"]
    assert [row["code"] for row in listed] == [COUNTY, NEW, OTHER_COUNTY]


def test_a_county_is_opened_with_its_first_administrator() -> None:
    named = ("--admin-login", "qingyang-admin", "--admin-name", "高敏", *WHY_OPTION)
    for wrong, match in (
        ((NEW, "510106", *named), "一次只开通一个单位"),
        ((NEW, *named[:2], *WHY_OPTION), "首任管理员姓名"),
        ((NEW, *named, "--as", "somebody"), "由安全管理员授予"),
    ):
        with pytest.raises(InvalidInput, match=match):
            run("add", *wrong)
    with reference_work() as session:
        assert session.get(Tenant, NEW) is None
    assert "qingyang-admin 初始密码" in run("add", NEW, *named)
    assert posts_held(NEW) == {"tenant_admin"}
    assert "缺本级管理员" not in run("show", NEW)


def test_the_new_code_and_the_old_one(db: Database) -> None:
    plant_division(db, "513425", "会理县")
    with pytest.raises(NotFound):
        run("add", "513425", *WHY_OPTION)
    with db.owner.begin() as connection:
        connection.execute(text("update tenant set state = 'preparing' where code = '513425'"))
    assert "513425 现为 513402 会理市" in run("recode", "513425", "513402", *WHY_OPTION, "--from", "2021-01-20")
    for code in ("513402", "513425"):
        assert "会理市总工会" in run("show", code)
        result = CliRunner().invoke(app, ["plugin", "list", "--county", code], catch_exceptions=False)
        assert result.exit_code == 0


def test_a_profile_of_the_province() -> None:
    said = run("profile", PROVINCE, "letters", "--title", "仅信访", "--line", "petitions", *WHY_OPTION)
    assert "letters 仅信访" in said
    assert "仅信访" in run("profiles", PROVINCE)
    run("add", NEW, "--profile", "letters", *WHY_OPTION)
    assert "信访" in CliRunner().invoke(app, ["plugin", "list", "--county", NEW], catch_exceptions=False).output


def test_a_whole_prefecture_and_what_cannot_be(db: Database) -> None:
    with pytest.raises(InvalidInput, match="--all"):
        run("add")
    with pytest.raises(InvalidInput, match="一个省"):
        run("add", NEW, "440103")
    with db.owner.begin() as connection:
        connection.execute(text("truncate tenant cascade"))
    with patch.object(cli_county, "owner_engine", lambda: db.owner), patch.object(db.owner, "dispose", lambda: None):
        run("add", "--all", "510700", *WHY_OPTION)
    listed = run("list", "--state", "preparing").splitlines()
    # the prefecture itself, and its nine counties
    assert listed[0].startswith("510700")
    assert len(listed) == 10
    assert state_of(PROVINCE) == "open"
    with entered(system_scope(PROVINCE, "test")), unit_of_work() as session:
        assert session.scalar(select(TenantKey.version)) == 1
