"""The first page and the list of deadlines: exact counts, pages by key, and where to begin when nothing waits."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from core.announcements.service import publish
from core.cases.models import Deadline
from core.cases.service import due_counts, due_items
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.session import unit_of_work
from core.web.context import navigation
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import LINES, Acting, as_if_opened, install, job_seeker, permissions, post
from tests.web.conftest import Desk

NUMBER = re.compile(r"共 ([0-9,]+) 条")


@pytest.fixture(autouse=True)
def lines(app: FastAPI, db: Database) -> None:
    install(db)


def _clocks(acting: Acting, days: list[int], kind: str = "placement") -> None:
    """Running clocks of one case that fall due so many days after ``TODAY``."""
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
        rows = [
            {
                "id": new_id(),
                "case_id": case.id,
                "kind": kind,
                "started_on": TODAY,
                "due_on": TODAY + timedelta(days=left),
                "provisional": False,
                "clause": "domain 4.1",
                "handlers": None,
            }
            for left in days
        ]
        insert_rows(session, Deadline, rows)


def test_more_deadlines_than_a_page_are_all_counted_and_walked(acting: Acting) -> None:
    _clocks(acting, [-3] * 130 + [0] * 80 + [5] * 40)
    with post(acting, "clerk"), unit_of_work() as session:
        until = TODAY + timedelta(days=14)
        counts = due_counts(session, until)
        before = sum(counts.values())
        seen, after = [], None
        while found := due_items(session, until, after=after, limit=60):
            seen += [item.id for item in found]
            after = (found[-1].due_on, found[-1].id)
    assert counts[TODAY - timedelta(days=3)] == 130
    assert len(seen) == len(set(seen)) == before >= 250


def test_a_period_that_must_only_pass_is_nothing_to_do(acting: Acting, db: Database) -> None:
    _clocks(acting, [-30], "notice_period")
    as_if_opened(db, workflow="living_relief")
    with post(acting, "clerk"), unit_of_work() as session:
        kinds = {item.kind for item in due_items(session, TODAY + timedelta(days=400))}
        counted = due_counts(session, TODAY)
    assert "notice_period" not in kinds
    assert counted == {}


def test_the_page_counts_all_and_goes_on_by_key(acting: Acting, person: Desk) -> None:
    worker = person("w")
    _clocks(acting, [-2] * 120)
    home = worker.client.get(f"/{COUNTY}/").text
    assert "两周内要办 120 件" in home
    assert "其中 120 件已超期" in home
    assert home.count("data-row") == 50
    url, rows = f"/{COUNTY}/deadlines", 0
    while url:
        page = worker.client.get(url)
        assert page.status_code == 200
        rows += page.text.count("data-row")
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        url = following.group(1) if following else ""
    assert rows == int(NUMBER.findall(page.text)[0]) >= 120
    assert worker.client.get(f"/{COUNTY}/deadlines?after=2025-13-40.{new_id()}").status_code == 404


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/", "/"),
        ("/deadlines", "/deadlines"),
        ("/cases?line=petitions&state=registered", "/cases?line=petitions"),
        ("/cases?line=legal_aid", "/cases?line=legal_aid"),
        ("/cases", None),
        ("/trial", "/trial"),
    ],
)
def test_the_entry_that_a_page_lies_under_is_marked(acting: Acting, address: str, current: str | None) -> None:
    path, _, query = f"/{COUNTY}{address}".partition("?")
    with acting(COUNTY, permissions=permissions(), plugins=LINES | {"trial"}) as scope:
        marked = [item.href for item in navigation(scope, path, query=query) if item.current]
    assert marked == ([f"/{COUNTY}{current}"] if current else [])


def test_a_post_for_which_nothing_waits_sees_where_to_begin(acting: Acting, person: Desk, db: Database) -> None:
    with acting(COUNTY), unit_of_work() as session:
        publish(session, 2025)
    worker, admin, payer = person("w"), person("a", role="tenant_admin"), person("p", role="payer")
    shown = worker.client.get(f"/{COUNTY}/").text
    assert "可以从这里开始" in shown
    assert f"/{COUNTY}/cases/new?workflow=trial" in shown
    assert f"/public/{COUNTY}/annual/2025" in shown
    assert f'href="/{COUNTY}/funds"' in payer.client.get(f"/{COUNTY}/").text
    assert "可以从这里开始" in admin.client.get(f"/{COUNTY}/").text
    _clocks(acting, [1])
    assert "可以从这里开始" not in worker.client.get(f"/{COUNTY}/").text
