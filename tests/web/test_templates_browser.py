"""The gallery in a real browser under the real CSP: no refused inline code, no sideways scroll, the keys work."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from core.web.render import STATIC
from tests.web.chromium import CHROMIUM, launched
from tests.web.gallery import announcement_page, gallery_page

ORIGIN = "http://bangfu.test"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGES = {"/gallery": gallery_page(), "/announcement": announcement_page()}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (STATIC / "vendor" / "tabler.css").is_file(), reason="the assets are not built"),
]


def answer(route: Route) -> None:
    """Pages from memory and static files from the disk, with the policy that the server sends."""
    path = urlsplit(route.request.url).path
    headers = {"content-security-policy": "default-src 'self'"}
    if path in PAGES:
        route.fulfill(body=PAGES[path], headers=headers | {"content-type": "text/html; charset=utf-8"})
    elif path.startswith("/static/") and (file := STATIC / path.removeprefix("/static/")).is_file():
        route.fulfill(body=file.read_bytes(), headers=headers | {"content-type": TYPES[file.suffix]})
    else:
        route.fulfill(status=404, body="", headers=headers)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.route("**/*", answer)
    yield context.new_page()
    context.close()


def complaints(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("requestfailed", lambda request: found.append(request.url))
    return found


@pytest.mark.parametrize("width", [1366, 1000, 683, 390, 320])
@pytest.mark.parametrize("path", sorted(PAGES))
def test_no_sideways_scroll_and_no_complaint(page: Page, path: str, width: int) -> None:
    found = complaints(page)
    page.set_viewport_size({"width": width, "height": 844 if width < 760 else 768})
    page.goto(ORIGIN + path, wait_until="load")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("BANGFU_SCREENSHOTS"):
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.screenshot(path=Path(folder) / f"{path[1:]}-{width}.png", full_page=True)


def test_charts_are_drawn_as_svg_and_have_tables(page: Page) -> None:
    page.goto(f"{ORIGIN}/gallery", wait_until="load")
    page.wait_for_selector("[data-drawn]")
    assert page.locator(".chart svg").count() == 3
    assert page.locator(".twin table").count() == 3


def test_keys_search_and_move_in_lists(page: Page) -> None:
    page.goto(f"{ORIGIN}/gallery", wait_until="load")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "赵建国"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "保密信访件"
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == "赵建国"
    page.keyboard.press("?")
    assert page.locator("dialog.help").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find-box"
    page.keyboard.type("j")
    assert page.input_value("#find-box") == "j"


def test_an_error_summary_takes_the_focus(page: Page) -> None:
    page.goto(f"{ORIGIN}/gallery", wait_until="load")
    assert page.evaluate("document.activeElement.hasAttribute('data-focus')")


def test_a_shown_value_is_masked_again_after_a_minute(page: Page) -> None:
    page.clock.install()
    page.goto(f"{ORIGIN}/gallery", wait_until="load")
    shown = page.locator("[data-masked]")
    assert shown.text_content() == "510899200709033819"
    page.clock.fast_forward(61_000)
    assert shown.text_content() == "510899********3819"


def test_requests_of_htmx_carry_the_token(page: Page) -> None:
    page.goto(f"{ORIGIN}/gallery", wait_until="load")
    with page.expect_request("**/510899/find*") as caught:
        page.fill("#find-box", "lgf")
        page.press("#find-box", "f")
    assert caught.value.header_value("x-csrf-token") == "token-1"


def test_the_public_page_works_without_script(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    context.route("**/*", answer)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{ORIGIN}/announcement", wait_until="load")
    assert len(asked) <= 3
    context.close()


def test_what_a_county_page_loads_is_within_its_budget() -> None:
    files = ("vendor/tabler.css", "bangfu.css", "bangfu.js", "vendor/htmx.min.js", "vendor/icons.svg")
    shared = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in files)
    # 60 kB for the page with its own HTML, for which 15 kB are kept.
    assert shared <= 45_000
