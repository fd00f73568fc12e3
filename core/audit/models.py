"""Findings of the annual audit (审计发现问题, domain 7.2)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable
from core.db.rules import TableRule
from core.db.types import Day, Instant, Str


class AuditFinding(TenantRow):
    """One deviation found by one check, with evidence, severity and state. The fingerprint makes a re-run find it again
    instead of twice."""

    __tablename__ = "audit_finding"
    __rule__: ClassVar[TableRule] = TenantTable(subject="subject_id", personal=("answer",))
    __table_args__ = (
        UniqueConstraint("tenant", "year", "check_code", "fingerprint"),
        CheckConstraint("severity in ('critical', 'major', 'minor')", name="severity"),
        CheckConstraint("state in ('open', 'explained', 'rectified', 'dismissed')", name="state"),
        Index("ix_audit_finding_list", "tenant", "year", "severity", "id"),
    )

    year: Mapped[int]
    check_code: Mapped[Str]
    severity: Mapped[Str]
    fingerprint: Mapped[Str]
    title: Mapped[Str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    subject_kind: Mapped[Str]
    subject_id: Mapped[uuid.UUID | None]
    clause: Mapped[Str]
    state: Mapped[Str] = mapped_column(default="open")
    found_on: Mapped[Day]
    due_on: Mapped[date | None]
    answer: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_on: Mapped[date | None]
    reopened_on: Mapped[date | None]
    """When the audit last came upon it again after it was said to be rectified."""
    version: Mapped[int] = mapped_column(default=1)
    at: Mapped[Instant]


class AuditRun(TenantRow):
    """One run of the audit over one tenant and year: which checks ran, how many deviations each found, how many of them are
    new, and how many had been rectified and are open again."""

    __tablename__ = "audit_run"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)

    year: Mapped[int]
    run_on: Mapped[Day]
    actor: Mapped[Str]
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    at: Mapped[Instant]
