"""Signing in through a running Keycloak, staying signed in, and every way out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from core.db.session import reference_work
from core.identity.models import Account
from core.identity.oidc import provider as provider_module
from core.identity.oidc.reach import RETRY
from core.identity.service import give_post
from core.identity.sessions import session_of
from core.settings import settings
from deploy.keycloak.addresses import WEB_CLIENT
from deploy.keycloak.people import provide
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.keycloak.running import PASSWORD, RunningKeycloak
from tests.keycloak.sign_in import claims_of
from tests.keycloak.test_realm import by_client_credentials, fields_of
from tests.keycloak.web import WHERE, Staff, age, hired, soon, web
from tests.web.conftest import SINCE, app

__all__ = ["app", "hired", "web"]

pytestmark = pytest.mark.keycloak

Hired = Callable[..., Staff]


def test_in_and_out(hired: Hired, web: str) -> None:
    li = hired()
    li.sign_in()
    for tenant in (COUNTY, OTHER_COUNTY, COUNTY):
        told = li.client.get(f"/api/v1/{tenant}/trial/scope").json()
        assert (told["scope"], told["db"]) == (tenant, tenant)
    row = li.row()
    assert (row.assurance, row.provider_sid is None) == (1, False)
    signed = session_of(li.client.cookies["bangfu_session"])
    assert signed is not None
    left = li.client.post("/sign-out", data={"csrf_token": signed.csrf_token})
    li.there.go(left.headers["location"])
    assert li.there.arrived_at == f"{web}/sign-in"
    assert li.status() == 401
    # Keycloak asks anew: its session has ended as well.
    li.there.go(li.client.get("/oidc/start").headers["location"])
    assert "password" in fields_of(li.there.page)


def test_who_is_signed_in_there_comes_in_without_a_form(hired: Hired) -> None:
    li = hired()
    li.sign_in()
    former = li.client.cookies["bangfu_session"]
    li.there.go(li.client.get("/oidc/start").headers["location"])
    assert li.back().status_code == 303
    assert session_of(former) is None
    assert li.status() == 200


def test_who_is_known_there_alone_is_told(hired: Hired, keycloak: RunningKeycloak, db: Database) -> None:
    li = hired()
    with db.owner.begin() as connection:
        connection.execute(text("update account set subject = null"))
    li.there.go(li.client.get("/oidc/start").headers["location"])
    li.there.send(username=li.login, password=PASSWORD)
    refused = li.back()
    assert (refused.status_code, "尚未在本平台开通" in refused.text) == (403, True)


def test_stepping_up_with_the_password(hired: Hired) -> None:
    li = hired()
    li.sign_in()
    before = li.row()
    time.sleep(1.1)
    li.there.go(li.client.get("/oidc/step-up", params={"next": f"/{COUNTY}/trial"}).headers["location"])
    assert "username" not in fields_of(li.there.page)
    li.there.send(password=PASSWORD)
    assert li.back().headers["location"] == f"/{COUNTY}/trial"
    after = li.row()
    assert (before.assurance, after.assurance) == (1, 2)
    assert after.authenticated_at > before.authenticated_at
    assert after.provider_sid == before.provider_sid
    # Within five minutes it is answered at once, and said to be as old as it is.
    li.there.go(li.client.get("/oidc/step-up").headers["location"])
    assert li.back().status_code == 303
    assert li.row().authenticated_at == after.authenticated_at


def test_another_persons_proof_raises_nothing(hired: Hired, keycloak: RunningKeycloak) -> None:
    li, wang = hired(), hired()
    li.sign_in()
    sent = li.client.get("/oidc/step-up").headers["location"]
    wang.there.go(sent)
    wang.there.send(username=wang.login, password=PASSWORD)
    wang.there.send(password=PASSWORD)
    refused = li.client.get("/oidc/callback", params=wang.there.arrived)
    assert (refused.status_code, "不是当前登录的人员" in refused.text) == (403, True)
    assert li.row().assurance == 1


def test_a_session_is_renewed_again_and_again(hired: Hired, db: Database) -> None:
    li = hired()
    li.sign_in()
    kept = {li.row().refresh_cipher}
    for _ in range(3):
        age(db, 55)
        assert li.status() == 200
        kept.add(li.row().refresh_cipher)
    assert len(kept) == 4
    assert li.row().assurance == 1


@contextmanager
def refreshes(keycloak: RunningKeycloak) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Reads the refreshes that Keycloak has noted meanwhile, failed ones as well."""
    kinds = ["REFRESH_TOKEN", "REFRESH_TOKEN_ERROR"]
    keycloak.admin.set_events({"eventsEnabled": True, "enabledEventTypes": kinds, "eventsListeners": ["jboss-logging"]})
    try:
        yield lambda: list(keycloak.admin.get_events({"type": kinds, "max": 100}))
    finally:
        keycloak.admin.set_events({"eventsEnabled": True, "enabledEventTypes": [], "eventsListeners": ["jboss-logging"]})


def test_fifty_requests_of_two_processes_ask_once(hired: Hired, keycloak: RunningKeycloak, db: Database) -> None:
    li = hired()
    li.sign_in()
    token = li.client.cookies["bangfu_session"]
    with refreshes(keycloak) as noted:
        before = {event["id"] for event in noted() if event.get("userId") == li.subject}
        age(db, 61)
        command = [sys.executable, "-m", "tests.keycloak.renewing", token, "25"]
        # The server of the tests gives few connections.
        environment = {**os.environ, "BANGFU_POOL_SIZE": "2"}
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
        assert [process.communicate(timeout=120)[0].strip() for process in processes] == ["25", "25"]
        made = [event for event in noted() if event.get("userId") == li.subject and event["id"] not in before]
    assert [event["type"] for event in made] == ["REFRESH_TOKEN"]
    assert li.status() == 200


def test_logged_out_in_the_console_is_out_at_once(hired: Hired, keycloak: RunningKeycloak) -> None:
    li = hired()
    li.sign_in()
    assert li.status() == 200
    keycloak.admin.user_logout(li.subject)
    assert soon(lambda: li.status() == 401)


def test_disabled_in_the_console_is_out_at_the_next_renewal(hired: Hired, keycloak: RunningKeycloak, db: Database) -> None:
    li = hired()
    li.sign_in()
    row = li.row()
    assert row.fresh_until is not None
    # Which comes within a minute.
    assert row.fresh_until.timestamp() - time.time() <= 61
    keycloak.admin.update_user(li.subject, {"enabled": False})
    age(db, 51)
    assert li.status() == 401
    assert li.status(f"/{COUNTY}/trial") == 303


def test_disabled_here_is_out_at_the_next_request(hired: Hired, db: Database) -> None:
    li = hired()
    li.sign_in()
    with db.owner.begin() as connection:
        connection.execute(text("update account set disabled_at = now()"))
    assert li.status() == 401


AUDIENCE = {
    "name": "audience",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-audience-mapper",
    "config": {"included.client.audience": WEB_CLIENT, "access.token.claim": "true"},
}


@contextmanager
def system(keycloak: RunningKeycloak, client: str, *mappers: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Another system's client: its access token, and the subject of its service account."""
    made = keycloak.admin.create_client(
        {
            "clientId": client,
            "secret": "of-this-test-only",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "fullScopeAllowed": False,
            "protocolMappers": list(mappers),
            "defaultClientScopes": ["basic", "service_account"],
        }
    )
    try:
        token = by_client_credentials(keycloak, client, "of-this-test-only")
        yield token, str(claims_of(token)["sub"])
    finally:
        keycloak.admin.delete_client(made)


def _heard(web: str, token: str) -> tuple[int, str]:
    answer = httpx2.get(web + WHERE, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return answer.status_code, answer.headers.get("www-authenticate", "").rpartition("error_description=")[2].strip('"')


def test_which_tokens_the_interface_hears(hired: Hired, web: str, keycloak: RunningKeycloak) -> None:
    li = hired()
    li.sign_in()
    visitor = keycloak.visitor()
    visitor.ask()
    visitor.send(username=li.login, password=PASSWORD)
    tokens = visitor.tokens()
    with (
        system(keycloak, "payroll", AUDIENCE) as (good, subject),
        system(keycloak, "stranger", AUDIENCE) as (stranger, _),
        system(keycloak, "afar") as (afar, _),
    ):
        assert _heard(web, good) == (401, "client")
        with reference_work() as session:
            account = Account(login="payroll", display_name="工资系统", subject=subject, is_program=True)
            session.add(account)
            session.flush()
            give_post(session, account.id, COUNTY, "caseworker", valid_from=SINCE)
        assert _heard(web, good) == (200, "")
        assert _heard(web, stranger) == (401, "client")
        assert _heard(web, afar) == (401, "audience")
        assert _heard(web, tokens["access_token"]) == (401, "client")
        assert _heard(web, tokens["id_token"]) == (401, "type")
        assert _heard(web, tokens["refresh_token"])[0] == 401


def test_accounts_of_the_sample_sign_in_with_their_password(hired: Hired, keycloak: RunningKeycloak, db: Database) -> None:
    li = hired()
    with db.owner.begin() as connection:
        connection.execute(text("update account set subject = null"))
    with reference_work() as session:
        session.add(Account(login="demo-payer", display_name="王丽"))
    people = [(li.login, "李明"), ("demo-payer", "王丽")]
    for _ in range(2):
        assert provide(keycloak.addresses, people, "样例的密码-2025") == 2
    with reference_work() as session:
        assert session.query(Account).filter(Account.subject.is_(None)).count() == 0
    # Whoever was there keeps his password.
    li.sign_in()
    demo = keycloak.visitor()
    demo.ask()
    demo.send(username="demo-payer", password="样例的密码-2025")
    assert demo.tokens()["access_token"]


@pytest.mark.slow
def test_while_keycloak_is_away_people_work_on(hired: Hired, keycloak: RunningKeycloak, db: Database) -> None:
    li = hired()
    li.sign_in()
    keycloak.server.stop()
    try:
        age(db, 61)
        assert [li.status() for _ in range(3)] == [200] * 3
        page = li.client.get("/sign-in")
        assert (page.status_code, "统一身份认证服务器没有响应" in page.text) == (503, True)
        assert li.client.get("/oidc/start").status_code == 503
    finally:
        keycloak.restart()
    time.sleep(RETRY)
    before = li.row().refresh_cipher
    assert li.status() == 200
    assert li.row().refresh_cipher != before
    assert provider_module.provider().trust.issuer == settings().issuer
