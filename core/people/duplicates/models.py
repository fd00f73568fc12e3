"""Files and persons that may be here twice: what was found, what was decided, what counts as one (重复档案)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str, Texts


class DuplicateProposal(TenantRow):
    """Two persons here who may be one (疑似重复). The finder proposes, people decide; nothing is merged by itself."""

    __tablename__ = "duplicate_proposal"
    __rule__: ClassVar[TableRule] = TenantTable(personal=("why",))
    __table_args__ = (
        UniqueConstraint("tenant", "first_id", "second_id"),
        Index("ix_duplicate_proposal_list", "tenant", "state", "score", "id"),
        Index("ix_duplicate_proposal_second", "tenant", "second_id"),
        CheckConstraint("first_id < second_id", name="order"),
        CheckConstraint("state in ('open', 'different', 'merged')", name="state"),
        CheckConstraint("(state = 'open') = (decided_on is null)", name="decided"),
        tenant_fk("first_id", "person"),
        tenant_fk("second_id", "person"),
    )

    first_id: Mapped[Ref]
    second_id: Mapped[Ref]
    score: Mapped[int]
    """How alike they are, 60 to 100; less where somebody put the two together."""
    reasons: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    """Codes of ``core.people.duplicates.scores.REASONS``."""
    state: Mapped[Str] = mapped_column(default="open")
    found_on: Mapped[Day]
    decided_on: Mapped[date | None]
    decided_by: Mapped[str | None]
    why: Mapped[str | None]
    """Why they are not the same, or are."""
    at: Mapped[Instant]


class RecordMerge(TenantRow):
    """That a person or household counts as another one from a day on, until it is undone (合并). No other row is rewritten: who
    asks for either finds both (core/people/duplicates/merging.py), and undoing it leaves everything as it was.

    One act merges a household together with the persons who stand in both files.
    """

    __tablename__ = "record_merge"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("undone_on", "undone_by", "undone_why"), subject="merged_id", personal=("reason", "undone_why")
    )
    __table_args__ = (
        Index("uq_record_merge_standing", "tenant", "merged_id", unique=True, postgresql_where=text("undone_on is null")),
        Index("ix_record_merge_survivor", "tenant", "survivor_id", postgresql_where=text("undone_on is null")),
        Index("ix_record_merge_act", "tenant", "act_id"),
        CheckConstraint("subject_kind in ('person', 'household')", name="subject_kind"),
        CheckConstraint("merged_id <> survivor_id", name="two"),
        CheckConstraint("(undone_on is null) = (undone_by is null)", name="undone"),
    )

    act_id: Mapped[Ref]
    """The act of which it is a part."""
    subject_kind: Mapped[Str]
    merged_id: Mapped[Ref]
    survivor_id: Mapped[Ref]
    former_status: Mapped[str | None]
    """State of the merged household's file before, which undoing gives back."""
    reason: Mapped[Str]
    merged_by: Mapped[Str]
    merged_on: Mapped[Day]
    undone_on: Mapped[date | None]
    undone_by: Mapped[str | None]
    undone_why: Mapped[str | None]
    at: Mapped[Instant]
