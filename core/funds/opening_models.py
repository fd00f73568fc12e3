"""What a county holds when it begins to work with the platform (期初余额)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Fen, Instant, Str


class OpeningBalance(TenantRow):
    """An amount that was left of a source and purpose in a year before the platform, with the document that proves it; or,
    without source and amount, that there is none. Told by one person, confirmed by another, who books it."""

    __tablename__ = "opening_balance"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("state", "decided_by", "decided_on", "entry_id"))
    __table_args__ = (
        CheckConstraint("state in ('told', 'confirmed', 'declined')", name="state"),
        CheckConstraint("(amount_fen > 0) = (source <> '') and (source <> '') = (purpose <> '')", name="amount"),
        CheckConstraint("amount_fen >= 0", name="not_negative"),
        CheckConstraint("decided_by is null or decided_by <> told_by", name="two_people"),
        CheckConstraint("(state = 'told') = (decided_by is null)", name="decided"),
        CheckConstraint("(entry_id is not null) = (state = 'confirmed' and amount_fen > 0)", name="booked"),
        Index(
            "uq_opening_balance_once",
            "tenant",
            "year",
            "source",
            "purpose",
            unique=True,
            postgresql_where=text("state <> 'declined'"),
        ),
        tenant_fk("entry_id", "ledger_entry"),
    )

    year: Mapped[int]
    source: Mapped[Str]
    """Empty where the county states that it brings nothing along."""
    purpose: Mapped[Str]
    amount_fen: Mapped[Fen]
    document: Mapped[Str]
    """Number of the voucher, statement of account or minutes that proves it (凭证、对账单或交接文号)."""
    reason: Mapped[Str]
    state: Mapped[Str]
    told_by: Mapped[Str]
    told_on: Mapped[Day]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    entry_id: Mapped[uuid.UUID | None]
    at: Mapped[Instant]
