"""A session that an identity provider opened: asked about there in time, by one request alone, and ended there."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from core.identity.oidc import provider as provider_module
from core.identity.oidc.errors import IssuerUnavailable
from core.identity.oidc.reach import RETRY, Reach
from core.identity.oidc.renewal import EARLY, Renewal, renewal
from core.identity.sessions import session_of, token_hash
from core.settings import settings
from core.web import who_asks
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.at_realm import PUBLIC, WHERE, age, come_in, inside, realm, row_of, staff
from tests.core.issuer import ALGORITHMS, Clock, jwk
from tests.core.realm import Realm, Sso
from tests.web.conftest import app

__all__ = ["app", "inside", "realm", "staff"]

# Staying signed in


def test_a_session_is_renewed_before_its_time_is_over(inside: tuple[TestClient, Sso], realm: Realm, db: Database) -> None:
    client, _ = inside
    client.get(WHERE)
    assert realm.refreshes == 0
    before = row_of(client)
    age(db, 60 - EARLY.total_seconds() + 1)
    began = datetime.now(UTC).replace(microsecond=0)
    assert client.get(WHERE).status_code == 200
    assert realm.refreshes == 1
    after = row_of(client)
    assert after.fresh_until is not None
    assert after.fresh_until >= began + timedelta(seconds=60)
    assert after.refresh_cipher != before.refresh_cipher
    assert after.authenticated_at == before.authenticated_at
    client.get(WHERE)
    assert realm.refreshes == 1


@pytest.mark.parametrize("slow", [0.0, 0.4])
def test_fifty_requests_at_once_ask_once(
    app: FastAPI, inside: tuple[TestClient, Sso], realm: Realm, db: Database, slow: float
) -> None:
    client, _ = inside
    cookie = f"bangfu_session={client.cookies['bangfu_session']}"
    realm.slow = slow
    for stale in (61, 55):
        age(db, stale)
        before = realm.refreshes

        async def all_at_once() -> list[int]:
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC) as many:
                answers = await asyncio.gather(*(many.get(WHERE, headers={"cookie": cookie}) for _ in range(50)))
            return [answer.status_code for answer in answers]

        assert asyncio.run(all_at_once()) == [200] * 50
        assert realm.refreshes == before + 1


def test_a_row_that_is_locked_meanwhile_keeps_nobody_waiting(inside: tuple[TestClient, Sso], db: Database) -> None:
    client, _ = inside
    token = client.cookies["bangfu_session"]
    with db.owner.begin() as connection:
        connection.execute(text("update staff_session set last_seen_at = last_seen_at - interval '5 minutes'"))
    before = row_of(client).last_seen_at
    with db.owner.begin() as connection:
        connection.execute(text("select 1 from staff_session for update"))
        began = time.monotonic()
        assert session_of(token) is not None
        assert renewal(token_hash(token)) is Renewal.ASKING
        assert time.monotonic() - began < 5
    assert row_of(client).last_seen_at == before
    assert session_of(token) is not None
    assert row_of(client).last_seen_at > before


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise who_asks.BeingRenewed

    monkeypatch.setattr(who_asks, "_WAITS", (0.0, 0.0))
    with pytest.raises(IssuerUnavailable):
        asyncio.run(who_asks.patiently(never))


def test_who_was_switched_off_there_is_out_and_so_are_all_that_wait(
    app: FastAPI, inside: tuple[TestClient, Sso], realm: Realm, db: Database
) -> None:
    client, sso = inside
    sso.live = False
    assert client.get(WHERE).status_code == 200
    realm.slow = 0.3
    age(db, 61)
    cookie = f"bangfu_session={client.cookies['bangfu_session']}"

    async def some_at_once() -> set[int]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=PUBLIC) as many:
            answers = await asyncio.gather(*(many.get(WHERE, headers={"cookie": cookie}) for _ in range(8)))
        return {answer.status_code for answer in answers}

    assert asyncio.run(some_at_once()) == {401}
    assert realm.refreshes == 1
    assert client.get(f"/{COUNTY}/trial").headers["location"] == f"/sign-in?next=/{COUNTY}/trial"


def test_while_the_provider_is_away_people_work_on(inside: tuple[TestClient, Sso], realm: Realm, db: Database) -> None:
    client, _ = inside
    realm.away = True
    age(db, 61)
    asked = realm.asked.total()
    for _ in range(5):
        assert client.get(WHERE).status_code == 200
    assert realm.asked.total() == asked + 1
    told = client.get("/sign-in")
    assert told.status_code == 503
    assert "统一身份认证服务器没有响应" in told.text
    started = client.get("/oidc/start")
    assert (started.status_code, "没有响应" in started.text) == (503, True)
    # Signing out does not lead to a server that is away.
    csrf = session_of(client.cookies["bangfu_session"])
    assert csrf is not None
    assert client.post("/sign-out", data={"csrf_token": csrf.csrf_token}).headers["location"] == "/sign-in"
    assert row_of_ended(db)


def row_of_ended(db: Database) -> bool:
    with db.owner.connect() as connection:
        return bool(connection.scalar(text("select bool_and(ended_at is not null) from staff_session")))


def test_when_the_provider_is_back_the_session_is_renewed(
    inside: tuple[TestClient, Sso], realm: Realm, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = inside
    realm.away = True
    age(db, 61)
    client.get(WHERE)
    realm.away = False
    client.get(WHERE)
    assert realm.refreshes == 0
    provider_module.provider().reach.answered()
    assert client.get(WHERE).status_code == 200
    assert realm.refreshes == 1


def test_reach_lets_one_try_and_not_too_soon() -> None:
    clock = Clock(100.0)
    reach = Reach(clock)
    assert [reach.may_try() for _ in range(3)] == [True] * 3
    reach.failed()
    assert not reach.may_try()
    clock.at += RETRY
    assert [reach.may_try() for _ in range(3)] == [True, False, False]
    clock.at += RETRY
    assert reach.may_try()
    reach.answered()
    assert reach.is_recent()
    assert [reach.may_try() for _ in range(2)] == [True, True]
    clock.at += RETRY
    assert not reach.is_recent()


def test_a_wrong_secret_ends_no_session(
    inside: tuple[TestClient, Sso],
    realm: Realm,
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, _ = inside
    monkeypatch.setenv("BANGFU_KEYCLOAK_CLIENT_SECRET", "wrong")
    settings.cache_clear()
    age(db, 61)
    assert client.get(WHERE).status_code == 200
    assert "unauthorized_client" in caplog.text


@pytest.mark.parametrize(("altered", "status"), [({"sub": "another"}, 401), ({"sid": "another"}, 401), ({"nonce": "x"}, 401)])
def test_renewed_tokens_of_somebody_else_end_the_session(
    inside: tuple[TestClient, Sso], realm: Realm, db: Database, altered: dict[str, Any], status: int
) -> None:
    client, _ = inside
    realm.altered = altered
    age(db, 61)
    assert client.get(WHERE).status_code == status


def test_a_key_that_cannot_be_had_keeps_the_session_and_its_new_refresh_token(
    inside: tuple[TestClient, Sso], realm: Realm, db: Database
) -> None:
    client, _ = inside
    provider_module._provider.cache_clear()
    realm.publish()
    age(db, 61)
    assert client.get(WHERE).status_code == 200
    assert realm.refreshes == 1
    realm.publish(*(jwk(algorithm) for algorithm in ALGORITHMS))
    provider_module._provider.cache_clear()
    age(db, 61)
    assert client.get(WHERE).status_code == 200
    assert realm.refreshes == 2


def test_who_is_switched_off_or_moved_here_is_out_at_the_next_request(inside: tuple[TestClient, Sso], db: Database) -> None:
    client, _ = inside
    with db.owner.begin() as connection:
        connection.execute(text("update post set valid_to = valid_from + 1 where tenant_code = :t"), {"t": COUNTY})
    assert client.get(WHERE).status_code == 404
    assert client.get(f"/api/v1/{OTHER_COUNTY}/trial/scope").status_code == 200
    with db.owner.begin() as connection:
        connection.execute(text("update account set disabled_at = now()"))
    assert client.get(f"/api/v1/{OTHER_COUNTY}/trial/scope").status_code == 401


# Ends


def test_signing_out_goes_on_to_the_provider(inside: tuple[TestClient, Sso], realm: Realm, db: Database) -> None:
    client, _ = inside
    signed = session_of(client.cookies["bangfu_session"])
    assert signed is not None
    page = client.get("/desks")
    assert f"form-action 'self' {realm.address};" in page.headers["content-security-policy"]
    left = client.post("/sign-out", data={"csrf_token": signed.csrf_token})
    address = urlsplit(left.headers["location"])
    assert address.path.endswith("/protocol/openid-connect/logout")
    asked = dict(parse_qsl(address.query))
    assert asked["post_logout_redirect_uri"] == "http://127.0.0.1:8000/sign-in"
    assert len(asked["id_token_hint"].split(".")) == 3
    assert client.get(WHERE).status_code == 401


@pytest.mark.parametrize("by", ["sid", "sub"])
def test_a_logout_that_is_told_ends_what_it_names(app: FastAPI, inside: tuple[TestClient, Sso], realm: Realm, by: str) -> None:
    client, sso = inside
    other = TestClient(app, follow_redirects=False)
    come_in(other, realm, Sso(sso.subject))
    named = {"sid": sso.sid, "sub": sso.subject} if by == "sid" else {"sid": None, "sub": sso.subject}
    told = client.post("/oidc/back-channel-logout", data={"logout_token": realm.logout_token(**named)})
    assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
    assert client.get(WHERE).status_code == 401
    assert other.get(WHERE).status_code == (200 if by == "sid" else 401)


def test_a_logout_token_is_taken_once_and_no_other_is(inside: tuple[TestClient, Sso], realm: Realm, db: Database) -> None:
    client, sso = inside
    good = realm.logout_token(sid="of another session", sub=sso.subject)

    def posted(given: str) -> tuple[int, str]:
        told = client.post("/oidc/back-channel-logout", data={"logout_token": given})
        assert told.headers["cache-control"] == "no-store"
        return told.status_code, told.json().get("error_description", "")

    assert posted(good) == (200, "")
    assert posted(good) == (400, "conflict")
    assert posted("") == (400, "malformed")
    assert posted(realm.logout_token(aud="elsewhere", sub=sso.subject)) == (400, "audience")
    assert posted(realm.access(sso)) == (400, "type")
    assert client.get(WHERE).status_code == 200
    with db.owner.begin() as connection:
        connection.execute(text("update seen_token set expires_at = now() - interval '1 second'"))
    posted(realm.logout_token(sid="x", sub=sso.subject))
    with db.owner.connect() as connection:
        assert connection.scalar(text("select count(*) from seen_token")) == 1
