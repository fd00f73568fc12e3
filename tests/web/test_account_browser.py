"""One's own account in a real browser, by the keyboard alone, wide and narrow: the second factor, sessions, the fresh proof."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pyotp
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from core.db.session import reference_work
from core.identity.local import issue_password
from core.identity.models import Account
from tests.conftest import COUNTY, Database
from tests.web.conftest import Desk
from tests.web.test_account_pages import uncounted
from tests.web.test_pages_browser import SIZES, chromium, picture, served

__all__ = ["chromium", "uncounted"]

pytestmark = pytest.mark.browser
BETTER = "窗外 three 只麻雀在数星星"


def opened(browser: Browser, origin: str, size: tuple[int, int], told: list[str]) -> Page:
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}, base_url=origin).new_page()
    # A refused form is answered with its status, which the console repeats as a failed resource.
    page.on("console", lambda line: told.append(f"{page.url} {line.text}") if "status of 4" not in line.text else None)
    page.on("pageerror", lambda error: told.append(f"{page.url} {error}"))
    return page


def stands(page: Page, heading: str, size: tuple[int, int]) -> None:
    """The page with this heading has come, and does not scroll sideways."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    picture(page, urlsplit(page.url).path, size[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def typed(page: Page, *values: str) -> None:
    """Type into the form's fields one after the other, by the keyboard, and send it with Enter."""
    page.locator("main input:visible").first.focus()
    for number, value in enumerate(values):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.insert_text(value)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("size", SIZES)
def test_an_account_is_made_safe_by_the_keyboard_alone(
    chromium: Browser, app: FastAPI, db: Database, person: Desk, size: tuple[int, int]
) -> None:
    admin = person("admin", role="tenant_admin")
    with reference_work() as session:
        issued = issue_password(session, session.get_one(Account, admin.account_id))
    told: list[str] = []
    with served(app) as origin:
        page = opened(chromium, origin, size, told)
        # the first password leads to its change
        page.goto(f"/sign-in?next=/{COUNTY}/")
        typed(page, "admin", issued)
        stands(page, "修改初始密码", size)
        typed(page, BETTER, BETTER)
        expect(page).to_have_url(f"{origin}/{COUNTY}/")
        # the user menu leads to the account, and that to the second factor
        page.locator("details.who summary").focus()
        page.keyboard.press("Enter")
        page.locator("details.who a", has_text="我的账号").focus()
        page.keyboard.press("Enter")
        stands(page, "我的账号", size)
        page.get_by_role("link", name="启用第二重验证").focus()
        page.keyboard.press("Enter")
        stands(page, "启用第二重验证", size)
        drawn = page.locator("svg.qr").bounding_box()
        assert drawn is not None
        assert (round(drawn["width"]), round(drawn["height"])) == (220, 220)
        secret = page.locator(".own-secret").inner_text().replace(" ", "")
        typed(page, pyotp.TOTP(secret).now())
        stands(page, "恢复码", size)
        codes = page.locator(".own-codes code").all_inner_texts()
        assert page.pdf().startswith(b"%PDF")
        # a second browser signs in with a code, and shows in the list
        other = opened(chromium, origin, size, told)
        other.goto("/sign-in?next=/account")
        typed(other, "admin", BETTER)
        stands(other, "第二重验证", size)
        typed(other, codes[0])
        expect(other.locator(".own-sessions > li")).to_have_count(2)
        expect(other.get_by_text("恢复码还剩 9 个")).to_be_visible()
        stands(other, "我的账号", size)
        other.get_by_role("button", name="退出该处").focus()
        other.keyboard.press("Enter")
        expect(other.locator(".own-sessions > li")).to_have_count(1)
        assert other.pdf().startswith(b"%PDF")
        # eleven minutes later a switch asks for the proof, and keeps the reason
        with db.owner.begin() as connection:
            connection.execute(
                text("update staff_session set authenticated_at = authenticated_at - :by"), {"by": timedelta(minutes=11)}
            )
        other.goto(f"/{COUNTY}/plugins/trial")
        other.get_by_label("原因").fill("今年停办")
        other.get_by_label("原因").press("Tab")
        other.locator("main form button[type=submit]").last.press("Enter")
        stands(other, "再次验证身份", size)
        typed(other, BETTER, codes[1])
        expect(other).to_have_url(f"{origin}/{COUNTY}/plugins/trial")
        expect(other.get_by_text("今年停办")).to_be_visible()
    assert told == []
