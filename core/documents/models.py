"""Stored papers: supporting documents of cases, files and persons (证明材料)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Handled, TenantRow, TenantTable, tenant_fk
from core.db.rules import Policy, TableRule
from core.db.types import Day, Instant, Str


class Document(Handled, TenantRow):
    """One paper. The bytes lie in the file store under a random name, sealed; size, type, digests and key stand here."""

    __tablename__ = "document"
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL, opened_by="case_id", personal=("title", "withdrawn_reason", "wrapped_key")
    )
    __table_args__ = (
        Index("ix_document_case", "tenant", "case_id", postgresql_include=["handlers"]),
        Index("ix_document_household", "tenant", "household_id"),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("(erased_on is null) = (wrapped_key is not null)", name="key"),
        tenant_fk("case_id", "case_record"),
        tenant_fk("household_id", "household"),
    )

    case_id: Mapped[uuid.UUID | None]
    household_id: Mapped[uuid.UUID | None]
    kind: Mapped[Str]
    """Code of the list document_kind."""
    title: Mapped[Str]
    storage_name: Mapped[Str]
    media_type: Mapped[Str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes]
    """Of the bytes that were taken in, the same wherever the paper goes: decisions cite it."""
    sealed_sha256: Mapped[bytes]
    """Of the file as it lies sealed in the store: whoever carries files without a key proves them by it."""
    wrapped_key: Mapped[bytes | None]
    """The paper's own key, wrapped by the tenant's (``core.documents.sealing``); null once the paper was erased."""
    received_on: Mapped[Day]
    received_by: Mapped[Str]
    withdrawn_on: Mapped[date | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_reason: Mapped[str | None]
    erased_on: Mapped[date | None]
    """The day on which the paper was destroyed with the data of whom it is about (PIPL Art. 47)."""
    at: Mapped[Instant]
