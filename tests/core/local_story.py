"""What tests of local accounts share: one account, its sessions, its second factor."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pyotp
import pytest
from argon2 import PasswordHasher
from hypothesis import strategies as st
from sqlalchemy import text

from core.db.session import reference_work
from core.identity import passwords
from core.identity.local import (
    set_up_second_factor,
    sign_in,
)
from core.identity.second_factor import begin_setup
from core.identity.service import make_account
from core.identity.sessions import SignedIn, session_of
from core.settings import settings
from tests.conftest import TODAY, Database

PASSWORD = "正确的马电池订书钉"
BETTER = "窗外 three 只麻雀在数星星"
NOW = datetime(2025, 9, 1, 8, 0, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
instants = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  made aware here


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at the least cost."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def account(db: Database) -> uuid.UUID:
    with db.owner.begin() as connection:
        connection.execute(text('insert into business_clock (id, "on", set_at) values (1, :on, now())'), {"on": TODAY})
    with reference_work() as session:
        return make_account(session, "li.ming", "李明", PASSWORD).id


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """For tests that set a setting."""
    settings()
    return monkeypatch


def signed_in(token: str | None) -> SignedIn:
    assert token is not None
    found = session_of(token)
    assert found is not None
    return found


def enrolled(account_id: uuid.UUID, at: datetime = NOW) -> tuple[SignedIn, str, list[str]]:
    """An account with a second factor: the session that set it up, the secret, the recovery codes."""
    who = signed_in(sign_in("li.ming", PASSWORD))
    setup = begin_setup(account_id, who.login, at)
    codes = set_up_second_factor(who, setup.sealed, pyotp.TOTP(setup.secret).at(at), at=at)
    return who, setup.secret, codes


def code_at(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)
