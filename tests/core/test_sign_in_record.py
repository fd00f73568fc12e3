"""What is kept of signing in, and what people change about their own accounts: in the trail of each of their tenants."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from core.db.session import reference_work, unit_of_work
from core.errors import InvalidInput
from core.identity import passwords
from core.identity.grants import grant_post
from core.identity.local import (
    change_password,
    enter,
    give_up_second_factor,
    note_throttled,
    prove,
    renew_recovery_codes,
    set_up_second_factor,
    sign_in,
)
from core.identity.models import Account
from core.identity.own_account import TOPIC
from core.identity.second_factor import begin_setup
from core.identity.service import give_post, make_account
from core.identity.sessions import Origin, SignedIn, session_of
from core.jobs import outbox
from core.jobs.models import OutboxItem
from core.scope import entered
from core.trail.models import SignInEvent
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.staffing import SINCE, WHY, at_desk, security, stand_at, trail_of

PASSWORD = "正确的马电池订书钉"
BETTER = "窗外 three 只麻雀在数星星"
HERE = "10.1.2.3"


@pytest.fixture
def account(db: Database, monkeypatch: pytest.MonkeyPatch) -> uuid.UUID:
    """An account with posts in two counties and one that has ended."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    stand_at(db)
    with reference_work() as session:
        made = make_account(session, "li.ming", "李明", PASSWORD)
        for tenant in (COUNTY, OTHER_COUNTY):
            give_post(session, made.id, tenant, "reviewer", valid_from=SINCE)
        give_post(session, made.id, PREFECTURE, "reviewer", valid_from=SINCE, valid_to=TODAY)
        return made.id


def _signed_in() -> SignedIn:
    token = sign_in("li.ming", PASSWORD, address=HERE)
    found = session_of(token or "")
    assert found is not None
    return found


def _kept() -> list[tuple[uuid.UUID | None, str, str, str | None]]:
    with reference_work() as session:
        rows = session.scalars(select(SignInEvent).order_by(SignInEvent.id))
        return [(row.account_id, row.way, row.outcome, row.address) for row in rows]


# Signing in


def test_every_try_is_kept_with_what_came_of_it_and_without_what_was_typed(account: uuid.UUID) -> None:
    assert prove("li.ming", "wrong", address=HERE) is None
    assert prove("hunter2-typed-in-the-wrong-field", "x", address=HERE) is None
    _signed_in()
    note_throttled("li.ming", "password", HERE)
    note_throttled("nobody", "code", HERE)
    assert _kept() == [
        (account, "password", "refused", HERE),
        (None, "password", "refused", HERE),
        (account, "password", "signed_in", HERE),
        (account, "password", "throttled", HERE),
        (None, "code", "throttled", HERE),
    ]


def test_the_second_step_is_kept_too(account: uuid.UUID) -> None:
    who, at = _signed_in(), datetime.now(UTC)
    setup = begin_setup(account, who.login, at)
    set_up_second_factor(who, setup.sealed, pyotp.TOTP(setup.secret).at(at), at=at)
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    assert enter(proof, Origin(HERE), code="000000") is None
    [code, *_] = renew_recovery_codes(who)
    assert enter(proof, Origin(HERE), code=code) is not None
    assert [(way, outcome) for _, way, outcome, _ in _kept()[1:]] == [("code", "refused"), ("code", "signed_in")]


# One's own account


def _waiting(tenant: str) -> int:
    with entered(scope_of(tenant)), unit_of_work() as session:
        items = session.scalars(select(OutboxItem).where(OutboxItem.topic == TOPIC, OutboxItem.sent_at.is_(None)))
        return len(items.all())


def test_a_change_of_one_s_own_password_stands_in_the_trail_of_each_tenant_of_one_s_posts(account: uuid.UUID) -> None:
    change_password(_signed_in(), PASSWORD, BETTER)
    [first] = trail_of(COUNTY, "password.changed")
    assert (first["actor"], first["subject"]) == (str(account), ["account", str(account)])
    assert set(dict(first["fields"])) == {"event"}  # type: ignore[call-overload]  # an object of the trail
    assert trail_of(OTHER_COUNTY, "password.changed") == []
    assert _waiting(COUNTY) == 1
    outbox.relay(COUNTY)
    [second] = trail_of(OTHER_COUNTY, "password.changed")
    assert second["fields"] == first["fields"]
    assert trail_of(PREFECTURE, "password.changed") == []


def test_the_other_tenant_is_told_once_though_the_item_comes_twice(account: uuid.UUID) -> None:
    change_password(_signed_in(), PASSWORD, BETTER)
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        payload = session.scalars(select(OutboxItem.payload).where(OutboxItem.topic == TOPIC)).one()
    for _ in range(2):
        with entered(scope_of(COUNTY)), unit_of_work() as session:
            outbox.TOPICS[TOPIC](session, payload)
    assert len(trail_of(OTHER_COUNTY, "password.changed")) == 1


def test_a_change_that_was_refused_leaves_nothing(account: uuid.UUID) -> None:
    who = _signed_in()
    with pytest.raises(InvalidInput):
        change_password(who, "wrong", BETTER)
    assert (trail_of(COUNTY, "password.changed"), _waiting(COUNTY)) == ([], 0)


def test_second_factor_and_codes_leave_their_entries_without_a_secret(account: uuid.UUID) -> None:
    who, at = _signed_in(), datetime.now(UTC)
    setup = begin_setup(account, who.login, at)
    codes = set_up_second_factor(who, setup.sealed, pyotp.TOTP(setup.secret).at(at), at=at)
    codes += renew_recovery_codes(who)
    give_up_second_factor(who)
    told = [trail_of(COUNTY, action) for action in ("second_factor.set_up", "recovery_codes.renewed", "second_factor.given_up")]
    assert [len(entries) for entries in told] == [1, 1, 1]
    assert not any(secret in str(told) for secret in (setup.secret, *codes))


def test_an_account_without_a_post_changes_its_password_all_the_same(account: uuid.UUID, db: Database) -> None:
    stand_at(db, SINCE.replace(year=2024))
    change_password(_signed_in(), PASSWORD, BETTER)
    assert sign_in("li.ming", BETTER) is not None


# Becoming an administrator


def _must_change(account: uuid.UUID) -> bool:
    with reference_work() as session:
        return session.get_one(Account, account).must_change_password


def test_whoever_becomes_an_administrator_chooses_a_password_anew(account: uuid.UUID) -> None:
    keeper = security()
    with reference_work() as session:
        elsewhere = Account(login="by-keycloak", display_name="王")
        boss = make_account(session, "boss", "赵", PASSWORD)
        session.add(elsewhere)
        session.flush()
        for one in (elsewhere, boss):
            give_post(session, one.id, PROVINCE, "leader", valid_from=SINCE)
        ids = elsewhere.id, boss.id
    with at_desk(keeper, PROVINCE) as session:
        for one_id in ids:
            grant_post(session, one_id, "tenant_admin", reason=WHY, valid_from=TODAY)
    assert [_must_change(one_id) for one_id in ids] == [False, True]
    assert not _must_change(account)
