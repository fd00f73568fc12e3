"""Dated, sourced figures of policy: nation < province < prefecture < county (政策参数)."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, Policy, ReferenceTable, TenantRow, TenantTable
from core.db.rules import TableRule
from core.db.types import Day, Instant, Str


class NationalParameter(Base):
    """A value that holds for the whole country unless a level below sets its own."""

    __tablename__ = "national_parameter"
    __rule__: ClassVar[TableRule] = ReferenceTable("national law and rules, written by the owner from the declarations")

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    source: Mapped[Str]
    clause: Mapped[Str]


class TenantParameter(TenantRow):
    """A value that a province, prefecture or county sets for itself and those below it. Never changed: a later recorded
    row with the same ``valid_from`` replaces an earlier one."""

    __tablename__ = "tenant_parameter"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.DOWNWARD, append_only=True)

    name: Mapped[Str]
    valid_from: Mapped[Day]
    value: Mapped[Any] = mapped_column(JSONB)
    source: Mapped[Str]
    clause: Mapped[Str]
    actor: Mapped[Str]
    recorded_at: Mapped[Instant]


class WorkingDayException(Base):
    """A day that the State Council's yearly notice makes a working day or a day off, for years beyond the library."""

    __tablename__ = "working_day_exception"
    __rule__: ClassVar[TableRule] = ReferenceTable("the national holiday notice, the same for every tenant")

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    source: Mapped[Str]
