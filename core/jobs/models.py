"""Jobs and their chunks, and the outbox: these rows are the truth, the broker only carries them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, DateTime, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Handled, ReferenceTable, TenantRow, TenantTable, tenant_fk
from core.db.rules import Policy, TableRule
from core.db.types import Day, Instant, Json, Ref, Str, Texts


class Job(Handled, TenantRow):
    """One piece of background work of one tenant, unique per kind and key."""

    __tablename__ = "job"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL)
    __table_args__ = (
        UniqueConstraint("tenant", "kind", "key"),
        CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index("ix_job_state", "tenant", "state", postgresql_include=["handlers"]),
    )

    kind: Mapped[Str]
    key: Mapped[Str]
    title: Mapped[Str]
    state: Mapped[Str] = mapped_column(default="queued")
    actor: Mapped[Str]
    permissions: Mapped[Texts] = mapped_column(default=list)
    """What the actor might do when the job was started; the job's chunks may do the same."""
    business_date: Mapped[Day]
    params: Mapped[Json] = mapped_column(JSONB, default=dict)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    error: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Instant]
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    heartbeat_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class JobChunk(Handled, TenantRow):
    """A short part of a job, done in one transaction, safe to run twice."""

    __tablename__ = "job_chunk"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, opened_by="job_id")
    __table_args__ = (
        UniqueConstraint("tenant", "job_id", "no"),
        CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        tenant_fk("job_id", "job"),
    )

    job_id: Mapped[Ref]
    no: Mapped[int]
    label: Mapped[Str]
    state: Mapped[Str] = mapped_column(default="queued")
    payload: Mapped[Json] = mapped_column(JSONB, default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OutboxItem(Handled, TenantRow):
    """Something to be carried out after the transaction that wrote it: a job to start, an envelope to deliver."""

    __tablename__ = "outbox"
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL,
        mutable=("attempts", "sent_at", "not_before", "error"),
        deletable_after=("at", "sent_at"),
        stays="orders to the worker of this installation, and what it has carried out",
    )
    __table_args__ = (Index("ix_outbox_unsent", "tenant", "at", postgresql_where=text("sent_at is null")),)

    topic: Mapped[Str]
    payload: Mapped[Json] = mapped_column(JSONB, default=dict)
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it may be tried again after it failed several times; None: at once."""
    error: Mapped[str | None]
    at: Mapped[Instant]


class Pulse(Base):
    """The last sign of life of something that must recur (心跳): the sweep, which all background work rests on."""

    __tablename__ = "pulse"
    __rule__: ClassVar[TableRule] = ReferenceTable("belongs to the installation, not to a tenant", ("insert", "update"))

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RecurringStart(Base):
    """The last period in which recurring work was started (定期任务), for the whole installation. Whoever holds the row's lock
    starts it."""

    __tablename__ = "recurring_start"
    __rule__: ClassVar[TableRule] = ReferenceTable("belongs to the installation, not to a tenant", ("insert", "update"))

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    period: Mapped[Day]
    """The day from which the period counts."""
    at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was started; None for the period in which the kind was first seen."""
