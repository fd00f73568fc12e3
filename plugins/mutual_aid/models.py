"""What the line keeps beside cases and money: batches of members, members by year, claims."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Fen, Instant, Ref, Str
from plugins.mutual_aid.names import NAME


class Batch(TenantRow):
    """Members that one unit enrolled together, and the contribution that came in for them (参保批次)."""

    __tablename__ = "batch"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("entry_id", "received_on", "received_by"))
    __table_args__ = (
        UniqueConstraint("tenant", "number"),
        UniqueConstraint("tenant", "entry_id"),
        CheckConstraint("plan in ('hospital', 'illness')", name="plan"),
        CheckConstraint("valid_to >= valid_from", name="days"),
        CheckConstraint("members > 0 and contribution_fen > 0", name="counted"),
        CheckConstraint(
            "(entry_id is null) = (received_by is null) and (entry_id is null) = (received_on is null)", name="received"
        ),
        CheckConstraint("received_by <> registered_by", name="two_people"),
        tenant_fk("entry_id", "ledger_entry"),
        {"schema": NAME},
    )

    number: Mapped[Str]
    unit_name: Mapped[Str]
    """Who pays for the members: a workplace union, an employer."""
    plan: Mapped[Str]
    year: Mapped[int]
    valid_from: Mapped[Day]
    valid_to: Mapped[Day]
    members: Mapped[int]
    contribution_fen: Mapped[Fen]
    """Of one member."""
    registered_by: Mapped[Str]
    registered_on: Mapped[Day]
    entry_id: Mapped[uuid.UUID | None]
    """The receipt in the fund's ledger; members are covered once it is there."""
    received_on: Mapped[date | None]
    received_by: Mapped[str | None]
    at: Mapped[Instant]


class Member(TenantRow):
    """That a worker is covered by a plan in a year (互助保障会员); period and contribution are those of the batch."""

    __tablename__ = "member"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "year", "plan", "worker_id"),
        Index("ix_mutual_aid_member_batch_id", "tenant", "batch_id"),
        Index("ix_mutual_aid_member_worker_id", "tenant", "worker_id"),
        tenant_fk("batch_id", f"{NAME}.batch"),
        tenant_fk("worker_id", "person"),
        tenant_fk("household_id", "household"),
        {"schema": NAME},
    )

    batch_id: Mapped[Ref]
    year: Mapped[int]
    plan: Mapped[Str]
    worker_id: Mapped[Ref]
    household_id: Mapped[Ref]


class Claim(TenantRow):
    """A claim of a member, and its case (给付申请)."""

    __tablename__ = "claim"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "case_id"),
        CheckConstraint("event_to >= event_from", name="days"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_mutual_aid_claim_member_id", "tenant", "member_id"),
        tenant_fk("member_id", f"{NAME}.member"),
        tenant_fk("case_id", "case_record"),
        {"schema": NAME},
    )

    member_id: Mapped[Ref]
    case_id: Mapped[Ref]
    event_from: Mapped[Day]
    """Day of admission, or on which the illness was found."""
    event_to: Mapped[Day]
    amount_fen: Mapped[Fen]
