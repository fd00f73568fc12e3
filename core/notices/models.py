"""Public notices: who is to be aided, names masked, so that anyone may object (公示, domain 7.4)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Fen, Instant, Ref, Str


class NoticeBatch(TenantRow):
    """A batch of names under notice, from a day until the period in working days is over."""

    __tablename__ = "notice_batch"
    __table_args__ = (UniqueConstraint("tenant", "number"),)

    number: Mapped[Str]
    title: Mapped[Str]
    posted_on: Mapped[Day]
    ends_on: Mapped[Day]
    """Last day of the notice; decisions are free from the next day on."""
    working_days: Mapped[int]
    provisional: Mapped[bool] = mapped_column(default=False)
    clause: Mapped[Str]
    posted_by: Mapped[Str]
    at: Mapped[Instant]


class NoticeItem(TenantRow):
    """One case, or one household whose file is to be opened, under notice, as the public sees it."""

    __tablename__ = "notice_item"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True, personal=("masked_name",))
    __table_args__ = (
        UniqueConstraint("tenant", "batch_id", "case_id"),
        UniqueConstraint("tenant", "batch_id", "household_id"),
        Index("ix_notice_item_case", "tenant", "case_id"),
        Index("ix_notice_item_household", "tenant", "household_id"),
        CheckConstraint("num_nonnulls(case_id, household_id) = 1", name="case_or_file"),
        tenant_fk("batch_id", "notice_batch"),
        tenant_fk("case_id", "case_record"),
        tenant_fk("household_id", "household"),
    )

    batch_id: Mapped[Ref]
    case_id: Mapped[uuid.UUID | None]
    household_id: Mapped[uuid.UUID | None]
    """The household whose file is to be opened, where it is no case."""
    masked_name: Mapped[Str]
    matter: Mapped[Str]
    amount_fen: Mapped[Fen | None]


class Objection(TenantRow):
    """A statement against a name under notice or a question on an announcement; gets a number and an answer (异议), never
    from the clerk of its case."""

    __tablename__ = "objection"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("outcome", "answer", "answered_on", "answered_by"), personal=("text", "contact", "answer")
    )
    __table_args__ = (
        UniqueConstraint("tenant", "number"),
        CheckConstraint("(case_id is null) = (clerk is null)", name="clerk_of_the_case"),
        CheckConstraint("answered_by <> clerk", name="answered_by_another"),
        CheckConstraint("household_id is null or case_id is null and batch_id is not null", name="file_of_a_batch"),
        tenant_fk(("case_id", "clerk"), "case_record", ("id", "clerk")),
        tenant_fk("batch_id", "notice_batch"),
        tenant_fk("household_id", "household"),
    )

    number: Mapped[Str]
    batch_id: Mapped[uuid.UUID | None]
    case_id: Mapped[uuid.UUID | None]
    household_id: Mapped[uuid.UUID | None]
    """The household whose file is to be opened, where it is against that."""
    clerk: Mapped[str | None]
    """The clerk of the case that it is against (经办人)."""
    raised_on: Mapped[Day]
    text: Mapped[Str]
    contact: Mapped[str | None]
    outcome: Mapped[str | None]
    answer: Mapped[str | None]
    answered_on: Mapped[date | None]
    answered_by: Mapped[str | None]
    at: Mapped[Instant]
