"""Where an account, its posts or a tenant change, and word of it is left for whoever keeps the same elsewhere: the directory of
the identity provider (``core.identity.directory``).

With local accounts nobody does, and nothing is written.
"""

from __future__ import annotations

import uuid
from typing import Literal

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.identity.directory.models import DirectoryEntry
from core.jobs.outbox import post
from core.settings import settings

IDENTITY_CHANGED = "identity.changed"
TENANT_OPENED = "identity.tenant_opened"

What = Literal["account", "posts", "password", "sessions"]


def kept_elsewhere() -> bool:
    """Whether people sign in at an identity provider, which therefore keeps the accounts as well."""
    return settings().identity == "keycloak"


def tell_changed(session: Session, account_id: uuid.UUID, what: What, *, provider_sid: str | None = None) -> None:
    """Leave word, in this transaction, that the account, its posts, its password or its sessions changed.

    The item names the account alone: how things stand is read when it is carried out, so late and double words do no harm.
    ``provider_sid`` narrows ended sessions to one of the provider's.
    """
    if not kept_elsewhere():
        return
    # An account that is new in this transaction has to be there before its entry.
    session.flush()
    now = func.clock_timestamp()
    entry = insert(DirectoryEntry).values(account_id=account_id, told=1, told_at=now)
    session.execute(
        entry.on_conflict_do_update(index_elements=["account_id"], set_={"told": DirectoryEntry.told + 1, "told_at": now})
    )
    payload = {"account": str(account_id), "what": what}
    post(session, IDENTITY_CHANGED, payload if provider_sid is None else {**payload, "sid": provider_sid})


def tell_tenant_opened(session: Session, code: str) -> None:
    """Leave word, in this transaction, that the tenant ``code`` is to have its group in the directory."""
    if kept_elsewhere():
        post(session, TENANT_OPENED, {"tenant": code})
