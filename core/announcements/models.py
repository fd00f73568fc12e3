"""The annual public announcement (年度公告, domain 7.3)."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from core.db.base import TenantRow, TenantTable
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, Str


class Announcement(TenantRow):
    """What came in by source, what went out by purpose, to how many, in one year; published and never changed. A correction
    is a new edition."""

    __tablename__ = "announcement"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "year", "edition"),
        Index("ix_announcement_published", "tenant", "published_on"),
    )

    year: Mapped[int]
    edition: Mapped[int]
    title: Mapped[Str]
    published_on: Mapped[Day]
    published_by: Mapped[Str]
    figures: Mapped[Json]
    at: Mapped[Instant]
