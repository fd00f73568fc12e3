"""The three doors between tenants: facts upward, the identity index, envelopes (domain 1.3)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CHAR, BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Policy, TenantRow, TenantTable
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, Str


class Fact(TenantRow):
    """An aggregate figure of one tenant, which its prefecture and province may read (汇总指标). No personal data."""

    __tablename__ = "fact"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.UPWARD)
    __table_args__ = (
        UniqueConstraint("tenant", "name", "period", "dimension"),
        Index("ix_fact_province", "province", "name", "period"),
        Index("ix_fact_prefecture", "prefecture", "name", "period"),
    )

    prefecture: Mapped[str | None] = mapped_column(CHAR(6))
    province: Mapped[str] = mapped_column(CHAR(6))
    name: Mapped[Str]
    period: Mapped[Str]
    dimension: Mapped[Str] = mapped_column(default="")
    """E.g. ``appropriation/living`` for money by source and purpose; empty for a plain figure."""
    value: Mapped[int] = mapped_column(BigInteger)
    as_of: Mapped[Day]
    at: Mapped[Instant]


class IdentityMark(TenantRow):
    """One mark in the identity index: a keyed hash of an identity number, where, when, what for; no names (身份索引)."""

    __tablename__ = "identity_mark"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.IDENTITY, deletable=True, passed_on=("hash",))
    __table_args__ = (
        UniqueConstraint("tenant", "hash", "year", "matter"),
        Index("ix_identity_mark_hash", "hash"),
        # Only who was aided is compared through a whole province, and most marks say that somebody is on file.
        Index("ix_identity_mark_aided", "province", "year", "matter", "hash", postgresql_where=text("matter <> 'on_file'")),
    )

    province: Mapped[str] = mapped_column(CHAR(6))
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    year: Mapped[int]
    matter: Mapped[Str]
    """``on_file`` or ``aided:<programme>``."""
    at: Mapped[Instant]


class Envelope(TenantRow):
    """A sealed package between tenants; the sender's and the receiver's rows are two, each in its own tenant (移交包)."""

    __tablename__ = "envelope"
    __rule__: ClassVar[TableRule] = TenantTable(passed_on=("body_cipher",), subject="case_id", personal=("body_cipher",))
    __table_args__ = (
        UniqueConstraint("tenant", "envelope_id", "direction"),
        CheckConstraint("direction in ('out', 'in')", name="direction"),
        CheckConstraint(
            "state in ('sealed', 'delivered', 'taken', 'returned', 'answered', 'closed', 'undelivered')", name="state"
        ),
        Index("ix_envelope_state", "tenant", "direction", "state"),
    )

    envelope_id: Mapped[uuid.UUID]
    direction: Mapped[Str]
    peer: Mapped[str] = mapped_column(CHAR(6))
    """The other tenant."""
    kind: Mapped[Str]
    """E.g. ``matter`` (a case handed over), ``matter.taken``, ``matter.answer``, ``audit.aided_twice`` (findings)."""
    in_reply_to: Mapped[uuid.UUID | None]
    state: Mapped[Str]
    case_id: Mapped[uuid.UUID | None]
    """The sender's case that was handed over, or the receiver's own that was opened for it."""
    body: Mapped[Json] = mapped_column(JSONB, default=dict)
    """Content without personal data."""
    body_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Personal content, sealed under a key of this envelope; wrapped for both tenants by the installation's key."""
    sealed_on: Mapped[Day]
    delivered_on: Mapped[date | None]
    acknowledged_on: Mapped[date | None]
    """The day on which the receiver took it; of one that could not be delivered, on which it came back."""
    at: Mapped[Instant]


class Opening(TenantRow):
    """That somebody from outside entered this tenant's scope as a guest: who, why, until when (留痕查阅)."""

    __tablename__ = "opening"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)

    guest: Mapped[Str]
    guest_tenant: Mapped[str] = mapped_column(CHAR(6))
    reason: Mapped[Str]
    until: Mapped[Day]
    at: Mapped[Instant]
