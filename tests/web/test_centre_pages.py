"""Settings of the centre by page: all in one place, rows added without a script, and what the public then reads."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi import FastAPI

from core.announcements.service import publish
from core.db.session import unit_of_work
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import install, post
from tests.core.staffing import stand_at
from tests.web.conftest import Desk, Person
from tests.web.county import Acting, switch_lines

PAGE = "/plugins/core/settings"
WHY = {"reason": "主席办公会决定"}


@pytest.fixture
def boss(app: FastAPI, db: Database, person: Desk) -> Person:
    install(db)
    stand_at(db)
    switch_lines(db, COUNTY)
    return person("boss", role="tenant_admin")


def page(who: Person, path: str = PAGE) -> str:
    answer = who.client.get(f"/{COUNTY}{path}")
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def form_of(html: str) -> dict[str, str | list[str]]:
    """The form as a browser would send it."""
    form: dict[str, list[str]] = {}
    body = html[html.index('<form class="fs" method="post"') :].partition("</form>")[0]
    for tag in re.findall(r"<input[^>]*>", body):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and not ('type="checkbox"' in tag and "checked" not in tag):
            form.setdefault(name[1], []).append(unescape(value[1]) if value else "")
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', body, re.DOTALL):
        form.setdefault(name, []).append(unescape(text))
    return dict(form)


def shown_form(who: Person) -> dict[str, str | list[str]]:
    return form_of(who.client.get(f"/{COUNTY}{PAGE}").text)


def typed(form: dict[str, str | list[str]], **more: str | list[str]) -> dict[str, str | list[str]]:
    return {**form, **{name.replace("__", "."): value for name, value in more.items()}}


def test_rows_are_added_kept_and_removed_without_a_script(boss: Person) -> None:
    form = shown_form(boss)
    first = typed(form, field__phone="028-8412 3456", **{f"field__leaders__{k}": [v] for k, v in
        {"order": "1", "name": "王芳", "office": "主席", "duty": ""}.items()})  # fmt: skip
    grown = boss.client.post(f"/{COUNTY}{PAGE}/rows", data=first)
    shown = unescape(grown.text)
    assert grown.status_code == 200
    assert shown.count('name="field.leaders.name"') == 2
    assert 'value="028-8412 3456"' in shown
    second = form_of(grown.text)
    second = typed(second, field__leaders__order=["1", "2"], field__leaders__name=["王芳", "李明"],
        field__leaders__office=["主席", ""], field__leaders__duty=["", "困难帮扶"], **WHY)  # fmt: skip
    wrong = boss.client.post(f"/{COUNTY}{PAGE}", data={**second, "field.file_number": "{seq:04d}"})
    assert wrong.status_code == 422
    assert "须有年度" in wrong.text
    assert 'value="李明"' in wrong.text
    saved = boss.client.post(f"/{COUNTY}{PAGE}", data=second)
    assert saved.status_code == 303, saved.text
    shown = page(boss)
    assert "领导小组成员：1 王芳 主席；2 李明 困难帮扶" in shown
    [made] = boss.client.get(f"/api/v1/{COUNTY}{PAGE}").json()["changes"]
    assert set(made["given"]) == {"phone", "leaders"}
    third = typed(shown_form(boss), gone__leaders="0", **WHY)
    assert boss.client.post(f"/{COUNTY}{PAGE}", data=third).status_code == 303
    found = {one["name"]: one["value"] for one in boss.client.get(f"/api/v1/{COUNTY}{PAGE}").json()["settings"]}
    assert found["leaders"] == [{"order": 2, "name": "李明", "office": "", "duty": "困难帮扶"}]


def test_one_page_gathers_all_and_says_what_is_not_set(boss: Person) -> None:
    shown = page(boss, "/settings")
    titles = ("单位信息与编号", "政策参数", "业务启停与设置", "人员与岗位")
    for words in (*titles, "尚缺 8 项", "最低工资标准（月）", "出纳暂无人担任"):
        assert words in shown, words
    assert f'href="/{COUNTY}{PAGE}"' in shown


def test_the_public_reads_what_was_set(boss: Person, acting: Acting) -> None:
    with post(acting, "system:announce"), unit_of_work() as session:
        publish(session, TODAY.year)
    address = f"/public/{COUNTY}/annual/{TODAY.year}"
    before = unescape(boss.client.get(address).text)
    assert "困难职工援助中心 · 公开" in before
    values = {
        "centre_name": "锦江区困难职工援助中心",
        "address": "锦江区样例路 1 号",
        "phone": "028-8412 3456",
        "seal_text": "锦江区总工会困难职工援助中心",
        "open_days": ["1", "2", "3", "4", "5"],
        "morning_from": "09:00",
        "morning_to": "12:00",
        "leaders": [{"order": 1, "name": "王芳", "office": "主席", "duty": "全面工作"}],
        "bulletin_media": ["办事大厅公告栏"],
    }
    made = boss.client.put(f"/api/v1/{COUNTY}{PAGE}", json={"values": values, **WHY}, headers={"X-CSRF-Token": boss.csrf})
    assert made.status_code == 200, made.text
    shown = unescape(boss.client.get(address).text)
    for words in (
        "锦江区困难职工援助中心 · 公开",
        "地址：锦江区样例路 1 号",
        "办公时间：周一至周五 09:00—12:00",
        'href="tel:028-84123456"',
        "锦江区总工会困难职工援助中心",
        "帮扶工作领导小组",
        "王芳",
        "本公告同时刊载于：办事大厅公告栏",
    ):
        assert words in shown, words
