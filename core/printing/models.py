"""Documents that background work has made and that wait to be fetched (待取文件)."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from core.db.base import TenantRow, TenantTable
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str


class PrintedFile(TenantRow):
    """One document, sealed under the tenant's key, for whoever had it made; the row goes when it is fetched or has expired."""

    __tablename__ = "printed_file"
    __rule__: ClassVar[TableRule] = TenantTable(
        deletable=True, mutable=(), stays="documents that were made to be fetched within days"
    )
    __table_args__ = (
        UniqueConstraint("tenant", "batch", "no"),
        Index("ix_printed_file_made_by", "tenant", "made_by", "id"),
    )

    batch: Mapped[Ref]
    """What one start of work makes has one batch; its parts are counted by ``no``."""
    no: Mapped[int]
    title: Mapped[Str]
    file_name: Mapped[Str]
    media_type: Mapped[Str]
    items: Mapped[int]
    masked: Mapped[bool]
    sealed: Mapped[bytes]
    made_by: Mapped[Str]
    made_on: Mapped[Day]
    expires_on: Mapped[Day]
    at: Mapped[Instant]
