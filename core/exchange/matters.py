"""Handing a matter to another tenant and getting it back (分级负责, 归口办理; domain 1.3, 4.2.3).

The giver's case stays where it is and says that the matter is outside; the receiver works on what the package holds, and the
answer comes back by the same way. Each side keeps only rows of its own.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case, Party
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.envelopes import on_arrival, personal_content, seal_envelope
from core.exchange.models import Envelope
from core.scope import current_scope
from core.trail.service import record

MATTER, TAKEN, ANSWER = "matter", "matter.taken", "matter.answer"


def hand_over(session: Session, case_id: uuid.UUID, peer: str, reason: str) -> Envelope:
    """Hand the matter of a case to another tenant, e.g. the prefecture; raises ``Conflict`` where it is outside already."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("exchange.hand_over")
    if not reason.strip():
        raise InvalidInput("请写明移交理由", "a reason is needed", where="reason")
    if peer == scope.tenant:
        raise InvalidInput("不能移交给本单位", "a matter is not handed to oneself", where="peer")
    case = session.scalar(select(Case).where(Case.id == case_id).with_for_update())
    if case is None:
        raise NotFound("没有该事项", "no such case")
    if case.outside_state in ("offered", "taken") or case.closed_on is not None:
        raise Conflict("该事项已移交或已办结", "the matter is outside already, or closed", where=case.number)
    parties = session.scalars(select(Party).where(Party.case_id == case_id).order_by(Party.id))
    envelope = seal_envelope(
        session,
        peer=peer,
        kind=MATTER,
        case_id=case_id,
        body={"number": case.number, "plugin": case.plugin, "workflow": case.workflow, "reason": reason.strip()},
        personal={"form": case.form, "parties": [{"role": p.role, "label": p.label} for p in parties]},
    )
    case.outside_state = "offered"
    case.version += 1
    record(session, "case.handed_over", "case", case_id, {"peer": peer, "package": envelope.envelope_id})
    return envelope


def _received(session: Session, envelope_id: uuid.UUID) -> Envelope:
    found = session.scalar(
        select(Envelope)
        .where(Envelope.envelope_id == envelope_id, Envelope.direction == "in", Envelope.kind == MATTER)
        .with_for_update()
    )
    if found is None:
        raise NotFound("没有该移交事项", "no such matter", where=str(envelope_id))
    return found


def take(session: Session, envelope_id: uuid.UUID) -> Envelope:
    """Acknowledge and take a matter that arrived; the giver sees it (签收). Taking twice changes nothing."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("exchange.take")
    envelope = _received(session, envelope_id)
    if envelope.state != "delivered":
        return envelope
    envelope.state = "taken"
    envelope.acknowledged_on = scope.business_date
    seal_envelope(
        session, peer=envelope.peer, kind=TAKEN, body={"on": scope.business_date.isoformat()}, in_reply_to=envelope_id
    )
    record(session, "matter.taken", "envelope", envelope.id, {"peer": envelope.peer})
    return envelope


def answer(session: Session, envelope_id: uuid.UUID, text: str, *, outcome: str = "answered") -> Envelope:
    """Send a taken matter back with its answer; ``outcome`` is ``answered`` or ``returned`` (not ours, with the reason)."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("exchange.take")
    if outcome not in ("answered", "returned"):
        raise InvalidInput("办理结果只能是答复或退回", "the outcome is answered or returned", where="outcome")
    if not text.strip():
        raise InvalidInput("请填写答复内容", "an answer has a text", where="text")
    envelope = _received(session, envelope_id)
    if envelope.state not in ("delivered", "taken"):
        raise Conflict("该事项已答复", "the matter was answered already", where=str(envelope_id))
    envelope.state = outcome
    seal_envelope(
        session,
        peer=envelope.peer,
        kind=ANSWER,
        body={"outcome": outcome},
        personal={"text": text.strip()},
        in_reply_to=envelope_id,
    )
    record(session, "matter.answered", "envelope", envelope.id, {"peer": envelope.peer, "outcome": outcome})
    return envelope


def matter_content(session: Session, envelope_id: uuid.UUID) -> dict[str, Any]:
    """What a received matter says: parties and form, decrypted for those who may take it."""
    current_scope().require("exchange.take")
    return personal_content(_received(session, envelope_id))


def _sent_case(session: Session, arrived: Envelope) -> tuple[Envelope, Case]:
    row = session.execute(
        select(Envelope, Case)
        .join(Case, (Case.tenant == Envelope.tenant) & (Case.id == Envelope.case_id))
        .where(Envelope.envelope_id == arrived.in_reply_to, Envelope.direction == "out")
    ).one_or_none()
    if row is None:
        raise NotFound("回执没有对应的移交包", "a reply to a package that was never sent", where=str(arrived.in_reply_to))
    sent, case = row
    return sent, case


@on_arrival(TAKEN)
def _was_taken(session: Session, arrived: Envelope) -> None:
    sent, case = _sent_case(session, arrived)
    sent.state = "taken"
    sent.acknowledged_on = current_scope().business_date
    case.outside_state = "taken"
    case.version += 1


@on_arrival(ANSWER)
def _was_answered(session: Session, arrived: Envelope) -> None:
    sent, case = _sent_case(session, arrived)
    sent.state = str(arrived.body["outcome"])
    case.outside_state = "returned"
    case.version += 1
    record(session, "case.came_back", "case", case.id, {"outcome": sent.state, "package": sent.envelope_id})
