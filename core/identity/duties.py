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


def refuse_excluded(
    session: Session, account_id: uuid.UUID, tenant: str, role: RoleDecl, valid_from: date, valid_to: date | None
) -> None:
    """Raise ``DutiesExclude``, naming the post, where the account may not hold ``role`` as well at that time."""
    here = Post.tenant_code == tenant
    apart = [Post.administers != (role.administers or NOTHING)]
    if role.duty is not None:
        apart.append(here & (Post.duty != role.duty))
    if role.audit_side is not None:
        apart.append(here & (Post.audit_side != role.audit_side))
    query = select(Post).where(
        Post.account_id == account_id, or_(Post.valid_to.is_(None), Post.valid_to > valid_from), or_(*apart)
    )
    if valid_to is not None:
        query = query.where(Post.valid_from < valid_to)
    held = session.scalars(query.order_by(Post.valid_from)).first()
    if held is None:
        return
    until = f"至 {held.valid_to}" if held.valid_to else "起"
    raise DutiesExclude(
        f"该人员任{held.title}（{held.tenant_code}，{held.valid_from} {until}），与{role.zh}为不相容岗位",
        f"holds the post {held.role} in {held.tenant_code}, which excludes {role.code}",
        where=role.code,
        mend_zh="请由他人担任，或先结束原岗位",
        mend_en="choose someone else, or end that post first",
    )
