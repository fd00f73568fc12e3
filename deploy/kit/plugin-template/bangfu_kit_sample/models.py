"""The line's own table, in a schema called like the line. Each row belongs to a tenant; the database holds it to that."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from bangfu_kit_sample.names import NAME
from core.db.base import TenantRow, tenant_fk
from core.db.types import Day, Instant, Ref, Str


class Visit(TenantRow):
    """One visit that was made (走访记录)."""

    __tablename__ = "visit"
    __table_args__ = (
        tenant_fk("case_id", "case_record"),
        Index("ix_kit_sample_visit_case_id", "tenant", "case_id"),
        {"schema": NAME},
    )

    case_id: Mapped[Ref]
    made_on: Mapped[Day]
    actor: Mapped[Str]
    note: Mapped[Str]
    at: Mapped[Instant]
