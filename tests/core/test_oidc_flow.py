"""Signing in at an identity provider, proving oneself anew and signing out, through the running application."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from core.db.session import reference_work
from core.errors import Misconfigured
from core.identity.models import Account
from core.identity.oidc.errand import ERRAND_S, new_errand, packed, unpacked
from core.identity.oidc.sealing import sealed
from core.identity.sessions import session_of
from core.settings import Settings
from core.web.sign_in_ways import step_up_url
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.at_realm import WHERE, come_in, environment, inside, realm, row_of, staff
from tests.core.issuer import b64
from tests.core.realm import SECRET, Realm, Sso
from tests.web.conftest import Desk, app, browser, person

__all__ = ["app", "browser", "inside", "person", "realm", "staff"]

# Settings


@pytest.mark.parametrize("missing", sorted(environment("http://127.0.0.1:1").keys() - {"BANGFU_IDENTITY"}))
def test_incomplete_settings_are_refused(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name, value in environment("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, "" if name == missing else value)
    with pytest.raises(Misconfigured) as refused:
        Settings()
    assert refused.value.where == missing
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["BANGFU_PUBLIC_URL", "BANGFU_KEYCLOAK_URL"])
@pytest.mark.parametrize(("address", "good"), [("http://id.example", False), ("https://id.example", True), ("ftp://x", False)])
def test_plain_http_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch, name: str, address: str, good: bool) -> None:
    for key, value in {**environment("http://127.0.0.1:1"), name: address}.items():
        monkeypatch.setenv(key, value)
    if good:
        assert SECRET not in repr(Settings())
    else:
        with pytest.raises(Misconfigured) as refused:
            Settings()
        assert refused.value.where == name


# To the provider and back


def test_the_way_in(app: FastAPI, realm: Realm, staff: str) -> None:
    client = TestClient(app, follow_redirects=False)
    page = client.get("/sign-in", params={"next": f"/{COUNTY}/cases?state=open"})
    assert page.status_code == 200
    assert f'href="/oidc/start?next=/{COUNTY}/cases%3Fstate%3Dopen"' in page.text
    assert "password" not in page.text
    sent = client.get("/oidc/start", params={"next": f"/{COUNTY}/trial"})
    asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/oidc/callback"
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    [kept] = [line for line in sent.headers.get_list("set-cookie") if line.startswith("bangfu_errand_")]
    assert all(word in kept for word in ("HttpOnly", "SameSite=lax", f"Max-Age={ERRAND_S}"))
    assert asked["nonce"] not in kept
    sso, began = Sso(staff), datetime.now(UTC).replace(microsecond=0)
    back = client.get("/oidc/callback", params=realm.arrive(sent.headers["location"], sso))
    ended = datetime.now(UTC)
    assert (back.status_code, back.headers["location"]) == (303, f"/{COUNTY}/trial")
    assert client.get(WHERE).json()["scope"] == COUNTY
    row = row_of(client)
    assert (row.provider_sid, row.assurance) == (sso.sid, 1)
    assert row.authenticated_at == datetime.fromtimestamp(sso.auth_time, UTC)
    assert row.refresh_cipher is not None
    assert row.id_token_cipher is not None
    assert row.fresh_until is not None
    assert began <= row.fresh_until - timedelta(seconds=60) <= ended
    assert not any(name.startswith("bangfu_errand_") for name in client.cookies)


def test_a_person_of_two_counties_sees_one_at_a_time(inside: tuple[TestClient, Sso]) -> None:
    client, _ = inside
    assert client.get("/").headers["location"] == "/desks"
    for tenant in (COUNTY, OTHER_COUNTY, COUNTY):
        told = client.get(f"/api/v1/{tenant}/trial/scope").json()
        assert (told["scope"], told["db"]) == (tenant, tenant)


def test_signing_in_anew_ends_the_former_session(inside: tuple[TestClient, Sso], realm: Realm) -> None:
    client, sso = inside
    former = client.cookies["bangfu_session"]
    come_in(client, realm, sso)
    assert client.cookies["bangfu_session"] != former
    assert session_of(former) is None
    assert client.get(WHERE).status_code == 200


def test_two_tabs_come_in_each_by_its_own_state(app: FastAPI, realm: Realm, staff: str) -> None:
    client = TestClient(app, follow_redirects=False)
    first, second = (client.get("/oidc/start", params={"next": f"/{COUNTY}/{n}"}).headers["location"] for n in "ab")
    for address, name in ((second, "b"), (first, "a")):
        back = client.get("/oidc/callback", params=realm.arrive(address, Sso(staff)))
        assert back.headers["location"] == f"/{COUNTY}/{name}"


def test_tabs_that_are_left_do_not_fill_the_browser(app: FastAPI, realm: Realm) -> None:
    client = TestClient(app, follow_redirects=False)
    for _ in range(20):
        client.get("/oidc/start")
    assert sum(name.startswith("bangfu_errand_") for name in client.cookies) <= 7


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(app: FastAPI, realm: Realm, staff: str) -> None:
    attacker, victim = (TestClient(app, follow_redirects=False) for _ in range(2))
    arrived = realm.arrive(attacker.get("/oidc/start").headers["location"], Sso(staff))
    own = victim.get("/oidc/start").headers["location"]
    state = parse_qs(urlsplit(own).query)["state"][0]
    for params in (arrived, {**arrived, "state": state}, {**arrived, "state": ""}, {**arrived, "state": state[:12] + "x" * 20}):
        refused = victim.get("/oidc/callback", params=params)
        assert refused.status_code in (401, 403), params
        assert "bangfu_session" not in victim.cookies


def test_a_code_is_taken_once(app: FastAPI, realm: Realm, staff: str) -> None:
    client = TestClient(app, follow_redirects=False)
    sent = client.get("/oidc/start")
    kept = dict(client.cookies)
    arrived = realm.arrive(sent.headers["location"], Sso(staff))
    assert client.get("/oidc/callback", params=arrived).status_code == 303
    again = TestClient(app, follow_redirects=False, cookies=kept)
    assert again.get("/oidc/callback", params=arrived).status_code == 401


@pytest.mark.parametrize(
    "altered",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "http://127.0.0.1:1/realms/bangfu"},
        {"aud": "elsewhere"},
        {"azp": "other"},
    ],
)
def test_tokens_that_answer_another_question_open_nothing(
    app: FastAPI, realm: Realm, staff: str, altered: dict[str, Any]
) -> None:
    client = TestClient(app, follow_redirects=False)
    realm.altered = altered
    assert come_in(client, realm, Sso(staff)).status_code == 401
    assert "bangfu_session" not in client.cookies


def test_who_has_no_account_or_a_disabled_one_is_told_so(app: FastAPI, realm: Realm, staff: str, db: Database) -> None:
    client = TestClient(app, follow_redirects=False)
    with reference_work() as session:
        # By the same name, but not provisioned: linked to nobody.
        session.add(Account(login="wang", display_name="王", password_hash="none"))
        session.add(Account(login="payroll", display_name="工资系统", subject="program", is_program=True))
    realm.altered = {"preferred_username": "wang"}
    for subject in (str(uuid.uuid4()), "program"):
        refused = come_in(client, realm, Sso(subject))
        assert refused.status_code == 403
        assert "该账号尚未在本平台开通" in refused.text
        assert "/protocol/openid-connect/logout?" in refused.text
    with db.owner.begin() as connection:
        connection.execute(text("update account set disabled_at = now()"))
    assert "该账号已停用" in come_in(client, realm, Sso(staff)).text
    assert "bangfu_session" not in client.cookies


def test_a_sign_in_that_was_broken_off_is_told(app: FastAPI, realm: Realm) -> None:
    client = TestClient(app, follow_redirects=False)
    state = parse_qs(urlsplit(client.get("/oidc/start").headers["location"]).query)["state"][0]
    told = client.get("/oidc/callback", params={"error": "access_denied", "state": state})
    assert told.status_code == 403
    assert "没有完成登录" in told.text


def test_nobody_is_sent_on_to_a_strangers_page(app: FastAPI, realm: Realm, staff: str) -> None:
    client = TestClient(app, follow_redirects=False)
    assert come_in(client, realm, Sso(staff), wanted="https://evil.example/").headers["location"] == "/"


def test_local_forms_are_gone_with_a_provider_and_the_reverse(app: FastAPI, realm: Realm, staff: str) -> None:
    client = TestClient(app, follow_redirects=False)
    assert client.post("/sign-in", data={"login": "li.ming", "password": "x"}).status_code == 404
    assert step_up_url("/x?a=b") == "/oidc/step-up?next=/x%3Fa%3Db"


def test_without_a_provider_its_addresses_are_none(person: Desk) -> None:
    li = person("li")
    assert step_up_url("/x") == "/account/confirm?next=/x"
    for path in ("/oidc/start", "/oidc/callback", "/oidc/step-up"):
        assert li.client.get(path).status_code == 404
    assert li.client.post("/oidc/back-channel-logout").status_code == 404
    bearer = li.client.get(WHERE, headers={"Authorization": "Bearer x.y.z"})
    assert (bearer.status_code, "no_provider" in bearer.headers["www-authenticate"]) == (401, True)


def test_a_session_of_the_other_way_does_not_hold(person: Desk, request: pytest.FixtureRequest) -> None:
    li = person("li")
    assert li.client.get(WHERE).status_code == 200
    request.getfixturevalue("realm")
    assert li.client.get(WHERE).status_code == 401


def test_an_errand_is_of_use_with_its_own_state_and_for_a_while(migrated: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    errand = new_errand("/x", session=b"\x01")
    kept = packed(errand)
    assert unpacked(kept, errand.state) == errand
    for other in ("", errand.state + "x"):
        assert unpacked(kept, other) is None
    for broken in ("", "!", kept[:-8], "A" * 80):
        assert unpacked(broken, errand.state) is None
    assert unpacked(b64(sealed("errand", '{"state": "x"}', b"x")), "x") is None
    at = time.time() + ERRAND_S + 1
    monkeypatch.setattr(time, "time", lambda: at)
    assert unpacked(kept, errand.state) is None


# Proving oneself anew


def test_stepping_up_raises_the_same_session(inside: tuple[TestClient, Sso], realm: Realm) -> None:
    client, sso = inside
    before = row_of(client)
    sent = client.get("/oidc/step-up", params={"next": f"/{COUNTY}/funds"})
    assert parse_qs(urlsplit(sent.headers["location"]).query)["acr_values"] == ["2"]
    sso.acr, sso.auth_time = "2", int(time.time()) + 1
    back = client.get("/oidc/callback", params=realm.arrive(sent.headers["location"], sso))
    assert back.headers["location"] == f"/{COUNTY}/funds"
    after = row_of(client)
    assert (before.assurance, after.assurance) == (1, 2)
    assert after.authenticated_at == datetime.fromtimestamp(sso.auth_time, UTC)
    assert after.token_hash == before.token_hash


def test_a_proof_that_is_not_what_was_asked_raises_nothing(inside: tuple[TestClient, Sso], realm: Realm) -> None:
    client, sso = inside
    now = int(time.time())
    for came in (Sso(sso.subject), Sso("another", acr="2"), Sso(sso.subject, acr="2", auth_time=now - 400)):
        refused = come_in(client, realm, came, start="/oidc/step-up")
        assert refused.status_code == 403
        assert 'href="/oidc/step-up?next=' in refused.text
        assert row_of(client).assurance == 1


def test_a_proof_begun_in_one_session_does_not_raise_another(inside: tuple[TestClient, Sso], realm: Realm) -> None:
    client, sso = inside
    sso.acr = "2"
    sent = client.get("/oidc/step-up").headers["location"]
    come_in(client, realm, Sso(sso.subject))
    assert client.get("/oidc/callback", params=realm.arrive(sent, sso)).status_code == 403
    assert row_of(client).assurance == 1
    sent = client.get("/oidc/step-up").headers["location"]
    client.cookies.delete("bangfu_session")
    assert client.get("/oidc/callback", params=realm.arrive(sent, sso)).status_code == 403


def test_stepping_up_needs_a_session(app: FastAPI, realm: Realm) -> None:
    answer = TestClient(app, follow_redirects=False).get("/oidc/step-up")
    assert answer.headers["location"].startswith("/sign-in")
