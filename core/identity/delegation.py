"""Standing in for somebody on leave (代理, domain 12): a post of one's own that stands for another's, with both of its days.

The delegate is somebody of the same tenant, the same duties exclude each other, and it ends with the original post. What was
delegated is not delegated on. Administrators' posts are not delegated: the security administrator gives them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from core.errors import Conflict, InvalidInput, NotFound
from core.identity.changes import tell_changed
from core.identity.grants import NotYours, close, is_administrators, post_here, refuse_empty, refuse_past, said_of
from core.identity.grants import grantable_roles as grantable
from core.identity.models import Account, Post
from core.identity.names import COUNTY_GRANTS, WRITE_STAFF
from core.identity.service import Grant, give_post, holds
from core.parameters.service import set_by_levels
from core.scope import Level, current_scope
from core.trail.service import record


@dataclass(frozen=True, slots=True)
class Delegated:
    """A delegation that runs or is to come."""

    post: Post
    delegate: str
    holder: str
    holder_id: uuid.UUID


def delegate(session: Session, post_id: uuid.UUID, login: str, *, valid_from: date, valid_to: date | None, reason: str) -> Post:
    """Have somebody stand in for a post of the tenant in scope, from the first day to the one before ``valid_to``.

    Its holder does that, or whoever may give the role here. Raises ``NotFound`` (post, delegate not of the staff today),
    ``NotYours``, ``Conflict`` (delegated already, ends before, switched off), ``InvalidInput`` (days, reason, oneself) and
    what ``give_post`` raises where duties exclude each other.
    """
    refuse_empty(reason)
    refuse_past(valid_from)
    if valid_to is None or valid_to <= valid_from:
        raise InvalidInput(
            "代理须写明截止日期，且晚于起始日期", "a delegation has an end after its beginning", where="valid_to"
        )
    scope = current_scope()
    post = post_here(session, post_id)
    if str(post.account_id) != scope.actor and not scope.may(WRITE_STAFF):
        raise NotFound("没有该岗位", "no such post", where="post")
    _refuse_undelegable(session, post)
    if post.valid_from > valid_from or (post.valid_to is not None and post.valid_to < valid_to):
        raise Conflict(
            f"代理期须在原岗位任期之内（{post.valid_from} 至 {post.valid_to or '长期'}）",
            "the delegation must lie within the post's own days",
            where="valid_to",
            mend_zh="请调整起止日期",
            mend_en="choose other days",
        )
    deputy = _of_staff_today(session, login)
    if deputy.id == post.account_id:
        raise InvalidInput("代理人不能是岗位本人", "nobody stands in for himself", where="login")
    if str(deputy.id) == scope.actor:
        raise NotYours(
            "不能为本人授予代理岗位",
            "nobody gives himself a post",
            where="login",
            mend_zh="请由岗位本人或其他管理员办理",
            mend_en="let its holder, or another administrator, do it",
        )
    given = give_post(
        session,
        deputy.id,
        scope.tenant,
        post.role,
        valid_from=valid_from,
        valid_to=valid_to,
        grant=Grant(scope.actor, reason.strip(), post.id),
    )
    record(session, "post.delegated", "post", given.id, said_of(given))
    tell_changed(session, deputy.id, "posts")
    return given


def _refuse_undelegable(session: Session, post: Post) -> None:
    if post.delegated_from is not None:
        raise Conflict(
            "代理的岗位不能再转托他人",
            "what was delegated is not delegated on",
            where="post",
            mend_zh="请由原岗位本人另行指定代理人",
            mend_en="let the holder of the original post name another delegate",
        )
    if is_administrators(post.role):
        raise NotYours(
            f"{post.title}不能由他人代理",
            "administrators' posts are not delegated",
            where="post",
            mend_zh="请由安全管理员另行授予",
            mend_en="let the security administrator give the role to somebody else",
        )
    if not _may_be_given(session, post.role):
        raise NotYours(
            f"本单位不能自行授予{post.title}，也不能自行指定代理人",
            f"the role {post.role} is not given by this tenant itself",
            where="post",
            mend_zh="请由上级工会指定",
            mend_en="let the level above name a delegate",
        )


def _may_be_given(session: Session, role: str) -> bool:
    """Whether this tenant gives the role itself: what it may not give, its holder may not hand on either."""
    scope = current_scope()
    if scope.may(WRITE_STAFF):
        return role in {found.code for found in grantable(session)}
    if scope.level is not Level.COUNTY:
        return True
    return all(role in allowed for allowed in set_by_levels(session, COUNTY_GRANTS, scope.business_date).values())


def _of_staff_today(session: Session, login: str) -> Account:
    scope = current_scope()
    held = select(Post.id).where(Post.account_id == Account.id, Post.tenant_code == scope.tenant, holds(scope.business_date))
    wanted = select(Account).where(Account.login == login.strip().lower(), held.correlate(Account).exists())
    found = session.scalar(wanted.with_for_update(of=Account)) if login.strip() else None
    if found is None:
        raise InvalidInput(
            "本单位没有该登录名的在岗人员",
            "nobody of this tenant's staff has that login",
            where="login",
            mend_zh="请核对登录名；代理人须为本单位在岗人员",
            mend_en="check the login; a delegate holds a post in this tenant",
        )
    if found.disabled_at is not None:
        raise Conflict("该账号已停用，不能代理", "the account is switched off", where="login")
    return found


def revoke(session: Session, post_id: uuid.UUID, *, reason: str) -> Post:
    """End a delegation from today: by the holder of the original post, by whoever stands in, or by an administrator of staff.

    Raises ``NotFound`` for what is none of theirs, ``Conflict`` where it has ended.
    """
    refuse_empty(reason)
    scope = current_scope()
    post = post_here(session, post_id)
    original = session.get(Post, post.delegated_from) if post.delegated_from else None
    if original is None:
        raise NotFound("没有该代理", "no such delegation", where="post")
    if scope.actor not in (str(post.account_id), str(original.account_id)) and not scope.may(WRITE_STAFF):
        raise NotFound("没有该代理", "no such delegation", where="post")
    close(session, post, scope.business_date, reason)
    return post


def delegations(session: Session, *, of_all: bool = False) -> list[Delegated]:
    """The delegations of the tenant in scope that run or are to come: those that concern the actor, or ``of_all``, which
    needs ``staff.write``."""
    scope = current_scope()
    if of_all:
        scope.require(WRITE_STAFF)
    original, holder = aliased(Post), aliased(Account)
    wanted = (
        select(Post, Account.display_name, holder.display_name, holder.id)
        .join(Account, Account.id == Post.account_id)
        .join(original, original.id == Post.delegated_from)
        .join(holder, holder.id == original.account_id)
        .where(Post.tenant_code == scope.tenant, Post.valid_to > scope.business_date, Post.valid_to > Post.valid_from)
        .order_by(Post.valid_from, Post.id)
    )
    if not of_all:
        me = uuid.UUID(scope.actor)
        wanted = wanted.where(or_(Post.account_id == me, original.account_id == me))
    return [Delegated(*row) for row in session.execute(wanted)]


def delegable_posts(session: Session, *, of_all: bool = False) -> list[tuple[Post, str]]:
    """Posts of the tenant in scope that can be delegated, with their holders' names: the actor's own, or ``of_all``."""
    scope = current_scope()
    wanted = (
        select(Post, Account.display_name)
        .join(Account, Account.id == Post.account_id)
        .where(Post.tenant_code == scope.tenant, holds(scope.business_date), Post.delegated_from.is_(None))
        .order_by(Account.display_name, Post.id)
    )
    if not of_all:
        wanted = wanted.where(Post.account_id == uuid.UUID(scope.actor))
    rows = [(post, name) for post, name in session.execute(wanted)]
    return [(post, name) for post, name in rows if not is_administrators(post.role)]
