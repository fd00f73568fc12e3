"""What persons ask for by right, and erasures (个人信息权利, PIPL Art. 44-50)."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str, Texts

KINDS: Final = {
    "view_log": "查阅记录",
    "export": "个人信息副本",
    "correction": "更正",
    "erasure": "删除",
    "withdrawal": "撤回同意",
}
"""What may be asked for, with its name on the screen (PIPL Art. 44, 45, 46, 47, 15)."""
REQUEST_STATES: Final = {"open": "待答复", "answered": "已办理", "refused": "未予办理", "withdrawn": "已撤回"}
ERASURE_STATES: Final = {"proposed": "待复核", "done": "已删除", "refused": "未通过", "withdrawn": "已撤回"}


class RightsRequest(TenantRow):
    """What a person, or somebody for him, asked for by right: who asked, how that was checked, by when it is answered
    (个人信息权利请求). A copy of everything is given out once."""

    __tablename__ = "rights_request"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("state", "answer", "answered_by", "answered_on", "taken_by", "taken_at"),
        personal=("agent_name", "evidence", "reason", "answer"),
    )
    __table_args__ = (
        UniqueConstraint("tenant", "number"),
        Index("ix_rights_request_state", "tenant", "state", "due_on"),
        Index("ix_rights_request_household", "tenant", "household_id"),
        CheckConstraint(f"kind in ({', '.join(map(repr, KINDS))})", name="kind"),
        CheckConstraint(f"state in ({', '.join(map(repr, REQUEST_STATES))})", name="state"),
        CheckConstraint("asker in ('self', 'agent')", name="asker"),
        CheckConstraint("(asker = 'agent') = (agent_name is not null)", name="agent"),
        CheckConstraint("(state = 'open') = (answered_by is null)", name="answered_by_somebody"),
        CheckConstraint("(taken_by is null) = (taken_at is null)", name="taken"),
        tenant_fk("household_id", "household"),
        tenant_fk("person_id", "person"),
    )

    number: Mapped[Str]
    kind: Mapped[Str]
    household_id: Mapped[Ref]
    person_id: Mapped[Ref]
    """Whose right it is."""
    asker: Mapped[Str]
    """``self`` (本人) or ``agent`` (代理人、监护人)."""
    agent_name: Mapped[str | None]
    evidence: Mapped[Str]
    """How it was checked who asks: which papers were seen (核验方式)."""
    reason: Mapped[Str]
    asked_on: Mapped[Day]
    due_on: Mapped[Day]
    provisional: Mapped[bool] = mapped_column(default=False)
    registered_by: Mapped[Str]
    state: Mapped[Str] = mapped_column(default="open")
    answer: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_on: Mapped[date | None]
    taken_by: Mapped[str | None]
    """Who took the copy out, which is done once."""
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    at: Mapped[Instant]


class Erasure(TenantRow):
    """That the data of a household's file, or of one person, shall be destroyed: proposed by one person, confirmed by another
    (删除). Ids alone outlast it; a line of the list of erasures repeats them (``core.rights.listed``)."""

    __tablename__ = "erasure"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=(
            *("state", "decided_by", "decided_on", "decided_why", "persons", "objects", "objects_gone_at"),
            *("replayed_at",),
        ),
        personal=("reason", "decided_why"),
    )
    __table_args__ = (
        Index("ix_erasure_household", "tenant", "household_id"),
        Index(
            "uq_erasure_one_proposed",
            "tenant",
            "household_id",
            unique=True,
            postgresql_where=text("state = 'proposed'"),
        ),
        Index("ix_erasure_state", "tenant", "state"),
        CheckConstraint(f"state in ({', '.join(map(repr, ERASURE_STATES))})", name="state"),
        CheckConstraint("ground in ('retention', 'wish')", name="ground"),
        CheckConstraint("proposed_by = any (proposed_persons)", name="proposed_by_a_person"),
        CheckConstraint("decided_by <> all (proposed_persons) or state = 'withdrawn'", name="two_people"),
        CheckConstraint("(state = 'proposed') = (decided_by is null)", name="decided_by_somebody"),
        CheckConstraint("cardinality(persons) > 0", name="somebody"),
        tenant_fk("household_id", "household"),
        tenant_fk("request_id", "rights_request"),
    )

    household_id: Mapped[Ref]
    whole: Mapped[bool]
    """Whether the household's file goes as a whole, with its persons and cases; else one person alone, with all records that
    count as his."""
    persons: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(UUID(as_uuid=True)))
    ground: Mapped[Str]
    """``retention`` (the period of retention is over) or ``wish`` (the person asked for it, PIPL Art. 47)."""
    request_id: Mapped[uuid.UUID | None]
    reason: Mapped[Str]
    proposed_by: Mapped[Str]
    proposed_persons: Mapped[Texts]
    """Who proposed, and those for whom he stood in: none of them confirms."""
    proposed_on: Mapped[Day]
    state: Mapped[Str] = mapped_column(default="proposed")
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    decided_why: Mapped[str | None]
    objects: Mapped[Texts] = mapped_column(default=list)
    """Storage names of the papers that are destroyed after the commit."""
    objects_gone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    replayed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was last done again, after a restore."""
    at: Mapped[Instant]
