"""The sample's accounts at a Keycloak that was started for it: the same logins, one password (演示账号)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import select

from core.db.session import reference_work
from core.identity.directory.mending import provision_all
from core.identity.directory.there import MARK
from core.identity.models import Account
from deploy.keycloak.addresses import REALM, Addresses
from deploy.keycloak.server import console_admin

_ITERATIONS, _MEMORY_KIB, _LENGTH = 5, 7168, 32
"""What Keycloak hashes with by itself, so that it has no reason to do it again at the first sign-in."""


def carry_over(addresses: Addresses, accounts: Iterable[tuple[str, str]], password: str) -> int:
    """``provide``, and leave word of all tenants and accounts in the outbox, so that each person comes into the groups of his
    posts; how many people were made."""
    made = provide(addresses, accounts, password)
    provision_all()
    return made


def provide(addresses: Addresses, accounts: Iterable[tuple[str, str]], password: str) -> int:
    """Make the people of ``accounts`` (login and name) at Keycloak where they are not there, in one request, and tell their
    accounts here who they are there; how many. Raises ``KeycloakError``."""
    credential = _credential(password)
    named = dict(accounts)
    with reference_work() as session:
        ids = dict(session.execute(select(Account.login, Account.id).where(Account.login.in_(named))).all())
    people = [
        # A Chinese name is not parted; the realm asks for none of its parts. The mark says whose person it is, for whatever
        # provisioning does later.
        {
            "username": login,
            "lastName": name,
            "enabled": True,
            "attributes": {MARK: [str(ids[login])]},
            "credentials": [credential],
        }
        for login, name in named.items()
        if login in ids
    ]
    answer = console_admin(addresses).partial_import_realm(REALM, {"ifResourceExists": "SKIP", "users": people})
    subjects = {found["resourceName"]: found["id"] for found in answer["results"]}
    with reference_work() as session:
        for account in session.scalars(select(Account).where(Account.login.in_(subjects))):
            account.subject = subjects[account.login]
    return len(subjects)


def _credential(password: str) -> dict[str, Any]:
    """The password as Keycloak stores it: argon2id, hashed once for all, since it is slow on purpose."""
    salt = os.urandom(16)
    raw = hash_secret_raw(
        password.encode(), salt, time_cost=_ITERATIONS, memory_cost=_MEMORY_KIB, parallelism=1, hash_len=_LENGTH, type=Type.ID
    )
    parameters = {
        "hashLength": [str(_LENGTH)],
        "memory": [str(_MEMORY_KIB)],
        "type": ["id"],
        "version": ["1.3"],
        "parallelism": ["1"],
    }
    told = {"hashIterations": _ITERATIONS, "algorithm": "argon2", "additionalParameters": parameters}
    kept = {"value": base64.b64encode(raw).decode(), "salt": base64.b64encode(salt).decode(), "additionalParameters": {}}
    return {"type": "password", "credentialData": json.dumps(told), "secretData": json.dumps(kept)}
