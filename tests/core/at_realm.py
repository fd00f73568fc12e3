"""Somebody who signs in at a realm of these tests, as ``core/realm.py`` makes it, through the running application."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from core.db.session import reference_work
from core.identity.models import Account, StaffSession
from core.identity.oidc import provider as provider_module
from core.identity.service import give_post
from core.identity.sessions import token_hash
from core.settings import settings
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.issuer import running
from tests.core.realm import SECRET, Realm, Sso
from tests.web.conftest import SINCE, switch_trial

PUBLIC = "http://testserver"
WHERE = f"/api/v1/{COUNTY}/trial/scope"


@pytest.fixture
def realm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Realm]:
    """A realm that the installation signs people in at."""
    with running(Realm) as served:
        for name, value in environment(served.address).items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        provider_module._provider.cache_clear()
        yield served
    monkeypatch.undo()
    settings.cache_clear()
    provider_module._provider.cache_clear()


def environment(address: str, public: str = "http://127.0.0.1:8000") -> dict[str, str]:
    return {
        "BANGFU_IDENTITY": "keycloak",
        "BANGFU_PUBLIC_URL": public,
        "BANGFU_KEYCLOAK_URL": address,
        "BANGFU_KEYCLOAK_REALM": "bangfu",
        "BANGFU_KEYCLOAK_CLIENT_ID": "bangfu-web",
        "BANGFU_KEYCLOAK_CLIENT_SECRET": SECRET,
        "BANGFU_KEYCLOAK_ADMIN_CLIENT_ID": "bangfu-provisioning",
        "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET": "another",
    }


@pytest.fixture
def staff(db: Database, realm: Realm) -> str:
    """The subject of somebody with posts in two counties."""
    subject = str(uuid.uuid4())
    with reference_work() as session:
        account = Account(login="li.ming", display_name="李明", subject=subject)
        session.add(account)
        session.flush()
        for tenant in (COUNTY, OTHER_COUNTY):
            give_post(session, account.id, tenant, "caseworker", valid_from=SINCE)
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_trial(db, tenant, True)
    return subject


def come_in(client: TestClient, realm: Realm, sso: Sso, wanted: str = f"/{COUNTY}/", start: str = "/oidc/start") -> Any:
    """From the button to the callback; its answer."""
    sent = client.get(start, params={"next": wanted})
    assert sent.status_code == 303, sent.text
    return client.get("/oidc/callback", params=realm.arrive(sent.headers["location"], sso))


@pytest.fixture
def inside(app: FastAPI, realm: Realm, staff: str) -> tuple[TestClient, Sso]:
    """Somebody who is signed in, and his session at the realm."""
    client, sso = TestClient(app, follow_redirects=False), Sso(staff)
    assert come_in(client, realm, sso).headers["location"] == f"/{COUNTY}/"
    return client, sso


def row_of(client: TestClient) -> StaffSession:
    with reference_work() as session:
        return session.get_one(StaffSession, token_hash(client.cookies["bangfu_session"]))


def age(db: Database, seconds: float) -> None:
    """Let the access tokens of all sessions be ``seconds`` older."""
    with db.owner.begin() as connection:
        connection.execute(text("update staff_session set fresh_until = fresh_until - :by"), {"by": timedelta(seconds=seconds)})
