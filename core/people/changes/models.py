"""Acts of clerks on households and persons: each change of membership with its reason, each correction of a name or number.

The membership rows say who belonged where and when; these rows say by which act, why, and on which paper.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule, Token
from core.db.types import Day, Instant, Json, JsonList, Ref, Str


class HouseholdChange(TenantRow):
    """One act on the membership of a household, or of two at once (家庭变动). A slip is undone by a row of its own."""

    __tablename__ = "household_change"
    __rule__: ClassVar[TableRule] = TenantTable(
        append_only=True, personal=("reason", "former_bank_name", "former_bank_branch", "former_account_cipher")
    )
    __table_args__ = (
        UniqueConstraint("tenant", "undoes"),
        Index("ix_household_change_household", "tenant", "household_id", "id"),
        Index("ix_household_change_peer", "tenant", "peer_household_id", "id"),
        CheckConstraint(
            "kind in ('registered', 'birth', 'death', 'moved_in', 'moved_out', 'marriage', 'divorce', 'head_changed', 'split',"
            " 'undone')",
            name="kind",
        ),
        CheckConstraint("(kind = 'undone') = (undoes is not null)", name="undoes"),
        tenant_fk("household_id", "household"),
    )

    household_id: Mapped[Ref]
    peer_household_id: Mapped[uuid.UUID | None]
    """The other household of a move, marriage or split inside the county."""
    kind: Mapped[Str]
    valid_from: Mapped[Day]
    """The day from which it holds."""
    reason: Mapped[Str]
    document_id: Mapped[uuid.UUID | None]
    """The paper that shows it, among the household's papers."""
    steps: Mapped[JsonList] = mapped_column(JSONB, default=list)
    """``{"household", "person", "was", "now"}``: relation before and after, null where the person does not belong."""
    before: Mapped[Json] = mapped_column(JSONB, default=dict)
    """Worker and state of each file before, by household: ``{"worker", "status"}``."""
    former_bank_name: Mapped[str | None]
    former_bank_branch: Mapped[str | None]
    former_account_cipher: Mapped[bytes | None]
    """The account that another head took out, sealed under the former worker's key: an undoing puts it back."""
    undoes: Mapped[uuid.UUID | None]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class PersonCorrection(TenantRow):
    """That a person's name or identity number was put right (信息更正, PIPL Art. 46): who, why, when. What stood before is
    sealed under the person's key; it goes when that key is destroyed."""

    __tablename__ = "person_correction"
    __rule__: ClassVar[TableRule] = TenantTable(
        append_only=True,
        tokens=(Token("former_identity_token", "identity", "former_identity_cipher", "person_id"),),
        personal=(
            *("former_name_cipher", "former_identity_cipher", "former_identity_masked", "former_identity_token"),
            "reason",
        ),
    )
    __table_args__ = (
        Index("ix_person_correction_person", "tenant", "person_id", "id"),
        Index("ix_person_correction_token", "tenant", "former_identity_token"),
        CheckConstraint("field in ('name', 'identity_number')", name="field"),
        CheckConstraint("asked_on is null or asked_on <= answered_on", name="asked_before_answered"),
        tenant_fk("person_id", "person"),
    )

    person_id: Mapped[Ref]
    field: Mapped[Str]
    former_name_cipher: Mapped[bytes | None]
    former_identity_cipher: Mapped[bytes | None]
    former_identity_masked: Mapped[str | None]
    former_identity_token: Mapped[bytes | None]
    """By which somebody is found who is asked for by the former number."""
    reason: Mapped[Str]
    asked_on: Mapped[date | None]
    """The day on which the person asked for it; None where the office found the error."""
    answered_on: Mapped[Day]
    document_id: Mapped[uuid.UUID | None]
    actor: Mapped[Str]
    at: Mapped[Instant]
