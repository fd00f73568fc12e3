"""Duties that exclude each other (不相容岗位分离, domain 7.1, 7.2, 12).

A person is at most one of clerk, approver, fund manager and payer in a tenant; nobody audits the tenant that he works in;
the three administrators hold no other post anywhere. Refused here with words, and by the table of posts in any case.
"""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.errors import Conflict
from core.host.declarations import RoleDecl
from core.identity.models import Post

NOTHING = "nothing"
"""What a post administers that is none of the three administrators'."""


class DutiesExclude(Conflict):
    """The account holds a post at that time whose duty excludes the new one."""

    code = "duties_exclude"


class HeldAlready(Conflict):
    """The account holds the same role in that tenant on one of these days."""

    code = "post_held_already"


def refuse_excluded(
    session: Session, account_id: uuid.UUID, tenant: str, role: RoleDecl, valid_from: date, valid_to: date | None
) -> None:
    """Raise ``DutiesExclude`` or ``HeldAlready``, naming the post, where the account may not hold ``role`` as well at that
    time. A post in a tenant other than ``tenant`` is not named: who works elsewhere is not this tenant's to know."""
    here = Post.tenant_code == tenant
    apart = [Post.administers != (role.administers or NOTHING), here & (Post.role == role.code)]
    if role.duty is not None:
        apart.append(here & (Post.duty != role.duty))
    if role.audit_side is not None:
        apart.append(here & (Post.audit_side != role.audit_side))
    query = select(Post).where(
        Post.account_id == account_id,
        # a post that was taken back before its first day excludes nothing
        or_(Post.valid_to.is_(None), (Post.valid_to > valid_from) & (Post.valid_to > Post.valid_from)),
        or_(*apart),
    )
    if valid_to is not None:
        query = query.where(Post.valid_from < valid_to)
    held = session.scalars(query.order_by(here.desc(), Post.valid_from)).first()
    if held is None:
        return
    if held.tenant_code == tenant and held.role == role.code:
        raise _held_already(held, role)
    raise _excluded(held, role, tenant)


def _days(post: Post) -> str:
    return f"{post.valid_from} 至 {post.valid_to}" if post.valid_to else f"{post.valid_from} 起"


def _held_already(held: Post, role: RoleDecl) -> HeldAlready:
    return HeldAlready(
        f"该人员已任{role.zh}（{_days(held)}）",
        f"holds the role {role.code} on some of these days already",
        where=role.code,
        mend_zh="请核对起止日期",
        mend_en="check the dates",
    )


def _excluded(held: Post, role: RoleDecl, tenant: str) -> DutiesExclude:
    elsewhere = held.tenant_code != tenant
    post_zh = "在其他单位的岗位" if elsewhere else f"{held.title}（{held.tenant_code}，{_days(held)}）"
    post_en = "a post in another tenant" if elsewhere else f"the post {held.role} in {held.tenant_code}"
    return DutiesExclude(
        f"该人员任{post_zh}，与{role.zh}为不相容岗位",
        f"holds {post_en}, which excludes {role.code}",
        where=role.code,
        mend_zh="请由他人担任，或先结束原岗位",
        mend_en="choose someone else, or end that post first",
    )
