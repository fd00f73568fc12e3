"""Reading the log (操作日志): who did what when, as ids and codes; and who looked at what (domain 12).

What a confidential matter's entry holds is shown to its handlers alone, by the database; the rest of the tenant sees that the
chain has a link there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.identity.names import READ_LOG
from core.scope import current_scope
from core.trail.models import ReadLog, TrailEntry


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    id: uuid.UUID
    at: datetime
    business_date: date
    actor: str
    action: str
    subject_kind: str
    subject_id: uuid.UUID | None
    fields: Mapping[str, Any]
    """Ids and codes; empty for a look at something."""
    delegated_from: Sequence[str] = ()


def changes(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    day: date | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[Line]:
    """What was done in the tenant in scope, newest first, by keyset; of one actor, of one kind (``post.given``, or ``post.``
    for all that begins so), of one business date. Needs ``log.read``."""
    current_scope().require(READ_LOG)
    wanted = select(TrailEntry).order_by(TrailEntry.id.desc()).limit(limit)
    if action:
        same = TrailEntry.action.startswith(action, autoescape=True) if action.endswith(".") else TrailEntry.action == action
        wanted = wanted.where(same)
    if actor:
        wanted = wanted.where(TrailEntry.actor == actor)
    if day is not None:
        wanted = wanted.where(TrailEntry.business_date == day)
    if after is not None:
        wanted = wanted.where(TrailEntry.id < after)
    return [_line(entry) for entry in session.scalars(wanted)]


def _line(entry: TrailEntry) -> Line:
    content = json.loads(entry.content)
    return Line(
        entry.id,
        entry.at,
        entry.business_date,
        entry.actor,
        entry.action,
        entry.subject_kind,
        entry.subject_id,
        content["fields"],
        content.get("delegated_from", ()),
    )


def reads(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    day: date | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[Line]:
    """Who looked at full values or records in the tenant in scope, newest first, by keyset. The reasons that were typed may
    name persons, so they are not in the log that administrators read. Needs ``log.read``."""
    current_scope().require(READ_LOG)
    wanted = select(ReadLog).order_by(ReadLog.id.desc()).limit(limit)
    for column, value in ((ReadLog.actor, actor), (ReadLog.what, action), (ReadLog.business_date, day)):
        if value:
            wanted = wanted.where(column == value)
    if after is not None:
        wanted = wanted.where(ReadLog.id < after)
    return [
        Line(row.id, row.at, row.business_date, row.actor, row.what, row.subject_kind, row.subject_id, {})
        for row in session.scalars(wanted)
    ]
