"""A household is registered in a real browser: an error is told at its field, and nothing typed is lost."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from tests.conftest import COUNTY
from tests.core.test_household_changes import HEAD, WIFE, _number
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
        page.locator('[name="members.0.identity_number"]').fill(_number(HEAD))
        page.get_by_role("button", name="再加一人").click()
        page.locator('[name="members.2.name"]').fill("单小妹")
        page.locator('[name="members.2.relation"]').select_option("daughter")
        page.locator('[name="members.2.gender"]').select_option("2")
        page.locator('[name="members.2.birth_date"]').fill("2025-02-03")
        page.locator('[name="members.1.name"]').fill("解芳")
        page.locator('[name="members.1.relation"]').select_option("wife")
        page.locator('[name="members.1.identity_number"]').fill(_number(WIFE)[:17] + "A")
        page.locator('[name="address"]').fill("四川省成都市锦江区双桂路社区12号")
        page.get_by_role("button", name="查询并登记").click()
        expect(page.locator(".sum-err")).to_contain_text("身份证号")
        page.locator(".sum-err a").first.click()
        assert page.evaluate("document.activeElement.name") == "members.1.identity_number"
        assert page.locator('[name="members.2.birth_date"]').input_value() == "2025-02-03"
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(_number(WIFE))
        page.get_by_role("button", name="查询并登记").click()
        expect(page.locator("#flash")).to_contain_text("已登记，档案编号")
        expect(page.locator("body")).to_contain_text("单小妹")
        home = page.url.removeprefix(origin)
        kinds = ("birth", "death", "split", "between")
        paths = [f"{home}/changes", *(f"{home}/changes/new?kind={kind}" for kind in kinds), f"/{COUNTY}/households/new"]
        paths += [f"{home}/facts", f"{home}/particulars", f"/{COUNTY}/employers", f"/{COUNTY}/employers/new"]
        assert problems(chromium, origin, office.clerk.token, paths, SIZES[0]) == []
        assert problems(chromium, origin, office.clerk.token, paths[:3], SIZES[-1]) == []
