"""The sample's staff: one account per role and sample tenant, so that different people really act."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from core.db.session import ScopedSession, reference_work, unit_of_work
from core.errors import NotFound
from core.identity.models import Account
from core.identity.service import add_account, give_post, scope_for
from core.scope import Scope, entered
from core.tenancy.service import system_scope, tenant_named
from deploy.cli_use import put_on_record

COUNTY_ROLES = (
    "tenant_admin",
    "caseworker",
    "reviewer",
    "case_approver",
    "vice_chair_in_charge",
    "fund_manager",
    "payment_approver",
    "payer",
    "auditor",
    "leader",
    "petition_handler",
    "legal_aid_lawyer",
    "employment_officer",
    "survey_visitor",
)
UPPER_ROLES = ("tenant_admin", "caseworker", "auditor", "leader")
ADMINISTRATORS = ("system_administrator", "security_administrator", "audit_administrator")
"""The three administrators of the installation, who hold no other post."""

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = ("建平", "敏", "国强", "秀英", "志远", "晓燕", "德明", "丽", "文斌", "玉兰", "海涛", "静")


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """A demonstration account as it is printed."""

    tenant: str
    union_name: str
    role: str
    login: str
    name: str


def login_of(tenant: str, role: str) -> str:
    """Login of the sample's account for a role in a tenant, e.g. ``510104-caseworker``."""
    return f"{tenant}-{role.replace('_', '-')}"


def _name_of(tenant: str, position: int) -> str:
    seed = int(tenant) // 100 + position * 7
    return _SURNAMES[seed % len(_SURNAMES)] + _GIVEN[(seed // 3 + position) % len(_GIVEN)]


def hire(tenant: str, union_name: str, roles: Sequence[str], password_hash: str, on: date) -> list[DemoAccount]:
    """Make the accounts of a tenant, once; those that are there stay. They share one password, hence one hash: argon2id is
    slow on purpose, and a province has thousands of them."""
    accounts = []
    with reference_work() as session:
        logins = [login_of(tenant, role) for role in roles]
        there = set(session.scalars(select(Account.login).where(Account.login.in_(logins))))
        for position, role in enumerate(roles):
            login, name = login_of(tenant, role), _name_of(tenant, position)
            if login not in there:
                account = add_account(session, login, name, password_hash)
                give_post(session, account.id, tenant, role, valid_from=on)
            accounts.append(DemoAccount(tenant, union_name, role, login, name))
    return accounts


def account_id(tenant: str, role: str) -> uuid.UUID:
    """Id of the sample's account for a role in a tenant."""
    with reference_work() as session:
        found: uuid.UUID = session.execute(select(Account.id).where(Account.login == login_of(tenant, role))).scalar_one()
        return found


@contextmanager
def at_desk(tenant: str, role: str) -> Iterator[tuple[Scope, ScopedSession]]:
    """One act of the sample: somebody with a role, in a tenant, in one transaction."""
    scope = scope_for(account_id(tenant, role), tenant)
    with entered(scope), unit_of_work() as session:
        yield scope, session


@contextmanager
def acting_as(login: str, tenant: str) -> Iterator[ScopedSession]:
    """One act of an account by its login, in a tenant, in one transaction, and on record; raises ``NotFound`` for an unknown
    login."""
    with reference_work() as session:
        account = session.scalar(select(Account.id).where(Account.login == login))
    if account is None:
        raise NotFound(f"没有账号 {login}", f"no account {login}", where=login)
    with put_on_record(scope_for(account, tenant)) as session:
        yield session


@contextmanager
def by_platform(tenant: str, what: str) -> Iterator[ScopedSession]:
    """One act of the platform itself in a tenant's scope, in one transaction; a former code of the tenant is as good."""
    with reference_work() as session:
        code = tenant_named(session, tenant).code
    with entered(system_scope(code, what)), unit_of_work() as session:
        yield session
