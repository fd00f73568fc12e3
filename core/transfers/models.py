"""Households that move to another county with their file, what became of persons and cases on the way, and counties that close.

Each side keeps rows of its own; what the two have in common is the number of the transfer.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CHAR, CheckConstraint, ColumnElement, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, JsonList, Ref, Str, Texts


class HouseholdTransfer(TenantRow):
    """That a household goes, or came, to another county (家庭转移): one row at the giver's, one at the receiver's."""

    __tablename__ = "household_transfer"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=(
            *("state", "household_id", "file_number", "peer_file_number", "peer_household_id", "package_id"),
            *("ended_on", "history", "twice"),
            *("settled_as", "settled_by", "settled_on", "settled_why"),
        ),
        personal=("reason", "history", "settled_why"),
    )
    __table_args__ = (
        UniqueConstraint("tenant", "transfer_id", "direction"),
        Index("ix_household_transfer_household", "tenant", "household_id"),
        Index("ix_household_transfer_peer", "tenant", "peer_household_id"),
        Index("ix_household_transfer_state", "tenant", "direction", "state"),
        CheckConstraint("direction in ('out', 'in')", name="direction"),
        CheckConstraint(
            "state in ('offered', 'accepted', 'refused', 'withdrawn', 'sent', 'arrived')",
            name="state",
        ),
        CheckConstraint("settled_as in ('on_file', 'cancelled')", name="settled_as"),
        CheckConstraint("(settled_as is null) = (settled_by is null)", name="settled_by_somebody"),
        tenant_fk("household_id", "household"),
    )

    transfer_id: Mapped[uuid.UUID]
    """The same on both sides."""
    direction: Mapped[Str]
    peer: Mapped[str] = mapped_column(CHAR(6))
    """The other county."""
    state: Mapped[Str]
    reason: Mapped[Str]
    household_id: Mapped[uuid.UUID | None]
    """The household here; None at the receiver's until it has arrived."""
    file_number: Mapped[str | None]
    """Number of the file here."""
    peer_household_id: Mapped[uuid.UUID | None]
    """At the receiver's: the household in the county that it came from, so that old links are found."""
    peer_file_number: Mapped[str | None]
    """Number of the file in the other county: the former one (原档案号) at the receiver's, the new one at the giver's."""
    package_id: Mapped[uuid.UUID | None]
    """The envelope in which it travels."""
    begun_by: Mapped[Str]
    begun_on: Mapped[Day]
    ended_on: Mapped[date | None]
    """The day on which it arrived, was refused or withdrawn."""
    history: Mapped[Json] = mapped_column(JSONB, default=dict)
    """At the receiver's: what was determined and given before (``determinations``, ``aid``), and ``missing_papers``."""
    twice: Mapped[JsonList] = mapped_column(JSONB, default=list)
    """At the receiver's: numbers of files here that hold a member of this household already (疑似重复)."""
    settled_as: Mapped[str | None]
    """What somebody found of a file that may be here twice: it is put ``on_file``, or ``cancelled``."""
    settled_by: Mapped[str | None]
    settled_on: Mapped[date | None]
    settled_why: Mapped[str | None]
    at: Mapped[Instant]


def may_be_here_twice() -> tuple[ColumnElement[bool], ...]:
    """Conditions of transfers by which somebody came who was on file here already, until somebody has looked (待核对)."""
    return (
        HouseholdTransfer.direction == "in",
        HouseholdTransfer.state == "arrived",
        HouseholdTransfer.twice != [],
        HouseholdTransfer.settled_as.is_(None),
    )


class BroughtPerson(TenantRow):
    """Who a person of another county is here: somebody who comes in two packages is one person."""

    __tablename__ = "brought_person"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (UniqueConstraint("tenant", "peer", "peer_person_id"), tenant_fk("person_id", "person"))

    peer: Mapped[str] = mapped_column(CHAR(6))
    peer_person_id: Mapped[uuid.UUID]
    person_id: Mapped[Ref]


class BroughtCase(TenantRow):
    """A case that goes on here and began in another county, with its number there (原件号)."""

    __tablename__ = "brought_case"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (UniqueConstraint("tenant", "peer", "peer_number"), tenant_fk("case_id", "case_record"))

    peer: Mapped[str] = mapped_column(CHAR(6))
    peer_number: Mapped[Str]
    case_id: Mapped[Ref]
    arrived_on: Mapped[Day]


class CountyClosing(TenantRow):
    """That a county closes (撤并、撤销): asked by one person of the province, agreed by another, carried out by a job. The rows
    are the province's."""

    __tablename__ = "county_closing"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=(
            *("state", "decided_by", "decided_on", "decided_why", "job_id", "result", "done_on"),
            *("stopped_by", "stopped_on", "stopped_why"),
        )
    )
    __table_args__ = (
        Index(
            "uq_county_closing_one_live",
            "tenant",
            "closing",
            unique=True,
            postgresql_where=text("state in ('asked', 'agreed', 'done')"),
        ),
        CheckConstraint("state in ('asked', 'agreed', 'refused', 'withdrawn', 'stopped', 'done')", name="state"),
        CheckConstraint("closing <> successor", name="not_into_itself"),
        CheckConstraint("(state = 'stopped') = (stopped_by is not null)", name="stopped_by_somebody"),
        CheckConstraint(
            "(state in ('agreed', 'refused', 'stopped', 'done')) = (decided_by is not null)", name="decided_by_somebody"
        ),
        CheckConstraint("asked_by = any (asked_persons)", name="asked_by_a_person"),
        CheckConstraint("decided_by <> all (asked_persons)", name="two_people"),
        CheckConstraint("(state = 'done') = (done_on is not null)", name="done_on_a_day"),
    )

    closing: Mapped[str] = mapped_column(CHAR(6))
    successor: Mapped[str | None] = mapped_column(CHAR(6))
    """The county that takes over; None where nobody does."""
    reason: Mapped[Str]
    """The document by which it closes (批复文号)."""
    preview: Mapped[Json]
    """The figures that were shown when it was asked for."""
    state: Mapped[Str] = mapped_column(default="asked")
    asked_by: Mapped[Str]
    asked_persons: Mapped[Texts]
    """Who asked, and those for whom he stood in: none of them agrees."""
    asked_on: Mapped[Day]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    decided_why: Mapped[str | None]
    stopped_by: Mapped[str | None]
    """Who stopped it after it was agreed (停止撤并); what had gone over by then stays there."""
    stopped_on: Mapped[date | None]
    stopped_why: Mapped[str | None]
    job_id: Mapped[uuid.UUID | None]
    """The job that moves what the county holds, of the newest attempt."""
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    done_on: Mapped[date | None]
    at: Mapped[Instant]
