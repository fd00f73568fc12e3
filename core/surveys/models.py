"""Survey rounds and the determinations that they bring (domain 7.5)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, JsonList, Ref, Str, Texts


class SurveyRound(TenantRow):
    """One year's survey of one tenant (调查批次)."""

    __tablename__ = "survey_round"
    __table_args__ = (UniqueConstraint("tenant", "year"),)

    year: Mapped[int]
    opened_on: Mapped[Day]
    decided_on: Mapped[date | None]


class ParameterSet(TenantRow):
    """The parameters that a batch of determinations used, each with value, level, date and source; stored once."""

    __tablename__ = "parameter_set"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (UniqueConstraint("tenant", "digest"),)

    digest: Mapped[Str]
    as_of: Mapped[Day]
    entries: Mapped[Json]


class Determination(TenantRow):
    """What the rules found of one household on one day, with the inputs they read, so that it can be explained and re-run
    in ten years (认定)."""

    __tablename__ = "determination"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (
        Index("ix_determination_household", "tenant", "household_id", "decided_on"),
        Index("ix_determination_round", "tenant", "round_id", "household_id", unique=True),
        tenant_fk("household_id", "household"),
        tenant_fk("round_id", "survey_round"),
        tenant_fk("parameter_set_id", "parameter_set"),
    )

    household_id: Mapped[Ref]
    round_id: Mapped[uuid.UUID | None]
    """The survey round, or null for a single decision outside a round."""
    decided_on: Mapped[Day]
    rule_set: Mapped[Str]
    rule_version: Mapped[Str]
    parameter_set_id: Mapped[Ref]
    inputs: Mapped[JsonList]
    """The values of the rule set's columns, in its order."""
    eligible: Mapped[bool]
    kind: Mapped[str | None]
    reasons: Mapped[Texts] = mapped_column(ARRAY(Text))
    """Names of the predicates that held."""
    amounts: Mapped[Json]
    """Fen by programme for which the household qualifies."""
    at: Mapped[Instant]
