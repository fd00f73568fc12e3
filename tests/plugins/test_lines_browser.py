"""The two lines that are off by default, in a real browser: switched on, their main form filled in, the list that follows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from core.db.session import unit_of_work
from core.people.models import WorkerFile
from core.web.app import make_app
from deploy.testing.browsers import Person
from deploy.testing.installation import COUNTY, Database
from deploy.testing.trial import Trial
from tests.plugins.test_warm_visits import START
from tests.plugins.trials import filed, installed_for, on_day
from tests.web.test_pages_browser import chromium, picture, problems, served
from tests.web.test_plugins_browser import WHY, save, window

__all__ = ["chromium"]

pytestmark = pytest.mark.browser


@pytest.fixture
def trial(db: Database) -> Trial:
    for name in ("warm_visits", "mutual_aid"):
        installed_for(name)
    made = Trial(db)
    on_day(made, START)
    return made


@lru_cache(maxsize=1)
def _made() -> FastAPI:
    return make_app()


@pytest.fixture
def origin(trial: Trial) -> Iterator[str]:
    with served(_made()) as address:
        yield address


def switched_on(chromium: Browser, origin: str, admin: Person, line: str, title: str) -> None:
    """The administrator switches the line on by hand, from the card on."""
    with window(chromium, origin, admin) as page:
        page.goto(f"{origin}/{COUNTY}/plugins")
        page.get_by_role("region", name=title).get_by_role("link", name="管理").click()
        save(page, "启用")
        expect(page.locator("h1 + p")).to_contain_text("已启用")
        page.goto(f"{origin}/{COUNTY}/plugins")
        expect(page.get_by_role("region", name=title)).to_contain_text(WHY)
        picture(page, f"{line}-card", 1366)


def fits(chromium: Browser, origin: str, who: Person, page: Page) -> None:
    """Where the page stands now, wide and narrow: no sideways scroll, no complaint."""
    path = page.url.removeprefix(origin)
    assert problems(chromium, origin, who.token, [path]) == []


def test_new_year_visits_are_planned_by_hand(chromium: Browser, origin: str, trial: Trial) -> None:
    families = trial.families(2)
    filed(trial, families, kind="deep")
    clerk = trial.signed_in()
    switched_on(chromium, origin, trial.signed_in("tenant_admin"), "warm_visits", "送温暖慰问")
    with window(chromium, origin, clerk) as page:
        page.goto(f"{origin}/{COUNTY}/")
        page.get_by_role("link", name="送温暖慰问").first.click()
        fits(chromium, origin, clerk, page)
        page.get_by_label("开始日期").fill("2025-12-20")
        page.get_by_label("结束日期").fill("2026-02-28")
        page.get_by_role("button", name="设立").click()
        page.get_by_label("在档对象类别").select_option("deep")
        page.get_by_role("button", name="按规则列入").click()
        expect(page.locator("#stops tbody tr")).to_have_count(2)
        for family in families:
            expect(page.locator("#stops")).to_contain_text(family.name)
        fits(chromium, origin, clerk, page)


def test_members_of_mutual_aid_are_registered_by_hand(chromium: Browser, origin: str, trial: Trial) -> None:
    families = trial.families(2)
    with trial.scope(), unit_of_work() as session:
        numbers = session.scalars(
            select(WorkerFile.file_number).where(WorkerFile.household_id.in_([family.household_id for family in families]))
        ).all()
    clerk = trial.signed_in()
    switched_on(chromium, origin, trial.signed_in("tenant_admin"), "mutual_aid", "职工互助保障")
    with window(chromium, origin, clerk) as page:
        page.goto(f"{origin}/{COUNTY}/mutual_aid")
        page.get_by_label("参保单位").fill("锦江机械厂工会")
        page.get_by_label("保障期开始").fill("2026-02-01")
        page.get_by_label("保障期结束").fill("2026-12-31")
        page.get_by_label("会员档案编号").fill("\n".join(numbers))
        page.get_by_role("button", name="登记").click()
        expect(page.locator("#members tbody tr")).to_have_count(2)
        expect(page.locator("#members")).to_contain_text("待到账")
        fits(chromium, origin, clerk, page)
