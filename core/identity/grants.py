"""Who may give and end which posts (授予与终止岗位, domain 1.2, 12).

A tenant's administrator gives the working roles of the tenant, a county's within what the levels above allow it; the
security administrator alone gives the administrators' roles. Nobody gives or ends a post of his own. Posts are ended, never
deleted, and each act has its reason and stands in the tenant's trail.
"""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.declarations import RoleDecl
from core.host.manager import host
from core.identity.changes import tell_changed
from core.identity.models import Account, Post
from core.identity.names import COUNTY_GRANTS, GRANT_ADMINISTRATORS, WRITE_STAFF
from core.identity.service import Grant, give_post, roles
from core.parameters.service import set_by_levels
from core.scope import Level, current_scope
from core.settings import settings
from core.trail.service import record

WITH_ORIGINAL = "随原岗位终止"
POST = Kind("post", "岗位", {"held": "在任", "ended": "已终止"})
END = Demand(WRITE_STAFF, of=POST, states=frozenset({"held"}))
MOVE = Demand(WRITE_STAFF, levels=frozenset({Level.PROVINCE, Level.PREFECTURE}), of=POST, states=frozenset({"held"}))
"""Asked where the actor is at home: a county has nobody below it between whom he could move people."""


class NotYours(Forbidden):
    """The role is given by somebody else, or the post is the actor's own."""

    code = "not_yours_to_grant"


def grantable_roles(session: Session) -> list[RoleDecl]:
    """The roles that the actor may give in the tenant in scope.

    What a county may give itself is what each level from the province down to it allows, so a level below can only narrow
    it; where no level has said anything, it is all working roles. A level above is not bound by what it leaves to the county.
    """
    scope = current_scope()
    here: list[RoleDecl] = [role for role in host().collected_here("bangfu_roles") if scope.level in role.levels]
    if scope.may(GRANT_ADMINISTRATORS):
        return [role for role in here if role.granted_by == "security"]
    if not scope.may(WRITE_STAFF):
        return []
    working = [role for role in here if role.granted_by == "tenant"]
    if scope.level is not Level.COUNTY or scope.guest_from is not None:
        return working
    lists = set_by_levels(session, COUNTY_GRANTS, scope.business_date).values()
    return [role for role in working if all(role.code in allowed for allowed in lists)]


def grant_post(
    session: Session, account_id: uuid.UUID, role: str, *, reason: str, valid_from: date, valid_to: date | None = None
) -> Post:
    """Give an account of this tenant's staff a further post.

    Raises ``NotFound`` for an account that is not of the staff, ``NotYours`` for a role that the actor may not give and for
    his own account, ``InvalidInput`` without a reason or with days that cannot be, and what ``give_post`` raises.
    """
    refuse_empty(reason)
    current_scope().require(WRITE_STAFF)
    of_staff(session, account_id)
    return give(session, account_id, role, reason=reason, valid_from=valid_from, valid_to=valid_to)


def give(
    session: Session, account_id: uuid.UUID, role: str, *, reason: str, valid_from: date, valid_to: date | None = None
) -> Post:
    """``grant_post`` for any account, by whoever has found it; the actor's right to the role is asked here."""
    scope = current_scope()
    if str(account_id) == scope.actor:
        raise own_post()
    refuse_not_grantable(session, role)
    refuse_past(valid_from)
    grant = Grant(scope.actor, reason.strip())
    post = give_post(session, account_id, scope.tenant, role, valid_from=valid_from, valid_to=valid_to, grant=grant)
    if is_administrators(role):
        _ask_for_a_longer_password(session, account_id)
    record(session, "post.given", "post", post.id, said_of(post))
    tell_changed(session, account_id, "posts")
    return post


def _ask_for_a_longer_password(session: Session, account_id: uuid.UUID) -> None:
    """Have whoever becomes an administrator choose his password anew: how long the present one is, nobody knows."""
    own = settings()
    if own.password_min_length_administrators > own.password_min_length:
        local = update(Account).where(Account.id == account_id, Account.password_hash.is_not(None))
        session.execute(local.values(must_change_password=True))


def end_post(session: Session, post_id: uuid.UUID, *, on: date, reason: str) -> Post:
    """End a post of this tenant: ``on`` is the first day on which it holds no more. What was delegated from it ends too.

    Raises ``NotFound``, ``NotYours`` (own posts, administrators' by whoever is not the security administrator),
    ``InvalidInput`` for a day that has passed or no reason, ``Conflict`` where it has ended or ends before.
    """
    refuse_empty(reason)
    scope = current_scope()
    require(END)
    post = post_here(session, post_id)
    if str(post.account_id) == scope.actor:
        raise own_post()
    if is_administrators(post.role) and not scope.may(GRANT_ADMINISTRATORS):
        raise _security_alone(post.title)
    close(session, post, on, reason)
    return post


def close(session: Session, post: Post, on: date, reason: str) -> None:
    """End ``post`` and what was delegated from it; who may is asked by the callers."""
    scope = current_scope()
    refuse_past(on)
    if not END.fits(standing_of(post, on)):
        raise Conflict(
            f"该岗位已于 {post.valid_to} 终止或届时终止", f"the post ends on {post.valid_to} anyway", where=post.title
        )
    post.valid_to = max(on, post.valid_from)
    post.ended_by, post.end_reason = scope.actor, reason.strip()
    record(session, "post.ended", "post", post.id, said_of(post))
    tell_changed(session, post.account_id, "posts")
    stands_in = select(Post).where(Post.delegated_from == post.id, Post.valid_to > post.valid_to).with_for_update()
    for deputy in session.scalars(stands_in):
        if deputy.valid_to is not None and deputy.valid_to > deputy.valid_from:
            deputy.valid_to = max(post.valid_to, deputy.valid_from)
            deputy.ended_by, deputy.end_reason = scope.actor, WITH_ORIGINAL
            record(session, "post.ended", "post", deputy.id, said_of(deputy))
            tell_changed(session, deputy.account_id, "posts")
    session.flush()


def standing_of(post: Post, on: date) -> str:
    """The state of a post on a day as ``POST`` names it; one that has not begun holds."""
    return "ended" if post.valid_to is not None and post.valid_to <= max(on, post.valid_from) else "held"


def is_administrators(role: str) -> bool:
    """Whether only the security administrator gives the role."""
    decl = roles().get(role)
    return decl is not None and decl.granted_by == "security"


def post_here(session: Session, post_id: uuid.UUID) -> Post:
    """A post of the tenant in scope, locked; raises ``NotFound``."""
    wanted = select(Post).where(Post.id == post_id, Post.tenant_code == current_scope().tenant).with_for_update()
    post = session.scalar(wanted)
    if post is None:
        raise NotFound("没有该岗位", "no such post", where="post")
    return post


def of_staff(session: Session, account_id: uuid.UUID, *, lock: bool = False) -> Account:
    """An account that holds or held a post in the tenant in scope; raises ``NotFound`` for any other (law 1)."""
    here = select(Post.id).where(Post.account_id == account_id, Post.tenant_code == current_scope().tenant).exists()
    wanted = select(Account).where(Account.id == account_id, here)
    found = session.scalar(wanted.with_for_update() if lock else wanted)
    if found is None:
        raise NotFound("没有该人员", "no such member of staff", where="account")
    return found


def open_posts(session: Session, account_id: uuid.UUID, on: date) -> list[Post]:
    """The posts of an account, in all tenants, that hold on a day or later."""
    wanted = select(Post).where(
        Post.account_id == account_id,
        or_(Post.valid_to.is_(None), (Post.valid_to > on) & (Post.valid_to > Post.valid_from)),
    )
    return list(session.scalars(wanted.order_by(Post.tenant_code, Post.valid_from, Post.id)))


def said_of(post: Post) -> dict[str, object]:
    """What the trail says of a post: ids, codes and days."""
    said: dict[str, object] = {"account": post.account_id, "role": post.role, "from": post.valid_from, "to": post.valid_to}
    return said | {"delegated_from": post.delegated_from} if post.delegated_from else said


def refuse_empty(reason: str) -> None:
    """Raise ``InvalidInput`` where no reason is given."""
    if not reason.strip():
        raise InvalidInput(
            "请填写原因", "a reason is needed", where="reason", mend_zh="写明依据或会议决定", mend_en="state why"
        )


def refuse_past(on: date) -> None:
    """Raise ``InvalidInput`` for a day before the business date: nobody had a right yesterday that he gets today."""
    if on < current_scope().business_date:
        raise InvalidInput(
            "日期不得早于今天",
            "the day has passed",
            where="valid_from",
            mend_zh="请填今天或以后的日期",
            mend_en="today or later",
        )


def refuse_not_grantable(session: Session, role: str) -> None:
    """Raise ``NotYours`` where the actor may not give the role here, ``InvalidInput`` where there is none of that name."""
    if not role or role not in roles():
        raise InvalidInput("请选择岗位", f"no role is called {role!r}", where="role")
    if role in {found.code for found in grantable_roles(session)}:
        return
    decl = roles()[role]
    if decl.granted_by == "security" and not current_scope().may(GRANT_ADMINISTRATORS):
        raise _security_alone(decl.zh)
    raise NotYours(
        f"本单位不能授予{decl.zh}",
        f"the role {role} is not yours to give here",
        where="role",
        mend_zh="请由上级工会或负责该类岗位的管理员授予",
        mend_en="let the level above, or the administrator in charge of such roles, give it",
    )


def own_post() -> NotYours:
    """The refusal of an act on one's own posts or account."""
    return NotYours(
        "不能办理本人的账号与岗位",
        "nobody administers his own account and posts",
        where="account",
        mend_zh="请由其他管理员或上级办理",
        mend_en="let another administrator, or the level above, do it",
    )


def _security_alone(title: str) -> NotYours:
    return NotYours(
        f"{title}由安全管理员授予和终止",
        "administrators' roles are given and ended by the security administrator",
        where="role",
        mend_zh="请联系上级的安全管理员",
        mend_en="ask the security administrator of the level above",
    )
