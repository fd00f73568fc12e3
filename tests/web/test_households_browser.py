"""A household in a real browser: registered with an error that is told at its field, worked on by keyboard alone, moved."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from core.jobs.outbox import relay
from tests.conftest import COUNTY, OTHER_COUNTY
from tests.core.household_story import HEAD, WIFE, numbered
from tests.web.conftest import Desk
from tests.web.test_household_pages import Office, office
from tests.web.test_pages_browser import SIZES, chromium, problems, served
from tests.web.test_plugins_browser import window

__all__ = ["chromium", "office"]

pytestmark = pytest.mark.browser


def test_a_household_is_registered_with_an_error_that_is_put_right(chromium: Browser, app: FastAPI, office: Office) -> None:
    with served(app) as origin, window(chromium, origin, office.clerk) as page:
        page.goto(f"{origin}/{COUNTY}/files")
        page.get_by_role("link", name="登记新户").first.click()
        page.locator('[name="members.0.name"]').fill("单明")
        page.locator('[name="members.0.identity_number"]').fill(numbered(HEAD))
        page.get_by_role("button", name="再加一人").click()
        page.locator('[name="members.2.name"]').fill("单小妹")
        page.locator('[name="members.2.relation"]').select_option("daughter")
        page.locator('[name="members.2.gender"]').select_option("2")
        page.locator('[name="members.2.birth_date"]').fill("2025-02-03")
        page.locator('[name="members.1.name"]').fill("解芳")
        page.locator('[name="members.1.relation"]').select_option("wife")
        page.locator('[name="members.1.identity_number"]').fill(numbered(WIFE)[:17] + "A")
        page.locator('[name="address"]').fill("四川省成都市锦江区双桂路社区12号")
        page.get_by_role("button", name="查询并登记").click()
        expect(page.locator(".sum-err")).to_contain_text("身份证号")
        page.locator(".sum-err a").first.click()
        assert page.evaluate("document.activeElement.name") == "members.1.identity_number"
        assert page.locator('[name="members.2.birth_date"]').input_value() == "2025-02-03"
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(numbered(WIFE))
        page.get_by_role("button", name="查询并登记").click()
        expect(page.locator("#flash")).to_contain_text("已登记，档案编号")
        expect(page.locator("body")).to_contain_text("单小妹")
        home = page.url.removeprefix(origin)
        kinds = ("birth", "death", "split", "between")
        paths = [f"{home}/changes", *(f"{home}/changes/new?kind={kind}" for kind in kinds), f"/{COUNTY}/households/new"]
        paths += [f"{home}/facts", f"{home}/particulars", f"/{COUNTY}/employers", f"/{COUNTY}/employers/new"]
        assert problems(chromium, origin, office.clerk.token, paths, SIZES[:1]) == []
        assert problems(chromium, origin, office.clerk.token, paths[:3], SIZES[1:]) == []


def _tab_to(page: Page, found: str) -> None:
    """Go on by the tabulator alone until ``found`` holds of the element in focus, which is called ``it``."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate(f"(it => {found})(document.activeElement)"):
            return
    pytest.fail(f"the tabulator does not come to {found}")


def test_a_file_is_worked_on_by_keyboard_alone_and_moves_by_two_offices_word(
    chromium: Browser, app: FastAPI, office: Office, person: Desk
) -> None:
    home = f"/{COUNTY}/households/{office.registered()}"
    taker = person("taker", tenant=OTHER_COUNTY)
    with served(app) as origin, window(chromium, origin, office.clerk) as page, window(chromium, origin, taker) as there:
        page.goto(f"{origin}/{COUNTY}/files")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{home}")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the link that skips to the text
        _tab_to(page, 'it.id === "note-first_check"')
        page.keyboard.type("材料齐全")
        _tab_to(page, 'it.tagName === "BUTTON"')
        page.keyboard.press("Enter")
        expect(page.locator("#life .trail")).to_contain_text("材料齐全")
        page.keyboard.press("Tab")
        _tab_to(page, 'it.textContent === "登记授权或同意"')
        page.keyboard.press("Enter")
        _tab_to(page, 'it.id === "consent-reference"')
        page.keyboard.type("SQ-2025-01")
        _tab_to(page, 'it.tagName === "BUTTON"')
        page.keyboard.press("Enter")
        expect(page.locator("#consents .rows")).to_contain_text("SQ-2025-01")

        page.get_by_role("link", name="提出转出").click()
        page.get_by_label("转出原因").fill("户籍迁移")
        page.get_by_role("button", name="提出转出").click()
        assert page.locator("[name=peer]").evaluate("box => !box.validity.valid")  # no county is proposed
        page.get_by_label("转入单位").select_option(OTHER_COUNTY)
        page.get_by_role("button", name="提出转出").click()
        expect(page.locator("#went")).to_contain_text("待对方答复")
        relay(COUNTY)
        there.goto(f"{origin}/{OTHER_COUNTY}/transfers")
        expect(there.locator("#came")).to_contain_text("单明")
        there.get_by_role("button", name="同意转入").click()
        expect(there.locator("#came")).to_contain_text("已同意，等待送达")
        for tenant in (OTHER_COUNTY, COUNTY, OTHER_COUNTY):
            relay(tenant)
        there.reload()
        there.locator("#came a").click()
        expect(there.locator("body")).to_contain_text("单小宝")
        expect(there.locator("body")).to_contain_text("待初审")
        page.goto(origin + home)
        expect(page.locator("body")).to_contain_text("本档案只供查阅")
        expect(page.locator("#matters")).not_to_contain_text("更改档案信息")
