"""The way in, proving oneself anew and the way out as a person goes them: Chromium before the web and before Keycloak."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from core.identity.sessions import session_of
from tests.conftest import COUNTY, OTHER_COUNTY
from tests.keycloak.running import PASSWORD, RunningKeycloak
from tests.keycloak.web import Staff, hired, web
from tests.web.conftest import app
from tests.web.test_pages_browser import chromium

__all__ = ["app", "chromium", "hired", "web"]

pytestmark = [pytest.mark.keycloak, pytest.mark.browser]


def _type_in(page: Page, keycloak: RunningKeycloak, login: str | None) -> None:
    """Fill in Keycloak's own form."""
    expect(page).to_have_url(re.compile(re.escape(keycloak.addresses.realm_url)))
    if login is not None:
        page.fill("input[name=username]", login)
    page.fill("input[name=password]", PASSWORD)
    page.click("[type=submit]")


def test_a_persons_way(chromium: Browser, hired: Callable[..., Staff], web: str, keycloak: RunningKeycloak) -> None:
    li = hired()
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" and page.url.startswith(web) else None)
    page.goto(f"{web}/{COUNTY}/")
    expect(page).to_have_url(re.compile(rf"{web}/sign-in\?next="))
    page.click("text=前往统一身份认证登录")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    _type_in(page, keycloak, li.login)
    expect(page).to_have_url(f"{web}/{COUNTY}/")
    # One county at a time.
    page.goto(f"{web}/desks")
    page.click(f'a[href="/{OTHER_COUNTY}/"]')
    expect(page).to_have_url(f"{web}/{OTHER_COUNTY}/")
    [cookie] = [found for found in context.cookies(web) if found.get("name") == "bangfu_session"]
    before = session_of(cookie.get("value", ""))
    assert before is not None
    page.goto(f"{web}/oidc/step-up?next=/{COUNTY}/cases")
    _type_in(page, keycloak, None)
    expect(page).to_have_url(f"{web}/{COUNTY}/cases")
    after = session_of(cookie.get("value", ""))
    assert after is not None
    assert (before.assurance, after.assurance) == (1, 2)
    # A form that leads to Keycloak: the policy of the page lets it.
    page.goto(f"{web}/desks")
    page.click('form[action="/sign-out"] button')
    expect(page).to_have_url(f"{web}/sign-in")
    assert session_of(cookie.get("value", "")) is None
    page.click("text=前往统一身份认证登录")
    expect(page.locator("input[name=username]")).to_be_visible()
    assert complaints == []
    context.close()
