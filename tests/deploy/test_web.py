"""The web as it is deployed: it refuses an unsafe role at its start, and tells the workers when a job is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from uvicorn.importer import import_from_string

from core.db.session import app_engine
from core.errors import Misconfigured
from core.host.manager import host
from core.jobs import outbox
from core.settings import settings
from core.web.app import make_app as core_app
from deploy.launcher import WEB, web_arguments
from deploy.web import make_app
from tests.conftest import COUNTY, Database
from tests.web.conftest import signed_in


@pytest.fixture
def settled(db: Database) -> Iterator[None]:
    """Settings and engine are read anew in the test, and again after it."""
    yield
    outbox.set_sender(None)
    if app_engine.cache_info().currsize and app_engine() is not db.app:
        app_engine().dispose()
    settings.cache_clear()


def test_the_web_starts_as_the_application_and_refuses_to_as_the_owner(
    db: Database, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(core_app()) as browser:
        assert browser.get("/healthz").json()["status"] == "ok"
    monkeypatch.setattr("core.web.app.app_engine", lambda: db.owner)
    with pytest.raises(Misconfigured) as refused, TestClient(core_app()):
        pass
    assert refused.value.where == "BANGFU_DATABASE_URL"


def test_a_job_started_on_a_page_is_told_to_the_workers_at_once(
    db: Database, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[Any]]] = []

    def keep(task: str, arguments: Sequence[Any]) -> None:
        sent.append((task, list(arguments)))

    monkeypatch.setattr("worker.relay.send", keep)
    monkeypatch.setenv("BANGFU_CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    host.cache_clear()
    worker = signed_in(TestClient(make_app(), follow_redirects=False), "worker")
    form = {"csrf_token": worker.csrf, "kind": "survey", "year": "2025"}
    assert worker.client.post(f"/{COUNTY}/jobs", data=form).status_code == 303
    assert sent == [(outbox.RELAY, [COUNTY])]


def test_the_launcher_starts_the_web_that_knows_the_workers() -> None:
    assert import_from_string(WEB) is make_app


def test_whoever_claims_to_be_forwarded_does_not_choose_his_address() -> None:
    """No proxy stands before the embedded web, so what a client says of one is not heard; addresses are kept nowhere."""
    given = uvicorn.main.make_context("web", web_arguments(8000)).params
    assert (given["proxy_headers"], given["access_log"], given["host"]) == (False, False, "127.0.0.1")
