"""A tenant's life as the levels above steer it: suspended, resumed, closed (单位暂停、恢复、撤并).

Each act is told in the scope of the province, or of the prefecture above where the province leaves that to prefectures. It
needs ``tenants.keep`` and a reason, moves the state by ``core.tenancy.life.move`` and holds from the next request or task of
every process. What a suspended or closed tenant still does stands there as well.
"""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.changes import tell_changed
from core.identity.models import Post
from core.identity.service import roles
from core.parameters.service import set_by_levels
from core.scope import Level, current_scope, entered
from core.tenancy.life import is_there, move
from core.tenancy.models import Tenant, TenantChange
from core.tenancy.service import system_scope
from core.trail.service import record
from core.transfers.models import CountyClosing
from tenants.plugin import KEEP, PREFECTURES_KEEP

KEEPING = Demand(KEEP, levels=frozenset({Level.PROVINCE, Level.PREFECTURE}))
"""What opening, suspending, recoding and closing a tenant asks for."""


def require_keeper(session: Session) -> None:
    """Refuse with ``Forbidden`` whoever may not steer the tenants below: also a prefecture that the province has not let."""
    scope = current_scope()
    if scope.level is Level.COUNTY:
        raise Forbidden("县级没有下级单位", "a county has no tenants below it", where=scope.tenant)
    if scope.is_system:
        return
    require(KEEPING)
    if not may_keep(session):
        raise Forbidden(
            "本省的单位由省级统一开通和管理",
            "the province keeps its counties itself",
            where=PREFECTURES_KEEP,
            mend_zh="请报省级办理，或由省级设定参数允许市级管理所属县",
            mend_en="ask the province, which may let prefectures do it",
        )


def may_keep(session: Session) -> bool:
    """Whether the level in scope steers the tenants below it: the province does, a prefecture where the province has let it
    (whose own word counts, not what a level below set)."""
    scope = current_scope()
    if scope.level is Level.PROVINCE:
        return True
    return set_by_levels(session, PREFECTURES_KEEP, scope.business_date).get(scope.province) is True


def suspend(session: Session, code: str, reason: str, contact: str = "") -> TenantChange:
    """Suspend a tenant (暂停办理): its staff see who said so, why, since when and whom to call (``contact``); its lines are off
    and nothing recurs, but steps that a clock obliges to, approved payments, the bank's returns and the audit go on.

    Raises as ``require_keeper`` and ``move``.
    """
    require_keeper(session)
    detail = {"contact": contact.strip()} if contact.strip() else {}
    return move(session, [code], "suspend", reason=reason, detail=detail)[0]


def resume(session: Session, code: str, reason: str) -> TenantChange:
    """Let a suspended tenant work on (恢复办理); everything is as before.

    Raises as ``suspend``, and ``Conflict`` while a closing of it is under way."""
    require_keeper(session)
    _refuse_closing(session, code)
    return move(session, [code], "resume", reason=reason)[0]


def _refuse_closing(session: Session, code: str) -> None:
    """A county whose closing was agreed stays suspended until that is done or stopped. The rows are the province's."""
    scope = current_scope()
    live = select(CountyClosing.id).where(CountyClosing.closing == code, CountyClosing.state == "agreed")
    if scope.level is Level.PROVINCE:
        closing = session.scalar(live)
    else:
        with entered(system_scope(scope.province, "closing")), unit_of_work() as above:
            closing = above.scalar(live)
    if closing is not None:
        raise Conflict(
            "该单位正在办理撤并，不能恢复办理",
            "a closing of that county is under way",
            where=code,
            mend_zh="确不撤并的，请由省级在县级撤并页停止后再恢复",
            mend_en="let the province stop the closing first",
        )


def close(session: Session, code: str, reason: str, into: str | None = None) -> TenantChange:
    """Close a tenant (撤并关闭), for good; ``into`` names the tenant that takes over, if one does.

    Posts end today, but those of the audit side, which read on. Nothing runs there any more, and the database refuses all
    writes in its scope but the log of reading. What has to be moved elsewhere or written there last is done before. Raises as
    ``suspend``, ``Conflict`` where tenants below it are open or where it is a county that takes over from itself.
    """
    require_keeper(session)
    if into is not None:
        _refuse_heir(session, code, into)
    below = select(Tenant.union_name).where(Tenant.parent == code, is_there()).limit(1)
    if (child := session.scalar(below)) is not None:
        raise Conflict(
            f"所属{child}尚未关闭", f"a tenant below it is open: {child}", where=code, mend_zh="请先办理所属单位的撤并"
        )
    change = move(session, [code], "close", reason=reason, detail={"into": into} if into else {})[0]
    _let_go(session, code, reason)
    return change


def _refuse_heir(session: Session, code: str, into: str) -> None:
    if into == code:
        raise InvalidInput("承接单位不能是被撤并单位", "a tenant does not take over from itself", where="into")
    here = current_scope().tenant
    heir = select(Tenant.code).where(Tenant.code == into, is_there(), or_(Tenant.province == here, Tenant.prefecture == here))
    if session.scalar(heir) is None:
        raise NotFound(f"本级下没有代码为 {into} 的单位", f"no tenant below has the code {into}", where="into")


def _let_go(session: Session, code: str, reason: str) -> None:
    """End the posts of a tenant's staff; whoever audits may still read."""
    scope = current_scope()
    reading = {role.code for role in roles().values() if role.audit_side == "auditor"}
    open_posts = (
        select(Post)
        .where(
            Post.tenant_code == code,
            Post.role.not_in(reading),
            or_(Post.valid_to.is_(None), (Post.valid_to > scope.business_date) & (Post.valid_to > Post.valid_from)),
        )
        .order_by(Post.id)
        .with_for_update()
    )
    ended = session.scalars(open_posts).all()
    for post in ended:
        post.valid_to = max(scope.business_date, post.valid_from)
        post.ended_by, post.end_reason = scope.actor, reason.strip()
    session.flush()
    for account in sorted({post.account_id for post in ended}):
        tell_changed(session, account, "posts")
    if ended:
        record(session, "tenant.posts_ended", "tenant", None, {"tenant": code, "posts": len(ended)})
