"""Where a household went and where it came from, and what is done with one that may be here twice (转出转入, 疑似重复)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.errors import Conflict, NotFound
from core.people.life.service import apply
from core.people.life.steps import STEP
from core.people.models import Membership, Person, WorkerFile
from core.scope import current_scope
from core.tenancy.keys import tenant_key
from core.text.lines import reason_given
from core.trail.service import record
from core.transfers.departing import MOVING
from core.transfers.models import BroughtCase, HouseholdTransfer, may_be_here_twice
from core.transfers.resealing import Resealer
from core.vault.errors import SealBroken

REASON_LENGTH = 500
TWICE = Kind("household_twice", "疑似重复档案", {"open": "待核对", "settled": "已核对"})
SETTLE = Demand("people.write", of=TWICE, states=frozenset({"open"}))


def transfers_of(session: Session, household_id: uuid.UUID) -> Sequence[HouseholdTransfer]:
    """How a household came here and went from here, oldest first."""
    wanted = select(HouseholdTransfer).where(HouseholdTransfer.household_id == household_id)
    return session.scalars(wanted.order_by(HouseholdTransfer.id)).all()


def came_as(session: Session, household_id: uuid.UUID) -> HouseholdTransfer | None:
    """The transfer by which a household came that bore this id in the county it came from; None where there is none."""
    wanted = select(HouseholdTransfer).where(
        HouseholdTransfer.direction == "in",
        HouseholdTransfer.peer_household_id == household_id,
        HouseholdTransfer.state == "arrived",
    )
    return session.scalar(wanted.order_by(HouseholdTransfer.id.desc()).limit(1))


def brought_case(session: Session, case_id: uuid.UUID) -> BroughtCase | None:
    """Where a case began that goes on here; None for one of this county's own."""
    return session.scalar(select(BroughtCase).where(BroughtCase.case_id == case_id))


def twice_waiting(session: Session, limit: int = 200) -> Sequence[HouseholdTransfer]:
    """Households that came and hold somebody who was on file here already, oldest first: somebody has to look. What has gone on
    to another county since, or was cancelled, is not meant."""
    wanted = select(HouseholdTransfer).where(
        *may_be_here_twice(),
        HouseholdTransfer.household_id.in_(select(WorkerFile.household_id).where(WorkerFile.status.in_(MOVING))),
    )
    return session.scalars(wanted.order_by(HouseholdTransfer.id).limit(limit)).all()


def settle_twice(session: Session, transfer_id: uuid.UUID, *, keep: bool, why: str) -> HouseholdTransfer:
    """Say of a household that may be here twice that it is one of its own (``keep``: its file stands again as it came), or that
    its file is cancelled because the one that was here stands. Nothing is merged or deleted either way.

    Raises ``Forbidden`` without people.write, ``NotFound``, ``Conflict`` where somebody was first, where the file has gone on
    to another county or was cancelled since, or where it shall be kept while a member still belongs to another file here
    (domain 10: one household, one file), ``InvalidInput`` without a reason.
    """
    require(SETTLE)
    scope, said = current_scope(), reason_given(why, "请填写核对情况", REASON_LENGTH, where="why")
    wanted = select(HouseholdTransfer).where(
        HouseholdTransfer.transfer_id == transfer_id, HouseholdTransfer.direction == "in", HouseholdTransfer.state == "arrived"
    )
    transfer = session.scalar(wanted.with_for_update())
    if transfer is None or not transfer.twice or transfer.household_id is None:
        raise NotFound("没有这户待核对的家庭", "no such household waits", where=str(transfer_id))
    if not SETTLE.fits("open" if transfer.settled_as is None else "settled"):
        raise Conflict(
            "该户已核对", "somebody has looked at it already", where=transfer.file_number, files=[transfer.file_number]
        )
    file = session.scalars(
        select(WorkerFile)
        .where(WorkerFile.household_id == transfer.household_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if file.status not in MOVING:
        raise Conflict(
            "该户档案已注销或已转出，无需核对", "the file is closed", where=file.file_number, files=[file.file_number]
        )
    if keep:
        _refuse_standing(session, transfer)
        _give_tokens(session, transfer.household_id)
    transfer.settled_as = "on_file" if keep else "cancelled"
    transfer.settled_by, transfer.settled_on, transfer.settled_why = scope.actor, scope.business_date, said
    session.flush()
    if not keep:
        apply(session, STEP["settle_as_double"], [file], note=said)
    elif file.status == "draft" and transfer.history.get("status", "on_file") == "on_file":
        apply(session, STEP["settle_as_kept"], [file], note=said)
    record(session, f"household.twice_{transfer.settled_as}", "household", transfer.household_id, {"others": transfer.twice})
    return transfer


def _give_tokens(session: Session, household_id: uuid.UUID) -> None:
    """Have the numbers of a household's members lead to them, and no more to the rows of files that are closed: a number leads
    to one person of a county."""
    keys, made = tenant_key(session), Resealer(session)
    people = session.scalars(
        select(Person).where(
            Person.id.in_(select(Membership.person_id).where(Membership.household_id == household_id)),
            Person.identity_token.is_(None),
            Person.identity_cipher.is_not(None),
            Person.wrapped_key.is_not(None),
        )
    ).all()
    wanted: dict[bytes, Person] = {}
    for person in people:
        if person.wrapped_key is not None and person.identity_cipher is not None:
            with suppress(SealBroken):  # a number that nobody can open leads to nobody
                number = keys.person_key(person.id, person.wrapped_key).open("identity_cipher", person.identity_cipher)
                [token] = made.identity_tokens([number])
                wanted[token] = person
    session.execute(update(Person).where(Person.identity_token.in_(list(wanted))).values(identity_token=None))
    for token, person in wanted.items():
        person.identity_token = token


def _refuse_standing(session: Session, transfer: HouseholdTransfer) -> None:
    """Refuse while a file that was here, and holds one of these people, still counts."""
    numbers = [str(number) for number in transfer.twice]
    standing = session.scalars(
        select(WorkerFile.file_number)
        .where(WorkerFile.file_number.in_(numbers), WorkerFile.status.in_(("draft", "on_file")))
        .order_by(WorkerFile.file_number)
    ).all()
    if standing:
        raise Conflict(
            f"同一人还在本单位 {'、'.join(standing)} 号档案中，一人只能在一户建档",
            f"the same person still belongs to {', '.join(standing)} here",
            where=standing[0],
            mend_zh="确属另一户的，请先办理原档案的注销或成员迁出；确属同一户的，请注销转入档案",
            mend_en="cancel the former file first, or cancel this one",
            files=standing,
        )
