"""Cases: one matter in one service line, with its parties, steps, decisions and deadlines (个案)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ColumnElement, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Handled, ReferenceTable, TenantRow, TenantTable, tenant_fk
from core.db.rules import Policy, TableRule
from core.db.types import Day, Fen, Instant, Json, Ref, Str, Texts

_OUTSIDE = ("offered", "taken")


class WorkflowVersion(Base):
    """A workflow and its form as a plugin declared them in one version. Cases pin the version that they were opened with."""

    __tablename__ = "workflow_version"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "declared by installed plugins, written by the owner at each start",
        goes_along="the versions that the county's cases are pinned to",
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[Str]
    definition: Mapped[Json]
    form: Mapped[Json]


class Case(Handled, TenantRow):
    """One matter in one service line. Whom it concerns stands in its parties, never here."""

    __tablename__ = "case_record"
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL,
        mutable=("state", "assigned_to", "closed_on", "outside_state", "version", "handlers"),
        personal=("form", "form_cipher"),
    )
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
        return self.outside_state in _OUTSIDE

    @classmethod
    def is_here(cls) -> ColumnElement[bool]:
        """Condition: the matter is not with another tenant now, the opposite of ``is_outside``."""
        return cls.outside_state.is_(None) | cls.outside_state.not_in(_OUTSIDE)


class Party(Handled, TenantRow):
    """Who takes part in a case, and as what (当事人)."""

    __tablename__ = "party"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, opened_by="case_id", personal=("label",))
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
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL, opened_by="case_id", mutable=("handlers",), personal=("note",)
    )
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


class SealedCase(TenantRow):
    """That a case is confidential: the number on the petitioner's receipt, the case's id, whether it is closed, nothing else
    (保密件编号).

    By it the number leads to the case where nobody sees the case any more, and whoever closes a county, or switches a line off,
    knows how many are open. Read by ``core.cases.handler_changes`` and for those counts alone.
    """

    __tablename__ = "sealed_case"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("closed_on",))
    __table_args__ = (UniqueConstraint("tenant", "number"), tenant_fk("id", "case_record"))

    number: Mapped[Str]
    closed_on: Mapped[date | None]


class HandlerChange(Handled, TenantRow):
    """That the handlers of a confidential case shall change (承办人变更): asked by one person, agreed or refused by another
    (domain 4.2.4). What handlers ask each other is seen by them alone; who asked, for whom and why is never changed."""

    __tablename__ = "handler_change"
    __rule__: ClassVar[TableRule] = TenantTable(
        policy=Policy.CONFIDENTIAL, opened_by="case_id", mutable=("state", "decided_by", "decided_on", "decided_why")
    )
    __table_args__ = (
        Index(
            "uq_handler_change_one_asked",
            "tenant",
            "case_id",
            "decides",
            unique=True,
            postgresql_where=text("state = 'asked'"),
        ),
        Index("ix_handler_change_state", "tenant", "state", postgresql_include=["handlers"]),
        CheckConstraint("decides in ('handler', 'vice_chair', 'leader')", name="decides"),
        CheckConstraint("state in ('asked', 'agreed', 'refused', 'withdrawn', 'lapsed')", name="state"),
        CheckConstraint("(state in ('agreed', 'refused')) = (decided_by is not null)", name="decided_by_somebody"),
        CheckConstraint("asked_by = any (asked_persons)", name="asked_by_a_person"),
        CheckConstraint("decided_by <> all (asked_persons)", name="two_people"),
        CheckConstraint("decided_by <> all (added || removed)", name="not_decided_by_the_named"),
        CheckConstraint("cardinality(added) + cardinality(removed) > 0", name="names_somebody"),
        CheckConstraint("(decides = 'leader') = (ground is not null)", name="an_emergency_has_a_ground"),
        CheckConstraint("ground in ('nobody_left', 'order')", name="ground"),
        CheckConstraint("(order_number is not null) = (ground is not distinct from 'order')", name="an_order_has_a_number"),
        CheckConstraint(
            "case when decides = 'leader' then cardinality(removed) = 0 and not added && asked_persons else not clears end",
            name="nobody_opens_it_to_himself",
        ),
        tenant_fk("case_id", "sealed_case"),
    )

    case_id: Mapped[Ref]
    added: Mapped[Texts]
    removed: Mapped[Texts]
    clears: Mapped[bool]
    """Whether all former handlers leave (emergency only, where nobody knows who they are)."""
    reason: Mapped[Str]
    ground: Mapped[str | None]
    """Of an emergency: ``nobody_left`` (no handler can act any more) or ``order`` (a court's or the discipline inspection's
    written order)."""
    order_number: Mapped[str | None]
    decides: Mapped[Str]
    """Who has to agree: another handler, the vice chair in charge where there is none, in an emergency the leader."""
    asked_by: Mapped[Str]
    asked_persons: Mapped[Texts]
    """Who asked, and those for whom he stood in: none of them agrees."""
    asked_on: Mapped[Day]
    expires_on: Mapped[Day]
    """The last day on which it can be agreed."""
    state: Mapped[Str] = mapped_column(default="asked")
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    decided_why: Mapped[str | None]
    at: Mapped[Instant]

    @property
    def is_emergency(self) -> bool:
        """Whether it opens the case to people whom none of its handlers named (紧急变更)."""
        return self.ground is not None


class HandlerNews(Handled, TenantRow):
    """What one person is told of a change that concerns him: he handles a case now, does no more, or with others. Seen by
    him alone."""

    __tablename__ = "handler_news"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.CONFIDENTIAL, mutable=("seen_on",))
    __table_args__ = (
        CheckConstraint("part in ('joined', 'left', 'stays')", name="part"),
        CheckConstraint("handlers is not null and cardinality(handlers) = 1", name="one_person"),
        Index("ix_handler_news_unseen", "tenant", "at", postgresql_where=text("seen_on is null")),
        tenant_fk("change_id", "handler_change"),
    )

    change_id: Mapped[Ref]
    number: Mapped[Str]
    part: Mapped[Str]
    told_on: Mapped[Day]
    seen_on: Mapped[date | None]
    at: Mapped[Instant]


class CaseDecision(TenantRow):
    """The decision on a case. The database holds that the approver is not the applicant's clerk (domain 7.4)."""

    __tablename__ = "case_decision"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True, personal=("reason",))
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
