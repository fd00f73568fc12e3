"""A county asks its province whether somebody is on file twice; the province compares hashes and answers (重复建档查询).

The index says "on file or aided elsewhere" and nothing more. Where is for the province alone to see: the question carries the
hash, never a name or number, and the answer names a county only where the province says whose file stays. A county asks of its
own members one at a time, with a reason that is kept, and only where the index knows of somebody elsewhere. What was asked by
mistake it takes back, until the province has said anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.statements import among, tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.envelopes import on_arrival, personal_content, seal_envelope, seal_reply
from core.exchange.identity_index import elsewhere, this_and_last_year
from core.exchange.identity_told import tell_others, told_before
from core.exchange.models import Envelope
from core.exchange.query_models import IdentityQuery
from core.host.declarations import COUNTIES
from core.people.models import Person
from core.people.repository import members_on
from core.people.service import reveal
from core.scope import Level, current_scope
from core.tenancy.keys import tokens
from core.tenancy.service import heir_of
from core.text.lines import reason_given
from core.trail.service import record

QUERY, ANSWER, WITHDRAWN = "identity.query", "identity.answer", "identity.withdrawn"
REASON_LENGTH: Final = 500
ASKING: Final = Demand("people.reveal", levels=COUNTIES, begins=True)
WITHDRAWING: Final = Demand("people.reveal", levels=COUNTIES)
ASKED: Final = Demand("people.read", levels=COUNTIES)
ANSWERING: Final = Demand("exchange.take", levels=frozenset({Level.PROVINCE}))
OUTCOMES: Final = MappingProxyType({"duplicate": "确为重复", "different": "不是重复", "pending": "待核"})
STATES: Final = MappingProxyType({"asked": "待省级答复", "pending": "待核", "answered": "已答复", "withdrawn": "已撤回"})
_ENDED: Final = ("answered", "withdrawn")


@dataclass(frozen=True, slots=True)
class Match:
    """Where somebody is marked in the identity index, in which year and what for: ``on_file`` or ``aided:<programme>``."""

    tenant: str
    year: int
    matter: str


def nobody_elsewhere() -> Conflict:
    """What a caller of ``ask_province`` refuses with, once the look into the index is committed."""
    return Conflict("此人未在其他单位建档或受助，无须查询", "the index knows of nobody elsewhere", where="person_id")


def ask_province(session: Session, household_id: uuid.UUID, person_id: uuid.UUID, reason: str) -> IdentityQuery | None:
    """Ask the province about a member of a household; None where the index knows of nobody elsewhere, so that nothing is asked.

    That the number was used, and the index looked into, is logged: the caller commits whatever the answer. Raises
    ``Forbidden``, ``NotFound`` where the household has no such member or no number is known, ``InvalidInput`` without a reason,
    ``Conflict`` where a question about the person is open.
    """
    require(ASKING)
    scope = current_scope()
    said = reason_given(reason, "请填写查询事由", REASON_LENGTH)
    if person_id not in members_on(session, household_id, scope.business_date):
        raise NotFound("该户没有此人", "no such member of the household", where="person_id")
    still = IdentityQuery.direction == "out", IdentityQuery.person_id == person_id, IdentityQuery.state.not_in(_ENDED)
    if session.scalar(select(IdentityQuery.id).where(*still)) is not None:
        raise Conflict("此人已提交查询，尚未答复", "a question about the person is open", where="person_id")
    number = reveal(session, person_id, "identity_number", said)
    [known] = elsewhere(session, [number], this_and_last_year(), said)
    if not known.known:
        return None
    envelope = seal_envelope(
        session,
        peer=scope.province,
        kind=QUERY,
        body={},
        personal={"hash": tokens().identity_index_hash(number).hex(), "reason": said},
    )
    asked = IdentityQuery(
        envelope_id=envelope.envelope_id,
        direction="out",
        peer=envelope.peer,
        person_id=person_id,
        household_id=household_id,
        reason=said,
        asked_by=scope.actor,
        asked_on=scope.business_date,
    )
    session.add(asked)
    session.flush()
    record(session, "identity_query.asked", "household", household_id, {"person": person_id, "package": envelope.envelope_id})
    return asked


@on_arrival(QUERY)
def _was_asked(session: Session, arrived: Envelope) -> None:
    asked = IdentityQuery(
        envelope_id=arrived.envelope_id,
        direction="in",
        peer=arrived.peer,
        reason=str(personal_content(arrived)["reason"]),
        asked_by=f"tenant:{arrived.peer}",
        asked_on=arrived.sealed_on,
    )
    session.add(asked)
    session.flush()


def withdraw_query(session: Session, query_id: uuid.UUID) -> IdentityQuery:
    """Take back a question that was asked by mistake; the province is told. Repeated it changes nothing. That the index was
    looked into stays on record. Raises ``Forbidden``, ``NotFound``, ``Conflict`` once the province has said anything."""
    require(WITHDRAWING)
    scope = current_scope()
    asked = _query(session, query_id, "out", lock=True)
    if asked.state == "withdrawn":
        return asked
    if asked.state != "asked":
        raise Conflict(
            f"省级{STATES[asked.state]}，不能撤回",
            "the province has looked at the question",
            where="state",
            mend_zh="如属误提，请与省级联系",
            mend_en="talk to the province where it was a mistake",
        )
    asked.state, asked.answered_on, asked.answered_by = "withdrawn", scope.business_date, scope.actor
    session.flush()
    seal_reply(session, peer=asked.peer, kind=WITHDRAWN, body={}, in_reply_to=asked.envelope_id)
    record(session, "identity_query.withdrawn", "household", asked.household_id, {"person": asked.person_id})
    return asked


@on_arrival(WITHDRAWN)
def _was_withdrawn(session: Session, arrived: Envelope) -> None:
    about = IdentityQuery.envelope_id == arrived.in_reply_to, IdentityQuery.peer == arrived.peer
    asked = session.scalar(select(IdentityQuery).where(*about, IdentityQuery.direction == "in").with_for_update())
    if asked is None:
        # its first delivery failed: the question comes before this is tried again
        raise NotFound("撤回的查询尚未到达", "the question has not come yet", where=str(arrived.in_reply_to))
    if asked.state != "asked":
        return  # the province had said something already, and the county hears it
    asked.state, asked.answered_on, asked.answered_by = "withdrawn", arrived.sealed_on, f"tenant:{arrived.peer}"
    session.flush()
    record(session, "identity_query.was_withdrawn", "identity_query", asked.id, {"peer": arrived.peer})


def queries(session: Session, direction: str, limit: int = 200) -> Sequence[IdentityQuery]:
    """The newest questions that the county in scope asked (``out``) or the province got (``in``), open ones first."""
    require(ASKED if direction == "out" else ANSWERING)
    wanted = select(IdentityQuery).where(IdentityQuery.direction == direction)
    return session.scalars(wanted.order_by(IdentityQuery.state.in_(_ENDED), IdentityQuery.id.desc()).limit(limit)).all()


def names_asked_of(session: Session, asked: Sequence[IdentityQuery]) -> dict[uuid.UUID, str]:
    """Names of the persons of a county's own questions."""
    ids = [one.person_id for one in asked if one.person_id is not None]
    return dict(session.execute(select(Person.id, Person.name).where(among(Person.id, ids))).all())


def query_received(session: Session, query_id: uuid.UUID, *, lock: bool = False) -> IdentityQuery:
    """A question that the province got; raises ``NotFound``."""
    require(ANSWERING)
    return _query(session, query_id, "in", lock=lock)


def _query(session: Session, query_id: uuid.UUID, direction: str, *, lock: bool) -> IdentityQuery:
    wanted = select(IdentityQuery).where(IdentityQuery.id == query_id, IdentityQuery.direction == direction)
    found = session.scalar(wanted.with_for_update() if lock else wanted)
    if found is None:
        raise NotFound("没有这一查询", "no such question", where=str(query_id))
    return found


def matches(session: Session, query: IdentityQuery) -> list[Match]:
    """Where the person of a question is marked in the province's counties. Of whom, the province does not learn."""
    require(ANSWERING)
    rows = session.execute(
        tenant_sql(
            "select tenant, year, matter from identity_mark where province = :tenant and hash = :hash"
            " order by tenant, year desc, matter"
        ),
        {"hash": bytes.fromhex(str(personal_content(_question(session, query))["hash"]))},
    )
    return [Match(*row) for row in rows]


def _question(session: Session, query: IdentityQuery) -> Envelope:
    envelope = session.scalar(
        select(Envelope).where(Envelope.envelope_id == query.envelope_id, Envelope.direction == "in", Envelope.kind == QUERY)
    )
    if envelope is None:
        raise NotFound("没有这一查询", "no such question", where=str(query.id))
    return envelope


def answer_query(
    session: Session, query_id: uuid.UUID, outcome: str, answer: str, *, keeper: str | None = None
) -> IdentityQuery:
    """Answer a county: a duplicate, with the county whose file stays; no duplicate; or to be looked into, which can be answered
    again. The other counties in which the person is marked are told (``core.exchange.identity_told``).
    Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` for an outcome that is none, a county in which the person is not
    marked or a missing text, ``Conflict`` once answered."""
    require(ANSWERING)
    scope = current_scope()
    if outcome not in OUTCOMES:
        raise InvalidInput("请选择答复结果", f"one of {', '.join(OUTCOMES)}", where="outcome")
    said = reason_given(answer, "请填写答复说明", REASON_LENGTH)
    query = query_received(session, query_id, lock=True)
    if query.state in _ENDED:
        raise Conflict(f"该查询{STATES[query.state]}", f"the question was {query.state}", where="state")
    kept = None
    if outcome == "duplicate":
        marked = keeper in {match.tenant for match in matches(session, query)}
        kept = heir_of(session, str(keeper)) if marked else None
        if kept is None:
            raise InvalidInput(
                "请从有记录且未撤销的单位中选择由谁保留",
                "the county that keeps the file is one of those found that is there, or was taken over",
                where="keeper",
            )
    looked_into = query.state == "pending"
    query.state = "pending" if outcome == "pending" else "answered"
    query.outcome, query.keeper, query.answer = outcome, kept, said
    query.answered_on, query.answered_by = scope.business_date, scope.actor
    # who was told that it is looked into hears how it ended; that there was nothing to it nobody else hears
    concerned = told_before(session, query) if looked_into else []
    if outcome != "different":
        concerned += [match.tenant for match in matches(session, query)]
    if concerned:
        tell_others(session, query, str(personal_content(_question(session, query))["hash"]), concerned)
    if heir_of(session, query.peer) == query.peer:  # whoever took over from a county that closed has asked nothing
        seal_envelope(
            session,
            peer=query.peer,
            kind=ANSWER,
            body={"outcome": outcome, "keeper": kept},
            personal={"text": said},
            in_reply_to=query.envelope_id,
        )
    record(
        session, "identity_query.answered", "identity_query", query.id, {"peer": query.peer, "outcome": outcome, "keeper": kept}
    )
    return query


@on_arrival(ANSWER)
def _was_answered(session: Session, arrived: Envelope) -> None:
    asked = session.scalar(
        select(IdentityQuery)
        .where(IdentityQuery.envelope_id == arrived.in_reply_to, IdentityQuery.direction == "out")
        .with_for_update()
    )
    if asked is None or asked.peer != arrived.peer or asked.state == "answered":
        return  # it was led on to the heir of the county that asked, or comes late and says nothing new
    if asked.state == "withdrawn" and arrived.body["outcome"] == "pending":
        return  # the two crossed, and another question about the person may be open: how it ends is heard
    asked.outcome, asked.keeper = str(arrived.body["outcome"]), arrived.body["keeper"]
    asked.state = "pending" if asked.outcome == "pending" else "answered"
    asked.answer, asked.answered_on = str(personal_content(arrived)["text"]), arrived.sealed_on
    asked.answered_by = f"tenant:{arrived.peer}"
    record(session, "identity_query.came_back", "household", asked.household_id, {"outcome": asked.outcome})
