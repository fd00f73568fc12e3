"""The first administrators of an installation or a tenant, whom nobody could appoint: seated by the platform."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import Conflict, Forbidden, InvalidInput
from core.identity.changes import kept_elsewhere, tell_changed
from core.identity.grants import is_administrators, refuse_empty, said_of
from core.identity.models import Account, Post
from core.identity.service import Grant, give_post, holds
from core.identity.staff import Invited, new_account
from core.scope import current_scope
from core.trail.service import record


def seat_first_administrator(session: Session, login: str, display_name: str, role: str, *, reason: str) -> Invited:
    """A new account in an administrators' role that nobody holds in the tenant in scope today, with its first password.

    Only the platform does that, on the word of whoever runs it; the next ones are appointed by the security administrator.
    Raises ``Forbidden`` for a person, ``InvalidInput`` for another role or a missing name or reason, ``Conflict`` where the
    role is held by an account that is on: where all were switched off, the platform may seat one again.
    """
    scope = current_scope()
    if not scope.is_system:
        raise Forbidden("只能由平台设首任管理员", "only the platform seats a first administrator", where="role")
    refuse_empty(reason)
    if not is_administrators(role):
        raise InvalidInput(f"{role} 不是管理员岗位", f"{role} is no administrators' role", where="role")
    seated = (
        select(Post.id)
        .join(Account, Account.id == Post.account_id)
        .where(Post.tenant_code == scope.tenant, Post.role == role, holds(scope.business_date), Account.disabled_at.is_(None))
    )
    if session.scalars(seated).first() is not None:
        raise Conflict(
            "该岗位已有在任人员",
            "somebody holds the role in that tenant",
            where="role",
            mend_zh="请由安全管理员授予",
            mend_en="let the security administrator give it",
        )
    account, password = new_account(session, login, display_name)
    grant = Grant(scope.actor, reason.strip())
    post = give_post(session, account.id, scope.tenant, role, valid_from=scope.business_date, grant=grant)
    record(session, "post.given", "post", post.id, said_of(post))
    tell_changed(session, account.id, "account")
    return Invited(account, password, kept_elsewhere())
