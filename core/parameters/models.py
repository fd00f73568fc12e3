"""Dated, sourced figures of policy: nation < province < prefecture < county (政策参数)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Policy, ReferenceTable, TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Fen, Instant, Ref, Str, Texts


class NationalParameter(Base):
    """A value that holds for the whole country unless a level below sets its own."""

    __tablename__ = "national_parameter"
    __rule__: ClassVar[TableRule] = ReferenceTable("national law and rules, written by the owner from the declarations")

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    source: Mapped[Str]
    clause: Mapped[Str]


class ParameterProposal(TenantRow):
    """A value that somebody wants to be set, until a second person adopts or refuses it (拟调整). What was asked for never
    changes; whoever wants something else withdraws it and proposes anew."""

    __tablename__ = "parameter_proposal"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("state", "decided_by", "decided_on", "note"))
    __table_args__ = (
        CheckConstraint("state in ('open', 'adopted', 'refused', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'open') = (decided_by is null)", name="decided"),
        CheckConstraint("state not in ('adopted', 'refused') or decided_by <> proposed_by", name="two_people"),
        Index("ix_parameter_proposal_open", "tenant", "name", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_parameter_proposal_name", "tenant", "name", "id"),
    )

    name: Mapped[Str]
    valid_from: Mapped[Day]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    """None proposes that the level above holds again."""
    source: Mapped[Str]
    clause: Mapped[Str]
    reason: Mapped[Str]
    restores: Mapped[uuid.UUID | None]
    """The value of the tenant's own that is to hold again (恢复); no key, as the two tables would refer to each other."""
    state: Mapped[str] = mapped_column(Text, default="open")
    proposed_by: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    note: Mapped[str | None]
    """Why it was refused or withdrawn; of one that was adopted what was minuted."""


class TenantParameter(TenantRow):
    """A value that a province, prefecture or county sets for itself and those below it. Never changed: a later recorded
    row with the same ``valid_from`` replaces an earlier one. What a person sets rests on a proposal of somebody else."""

    __tablename__ = "tenant_parameter"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.DOWNWARD, append_only=True)
    __table_args__ = (
        CheckConstraint("actor like 'system:%' or proposal_id is not null", name="proposed"),
        UniqueConstraint("tenant", "proposal_id"),
        tenant_fk("proposal_id", "parameter_proposal"),
    )

    name: Mapped[Str]
    valid_from: Mapped[Day]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    """None says that from this day on the tenant has no value of its own: the level above holds again."""
    source: Mapped[Str]
    clause: Mapped[Str]
    actor: Mapped[Str]
    """Who adopted it, or the job of the platform that set it."""
    proposal_id: Mapped[uuid.UUID | None]
    recorded_at: Mapped[Instant]


class ParameterForecast(TenantRow):
    """What a proposal would bring about, counted from the households' facts as known at one instant (测算)."""

    __tablename__ = "parameter_forecast"
    __rule__: ClassVar[TableRule] = TenantTable(mutable=("figures", "job_id"))
    __table_args__ = (
        Index("ix_parameter_forecast_proposal", "tenant", "proposal_id", "id"),
        tenant_fk("proposal_id", "parameter_proposal"),
    )

    proposal_id: Mapped[Ref]
    on: Mapped[Day]
    """The day whose facts and figures were taken: the proposal's, or that of the forecast where this one is later."""
    rules: Mapped[Texts] = mapped_column(ARRAY(Text))
    """The rule sets that read the figure, each with its version."""
    mark: Mapped[Str]
    """State of the facts and figures that it rests on; where the present state has another mark, it is out of date."""
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Households and fen in sum; None until all are counted. Of a level above also by county, never a household."""
    job_id: Mapped[uuid.UUID | None]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class ForecastHousehold(TenantRow):
    """A household whose kind of difficulty or aid would change, with fen a year before and after."""

    __tablename__ = "forecast_household"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "forecast_id", "household_id"),
        Index("ix_forecast_household_way", "tenant", "forecast_id", "way", "household_id"),
        CheckConstraint("way in ('gain', 'lose', 'other')", name="way"),
        tenant_fk("forecast_id", "parameter_forecast"),
        tenant_fk("household_id", "household"),
    )

    forecast_id: Mapped[Ref]
    household_id: Mapped[Ref]
    way: Mapped[Str]
    """``other``: of another kind, with the same aid."""
    kind_before: Mapped[str | None]
    kind_after: Mapped[str | None]
    fen_before: Mapped[Fen]
    fen_after: Mapped[Fen]


class WorkingDayException(Base):
    """A day that the State Council's yearly notice makes a working day or a day off, for years beyond the library."""

    __tablename__ = "working_day_exception"
    __rule__: ClassVar[TableRule] = ReferenceTable("the national holiday notice, the same for every tenant")

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    source: Mapped[Str]
