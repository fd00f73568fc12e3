"""What waits for payment (待发放): instalments that are due and in no batch, and where they would go."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session

from core.db.statements import among
from core.funds.models import Grant, Instalment, PaymentAttempt
from core.money import Fen
from core.people.models import Person, WorkerFile
from core.tenancy.keys import person_key_if_whole, tenant_key


@dataclass(frozen=True, slots=True)
class Due:
    """An instalment that is due and has no live attempt, with where it would go (待发放)."""

    instalment_id: uuid.UUID
    grant_id: uuid.UUID
    case_id: uuid.UUID
    programme: str
    source: str
    amount_fen: Fen
    due_on: date
    payee_id: uuid.UUID | None
    payee_name: str | None
    file_number: str | None
    account_masked: str | None
    account_cipher: bytes | None = field(repr=False)
    account_token: bytes | None = field(repr=False)
    has_key: bool
    """Whether the payee's key is there and whole."""

    @property
    def payable(self) -> bool:
        """Whether the payee has an account that can be opened."""
        return self.has_key and self.account_cipher is not None

    @property
    def damaged(self) -> bool:
        """Whether there is an account, and no key that could open it."""
        return not self.has_key and self.account_cipher is not None


def _waiting(on: date) -> ColumnElement[bool]:
    """An instalment of a standing grant that is due on day ``on`` and has no live attempt."""
    live = exists().where(
        PaymentAttempt.tenant == Instalment.tenant,
        PaymentAttempt.instalment_id == Instalment.id,
        PaymentAttempt.state.in_(("open", "succeeded")),
    )
    return and_(Instalment.state == "due", Instalment.due_on <= on, Grant.state == "reserved", ~live)


def _due(year: int, on: date) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Instalment.id.label("instalment_id"),
            Instalment.grant_id,
            Grant.case_id,
            Grant.programme,
            Grant.source,
            Instalment.amount_fen,
            Instalment.due_on,
            Person.id.label("payee_id"),
            Person.name.label("payee_name"),
            WorkerFile.file_number,
            WorkerFile.account_masked,
            WorkerFile.account_cipher,
            WorkerFile.account_token,
            Person.wrapped_key,
        )
        .select_from(Instalment)
        .join(Grant, (Grant.tenant == Instalment.tenant) & (Grant.id == Instalment.grant_id))
        .outerjoin(WorkerFile, (WorkerFile.tenant == Grant.tenant) & (WorkerFile.household_id == Grant.household_id))
        .outerjoin(Person, (Person.tenant == WorkerFile.tenant) & (Person.id == WorkerFile.worker_id))
        .where(_waiting(on), Grant.year == year)
        .order_by(Instalment.id)
    )


def due(session: Session, year: int, on: date, grant_ids: Sequence[uuid.UUID] | None = None) -> list[Due]:
    """Instalments of the year's grants that wait for payment on day ``on``."""
    statement = _due(year, on)
    if grant_ids is not None:
        statement = statement.where(among(Grant.id, grant_ids))
    rows = session.execute(statement).all()
    if not rows:
        return []
    keys = tenant_key(session)
    whole = [person_key_if_whole(keys, row.payee_id, row.wrapped_key) is not None for row in rows]
    return [Due(*(*row[:-1], is_whole)) for row, is_whole in zip(rows, whole, strict=True)]


def years_due(session: Session, on: date) -> dict[int, int]:
    """How many instalments wait for payment on day ``on``, by the year of their grants, the oldest first."""
    of_grant = (Instalment.tenant == Grant.tenant) & (Instalment.grant_id == Grant.id)
    statement = select(Grant.year, func.count()).join(Instalment, of_grant).where(_waiting(on)).group_by(Grant.year)
    return dict(session.execute(statement.order_by(Grant.year)).all())
