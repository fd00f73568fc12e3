"""Single rows that pages show and no service gives by itself. Each asks by an indexed key within the tenant."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.repository import of_lines_read
from core.db.statements import among
from core.errors import NotFound
from core.exchange.models import Envelope
from core.funds.models import Grant, PaymentBatch
from core.notices.models import Objection
from core.people.duplicates.merging import as_one
from core.people.models import Person
from core.people.search.finding import find_cases
from core.rules.errors import RulesUnknown
from core.rules.sheet import ExplanationSheet
from core.surveys.models import Determination
from core.surveys.service import explain, newest_determinations


def latest_determination(session: Session, household_id: uuid.UUID) -> Determination | None:
    """The newest determination of a household, in a survey or outside one."""
    newest = newest_determinations(session, [household_id]).get(household_id)
    return session.scalar(select(Determination).where(Determination.id == newest.id)) if newest else None


def sheet_of(session: Session, determination_id: uuid.UUID | None) -> ExplanationSheet | None:
    """The explanation sheet of a determination; None where there is none or its version of the rules is gone."""
    if determination_id is None:
        return None
    try:
        return explain(session, determination_id)
    except RulesUnknown:
        return None


def grants_of_household(session: Session, household_id: uuid.UUID, *, alone: bool = False) -> Sequence[Grant]:
    """What a household, or (but ``alone``) one that counts as it, was granted, newest first (救助记录)."""
    homes = {household_id} if alone else as_one(session, [household_id])[household_id]
    return session.scalars(select(Grant).where(among(Grant.household_id, homes)).order_by(Grant.id.desc())).all()


def payment_batch(session: Session, batch_id: uuid.UUID) -> PaymentBatch:
    """One payment batch; raises ``NotFound``."""
    found = session.scalar(select(PaymentBatch).where(PaymentBatch.id == batch_id))
    if found is None:
        raise NotFound("没有该发放批次", "no such payment batch", where=str(batch_id))
    return found


def names_of(session: Session, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Names of persons by id."""
    rows = session.execute(select(Person.id, Person.name).where(among(Person.id, person_ids)))
    return dict(rows.all())


def objections_of(session: Session, batch_id: uuid.UUID) -> Sequence[Objection]:
    """Objections against one notice, oldest first."""
    return session.scalars(select(Objection).where(Objection.batch_id == batch_id).order_by(Objection.id)).all()


def envelope_named(session: Session, envelope_id: uuid.UUID, direction: str) -> Envelope:
    """One package in one direction; raises ``NotFound``."""
    wanted = select(Envelope).where(Envelope.envelope_id == envelope_id, Envelope.direction == direction)
    found = session.scalar(wanted)
    if found is None:
        raise NotFound("没有该移交事项", "no such matter", where=str(envelope_id))
    return found


def cases_found(session: Session, text: str) -> Sequence[Case]:
    """Cases by number or by what a party is called, that the actor may see, newest first."""
    found = among(Case.id, find_cases(session, text))
    return session.scalars(select(Case).where(found, of_lines_read()).order_by(Case.id.desc())).all()
