"""Handing a matter to another tenant and getting it back (分级负责, 归口办理; domain 1.3, 4.2.3).

The giver's case stays where it is and says that the matter is outside; the receiver works on what the package holds, and the
answer comes back by the same way. Each side keeps only rows of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.cases.models import Case, Party
from core.cases.opening import NewCase, NewParty, open_cases
from core.cases.repository import cases_named, of_lines_read
from core.cases.workflows import STANDING, standing_of
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.envelopes import UNDELIVERED_ZH, on_arrival, on_return, personal_content, seal_envelope, seal_reply
from core.exchange.models import Envelope
from core.scope import Standing, current_scope
from core.tenancy.life import STATES_ZH
from core.tenancy.service import tenant_named
from core.text.lines import line_ends
from core.trail.service import record

MATTER, TAKEN, ANSWER = "matter", "matter.taken", "matter.answer"
REASON_LENGTH, ANSWER_LENGTH = 2000, 4000

RECEIVED = Kind(
    "matter", "接收的移交事项", {"delivered": "待签收", "taken": "已签收", "answered": "已答复", "returned": "已退回"}
)
_UNANSWERED = frozenset({"delivered", "taken"})
HAND_OVER = Demand("exchange.hand_over", of=STANDING, states=frozenset({"open"}), begins=True)
READ = Demand("exchange.take")
TAKE = Demand("exchange.take", of=RECEIVED, states=frozenset({"delivered"}), again=frozenset({"taken", "answered", "returned"}))
REPLY = Demand("exchange.take", of=RECEIVED, states=_UNANSWERED)
OPEN_HERE = Demand("exchange.take", of=RECEIVED, states=_UNANSWERED, begins=True)


@dataclass(frozen=True, slots=True)
class AnswerHere:
    """What another tenant said of a matter that it had been handed: ``outcome`` is ``answered`` or ``returned``, or
    ``undelivered`` where it has closed and nothing was said."""

    peer: str
    outcome: str
    text: str
    arrived_on: date | None


def hand_over(session: Session, case_id: uuid.UUID, peer: str, reason: str, *, held: frozenset[str] = frozenset()) -> Envelope:
    """Hand the matter of a case to another tenant, e.g. the prefecture (domain 4.2.3). ``held`` are rights that the actor has
    for this alone, beside those of the scope.

    Raises ``Conflict`` where it is outside already, closed, or confidential (domain 4.2.4), or where the other tenant is not
    at work, ``InvalidInput`` for a reason that is missing or too long, ``NotFound`` where there is no such case or tenant.
    """
    scope = current_scope()
    if not scope.is_system and HAND_OVER.permission not in held:
        require(HAND_OVER)
    said = _text(reason, REASON_LENGTH, "请写明移交理由", "a reason is needed", "reason")
    if peer == scope.tenant:
        raise InvalidInput("不能移交给本单位", "a matter is not handed to oneself", where="peer")
    case = session.scalar(select(Case).where(Case.id == case_id, of_lines_read()).with_for_update())
    if case is None:
        raise NotFound("没有该事项", "no such case")
    if not HAND_OVER.fits(standing_of(case)):
        raise Conflict("该事项已移交或已办结", "the matter is outside already, or closed", where=case.number)
    if case.handlers is not None:
        raise sealed_here(case)
    _refuse_resting(session, peer)
    parties = session.scalars(select(Party).where(Party.case_id == case_id).order_by(Party.id))
    envelope = seal_envelope(
        session,
        peer=peer,
        kind=MATTER,
        case_id=case_id,
        body={"number": case.number, "plugin": case.plugin, "workflow": case.workflow, "reason": said},
        personal={"form": case.form, "parties": [{"role": p.role, "label": p.label} for p in parties]},
    )
    case.outside_state = "offered"
    case.version += 1
    record(session, "case.handed_over", "case", case_id, {"peer": peer, "package": envelope.envelope_id})
    return envelope


def _refuse_resting(session: Session, peer: str) -> None:
    """Nothing new is sent to a union that cannot take it: suspended, it only answers or returns what it has."""
    receiver = tenant_named(session, peer)
    if receiver.state != Standing.OPEN.value:
        raise Conflict(
            f"{receiver.union_name}{STATES_ZH[receiver.state]}，暂不接收移交事项",
            f"{receiver.code} is {receiver.state} and takes no matters",
            where=peer,
            mend_zh="请先由本单位办理，或待其恢复办理后再移交",
            mend_en="deal with it here, or wait until it is at work again",
        )


def sealed_here(case: Case) -> Conflict:
    """Why a confidential case is not handed over: whoever may take matters there would read it, not handlers alone."""
    return Conflict(
        f"{case.number} 是保密件，不能在系统内移交：接收单位的移交事项对其全部接收人员可见，达不到只有承办人可见的要求",
        f"{case.number} is confidential and is not handed over: a matter that arrives is open to all who take matters there",
        where=case.number,
        mend_zh="请由承办人按保密规定线下移交，并把移交经过写入办理意见",
        mend_en="its handlers hand it over on paper, as secrecy demands, and note it on the case (domain 4.2.4)",
    )


def _text(given: str, longest: int, missing_zh: str, missing_en: str, where: str) -> str:
    text = line_ends(given).strip()
    if not text:
        raise InvalidInput(missing_zh, missing_en, where=where)
    if len(text) > longest:
        raise InvalidInput(
            f"不能超过 {longest} 字，现有 {len(text)} 字",
            f"{len(text)} characters, {longest} are the most",
            where=where,
            mend_zh="请精简后再提交",
            mend_en="shorten it",
        )
    return text


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
        require(TAKE)
    envelope = _received(session, envelope_id)
    if not TAKE.fits(envelope.state):
        return envelope
    envelope.state = "taken"
    envelope.acknowledged_on = scope.business_date
    seal_reply(session, peer=envelope.peer, kind=TAKEN, body={"on": scope.business_date.isoformat()}, in_reply_to=envelope_id)
    record(session, "matter.taken", "envelope", envelope.id, {"peer": envelope.peer})
    return envelope


def answer(session: Session, envelope_id: uuid.UUID, text: str, *, outcome: str = "answered") -> Envelope:
    """Send a taken matter back with its answer; ``outcome`` is ``answered`` or ``returned`` (not ours, with the reason)."""
    scope = current_scope()
    if not scope.is_system:
        require(REPLY)
    if outcome not in ("answered", "returned"):
        raise InvalidInput("请选择办理结果：答复或退回", "the outcome is answered or returned", where="outcome")
    said = _text(text, ANSWER_LENGTH, "请填写答复内容", "an answer has a text", "text")
    envelope = _received(session, envelope_id)
    if not REPLY.fits(envelope.state):
        raise Conflict("该事项已答复", "the matter was answered already", where=str(envelope_id))
    envelope.state = outcome
    seal_reply(
        session,
        peer=envelope.peer,
        kind=ANSWER,
        body={"outcome": outcome},
        personal={"text": said},
        in_reply_to=envelope_id,
    )
    record(session, "matter.answered", "envelope", envelope.id, {"peer": envelope.peer, "outcome": outcome})
    return envelope


def open_here(session: Session, envelope_id: uuid.UUID) -> Case:
    """Open a case of one's own for a matter that arrived (立案), with its parties by name and its form; it counts as taken.

    Opening it twice gives the same case. Raises ``NotFound`` where the line is off, ``Forbidden`` where the post may not open
    its cases, ``InvalidInput`` where the form does not fit the workflow here, ``Conflict`` once the matter was answered.
    """
    require(OPEN_HERE)
    envelope = _received(session, envelope_id)
    if not OPEN_HERE.fits(envelope.state):
        raise Conflict("该事项已答复", "the matter was answered already", where=str(envelope_id))
    content, body = personal_content(envelope), envelope.body
    # A household's file stays where it is: its number says nothing here.
    parties = [NewParty(one["role"], label=one["label"]) for one in content["parties"] if one["role"] != "household"]
    draft = NewCase(
        str(body["plugin"]), str(body["workflow"]), tuple(parties), form=content["form"], opening_key=f"matter:{envelope_id}"
    )
    [case] = open_cases(session, [draft])
    if envelope.case_id is None:
        envelope.case_id = case.id
        record(session, "matter.opened", "envelope", envelope.id, {"peer": envelope.peer, "case": case.id})
    take(session, envelope_id)
    return case


def matter_behind(session: Session, case_id: uuid.UUID) -> Envelope | None:
    """The matter for which a case was opened here; None for a case of this tenant's own."""
    return session.scalar(
        select(Envelope).where(Envelope.case_id == case_id, Envelope.direction == "in", Envelope.kind == MATTER)
    )


def matter_content(session: Session, envelope_id: uuid.UUID) -> dict[str, Any]:
    """What a received matter says: parties and form, decrypted for those who may take it."""
    require(READ)
    return personal_content(_received(session, envelope_id))


def answers_of(session: Session, case_id: uuid.UUID) -> Sequence[AnswerHere]:
    """What other tenants answered on a case, oldest first, for whoever may see the case; raises ``NotFound`` else."""
    current_scope().require("case.read")
    cases_named(session, [case_id])
    handed = select(Envelope).where(Envelope.case_id == case_id, Envelope.direction == "out", Envelope.kind == MATTER)
    packages = {one.envelope_id: one for one in session.scalars(handed)}
    arrived = session.scalars(
        select(Envelope)
        .where(Envelope.direction == "in", Envelope.kind == ANSWER, Envelope.in_reply_to.in_(packages))
        .order_by(Envelope.id)
    )
    found = [
        AnswerHere(one.peer, str(one.body["outcome"]), str(personal_content(one)["text"]), one.delivered_on) for one in arrived
    ]
    back = [one for one in packages.values() if one.state == "undelivered"]
    found += [AnswerHere(one.peer, one.state, UNDELIVERED_ZH, one.acknowledged_on) for one in back]
    return sorted(found, key=lambda one: one.arrived_on or date.max)


def _sent_case(session: Session, arrived: Envelope) -> tuple[Envelope, Case]:
    row = session.execute(
        select(Envelope, Case)
        .join(Case, (Case.tenant == Envelope.tenant) & (Case.id == Envelope.case_id))
        .where(Envelope.envelope_id == arrived.in_reply_to, Envelope.direction == "out")
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("回执没有对应的移交包", "a reply to a package that was never sent", where=str(arrived.in_reply_to))
    sent, case = row
    return sent, case


@on_arrival(TAKEN)
def _was_taken(session: Session, arrived: Envelope) -> None:
    sent, case = _sent_case(session, arrived)
    sent.acknowledged_on = current_scope().business_date
    # Its first delivery may have failed: then the answer is here before it, and the case is on its way at home again.
    if sent.state not in ("sealed", "delivered"):
        return
    sent.state = "taken"
    case.outside_state = "taken"
    case.version += 1


@on_arrival(ANSWER)
def _was_answered(session: Session, arrived: Envelope) -> None:
    sent, case = _sent_case(session, arrived)
    sent.state = str(arrived.body["outcome"])
    _at_home_again(session, case, sent)


@on_return(MATTER)
def _came_back(session: Session, sent: Envelope) -> None:
    case = session.scalar(
        select(Case).where(Case.id == sent.case_id).with_for_update().execution_options(populate_existing=True)
    )
    if case is not None and case.outside_state == "offered":
        _at_home_again(session, case, sent)


def _at_home_again(session: Session, case: Case, sent: Envelope) -> None:
    """Have a case that was handed over go on here, however its package ended."""
    case.outside_state = "returned"
    case.version += 1
    record(session, "case.came_back", "case", case.id, {"outcome": sent.state, "package": sent.envelope_id})
