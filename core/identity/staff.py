"""The staff of a tenant (人员管理, domain 1.2, 12): who works here, letting people in, switching accounts off and on, first
passwords and sessions. Posts are given and ended in ``core.identity.grants``.

An account belongs to no tenant, so what touches the account itself is done only by whoever looks after all of its posts: an
administrator of one county never resets the password of somebody who also works in another.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.changes import kept_elsewhere, tell_changed
from core.identity.directory.first_passwords import leave_password
from core.identity.directory.models import DirectoryEntry
from core.identity.directory.standing import Standing, standing
from core.identity.grants import (
    NotYours,
    give,
    is_administrators,
    of_staff,
    open_posts,
    own_post,
    refuse_empty,
    refuse_not_grantable,
)
from core.identity.local import first_password, issue_password
from core.identity.models import Account, Post, StaffSession
from core.identity.names import GRANT_ADMINISTRATORS, WRITE_STAFF
from core.identity.second_factor import remove_second_factor
from core.identity.service import add_account, make_account
from core.identity.sessions import end_sessions, live_sessions
from core.identity.subtree import outside
from core.scope import current_scope
from core.trail.service import record

_HANDLE_BYTES = 8
ACCOUNT = Kind("account", "账号", {"on": "启用", "off": "已停用"})
DISABLE = Demand(WRITE_STAFF, of=ACCOUNT, states=frozenset({"on"}))
ENABLE = Demand(WRITE_STAFF, of=ACCOUNT, states=frozenset({"off"}))
LOOK_AFTER = Demand(WRITE_STAFF, of=ACCOUNT, states=frozenset({"on", "off"}))
"""Passwords and sessions, whether the account is on or off."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the staff with the posts held here."""

    account: Account
    posts: Sequence[Post]
    """Those of the tenant in scope that hold today or later, else the ended ones; the newest first."""
    works: bool
    """Whether one of them holds today or later."""
    directory: Standing | None = None
    """How the account stands with the identity provider's directory; None with local accounts."""


@dataclass(frozen=True, slots=True)
class Invited:
    """An account that was let in, with its first password where it is new: shown once, and stored nowhere in the clear."""

    account: Account
    first_password: str | None
    on_its_way: bool = False
    """Whether the password has to be carried to the identity provider first: within seconds, or when it answers again."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in browser of a member of staff; ``handle`` names it without giving its key away."""

    handle: str
    since: datetime
    seen: datetime
    address: str | None
    agent: str | None


def list_staff(
    session: Session, *, text: str = "", former: bool = False, after: uuid.UUID | None = None, limit: int = 50
) -> list[Member]:
    """The staff of the tenant in scope by keyset (``after`` is the last account of the page before), in the order in which
    the accounts were made: two statements. ``text`` is part of a name or login; ``former`` lists whose posts have all ended.
    """
    scope = current_scope()
    scope.require(WRITE_STAFF)
    here = Post.tenant_code == scope.tenant
    mine = select(Post.id).where(here, Post.account_id == Account.id).correlate(Account)
    goes_on = or_(Post.valid_to.is_(None), (Post.valid_to > scope.business_date) & (Post.valid_to > Post.valid_from))
    works = mine.where(goes_on).exists()
    wanted = (
        select(Account, works, DirectoryEntry)
        .outerjoin(DirectoryEntry, DirectoryEntry.account_id == Account.id)
        .where(mine.exists() & ~works if former else works)
        .order_by(Account.id)
        .limit(limit)
    )
    if text.strip():
        part = text.strip().lower()
        named = func.strpos(func.lower(Account.display_name), part) > 0
        wanted = wanted.where(or_(named, func.strpos(Account.login, part) > 0))
    if after is not None:
        wanted = wanted.where(Account.id > after)
    accounts = session.execute(wanted).all()
    posts: dict[uuid.UUID, list[Post]] = {account.id: [] for account, _, _ in accounts}
    found = select(Post).where(here, Post.account_id.in_(posts)).order_by(Post.valid_from.desc(), Post.id.desc())
    for post in session.scalars(found if former else found.where(goes_on)):
        posts[post.account_id].append(post)
    return [Member(account, posts[account.id], at_work, standing(account, entry)) for account, at_work, entry in accounts]


def member(session: Session, account_id: uuid.UUID) -> tuple[Account, Sequence[Post]]:
    """A member of the tenant's staff with all posts that were ever held here, newest first; raises ``NotFound``."""
    scope = current_scope()
    scope.require(WRITE_STAFF)
    account = of_staff(session, account_id)
    wanted = select(Post).where(Post.account_id == account_id, Post.tenant_code == scope.tenant)
    return account, session.scalars(wanted.order_by(Post.valid_from.desc(), Post.id.desc())).all()


def invite(
    session: Session,
    login: str,
    display_name: str,
    role: str,
    *,
    reason: str,
    valid_from: date,
    valid_to: date | None = None,
    existing: bool = False,
) -> Invited:
    """Let somebody in: a new account with a first password, or (``existing``) one that is there already, and give the post.

    Raises ``InvalidInput`` for a login that is missing, taken or unknown, a missing name or reason, and what giving a post
    raises. A switched-off account is let in again by those who look after it, not by a further post.
    """
    refuse_empty(reason)
    scope = current_scope()
    if not login.strip():
        raise InvalidInput("请填写登录名", "the login is missing", where="login")
    refuse_not_grantable(session, role)
    password = None
    if existing:
        account = _known(session, login)
    else:
        account, password = new_account(session, login, display_name)
    give(session, account.id, role, reason=reason, valid_from=valid_from, valid_to=valid_to)
    record(session, "account.invited", "account", account.id, {"new": not existing, "tenant": scope.tenant})
    tell_changed(session, account.id, "account")
    return Invited(account, password, password is not None and kept_elsewhere())


def _known(session: Session, login: str) -> Account:
    account = session.scalar(select(Account).where(Account.login == login.strip().lower()).with_for_update())
    if account is None or account.is_program:
        raise InvalidInput(
            "没有该登录名的账号",
            "no account has that login",
            where="login",
            mend_zh="请核对登录名，或新建账号",
            mend_en="check the login, or make a new account",
        )
    if account.disabled_at is not None:
        raise Conflict(
            "该账号已停用",
            "the account is switched off",
            where="login",
            mend_zh="请先由其所在单位启用",
            mend_en="have it switched on first where the person works",
        )
    return account


def new_account(session: Session, login: str, display_name: str) -> tuple[Account, str]:
    """A new account and its first password, to be changed at the first sign-in; where people sign in at an identity provider,
    the password is one of there. Raises ``InvalidInput`` where the name is missing or the login missing or taken."""
    if not display_name.strip():
        raise InvalidInput("请填写姓名", "the name is missing", where="display_name")
    if session.scalar(select(Account.id).where(Account.login == login.strip().lower())) is not None:
        raise InvalidInput(
            f"已有登录名 {login.strip().lower()}",
            "the login is taken",
            where="login",
            mend_zh="若为同一人，请选“已有账号”；否则请换一个登录名",
            mend_en="for the same person choose an existing account; else take another login",
        )
    if kept_elsewhere():
        account = add_account(session, login, display_name.strip(), None)
        return account, leave_password(session, account.id)
    password = first_password()
    account = make_account(session, login, display_name.strip(), password)
    account.must_change_password = True
    return account, password


def disable(session: Session, account_id: uuid.UUID, *, reason: str) -> Account:
    """Switch an account off; its sessions end at once. Raises as ``_looked_after`` and ``Conflict`` where it is off."""
    refuse_empty(reason)
    account = _looked_after(session, account_id)
    if not DISABLE.fits(_state(account)):
        raise Conflict("该账号已停用", "the account is switched off already", where="account")
    account.disabled_at, account.disabled_why = datetime.now(UTC), reason.strip()
    ended = end_sessions(session, account_id)
    record(session, "account.disabled", "account", account_id, {"sessions": ended})
    tell_changed(session, account_id, "account")
    return account


def enable(session: Session, account_id: uuid.UUID, *, reason: str) -> Account:
    """Let a switched-off account in again; raises ``Conflict`` where it is on."""
    refuse_empty(reason)
    account = _looked_after(session, account_id)
    if not ENABLE.fits(_state(account)):
        raise Conflict("该账号没有停用", "the account is not switched off", where="account")
    account.disabled_at = account.disabled_why = None
    account.enabled_at = datetime.now(UTC)
    record(session, "account.enabled", "account", account_id)
    tell_changed(session, account_id, "account")
    return account


def reset_password(session: Session, account_id: uuid.UUID, *, reason: str, second_factor_too: bool = False) -> Invited:
    """A first password again, to be changed at the next sign-in; all sessions end. Its text is returned once.

    ``second_factor_too`` takes the second factor away as well, for whoever has lost telephone and recovery codes.
    Where people sign in at an identity provider both happen there, and a password that was kept here before is void.
    Raises ``Conflict`` for a program, and with local accounts for whoever has no password here.
    """
    refuse_empty(reason)
    account = _looked_after(session, account_id)
    elsewhere = kept_elsewhere()
    if account.is_program or (not elsewhere and account.password_hash is None and account.subject is not None):
        raise Conflict(
            "该账号不在本系统保存密码",
            "this installation keeps no password of the account",
            where="account",
            mend_zh="请在统一身份认证处重置",
            mend_en="reset it at the identity provider",
        )
    if elsewhere:
        account.password_hash, account.must_change_password = None, False
        end_sessions(session, account_id)
        password = leave_password(session, account_id, second_factor_too=second_factor_too)
    else:
        password = issue_password(session, account)
    if second_factor_too:
        remove_second_factor(session, account)
    record(session, "password.reset", "account", account_id, {"second_factor": second_factor_too})
    tell_changed(session, account_id, "password")
    return Invited(account, password, elsewhere)


def sessions_of(session: Session, account_id: uuid.UUID) -> list[OpenSession]:
    """The signed-in browsers of an account that one looks after, newest first."""
    _looked_after(session, account_id)
    return [
        OpenSession(_handle(row), row.created_at, row.last_seen_at, row.address, row.agent)
        for row in live_sessions(session, account_id)
    ]


def end_sessions_of(session: Session, account_id: uuid.UUID, *, handle: str | None = None) -> int:
    """End one session of an account, or all of them; how many ended. Raises ``NotFound`` for a session that is not there."""
    _looked_after(session, account_id)
    sid = None
    if handle is None:
        ended = end_sessions(session, account_id)
    else:
        named: StaffSession | None = next((row for row in live_sessions(session, account_id) if _handle(row) == handle), None)
        if named is None:
            raise NotFound("没有该会话", "no such session", where="session")
        named.ended_at, ended, sid = datetime.now(UTC), 1, named.provider_sid
    record(session, "sessions.ended", "account", account_id, {"sessions": ended})
    if handle is None or sid is not None:
        tell_changed(session, account_id, "sessions", provider_sid=sid)
    return ended


def _state(account: Account) -> str:
    return "on" if account.disabled_at is None else "off"


def _handle(row: StaffSession) -> str:
    return row.token_hash[:_HANDLE_BYTES].hex()


def looks_after(session: Session, account_id: uuid.UUID) -> bool:
    """Whether the actor may act on the account itself, and not only on its posts here."""
    try:
        _refuse_foreign(session, account_id)
    except Forbidden:
        return False
    return True


def _looked_after(session: Session, account_id: uuid.UUID) -> Account:
    """An account of the tenant's staff that the actor looks after, locked. Raises ``NotFound`` for one that is not of the
    staff, ``NotYours`` for one's own, one with posts beyond one's subtree, or an administrator's."""
    current_scope().require(WRITE_STAFF)
    account = of_staff(session, account_id, lock=True)
    _refuse_foreign(session, account_id)
    return account


def _refuse_foreign(session: Session, account_id: uuid.UUID) -> None:
    scope = current_scope()
    if str(account_id) == scope.actor:
        raise own_post()
    posts = open_posts(session, account_id, scope.business_date)
    if outside(session, {post.tenant_code for post in posts}):
        raise NotYours(
            "该账号在本单位管辖之外另有岗位，不能在此处理账号本身",
            "the account holds posts beyond your subtree, so the account itself is not yours to act on",
            where="account",
            mend_zh="可终止其在本单位的岗位；账号请由共同的上级处理",
            mend_en="end its posts here; let the level above both act on the account",
        )
    administers = any(is_administrators(post.role) for post in posts)
    if administers and not scope.may(GRANT_ADMINISTRATORS):
        raise NotYours(
            "管理员的账号由安全管理员处理",
            "administrators' accounts are looked after by the security administrator",
            where="account",
            mend_zh="请联系上级的安全管理员",
            mend_en="ask the security administrator of the level above",
        )
