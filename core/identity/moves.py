"""Moving a member of staff to another tenant of one's subtree (调动)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.identity.changes import tell_changed
from core.identity.grants import close, is_administrators, of_staff, open_posts, own_post, refuse_empty, said_of
from core.identity.models import Post
from core.identity.names import WRITE_STAFF
from core.identity.service import Grant, give_post
from core.identity.subtree import outside
from core.jobs.outbox import on_topic, post
from core.scope import current_scope, entered
from core.tenancy.life import is_there
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from core.trail.models import TrailEntry
from core.trail.service import record

TOPIC = "staff.moved"


def move(session: Session, account_id: uuid.UUID, to: str, *, on: date, reason: str) -> list[Post]:
    """End the working posts that an account holds in the tenant in scope and give the same roles in the tenant ``to``.

    Both happen in one transaction; the trail of either tenant has its part. Posts for which the account only stands in, and
    administrators' posts, do not move. Raises ``NotFound`` for an account or a tenant outside one's subtree, ``NotYours`` for
    one's own account, ``Conflict`` where there is nothing to move or a duty there excludes it.
    """
    refuse_empty(reason)
    scope = current_scope()
    scope.require(WRITE_STAFF)
    of_staff(session, account_id, lock=True)
    if str(account_id) == scope.actor:
        raise own_post()
    if to == scope.tenant:
        raise InvalidInput("请选择另一单位", "choose another tenant", where="to")
    there = session.scalar(select(Tenant).where(Tenant.code == to, is_there()))
    if there is None or outside(session, [to]):
        raise NotFound("没有该单位", "no such tenant in your subtree", where="to")
    moving = [
        held
        for held in open_posts(session, account_id, scope.business_date)
        if held.tenant_code == scope.tenant and held.delegated_from is None and not is_administrators(held.role)
    ]
    if not moving:
        raise Conflict("该人员在本单位没有可调动的岗位", "there is no post here to move", where="account")
    given = []
    for held in moving:
        until = held.valid_to if held.valid_to is not None and held.valid_to > on else None
        close(session, held, on, reason)
        grant = Grant(scope.actor, reason.strip())
        since = max(on, held.valid_from)
        given.append(give_post(session, account_id, to, held.role, valid_from=since, valid_to=until, grant=grant))
    tell_changed(session, account_id, "posts")
    post(session, TOPIC, *({"post": str(new.id), "to": to, "by": scope.actor} for new in given))
    return given


@on_topic(TOPIC)
def tell_the_new_tenant(_session: Session, payload: Mapping[str, Any]) -> None:
    """Write into the trail of the tenant that somebody was moved to which post he got, and by whom; once."""
    post_id = uuid.UUID(payload["post"])
    with entered(system_scope(payload["to"], "staff")), unit_of_work() as there:
        told = select(TrailEntry.id).where(TrailEntry.subject_id == post_id, TrailEntry.action == "post.given")
        if there.scalar(told) is None:
            given = there.get_one(Post, post_id)
            record(there, "post.given", "post", post_id, said_of(given) | {"by": payload["by"]})
