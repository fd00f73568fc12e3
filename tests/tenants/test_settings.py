"""Settings of a line: inherited from above, dated, locked, secret, brought back; and never a sibling's."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from core.db.session import unit_of_work
from core.db.statements import tenant_core
from core.errors import Conflict, Forbidden, InvalidInput, NotFound, PreconditionFailed
from core.scope import Scope
from core.tenancy.models import PluginSettingChange
from core.tenancy.setting_secrets import opened_secret
from core.tenancy.setting_words import SettingsRefused
from core.tenancy.settings import Explained, explained, plugin_settings
from core.trail.models import TrailEntry
from core.vault.errors import SealBroken
from tenants.configuring import change_settings, differences, planned, restore_settings
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY, Database
from tests.tenants.conftest import asked
from tests.tenants.steered import NAME, settings_of

Admin = Callable[..., AbstractContextManager[Scope]]
LATER = TODAY + timedelta(days=122)
SECRET = "门禁口令-7731"

pytestmark = pytest.mark.usefixtures("steered")


def change(admin: Admin, tenant: str, on: date = TODAY, **more: Any) -> PluginSettingChange:
    reason = more.pop("reason", "主席办公会决定")
    with admin(tenant, on), unit_of_work() as session:
        return change_settings(session, NAME, reason=reason, **more)


def read(admin: Admin, tenant: str = COUNTY, on: date = TODAY) -> Explained:
    with admin(tenant, on), unit_of_work() as session:
        return explained(session, NAME)


def limit(admin: Admin, tenant: str = COUNTY, on: date = TODAY) -> int:
    with admin(tenant, on), unit_of_work() as session:
        return settings_of(session).limit


def test_the_lower_level_wins_and_says_where_its_value_comes_from(admin: Admin) -> None:
    assert (limit(admin), read(admin).fields["limit"].source.level) == (3, "nation")
    change(admin, PROVINCE, values={"limit": 4, "note": "省"})
    change(admin, PREFECTURE, values={"limit": 5})
    change(admin, COUNTY, values={"limit": 6})
    assert [limit(admin, tenant) for tenant in (PROVINCE, PREFECTURE, COUNTY, OTHER_COUNTY)] == [4, 5, 6, 4]
    here = read(admin).fields
    assert (here["limit"].source.tenant, here["limit"].source.valid_from, here["limit"].own) == (COUNTY, TODAY, True)
    assert (here["note"].source.tenant, here["note"].value, here["note"].own) == (PROVINCE, "省", False)
    # what the province changes reaches those who have not spoken, at once
    change(admin, PROVINCE, values={"limit": 7})
    assert (limit(admin), limit(admin, OTHER_COUNTY)) == (6, 7)
    change(admin, COUNTY, resets=["limit"])
    assert (limit(admin), read(admin).fields["limit"].source.tenant) == (5, PREFECTURE)


def test_a_change_holds_from_its_day_by_the_business_date_alone(admin: Admin) -> None:
    change(admin, COUNTY, values={"limit": 8}, valid_from=LATER)
    change(admin, COUNTY, values={"limit": 5})
    day = LATER - timedelta(days=1)
    assert [limit(admin, on=on) for on in (TODAY, day, LATER)] == [5, 5, 8]
    with admin(COUNTY), unit_of_work() as session:
        then = plugin_settings(session, NAME, LATER)
        assert then.model_dump()["limit"] == 8
        assert [row.version for row in planned(explained(session, NAME).own, TODAY)] == [1]
    with pytest.raises(InvalidInput, match="不得早于今天"):
        change(admin, COUNTY, values={"limit": 2}, valid_from=TODAY - timedelta(days=1))


def test_what_was_planned_is_taken_back_and_what_holds_is_not(admin: Admin) -> None:
    change(admin, COUNTY, values={"limit": 8}, valid_from=LATER)
    change(admin, COUNTY, withdraws=[1])
    assert limit(admin, on=LATER) == 3
    for version in (1, 2, 9):
        with pytest.raises(Conflict, match="不能撤销"):
            change(admin, COUNTY, withdraws=[version])


def test_a_locked_field_is_refused_below_in_words(admin: Admin) -> None:
    change(admin, COUNTY, values={"limit": 6})
    change(admin, PROVINCE, values={"limit": 4}, locks={"limit": True})
    assert limit(admin) == 4
    locked = read(admin).fields["limit"].locked
    assert locked is not None
    assert locked.tenant == PROVINCE
    for act in ({"values": {"limit": 5}}, {"resets": ["limit"]}):
        with pytest.raises(Conflict, match="四川省总工会已锁定“每户上限”"):
            change(admin, COUNTY, **act)
    change(admin, PROVINCE, values={"limit": 5})
    assert limit(admin) == 5
    change(admin, PROVINCE, locks={"limit": False})
    assert limit(admin) == 6
    with pytest.raises(InvalidInput, match="没有下级"):
        change(admin, COUNTY, locks={"limit": True})


def test_each_change_has_a_version_a_reason_and_an_entry_that_names_fields_alone(admin: Admin) -> None:
    change(admin, COUNTY, values={"note": "机密备注", "limit": 5}, reason=" 依据文号 ")
    with admin(COUNTY), unit_of_work() as session:
        row = session.scalars(select(PluginSettingChange)).one()
        assert (row.version, row.reason, row.actor, row.business_date) == (1, "依据文号", "admin", TODAY)
        entry = session.scalars(select(TrailEntry)).one()
        assert (entry.action, entry.subject_id) == ("plugin.settings", row.id)
        assert json.loads(entry.content)["fields"] == {
            "plugin": NAME,
            "version": 1,
            "valid_from": TODAY.isoformat(),
            "set": ["limit", "note"],
        }
        assert "机密备注".encode() not in entry.content


def test_refusals(admin: Admin, acting: Admin) -> None:
    change(admin, COUNTY, values={"limit": 5})
    for said, more in (
        ("原因", {"values": {"limit": 6}, "reason": " "}),
        ("未声明", {"values": {"limits": 6}}),
        ("未声明", {"resets": ["limits"]}),
        ("没有变化", {"values": {"limit": 5}}),
        ("没有变化", {"resets": ["note"]}),
        ("没有变化", {}),
    ):
        with pytest.raises((InvalidInput, Conflict), match=said):
            change(admin, COUNTY, **more)
    with pytest.raises(PreconditionFailed, match="他人更改"):
        change(admin, COUNTY, values={"limit": 6}, expected="0.0.0")
    assert change(admin, COUNTY, values={"limit": 6}, expected=read(admin).stamp).version == 2
    with acting(COUNTY, actor="clerk"), unit_of_work() as session, pytest.raises(Forbidden):
        change_settings(session, NAME, reason="试", values={"limit": 2})
    with admin(COUNTY), unit_of_work() as session:
        with pytest.raises(InvalidInput, match="没有可配置项"):
            change_settings(session, "leaning", reason="试", values={"limit": 2})
        with pytest.raises(NotFound):
            change_settings(session, "nobody", reason="试", values={"limit": 2})
        assert [row.version for row in session.scalars(select(PluginSettingChange))] == [1, 2]


def test_a_change_of_a_level_above_makes_the_stamp_stale_too(admin: Admin) -> None:
    stamp = read(admin).stamp
    change(admin, PROVINCE, values={"limit": 4})
    with pytest.raises(PreconditionFailed):
        change(admin, COUNTY, values={"note": "县"}, expected=stamp)


def test_what_does_not_fit_is_told_by_field_in_two_languages(admin: Admin) -> None:
    with pytest.raises(SettingsRefused) as error:
        change(admin, COUNTY, values={"limit": 12, "gift": 1, "note": "长" * 21, "way": "bird", "from_day": "明天"})
    told = {problem.field: (problem.zh, problem.en) for problem in error.value.problems}
    assert told == {
        "limit": ("不得大于 9 次", "at most 9"),
        "gift": ("不得小于 1.00 元", "at least 1.00 yuan"),
        "note": ("不能超过 20 个字", "at most 20 characters"),
        "way": ("不在可选项中：上门、邮寄", "not one of the choices: visit, post"),
        "from_day": ("应为日期，如 2026-01-01", "not a date like 2026-01-01"),
    }
    assert error.value.where == "limit"
    assert "“每户上限”不得大于 9 次" in error.value.zh
    with pytest.raises(SettingsRefused, match="走访人数不得超过每户上限加二"):
        change(admin, COUNTY, values={"limit": 1, "visitors": 5})


def test_levels_that_do_not_go_together_stop_no_line(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    change(admin, COUNTY, values={"visitors": 5})
    change(admin, PROVINCE, values={"limit": 1, "visitors": 1})
    with caplog.at_level(logging.WARNING, "core.tenancy.settings"):
        here = read(admin).fields
    assert (here["limit"].value, here["visitors"].value, here["visitors"].source.tenant) == (1, 1, PROVINCE)
    assert "visitors" in caplog.text
    # the county reads on its page that its word does not hold, and may take it back
    assert here["visitors"].own


def test_a_secret_is_written_used_and_never_shown(admin: Admin, db: Database) -> None:
    change(admin, PROVINCE, values={"gateway": SECRET})
    with admin(COUNTY), unit_of_work() as session:
        assert settings_of(session).gateway.get_secret_value() == SECRET
        here = explained(session, NAME)
        assert (here.fields["gateway"].value, here.fields["gateway"].source.tenant) == (True, PROVINCE)
        assert SECRET not in repr(here)
        [stored] = session.scalars(tenant_core(select(PluginSettingChange).where(PluginSettingChange.tenant == PROVINCE)))
        assert (stored.given, list(stored.secrets)) == ({}, ["gateway"])
        for place in ((COUNTY, NAME, "gateway"), (PROVINCE, "rival", "gateway"), (PROVINCE, NAME, "note")):
            with pytest.raises(SealBroken):
                opened_secret(*place, stored.secrets["gateway"])
    with db.owner.connect() as connection:
        for table in ("plugin_setting_change", "trail_entry"):
            rows = connection.execute(text(f"select t::text from {table} t")).scalars().all()
            assert rows
            assert not any(SECRET in row for row in rows)
        content = connection.execute(text("select convert_from(content, 'UTF8') from trail_entry")).scalar()
    assert '"secrets": ["gateway"]' in str(content)
    assert SECRET not in str(content)
    with pytest.raises(InvalidInput, match="请填写“短信口令”"):
        change(admin, PROVINCE, values={"gateway": ""})
    with pytest.raises(SettingsRefused) as error:
        change(admin, PROVINCE, values={"gateway": SECRET, "limit": 99})
    assert SECRET not in f"{error.value} {error.value.__cause__} {error.value.problems}"


def test_a_version_is_brought_back_by_a_new_one(admin: Admin) -> None:
    change(admin, COUNTY, values={"limit": 5, "gateway": SECRET})
    change(admin, COUNTY, values={"limit": 6, "note": "新", "gateway": "another"})
    change(admin, COUNTY, resets=["limit"])
    change(admin, COUNTY, values={"gift": 20_000}, valid_from=LATER)
    with admin(COUNTY), unit_of_work() as session:
        row = restore_settings(session, NAME, 1, reason="恢复")
    assert (row.version, row.restores, row.given, row.resets, row.withdraws) == (5, 1, {"limit": 5}, ["note"], [4])
    with admin(COUNTY, LATER), unit_of_work() as session:
        found = settings_of(session)
        assert (found.limit, found.note, found.gift, found.gateway.get_secret_value()) == (5, "", 50_000, SECRET)
    with admin(COUNTY), unit_of_work() as session:
        with pytest.raises(Conflict, match="没有变化"):
            restore_settings(session, NAME, 1, reason="再恢复")
        with pytest.raises(NotFound):
            restore_settings(session, NAME, 9, reason="恢复")


def test_versions_are_compared_in_words_and_a_secret_is_not(admin: Admin) -> None:
    change(admin, PROVINCE, values={"gift": 30_000, "gateway": SECRET}, locks={"gift": True})
    change(admin, PROVINCE, values={"gift": 80_000, "gateway": "new", "kinds": ["elder", "child"]}, locks={"gift": False})
    own = read(admin, PROVINCE).own
    assert [(one.title, one.was, one.now) for one in differences(NAME, own, 1, 2)] == [
        ("慰问金", "300.00 元", "800.00 元"),
        ("慰问金", "下级不得更改", "下级可以更改"),
        ("对象", "沿用上级", "老人、儿童"),
        ("短信口令", "已设置", "已更改"),
    ]
    assert next(one.was for one in differences(NAME, own, 0, 1)) == "沿用上级"


def test_a_county_sees_no_sibling_and_changes_nobody_above(admin: Admin, db: Database) -> None:
    change(admin, OTHER_COUNTY, values={"limit": 9})
    change(admin, OTHER_PREFECTURE, values={"note": "别市"})
    here = read(admin)
    assert (here.fields["limit"].value, here.fields["note"].value, list(here.own)) == (3, "", [])
    with admin(COUNTY), unit_of_work() as session:
        every = session.scalars(tenant_core(select(PluginSettingChange).where(PluginSettingChange.tenant != "")))
        assert every.all() == []
    # nor does the level above see what those below have set
    with admin(PROVINCE), unit_of_work() as session:
        assert session.scalars(tenant_core(select(PluginSettingChange).where(PluginSettingChange.tenant != ""))).all() == []
    row = {"plugin": NAME, "version": 1, "valid_from": TODAY, "given": {"limit": 1}, "secrets": {}, "resets": []}
    said = {"locks": {}, "withdraws": [], "reason": "x", "actor": "x", "business_date": TODAY}
    with pytest.raises(DBAPIError, match="row-level security"), admin(COUNTY), unit_of_work() as session:
        session.add(PluginSettingChange(tenant=PROVINCE, **row, **said))
    change(admin, COUNTY, values={"limit": 2})
    with pytest.raises(DBAPIError, match="permission denied"), admin(COUNTY), unit_of_work() as session:
        session.scalars(select(PluginSettingChange)).one().reason = "改写"


def test_reading_costs_one_statement_whatever_the_history(admin: Admin) -> None:
    for number in (4, 5, 6, 7):
        change(admin, COUNTY, values={"limit": number})
        change(admin, PROVINCE, values={"limit": number})
    with admin(COUNTY), unit_of_work() as session:
        session.connection()
        with asked() as statements:
            settings_of(session)
            explained(session, NAME)
    assert len([statement for statement in statements if "plugin_setting_change" in statement]) == len(statements) == 2
