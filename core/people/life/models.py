"""What is on record of a file's life: its steps, the consents they rest on, what the platform proposes (domain 10, 12)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str, Texts
from core.people.life.steps import STEPS, allowed_in_sql

_NOTED = ", ".join(f"'{step.code}'" for step in STEPS if step.note)
_REASONED = ", ".join(f"'{step.code}'" for step in STEPS if step.reasons)


class FileStep(TenantRow):
    """One step in the life of a household's file: from which state to which, who, when, why, on what evidence (办理环节)."""

    __tablename__ = "file_step"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True, personal=("note", "evidence"))
    __table_args__ = (
        Index("ix_file_step_household", "tenant", "household_id", "id"),
        CheckConstraint(allowed_in_sql(), name="declared"),
        CheckConstraint(f"step not in ({_NOTED}) or note <> ''", name="note"),
        CheckConstraint(f"step not in ({_REASONED}) or reason is not null", name="reason"),
        CheckConstraint("not actor = any (unlike)", name="another_person"),
        tenant_fk("household_id", "household"),
    )

    household_id: Mapped[Ref]
    step: Mapped[Str]
    """A code of ``core.people.life.steps.STEPS``."""
    from_state: Mapped[str | None]
    to_state: Mapped[Str]
    reason: Mapped[str | None]
    """A code of the list that the step's declaration names."""
    note: Mapped[Str] = mapped_column(default="")
    evidence: Mapped[str | None]
    actor: Mapped[Str]
    unlike: Mapped[Texts] = mapped_column(ARRAY(Text), default=list)
    """Makers of steps before, who were barred from this one."""
    done_on: Mapped[Day]
    """The day on which it was done: of a visit, the day of the visit."""
    at: Mapped[Instant]


class Consent(TenantRow):
    """A paper by which a family lets its affairs be looked into, or its data be handled (授权书、同意书, domain 12).

    Without ``person_id`` it was signed for the whole household.
    """

    __tablename__ = "consent"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("withdrawn_on", "withdrawn_why", "withdrawn_by"), personal=("reference", "withdrawn_why")
    )
    __table_args__ = (
        Index("ix_consent_household", "tenant", "household_id", "kind"),
        Index("ix_consent_person", "tenant", "person_id"),
        CheckConstraint("until is null or until >= given_on", name="until"),
        CheckConstraint("(withdrawn_on is null) = (withdrawn_by is null)", name="withdrawn"),
        CheckConstraint("withdrawn_on is null or withdrawn_why <> ''", name="withdrawn_why"),
        CheckConstraint("guardian_id is null or guardian_id <> person_id", name="guardian"),
        tenant_fk("household_id", "household"),
        tenant_fk("person_id", "person"),
        tenant_fk("guardian_id", "person"),
    )

    household_id: Mapped[Ref]
    person_id: Mapped[uuid.UUID | None]
    guardian_id: Mapped[uuid.UUID | None]
    """The guardian who signed: always for somebody under 14."""
    kind: Mapped[Str]
    """A code of the list consent_kind."""
    given_on: Mapped[Day]
    until: Mapped[date | None]
    reference: Mapped[Str]
    """Number of the paper, or where it is kept."""
    recorded_by: Mapped[Str]
    withdrawn_on: Mapped[date | None]
    withdrawn_why: Mapped[str | None]
    withdrawn_by: Mapped[str | None]
    at: Mapped[Instant]


class FileProposal(TenantRow):
    """What the platform found of a file for a clerk to look at: above the line for months, stale, its head dead (待核事项)."""

    __tablename__ = "file_proposal"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("settled_on", "settled_as", "settled_by", "note"), personal=("note",))
    __table_args__ = (
        Index(
            "ix_file_proposal_open", "tenant", "household_id", "kind", unique=True, postgresql_where=text("settled_on is null")
        ),
        CheckConstraint("kind in ('above_line', 'stale', 'head_died')", name="kind"),
        CheckConstraint("settled_as in ('done', 'declined', 'passed')", name="settled_as"),
        CheckConstraint("(settled_on is null) = (settled_as is null)", name="settled"),
        tenant_fk("household_id", "household"),
    )

    household_id: Mapped[Ref]
    kind: Mapped[Str]
    since: Mapped[Day]
    """Since when it is so: the first month above the line, the last change, the death."""
    found_on: Mapped[Day]
    settled_on: Mapped[date | None]
    settled_as: Mapped[str | None]
    """``done``: the step was made; ``declined``: a clerk said no; ``passed``: it was not so any more."""
    settled_by: Mapped[str | None]
    note: Mapped[str | None]
