"""Browsers that are signed in, for tests of pages and resources."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from fastapi.testclient import TestClient

from core.db.session import reference_work
from core.identity.local import sign_in
from core.identity.service import give_post, make_account
from core.identity.sessions import session_of
from deploy.testing.installation import COUNTY

PASSWORD = "正确的密码-2025"  # noqa: S105 - an account of a test
SINCE = date(2025, 1, 2)


@dataclass(frozen=True)
class Person:
    """A signed-in browser: its client carries the session's cookie, ``csrf`` is the session's token."""

    client: TestClient
    account_id: uuid.UUID
    csrf: str
    token: str


def account(login: str, *, tenant: str = COUNTY, role: str | None = "caseworker") -> uuid.UUID:
    """A local account with ``PASSWORD`` and a post."""
    with reference_work() as session:
        made = make_account(session, login, f"员工{login}", PASSWORD)
        if role is not None:
            give_post(session, made.id, tenant, role, valid_from=SINCE)
        return made.id


def signed_in(client: TestClient, login: str, *, tenant: str = COUNTY, role: str | None = "caseworker") -> Person:
    """An account with a post, signed in in this browser."""
    account_id = account(login, tenant=tenant, role=role)
    token = sign_in(login, PASSWORD)
    signed = session_of(token) if token is not None else None
    if token is None or signed is None:
        raise AssertionError(f"{login} cannot sign in")
    client.cookies.set("bangfu_session", token)
    return Person(client, account_id, signed.csrf_token, token)
