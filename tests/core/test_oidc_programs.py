"""Other systems at the interface: whose access tokens are taken, and by which check the others are refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from core.db.session import reference_work
from core.identity.models import Account
from core.identity.service import give_post
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.at_realm import WHERE, inside, realm, staff
from tests.core.issuer import access_claims, b64, id_claims, token
from tests.core.realm import Realm, Sso
from tests.web.conftest import SINCE, app, switch_trial

__all__ = ["app", "inside", "realm", "staff"]


@pytest.fixture
def payroll(db: Database, realm: Realm) -> Callable[..., str]:
    """Makes access tokens of another system that holds a post in the first county."""
    with reference_work() as session:
        account = Account(login="payroll", display_name="工资系统", subject="payroll-account", is_program=True)
        session.add(account)
        session.flush()
        give_post(session, account.id, COUNTY, "caseworker", valid_from=SINCE)
    switch_trial(db, COUNTY, True)

    def made(**more: Any) -> str:
        return realm.access(Sso("payroll-account"), **{"azp": "payroll", "sid": None, "auth_time": None, **more})

    return made


def bearer(app: FastAPI, given: str, url: str = WHERE, method: str = "GET") -> Any:
    client = TestClient(app, follow_redirects=False)
    return client.request(method, url, headers={"Authorization": f"Bearer {given}"})


def test_another_system_is_heard_where_it_holds_a_post(app: FastAPI, payroll: Callable[..., str], db: Database) -> None:
    with reference_work() as session:
        actor = session.scalar(select(Account.id).where(Account.login == "payroll"))
    assert bearer(app, payroll()).json()["actor"] == str(actor)
    assert bearer(app, payroll(), f"/api/v1/{OTHER_COUNTY}/trial/scope").status_code == 404
    # A change needs no page's token: all that is missing is what to start.
    unsaid = bearer(app, payroll(), f"/api/v1/{COUNTY}/jobs", "POST")
    assert (unsaid.status_code, unsaid.json()["where"]) == (422, "body")
    # Pages know no programs.
    assert bearer(app, payroll(), f"/{COUNTY}/trial").headers["location"].startswith("/sign-in")
    with db.owner.begin() as connection:
        assert connection.scalar(text("select count(*) from staff_session")) == 0
        connection.execute(text("update account set disabled_at = now()"))
    assert bearer(app, payroll()).status_code == 401


def test_tokens_that_are_not_this_systems_are_refused(
    app: FastAPI, payroll: Callable[..., str], realm: Realm, staff: str
) -> None:
    now = int(time.time())
    good = payroll()
    unsigned = b64(b'{"alg":"none","typ":"JWT","kid":"RS256-1"}') + "." + good.split(".")[1] + "."
    refused = {
        "client": [
            payroll(azp="stranger"),
            payroll(sub="somebody-else"),
            payroll(sid="of-a-person"),
            payroll(auth_time=now),
            realm.access(Sso(staff)),
        ],
        "type": [token(id_claims(realm.url, **realm.claims(Sso("payroll-account"), azp="payroll")))],
        "algorithm": [unsigned],
        "expired": [payroll(exp=now - 60, iat=now - 120)],
        "audience": [payroll(aud="elsewhere"), payroll(aud=None)],
        "issuer": [token({**access_claims("http://127.0.0.1:1/realms/other"), "iat": now, "exp": now + 60, "azp": "payroll"})],
        "signature": [good[:-8] + "AAAAAAAA"],
        "malformed": ["x", "a.b.c"],
    }
    for reason, tokens in refused.items():
        for given in tokens:
            answer = bearer(app, given)
            assert answer.status_code == 401, reason
            assert answer.headers["content-type"] == "application/problem+json"
            told = answer.headers["www-authenticate"]
            assert told.startswith('Bearer realm="bangfu", error="invalid_token"')
            if reason != "signature":
                assert f'error_description="{reason}"' in told, told
            assert given not in answer.text
    assert bearer(app, good).status_code == 200


def test_a_bearer_stands_before_a_cookie(app: FastAPI, inside: tuple[TestClient, Sso]) -> None:
    client, _ = inside
    assert client.get(WHERE, headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get(WHERE, headers={"Authorization": "Basic eDp5"}).status_code == 200


def test_tokens_wait_for_a_provider_whose_keys_cannot_be_had(app: FastAPI, payroll: Callable[..., str], realm: Realm) -> None:
    realm.away = True
    assert bearer(app, payroll()).status_code == 503
