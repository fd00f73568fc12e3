"""Local accounts: which passwords are taken, proving oneself again, sessions of one's own."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from core.db.session import reference_work
from core.errors import InvalidInput
from core.identity import local, passwords
from core.identity.local import (
    change_password,
    end_other_sessions,
    end_own_session,
    issue_password,
    own_sessions,
    prove_again,
    renew_recovery_codes,
    sign_in,
    standing,
)
from core.identity.models import Account, StaffSession
from core.identity.password_rules import WeakPassword
from core.identity.service import give_post, make_account
from core.identity.sessions import PASSWORD as BY_PASSWORD
from core.identity.sessions import SECOND_FACTOR, session_of
from tests.conftest import COUNTY, TODAY, Database
from tests.core.local_story import BETTER, NOW, PASSWORD, account, chosen, code_at, enrolled, quick, signed_in

__all__ = ["account", "chosen", "quick"]


# Passwords


def test_a_hash_at_former_costs_is_made_anew_at_the_next_sign_in(account: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    def stored() -> str | None:
        with reference_work() as session:
            return session.get_one(Account, account).password_hash

    before = stored()
    assert sign_in("li.ming", PASSWORD)
    assert stored() == before
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    assert sign_in("li.ming", "wrong") is None
    assert stored() == before
    assert sign_in("li.ming", PASSWORD)
    assert stored() != before
    assert "t=2" in (stored() or "")
    assert sign_in("li.ming", PASSWORD)


def test_a_changed_password_ends_all_other_sessions(account: uuid.UUID) -> None:
    other, own = sign_in("li.ming", PASSWORD), sign_in("li.ming", PASSWORD)
    assert change_password(signed_in(own), PASSWORD, BETTER) == 1
    assert session_of(own or "")
    assert session_of(other or "") is None
    assert sign_in("li.ming", PASSWORD) is None
    assert sign_in("li.ming", BETTER)


@pytest.mark.parametrize(
    ("current", "new", "where"),
    [("wrong", BETTER, "current"), (PASSWORD, PASSWORD, "password"), (PASSWORD, "12345678", "password")],
)
def test_a_change_that_is_refused_changes_nothing(account: uuid.UUID, current: str, new: str, where: str) -> None:
    other, own = sign_in("li.ming", PASSWORD), sign_in("li.ming", PASSWORD)
    with pytest.raises(InvalidInput) as refused:
        change_password(signed_in(own), current, new)
    assert refused.value.where == where
    assert session_of(other or "")
    assert sign_in("li.ming", PASSWORD)


def test_an_issued_password_must_be_changed_once(account: uuid.UUID) -> None:
    before = sign_in("li.ming", PASSWORD)
    with reference_work() as session:
        issued = issue_password(session, session.get_one(Account, account))
    assert session_of(before or "") is None
    assert sign_in("li.ming", PASSWORD) is None
    who = signed_in(sign_in("li.ming", issued))
    assert who.must_change_password
    with pytest.raises(InvalidInput, match="相同"):
        change_password(who, "", issued)
    change_password(who, "", BETTER)
    assert not signed_in(sign_in("li.ming", BETTER)).must_change_password


def test_whoever_administers_needs_a_longer_password(account: uuid.UUID) -> None:
    who = signed_in(sign_in("li.ming", PASSWORD))
    assert standing(who).shortest_password == 8
    with reference_work() as session:
        give_post(session, account, COUNTY, "tenant_admin", valid_from=TODAY + timedelta(days=3))
    assert standing(who).shortest_password == 12
    with pytest.raises(WeakPassword, match="至少 12"):
        change_password(who, PASSWORD, "十一个字不够长的密语呀")
    change_password(who, PASSWORD, BETTER)


def test_an_account_of_the_identity_provider_has_nothing_to_change_here(account: uuid.UUID) -> None:
    who = signed_in(sign_in("li.ming", PASSWORD))
    with reference_work() as session:
        session.get_one(Account, account).password_hash = None
    with pytest.raises(InvalidInput, match="不在本系统"):
        change_password(who, PASSWORD, BETTER)
    with pytest.raises(InvalidInput, match="不在本系统"):
        renew_recovery_codes(who)
    assert sign_in("li.ming", PASSWORD) is None


# Proving oneself again, sessions


def test_a_second_proof_needs_both_and_makes_the_session_fresh(account: uuid.UUID, db: Database) -> None:
    who, secret, _ = enrolled(account)
    later = NOW + timedelta(hours=2)
    code = code_at(secret, later)
    assert not prove_again(who, "wrong", code, at=later)
    assert not prove_again(who, PASSWORD, "", at=later)
    assert not prove_again(who, PASSWORD, "123", at=later)
    assert prove_again(who, PASSWORD, code, at=later)
    assert not prove_again(who, PASSWORD, code, at=later)
    with reference_work() as session:
        row = session.get_one(StaffSession, who.token_hash)
        assert (row.authenticated_at, row.assurance) == (later, SECOND_FACTOR)


def test_a_second_proof_by_password_is_no_second_factor(account: uuid.UUID) -> None:
    who = signed_in(sign_in("li.ming", PASSWORD))
    assert prove_again(who, PASSWORD, "", at=NOW)
    with reference_work() as session:
        assert session.get_one(StaffSession, who.token_hash).assurance == BY_PASSWORD


def test_sessions_of_one_s_own_can_be_ended_and_no_others(account: uuid.UUID) -> None:
    with reference_work() as session:
        make_account(session, "wang", "王芳", BETTER)
    foreign = signed_in(sign_in("wang", BETTER))
    tokens = [sign_in("li.ming", PASSWORD) for _ in range(4)]
    own = signed_in(tokens[0])
    assert len(own_sessions(own)) == 4
    assert not end_own_session(own, foreign.token_hash)
    assert end_own_session(own, signed_in(tokens[1]).token_hash)
    assert session_of(tokens[1] or "") is None
    assert end_other_sessions(own) == 2
    assert [row.token_hash for row in own_sessions(own)] == [own.token_hash]
    assert local.own_sessions(foreign)
