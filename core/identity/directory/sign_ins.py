"""Tries to sign in that the identity provider refused, copied into the log of sign-ins (认证服务处的登录失败).

Its own log keeps them for half a year at most; here they stand beside the sign-ins that came through, for as long as logs are
kept. Each is copied once, by the number of its event. Faults of the sign-in page itself (one that was left open too long) are
nobody's try and are left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import uuid_utils
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.host.declarations import ChunkPlan, JobKindDecl, Recurrence
from core.identity.changes import kept_elsewhere
from core.identity.directory.there import Refusal, directory
from core.identity.models import Account
from core.identity.names import READ_SYSTEM
from core.scope import Level
from core.trail.models import SignInEvent

KIND = "identity.sign_ins"
_OUTCOMES: Final[Mapping[str, str]] = {
    "invalid_user_credentials": "refused",
    "user_not_found": "refused",
    "user_disabled": "refused",
    "user_temporarily_disabled": "throttled",
}
"""What Keycloak calls a refusal of the person, and what the log calls it."""
_FIRST, _OVERLAP = timedelta(days=180), timedelta(days=1)
"""How far the first reading looks back, and how far any other reads again: days are those of the provider's clock."""
_AT_ONCE = 500


def copy_refusals(session: Session) -> int:
    """Copy what was refused there since the last time; how many were new. Raises ``DirectoryAway``, ``DirectoryRefused``."""
    newest = session.scalar(select(func.max(SignInEvent.at)).where(SignInEvent.event_id.is_not(None)))
    since = (newest - _OVERLAP if newest is not None else datetime.now(UTC) - _FIRST).date()
    found = [one for one in directory().refusals(since) if one.why in _OUTCOMES]
    return sum(_keep(session, found[start : start + _AT_ONCE]) for start in range(0, len(found), _AT_ONCE))


def _keep(session: Session, found: Sequence[Refusal]) -> int:
    accounts = _accounts(session, {one.subject for one in found if one.subject is not None})
    rows = [
        {
            "id": _id_at(one.at),
            "account_id": accounts.get(one.subject or ""),
            "way": "provider",
            "outcome": _OUTCOMES[one.why],
            "address": one.address,
            "event_id": one.event,
            "at": one.at,
        }
        for one in found
    ]
    kept = insert(SignInEvent).values(rows).on_conflict_do_nothing(index_elements=["event_id"])
    return len(session.scalars(kept.returning(SignInEvent.id)).all())


def _accounts(session: Session, subjects: Iterable[str]) -> dict[str, uuid.UUID]:
    rows = session.execute(select(Account.subject, Account.id).where(Account.subject.in_(set(subjects))))
    return {subject: account for subject, account in rows if subject is not None}


def _id_at(at: datetime) -> uuid.UUID:
    """An id that sorts where the try belongs in time: the log is read by ids, newest first."""
    return uuid.UUID(int=uuid_utils.uuid7(nanoseconds=int(at.timestamp() * 1000) * 1_000_000).int)


def _plan(_session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return [ChunkPlan("登录失败记录", {})] if kept_elsewhere() else []


def _run(session: Session, _params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"copied": copy_refusals(session)}


def _sum(_session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"copied": sum(int(result["copied"]) for result in results)}


SIGN_INS = JobKindDecl(
    KIND,
    "读取统一身份认证登录失败记录",
    "read refused sign-ins of the identity provider",
    _plan,
    _run,
    _sum,
    READ_SYSTEM,
    levels=frozenset({Level.PROVINCE}),
    recurs=Recurrence(hour=1),
)
