"""Telling the county to which a household had moved that its data were erased here (告知接收单位, PIPL Art. 47).

Each county erases its own: who is told decides by the period of retention that runs there, and answers. What travels are
ids that both know from the transfer, no name and no reason.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.envelopes import on_arrival, personal_content, seal_envelope
from core.exchange.models import Envelope
from core.people.models import Person
from core.rights.models import Erasure
from core.rights.names import HANDLE
from core.rights.partner_models import PartnerErasure
from core.rights.requests import text_of
from core.scope import current_scope
from core.trail.service import record
from core.transfers.models import BroughtPerson, HouseholdTransfer

TOLD, ANSWER = "rights.erased_there", "rights.erased_there_answer"
HANDLING: Final = Demand(HANDLE)
OUTCOMES: Final = MappingProxyType({"erasing": "本单位也办理删除", "kept": "本单位依法继续保存"})
_MOST: Final = 200


def tell_receivers(session: Session, erasure: Erasure) -> int:
    """Tell every county to which the household of a confirmed erasure had moved; how many. In the erasure's transaction."""
    scope = current_scope()
    moved = (
        select(HouseholdTransfer.peer, HouseholdTransfer.transfer_id)
        .where(HouseholdTransfer.direction == "out", HouseholdTransfer.state == "arrived")
        .where(HouseholdTransfer.household_id == erasure.household_id)
        .order_by(HouseholdTransfer.id)
    )
    told = dict(session.execute(moved).all())
    for peer, transfer in told.items():
        envelope = seal_envelope(
            session,
            peer=peer,
            kind=TOLD,
            body={"transfer": str(transfer), "whole": erasure.whole, "ground": erasure.ground},
            personal={"persons": [str(one) for one in erasure.persons]},
        )
        session.add(
            PartnerErasure(
                envelope_id=envelope.envelope_id,
                direction="out",
                peer=envelope.peer,
                household_id=erasure.household_id,
                whole=erasure.whole,
                persons=list(erasure.persons),
                ground=erasure.ground,
                told_on=scope.business_date,
            )
        )
        fields = {"peer": envelope.peer, "package": envelope.envelope_id}
        record(session, "rights.receiver_told", "household", erasure.household_id, fields)
    session.flush()
    return len(told)


@on_arrival(TOLD)
def _was_told(session: Session, arrived: Envelope) -> None:
    body, there = arrived.body, [uuid.UUID(one) for one in personal_content(arrived)["persons"]]
    came = select(HouseholdTransfer.household_id).where(
        HouseholdTransfer.direction == "in",
        HouseholdTransfer.peer == arrived.peer,
        HouseholdTransfer.transfer_id == uuid.UUID(str(body["transfer"])),
    )
    home = session.scalar(came)
    arrived.body_cipher = None
    if home is None:
        return  # the household did not come here after all: there is nothing to decide
    here = select(BroughtPerson.person_id).where(BroughtPerson.peer == arrived.peer, among(BroughtPerson.peer_person_id, there))
    session.add(
        PartnerErasure(
            envelope_id=arrived.envelope_id,
            direction="in",
            peer=arrived.peer,
            household_id=home,
            whole=bool(body["whole"]),
            persons=sorted(session.scalars(here)),
            ground=str(body["ground"]),
            told_on=arrived.sealed_on,
        )
    )
    session.flush()
    record(session, "rights.erased_there", "household", home, {"peer": arrived.peer, "package": arrived.envelope_id})


def partner_erasures(session: Session) -> Sequence[PartnerErasure]:
    """What this county was told and has told, unanswered first, newest first. Raises ``Forbidden`` without rights.handle."""
    require(HANDLING)
    newest = select(PartnerErasure).order_by(PartnerErasure.outcome.is_not(None), PartnerErasure.id.desc())
    return session.scalars(newest.limit(_MOST)).all()


def names_here(session: Session, rows: Sequence[PartnerErasure]) -> dict[uuid.UUID, str]:
    """Names of those of ``rows`` whose data are here."""
    ids = {person for row in rows for person in row.persons}
    return dict(session.execute(select(Person.id, Person.name).where(among(Person.id, ids))).all())


def undecided(session: Session) -> int:
    """How many the county was told of and has not answered."""
    waiting = select(func.count()).select_from(PartnerErasure)
    return session.scalar(waiting.where(PartnerErasure.direction == "in", PartnerErasure.outcome.is_(None))) or 0


def answer_partner(session: Session, told_id: uuid.UUID, outcome: str, answer: str) -> PartnerErasure:
    """Answer the county that erased: whether the data are erased here too, or kept. ``answer`` is the ground, on record here
    alone. The erasure itself is proposed as any other.

    Raises ``Forbidden`` without rights.handle, ``NotFound``, ``InvalidInput`` for no such outcome or a missing ground,
    ``Conflict`` once answered.
    """
    require(HANDLING)
    scope = current_scope()
    if outcome not in OUTCOMES:
        raise InvalidInput("请选择办理结果", f"one of {', '.join(OUTCOMES)}", where="outcome")
    said = text_of(answer, "answer", "依据")
    wanted = select(PartnerErasure).where(PartnerErasure.id == told_id, PartnerErasure.direction == "in")
    found = session.scalar(wanted.with_for_update())
    if found is None:
        raise NotFound("没有这一告知", "no such notice", where="told_id")
    if found.outcome is not None:
        raise Conflict("该告知已答复", "it was answered before", where="outcome")
    found.outcome, found.answer = outcome, said
    found.answered_on, found.answered_by = scope.business_date, scope.actor
    # the ground stays here: the other county shall hold no more words about whom it erased
    seal_envelope(session, peer=found.peer, kind=ANSWER, body={"outcome": outcome}, in_reply_to=found.envelope_id)
    session.flush()
    record(session, "rights.receiver_decided", "household", found.household_id, {"peer": found.peer, "outcome": outcome})
    return found


@on_arrival(ANSWER)
def _was_answered(session: Session, arrived: Envelope) -> None:
    asked = select(PartnerErasure).where(
        PartnerErasure.envelope_id == arrived.in_reply_to,
        PartnerErasure.direction == "out",
        PartnerErasure.peer == arrived.peer,
    )
    told = session.scalar(asked.with_for_update())
    if told is None:
        raise NotFound("答复没有对应的告知", "an answer to no notice", where=str(arrived.in_reply_to))
    if told.outcome is not None:
        return
    told.outcome = str(arrived.body["outcome"])
    told.answered_on, told.answered_by = arrived.sealed_on, f"tenant:{arrived.peer}"
    session.flush()
    record(session, "rights.receiver_answered", "household", told.household_id, {"peer": arrived.peer, "outcome": told.outcome})
