"""The yearly review of access (权限复核, domain 12): who holds what, given by whom, last used when; confirmed post by post.

It opens with the year. The head confirms: the vice chair in charge, the security administrator, or the administrator of the
level above; nobody his own posts. What a tenant has not confirmed when the time is over is shown to the level above. Accounts
that nobody uses are switched off after a number of days.
"""

from __future__ import annotations

import uuid
from calendar import monthrange
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from core.errors import Conflict, Forbidden, InvalidInput
from core.host.manager import host
from core.identity.changes import tell_changed
from core.identity.grants import own_post, post_here
from core.identity.mapping import own_mapping
from core.identity.models import Account, Post
from core.identity.names import DORMANT_DAYS, REVIEW_ACCESS, REVIEW_MONTHS, SEE_REVIEW
from core.identity.service import holds, permissions_of
from core.identity.sessions import end_sessions
from core.parameters.service import resolve
from core.scope import Level, current_scope
from core.tenancy.life import is_there
from core.tenancy.models import Tenant
from core.trail.models import PermissionUse
from core.trail.service import record

DORMANT = "dormant"


@dataclass(frozen=True, slots=True)
class Right:
    """A permission that a post brings here, and the day on which its holder last used it in the tenant."""

    permission: str
    zh: str
    last_used_on: date | None


@dataclass(frozen=True, slots=True)
class Held:
    """A post as the review lists it, with whose it is."""

    post: Post
    login: str
    name: str
    disabled: bool
    confirmed: bool
    """Whether it was confirmed in the year of the review."""
    rights: Sequence[Right] = ()

    @property
    def unused(self) -> Sequence[Right]:
        """The rights that its holder has never used here."""
        return [right for right in self.rights if right.last_used_on is None]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the review of a year is: posts that hold today, and how many of them are not confirmed."""

    posts: int
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class Behind:
    """A tenant below whose review of the year is not done though its time is over."""

    tenant: str
    union_name: str
    posts: int
    unconfirmed: int


def _confirmed(year: int) -> ColumnElement[bool]:
    return and_(Post.reviewed_on.is_not(None), Post.reviewed_on >= date(year, 1, 1), Post.reviewed_on <= date(year, 12, 31))


def posts_to_review(
    session: Session, *, unconfirmed: bool = False, after: uuid.UUID | None = None, limit: int = 50
) -> list[Held]:
    """The posts of the tenant in scope that hold today, oldest first; with ``unconfirmed`` those not yet confirmed this year.

    Needs ``staff.see_review``.
    """
    scope = current_scope()
    scope.require(SEE_REVIEW)
    confirmed = func.coalesce(_confirmed(scope.business_date.year), False)
    wanted = (
        select(Post, Account.login, Account.display_name, Account.disabled_at.is_not(None), confirmed)
        .join(Account, Account.id == Post.account_id)
        .where(Post.tenant_code == scope.tenant, holds(scope.business_date))
        .order_by(Post.id)
        .limit(limit)
    )
    if unconfirmed:
        wanted = wanted.where(~confirmed)
    if after is not None:
        wanted = wanted.where(Post.id > after)
    found = session.execute(wanted).all()
    rights = _rights(session, [row[0] for row in found])
    return [Held(*row, rights[row[0].id]) for row in found]


def _rights(session: Session, posts: Sequence[Post]) -> dict[uuid.UUID, list[Right]]:
    """What each post brings in the tenant in scope, in two statements however many posts there are."""
    scope = current_scope()
    roles = sorted({post.role for post in posts})
    own = own_mapping(session, roles, scope.plugins, scope.business_date)
    brought = {role: permissions_of([role], scope.plugins, own) for role in roles}
    used = _used(session, {str(post.account_id) for post in posts})
    names = {declared.code: declared.zh for declared in host().collected("bangfu_permissions")}
    return {
        post.id: [
            Right(code, names.get(code, code), used.get((str(post.account_id), code))) for code in sorted(brought[post.role])
        ]
        for post in posts
    }


def _used(session: Session, actors: Set[str]) -> Mapping[tuple[str, str], date]:
    rows = session.execute(
        select(PermissionUse.actor, PermissionUse.permission, PermissionUse.last_used_on).where(PermissionUse.actor.in_(actors))
    )
    return {(actor, permission): day for actor, permission, day in rows}


def standing(session: Session) -> Standing:
    """How far this year's review of the tenant in scope is."""
    scope = current_scope()
    counted = select(func.count(), _left()).where(Post.tenant_code == scope.tenant, holds(scope.business_date))
    posts, unconfirmed = session.execute(counted).one()
    return Standing(posts, unconfirmed)


def _left() -> ColumnElement[int]:
    return func.count().filter(~func.coalesce(_confirmed(current_scope().business_date.year), False))


def left_to_confirm(session: Session) -> int:
    """How many posts of the tenant in scope wait for the actor to confirm them this year; 0 where that is not his to do, and
    while he stands in for somebody."""
    scope = current_scope()
    if not scope.may(REVIEW_ACCESS) or scope.principals:
        return 0
    others = Post.account_id != uuid.UUID(scope.actor)
    return session.scalar(select(_left()).where(Post.tenant_code == scope.tenant, others, holds(scope.business_date))) or 0


def ends_on(session: Session) -> date:
    """The last day for this year's review, as the level of the tenant in scope has it."""
    scope = current_scope()
    year, month = scope.business_date.year, min(int(resolve(session, scope.business_date).value(REVIEW_MONTHS)), 12)
    return date(year, month, monthrange(year, month)[1])


def behind(session: Session) -> list[Behind]:
    """The tenants below the one in scope that have not done this year's review in time, in the order of their codes.

    Needs ``staff.see_review``. Which time is this level's own parameter: a tenant cannot give itself more.
    """
    scope = current_scope()
    scope.require(SEE_REVIEW)
    if scope.level is Level.COUNTY or scope.business_date <= ends_on(session):
        return []
    below = or_(Tenant.province == scope.tenant, Tenant.prefecture == scope.tenant)
    counted = (
        select(Tenant.code, Tenant.union_name, func.count(), _left())
        .join(Post, Post.tenant_code == Tenant.code)
        .where(below, Tenant.code != scope.tenant, is_there(), holds(scope.business_date))
        .group_by(Tenant.code, Tenant.union_name)
        .having(_left() > 0)
        .order_by(Tenant.code)
    )
    return [Behind(*row) for row in session.execute(counted)]


def confirm(session: Session, post_ids: Sequence[uuid.UUID]) -> int:
    """Confirm posts of the tenant in scope for this year; how many were confirmed now.

    Raises ``NotFound`` for a post of another tenant, ``NotYours`` for one's own, ``Conflict`` for one that holds no more,
    ``InvalidInput`` where none is named. Nothing is confirmed then.
    """
    scope = current_scope()
    if not post_ids:
        raise InvalidInput("请勾选要确认的岗位", "no post was named", where="post")
    scope.require(REVIEW_ACCESS)
    if scope.principals:
        raise Forbidden("代理期间不能复核岗位", "who stands in for another confirms no posts", where="post")
    today, done = scope.business_date, 0
    for post_id in sorted(set(post_ids)):
        post = post_here(session, post_id)
        if str(post.account_id) == scope.actor:
            raise own_post()
        if post.valid_to is not None and post.valid_to <= today:
            raise Conflict("该岗位已终止，无需确认", "the post has ended", where=post.title)
        if post.reviewed_on is not None and post.reviewed_on.year == today.year:
            continue
        post.reviewed_on, post.reviewed_by = today, scope.actor
        record(session, "post.confirmed", "post", post.id, {"account": post.account_id, "year": today.year})
        done += 1
    return done


def switch_off_dormant(session: Session) -> list[Account]:
    """Switch off the accounts with a post in the tenant in scope that nobody has used for the number of days that holds here.

    Use is a sign-in or an act in any tenant; an account that was let in again counts from that day. Safe to run twice.
    """
    scope = current_scope()
    days = int(resolve(session, scope.business_date).value(DORMANT_DAYS))
    now = datetime.now(UTC)
    seen = func.greatest(Account.created_at, Account.signed_in_at, Account.enabled_at)
    used = select(func.max(Post.last_used_on)).where(Post.account_id == Account.id).scalar_subquery()
    here = select(Post.id).where(Post.account_id == Account.id, Post.tenant_code == scope.tenant, holds(scope.business_date))
    wanted = (
        select(Account)
        .where(
            Account.disabled_at.is_(None),
            seen < now - timedelta(days=days),
            # acts are dated by the business date, which a demonstration moves; sign-ins by the clock
            or_(used.is_(None), used < scope.business_date - timedelta(days=days)),
            here.correlate(Account).exists(),
        )
        .order_by(Account.id)
        .with_for_update(of=Account)
    )
    found = list(session.scalars(wanted))
    for account in found:
        account.disabled_at, account.disabled_why = now, DORMANT
        end_sessions(session, account.id)
        record(session, "account.disabled", "account", account.id, {"why": DORMANT, "days": days})
        tell_changed(session, account.id, "account")
    return found
