"""A threshold is changed in a real browser: proposed, counted, adopted by a second person, on record."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from tests.conftest import COUNTY
from tests.web.conftest import Person
from tests.web.test_pages_browser import SIZES, chromium, problems, served
from tests.web.test_parameter_pages import RATIO, boss, chair, office
from tests.web.test_plugins_browser import window

__all__ = ["boss", "chair", "chromium", "office"]

pytestmark = pytest.mark.browser


def test_a_threshold_changes_by_two_people_who_see_what_follows(
    chromium: Browser, app: FastAPI, boss: Person, chair: Person
) -> None:
    with served(app) as origin, window(chromium, origin, boss) as page, window(chromium, origin, chair) as second:
        page.goto(f"{origin}/{COUNTY}/parameters")
        page.get_by_role("link", name="相对困难线占低保标准的比例").click()
        page.get_by_label("新的取值").fill("25%x")
        page.get_by_label("依据").first.fill("市民政局〔2025〕12号")
        page.get_by_label("调整原因").first.fill("随低保标准调整")
        page.get_by_role("button", name="提出调整").click()
        # what is no percentage, the browser does not send
        assert page.locator("#f-value").evaluate("box => !box.validity.valid")
        page.get_by_label("新的取值").fill("250")
        page.get_by_role("button", name="提出调整").click()
        expect(page.locator("#flash")).to_contain_text("已提出调整")
        assert page.get_by_role("button", name="核准", exact=True).count() == 0

        second.goto(page.url)
        second.get_by_role("button", name="测算影响").click()
        expect(second.locator("#forecast")).to_contain_text("增加 1 户")
        second.get_by_role("button", name="核准", exact=True).click()
        expect(second.locator("#flash")).to_contain_text("已核准")
        expect(second.locator("#history")).to_contain_text("250% 现行")
        page.goto(f"{origin}/{COUNTY}/parameters/{RATIO}")
        expect(page.locator("h1 + p")).to_contain_text("本单位设定")
        proposal = second.locator("#history a").first.get_attribute("href") or ""
        paths = [f"/{COUNTY}/parameters", f"/{COUNTY}/parameters/{RATIO}", proposal, f"{proposal}/households"]
        assert problems(chromium, origin, chair.token, paths, SIZES[:1]) == []
        settings = [f"/{COUNTY}/settings", f"/{COUNTY}/plugins/core/settings"]
        assert problems(chromium, origin, boss.token, settings, SIZES[1:]) == []
