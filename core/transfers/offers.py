"""One household moves by the word of two offices (家庭转移): the giver offers, the receiver accepts or refuses; once accepted
the household is sent. Each word travels in an envelope, and each side keeps a row of its own.

Cases that end in money are finished where the money is; they stay with the giver, as what was paid does.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.db.base import new_id
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.envelopes import UNDELIVERED_ZH, on_arrival, on_return, personal_content, seal_envelope, seal_reply
from core.exchange.models import Envelope
from core.host.declarations import COUNTIES
from core.host.manager import host
from core.people.life.steps import FILE
from core.people.models import Household, Person, WorkerFile
from core.scope import Standing, current_scope
from core.tenancy.service import reached_at, tenant_named
from core.text.lines import line_ends, reason_given
from core.trail.service import record
from core.transfers.departing import MOVING, depart
from core.transfers.hindrances import lines_of, refuse_unfinished
from core.transfers.models import HouseholdTransfer
from core.transfers.packing import pack
from core.vault.errors import SealBroken

OFFER, ACCEPTED, REFUSED, WITHDRAWN = (f"household.{word}" for word in ("offer", "accepted", "refused", "withdrawn"))
REASON_LENGTH = 500
STATES_ZH = {
    "offered": "待对方答复",
    "accepted": "对方已同意，正在移转",
    "refused": "对方未同意",
    "withdrawn": "已撤回",
    "sent": "正在移转",
    "arrived": "已转移",
}
TRANSFER = Kind("household_transfer", "家庭转移", STATES_ZH)
OFFERING = Demand("exchange.hand_over", levels=COUNTIES, begins=True)
ANSWERING = Demand("exchange.take", levels=COUNTIES, of=TRANSFER, states=frozenset({"offered"}))
ACCEPTING = replace(ANSWERING, begins=True)
WITHDRAWING = Demand("exchange.hand_over", levels=COUNTIES, of=TRANSFER, states=frozenset({"offered"}))


def offer(session: Session, household_id: uuid.UUID, peer: str, reason: str) -> HouseholdTransfer:
    """Offer a household to the county ``peer`` (转出). Raises ``Forbidden``, ``NotFound`` for an unknown household or county,
    ``InvalidInput`` without a reason, to oneself or to another province, ``Conflict`` where its file is closed, it is offered
    already, the other county is not at work, as ``refuse_unfinished``, or sealed values cannot be opened (``pack``)."""
    require(OFFERING)
    said, peer = reason_given(reason, "请填写理由", REASON_LENGTH), _county(session, peer)
    file = session.scalar(select(WorkerFile).where(WorkerFile.household_id == household_id).with_for_update())
    if file is None:
        raise NotFound("没有这户家庭的档案", "no such household on file", where=str(household_id))
    if file.status not in MOVING:
        raise Conflict("该户档案已注销或已转出", "the file is closed", where=file.file_number, files=[file.file_number])
    live = select(HouseholdTransfer.id).where(
        HouseholdTransfer.household_id == household_id,
        HouseholdTransfer.direction == "out",
        HouseholdTransfer.state.in_(("offered", "accepted", "sent")),
    )
    if session.scalar(live) is not None:
        raise Conflict("该户已提出转出", "the household is offered already", where=file.file_number, files=[file.file_number])
    refuse_unfinished(session, file)
    pack(session, [household_id], ())
    transfer_id = new_id()
    body = {"transfer_id": str(transfer_id), "file_number": file.file_number, "lines": lines_of(session, household_id)}
    personal = _who(session, file) | {"reason": said}
    envelope = seal_envelope(session, peer=peer, kind=OFFER, body=body, personal=personal)
    offered = _row(transfer_id, "out", peer, said, file.file_number, envelope)
    offered.household_id = household_id
    session.add(offered)
    session.flush()
    record(session, "household.offered", "household", household_id, {"peer": peer})
    return offered


def _county(session: Session, peer: str) -> str:
    """The code of another county of the province that takes households; a former code is as good."""
    scope, county = current_scope(), tenant_named(session, peer)
    if county.code == scope.tenant or (county.level, county.province) != (scope.level.value, scope.province):
        raise InvalidInput("请选择本省其他县级单位", "choose another county of the province", where="peer")
    if county.state != Standing.OPEN.value:
        raise Conflict(f"{county.union_name}未在正常办理，不能转入", "that county is not at work", where="peer")
    return county.code


def _who(session: Session, file: WorkerFile) -> dict[str, Any]:
    """What the receiver is told before it has the household: as much as tells whether it lives there."""
    name, masked = session.execute(select(Person.name, Person.identity_masked).where(Person.id == file.worker_id)).one()
    address = session.scalar(select(Household.address).where(Household.id == file.household_id))
    return {"name": name, "identity_masked": masked, "address": address}


def _row(transfer_id: uuid.UUID, direction: str, peer: str, reason: str, number: str, envelope: Envelope) -> HouseholdTransfer:
    scope = current_scope()
    return HouseholdTransfer(
        transfer_id=transfer_id,
        direction=direction,
        peer=peer,
        state="offered",
        reason=reason,
        file_number=number if direction == "out" else None,
        peer_file_number=number if direction == "in" else None,
        package_id=envelope.envelope_id,
        begun_by=scope.actor,
        begun_on=scope.business_date,
    )


def answer_offer(session: Session, transfer_id: uuid.UUID, *, accept: bool, why: str = "") -> HouseholdTransfer:
    """The receiver's word on a household that is offered (同意转入、不同意转入); ``why`` is needed to refuse. Accepted, the
    household comes as soon as the giver's side has heard of it. Repeated it changes nothing.

    Raises ``Forbidden``, ``NotFound``, ``Conflict`` where it is settled otherwise, or would be accepted of a county that has
    closed or moved away, ``InvalidInput`` without a reason.
    """
    require(ACCEPTING if accept else ANSWERING)
    offered = _locked(session, transfer_id, "in")
    word = "accepted" if accept else "refused"
    if offered.state == word or (accept and offered.state == "arrived"):
        return offered
    if not ANSWERING.fits(offered.state):
        raise Conflict(
            "该项转移已有结果",
            "the transfer is settled",
            where=offered.peer_file_number,
            files=[offered.peer_file_number],
        )
    said = line_ends(why).strip() if accept else reason_given(why, "请填写理由", REASON_LENGTH)
    if accept:
        _refuse_without_giver(session, offered)
        _refuse_lines_that_are_off(session, offered)
    offered.state = word
    offered.ended_on = None if accept else current_scope().business_date
    session.flush()
    _reply(session, offered, ACCEPTED if accept else REFUSED, said[:REASON_LENGTH])
    record(session, f"household.offer_{word}", "household_transfer", offered.id, {"peer": offered.peer})
    return offered


def _refuse_without_giver(session: Session, offered: HouseholdTransfer) -> None:
    if reached_at(session, offered.peer) != offered.peer:
        raise Conflict(
            "提出转移的单位已撤并或迁出，不能同意转入",
            "the county that offered it has closed or moved away",
            where=offered.peer_file_number,
            files=[offered.peer_file_number],
            mend_zh="请选择不同意；该户档案已转由承接单位管理的，请承接单位另行提出",
            mend_en="refuse it; whoever took the household over offers it anew",
        )


def _refuse_lines_that_are_off(session: Session, offered: HouseholdTransfer) -> None:
    lines = session.scalar(
        select(Envelope.body["lines"]).where(Envelope.envelope_id == offered.package_id, Envelope.direction == "in")
    )
    if off := sorted(set(lines or ()) - current_scope().plugins):
        names = "、".join(host().info(line).title_zh for line in off)
        raise Conflict(
            f"该户有{names}事项在办，本单位未启用该业务，不能同意转入",
            f"open matters would go on where their line is off: {', '.join(off)}",
            where=offered.peer_file_number,
            files=[offered.peer_file_number],
            mend_zh="请先启用该业务，或请对方办结后再转",
            mend_en="switch the line on, or let the other county finish them first",
        )


def _reply(session: Session, told: HouseholdTransfer, kind: str, why: str = "") -> None:
    """Send the other side a word on a transfer, where it is there to hear it. What somebody typed may name people, so it is
    sealed; and what was told of the household with the offer is emptied here, since nobody needs it any more."""
    body = {"transfer_id": str(told.transfer_id)}
    seal_reply(session, peer=told.peer, kind=kind, body=body, personal={"why": why}, in_reply_to=told.package_id)
    _forget(session, told)


def _forget(session: Session, told: HouseholdTransfer) -> None:
    offer_here = (Envelope.envelope_id == told.package_id, Envelope.kind == OFFER)
    session.execute(update(Envelope).where(*offer_here).values(body_cipher=None))


def withdraw_offer(session: Session, transfer_id: uuid.UUID) -> HouseholdTransfer:
    """Take back an offer that was not answered yet. Raises ``Forbidden``, ``NotFound``, ``Conflict`` where it was."""
    require(WITHDRAWING)
    offered = _locked(session, transfer_id, "out")
    if not WITHDRAWING.fits(offered.state):
        raise Conflict("对方已答复，不能撤回", "the offer was answered", where=offered.file_number, files=[offered.file_number])
    _take_back(session, offered)
    return offered


def _take_back(session: Session, offered: HouseholdTransfer, why: str = "") -> None:
    offered.state, offered.ended_on = "withdrawn", current_scope().business_date
    if why:
        offered.history = {"why": why}
    session.flush()
    _reply(session, offered, WITHDRAWN, why)
    record(session, "household.offer_withdrawn", "household", offered.household_id, {"peer": offered.peer})


def offers(session: Session, direction: str, limit: int = 100) -> Sequence[HouseholdTransfer]:
    """The newest transfers that came (``in``) or went (``out``)."""
    wanted = select(HouseholdTransfer).where(HouseholdTransfer.direction == direction)
    return session.scalars(wanted.order_by(HouseholdTransfer.id.desc()).limit(limit)).all()


def unanswered(session: Session) -> int:
    """How many households are offered here and wait for this office's word."""
    wanted = select(func.count()).select_from(HouseholdTransfer)
    return session.scalar(wanted.where(HouseholdTransfer.direction == "in", HouseholdTransfer.state == "offered")) or 0


def offered_households(session: Session, offered: Sequence[HouseholdTransfer]) -> dict[uuid.UUID, dict[str, Any]]:
    """Name, masked number and address of households that are offered here, by transfer, for those who may take them: one
    statement. One whose content cannot be opened says so and hides no other. Raises ``Forbidden``."""
    require(Demand("exchange.take", levels=COUNTIES))
    if not offered:
        return {}
    by_package = {one.package_id: one.transfer_id for one in offered}
    wanted = select(Envelope).where(
        Envelope.envelope_id.in_([package for package in by_package if package]),
        Envelope.direction == "in",
        Envelope.kind == OFFER,
    )
    return {by_package[envelope.envelope_id]: _content_or_word(envelope) for envelope in session.scalars(wanted)}


def _content_or_word(envelope: Envelope) -> dict[str, Any]:
    try:
        return personal_content(envelope)
    except SealBroken:
        return {"name": "移交内容无法打开，请不同意并请对方重新提出", "identity_masked": None, "address": ""}


def _locked(session: Session, transfer_id: uuid.UUID, direction: str) -> HouseholdTransfer:
    wanted = select(HouseholdTransfer).where(
        HouseholdTransfer.transfer_id == transfer_id, HouseholdTransfer.direction == direction
    )
    found = session.scalar(wanted.with_for_update().execution_options(populate_existing=True))
    if found is None:
        raise NotFound("没有这项转移", "no such transfer", where=str(transfer_id))
    return found


@on_arrival(OFFER)
def _is_offered(session: Session, arrived: Envelope) -> None:
    body, reason = arrived.body, str(personal_content(arrived)["reason"])
    session.add(_row(uuid.UUID(body["transfer_id"]), "in", arrived.peer, reason, str(body["file_number"]), arrived))


@on_arrival(ACCEPTED)
def _was_accepted(session: Session, arrived: Envelope) -> None:
    offered = _locked(session, uuid.UUID(arrived.body["transfer_id"]), "out")
    # Taken back meanwhile: the receiver is told so by an envelope of its own.
    if offered.state != "offered" or offered.household_id is None:
        return
    wanted = select(WorkerFile).where(WorkerFile.household_id == offered.household_id).with_for_update()
    try:
        file = session.scalars(wanted.execution_options(populate_existing=True)).one()
        if file.status not in MOVING:
            raise Conflict(
                f"该户档案现为“{FILE.states[file.status]}”",
                f"the file is {file.status}",
                where=file.file_number,
                files=[file.file_number],
            )
        refuse_unfinished(session, file)
        with session.begin_nested():
            offered.state = "accepted"
            session.flush()
            _forget(session, offered)
            depart(session, offered.peer, [offered.household_id], offered.reason)
    except Conflict as standing:  # begun since it was offered: the offer is taken back, and made again when that is finished
        session.refresh(offered)
        _take_back(session, offered, standing.zh)


@on_arrival(REFUSED)
def _was_refused(session: Session, arrived: Envelope) -> None:
    offered = _locked(session, uuid.UUID(arrived.body["transfer_id"]), "out")
    if offered.state != "offered":
        return
    offered.state, offered.ended_on = "refused", current_scope().business_date
    offered.history = {"why": str(personal_content(arrived)["why"])}
    _forget(session, offered)
    record(session, "household.offer_was_refused", "household", offered.household_id, {"peer": offered.peer})


@on_arrival(WITHDRAWN)
def _was_withdrawn(session: Session, arrived: Envelope) -> None:
    offered = _locked(session, uuid.UUID(arrived.body["transfer_id"]), "in")
    if offered.state in ("offered", "accepted"):
        offered.state, offered.ended_on = "withdrawn", current_scope().business_date
        if why := personal_content(arrived).get("why"):
            offered.history = {"why": str(why)}
        _forget(session, offered)


@on_return(OFFER)
def _offer_came_back(session: Session, sent: Envelope) -> None:
    _end_undelivered(session, _locked(session, uuid.UUID(sent.body["transfer_id"]), "out"))


@on_return(ACCEPTED)
def _acceptance_came_back(session: Session, sent: Envelope) -> None:
    _end_undelivered(session, _locked(session, uuid.UUID(sent.body["transfer_id"]), "in"))


def _end_undelivered(session: Session, told: HouseholdTransfer) -> None:
    """The other county has closed and nobody took over: nothing will come of a transfer that was agreed on or offered."""
    if told.state not in ("offered", "accepted"):
        return
    told.state, told.ended_on, told.history = "withdrawn", current_scope().business_date, {"why": UNDELIVERED_ZH}
    session.flush()
    _forget(session, told)
    record(session, "household.transfer_undelivered", "household_transfer", told.id, {"peer": told.peer})
