"""Accounts, posts, and the scope that a post gives (domain 1.2, 12).

Accounts and posts stand in reference tables: a person may hold posts in several tenants, and acts in one at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from core.db.session import reference_work, unit_of_work
from core.errors import Forbidden, InvalidInput
from core.host.declarations import RoleDecl
from core.host.manager import PluginHost, host
from core.identity.duties import NOTHING, refuse_excluded
from core.identity.mapping import OwnMapping, own_mapping
from core.identity.models import Account, Post
from core.identity.names import READ_CASES
from core.identity.password_rules import check_password
from core.identity.passwords import hashed
from core.scope import Level, Scope, Standing, entered
from core.settings import settings
from core.tenancy.life import narrowed, pause_of
from core.tenancy.models import Tenant
from core.tenancy.plugin_state import enabled_plugins
from core.tenancy.service import business_date, scope_of, tenant_named


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant in which an account has posts, with their titles: what a person may choose to act in."""

    tenant: str
    union_name: str
    level: Level
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """Where a post comes from: who gave it, why, and for whose post it stands in."""

    by: str | None = None
    reason: str | None = None
    delegated_from: uuid.UUID | None = None


def roles() -> dict[str, RoleDecl]:
    """All roles by code, the plugins' included."""
    return {role.code: role for role in host().collected("bangfu_roles")}


def permissions_of(role_codes: Sequence[str], plugins: frozenset[str], own: OwnMapping | None = None) -> frozenset[str]:
    """What the roles may do where ``plugins`` are on: their own permissions and those that these plugins grant them, with
    what the tenant itself added to a role or took from it."""
    return frozenset().union(*_held_by_role(role_codes, plugins, own).values())


def _held_by_role(role_codes: Sequence[str], plugins: frozenset[str], own: OwnMapping | None) -> dict[str, frozenset[str]]:
    known, off = roles(), _of_lines_off(plugins)
    grants = host().collected_here("bangfu_role_grants", plugins)
    held: dict[str, frozenset[str]] = {}
    for code in role_codes:
        mine = set(known[code].permissions) if code in known else set()
        for grant in grants:
            if grant.role == code:
                mine |= grant.permissions
        held[code] = frozenset(own.applied(code, mine) if own is not None else mine) - off
    return held


def case_lines_of(role_codes: Sequence[str], plugins: frozenset[str], own: OwnMapping | None = None) -> frozenset[str] | None:
    """The lines whose cases the roles read where ``plugins`` are on (domain 12: as much as the work needs); None: no line is
    kept from them.

    A role that a service line brings reads the cases of that line, also while it is off, and of each line of which its holder
    has a permission here. Other roles that read cases read those of all lines.
    """
    brought = _roles_of_lines(host())
    if brought.keys().isdisjoint(role_codes):
        return None  # asked with every scope, and most people hold no such role
    held = _held_by_role(role_codes, plugins, own)
    readers = {brought.get(code) for code, rights in held.items() if READ_CASES in rights}
    if None in readers or not readers:
        return None
    rights = frozenset().union(*held.values())
    lines = {name for name, info in host().infos.items() if info.service_line}
    declared = host().installed("bangfu_permissions")
    worked_in = {plugin for plugin, found in declared if plugin in lines and any(one.code in rights for one in found)}
    return frozenset(line for line in readers | worked_in if line is not None)


@lru_cache(maxsize=2)
def _roles_of_lines(plugins: PluginHost) -> Mapping[str, str]:
    """The roles that service lines bring, with the line of each."""
    brought = plugins.installed("bangfu_roles")
    return {role.code: line for line, found in brought if plugins.infos[line].service_line for role in found}


def _of_lines_off(plugins: frozenset[str]) -> set[str]:
    """Permissions of lines that are off: a role that the line itself brings holds them no more than any other."""
    off = set(host().infos) - plugins - host().always_on
    return {found.code for plugin, declared in host().installed("bangfu_permissions") if plugin in off for found in declared}


def make_account(session: Session, login: str, display_name: str, password: str) -> Account:
    """A new local account. Raises ``InvalidInput`` where the login is missing or taken, ``WeakPassword`` for the password."""
    check_password(password, login=login, name=display_name, shortest=settings().password_min_length)
    return add_account(session, login, display_name, hashed(password))


def add_account(session: Session, login: str, display_name: str, password_hash: str | None) -> Account:
    """A new account whose password is known by its argon2id hash alone, or is none of ours (None). Raises ``InvalidInput``
    where the login is missing or taken."""
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
    session: Session,
    account_id: uuid.UUID,
    tenant: str,
    role: str,
    *,
    valid_from: date,
    valid_to: date | None = None,
    grant: Grant | None = None,
) -> Post:
    """Give an account a post in a tenant, from the first of its days to the one before ``valid_to``. Whether the actor may
    give it is asked by ``core.identity.grants``; this is the act itself, and the platform's own.

    Raises ``InvalidInput`` for a role that does not exist at that level and for days in the wrong order, ``DutiesExclude``
    where a post that the account holds excludes it, ``HeldAlready`` where the account has the role on one of these days.
    """
    decl = roles().get(role)
    if decl is None:
        raise InvalidInput(f"没有名为 {role} 的岗位角色", f"no role is called {role}", where="role")
    if Level(tenant_named(session, tenant).level) not in decl.levels:
        raise InvalidInput(f"{decl.zh}不设在该级工会", f"{decl.en} does not exist at that level", where="role")
    if valid_to is not None and valid_to <= valid_from:
        raise InvalidInput("截止日期须晚于起始日期", "a post ends after it begins", where="valid_to")
    refuse_excluded(session, account_id, tenant, decl, valid_from, valid_to)
    source = grant or Grant()
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
        granted_by=source.by,
        reason=source.reason,
        delegated_from=source.delegated_from,
    )
    session.add(post)
    session.flush()
    return post


_ORIGINAL = aliased(Post)


def holds(on: date) -> ColumnElement[bool]:
    """Condition: the post holds on that day; one that stands in for another only while that one holds too."""
    lives = exists().where(
        _ORIGINAL.id == Post.delegated_from,
        _ORIGINAL.valid_from <= on,
        or_(_ORIGINAL.valid_to.is_(None), _ORIGINAL.valid_to > on),
    )
    return and_(
        Post.valid_from <= on,
        or_(Post.valid_to.is_(None), Post.valid_to > on),
        or_(Post.delegated_from.is_(None), lives),
    )


def live_posts(session: Session, account_id: uuid.UUID, on: date) -> Sequence[Post]:
    """The posts that an account holds on a day, in all tenants."""
    wanted = select(Post).where(Post.account_id == account_id, holds(on))
    return session.scalars(wanted.order_by(Post.tenant_code, Post.role)).all()


def desks(account_id: uuid.UUID) -> list[Desk]:
    """The tenants in which the account may act today."""
    with reference_work() as session:
        posts = live_posts(session, account_id, business_date(session))
        codes = {post.tenant_code for post in posts}
        tenants = session.scalars(
            select(Tenant).where(Tenant.code.in_(codes), Tenant.state != Standing.PLANNED.value).order_by(Tenant.code)
        ).all()
        return [
            Desk(t.code, t.union_name, Level(t.level), tuple(p.title for p in posts if p.tenant_code == t.code))
            for t in tenants
            if t.state != Standing.CLOSED.value or any(p.tenant_code == t.code and p.audit_side == "auditor" for p in posts)
        ]


@dataclass(frozen=True, slots=True)
class Seat:
    """An account in a tenant where it holds posts: its scope without any right yet."""

    bare: Scope
    posts: tuple[uuid.UUID, ...]
    """Those posts that were not acted in today."""


def scope_for(account_id: uuid.UUID, tenant_code: str) -> Scope:
    """The scope in which an account acts in a tenant. Raises as ``seat_of``."""
    with reference_work() as session:
        seat = seat_of(session, account_id, tenant_code)
    return seated(seat)


def seat_of(session: Session, account_id: uuid.UUID, tenant_code: str) -> Seat:
    """Where an account sits in a tenant, in a session without a scope.

    Raises ``Forbidden`` where the account is disabled or has no post there; callers on the web answer 404 (law 1).
    """
    tenant = tenant_named(session, tenant_code, closed=True)
    today = business_date(session)
    named = select(Post, Account.display_name).join(Account, Account.id == Post.account_id)
    found = session.execute(named.where(Account.id == account_id, Account.disabled_at.is_(None), holds(today))).all()
    held = [post for post, _ in found]
    if tenant.state == Standing.CLOSED.value:
        held = [post for post in held if post.tenant_code != tenant.code or post.audit_side == "auditor"]
    if tenant.state == Standing.CLOSED.value and all(post.tenant_code != tenant.code for post in held):
        # an old link: whoever may not read on there is led to the tenant that took over
        tenant = tenant_named(session, tenant_code)
    posts = [post for post in held if post.tenant_code == tenant.code]
    if not posts:
        raise Forbidden("您在该单位没有岗位", "you hold no post in that tenant", where=tenant_code)
    bare = replace(
        scope_of(tenant, str(account_id), today, found[0].display_name),
        roles=frozenset(post.role for post in posts),
        principals=_principals(session, posts),
    )
    return Seat(bare, tuple(post.id for post in posts if post.last_used_on is None or post.last_used_on < today))


def seated(seat: Seat) -> Scope:
    """The scope of a seat with its rights at this moment. That its posts are acted in is noted."""
    bare, codes = seat.bare, sorted(seat.bare.roles)
    today = bare.business_date
    if seat.posts:
        _note_use(seat.posts, today)
    with entered(bare), unit_of_work() as session:
        plugins = enabled_plugins(session)
        own = own_mapping(session, codes, plugins, today)
        pause = pause_of(session, bare.tenant) if bare.standing in (Standing.SUSPENDED, Standing.READ_ONLY) else None
    full = replace(
        bare,
        pause=pause,
        plugins=plugins,
        permissions=permissions_of(codes, plugins, own),
        case_lines=case_lines_of(codes, plugins, own),
    )
    return narrowed(full)


def _note_use(posts: Sequence[uuid.UUID], today: date) -> None:
    """Note on which day the posts were last acted in: a write on the first request of a day, none on the others."""
    with reference_work() as session:
        session.execute(update(Post).where(Post.id.in_(posts)).values(last_used_on=today))


def _principals(session: Session, posts: Sequence[Post]) -> frozenset[str]:
    """For whom the holder of these posts stands in."""
    originals = [post.delegated_from for post in posts if post.delegated_from is not None]
    if not originals:
        return frozenset()
    return frozenset(str(found) for found in session.scalars(select(Post.account_id).where(Post.id.in_(originals))))
