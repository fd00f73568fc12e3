"""What counties tell each other of erasures, where a household had moved between them (告知接收单位)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CHAR, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str


class PartnerErasure(TenantRow):
    """That one of the two counties between which a household moved erased what it held of it; the other one decides by its own
    period of retention, and answers. A row at each of the two, in their own tenants."""

    __tablename__ = "partner_erasure"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("outcome", "answer", "answered_on", "answered_by"), personal=("answer",)
    )
    __table_args__ = (
        UniqueConstraint("tenant", "envelope_id", "direction"),
        Index("ix_partner_erasure_household", "tenant", "household_id"),
        CheckConstraint("direction in ('out', 'in')", name="direction"),
        CheckConstraint("ground in ('retention', 'wish')", name="ground"),
        CheckConstraint("outcome in ('erasing', 'kept', 'nothing', 'closed', 'led_on')", name="outcome"),
        CheckConstraint("direction = 'out' or outcome in ('erasing', 'kept')", name="decided"),
        CheckConstraint("(outcome is null) = (answered_on is null)", name="answered"),
        tenant_fk("household_id", "household"),
    )

    envelope_id: Mapped[Ref]
    direction: Mapped[Str]
    """``out`` with the county that erased, ``in`` with the one that was told."""
    peer: Mapped[str] = mapped_column(CHAR(6))
    household_id: Mapped[Ref]
    """The household here."""
    whole: Mapped[bool]
    """Whether the file as a whole was erased, or single persons of it."""
    persons: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(UUID(as_uuid=True)))
    """Who was erased there, by the ids here, as far as they came here."""
    ground: Mapped[Str]
    """``retention`` or ``wish``, as of the erasure there."""
    told_on: Mapped[Day]
    outcome: Mapped[str | None]
    """``erasing``: an erasure is proposed there too; ``kept``: the period there still runs, or the law has it kept. Without
    anybody's decision: ``nothing`` where the other county holds nothing of it, ``closed`` where it has closed, ``led_on`` where
    the county was told anew to which the household has gone on."""
    answer: Mapped[str | None]
    """On what ground, with the county that decided."""
    answered_on: Mapped[date | None]
    answered_by: Mapped[str | None]
    at: Mapped[Instant]
