"""Reading the log (操作日志): who did what when, as ids and codes; who looked at what; who signed in (domain 12).

What a confidential matter's entry holds is shown to its handlers alone, by the database; the rest of the tenant sees that the
chain has a link there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.calendar.working_days import CHINA_TIME, business_today
from core.identity.models import Post
from core.identity.names import READ_LOG
from core.scope import Level, current_scope
from core.trail.acts import codes_of
from core.trail.models import ReadLog, SignInEvent, TrailEntry

_SIGN_IN: Final = "sign_in."


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
    """Ids and codes: of a look the right that was used, of a sign-in how and from where."""
    delegated_from: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of the log are asked for; what is None is not asked."""

    actor: str | None = None
    action: str | None = None
    """A kind of act (``post.given``, ``post.`` for all that begins so, or its Chinese words), or the field or address that was
    looked at."""
    day: date | None = None
    subject: uuid.UUID | None = None
    permission: str | None = None
    """The right that was used; known of looks alone."""


ALL = Wanted()


def _like(column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    return column.startswith(text, autoescape=True) if text.endswith((".", "/")) else column == text


def changes(session: Session, wanted: Wanted = ALL, *, after: uuid.UUID | None = None, limit: int = 50) -> list[Line]:
    """What was done in the tenant in scope, newest first, by keyset. Needs ``log.read``."""
    current_scope().require(READ_LOG)
    if wanted.permission:
        return []
    asked = select(TrailEntry).order_by(TrailEntry.id.desc()).limit(limit)
    if wanted.action:
        asked = asked.where(or_(*(_like(TrailEntry.action, code) for code in codes_of(wanted.action))))
    if wanted.actor:
        asked = asked.where(TrailEntry.actor == wanted.actor)
    if wanted.day is not None:
        asked = asked.where(TrailEntry.business_date == wanted.day)
    if wanted.subject is not None:
        asked = asked.where(TrailEntry.subject_id == wanted.subject)
    if after is not None:
        asked = asked.where(TrailEntry.id < after)
    return [_line(entry) for entry in session.scalars(asked)]


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


def reads(session: Session, wanted: Wanted = ALL, *, after: uuid.UUID | None = None, limit: int = 50) -> list[Line]:
    """Who looked at persons' data in the tenant in scope, by which right, newest first, by keyset. The reasons that were typed
    may name persons, so they are not in the log that administrators read. Needs ``log.read``."""
    current_scope().require(READ_LOG)
    asked = select(ReadLog).order_by(ReadLog.id.desc()).limit(limit)
    if wanted.action:
        asked = asked.where(_like(ReadLog.what, wanted.action))
    for column, value in (
        (ReadLog.actor, wanted.actor),
        (ReadLog.business_date, wanted.day),
        (ReadLog.subject_id, wanted.subject),
        (ReadLog.permission, wanted.permission),
    ):
        if value:
            asked = asked.where(column == value)
    if after is not None:
        asked = asked.where(ReadLog.id < after)
    return [
        Line(
            row.id,
            row.at,
            row.business_date,
            row.actor,
            row.what,
            row.subject_kind,
            row.subject_id,
            {"permission": row.permission} if row.permission else {},
        )
        for row in session.scalars(asked)
    ]


def _account(actor: str) -> uuid.UUID:
    """The account of an actor key; nobody's for the platform's own, which signs in nowhere."""
    try:
        return uuid.UUID(actor)
    except ValueError:
        return uuid.UUID(int=0)


def sign_ins(session: Session, wanted: Wanted = ALL, *, after: uuid.UUID | None = None, limit: int = 50) -> list[Line]:
    """Tries to sign in of the accounts that hold or held a post in the tenant in scope, newest first, by keyset; in the
    province also those with a name that is no account's. ``action`` is ``sign_in.`` and the outcome. Needs ``log.read``."""
    scope = current_scope()
    scope.require(READ_LOG)
    if wanted.permission:
        return []
    ours = SignInEvent.account_id.in_(select(Post.account_id).where(Post.tenant_code == scope.tenant))
    seen = or_(ours, SignInEvent.account_id.is_(None)) if scope.level is Level.PROVINCE else ours
    asked = select(SignInEvent).where(seen).order_by(SignInEvent.id.desc()).limit(limit)
    if wanted.action:
        outcomes = [code.removeprefix(_SIGN_IN) for code in codes_of(wanted.action)]
        asked = asked.where(or_(*(_like(SignInEvent.outcome, outcome) for outcome in outcomes)))
    for account in (wanted.actor, wanted.subject):
        if account:
            asked = asked.where(SignInEvent.account_id == _account(str(account)))
    if wanted.day is not None:
        start = datetime.combine(wanted.day, time(), CHINA_TIME)
        asked = asked.where(SignInEvent.at >= start, SignInEvent.at < start + timedelta(days=1))
    if after is not None:
        asked = asked.where(SignInEvent.id < after)
    return [
        Line(
            row.id,
            row.at,
            business_today(row.at),
            str(row.account_id or ""),
            f"{_SIGN_IN}{row.outcome}",
            "account",
            row.account_id,
            {"way": row.way, "address": row.address},
        )
        for row in session.scalars(asked)
    ]
