"""Questions of a county to its province: is somebody on file twice, and who keeps the file (重复建档查询); and how often the
identity index was asked."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import CHAR, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Ref, Str


class IdentityQuestionCount(TenantRow):
    """How many questions an account asked the identity index in a day, and how many of them found nobody. The county's own
    sum stands under no name."""

    __tablename__ = "identity_question_count"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("asked", "in_vain"))
    __table_args__ = (UniqueConstraint("tenant", "on_day", "actor"), CheckConstraint("in_vain <= asked", name="in_vain"))

    on_day: Mapped[Day]
    actor: Mapped[Str]
    asked: Mapped[int]
    in_vain: Mapped[int]
    at: Mapped[Instant]


class IdentityQuery(TenantRow):
    """One question of whether a person is on file in two counties. The county, the province and a county that was told of it
    have a row each, in their own tenants; the person's hash travels in the envelope alone."""

    __tablename__ = "identity_query"
    __rule__: ClassVar[TableRule] = TenantTable(
        mutable=("state", "outcome", "keeper", "answer", "answered_on", "answered_by"), personal=("reason", "answer")
    )
    __table_args__ = (
        UniqueConstraint("tenant", "envelope_id", "direction"),
        Index(
            "uq_identity_query_open",
            "tenant",
            "person_id",
            unique=True,
            postgresql_where=text("direction = 'out' and state in ('asked', 'pending')"),
        ),
        Index("ix_identity_query_list", "tenant", "direction", "state", "id"),
        CheckConstraint("direction in ('out', 'in', 'told')", name="direction"),
        CheckConstraint("state in ('asked', 'pending', 'answered', 'withdrawn')", name="state"),
        CheckConstraint("outcome in ('duplicate', 'different', 'pending')", name="outcome"),
        CheckConstraint("direction = 'told' or (outcome = 'duplicate') = (keeper is not null)", name="keeper"),
        CheckConstraint("direction = 'told' or (direction = 'out') = (person_id is not null)", name="person"),
        tenant_fk("person_id", "person"),
        tenant_fk("household_id", "household"),
    )

    envelope_id: Mapped[Ref]
    direction: Mapped[Str]
    """``out`` with the county that asks, ``in`` with the province, ``told`` with another county that has a mark."""
    peer: Mapped[str] = mapped_column(CHAR(6))
    person_id: Mapped[uuid.UUID | None]
    """Of whom the county asks; the province learns nothing but the hash."""
    household_id: Mapped[uuid.UUID | None]
    reason: Mapped[Str]
    asked_by: Mapped[Str]
    asked_on: Mapped[Day]
    state: Mapped[Str] = mapped_column(default="asked")
    """``withdrawn`` where the county took it back before the province said anything."""
    outcome: Mapped[str | None]
    keeper: Mapped[str | None] = mapped_column(CHAR(6))
    """The county whose file stays, where it is a duplicate; of what a county was told, itself or nobody."""
    answer: Mapped[str | None]
    answered_on: Mapped[date | None]
    answered_by: Mapped[str | None]
    at: Mapped[Instant]
