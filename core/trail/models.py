"""The trail of changes, hash-chained per tenant, and the log of reads (操作留痕, domain 12)."""

from __future__ import annotations

import uuid
from typing import ClassVar

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Handled, Tenanted, TenantRow, TenantTable
from core.db.rules import Policy, TableRule
from core.db.types import Day, Instant, Ref, Str


class TrailHead(Tenanted, Base):
    """The head of a tenant's chain; the lock under which the chain grows."""

    __tablename__ = "trail_head"
    __rule__: ClassVar[TableRule] = TenantTable()

    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class TrailLink(Tenanted, Base):
    """One link of the chain: sequence, hash over the former hash and the entry's bytes. All of the tenant can check it."""

    __tablename__ = "trail_link"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    entry_id: Mapped[Ref]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class TrailEntry(Handled, TenantRow):
    """What was done: the hashed bytes (ids and field names, no personal data) and columns to search by."""

    __tablename__ = "trail_entry"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, append_only=True, opened_by="subject_id")
    __table_args__ = (
        Index("ix_trail_entry_subject", "tenant", "subject_id", "at"),
        Index("ix_trail_entry_at", "tenant", "at"),
    )

    seq: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[Str]
    subject_kind: Mapped[Str]
    subject_id: Mapped[uuid.UUID | None]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[Instant]


class ReadLog(TenantRow):
    """That somebody looked at full values or entered as a guest: who, what, why (留痕查阅). Rows of their own, so that
    looking locks nothing."""

    __tablename__ = "read_log"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (Index("ix_read_log_subject", "tenant", "subject_id", "at"),)

    actor: Mapped[Str]
    what: Mapped[Str]
    subject_kind: Mapped[Str]
    subject_id: Mapped[uuid.UUID | None]
    reason: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]
