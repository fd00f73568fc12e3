"""The other counties of somebody who may be on file twice hear of it from their province (告知涉及的县).

They learn that a question of the province concerns a file of theirs, which one, and whether theirs stays: not who asked, not
why, not where else. The province tells them when it has looked at the question, not when a county puts one.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.errors import NotFound
from core.exchange.envelopes import on_arrival, personal_content, seal_envelope
from core.exchange.marks import holder_of
from core.exchange.models import Envelope
from core.exchange.query_models import IdentityQuery
from core.host.declarations import COUNTIES
from core.people.duplicates.merging import households_of
from core.scope import current_scope
from core.tenancy.service import heir_of
from core.trail.service import record

TOLD: Final = "identity.told"
READING: Final = Demand("people.read", levels=COUNTIES)
SEEING: Final = Demand("people.write", levels=COUNTIES)
STATES: Final = MappingProxyType({"asked": "待查阅", "answered": "已阅"})
_SAID: Final = "省级重复建档查询涉及本单位档案"


def tell_others(session: Session, query: IdentityQuery, digest: str, tenants: Sequence[str]) -> None:
    """In the province's scope: tell each of ``tenants`` but the one that asked what was answered to ``query``; ``digest`` is
    the person's hash, in hex, by which each finds its own file.

    Marks of a county that has closed stay: whoever took over is told, once, and nobody where nobody did."""
    there = {heir_of(session, code) for code in tenants} - {query.peer, current_scope().tenant}
    for tenant in sorted(code for code in there if code is not None):
        body = {"query": str(query.envelope_id), "outcome": query.outcome, "stays": query.keeper == tenant}
        seal_envelope(session, peer=tenant, kind=TOLD, body=body, personal={"hash": digest})


@on_arrival(TOLD)
def _was_told(session: Session, arrived: Envelope) -> None:
    scope, question = current_scope(), uuid.UUID(str(arrived.body["query"]))
    digest = bytes.fromhex(str(personal_content(arrived)["hash"]))
    arrived.body_cipher = None  # the person is known here by the id, and nobody needs the hash twice
    known = select(IdentityQuery).where(IdentityQuery.envelope_id == question, IdentityQuery.direction == "told")
    told = session.scalar(known.with_for_update())
    if told is None:
        person = holder_of(session, digest)
        homes = households_of(session, [person]).get(person, []) if person else []
        told = IdentityQuery(
            envelope_id=question,
            direction="told",
            peer=arrived.peer,
            person_id=person,
            household_id=homes[0] if homes else None,
            reason=_SAID,
            asked_by=f"tenant:{arrived.peer}",
            asked_on=arrived.sealed_on,
        )
        session.add(told)
    if told.outcome not in (None, "pending") and arrived.body["outcome"] == "pending":
        return  # it comes late, and how it ended is known
    told.state, told.answered_on, told.answered_by = "asked", None, None
    told.outcome, told.keeper = str(arrived.body["outcome"]), scope.tenant if arrived.body["stays"] else None
    session.flush()
    record(session, "identity_query.told", "household", told.household_id, {"outcome": told.outcome})


def told_before(session: Session, query: IdentityQuery) -> list[str]:
    """In the province's scope: whom it has told of ``query`` so far."""
    sent = select(Envelope.peer).where(
        Envelope.direction == "out", Envelope.kind == TOLD, Envelope.body["query"].astext == str(query.envelope_id)
    )
    return sorted(set(session.scalars(sent)))


def told_here(session: Session, limit: int = 200) -> Sequence[IdentityQuery]:
    """What the county in scope was told, unseen first, the newest first. Raises ``Forbidden`` without people.read."""
    require(READING)
    wanted = select(IdentityQuery).where(IdentityQuery.direction == "told")
    return session.scalars(wanted.order_by(IdentityQuery.state == "answered", IdentityQuery.id.desc()).limit(limit)).all()


def unseen(session: Session) -> int:
    """How much of what the county was told nobody has seen yet."""
    waiting = select(func.count()).select_from(IdentityQuery)
    return session.scalar(waiting.where(IdentityQuery.direction == "told", IdentityQuery.state == "asked")) or 0


def see(session: Session, told_id: uuid.UUID) -> IdentityQuery:
    """Note that the office has seen it (已阅); again changes nothing. Raises ``Forbidden`` without people.write,
    ``NotFound``."""
    require(SEEING)
    scope = current_scope()
    wanted = select(IdentityQuery).where(IdentityQuery.id == told_id, IdentityQuery.direction == "told")
    found = session.scalar(wanted.with_for_update())
    if found is None:
        raise NotFound("没有这一告知", "no such notice", where=str(told_id))
    if found.state == "asked":
        found.state, found.answered_on, found.answered_by = "answered", scope.business_date, scope.actor
        session.flush()
        record(session, "identity_query.seen", "household", found.household_id, {"outcome": found.outcome})
    return found
