"""Local accounts (本地账号): who signs in with a password that this installation keeps. The default without Keycloak.

Signing in takes one step, or two where the account has a second factor: the password gives a ``Proof``, and only the proof
with a code opens a session.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.session import reference_work
from core.errors import InvalidInput
from core.identity import second_factor
from core.identity.duties import NOTHING
from core.identity.models import Account, Post, SeenToken, StaffSession
from core.identity.own_account import own_change
from core.identity.password_rules import check_password
from core.identity.passwords import hashed, matches, outdated
from core.identity.recovery import codes_left, renew_codes
from core.identity.sessions import (
    PASSWORD,
    SECOND_FACTOR,
    Origin,
    SignedIn,
    Way,
    end_sessions,
    live_sessions,
    note_sign_in,
    open_session,
)
from core.settings import settings
from core.tenancy.service import business_date

# No letter that is taken for another one or for a digit: a first password is read from paper.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_TENANT_ADMIN: Final = "tenant_admin"


@dataclass(frozen=True, slots=True)
class Proof:
    """That somebody knew an account's password. It holds as long as the password is the same (``fingerprint``)."""

    account_id: uuid.UUID
    fingerprint: str
    needs_code: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account's own page says about it beside its sessions."""

    codes_left: int
    needs_second_factor: bool
    shortest_password: int


def _now() -> datetime:
    return datetime.now(UTC)


def _fingerprint(account: Account) -> str:
    return sha256((account.password_hash or "").encode()).hexdigest()[:32]


def _held(session: Session, account_id: uuid.UUID) -> Account | None:
    """The account, kept from other transactions until this one ends; None where nobody can sign in with it."""
    account = session.get(Account, account_id, with_for_update=True, populate_existing=True)
    return None if account is None or account.disabled_at is not None or account.is_program else account


def prove(login: str, password: str, *, address: str | None = None) -> Proof | None:
    """The first step: whether the password is the account's; None where it is not, which is kept. A hash at former costs is
    made anew."""
    with reference_work() as session:
        account = session.scalar(select(Account).where(Account.login == login.strip().lower()))
        good = matches(account.password_hash if account else None, password)
        if account is None or not good or account.disabled_at is not None or account.is_program:
            note_sign_in(session, account.id if account else None, "password", "refused", address)
            return None
        if account.password_hash and outdated(account.password_hash):
            account.password_hash = hashed(password)
        return Proof(account.id, _fingerprint(account), account.totp_cipher is not None)


def enter(
    proof: Proof,
    origin: Origin,
    *,
    code: str | None = None,
    once: tuple[str, datetime] | None = None,
    at: datetime | None = None,
) -> str | None:
    """The second step: open a session on a proof, with ``code`` where the account has a second factor; the cookie's token,
    or None where the code is wrong or was used before, or the proof holds no longer.

    ``once`` is the number under which the proof was kept between the steps, and until when: it opens one session.
    """
    at = at or _now()
    with reference_work() as session:
        account = _held(session, proof.account_id)
        if account is None or _fingerprint(account) != proof.fingerprint:
            return None
        assurance = PASSWORD
        if account.totp_cipher is not None:
            if code is None or not second_factor.shown(session, account, code, at):
                note_sign_in(session, account.id, "code", "refused", origin.address)
                return None
            assurance = SECOND_FACTOR
        if once is not None and not _first_use(session, *once, at):
            return None
        token, _ = open_session(session, account, origin, assurance=assurance)
        return token


def proves_himself(login: str, password: str, ask_code: Callable[[], str], *, at: datetime | None = None) -> bool:
    """Whether somebody without a session, at a command line, shows the password of ``login`` and, where the account has a
    second factor, the code that ``ask_code`` brings. A first password proves nobody: it was given by somebody else."""
    proof = prove(login, password)
    if proof is None:
        return False
    code = ask_code() if proof.needs_code else ""
    with reference_work() as session:
        account = _held(session, proof.account_id)
        if account is None or _fingerprint(account) != proof.fingerprint or account.must_change_password:
            return False
        if account.totp_cipher is None or second_factor.shown(session, account, code, at or _now()):
            return True
        note_sign_in(session, account.id, "code", "refused", None)
        return False


def note_throttled(login: str, way: Way, address: str | None) -> None:
    """Keep that somebody's tries to sign in were too many to be looked at."""
    with reference_work() as session:
        account = session.scalar(select(Account.id).where(Account.login == login.strip().lower()))
        note_sign_in(session, account, way, "throttled", address)


def _first_use(session: Session, number: str, until: datetime, at: datetime) -> bool:
    session.execute(delete(SeenToken).where(SeenToken.expires_at < at))
    noted = insert(SeenToken).values(number=number, expires_at=until).on_conflict_do_nothing().returning(SeenToken.number)
    return session.scalar(noted) is not None


def sign_in(login: str, password: str, *, address: str | None = None, agent: str | None = None) -> str | None:
    """Sign in by the password alone; the cookie's token, or None where it is wrong or the account has a second factor."""
    proof = prove(login, password, address=address)
    return None if proof is None else enter(proof, Origin(address, agent))


def prove_again(signed_in: SignedIn, password: str, code: str, *, at: datetime | None = None) -> bool:
    """Whether the signed-in person shows password and second factor once more; the session's proof is fresh then."""
    at = at or _now()
    with reference_work() as session:
        account = _held(session, signed_in.account_id)
        if account is None or not matches(account.password_hash, password):
            return False
        assurance = PASSWORD
        if account.totp_cipher is not None:
            if not second_factor.shown(session, account, code, at):
                return False
            assurance = SECOND_FACTOR
        _refresh(session, signed_in, assurance, at)
        return True


def _refresh(session: Session, signed_in: SignedIn, assurance: int, at: datetime) -> None:
    proven = {"authenticated_at": at, "assurance": assurance}
    session.execute(update(StaffSession).where(StaffSession.token_hash == signed_in.token_hash).values(proven))


def change_password(signed_in: SignedIn, current: str, new: str) -> int:
    """Give the account the password ``new``; all its other sessions end. How many did.

    ``current`` is not asked for where it was given by somebody else and signed in with just now. Raises ``InvalidInput``
    (``where`` is ``current`` or ``password``) and ``WeakPassword``.
    """
    with own_change(signed_in.account_id, "password.changed") as session:
        account = _held(session, signed_in.account_id)
        if account is None or account.password_hash is None:
            raise InvalidInput("该账号的密码不在本系统", "the account has no password here", where="password")
        if not account.must_change_password and not matches(account.password_hash, current):
            raise InvalidInput("当前密码不正确", "the present password is wrong", where="current")
        check_password(new, login=account.login, name=account.display_name, shortest=_shortest(session, account.id))
        if matches(account.password_hash, new):
            raise InvalidInput(
                "新密码与原密码相同", "the new password is the present one", where="password", mend_zh="请换一个密码"
            )
        account.password_hash = hashed(new)
        account.must_change_password = False
        return end_sessions(session, account.id, but=signed_in.token_hash)


def _shortest(session: Session, account_id: uuid.UUID) -> int:
    """How long the account's password must be: longer for whoever administers, now or from a day to come."""
    administers = select(Post.id).where(
        Post.account_id == account_id,
        or_(Post.valid_to.is_(None), Post.valid_to > business_date(session)),
        or_(Post.administers != NOTHING, Post.role == _TENANT_ADMIN),
    )
    own = settings()
    if session.scalar(administers.limit(1)) is None:
        return own.password_min_length
    return max(own.password_min_length, own.password_min_length_administrators)


def first_password() -> str:
    """A random password to be read out and typed once: 79 bits, in groups, without letters that look alike."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def issue_password(session: Session, account: Account) -> str:
    """A first password in place of the present one, to be handed over and changed at the next sign-in; all sessions end.

    A second factor stays: ``remove_second_factor`` takes it away.
    """
    password = first_password()
    account.password_hash = hashed(password)
    account.must_change_password = True
    end_sessions(session, account.id)
    return password


def standing(signed_in: SignedIn) -> Standing:
    """How the account stands: recovery codes left, whether it must have a second factor, how long its password must be."""
    with reference_work() as session:
        return Standing(
            codes_left(session, signed_in.account_id),
            _needs_second_factor(session, signed_in.account_id),
            _shortest(session, signed_in.account_id),
        )


def _needs_second_factor(session: Session, account_id: uuid.UUID) -> bool:
    held = select(Post.id).where(
        Post.account_id == account_id,
        or_(Post.valid_to.is_(None), Post.valid_to > business_date(session)),
        Post.role.in_(second_factor.roles_that_need_it()),
    )
    return session.scalar(held.limit(1)) is not None


def set_up_second_factor(signed_in: SignedIn, sealed: str, code: str, *, at: datetime | None = None) -> list[str]:
    """Make a second factor count (again, on another telephone) and renew the recovery codes, which are returned.

    This session has shown it; all others end. Raises ``InvalidInput`` as ``finish_setup`` does.
    """
    at = at or _now()
    with own_change(signed_in.account_id, "second_factor.set_up") as session:
        account = _account_with_password(session, signed_in)
        codes = second_factor.finish_setup(session, account, sealed, code, at)
        _refresh(session, signed_in, SECOND_FACTOR, at)
        end_sessions(session, account.id, but=signed_in.token_hash)
        return codes


def renew_recovery_codes(signed_in: SignedIn) -> list[str]:
    """New recovery codes; the former ones are void. Raises ``InvalidInput`` where there is no second factor."""
    with own_change(signed_in.account_id, "recovery_codes.renewed") as session:
        account = _account_with_password(session, signed_in)
        if account.totp_cipher is None:
            raise InvalidInput("尚未设置第二重验证", "there is no second factor", where="code")
        return renew_codes(session, account.id)


def give_up_second_factor(signed_in: SignedIn) -> None:
    """Go without a second factor; all other sessions end. Raises ``InvalidInput`` where the account's posts need one."""
    with own_change(signed_in.account_id, "second_factor.given_up") as session:
        account = _account_with_password(session, signed_in)
        if _needs_second_factor(session, account.id):
            raise InvalidInput(
                "您的岗位必须使用第二重验证，不能停用",
                "the account's posts need a second factor",
                mend_zh="换手机时请选“更换验证器”",
                mend_en="set it up anew on another telephone instead",
            )
        second_factor.remove_second_factor(session, account)
        end_sessions(session, account.id, but=signed_in.token_hash)


def _account_with_password(session: Session, signed_in: SignedIn) -> Account:
    account = _held(session, signed_in.account_id)
    if account is None or account.password_hash is None:
        raise InvalidInput("该账号不在本系统登录", "the account does not sign in here")
    return account


def own_sessions(signed_in: SignedIn) -> Sequence[StaffSession]:
    """The live sessions of the account, newest first."""
    with reference_work() as session:
        return live_sessions(session, signed_in.account_id)


def end_own_session(signed_in: SignedIn, token_hash: bytes) -> bool:
    """End one session of one's own by its hash; False where it is none of them or has ended."""
    with reference_work() as session:
        ended = session.scalar(
            update(StaffSession)
            .where(
                StaffSession.token_hash == token_hash,
                StaffSession.account_id == signed_in.account_id,
                StaffSession.ended_at.is_(None),
            )
            .values(ended_at=_now())
            .returning(StaffSession.token_hash)
        )
        return ended is not None


def end_other_sessions(signed_in: SignedIn) -> int:
    """End all sessions of one's own but this one; how many ended."""
    with reference_work() as session:
        return end_sessions(session, signed_in.account_id, but=signed_in.token_hash)
