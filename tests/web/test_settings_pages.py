"""Settings and rules of lines by page and interface: the form that the model makes, what is wrong told beside its field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from html import unescape

import pytest
from fastapi import FastAPI

from core.host.manager import host
from core.web.app import make_app
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.staffing import stand_at
from tests.tenants.steered import LINES, NAME
from tests.web.conftest import Desk, Person

LATER = (TODAY + timedelta(days=122)).isoformat()
SECRET = "门禁口令-7731"
PAGE = f"/plugins/{NAME}/settings"
WHY = {"reason": "主席办公会决定"}


@lru_cache(maxsize=1)
def _made() -> FastAPI:
    return make_app()


@pytest.fixture
def app(db: Database) -> Iterator[FastAPI]:
    """The application with the lines of the tests of settings, made once."""
    host.cache_clear()
    for name, plugin in LINES.items():
        host().register(plugin, name)
    stand_at(db)
    yield _made()
    host.cache_clear()


@pytest.fixture
def boss(person: Desk) -> Person:
    return person("boss", role="tenant_admin")


@pytest.fixture
def top(person: Desk) -> Person:
    return person("top", tenant=PROVINCE, role="tenant_admin")


def page(who: Person, path: str = PAGE, tenant: str = COUNTY, status: int = 200) -> str:
    answer = who.client.get(f"/{tenant}{path}")
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


def send(who: Person, path: str, tenant: str = COUNTY, /, **form: str | list[str]) -> tuple[int, str]:
    answer = who.client.post(f"/{tenant}{path}", data={"csrf_token": who.csrf, **form})
    return answer.status_code, unescape(answer.headers.get("location") or answer.text)


def filled(who: Person, tenant: str = COUNTY, **typed: str | list[str]) -> dict[str, str | list[str]]:
    """The form as a browser would send it: what the page shows, and what was typed instead."""
    shown = page(who, tenant=tenant)
    form: dict[str, str | list[str]] = {"of": re.findall(r'name="of" value="(\w+)"', shown), "valid_from": TODAY.isoformat()}
    was: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="was\.(\w+)" value="([^"]*)"', shown):
        was.setdefault(name, []).append(value)
    for name, values in was.items():
        form[f"was.{name}"] = values
        form[f"field.{name}"] = values
    found = re.search(r'name="stamp" value="([\d.]+)"', shown)
    assert found is not None
    return {**form, "stamp": found[1], **{name.replace("__", "."): value for name, value in typed.items()}, **WHY}


def api(who: Person, tenant: str = COUNTY, path: str = PAGE) -> dict[str, object]:
    settings = who.client.get(f"/api/v1/{tenant}{path}").json()["settings"]
    return {one["name"]: one["value"] for one in settings}


def test_the_form_holds_every_kind_of_field_to_the_models_bounds(boss: Person) -> None:
    shown = page(boss)
    for wanted in (
        r'id="f-limit" name="field.limit" type="number" value="3"[^>]* min="1" max="9" step="1" required',
        r'id="f-share"[^>]*type="number" value="0.5"[^>]* min="0.0" max="1.0" step="any"',
        r'id="f-gift"[^>]*type="text" value="500.00"[^>]*inputmode="decimal"[^>]*pattern="[^"]+" required',
        r'type="radio" name="field.visits" value="yes" checked required',
        r'data-shown-if="field.visits" data-shown-values="yes"',
        r'<option value="visit" selected>上门</option>',
        r'type="checkbox" name="field.kinds" value="elder" checked',
        r'id="f-from_day"[^>]*type="date"',
        r'id="f-hour"[^>]*type="time" value="08:30:00"',
        r'id="f-note"[^>]*type="text"[^>]*maxlength="20"',
        r'<textarea id="f-letter"',
        r'<textarea id="f-places"',
        r'name="password" type="password"',
        r"<h3>金额</h3>",
        r"每户每年最多几次 1 至 9",
        r"仅当“须走访”为是时有效",
        r"沿用默认设置",
    ):
        assert re.search(wanted, shown), wanted
    assert "恢复沿用上级" not in shown
    assert "下级不得更改" not in shown


def test_only_what_was_changed_is_set_and_it_works_at_the_next_request(boss: Person, person: Desk) -> None:
    clerk = person("li")
    assert clerk.client.get(f"/{COUNTY}/steered").status_code == 404
    assert boss.client.put(
        f"/api/v1/{COUNTY}/plugins/{NAME}", json={"enabled": True, **WHY}, headers={"X-CSRF-Token": boss.csrf}
    ).is_success
    assert clerk.client.get(f"/{COUNTY}/steered").json() == "3"
    form = filled(boss, field__limit="5", field__gift="800", field__places="锦江\r\n青羊", field__kinds=["elder", "child"])
    assert send(boss, PAGE, **form) == (303, f"/{COUNTY}{PAGE}")
    assert clerk.client.get(f"/{COUNTY}/steered").json() == "5"
    found = api(boss)
    assert (found["limit"], found["gift"], found["places"], found["kinds"]) == (5, 80_000, ["锦江", "青羊"], ["elder", "child"])
    [made] = boss.client.get(f"/api/v1/{COUNTY}{PAGE}").json()["changes"]
    assert set(made["given"]) == {"limit", "gift", "places", "kinds"}
    shown = page(boss)
    assert "已保存为第 1 版" in shown
    assert f"本单位设置，{TODAY} 起" in shown
    assert "每户上限：5 次；慰问金：800.00 元" in shown
    status, text = send(boss, PAGE, **filled(boss))
    assert (status, "设置没有变化" in text) == (409, True)
    assert send(boss, PAGE, **filled(boss, reset__limit="yes"))[0] == 303
    assert api(boss)["limit"] == 3


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(boss: Person) -> None:
    form = filled(boss, field__limit="12", field__gift="12.345", field__note="留下的话")
    status, text = send(boss, PAGE, **form)
    assert status == 422
    assert '<a href="#f-gift">慰问金</a> 金额最多两位小数' in text
    for left in ('value="12"', 'value="12.345"', 'value="留下的话"', 'value="主席办公会决定"'):
        assert left in text
    status, text = send(boss, PAGE, **{**form, "field.gift": "600"})
    assert (status, "每户上限</a> 不得大于 9 次" in text) == (422, True)
    status, text = send(boss, PAGE, **{**form, "field.gift": "600", "field.limit": "1", "field.visitors": "5"})
    assert (status, "走访人数不得超过每户上限加二" in text) == (422, True)
    assert api(boss)["note"] == ""


def test_a_field_that_hangs_on_another_counts_beside_it_alone(boss: Person) -> None:
    assert send(boss, PAGE, **filled(boss, field__visits="no", field__visitors="4"))[0] == 303
    assert (api(boss)["visits"], api(boss)["visitors"]) == (False, 2)


def test_somebody_elses_change_is_not_written_over(boss: Person) -> None:
    mine = filled(boss, field__note="我的备注")
    assert send(boss, PAGE, **filled(boss, field__limit="6"))[0] == 303
    status, text = send(boss, PAGE, **mine)
    assert status == 412
    assert "您填写的内容仍在页面上" in text
    assert 'value="我的备注"' in text
    assert 'name="field.limit" type="number" value="6"' in text
    stamp = re.search(r'name="stamp" value="([\d.]+)"', text)
    assert stamp is not None
    assert send(boss, PAGE, **{**mine, "stamp": stamp[1]})[0] == 303
    assert (api(boss)["limit"], api(boss)["note"]) == (6, "我的备注")


def test_what_the_province_sets_is_seen_below_with_its_source_and_its_lock(boss: Person, top: Person) -> None:
    form = filled(top, PROVINCE, field__limit="4", field__gift="900", lock__gift="yes")
    assert send(top, PAGE, PROVINCE, **form)[0] == 303
    shown = page(boss)
    assert f"沿用四川省总工会设置，{TODAY} 起" in shown
    assert "四川省总工会已锁定" in shown
    assert 'name="field.gift"' not in shown
    assert api(boss)["gift"] == 90_000
    write = {"values": {"gift": 100}, **WHY}
    put = boss.client.put(f"/api/v1/{COUNTY}{PAGE}", json=write, headers={"X-CSRF-Token": boss.csrf})
    assert (put.status_code, "已锁定“慰问金”" in put.text) == (409, True)
    # on the county's own page nothing of the province's is its history
    assert "本单位没有作过设置" in shown
    assert send(boss, PAGE, **filled(boss, field__limit="5"))[0] == 303
    assert (api(boss)["limit"], api(top, PROVINCE)["limit"]) == (5, 4)


def test_a_secret_goes_in_and_never_comes_out(boss: Person) -> None:
    assert "未设置" in page(boss)
    sent = {"setting": "gateway", "password": SECRET, **WHY}
    status, text = send(boss, f"{PAGE}/secret", **{**sent, "password": ""})
    assert (status, "请填写新值" in text) == (422, True)
    status, text = send(boss, f"{PAGE}/secret", **{**sent, "reason": ""})
    assert (status, SECRET in text) == (422, False)
    assert send(boss, f"{PAGE}/secret", **sent)[0] == 303
    for text in (page(boss), page(boss, f"{PAGE}?old=0&new=1"), boss.client.get(f"/api/v1/{COUNTY}{PAGE}").text):
        assert SECRET not in text
    assert "已设置" in page(boss)
    assert "短信口令：已更改" in page(boss)
    assert api(boss)["gateway"] is True
    assert send(boss, f"{PAGE}/secret", setting="gateway", reset="yes", **WHY)[0] == 303
    assert api(boss)["gateway"] is False


def test_versions_are_compared_brought_back_and_taken_back(boss: Person) -> None:
    assert send(boss, PAGE, **filled(boss, field__limit="4"))[0] == 303
    assert send(boss, PAGE, **filled(boss, field__limit="7"))[0] == 303
    assert send(boss, PAGE, **{**filled(boss, field__limit="8"), "valid_from": LATER})[0] == 303
    shown = page(boss, f"{PAGE}?old=1&new=2")
    assert re.search(r"每户上限</th><td>4 次</td><td>7 次", shown)
    assert f"<b>{LATER} 起</b> 每户上限：8 次" in shown
    assert send(boss, f"{PAGE}/withdraw", version="3", **WHY)[0] == 303
    assert send(boss, f"{PAGE}/restore", version="1", **WHY)[0] == 303
    assert api(boss)["limit"] == 4
    assert "恢复到第 1 版；每户上限：4 次" in page(boss)
    status, text = send(boss, f"{PAGE}/withdraw", version="2", reason="留下的原因")
    assert (status, "不能撤销" in text) == (409, True)


def test_the_interface_names_the_state_that_was_read(boss: Person, person: Desk) -> None:
    url, token = f"/api/v1/{COUNTY}{PAGE}", {"X-CSRF-Token": boss.csrf}
    read = boss.client.get(url)
    assert read.headers["etag"] == '"0.0.0"'
    write = {"values": {"limit": 5, "gateway": SECRET}, "valid_from": TODAY.isoformat(), **WHY}
    made = boss.client.put(url, json=write, headers={**token, "If-Match": read.headers["etag"]})
    assert (made.status_code, made.headers["etag"], SECRET in made.text) == (200, '"0.0.1"', False)
    assert boss.client.put(url, json=write, headers={**token, "If-Match": read.headers["etag"]}).status_code == 412
    assert boss.client.put(url, json=write, headers={**token, "If-Match": "W/x"}).status_code == 422
    wrong = boss.client.put(url, json={"values": {"limit": 99}, **WHY}, headers=token)
    assert (wrong.status_code, wrong.json()["where"]) == (422, "limit")
    assert boss.client.put(url, json={"values": {"limit": 9}, "reason": ""}, headers=token).status_code == 422
    back = boss.client.put(url, json={"values": {"limit": 6}, **WHY}, headers=token)
    assert back.is_success
    assert boss.client.put(url, json={"restores": 1, **WHY}, headers=token).is_success
    assert api(boss)["limit"] == 5
    later = boss.client.get(url, params={"on": LATER}).json()
    assert later["on"] == LATER
    assert boss.client.get(f"/api/v1/{COUNTY}/plugins/leaning/settings").status_code == 422
    assert boss.client.get(f"/api/v1/{OTHER_COUNTY}{PAGE}").status_code == 404
    clerk = person("li")
    assert clerk.client.get(url).status_code == 403
    assert clerk.client.get(f"/{COUNTY}{PAGE}").status_code == 403


def test_rules_from_above_are_made_on_the_page_and_shown_below(boss: Person, top: Person, person: Desk) -> None:
    form = {"word": "require", "version": "0", "reason": "川工发〔2025〕9号"}
    assert send(top, f"/plugins/{NAME}/rule", PROVINCE, **form)[0] == 303
    assert "四川省总工会要求启用" in page(boss, "/plugins")
    shown = page(boss, f"/plugins/{NAME}")
    assert "本单位不能更改" in shown
    assert "川工发〔2025〕9号" in shown
    status, text = send(boss, f"/plugins/{NAME}", enabled="off", reason="试", version="0")
    assert (status, "四川省总工会要求启用试行业务，本单位不能停用" in text) == (409, True)
    assert person("li").client.get(f"/{COUNTY}/steered").json() == "3"
    status, text = send(top, f"/plugins/{NAME}/rule", PROVINCE, **{**form, "word": "forbid", "reason": "留下的依据"})
    assert (status, "留下的依据" in text) == (409, True)
    middle = person("middle", tenant=PREFECTURE, role="tenant_admin")
    status, text = send(middle, f"/plugins/{NAME}/rule", PREFECTURE, **{**form, "word": "forbid"})
    assert (status, "四川省总工会已规定试行业务要求启用" in text) == (409, True)
    assert send(boss, f"/plugins/{NAME}/rule", **form)[0] == 403
    token = {"X-CSRF-Token": top.csrf}
    made = top.client.post(f"/api/v1/{PROVINCE}/plugins/{NAME}/rules", json={"word": "free", **WHY}, headers=token)
    assert (made.status_code, made.json()["version"]) == (201, 2)
    listed = {one["name"]: one for one in boss.client.get(f"/api/v1/{COUNTY}/plugins").json()}
    assert (listed[NAME]["enabled"], listed[NAME]["why"], listed["leaning"]["requires"]) == (False, "own", [NAME])


def test_a_later_day_is_typed_and_taken_back_on_the_page(boss: Person) -> None:
    line = f"/plugins/{NAME}"
    status, text = send(boss, line, enabled="on", on_from="明天", reason="留下", version="0")
    assert (status, "日期不正确" in text, 'value="明天"' in text) == (422, True, True)
    assert send(boss, line, enabled="on", on_from=LATER, version="0", **WHY)[0] == 303
    shown = page(boss, line)
    assert f"已安排自 {LATER} 起启用" in shown
    assert f"自 {LATER} 起启用" in page(boss, "/plugins")
    assert f"启用（自 {LATER} 起）：主席办公会决定" in shown
    assert send(boss, line, enabled="off", version="1", **WHY)[0] == 303
    assert "未启用" in page(boss, line)


def test_a_role_is_previewed(boss: Person) -> None:
    shown = page(boss, f"/plugins/{NAME}/preview?role=caseworker")
    assert "所见" in shown
    assert "查看试行业务" in shown
    assert "查看试行业务" not in page(boss, f"/plugins/{NAME}/preview?role=auditor")
    page(boss, f"/plugins/{NAME}/preview?role=nobody", status=404)
