"""Where a household is that moved between counties, and by what each of them knows it: followed through counties that cannot be
told any more, because they have closed or are left for reading, in their rows (``core.exchange.envelopes``).

A household that moved on before its county closed is found where it is; what was before a county that closed is found too.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.db.statements import among
from core.errors import NotFound
from core.scope import current_scope, entered
from core.tenancy.service import reached_at, system_scope
from core.transfers.models import BroughtPerson, HouseholdTransfer


@dataclass(frozen=True, slots=True)
class Came:
    """A household that came to ``county`` from ``giver``: the number of its transfer, and persons by their ids with whom
    ``told`` is asked for. ``back``: it is the giver that is told."""

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


def where_now(session: Session, household: uuid.UUID, persons: Collection[uuid.UUID]) -> Came | None:
    """Where a household is that moved away from here; None where it is here again, or with nobody who could be told."""
    on = session.execute(_newest("out", household)).first()
    came = None if on is None else Came(on.peer, current_scope().tenant, on.transfer_id, persons)
    while came is not None and came.county != current_scope().tenant:
        if reached_at(session, came.county) == came.county:
            return came
        came = _sent_on(came)
    return None


def whence(session: Session, household: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool) -> Came | None:
    """The household as the county knows it from which it came; None where none of them did, or nobody can be told."""
    came = _came_here(session, household, persons, whole=whole)
    while came is not None and came.giver != current_scope().tenant:
        if reached_at(session, came.giver) == came.giver:
            return came
        came = _came_before(came, whole=whole)
    return None


def came_by(giver: str, transfer: uuid.UUID) -> Select[uuid.UUID | None]:
    """The household here that came by a transfer."""
    return select(HouseholdTransfer.household_id).where(
        HouseholdTransfer.direction == "in", HouseholdTransfer.peer == giver, HouseholdTransfer.transfer_id == transfer
    )


def went_by(receiver: str, transfer: uuid.UUID) -> Select[uuid.UUID | None]:
    """The household here that went by a transfer."""
    return select(HouseholdTransfer.household_id).where(
        HouseholdTransfer.direction == "out",
        HouseholdTransfer.state == "arrived",
        HouseholdTransfer.peer == receiver,
        HouseholdTransfer.transfer_id == transfer,
    )


def persons_here(session: Session, giver: str, there: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Who persons of another county are here, as far as they came."""
    came = select(BroughtPerson.person_id).where(BroughtPerson.peer == giver, among(BroughtPerson.peer_person_id, there))
    return sorted(session.scalars(came))


def _newest(direction: str, household: uuid.UUID | None) -> Select[str, uuid.UUID]:
    moved = select(HouseholdTransfer.peer, HouseholdTransfer.transfer_id).where(
        HouseholdTransfer.direction == direction,
        HouseholdTransfer.state == "arrived",
        HouseholdTransfer.household_id == household,
    )
    return moved.order_by(HouseholdTransfer.id.desc()).limit(1)


def _sent_on(came: Came) -> Came | None:
    """The transfer by which a county that cannot be told sent a household on."""
    with _rows_of(came.county) as there:
        home = None if there is None else there.scalar(came_by(came.giver, came.transfer))
        on = None if there is None or home is None else there.execute(_newest("out", home)).first()
        if there is None or on is None:
            return None
        return Came(on.peer, came.county, on.transfer_id, persons_here(there, came.giver, came.persons))


def _came_before(came: Came, *, whole: bool) -> Came | None:
    """The transfer by which a household had come to a county that cannot be told, before it came from there."""
    with _rows_of(came.giver) as there:
        home = None if there is None else there.scalar(went_by(came.county, came.transfer))
        return None if there is None or home is None else _came_here(there, home, came.persons, whole=whole)


def _came_here(session: Session, household: uuid.UUID, persons: Collection[uuid.UUID], *, whole: bool) -> Came | None:
    """The transfer by which a household had come to the county in scope."""
    before = session.execute(_newest("in", household)).first()
    if before is None:
        return None
    came = select(BroughtPerson.peer_person_id).where(
        BroughtPerson.peer == before.peer, among(BroughtPerson.person_id, persons)
    )
    there = sorted(session.scalars(came))
    found = Came(current_scope().tenant, before.peer, before.transfer_id, there, back=True)
    return found if there or whole else None


@contextmanager
def _rows_of(county: str) -> Iterator[Session | None]:
    """The rows of a county that cannot be told; None where it never was at this installation."""
    try:
        scope = system_scope(county, "relay", closed=True)
    except NotFound:
        yield None
        return
    with entered(scope), unit_of_work() as there:
        yield there
