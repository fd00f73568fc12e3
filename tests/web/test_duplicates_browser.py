"""A clerk in a real browser: two persons side by side, merged, and the merge undone."""

from __future__ import annotations

from datetime import date

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from core.db.session import unit_of_work
from core.people.duplicates.service import propose_duplicates
from tests.conftest import COUNTY
from tests.core.lines import Acting
from tests.core.people_story import number_of, put_on_file, stale_after_a_year
from tests.web.conftest import Desk
from tests.web.test_pages_browser import chromium, served

__all__ = ["chromium"]

pytestmark = pytest.mark.browser


def test_a_pair_is_found_compared_merged_and_undone(chromium: Browser, app: FastAPI, acting: Acting, person: Desk) -> None:
    born = date(1970, 3, 5)
    stale_after_a_year(acting)
    with acting(), unit_of_work() as session:
        first = put_on_file(session, ("王小明", number_of(1, born)), ("李红", number_of(2, date(1972, 7, 1))))
        second = put_on_file(session, ("王晓明", number_of(3, born)))
        propose_duplicates(session)
    clerk = person("clerk")
    with served(app) as origin:
        context = chromium.new_context(viewport={"width": 1366, "height": 768})
        context.add_cookies([{"name": "bangfu_session", "value": clerk.token, "url": origin}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        complaints: list[str] = []
        page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
        page.goto(f"{origin}/{COUNTY}/files")
        page.keyboard.press("/")
        page.keyboard.type("wxm")
        page.locator("#found .it").nth(1).wait_for()
        assert page.locator("#found .it").count() == 2
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/households/{first.household_id}")
        page.goto(f"{origin}/{COUNTY}/duplicates")
        page.get_by_role("link", name="王").first.click()
        page.get_by_label("甲 王小明").check()
        page.get_by_label("是同一户，合并两户档案").check()
        page.locator("#f-merge").fill("核对户口簿")
        page.get_by_role("button", name="合并", exact=True).click()
        page.locator("#f-undo").wait_for()
        page.goto(f"{origin}/{COUNTY}/households/{second.household_id}")
        assert page.url.endswith(str(first.household_id))
        page.get_by_role("link", name="查看或撤销").click()
        page.locator("#f-undo").fill("经核实为两户")
        page.get_by_role("button", name="撤销合并").click()
        page.locator("#f-different").wait_for()
        page.goto(f"{origin}/{COUNTY}/households/{second.household_id}")
        assert page.url.endswith(str(second.household_id))
        assert complaints == []
        context.close()
