"""What people change about their own accounts (本人变更), on record in every tenant where they hold a post.

An account has no tenant, so nobody is in a tenant's scope while it is changed. The change is made in the scope of the first of
its tenants and stands in the trail there; the outbox of that tenant tells the others.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from core.db.base import new_id
from core.db.session import ScopedSession, reference_work, unit_of_work
from core.identity.service import desks
from core.jobs.outbox import on_topic, post
from core.scope import Scope, entered
from core.tenancy.life import is_there
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from core.trail.models import TrailEntry
from core.trail.service import record

TOPIC = "account.own_change"


@contextmanager
def own_change(account_id: uuid.UUID, action: str) -> Iterator[ScopedSession]:
    """One transaction in which somebody changes his own account. ``action`` is what the trails say; no value is.

    An account that holds no post today leaves no entry: there is nobody whose log it would be. Nor does the log of a tenant
    that has closed take any, in which an auditor only reads.
    """
    tenants = _at_work([desk.tenant for desk in desks(account_id)])
    if not tenants:
        with reference_work() as session:
            yield session
        return
    first, *others = tenants
    with entered(_himself(first, str(account_id))), unit_of_work() as session:
        yield session
        event = str(new_id())
        record(session, action, "account", account_id, {"event": event})
        told = {"account": str(account_id), "action": action, "event": event}
        post(session, TOPIC, *({**told, "to": tenant} for tenant in others))


def _at_work(codes: Sequence[str]) -> Sequence[str]:
    with reference_work() as session:
        return session.scalars(select(Tenant.code).where(Tenant.code.in_(codes), is_there()).order_by(Tenant.code)).all()


def _himself(tenant: str, actor: str) -> Scope:
    return replace(system_scope(tenant, "account"), actor=actor, actor_name="")


@on_topic(TOPIC)
def tell_the_other_tenants(_session: object, payload: Mapping[str, Any]) -> None:
    """Write the change into the trail of another tenant where the account holds a post; once."""
    account_id = uuid.UUID(payload["account"])
    if not _at_work([payload["to"]]):
        return  # closed since
    with entered(_himself(payload["to"], payload["account"])), unit_of_work() as there:
        said = select(TrailEntry.content).where(TrailEntry.subject_id == account_id, TrailEntry.action == payload["action"])
        if any(json.loads(content)["fields"].get("event") == payload["event"] for content in there.scalars(said)):
            return
        record(there, payload["action"], "account", account_id, {"event": payload["event"]})
