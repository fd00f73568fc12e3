"""Tenants, the divisions that they cover, and the plugins that a tenant has switched on (domain 1.3, 2)."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CHAR, BigInteger, CheckConstraint, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, ReferenceTable, Tenanted, TenantRow, TenantTable
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, Str


class Tenant(Base):
    """A union at any level that keeps rows of its own (租户). The code is given once and never changes; the division code
    is a dated attribute beside it."""

    __tablename__ = "tenant"
    __rule__: ClassVar[TableRule] = ReferenceTable("the tree of tenants is needed before a scope exists")
    __table_args__ = (CheckConstraint("level in ('province', 'prefecture', 'county')", name="level"),)

    code: Mapped[str] = mapped_column(CHAR(6), primary_key=True)
    name: Mapped[Str]
    """Name of the division, e.g. 锦江区."""
    union_name: Mapped[Str]
    """Name of the union, e.g. 锦江区总工会."""
    level: Mapped[Str]
    province: Mapped[str] = mapped_column(CHAR(6), ForeignKey("tenant.code"))
    prefecture: Mapped[str | None] = mapped_column(CHAR(6), ForeignKey("tenant.code"))
    parent: Mapped[str | None] = mapped_column(CHAR(6), ForeignKey("tenant.code"), index=True)
    onboarded_on: Mapped[Day]
    closed_on: Mapped[date | None]


class TenantDivision(Base):
    """Which division a tenant covers from which day on; a recoded or merged county keeps its tenant code."""

    __tablename__ = "tenant_division"
    __rule__: ClassVar[TableRule] = ReferenceTable("old links must find their tenant before a scope exists")

    tenant_code: Mapped[str] = mapped_column(CHAR(6), ForeignKey("tenant.code"), primary_key=True)
    division_code: Mapped[str] = mapped_column(CHAR(6), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)


class TenantPlugin(Tenanted, Base):
    """Whether a plugin is switched on in the tenant, with its settings and version (已启用业务). Read with every scope, so
    that a switch works at the next request or task of every process."""

    __tablename__ = "tenant_plugin"
    __rule__: ClassVar[TableRule] = TenantTable()

    plugin: Mapped[str] = mapped_column(Text, primary_key=True)
    enabled: Mapped[bool]
    settings: Mapped[Json] = mapped_column(JSONB, default=dict)
    version: Mapped[int] = mapped_column(default=1)


class TenantPluginChange(TenantRow):
    """Each switch or new setting of a plugin: what was, what is, who, why; kept for ever."""

    __tablename__ = "tenant_plugin_change"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)

    plugin: Mapped[Str]
    version: Mapped[int]
    enabled: Mapped[bool]
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class TenantKey(Tenanted, Base):
    """The tenant's data key, wrapped by the installation's key."""

    __tablename__ = "tenant_key"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)

    version: Mapped[int] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes]
    at: Mapped[Instant]


class TenantCounter(Tenanted, Base):
    """Running numbers of a tenant: file numbers, case numbers, vouchers, one row per kind and year."""

    __tablename__ = "tenant_counter"
    __rule__: ClassVar[TableRule] = TenantTable()

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger, default=0)


class BusinessClock(Base):
    """The movable business date of a demonstration; empty in production, where the date is the real one."""

    __tablename__ = "business_clock"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "one date for the whole installation, moved only by the owner's process; production has no row"
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    on: Mapped[Day]
    set_at: Mapped[Instant]


class Installation(Base):
    """Facts about the installation itself: which steps of the sample have been done, with which arguments."""

    __tablename__ = "installation"
    __rule__: ClassVar[TableRule] = ReferenceTable("belongs to the installation, not to a tenant; written by the owner")

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Json]
    at: Mapped[Instant]
