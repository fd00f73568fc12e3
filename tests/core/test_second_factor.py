"""The second factor: codes that count once, the two steps of signing in, recovery codes, who must have one."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.db.session import reference_work
from core.errors import InvalidInput
from core.identity.local import (
    Proof,
    change_password,
    enter,
    give_up_second_factor,
    prove,
    renew_recovery_codes,
    set_up_second_factor,
    sign_in,
    standing,
)
from core.identity.models import Account, RecoveryCode, SeenToken, StaffSession
from core.identity.recovery import HOW_MANY
from core.identity.second_factor import begin_setup, resume_setup, roles_that_need_it
from core.identity.service import give_post, make_account
from core.identity.sessions import SECOND_FACTOR, Origin, session_of
from core.identity.staff import reset_password
from core.identity.totp import STEP_S, matching_step, step_of
from core.settings import Settings, settings
from tests.conftest import COUNTY, TODAY
from tests.core.local_story import BETTER, NOW, PASSWORD, SECRET, account, chosen, code_at, enrolled, instants, quick, signed_in
from tests.core.staffing import WHY, admin, at_desk, trail_of

__all__ = ["account", "chosen", "quick"]


# Codes of the second factor


@given(instants, st.integers(-6, 6), st.integers(0, STEP_S - 1))
def test_a_code_counts_one_step_either_way(at: datetime, steps: int, within: int) -> None:
    """Two steps share a code once in a million, which the comparison allows for."""
    shown_at = datetime.fromtimestamp((step_of(at) + steps) * STEP_S + within, UTC)
    code = code_at(SECRET, shown_at)
    found = matching_step(SECRET, code, at, None)
    if abs(steps) <= 1:
        assert found is not None
    assert found is None or (abs(found - step_of(at)) <= 1 and pyotp.TOTP(SECRET).generate_otp(found) == code)


@given(instants, st.lists(st.tuples(st.integers(0, 90), st.integers(-1, 1)), min_size=1, max_size=12))
def test_no_code_counts_twice_and_none_before_it(start: datetime, tries: list[tuple[int, int]]) -> None:
    at, used, accepted = start, None, []
    for seconds, ahead in tries:
        at += timedelta(seconds=seconds)
        step = matching_step(SECRET, code_at(SECRET, at + timedelta(seconds=ahead * STEP_S)), at, used)
        if step is not None:
            accepted.append(step)
            used = step
    assert accepted == sorted(set(accepted))


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "12345a", "１２３４５", "٠١٢٣٤٥x"])
def test_what_is_no_code_never_fits(typed: str) -> None:
    assert matching_step(SECRET, typed, NOW, None) is None


def test_a_code_may_be_typed_in_groups_or_full_width() -> None:
    code = code_at(SECRET, NOW)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    for typed in (f"{code[:3]} {code[3:]}", wide, f" {code} "):
        assert matching_step(SECRET, typed, NOW, None) == step_of(NOW)


def test_a_setup_counts_only_once_its_code_is_shown(account: uuid.UUID) -> None:
    who = signed_in(sign_in("li.ming", PASSWORD))
    setup = begin_setup(account, who.login, NOW)
    assert setup.address.startswith("otpauth://totp/")
    assert setup.secret in setup.address
    assert setup.secret not in setup.sealed
    for sealed, code, at in (
        (setup.sealed, "000000", NOW),
        (setup.sealed, "", NOW),
        (setup.sealed, code_at(setup.secret, NOW + timedelta(minutes=16)), NOW + timedelta(minutes=16)),
        ("nonsense", code_at(setup.secret, NOW), NOW),
        ("字", code_at(setup.secret, NOW), NOW),
        (begin_setup(uuid.uuid4(), "other", NOW).sealed, code_at(setup.secret, NOW), NOW),
    ):
        with pytest.raises(InvalidInput) as refused:
            set_up_second_factor(who, sealed, code, at=at)
        assert refused.value.where == "code"
    assert resume_setup(account, who.login, setup.sealed, NOW).secret == setup.secret
    assert not signed_in(sign_in("li.ming", PASSWORD)).has_second_factor
    codes = set_up_second_factor(who, setup.sealed, code_at(setup.secret, NOW), at=NOW)
    assert len(set(codes)) == HOW_MANY
    with reference_work() as session:
        row = session.get_one(Account, account)
        assert row.totp_cipher is not None
        assert setup.secret.encode() not in row.totp_cipher
        stored = b"".join(session.scalars(select(RecoveryCode.code_hash)).all())
        assert not any(code.encode() in stored for code in codes)


def test_setting_up_raises_this_session_and_ends_the_others(account: uuid.UUID) -> None:
    other = sign_in("li.ming", PASSWORD)
    own = sign_in("li.ming", PASSWORD)
    setup = begin_setup(account, "li.ming", NOW)
    set_up_second_factor(signed_in(own), setup.sealed, code_at(setup.secret, NOW), at=NOW)
    assert signed_in(own).assurance == SECOND_FACTOR
    assert signed_in(own).has_second_factor
    assert session_of(other or "") is None


# The two steps


def test_a_password_alone_opens_nothing_where_there_is_a_second_factor(account: uuid.UUID) -> None:
    _, secret, _ = enrolled(account)
    assert sign_in("li.ming", PASSWORD) is None
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    assert proof.needs_code
    later = NOW + timedelta(minutes=5)
    assert enter(proof, Origin(), at=later) is None
    assert enter(proof, Origin(), code="000000", at=later) is None
    who = signed_in(enter(proof, Origin(), code=code_at(secret, later), at=later))
    assert who.assurance == SECOND_FACTOR
    assert enter(proof, Origin(), code=code_at(secret, later), at=later) is None


def test_the_code_that_set_it_up_is_used_up(account: uuid.UUID) -> None:
    _, secret, _ = enrolled(account)
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    assert enter(proof, Origin(), code=code_at(secret, NOW), at=NOW) is None


def test_a_proof_opens_one_session_and_none_after_a_change(account: uuid.UUID) -> None:
    who, secret, codes = enrolled(account)
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    once = ("sign-in/number", NOW + timedelta(minutes=5))
    assert enter(proof, Origin(), code=codes[0], once=once, at=NOW)
    assert enter(proof, Origin(), code=codes[1], once=once, at=NOW) is None
    with reference_work() as session:
        assert session.scalars(select(SeenToken.number)).all() == ["sign-in/number"]
    other = ("sign-in/other", NOW + timedelta(hours=2))
    assert enter(proof, Origin(), code=codes[2], once=other, at=NOW + timedelta(hours=1))
    with reference_work() as session:
        assert session.scalars(select(SeenToken.number)).all() == ["sign-in/other"]
    change_password(who, PASSWORD, BETTER)
    assert enter(proof, Origin(), code=code_at(secret, NOW + timedelta(hours=1)), at=NOW + timedelta(hours=1)) is None
    assert enter(Proof(uuid.uuid4(), proof.fingerprint, needs_code=False), Origin()) is None


def test_an_account_that_is_switched_off_between_the_steps_stays_out(account: uuid.UUID) -> None:
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    with reference_work() as session:
        session.get_one(Account, account).disabled_at = NOW
    assert enter(proof, Origin()) is None


def test_one_code_in_eight_threads_opens_one_session(account: uuid.UUID) -> None:
    _, secret, codes = enrolled(account)
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    later = NOW + timedelta(minutes=5)
    for code in (code_at(secret, later), codes[0]):
        barrier = threading.Barrier(8)

        def step(_: int, code: str = code, barrier: threading.Barrier = barrier) -> str | None:
            barrier.wait()
            return enter(proof, Origin(), code=code, at=later)

        with ThreadPoolExecutor(8) as pool:
            opened = [token for token in pool.map(step, range(8)) if token]
        assert len(opened) == 1
    with reference_work() as session:
        assert len(session.scalars(select(StaffSession).where(StaffSession.assurance == SECOND_FACTOR)).all()) == 3


# Recovery codes


def test_a_recovery_code_stands_in_once(account: uuid.UUID) -> None:
    who, _, codes = enrolled(account)
    proof = prove("li.ming", PASSWORD)
    assert proof is not None
    assert enter(proof, Origin(), code=f" {codes[3].upper().replace('-', ' ')} ", at=NOW)
    assert enter(proof, Origin(), code=codes[3], at=NOW) is None
    assert standing(who).codes_left == HOW_MANY - 1
    renewed = renew_recovery_codes(who)
    assert standing(who).codes_left == HOW_MANY
    assert enter(proof, Origin(), code=codes[4], at=NOW) is None
    assert enter(proof, Origin(), code=renewed[4], at=NOW)


def test_codes_of_another_account_do_not_count(account: uuid.UUID) -> None:
    _, _, codes = enrolled(account)
    with reference_work() as session:
        other = make_account(session, "wang", "王芳", BETTER)
        other.totp_cipher = session.get_one(Account, account).totp_cipher
    proof = prove("wang", BETTER)
    assert proof is not None
    assert enter(proof, Origin(), code=codes[0], at=NOW) is None


def test_a_secret_that_was_moved_to_another_account_does_not_open(account: uuid.UUID) -> None:
    _, secret, _ = enrolled(account)
    with reference_work() as session:
        other = make_account(session, "wang", "王芳", BETTER)
        other.totp_cipher = session.get_one(Account, account).totp_cipher
    proof = prove("wang", BETTER)
    assert proof is not None
    with pytest.raises(Exception, match="sealed value"):
        enter(proof, Origin(), code=code_at(secret, NOW), at=NOW)


def test_there_are_no_codes_without_a_second_factor(account: uuid.UUID) -> None:
    who = signed_in(sign_in("li.ming", PASSWORD))
    with pytest.raises(InvalidInput):
        renew_recovery_codes(who)
    assert standing(who).codes_left == 0


# Who must have one, and going without


def test_who_must_have_a_second_factor_is_a_setting(account: uuid.UUID, chosen: pytest.MonkeyPatch) -> None:
    assert settings().second_factor_for == "optional"
    assert Settings(environment="production", secure_cookies=True, movable_business_date=False).second_factor_for == (
        "administrators"
    )
    assert roles_that_need_it() == frozenset()
    chosen.setattr(settings(), "second_factor", "administrators_and_money")
    needing = roles_that_need_it()
    assert {"payment_approver", "payer", "fund_manager"} <= needing
    assert not needing & {"caseworker", "leader", "auditor"}
    chosen.setattr(settings(), "second_factor", "administrators")
    assert not roles_that_need_it() & {"payer", "caseworker"}


def test_only_who_needs_none_may_go_without(account: uuid.UUID, chosen: pytest.MonkeyPatch) -> None:
    who, _, _ = enrolled(account)
    with reference_work() as session:
        give_post(session, account, COUNTY, "payer", valid_from=TODAY)
    chosen.setattr(settings(), "second_factor", "administrators_and_money")
    assert standing(who).needs_second_factor
    with pytest.raises(InvalidInput, match="不能停用"):
        give_up_second_factor(who)
    chosen.setattr(settings(), "second_factor", "optional")
    give_up_second_factor(who)
    assert standing(who).codes_left == 0
    assert sign_in("li.ming", PASSWORD)


@pytest.mark.parametrize("too", [False, True])
def test_a_lost_second_factor_goes_with_a_reset_password_where_that_is_said(account: uuid.UUID, too: bool) -> None:
    _, _, codes = enrolled(account)
    with reference_work() as session:
        give_post(session, account, COUNTY, "caseworker", valid_from=TODAY)
    with at_desk(admin()) as session:
        new = reset_password(session, account, reason=WHY, second_factor_too=too).first_password
    proof = prove("li.ming", new or "")
    assert proof is not None
    assert proof.needs_code is not too
    assert enter(proof, Origin(), code=codes[0], at=NOW)
    with reference_work() as session:
        assert bool(session.scalars(select(RecoveryCode)).all()) is not too
    assert [entry["fields"] for entry in trail_of(COUNTY, "password.reset")] == [{"second_factor": too}]
