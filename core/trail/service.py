"""Writing and checking the trail (操作留痕, domain 12).

Entries are gathered while a transaction runs and written last, just before it commits, under one update of the head: a lock
taken late is held briefly. What was recorded since a savepoint goes with it when it is rolled back. A link's hash covers the
former link's hash and the entry's bytes.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import event, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.gathering import Gathering
from core.db.session import ScopedSession
from core.db.statements import tenant_core
from core.scope import current_scope
from core.trail.models import PermissionUse, ReadLog, TrailEntry, TrailHead, TrailLink

GENESIS = hashlib.sha256(b"bangfu trail").digest()
_PENDING: Gathering[dict[str, Any]] = Gathering("trail")


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where a chain does not hold: sequence number and what is wrong."""

    seq: int
    what: str


def record(
    session: Session,
    action: str,
    subject_kind: str,
    subject_id: uuid.UUID | None,
    fields: Mapping[str, Any] | None = None,
    *,
    handlers: Sequence[str] | None = None,
) -> None:
    """Have one entry written when the transaction commits.

    ``fields`` holds ids, codes, amounts and names of fields, never personal data. ``handlers`` keeps the entry's content to
    those named, where the subject is confidential.
    """
    scope = current_scope()
    content = {
        "action": action,
        "actor": scope.actor,
        "business_date": scope.business_date.isoformat(),
        "fields": dict(fields or {}),
        "subject": [subject_kind, str(subject_id) if subject_id else None],
    }
    if scope.principals:
        content["delegated_from"] = sorted(scope.principals)
    if scope.guest_from:
        content["guest_from"] = scope.guest_from
    _PENDING.of(session).append(
        {
            "id": new_id(),
            "action": action,
            "subject_kind": subject_kind,
            "subject_id": subject_id,
            "actor": scope.actor,
            "business_date": scope.business_date,
            "content": json.dumps(content, sort_keys=True, ensure_ascii=False, default=_plain).encode(),
            "handlers": list(handlers) if handlers is not None else None,
        }
    )


def has_recorded(session: Session) -> bool:
    """Whether the transaction has changed something that the trail will tell of."""
    return bool(_PENDING.of(session))


def _plain(value: object) -> str:
    if isinstance(value, uuid.UUID | date | datetime):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not belong in the trail")


def chained(former: bytes, content: bytes) -> tuple[bytes, bytes]:
    """(hash of the content, hash of the link that follows ``former``)."""
    digest = hashlib.sha256(content).digest()
    return digest, hashlib.sha256(former + digest).digest()


@event.listens_for(ScopedSession, "before_commit")
def _write_last(session: Session) -> None:
    pending = _PENDING.take(session)
    if not pending:
        return
    session.flush()
    tenant = current_scope().tenant
    start = pg_insert(TrailHead).values(tenant=tenant, seq=0, hash=GENESIS).on_conflict_do_nothing()
    session.execute(tenant_core(start))
    head = session.execute(select(TrailHead.seq, TrailHead.hash).with_for_update()).one()
    seq, former = head.seq, head.hash
    links = []
    for entry in pending:
        seq += 1
        digest, former = chained(former, entry["content"])
        entry["seq"] = seq
        links.append({"seq": seq, "entry_id": entry["id"], "content_hash": digest, "hash": former})
    insert_rows(session, TrailEntry, pending)
    insert_rows(session, TrailLink, links)
    session.execute(update(TrailHead).values(seq=seq, hash=former))


def record_read(session: Session, what: str, subject_kind: str, subject_id: uuid.UUID | None, reason: str) -> None:
    """Log that the actor looked at a full value or opened somebody's record, and why."""
    scope = current_scope()
    session.add(
        ReadLog(
            actor=scope.actor,
            what=what,
            subject_kind=subject_kind,
            subject_id=subject_id,
            reason=reason,
            business_date=scope.business_date,
        )
    )


def record_page(
    session: Session,
    what: str,
    permission: str | None,
    subject_kind: str,
    subject_id: uuid.UUID | None,
    shown: Sequence[str] | None = None,
) -> None:
    """Log that the actor was shown a page or resource with persons' data, by which right, and which kinds of content."""
    scope = current_scope()
    session.add(
        ReadLog(
            actor=scope.actor,
            what=what,
            permission=permission,
            subject_kind=subject_kind,
            subject_id=subject_id,
            reason="",
            shown=None if shown is None else list(shown),
            business_date=scope.business_date,
        )
    )


def note_permissions(session: Session, permissions: Sequence[str]) -> None:
    """Note that the actor used these rights today: one statement, in one order of rows for all processes."""
    scope = current_scope()
    rows = [
        {"tenant": scope.tenant, "actor": scope.actor, "permission": permission, "last_used_on": scope.business_date}
        for permission in sorted(permissions)
    ]
    new = pg_insert(PermissionUse).values(rows)
    later = new.on_conflict_do_update(
        index_elements=["tenant", "actor", "permission"],
        set_={"last_used_on": new.excluded.last_used_on},
        where=PermissionUse.last_used_on < new.excluded.last_used_on,
    )
    session.execute(tenant_core(later))


def first_break(session: Session) -> Broken | None:
    """Walk the chain of the tenant in scope; the first place where it does not hold, or None.

    Content that the actor may not see is taken by its hash in the link.
    """
    contents = {row.id: row.content for row in session.execute(select(TrailEntry.id, TrailEntry.content))}
    former, expected = GENESIS, 1
    links = session.execute(
        select(TrailLink.seq, TrailLink.entry_id, TrailLink.content_hash, TrailLink.hash).order_by(TrailLink.seq)
    )
    for seq, entry_id, content_hash, link_hash in links:
        if seq != expected:
            return Broken(expected, "missing link")
        content = contents.get(entry_id)
        if content is not None and hashlib.sha256(content).digest() != content_hash:
            return Broken(seq, "changed content")
        if hashlib.sha256(former + content_hash).digest() != link_hash:
            return Broken(seq, "broken link")
        former, expected = link_hash, expected + 1
    head = session.execute(select(TrailHead.seq, TrailHead.hash)).one_or_none()
    if head is not None and (head.seq != expected - 1 or head.hash != former):
        return Broken(expected, "head does not match the last link")
    return None
