"""Accounts, posts, and the scope that a post gives (domain 1.2, 12).

Accounts and posts stand in reference tables: a person may hold posts in several tenants, and acts in one at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.db.session import reference_work
from core.errors import Forbidden, InvalidInput
from core.host.declarations import RoleDecl
from core.host.manager import host
from core.identity.duties import NOTHING, refuse_excluded
from core.identity.models import Account, Post
from core.identity.passwords import hashed
from core.scope import Level, Scope
from core.tenancy.models import Tenant
from core.tenancy.service import business_date, tenant_named, with_plugins


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant in which an account has posts, with their titles: what a person may choose to act in."""

    tenant: str
    union_name: str
    level: Level
    titles: tuple[str, ...]


def roles() -> dict[str, RoleDecl]:
    """All roles by code, the plugins' included."""
    return {role.code: role for role in host().collected("bangfu_roles")}


def permissions_of(role_codes: Sequence[str], plugins: frozenset[str]) -> frozenset[str]:
    """What the roles may do where ``plugins`` are on: their own permissions and those that these plugins grant them."""
    known = roles()
    held: set[str] = set()
    for code in role_codes:
        if code in known:
            held |= known[code].permissions
    for grant in host().collected_here("bangfu_role_grants", plugins):
        if grant.role in role_codes:
            held |= grant.permissions
    return frozenset(held)


def make_account(session: Session, login: str, display_name: str, password: str) -> Account:
    """A new local account. Raises ``InvalidInput`` where the login is missing or taken, or the password is too short
    (NIST 800-63B: eight and more)."""
    if len(password) < 8:
        raise InvalidInput("密码至少 8 位", "a password has at least 8 characters", where="password")
    return add_account(session, login, display_name, hashed(password))


def add_account(session: Session, login: str, display_name: str, password_hash: str) -> Account:
    """A new local account whose password is known by its argon2id hash alone. Raises ``InvalidInput`` where the login is
    missing or taken."""
    name = login.strip().lower()
    if not name:
        raise InvalidInput("请填写登录名", "the login is missing", where="login")
    if session.scalar(select(Account.id).where(Account.login == name)) is not None:
        raise InvalidInput(f"已有登录名 {name}", f"the login {name} is taken", where="login")
    account = Account(login=name, display_name=display_name, password_hash=password_hash)
    session.add(account)
    session.flush()
    return account


def give_post(
    session: Session, account_id: uuid.UUID, tenant: str, role: str, *, valid_from: date, valid_to: date | None = None
) -> Post:
    """Give an account a post in a tenant, from the first of its days to the one before ``valid_to``.

    Raises ``InvalidInput`` for a role that does not exist at that level, ``DutiesExclude`` where a post that the account
    holds excludes it.
    """
    decl = roles().get(role)
    if decl is None:
        raise InvalidInput(f"没有名为 {role} 的岗位角色", f"no role is called {role}", where="role")
    if Level(tenant_named(session, tenant).level) not in decl.levels:
        raise InvalidInput(f"{decl.zh}不设在该级工会", f"{decl.en} does not exist at that level", where="role")
    refuse_excluded(session, account_id, tenant, decl, valid_from, valid_to)
    post = Post(
        account_id=account_id,
        tenant_code=tenant,
        role=role,
        title=decl.zh,
        valid_from=valid_from,
        valid_to=valid_to,
        duty=decl.duty,
        audit_side=decl.audit_side,
        administers=decl.administers or NOTHING,
    )
    session.add(post)
    session.flush()
    return post


def _live_posts(session: Session, account_id: uuid.UUID, on: date) -> Sequence[Post]:
    return session.scalars(
        select(Post)
        .where(
            Post.account_id == account_id,
            Post.valid_from <= on,
            or_(Post.valid_to.is_(None), Post.valid_to > on),
        )
        .order_by(Post.tenant_code, Post.role)
    ).all()


def desks(account_id: uuid.UUID) -> list[Desk]:
    """The tenants in which the account may act today."""
    with reference_work() as session:
        posts = _live_posts(session, account_id, business_date(session))
        codes = {post.tenant_code for post in posts}
        tenants = session.scalars(
            select(Tenant).where(Tenant.code.in_(codes), Tenant.closed_on.is_(None)).order_by(Tenant.code)
        ).all()
        return [
            Desk(t.code, t.union_name, Level(t.level), tuple(p.title for p in posts if p.tenant_code == t.code))
            for t in tenants
        ]


def scope_for(account_id: uuid.UUID, tenant_code: str) -> Scope:
    """The scope in which an account acts in a tenant.

    Raises ``Forbidden`` where the account is disabled or has no post there; callers on the web answer 404 (law 1).
    """
    with reference_work() as session:
        account = session.get(Account, account_id)
        tenant = tenant_named(session, tenant_code)
        today = business_date(session)
        codes = [p.role for p in _live_posts(session, account_id, today) if p.tenant_code == tenant_code]
        if account is None or account.disabled_at is not None or not codes:
            raise Forbidden("您在该单位没有岗位", "you hold no post in that tenant", where=tenant_code)
        bare = Scope(
            tenant=tenant.code,
            level=Level(tenant.level),
            province=tenant.province,
            prefecture=tenant.prefecture,
            actor=str(account.id),
            actor_name=account.display_name,
            business_date=today,
            roles=frozenset(codes),
        )
    placed = with_plugins(bare)
    return replace(placed, permissions=permissions_of(codes, placed.plugins))
