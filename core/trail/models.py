"""The trail of changes, hash-chained per tenant, and the log of reads (操作留痕, domain 12)."""

from __future__ import annotations

import uuid
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Handled, ReferenceTable, Tenanted, TenantRow, TenantTable, new_id
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
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL, append_only=True, opened_by="subject_id", subject="subject_id"
    )
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
    """That somebody looked at persons' data: who, by which right, at what, and for a full value why (留痕查阅). Rows of their
    own, so that looking locks nothing."""

    __tablename__ = "read_log"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True, subject="subject_id", personal=("reason",))
    __table_args__ = (
        Index("ix_read_log_subject", "tenant", "subject_id", "at"),
        Index("ix_read_log_actor", "tenant", "actor", "id"),
    )

    actor: Mapped[Str]
    what: Mapped[Str]
    """The field that was shown in full, or the address of the page or resource, as its route names it."""
    permission: Mapped[str | None]
    """The right that was used, for pages and resources."""
    subject_kind: Mapped[Str]
    subject_id: Mapped[uuid.UUID | None]
    """None for lists and searches."""
    reason: Mapped[Str]
    """Empty for pages and resources, which ask for none."""
    shown: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """Kinds of content (``core.people.fields``) that the page shows to whoever has the reader's rights; None where a single
    value was shown, and for lists."""
    business_date: Mapped[Day]
    at: Mapped[Instant]


class PermissionUse(Tenanted, Base):
    """On which day an account last used a right in the tenant (权限使用), for the review of rights that nobody uses."""

    __tablename__ = "permission_use"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("last_used_on",))

    actor: Mapped[str] = mapped_column(Text, primary_key=True)
    permission: Mapped[str] = mapped_column(Text, primary_key=True)
    last_used_on: Mapped[Day]


class SignInEvent(Base):
    """A try to sign in and what came of it (登录记录). The name that was typed is not kept: people type passwords there."""

    __tablename__ = "sign_in_event"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "nobody is in a tenant's scope who has yet to sign in", ("insert",), deletable_after=("at",)
    )
    __table_args__ = (
        CheckConstraint("outcome in ('signed_in', 'refused', 'throttled')", name="outcome"),
        Index("ix_sign_in_event_account_id", "account_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    """None where no account has the name that was typed."""
    way: Mapped[Str]
    """``password``, ``code`` (the second step) or ``provider`` (an identity provider)."""
    outcome: Mapped[Str]
    address: Mapped[str | None]
    event_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """The identity provider's own number of the try, where it was refused there: so that it is kept once."""
    at: Mapped[Instant]
