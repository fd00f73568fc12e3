"""An import in a real browser: the file sent, a column corrected, the annotated copy taken, the rest written."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from core.db.session import unit_of_work
from core.tenancy.keys import give_key
from tests.conftest import COUNTY, Database
from tests.core.rosters import HEAD, family, workbook
from tests.web.conftest import Desk
from tests.web.county import Acting
from tests.web.test_imports_pages import done
from tests.web.test_pages_browser import chromium, served

__all__ = ["chromium"]

pytestmark = pytest.mark.browser


def test_a_file_from_the_desk_to_the_files(
    chromium: Browser, app: FastAPI, db: Database, person: Desk, acting: Acting, tmp_path: Path
) -> None:
    with acting(COUNTY), unit_of_work() as session:
        give_key(session)
    rows = [*family(1), *family(11)]
    rows[-1] = rows[-1].but(身份证号="51010419800101")
    book = tmp_path / "困难职工名册.xls"  # an .xlsx by its bytes
    book.write_bytes(workbook(rows, tuple("每月到手" if name == "月收入" else name for name in HEAD)).getvalue())
    clerk = person("li")
    with served(app) as origin:
        context = chromium.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
        context.add_cookies([{"name": "bangfu_session", "value": clerk.token, "url": origin}])
        page = context.new_page()
        told: list[str] = []
        page.on("console", lambda said: told.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"{origin}/{COUNTY}/imports")
        page.get_by_label("困难职工档案表").set_input_files(book)
        page.get_by_role("button", name="上传并核对").click()
        expect(page.get_by_role("heading", name="困难职工名册.xls")).to_be_visible()
        url = page.url.removeprefix(origin)
        done(acting, url)
        page.reload()
        expect(page.get_by_text("第 5 行")).to_be_visible()
        expect(page.get_by_text("文件名以“.xls”结尾，内容却是 .xlsx 工作簿")).to_be_visible()
        page.get_by_label("“每月到手”当作").select_option(label="月收入")
        page.get_by_role("button", name="保存列名对应并重新核对").click()
        done(acting, url)
        page.reload()
        expect(page.get_by_text("本单位指定").first).to_be_visible()
        with page.expect_download() as taken:
            page.get_by_role("link", name="下载批注副本").click()
        assert taken.value.suggested_filename == "困难职工名册（批注）.xlsx"
        assert Path(taken.value.path()).read_bytes().startswith(b"PK")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1366
        page.get_by_role("button", name="确认导入 1 户").click()
        done(acting, url)
        page.reload()
        expect(page.get_by_text("已导入").first).to_be_visible()
        expect(page.get_by_text("退回的 1 户没有导入")).to_be_visible()
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert told == []
        context.close()
