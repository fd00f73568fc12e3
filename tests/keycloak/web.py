"""The platform's own web where the running Keycloak knows it, and people before it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from core.db.session import reference_work
from core.identity.models import Account, StaffSession
from core.identity.oidc import provider as provider_module
from core.identity.service import give_post
from core.identity.sessions import token_hash
from core.settings import settings
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.keycloak.running import PASSWORD, RunningKeycloak
from tests.keycloak.sign_in import Visitor
from tests.web.conftest import SINCE, switch_trial

WHERE = f"/api/v1/{COUNTY}/trial/scope"


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, port: int) -> None:
        # a browser that was left open would hold the port for as long as it is waited for
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def listening(app: FastAPI, address: str) -> Iterator[None]:
    """The application at the address to which Keycloak sends people back."""
    server = _Server(app, urlsplit(address).port or 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.listens.wait(20)
    yield
    server.should_exit = True
    thread.join(20)


@dataclass
class Staff:
    """Somebody with posts in two counties: ``client`` is his browser before the web, ``there`` the same before Keycloak."""

    login: str
    subject: str
    client: httpx2.Client
    there: Visitor = field(repr=False)

    def sign_in(self, wanted: str = f"/{COUNTY}/trial") -> None:
        """From the web's button over Keycloak's form back to the web."""
        self.there.go(self.client.get("/oidc/start", params={"next": wanted}).headers["location"])
        self.there.send(username=self.login, password=PASSWORD)
        assert self.back().headers["location"] == wanted

    def back(self) -> httpx2.Response:
        """Bring to the web what Keycloak has given along."""
        assert self.there.arrived, self.there.page
        return self.client.get("/oidc/callback", params=self.there.arrived)

    def status(self, url: str = WHERE) -> int:
        """How the web answers."""
        return self.client.get(url).status_code

    def row(self) -> StaffSession:
        """The session as it is stored."""
        with reference_work() as session:
            return session.get_one(StaffSession, token_hash(self.client.cookies["bangfu_session"]))


@pytest.fixture
def web(app: FastAPI, keycloak: RunningKeycloak, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the web, which has people sign in at the running Keycloak."""
    for name, value in keycloak.addresses.environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    provider_module._provider.cache_clear()
    with listening(app, keycloak.addresses.public_url):
        yield keycloak.addresses.public_url
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def hired(web: str, keycloak: RunningKeycloak, db: Database) -> Iterator[Callable[..., Staff]]:
    """Makes people who have an account here and there."""
    clients = []
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_trial(db, tenant, True)

    def made(**more: Any) -> Staff:
        login = keycloak.person(**more)
        subject = keycloak.admin.get_user_id(login) or ""
        with reference_work() as session:
            account = Account(login=login, display_name="李明", subject=subject)
            session.add(account)
            session.flush()
            for tenant in (COUNTY, OTHER_COUNTY):
                give_post(session, account.id, tenant, "caseworker", valid_from=SINCE)
        client = httpx2.Client(base_url=web, timeout=30)
        clients.append(client)
        return Staff(login, subject, client, keycloak.visitor())

    yield made
    for client in clients:
        client.close()


def age(db: Database, seconds: float) -> None:
    """Let the access tokens of all sessions be ``seconds`` older."""
    with db.owner.begin() as connection:
        connection.execute(text("update staff_session set fresh_until = fresh_until - :by"), {"by": timedelta(seconds=seconds)})


def soon(holds: Callable[[], bool], within: float = 15.0) -> bool:
    """Whether something comes to hold within some seconds."""
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
