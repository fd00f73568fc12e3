"""Cases: one matter in one service line, with its parties, steps, decisions and deadlines (个案)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Handled, ReferenceTable, TenantRow, TenantTable, tenant_fk
from core.db.rules import Policy, TableRule
from core.db.types import Day, Fen, Instant, Json, Ref, Str


class WorkflowVersion(Base):
    """A workflow and its form as a plugin declared them in one version. Cases pin the version that they were opened with."""

    __tablename__ = "workflow_version"
    __rule__: ClassVar[TableRule] = ReferenceTable("declared by installed plugins, written by the owner at each start")

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[Str]
    definition: Mapped[Json]
    form: Mapped[Json]


class Case(Handled, TenantRow):
    """One matter in one service line. Whom it concerns stands in its parties, never here."""

    __tablename__ = "case_record"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL)
    __table_args__ = (
        UniqueConstraint("tenant", "number"),
        UniqueConstraint("tenant", "id", "clerk"),
        UniqueConstraint("tenant", "opening_key"),
        Index("ix_case_list", "tenant", "plugin", "state", "id", postgresql_include=["handlers"]),
    )

    number: Mapped[Str]
    plugin: Mapped[Str]
    programme: Mapped[str | None]
    workflow: Mapped[Str]
    workflow_version: Mapped[int]
    state: Mapped[Str]
    clerk: Mapped[Str]
    """Actor key of the applicant's clerk (经办人); never the one who approves."""
    assigned_to: Mapped[str | None]
    opened_on: Mapped[Day]
    closed_on: Mapped[date | None]
    form: Mapped[Json] = mapped_column(JSONB, default=dict)
    form_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The form of a confidential case, encrypted; ``form`` is then empty."""
    determination_id: Mapped[uuid.UUID | None]
    requested_fen: Mapped[Fen | None]
    opening_key: Mapped[str | None]
    """Idempotency key of the opening, e.g. ``survey:2025:<household>:<programme>``."""
    outside_state: Mapped[str | None]
    """Set once the matter was handed to another tenant: offered, taken, returned."""
    version: Mapped[int] = mapped_column(default=1)
    at: Mapped[Instant]

    @property
    def is_outside(self) -> bool:
        """Whether the matter is with another tenant now: offered or taken, its answer not yet here (domain 4.2.3)."""
        return self.outside_state in ("offered", "taken")


class Party(Handled, TenantRow):
    """Who takes part in a case, and as what (当事人)."""

    __tablename__ = "party"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, opened_by="case_id")
    __table_args__ = (
        CheckConstraint(
            "role in ('applicant', 'beneficiary', 'agent', 'representative', 'employer', 'anonymous', 'household')",
            name="role",
        ),
        Index("ix_party_case", "tenant", "case_id", postgresql_include=["handlers"]),
        Index("ix_party_person", "tenant", "person_id"),
        Index("ix_party_household", "tenant", "household_id"),
        tenant_fk("case_id", "case_record"),
        tenant_fk("person_id", "person"),
        tenant_fk("household_id", "household"),
    )

    case_id: Mapped[Ref]
    role: Mapped[Str]
    person_id: Mapped[uuid.UUID | None]
    household_id: Mapped[uuid.UUID | None]
    label: Mapped[Str]
    """Name as shown on lists; for someone without a record, the name given."""


class CaseStep(Handled, TenantRow):
    """One transition that a case made: from where to where, by whom, on which day, with what note (流转)."""

    __tablename__ = "case_step"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, append_only=True, opened_by="case_id")
    __table_args__ = (UniqueConstraint("tenant", "case_id", "seq"), tenant_fk("case_id", "case_record"))

    case_id: Mapped[Ref]
    seq: Mapped[int]
    transition: Mapped[Str]
    source: Mapped[Str]
    target: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    note: Mapped[str | None]
    at: Mapped[Instant]


class CaseDecision(TenantRow):
    """The decision on a case. The database holds that the approver is not the applicant's clerk (domain 7.4)."""

    __tablename__ = "case_decision"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        CheckConstraint("decided_by <> clerk", name="approver_is_not_the_clerk"),
        CheckConstraint("outcome in ('approved', 'refused')", name="outcome"),
        Index("ix_case_decision_case", "tenant", "case_id"),
        tenant_fk(("case_id", "clerk"), "case_record", ("id", "clerk")),
    )

    case_id: Mapped[Ref]
    clerk: Mapped[Str]
    decided_by: Mapped[Str]
    outcome: Mapped[Str]
    reason: Mapped[str | None]
    business_date: Mapped[Day]
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What the decision rested on: determination, amount, documents, notice."""
    at: Mapped[Instant]


class Deadline(Handled, TenantRow):
    """A clock that runs on a case: by which day a step is owed, and by which clause (办理期限)."""

    __tablename__ = "deadline"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, opened_by="case_id")
    __table_args__ = (
        Index("ix_deadline_due", "tenant", "due_on", postgresql_include=["handlers"]),
        Index("ix_deadline_case", "tenant", "case_id"),
        tenant_fk("case_id", "case_record"),
    )

    case_id: Mapped[Ref]
    kind: Mapped[Str]
    started_on: Mapped[Day]
    due_on: Mapped[Day]
    provisional: Mapped[bool] = mapped_column(default=False)
    """True where the deadline crosses a year whose holidays are not published yet (暂定)."""
    clause: Mapped[Str]
    met_on: Mapped[date | None]
    cancelled_on: Mapped[date | None]
    """Set where the application was withdrawn while the clock ran: nothing is owed by it any more."""
