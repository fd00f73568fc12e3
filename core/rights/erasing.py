"""Erasing the data of a household's file, or of one person (删除个人信息, PIPL Art. 47): two people, one transaction.

Proposed by whoever handles requests, confirmed by somebody else; what then goes and what stays is said in
``core.rights.emptying``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.people.duplicates.merging import as_one
from core.people.models import Person, WorkerFile
from core.people.repository import require_household
from core.rights.catalogue import ERASED
from core.rights.emptying import erase
from core.rights.hindrances import Hindrance, hindrances, homes_of, kept_by_others
from core.rights.models import Erasure, RightsRequest
from core.rights.names import DECIDE
from core.rights.partners import tell_partners
from core.rights.requests import HANDLING, close, person_of_household, persons_of, request_named, text_of
from core.scope import current_scope
from core.trail.service import record

CONFIRMING = Demand(DECIDE)


class Held(Conflict):
    """Something stands in the way of the erasure; ``because`` lists it."""

    code = "erasure_held"

    def __init__(self, because: Sequence[Hindrance]) -> None:
        super().__init__(
            f"暂不能删除：{'；'.join(one.zh for one in because)}",
            f"not yet: {'; '.join(one.en for one in because)}",
            mend_zh="请先办结上述事项",
            mend_en="finish these first",
            files=[one.zh for one in because],
        )
        self.because = tuple(because)


def propose(
    session: Session,
    household_id: uuid.UUID,
    *,
    person_id: uuid.UUID | None = None,
    reason: str,
    request_id: uuid.UUID | None = None,
) -> Erasure:
    """Propose to erase a household's file with its persons, or ``person_id`` alone; the worker's data go with the file.

    With ``request_id`` it is the person's wish, else the period of retention is over. Raises ``Forbidden`` without
    rights.handle, ``NotFound``, ``InvalidInput`` without a reason, ``Held``, ``Conflict`` where it is proposed already.
    """
    require(HANDLING)
    scope, why = current_scope(), text_of(reason, "reason", "依据")
    if request_id is not None:
        asked = request_named(session, request_id, lock=True)
        if asked.kind != "erasure" or asked.state != "open" or asked.household_id != household_id:
            raise InvalidInput("该请求不是本户待办的删除请求", "not an open request for erasure", where="request_id")
        person_id = asked.person_id
    if person_id is not None:
        person_of_household(session, household_id, person_id)
    else:
        require_household(session, household_id)
    file = session.scalar(select(WorkerFile).where(WorkerFile.household_id == household_id).with_for_update())
    whole = person_id is None or (file is not None and file.worker_id == person_id)
    persons = _persons(session, household_id, None if whole else person_id, wish=request_id is not None)
    if not persons:
        raise _nobody(session, household_id)
    if held := hindrances(session, household_id, persons, whole=whole, wish=request_id is not None):
        raise Held(held)
    waiting = select(Erasure.id).where(Erasure.household_id == household_id, Erasure.state == "proposed")
    if session.scalar(waiting) is not None:
        raise Conflict("该户已有待复核的删除", "an erasure is proposed already", where="household_id")
    made = Erasure(
        household_id=household_id,
        whole=whole,
        persons=persons,
        ground="retention" if request_id is None else "wish",
        request_id=request_id,
        reason=why,
        proposed_by=scope.actor,
        proposed_persons=sorted(scope.persons),
        proposed_on=scope.business_date,
    )
    session.add(made)
    session.flush()
    fields = {"household": household_id, "persons": [str(one) for one in persons], "ground": made.ground}
    record(session, "rights.erasure_proposed", "erasure", made.id, fields)
    return made


def _nobody(session: Session, household_id: uuid.UUID) -> Conflict:
    """Why nobody of a household is there to be erased."""
    if _standing(session, [one.id for one in persons_of(session, household_id)]):
        return Conflict(
            "该户人员在本单位另有未终止或保存期未满的档案",
            "everybody of the household belongs to another file here that still stands",
            where="household_id",
            mend_zh="待其他档案到期后一并提出",
            mend_en="propose it when the other file is over",
        )
    return Conflict("该户信息已按规定删除", "nothing is left to erase", where="household_id")


def _persons(session: Session, household_id: uuid.UUID, alone: uuid.UUID | None, *, wish: bool) -> list[uuid.UUID]:
    """Who is erased, each with all records that count as his (``core.people.duplicates.merging``): one person, or everybody
    of the household who belongs to no other file here that still stands. Nobody merges until the end of the transaction."""
    if alone is not None:
        return _standing(session, as_one(session, [alone], until_commit=True)[alone])
    homes = homes_of(session, household_id, wish=wish, until_commit=True)
    members = [one.id for home in homes for one in persons_of(session, home)]
    groups = as_one(session, members)
    everybody = {one for group in groups.values() for one in group}
    kept = kept_by_others(session, everybody, homes)
    return _standing(session, {one for group in groups.values() if not group & kept for one in group})


def _standing(session: Session, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    asked = select(Person.id).where(among(Person.id, ids), Person.erased_at.is_(None))
    return list(session.scalars(asked.order_by(Person.id)))


def erasure_named(session: Session, erasure_id: uuid.UUID) -> Erasure:
    """One erasure of the tenant in scope, locked; raises ``NotFound``."""
    found = session.scalar(select(Erasure).where(Erasure.id == erasure_id).with_for_update())
    if found is None:
        raise NotFound("没有这项删除", "no such erasure", where="erasure_id")
    return found


def proposed(session: Session) -> list[Erasure]:
    """Erasures that wait for their second person, the earliest first."""
    return list(session.scalars(select(Erasure).where(Erasure.state == "proposed").order_by(Erasure.id).limit(200)))


@dataclass(frozen=True, slots=True)
class FileGoing:
    """A file that an erasure concerns: its household, its number, its state."""

    household_id: uuid.UUID
    number: str
    status: str


def files_going(session: Session, rows: Sequence[Erasure]) -> dict[uuid.UUID, list[FileGoing]]:
    """The files that erasures concern, by erasure, in the order of their numbers: of one as a whole every file of whoever goes
    with it, which are two where somebody moved away and came back. One statement."""
    homes, persons = {row.household_id for row in rows}, {person for row in rows for person in row.persons if row.whole}
    wanted = select(WorkerFile.household_id, WorkerFile.worker_id, WorkerFile.file_number, WorkerFile.status).where(
        or_(among(WorkerFile.household_id, homes), among(WorkerFile.worker_id, persons))
    )
    files = session.execute(wanted.order_by(WorkerFile.file_number)).all()
    return {
        row.id: [
            FileGoing(one.household_id, one.file_number, one.status)
            for one in files
            if one.household_id == row.household_id or (row.whole and one.worker_id in row.persons)
        ]
        for row in rows
    }


def files_together(session: Session, household_id: uuid.UUID, *, wish: bool = False) -> list[FileGoing]:
    """The files that would go with a household's, itself among them, were its erasure proposed today, by ``wish`` or not."""
    homes = homes_of(session, household_id, wish=wish)
    wanted = select(WorkerFile.household_id, WorkerFile.file_number, WorkerFile.status)
    wanted = wanted.where(among(WorkerFile.household_id, homes)).order_by(WorkerFile.file_number)
    return [FileGoing(*row) for row in session.execute(wanted)]


def files_of_wish(session: Session, asked: RightsRequest) -> list[FileGoing]:
    """The files that would go at a person's wish: those together where the worker asks, none where the file stays."""
    worker = select(WorkerFile.worker_id).where(WorkerFile.household_id == asked.household_id)
    if asked.kind != "erasure" or session.scalar(worker) != asked.person_id:
        return []
    return files_together(session, asked.household_id, wish=True)


def decide(session: Session, erasure_id: uuid.UUID, *, confirmed: bool, why: str = "") -> Erasure:
    """The second person's word; confirmed, everything is erased in this transaction, and counties to which the household had
    moved are told. ``settle`` follows the commit.

    Raises ``Forbidden`` without rights.decide, ``NotFound``, ``Conflict`` for whoever proposed it or where it was decided,
    ``Held`` for what has come in between, ``InvalidInput`` for a refusal without a reason.
    """
    require(CONFIRMING)
    scope, found = current_scope(), erasure_named(session, erasure_id)
    if found.state != "proposed":
        raise Conflict("该删除已办理", "it was decided before", where=str(erasure_id))
    if scope.persons & set(found.proposed_persons):
        raise Conflict(
            "提出和复核须由两人办理",
            "whoever proposed an erasure does not confirm it",
            where="decided_by",
            mend_zh="请由另一名有复核权限的人员办理",
            mend_en="let somebody else who may confirm it do so",
        )
    asked = request_named(session, found.request_id, lock=True) if found.request_id else None
    if not confirmed:
        found.decided_why = text_of(why, "why", "理由")
        found.state, found.decided_by, found.decided_on = "refused", scope.actor, scope.business_date
        session.flush()
        record(session, "rights.erasure_refused", "erasure", found.id, {"household": found.household_id})
        return found
    session.scalars(select(Person.id).where(among(Person.id, found.persons)).order_by(Person.id).with_for_update()).all()
    held = hindrances(session, found.household_id, found.persons, whole=found.whole, wish=found.ground == "wish")
    if held:
        raise Held(held)
    alone = None if found.whole else found.persons[0]
    if set(_persons(session, found.household_id, alone, wish=found.ground == "wish")) != set(found.persons):
        raise Conflict(
            "提出后人员有变动，请撤回后重新提出",
            "who would be erased has changed since it was proposed",
            where="persons",
            mend_zh="请撤回该删除并重新提出",
            mend_en="withdraw it and propose it again",
        )
    found.state, found.decided_by, found.decided_on = "done", scope.actor, scope.business_date
    if asked is not None:
        close(asked, "answered", ERASED)
    erase(session, found)
    tell_partners(session, found)
    fields = {"erasure": found.id, "persons": [str(one) for one in found.persons], "ground": found.ground}
    record(session, "rights.erased", "household", found.household_id, fields)
    return found


def withdraw(session: Session, erasure_id: uuid.UUID) -> Erasure:
    """Take a proposal back; raises ``NotFound``, ``Conflict`` where it was decided."""
    require(HANDLING)
    scope, found = current_scope(), erasure_named(session, erasure_id)
    if found.state != "proposed":
        done = "撤回过" if found.state == "withdrawn" else "由另一人复核"
        raise Conflict(f"该删除已{done}，不能撤回", f"it was {found.state} before", where=str(erasure_id))
    found.state, found.decided_by, found.decided_on = "withdrawn", scope.actor, scope.business_date
    session.flush()
    record(session, "rights.erasure_withdrawn", "erasure", found.id, {"household": found.household_id})
    return found
