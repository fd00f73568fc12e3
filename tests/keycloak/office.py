"""An installation whose people are kept at the running Keycloak, without a web: staff at their desks, and the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from core.db.session import reference_work, unit_of_work
from core.identity import passwords
from core.identity.changes import IDENTITY_CHANGED
from core.identity.directory.models import DirectoryEntry
from core.identity.models import Account
from core.identity.staff import invite
from core.jobs.models import OutboxItem
from core.jobs.outbox import relay
from core.scope import entered
from core.settings import settings
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import WHY, at_desk, stand_at
from tests.keycloak.running import RunningKeycloak
from tests.keycloak.sign_in import Visitor

HERE = f"/{PROVINCE}/{PREFECTURE}/{COUNTY}"
OWN = "自己选的密码-2026"


def use_keycloak(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Have this process keep people at a Keycloak."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


@pytest.fixture
def office(keycloak: RunningKeycloak, db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningKeycloak]:
    """The tenants of the tests on their day, with people kept at the running Keycloak."""
    install(db)
    stand_at(db)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    use_keycloak(monkeypatch, keycloak.addresses.environment)
    yield keycloak
    monkeypatch.undo()
    settings.cache_clear()


def new_login() -> str:
    """A login that no other test uses."""
    return f"staff-{uuid.uuid4().hex[:12]}"


def let_in(boss: uuid.UUID, role: str = "caseworker", login: str | None = None) -> tuple[Account, str]:
    """Somebody new in the county, let in by ``boss``: the account and the first password."""
    with at_desk(boss) as session:
        made = invite(session, login or new_login(), "王小敏", role, reason=WHY, valid_from=TODAY)
        assert made.on_its_way
        return made.account, made.first_password or ""


def send(*tenants: str) -> int:
    """Carry out what waits; how many items failed."""
    return sum(relay(tenant).failed for tenant in tenants or (COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE))


def account_of(account_id: uuid.UUID) -> Account:
    """The account as it is stored now."""
    with reference_work() as session:
        return session.get_one(Account, account_id)


def entry_of(account_id: uuid.UUID) -> DirectoryEntry:
    """How the account's entry stands now."""
    with reference_work() as session:
        return session.get_one(DirectoryEntry, account_id)


def person_of(keycloak: RunningKeycloak, account_id: uuid.UUID) -> dict[str, Any]:
    """The account's person as Keycloak's own administrator sees him."""
    found: dict[str, Any] = keycloak.admin.get_user(account_of(account_id).subject or "")
    return found


def groups_of(keycloak: RunningKeycloak, account_id: uuid.UUID) -> list[str]:
    """Paths of the groups that the account's person is in."""
    return sorted(group["path"] for group in keycloak.admin.get_user_groups(account_of(account_id).subject or ""))


def waiting(tenant: str = COUNTY) -> list[OutboxItem]:
    """Items about people that are not carried out yet."""
    with entered(scope_of(tenant)), unit_of_work() as session:
        unsent = select(OutboxItem).where(OutboxItem.topic == IDENTITY_CHANGED, OutboxItem.sent_at.is_(None))
        return list(session.scalars(unsent.order_by(OutboxItem.id)))


def first_sign_in(keycloak: RunningKeycloak, login: str, password: str) -> Visitor:
    """A browser that signs in with a first password and changes it to `OWN`, as Keycloak asks."""
    visitor = keycloak.visitor()
    visitor.ask()
    visitor.send(username=login, password=password)
    assert not visitor.arrived
    assert "password-new" in visitor.page, visitor.page
    visitor.send(**{"password-new": OWN, "password-confirm": OWN})
    assert visitor.arrived
    return visitor


def signs_in(keycloak: RunningKeycloak, login: str, password: str) -> bool:
    """Whether the password opens a session there, without more being asked."""
    visitor = keycloak.visitor()
    visitor.ask()
    visitor.send(username=login, password=password)
    return bool(visitor.arrived)
