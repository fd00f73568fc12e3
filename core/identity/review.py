"""The yearly review of access (权限复核, domain 12): who holds what, given by whom, last used when; confirmed post by post.

The head confirms: the vice chair in charge, the security administrator, or the administrator of the level above; nobody his own
posts. What nobody confirmed stays listed. Accounts that nobody uses are switched off after a number of days.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from core.errors import Conflict, Forbidden, InvalidInput
from core.identity.changes import tell_changed
from core.identity.grants import own_post, post_here
from core.identity.models import Account, Post
from core.identity.names import DORMANT_DAYS, REVIEW_ACCESS, SEE_REVIEW
from core.identity.service import holds
from core.identity.sessions import end_sessions
from core.parameters.service import resolve
from core.scope import current_scope
from core.trail.service import record

DORMANT = "dormant"


@dataclass(frozen=True, slots=True)
class Held:
    """A post as the review lists it, with whose it is."""

    post: Post
    login: str
    name: str
    disabled: bool
    confirmed: bool
    """Whether it was confirmed in the year of the review."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the review of a year is: posts that hold today, and how many of them are not confirmed."""

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
    return [Held(*row) for row in session.execute(wanted)]


def standing(session: Session) -> Standing:
    """How far this year's review of the tenant in scope is."""
    scope = current_scope()
    left = func.count().filter(~func.coalesce(_confirmed(scope.business_date.year), False))
    counted = select(func.count(), left).where(Post.tenant_code == scope.tenant, holds(scope.business_date))
    posts, unconfirmed = session.execute(counted).one()
    return Standing(posts, unconfirmed)


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
