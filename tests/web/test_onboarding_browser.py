"""A county is opened in a real browser: from the list of divisions to a go-live that is refused, then accepted."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from core.db.session import reference_work
from core.identity.service import give_post
from tests.conftest import PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import stand_at
from tests.tenants.opened import NEW, figures, stated
from tests.web.conftest import Desk, Person
from tests.web.test_pages_browser import chromium, problems, served
from tests.web.test_plugins_browser import window

__all__ = ["chromium"]

pytestmark = pytest.mark.browser

WHY = "川工发〔2025〕12号"


def go_live(page: Page) -> None:
    page.locator("#f-go-live").fill(WHY)
    page.get_by_role("button", name="正式开通", exact=True).click()


def invite(page: Page, login: str, role: str) -> None:
    """Through the page of staff, as the level above that looks after it."""
    page.get_by_label("登录名", exact=False).last.fill(login)
    page.get_by_label("姓名", exact=True).fill("某人")
    page.locator("#f-role").select_option(role)
    page.locator("#f-reason").fill(WHY)
    page.get_by_role("button", name="增加", exact=True).click()
    expect(page.locator("kbd").first).to_be_visible()


def at_work(who: Person, role: str) -> None:
    """The two who sign in themselves below hold their posts in the new county."""
    with reference_work() as session:
        give_post(session, who.account_id, NEW, role, valid_from=TODAY)


def test_a_county_is_opened_by_hand(chromium: Browser, app: FastAPI, person: Desk, db: Database) -> None:
    install(db)
    stand_at(db)
    top = person("top", tenant=PROVINCE, role="tenant_admin")
    guard = person("guard", tenant=PROVINCE, role="security_administrator")
    teller, second = person("teller", role=None), person("second", role=None)
    with served(app) as origin, window(chromium, origin, top) as page:
        page.goto(f"{origin}/{PROVINCE}/tenants")
        page.get_by_label("名称或代码").fill("青羊")
        page.get_by_role("button", name="查找").click()
        page.get_by_role("link", name="青羊区 510105").click()
        expect(page.get_by_label("青羊区 510105")).to_be_checked()
        page.get_by_label("仅生活救助").check()
        page.locator("#f-reason").fill(WHY)
        page.get_by_role("button", name="着手开通").click()
        expect(page.locator("#flash")).to_contain_text("已着手开通 1 个单位")
        expect(page.locator("h1 + p")).to_contain_text("开通中")

        # what was typed stays, and what is left to do is told
        go_live(page)
        expect(page.locator("#flash")).to_contain_text("开通清单还有 4 项未完成")
        expect(page.locator("#f-go-live")).to_have_value(WHY)
        staff = page.locator("#points li", has_text="岗位人员").get_by_role("link", name="去办理")
        staff.click()
        for login, role in (("jing", "caseworker"), ("shen", "case_approver"), ("chu", "payer")):
            invite(page, login, role)
            page.goto(f"{origin}/{PROVINCE}/staff?of={NEW}")
        at_work(teller, "fund_manager")
        at_work(second, "payment_approver")
        with window(chromium, origin, guard) as safe:
            safe.goto(f"{origin}/{PROVINCE}/staff?of={NEW}")
            invite(safe, "guan", "tenant_admin")
        figures()
        stated()

        with window(chromium, origin, teller) as books, window(chromium, origin, second) as again:
            books.goto(f"{origin}/{NEW}/opening-balances")
            books.locator("#f-amount").fill("1200.50")
            books.locator("#f-document").fill("对账单 12")
            books.locator("#f-reason").fill("上年结转")
            books.locator("#tell").get_by_role("button", name="登记").click()
            expect(books.locator("#flash")).to_contain_text("等待支付审批人复核")
            again.goto(f"{origin}/{NEW}/opening-balances")
            again.get_by_role("button", name="复核入账").click()
            expect(again.locator("#rows")).to_contain_text("已入账")

        page.goto(f"{origin}/{PROVINCE}/tenants/{NEW}")
        expect(page.locator("#points")).to_contain_text("完成 6 / 6")
        go_live(page)
        expect(page.locator("#flash")).to_contain_text("已正式开通")
        expect(page.locator("h1 + p")).to_contain_text("已开通")
        paths = [f"/{PROVINCE}/{path}" for path in ("tenants", "tenants/new", f"tenants/{NEW}")]
        assert problems(chromium, origin, top.token, paths) == []
        assert problems(chromium, origin, teller.token, [f"/{NEW}/opening-balances"]) == []
