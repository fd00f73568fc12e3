"""Telling the other county of a household that moved between two that its data were erased here (告知对方单位, PIPL Art. 47).

The giver tells the receiver and the receiver the giver, for both hold what was moved. Each county erases its own: who is told
decides by the period of retention that runs there, and answers. What travels are ids that both know from the transfer, no name
and no reason. Where the receiver has closed since and sent the household on, the county is told where it is now. A county that
closed and that nobody took over is not told, and not answered either; what it was told and left unanswered ends here.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.session import unit_of_work
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
from core.scope import current_scope, entered
from core.tenancy.service import heir_of, system_scope
from core.trail.service import record
from core.transfers.models import BroughtPerson, HouseholdTransfer

TOLD, ANSWER = "rights.erased_there", "rights.erased_there_answer"
HANDLING: Final = Demand(HANDLE)
OUTCOMES: Final = MappingProxyType({"erasing": "本单位也办理删除", "kept": "本单位依法继续保存"})
ENDED: Final = MappingProxyType(
    {
        "erasing": "对方也办理删除",
        "kept": "对方依法继续保存",
        "nothing": "对方没有其信息，无须办理",
        "closed": "对方已撤销，无须答复",
        "led_on": "对方已撤并，已另行告知承接单位",
    }
)
"""How a notice of this county ended; the last three without anybody's decision."""
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class _Came:
    """A household that came to ``county`` from ``giver``: the number of its transfer, and persons by their ids with the giver.
    ``back``: it is the giver that is told."""

    county: str
    giver: str
    transfer: uuid.UUID
    persons: Collection[uuid.UUID]
    back: bool = False

    @property
    def told(self) -> str:
        """Whom a notice goes to."""
        return self.giver if self.back else self.county

    @property
    def told_by(self) -> str:
        """By which county the one that is told finds the transfer."""
        return self.county if self.back else self.giver


def tell_partners(session: Session, erasure: Erasure) -> int:
    """Tell the counties to which the erased persons had moved, with whatever household of theirs, and those from which they
    came; how many notices that are. In the erasure's transaction, after what it empties: who belonged to which household stays.
    Who told this county of the same erasure is not told again."""
    scope = current_scope()
    belonged = _households(session, erasure)
    own = gone_whole(session, erasure)
    moved = (
        select(
            HouseholdTransfer.household_id, HouseholdTransfer.peer, HouseholdTransfer.transfer_id, HouseholdTransfer.direction
        )
        .where(HouseholdTransfer.state == "arrived", among(HouseholdTransfer.household_id, belonged))
        .order_by(HouseholdTransfer.direction.desc(), HouseholdTransfer.id)
    )
    told, of_all = 0, set[str]()
    for home, peer, transfer, direction in session.execute(moved).all():
        if home is None:
            continue
        persons, whole = belonged[home], home in own
        if direction == "out":
            now = _where_now(session, _Came(peer, scope.tenant, transfer, persons))
        else:
            # a household that went there and came back is one household there
            now = None if whole and peer in of_all else _whence(session, peer, transfer, persons, whole=whole)
        if now is None or _was_told_by(session, now.told, home, persons, whole=whole):
            continue
        _tell(session, now, home, persons, whole=whole, ground=erasure.ground)
        told += 1
        of_all |= {now.told} if whole else set()
    session.flush()
    return told


def _tell(
    session: Session, now: _Came, home: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool, ground: str
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


def _whence(session: Session, giver: str, transfer: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool) -> _Came | None:
    """The household as the county knows it from which it came; None where that has closed, or none of them came from there."""
    if heir_of(session, giver) != giver:
        return None
    came = select(BroughtPerson.peer_person_id).where(BroughtPerson.peer == giver, among(BroughtPerson.person_id, persons))
    there = sorted(session.scalars(came))
    return _Came(current_scope().tenant, giver, transfer, there, back=True) if there or whole else None


def _was_told_by(session: Session, peer: str, home: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool) -> bool:
    """Whether ``peer`` itself has told that it erased as much of the household."""
    told = select(PartnerErasure.whole, PartnerErasure.persons).where(
        PartnerErasure.direction == "in", PartnerErasure.peer == peer, PartnerErasure.household_id == home
    )
    return any(row.whole or (not whole and set(persons) <= set(row.persons)) for row in session.execute(told))


def lead_on(session: Session) -> int:
    """End what was told to counties that have closed before they answered: told anew to the county where the household is
    now, else over. How many that were."""
    waiting = select(PartnerErasure).where(PartnerErasure.direction == "out", PartnerErasure.outcome.is_(None))
    peers = set(session.scalars(waiting.with_only_columns(PartnerErasure.peer).distinct()))
    gone = sorted(peer for peer in peers if heir_of(session, peer) != peer)
    left = session.scalars(waiting.where(PartnerErasure.peer.in_(gone)).order_by(PartnerErasure.id).with_for_update()).all()
    for told in left:
        _lead_on(session, told)
    return len(left)


def _lead_on(session: Session, told: PartnerErasure) -> None:
    went = select(HouseholdTransfer.transfer_id).where(
        HouseholdTransfer.direction == "out",
        HouseholdTransfer.state == "arrived",
        HouseholdTransfer.household_id == told.household_id,
        HouseholdTransfer.peer == told.peer,
    )
    transfer = session.scalar(went.order_by(HouseholdTransfer.id.desc()).limit(1))
    came = None if transfer is None else _Came(told.peer, current_scope().tenant, transfer, told.persons)
    now = None if came is None else _where_now(session, came)
    if now is not None:
        _tell(session, now, told.household_id, told.persons, whole=told.whole, ground=told.ground)
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


def _where_now(session: Session, came: _Came) -> _Came | None:
    """Where a household is that moved away, followed through counties that have closed since and sent it on; None where it is
    here again, or with nobody."""
    own = current_scope().tenant
    while came.county != own:
        heir = heir_of(session, came.county)
        if heir == came.county:
            return came
        on = None if heir is None else _sent_on(came)
        if on is None:
            return None
        came = on
    return None


def _sent_on(came: _Came) -> _Came | None:
    """The transfer by which a county that has closed sent a household on. Its rows are asked, as for a package on its way to it
    (``core.exchange.envelopes``)."""
    with entered(system_scope(came.county, "relay", closed=True)), unit_of_work() as there:
        home = there.scalar(_arrived(came.giver, came.transfer))
        went = select(HouseholdTransfer.peer, HouseholdTransfer.transfer_id).where(
            HouseholdTransfer.direction == "out",
            HouseholdTransfer.state == "arrived",
            HouseholdTransfer.household_id == home,
        )
        on = None if home is None else there.execute(went.order_by(HouseholdTransfer.id.desc()).limit(1)).first()
        if on is None:
            return None
        return _Came(on.peer, came.county, on.transfer_id, _persons_here(there, came.giver, came.persons))


def _arrived(giver: str, transfer: uuid.UUID) -> Select[uuid.UUID | None]:
    """The household here that came by a transfer."""
    return select(HouseholdTransfer.household_id).where(
        HouseholdTransfer.direction == "in", HouseholdTransfer.peer == giver, HouseholdTransfer.transfer_id == transfer
    )


def _persons_here(session: Session, giver: str, there: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Who persons of another county are here, as far as they came."""
    came = select(BroughtPerson.person_id).where(BroughtPerson.peer == giver, among(BroughtPerson.peer_person_id, there))
    return sorted(session.scalars(came))


@on_arrival(TOLD)
def _was_told(session: Session, arrived: Envelope) -> None:
    body, there = arrived.body, [uuid.UUID(one) for one in personal_content(arrived)["persons"]]
    arrived.body_cipher = None
    # the household may have come by way of a county that has closed: then not from the one that tells
    by, whole, transfer = str(body.get("by", arrived.peer)), bool(body["whole"]), uuid.UUID(str(body["transfer"]))
    if body.get("back"):
        home, persons = session.scalar(_went(by, transfer)), there
    else:
        home, persons = session.scalar(_arrived(by, transfer)), _persons_here(session, by, there)
    asked = select(Person.id).where(among(Person.id, persons), Person.erased_at.is_(None))
    standing = sorted(session.scalars(asked))
    if home is None or not (standing or (whole and not persons)):
        # the household did not come here after all, none of them did, or they are erased here too: there is nothing to decide
        if heir_of(session, arrived.peer) == arrived.peer:
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


def _went(receiver: str, transfer: uuid.UUID) -> Select[uuid.UUID | None]:
    """The household here that went by a transfer."""
    return select(HouseholdTransfer.household_id).where(
        HouseholdTransfer.direction == "out",
        HouseholdTransfer.state == "arrived",
        HouseholdTransfer.peer == receiver,
        HouseholdTransfer.transfer_id == transfer,
    )


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
    if heir_of(session, found.peer) == found.peer:  # whoever took over from a county that closed has asked nothing
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
    if outcome == "nothing" and heir_of(session, told.peer) != told.peer:
        _lead_on(session, told)  # whoever took over knows the household by another transfer
        return
    _end(session, told, outcome, f"tenant:{arrived.peer}", arrived.sealed_on)
