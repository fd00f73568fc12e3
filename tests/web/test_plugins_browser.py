"""Lines and their settings in a real browser: switch, settings, inheritance, roll-back, a later day, a rule from above."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.conftest import COUNTY, PROVINCE, TODAY
from tests.tenants.steered import NAME
from tests.web.conftest import Person
from tests.web.test_pages_browser import chromium, problems, served
from tests.web.test_settings_pages import LATER, app, boss, top

__all__ = ["app", "boss", "chromium", "top"]

pytestmark = pytest.mark.browser

WHY = "主席办公会决定"
LINE = f"/plugins/{NAME}"


@contextmanager
def window(browser: Browser, origin: str, who: Person) -> Iterator[Page]:
    """A page of the person's browser."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": "bangfu_session", "value": who.token, "url": origin}])
    yield context.new_page()
    context.close()


def save(page: Page, button: str, form: str = "") -> None:
    """Give the reason and send the form that holds the button."""
    sent = page.locator("form", has=page.get_by_role("button", name=button, exact=True)).filter(has_text=form).first
    sent.get_by_label("原因").or_(sent.get_by_label("依据", exact=False)).last.fill(WHY)
    sent.get_by_role("button", name=button, exact=True).click()


def test_a_line_is_switched_and_set_by_hand(chromium: Browser, app: FastAPI, boss: Person, top: Person) -> None:
    with served(app) as origin, window(chromium, origin, boss) as page, window(chromium, origin, top) as above:
        page.goto(f"{origin}/{COUNTY}/plugins")
        card = page.get_by_role("region", name="试行业务")
        expect(card).to_contain_text("未启用")
        card.get_by_role("link", name="管理").click()
        page.get_by_label("从哪天起").fill(LATER)
        save(page, "启用")
        expect(page.locator("#flash")).to_contain_text(f"已安排自 {LATER} 起启用")
        page.get_by_label("从哪天起").fill("")
        save(page, "启用")
        expect(page.locator("h1 + p")).to_contain_text("已启用")
        page.get_by_role("link", name="设置", exact=True).click()

        # what the model does not take, the browser does not send
        page.get_by_label("每户上限").fill("12")
        save(page, "保存设置")
        assert page.locator("#f-limit").evaluate("box => !box.validity.valid")
        page.get_by_label("每户上限").fill("5")
        page.get_by_label("慰问金").fill("800")
        save(page, "保存设置")
        expect(page.locator("#flash")).to_contain_text("已保存为第 1 版")
        expect(page.locator(".fld", has=page.locator("#f-limit"))).to_contain_text(f"本单位设置，{TODAY} 起")

        # a field that hangs on another one comes and goes with it
        expect(page.get_by_label("走访人数")).to_be_visible()
        page.get_by_role("group", name="须走访").get_by_label("否").check()
        expect(page.get_by_label("走访人数")).to_be_hidden()

        # the province sets and locks; the county sees where its value comes from
        above.goto(f"{origin}/{PROVINCE}{LINE}/settings")
        above.get_by_label("慰问金").fill("900")
        above.locator(".fld", has=above.locator("#f-gift")).get_by_label("下级不得更改").check()
        above.get_by_label("备注").fill("全省统一")
        save(above, "保存设置")
        page.goto(f"{origin}/{COUNTY}{LINE}/settings")
        expect(page.locator(".fld", has=page.locator("#f-gift"))).to_contain_text("900.00 元四川省总工会已锁定")
        expect(page.locator(".fld", has=page.locator("#f-note"))).to_contain_text(f"沿用四川省总工会设置，{TODAY} 起")
        page.get_by_label("备注").fill("本县")
        save(page, "保存设置")
        page.locator(".fld", has=page.locator("#f-note")).get_by_label("恢复沿用上级").check()
        save(page, "保存设置")
        expect(page.get_by_label("备注")).to_have_value("全省统一")

        page.get_by_label("每户上限").fill("7")
        save(page, "保存设置")
        page.get_by_role("button", name="对照两版").click()
        expect(page.locator("#compared")).to_contain_text("每户上限5 次7 次")
        first = page.locator("#history li", has_text="第 1 版").last
        first.locator("summary").click()
        first.get_by_label("恢复原因").fill(WHY)
        first.get_by_role("button", name="恢复到第 1 版").click()
        expect(page.locator("#flash")).to_contain_text("已恢复到第 1 版")
        expect(page.get_by_label("每户上限")).to_have_value("5")

        above.goto(f"{origin}/{PROVINCE}{LINE}")
        above.locator("#f-word").select_option("forbid")
        above.locator("#f-why").fill("川工发〔2025〕9号")
        above.get_by_role("button", name="作出规定").click()
        page.goto(f"{origin}/{COUNTY}{LINE}")
        expect(page.locator("h1 + p")).to_contain_text("四川省总工会不允许启用")
        expect(page.locator("#switch")).to_contain_text("本单位不能更改")


def test_every_page_of_a_line_fits_and_nothing_complains(chromium: Browser, app: FastAPI, boss: Person, top: Person) -> None:
    paths = ("/plugins", LINE, f"{LINE}/settings", f"{LINE}/preview", "/plugins/leaning", f"{LINE}/settings?old=0&new=0")
    with served(app) as origin:
        with window(chromium, origin, boss) as page:
            page.goto(f"{origin}/{COUNTY}{LINE}/settings")
            page.get_by_label("每户上限").fill("5")
            save(page, "保存设置")
        for who, tenant in ((boss, COUNTY), (top, PROVINCE)):
            assert problems(chromium, origin, who.token, [f"/{tenant}{path}" for path in paths]) == []
