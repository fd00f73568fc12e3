"""Employers of workers in difficulty (用人单位, domain 3.1, 3.4): what the firm is, how it fares, and the tests of the firm."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, Ref, Str


class Employer(TenantRow):
    """A firm or institution whose workers have files here (用人单位). Each county keeps a list of its own."""

    __tablename__ = "employer"
    __table_args__ = (
        Index(
            "uq_employer_credit_code", "tenant", "credit_code", unique=True, postgresql_where=text("credit_code is not null")
        ),
        Index("ix_employer_pinyin", "tenant", "pinyin", "id"),
        CheckConstraint("(bankrupt_on is null) = (court_reference is null)", name="bankruptcy"),
    )

    name: Mapped[Str]
    pinyin: Mapped[Str]
    """Sort key; compare it bytewise."""
    spoken: Mapped[Str]
    """The name's reading without tones, for the search."""
    initials: Mapped[Str]
    credit_code: Mapped[str | None]
    """Unified social credit code (统一社会信用代码, GB 32100); a former firm may have none."""
    nature: Mapped[str | None]
    """Code of the list employer_nature."""
    industry: Mapped[str | None]
    condition: Mapped[str | None]
    """Code of the list employer_condition."""
    loss_years: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)
    """Years that closed with a loss; two or more running are operating difficulty (domain 3.1)."""
    bankrupt_on: Mapped[date | None]
    """The day on which a court declared it bankrupt, with the reference of its ruling."""
    court_reference: Mapped[str | None]
    allowance_unpaid: Mapped[bool | None]
    """Whether the basic living allowance is not paid as prescribed (基本生活费未按规定发放)."""
    contact_name: Mapped[str | None]
    office_phone: Mapped[str | None]
    """A telephone of the firm's office, not of a person."""
    address: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    recorded_at: Mapped[Instant]


class EmployerTest(TenantRow):
    """The test of a firm (单位核查, domain 3.1): whether the majority of its workers live below the local standard."""

    __tablename__ = "employer_test"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "employer_id", "tested_on", "recorded_at"),
        CheckConstraint("workers > 0 and below_line between 0 and workers", name="counts"),
        tenant_fk("employer_id", "employer"),
    )

    employer_id: Mapped[Ref]
    tested_on: Mapped[Day]
    workers: Mapped[int]
    """Workers on the firm's books."""
    below_line: Mapped[int]
    """Those of them whose household lives below the local minimum living standard."""
    evidence: Mapped[Str]
    """The papers that the finding rests on, by name and number."""
    actor: Mapped[Str]
    recorded_at: Mapped[Instant]

    @property
    def majority(self) -> bool:
        """The finding: more than half of the workers are below the line."""
        return self.below_line * 2 > self.workers


class EmployerChange(TenantRow):
    """What changed on an employer's row, by whom and why (变更记录)."""

    __tablename__ = "employer_change"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        Index("ix_employer_change_employer", "tenant", "employer_id", "id"),
        tenant_fk("employer_id", "employer"),
    )

    employer_id: Mapped[Ref]
    changed: Mapped[Json] = mapped_column(JSONB, default=dict)
    """``{column: [was, is]}``."""
    reason: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]
