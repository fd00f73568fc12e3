"""Telling the other county of a household that moved between two that its data were erased here (告知对方单位, PIPL Art. 47).

The giver tells the receiver and the receiver the giver, for both hold what was moved. Each county erases its own: who is told
decides by the period of retention that runs there, and answers. What travels are ids that both know from the transfer, no name
and no reason. Where a county has closed since, or is left for reading, the household is followed through it to where it is now,
or was before (``core.rights.whereabouts``). Such a county is not told, and not answered either; what it was told and left
unanswered ends here.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.envelopes import on_arrival, on_return, personal_content, seal_envelope
from core.exchange.models import Envelope
from core.people.models import Membership, Person, WorkerFile
from core.rights.emptying import gone_whole
from core.rights.models import Erasure
from core.rights.names import HANDLE
from core.rights.partner_models import PartnerErasure
from core.rights.requests import text_of
from core.rights.whereabouts import Came, came_by, persons_here, went_by, whence, where_now
from core.scope import current_scope
from core.tenancy.service import reached_at
from core.trail.service import record
from core.transfers.models import HouseholdTransfer

TOLD, ANSWER = "rights.erased_there", "rights.erased_there_answer"
HANDLING: Final = Demand(HANDLE)
OUTCOMES: Final = MappingProxyType({"erasing": "本单位也办理删除", "kept": "本单位依法继续保存"})
ENDED: Final = MappingProxyType(
    {
        "erasing": "对方也办理删除",
        "kept": "对方依法继续保存",
        "nothing": "对方没有其信息，无须办理",
        "closed": "对方已撤销或迁出，无须答复",
        "led_on": "对方已撤并，已另行告知承接单位",
    }
)
"""How a notice of this county ended; the last three without anybody's decision."""
_MOST: Final = 200


def tell_partners(session: Session, erasure: Erasure) -> int:
    """Tell the counties to which the erased persons had moved, with whatever household of theirs, and those from which they
    came; how many notices that are. In the erasure's transaction, after what it empties: who belonged to which household stays.
    Who told this county of the same erasure is not told again, and nobody is told twice of what went there and came back."""
    belonged = _households(session, erasure)
    own = gone_whole(session, erasure)
    moved = (
        select(HouseholdTransfer.household_id, HouseholdTransfer.direction)
        .where(HouseholdTransfer.state == "arrived", among(HouseholdTransfer.household_id, belonged))
        .order_by(HouseholdTransfer.direction.desc(), HouseholdTransfer.id)
    )
    told, of_all, of_some = 0, set[str](), defaultdict[str, set[uuid.UUID]](set)
    for home, direction in session.execute(moved).all():
        if home is None:
            continue
        persons, whole = belonged[home], home in own
        out = direction == "out"
        now = where_now(session, home, persons) if out else whence(session, home, persons, whole=whole)
        if now is None:
            continue
        # a household that went there and came back is one household there
        if not out and (now.told in of_all if whole else persons <= of_some[now.told]):
            continue
        if _was_told_by(session, now.told, home, persons, whole=whole):
            continue
        _tell(session, now, home, persons, whole=whole, ground=erasure.ground)
        told += 1
        of_all |= {now.told} if whole else set()
        of_some[now.told] |= persons
    session.flush()
    return told


def _tell(
    session: Session, now: Came, home: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool, ground: str
) -> PartnerErasure:
    """Seal one notice of what was erased of the household ``home``, and keep that it was told."""
    envelope = seal_envelope(
        session,
        peer=now.told,
        kind=TOLD,
        body={"transfer": str(now.transfer), "by": now.told_by, "whole": whole, "ground": ground, "back": now.back},
        personal={"persons": sorted(str(one) for one in now.persons)},
    )
    told = PartnerErasure(
        envelope_id=envelope.envelope_id,
        direction="out",
        peer=envelope.peer,
        household_id=home,
        whole=whole,
        persons=sorted(persons),
        ground=ground,
        told_on=current_scope().business_date,
    )
    session.add(told)
    record(session, "rights.receiver_told", "household", home, {"peer": envelope.peer, "package": envelope.envelope_id})
    return told


def _was_told_by(session: Session, peer: str, home: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool) -> bool:
    """Whether ``peer`` itself has told that it erased as much of the household, which bears one number there and may be two
    here: that which went and that which came back."""
    moved = select(HouseholdTransfer.household_id).where(HouseholdTransfer.peer == peer)
    number = select(HouseholdTransfer.peer_file_number).where(
        HouseholdTransfer.peer == peer, HouseholdTransfer.household_id == home
    )
    same = moved.where(HouseholdTransfer.peer_file_number.in_(number))
    told = select(PartnerErasure.whole, PartnerErasure.persons).where(
        PartnerErasure.direction == "in",
        PartnerErasure.peer == peer,
        or_(PartnerErasure.household_id == home, PartnerErasure.household_id.in_(same)),
    )
    return any(row.whole or (not whole and set(persons) <= set(row.persons)) for row in session.execute(told))


def lead_on(session: Session) -> int:
    """End what was told to counties that have closed, or moved away, before they answered: told anew to the county where the
    household is now, or was before, else over. How many that were."""
    waiting = select(PartnerErasure).where(PartnerErasure.direction == "out", PartnerErasure.outcome.is_(None))
    peers = set(session.scalars(waiting.with_only_columns(PartnerErasure.peer).distinct()))
    gone = sorted(peer for peer in peers if reached_at(session, peer) != peer)
    left = session.scalars(waiting.where(PartnerErasure.peer.in_(gone)).order_by(PartnerErasure.id).with_for_update()).all()
    for told in left:
        _lead_on(session, told)
    return len(left)


def _lead_on(session: Session, told: PartnerErasure) -> None:
    sealed = select(Envelope.body).where(Envelope.envelope_id == told.envelope_id, Envelope.direction == "out")
    home, persons = told.household_id, told.persons
    if (session.scalar(sealed) or {}).get("back"):
        now = whence(session, home, persons, whole=told.whole)
    else:
        now = where_now(session, home, persons)
    if now is not None:
        _tell(session, now, home, persons, whole=told.whole, ground=told.ground)
    _end(session, told, "closed" if now is None else "led_on", current_scope().actor)


def _end(session: Session, told: PartnerErasure, outcome: str, by: str, on: date | None = None) -> None:
    """Put on record how a notice of this county ended."""
    told.outcome, told.answered_on, told.answered_by = outcome, on or current_scope().business_date, by
    session.flush()
    record(session, "rights.receiver_answered", "household", told.household_id, {"peer": told.peer, "outcome": outcome})


def _households(session: Session, erasure: Erasure) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Households to which the erased persons ever belonged, each with those of them, and the one that the erasure names."""
    members = select(Membership.household_id, Membership.person_id).where(among(Membership.person_id, erasure.persons))
    workers = select(WorkerFile.household_id, WorkerFile.worker_id).where(among(WorkerFile.worker_id, erasure.persons))
    found: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set, {erasure.household_id: set()})
    for home, person in (*session.execute(members), *session.execute(workers)):
        found[home].add(person)
    return found


@on_arrival(TOLD)
def _was_told(session: Session, arrived: Envelope) -> None:
    body, there = arrived.body, [uuid.UUID(one) for one in personal_content(arrived)["persons"]]
    arrived.body_cipher = None
    # the household may have come by way of a county that has closed: then not from the one that tells
    by, whole, transfer = str(body.get("by", arrived.peer)), bool(body["whole"]), uuid.UUID(str(body["transfer"]))
    if body.get("back"):
        home, persons = session.scalar(went_by(by, transfer)), there
    else:
        home, persons = session.scalar(came_by(by, transfer)), persons_here(session, by, there)
    asked = select(Person.id).where(among(Person.id, persons), Person.erased_at.is_(None))
    standing = sorted(session.scalars(asked))
    if home is None or not (standing or (whole and not persons)):
        # the household did not come here after all, none of them did, or they are erased here too: there is nothing to decide
        if reached_at(session, arrived.peer) == arrived.peer:
            nothing = {"outcome": "nothing"}
            seal_envelope(session, peer=arrived.peer, kind=ANSWER, body=nothing, in_reply_to=arrived.envelope_id)
        return
    session.add(
        PartnerErasure(
            envelope_id=arrived.envelope_id,
            direction="in",
            peer=arrived.peer,
            household_id=home,
            whole=whole,
            persons=standing,
            ground=str(body["ground"]),
            told_on=arrived.sealed_on,
        )
    )
    session.flush()
    record(session, "rights.erased_there", "household", home, {"peer": arrived.peer, "package": arrived.envelope_id})


@on_return(TOLD)
def _came_back(session: Session, sent: Envelope) -> None:
    told = session.scalar(_sent_notice(sent.envelope_id))
    if told is not None and told.outcome is None:
        _lead_on(session, told)


def partner_erasures(session: Session) -> Sequence[PartnerErasure]:
    """What this county was told and has told, unanswered first, newest first. Raises ``Forbidden`` without rights.handle."""
    require(HANDLING)
    newest = select(PartnerErasure).order_by(PartnerErasure.outcome.is_not(None), PartnerErasure.id.desc())
    return session.scalars(newest.limit(_MOST)).all()


def names_here(session: Session, rows: Sequence[PartnerErasure]) -> dict[uuid.UUID, str]:
    """Names of those of ``rows`` whose data are here."""
    ids = {person for row in rows for person in row.persons}
    return dict(session.execute(select(Person.id, Person.name).where(among(Person.id, ids))).all())


def files_here(session: Session, rows: Sequence[PartnerErasure]) -> dict[uuid.UUID, str]:
    """Numbers of the files of ``rows`` by household: what is left to call an erased one by."""
    homes = {row.household_id for row in rows}
    found = select(WorkerFile.household_id, WorkerFile.file_number).where(among(WorkerFile.household_id, homes))
    return {row.household_id: row.file_number for row in session.execute(found)}


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
    if reached_at(session, found.peer) == found.peer:  # whoever took over from a county that closed has asked nothing
        seal_envelope(session, peer=found.peer, kind=ANSWER, body={"outcome": outcome}, in_reply_to=found.envelope_id)
    session.flush()
    record(session, "rights.receiver_decided", "household", found.household_id, {"peer": found.peer, "outcome": outcome})
    return found


def _sent_notice(envelope_id: uuid.UUID | None) -> Select[PartnerErasure]:
    """The notice of this county that travelled in an envelope, locked."""
    mine = select(PartnerErasure).where(PartnerErasure.envelope_id == envelope_id, PartnerErasure.direction == "out")
    return mine.with_for_update()


@on_arrival(ANSWER)
def _was_answered(session: Session, arrived: Envelope) -> None:
    # by the notice alone: it may have been led on to whoever took over from the county to which it was sent
    told = session.scalar(_sent_notice(arrived.in_reply_to))
    if told is None or told.outcome is not None:
        return  # it was led on to the heir of the county that asked, or comes twice
    outcome = str(arrived.body["outcome"])
    if outcome == "nothing" and reached_at(session, told.peer) != told.peer:
        _lead_on(session, told)  # whoever took over knows the household by another transfer
        return
    _end(session, told, outcome, f"tenant:{arrived.peer}", arrived.sealed_on)
