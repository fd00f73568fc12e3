"""Putting the directory right from here: what differs, or the whole of an installation that switches over to the provider
(以本平台为准重新同步). Everything goes through the outbox."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.identity.changes import kept_elsewhere, tell_changed, tell_tenant_opened
from core.identity.directory.comparison import MEMBERSHIP_EXTRA, MENDABLE
from core.identity.directory.groups import GROUP_MISSING
from core.identity.directory.models import DirectoryDifference, DirectoryEntry
from core.identity.directory.people import STRANGER
from core.identity.directory.there import MARK, directory
from core.identity.models import Account, Post
from core.identity.names import READ_SYSTEM
from core.jobs.outbox import post
from core.scope import Level, current_scope, entered
from core.tenancy.life import is_there
from core.tenancy.models import Tenant
from core.tenancy.service import business_date, system_scope
from core.trail.service import record


@dataclass(frozen=True, slots=True)
class Differs:
    """A difference as it is shown: with the login of the account and the name of the union that it is about."""

    row: DirectoryDifference
    login: str | None
    union_name: str | None
    mendable: bool


@dataclass(frozen=True, slots=True)
class Behind:
    """An account whose changes have not arrived: how it is called, and why the last try failed."""

    login: str
    entry: DirectoryEntry


def _mine(code: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    """Condition: the tenant lies in one's own subtree; what is nobody's is for the province."""
    scope = current_scope()
    below = select(Tenant.code).where(
        or_(Tenant.code == scope.tenant, Tenant.prefecture == scope.tenant, Tenant.province == scope.tenant)
    )
    inside = code.in_(below)
    return or_(inside, code.is_(None)) if scope.level is Level.PROVINCE else inside


def list_differences(session: Session, *, after: uuid.UUID | None = None, limit: int = 50) -> list[Differs]:
    """What was found to differ in the own subtree, oldest first, by keyset. Needs ``system.read``."""
    current_scope().require(READ_SYSTEM)
    wanted = (
        select(DirectoryDifference, Account.login, Tenant.union_name)
        .outerjoin(Account, Account.id == DirectoryDifference.account_id)
        .outerjoin(Tenant, Tenant.code == DirectoryDifference.tenant_code)
        .where(_mine(DirectoryDifference.tenant_code))
        .order_by(DirectoryDifference.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(DirectoryDifference.id > after)
    return [Differs(row, login, union, row.kind in MENDABLE) for row, login, union in session.execute(wanted)]


def _accounts_below() -> ColumnElement[bool]:
    here = select(Post.id).where(Post.account_id == Account.id, _mine(Post.tenant_code)).correlate(Account)
    return here.exists()


def count_behind(session: Session) -> int:
    """How many accounts of the own subtree have changes on their way."""
    counted = select(func.count()).select_from(DirectoryEntry).join(Account, Account.id == DirectoryEntry.account_id)
    behind = DirectoryEntry.done != DirectoryEntry.told
    return session.scalar(counted.where(behind, Account.is_program.is_(False), _accounts_below())) or 0


def list_failing(session: Session, limit: int = 50) -> list[Behind]:
    """Accounts of the own subtree whose last try failed, those that wait longest first. Needs ``system.read``."""
    current_scope().require(READ_SYSTEM)
    wanted = (
        select(Account.login, DirectoryEntry)
        .join(DirectoryEntry, DirectoryEntry.account_id == Account.id)
        .where(DirectoryEntry.done != DirectoryEntry.told, DirectoryEntry.error.is_not(None), _accounts_below())
        .order_by(DirectoryEntry.told_at, Account.id)
        .limit(limit)
    )
    return [Behind(login, entry) for login, entry in session.execute(wanted)]


def mend(session: Session) -> int:
    """Have all differences of the own subtree put right as the platform has it; how many were told. Needs ``system.read``."""
    current_scope().require(READ_SYSTEM)
    _refuse_local()
    rows = session.scalars(
        select(DirectoryDifference)
        .where(_mine(DirectoryDifference.tenant_code), DirectoryDifference.kind.in_(MENDABLE))
        .order_by(DirectoryDifference.id)
    ).all()
    for account in sorted({row.account_id for row in rows if row.account_id is not None}):
        tell_changed(session, account, "account")
    for row in rows:
        if row.kind == GROUP_MISSING and row.tenant_code is not None:
            tell_tenant_opened(session, row.tenant_code)
    strangers = {row.subject for row in rows if row.kind == MEMBERSHIP_EXTRA and row.account_id is None}
    post(session, STRANGER, *({"subject": subject} for subject in sorted(filter(None, strangers))))
    if rows:
        record(session, "directory.mended", "directory", None, {"differences": len(rows)})
    return len(rows)


def provision_all() -> tuple[int, int]:
    """Leave word of every open tenant and of every account that holds a post or is known there, each in the outbox of a tenant
    of its own; how many of either. For an installation that switches over to the provider."""
    _refuse_local()
    with reference_work() as session:
        tenants = session.scalars(select(Tenant.code).where(is_there()).order_by(Tenant.code)).all()
        by_tenant = _homes(session, tenants)
    for code in tenants:
        with entered(system_scope(code, "provision")), unit_of_work() as session:
            tell_tenant_opened(session, code)
            for account in by_tenant[code]:
                tell_changed(session, account, "account")
    return len(tenants), sum(map(len, by_tenant.values()))


def _homes(session: Session, tenants: Sequence[str]) -> dict[str, list[uuid.UUID]]:
    """Every account that ought to be there, by the tenant that is to tell of it: that of its first post that goes on, else of
    its first one."""
    today = business_date(session)
    goes_on = or_(Post.valid_to.is_(None), Post.valid_to > today)
    first = func.coalesce(func.min(Post.tenant_code).filter(goes_on), func.min(Post.tenant_code))
    rows = session.execute(
        select(Account.id, first)
        .join(Post, Post.account_id == Account.id)
        .where(Account.is_program.is_(False), Post.tenant_code.in_(tenants))
        .group_by(Account.id)
        .having(or_(Account.subject.is_not(None), func.bool_or(goes_on)))
        .order_by(Account.id)
    )
    homes: dict[str, list[uuid.UUID]] = defaultdict(list)
    for account, code in rows:
        homes[code].append(account)
    return homes


def adopt(session: Session, login: str) -> str:
    """Take the user of that login there for the account's person, on the word of whoever runs the platform: mark him, and leave
    word of the account. His id there.

    Raises ``NotFound`` for a login that is missing here or there, ``Conflict`` for an account that has a person already, and
    ``InvalidInput`` for a user who is marked as somebody else's.
    """
    _refuse_local()
    account = session.scalar(select(Account).where(Account.login == login.strip().lower(), Account.is_program.is_(False)))
    if account is None:
        raise NotFound(f"没有账号 {login}", f"no account {login}", where=login)
    there = directory()
    if account.subject is not None and there.person(account.subject) is not None:
        raise Conflict("该账号已有对应人员", "the account has its person there", where=login)
    person = there.named(account.login)
    if person is None:
        raise NotFound(f"统一身份认证中没有用户 {login}", f"the identity provider knows no {login}", where=login)
    if person.account not in {None, str(account.id)}:
        raise InvalidInput(
            "该用户属于另一账号",
            "that user belongs to another account",
            where=login,
            mend_zh="请核对登录名",
            mend_en="check it",
        )
    there.change(person, {"attributes": {MARK: [str(account.id)]}})
    record(session, "directory.adopted", "account", account.id)
    tell_changed(session, account.id, "account")
    return person.id


def _refuse_local() -> None:
    if not kept_elsewhere():
        raise Conflict(
            "本系统使用本地账号，没有名录可同步",
            "accounts are kept here alone; there is no directory",
            where="BANGFU_IDENTITY",
            mend_zh="改用统一身份认证后再执行",
            mend_en="switch over to the identity provider first",
        )
