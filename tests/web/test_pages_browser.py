"""Every page in a real browser from a real server, wide and narrow: no sideways scroll, nothing in the console."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from core.db.session import reference_work
from core.identity.service import give_post
from core.web.render import STATIC
from tests.conftest import COUNTY, PREFECTURE, Database
from tests.web.chromium import CHROMIUM, launched
from tests.web.conftest import SINCE, Desk
from tests.web.county import Acting, Planted, plant
from tests.web.test_pages import addresses, every_post

SIZES = ((1366, 768), (390, 844))

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    missing = "no Chromium on this machine" if CHROMIUM is None else ""
    if not (STATIC / "vendor" / "tabler.css").is_file():
        missing = "the assets are not built"
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    # A busy machine may let a page wait that would be there at once.
    expect.set_options(timeout=30_000)
    with launched() as opened:
        yield opened


class Announced(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a free port of this machine, its routes put together."""
    server = Announced(app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.listens.wait(20)
    port = server.servers[0].sockets[0].getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    assert httpx2.get(f"{origin}/sign-in", timeout=60).status_code < 500
    yield origin
    server.should_exit = True
    thread.join(20)


def picture(page: Page, address: str, width: int) -> None:
    """Keep a picture where a folder for them is named."""
    if folder := os.environ.get("BANGFU_SCREENSHOTS"):
        name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[0-9a-f-]{36}", "one", address)).strip("-") or "home"
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


_WIDTH = "new Promise(done => requestAnimationFrame(() => done(document.documentElement.scrollWidth)))"
"""How wide the page is at the next frame: what a script draws anew for another size is drawn before."""


def problems(
    browser: Browser, origin: str, token: str | None, paths: list[str], sizes: Sequence[tuple[int, int]] = SIZES
) -> list[str]:
    """What is wrong with the pages at these sizes: complaints of the console, sideways scroll, other answers than 200.

    A page is asked for once and its window made narrower: the same style sheet lays it out anew, and no script of ours looks at
    the width when the page comes.
    """
    context = browser.new_context()
    if token:
        context.add_cookies([{"name": "bangfu_session", "value": token, "url": origin}])
    page = context.new_page()
    found: list[str] = []
    page.on("console", lambda told: found.append(f"{page.url} {told.text}") if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(f"{page.url} {error}"))
    for path in paths:
        page.set_viewport_size({"width": sizes[0][0], "height": sizes[0][1]})
        answer = page.goto(origin + path, wait_until="load")
        if answer is None or answer.status != 200:
            found.append(f"{path} {answer.status if answer else 'no answer'}")
        for wide, high in sizes:
            page.set_viewport_size({"width": wide, "height": high})
            width = page.evaluate(_WIDTH)
            if width > wide:
                found.append(f"{path} is {width} wide in a window of {wide}")
            picture(page, path, wide)
    context.close()
    return found


def test_every_page_fits_and_nothing_complains(
    chromium: Browser, app: FastAPI, db: Database, acting: Acting, roster: Path, person: Desk
) -> None:
    planted: Planted = plant(db, acting, roster)
    everybody = every_post(person)
    upper = person("upper", tenant=PREFECTURE, role="case_approver")
    with reference_work() as session:
        give_post(session, upper.account_id, PREFECTURE, "tenant_admin", valid_from=SINCE)
    county = [f"/{COUNTY}{address}" for address in addresses(planted) if "progress" not in address]
    above = [f"/{PREFECTURE}{path}" for path in ("/", "/overview?year=2025", "/matters", f"/matters/{planted.matter}")]
    public = ["/sign-in", f"/public/{COUNTY}/annual/2025", f"/public/{COUNTY}/notices/{planted.notice}"]
    with served(app) as origin:
        for token, paths in ((everybody.token, county), (upper.token, above), (None, public)):
            assert problems(chromium, origin, token, paths) == []
