"""Tenants, the divisions that they cover, and the plugins that run in them with their settings (domain 1.3, 2)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, ReferenceTable, Tenanted, TenantRow, TenantTable, new_id
from core.db.rules import Policy, TableRule
from core.db.types import Day, Instant, Json, Str, Texts


class Tenant(Base):
    """A union at any level that keeps rows of its own (租户). The code is given once and never changes; the division code
    is a dated attribute beside it."""

    __tablename__ = "tenant"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "the tree of tenants is needed before a scope exists",
        ("insert", "update"),
        mutable=("name", "union_name", "state", "onboarded_on", "closed_on"),
        governed="code",
        begins=("state", "planned"),
    )
    __table_args__ = (
        UniqueConstraint("code", "province"),
        UniqueConstraint("code", "prefecture"),
        # A prefecture is one of the same province.
        ForeignKeyConstraint(["prefecture", "province"], ["tenant.code", "tenant.province"]),
        CheckConstraint("(level = 'province') = (code = province) and (level <> 'province' or prefecture is null)", name="top"),
        CheckConstraint("(level = 'prefecture') = (prefecture is not null and code = prefecture)", name="middle"),
        CheckConstraint("level in ('province', 'prefecture', 'county')", name="level"),
        CheckConstraint("state in ('planned', 'preparing', 'open', 'suspended', 'read_only', 'closed')", name="state"),
        CheckConstraint("(state = 'closed') = (closed_on is not null)", name="closed"),
    )

    code: Mapped[str] = mapped_column(CHAR(6), primary_key=True)
    name: Mapped[Str]
    """Name of the division, e.g. 锦江区."""
    union_name: Mapped[Str]
    """Name of the union, e.g. 锦江区总工会."""
    level: Mapped[Str]
    province: Mapped[str] = mapped_column(CHAR(6), ForeignKey("tenant.code"))
    prefecture: Mapped[str | None] = mapped_column(CHAR(6), ForeignKey("tenant.code"))
    parent: Mapped[str | None] = mapped_column(CHAR(6), ForeignKey("tenant.code"), index=True)
    state: Mapped[Str]
    """A ``core.scope.Standing``, moved by ``core.tenancy.life`` alone, which writes a ``TenantChange`` beside it."""
    onboarded_on: Mapped[date | None]
    """The day on which it went live; None before that."""
    closed_on: Mapped[date | None]


def _of_tenant() -> tuple[ForeignKeyConstraint, ForeignKeyConstraint]:
    """A governed row names the levels above its tenant as the tenant's own row does, or the policy would believe anybody."""
    province = ForeignKeyConstraint(["tenant_code", "province"], ["tenant.code", "tenant.province"])
    return province, ForeignKeyConstraint(["tenant_code", "prefecture"], ["tenant.code", "tenant.prefecture"])


class TenantDivision(Base):
    """Which division a tenant covers from which day on, and what it is called since; a recoded or merged county keeps its
    tenant code."""

    __tablename__ = "tenant_division"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "old links must find their tenant before a scope exists", ("insert",), governed="tenant_code"
    )
    __table_args__ = (*_of_tenant(), Index("ix_tenant_division_code", "division_code", "valid_from"))

    tenant_code: Mapped[str] = mapped_column(CHAR(6), primary_key=True)
    division_code: Mapped[str] = mapped_column(CHAR(6), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[Str]
    union_name: Mapped[Str]
    province: Mapped[str] = mapped_column(CHAR(6))
    prefecture: Mapped[str | None] = mapped_column(CHAR(6))
    former_tenant: Mapped[str | None] = mapped_column(CHAR(6))
    """The closed tenant whose division it took over (撤并承接); None for its own."""


class TenantChange(Base):
    """One step in a tenant's life: what was done, who said so in which union, why, on which business date (单位变更). Kept for
    ever; the newest one that moved the state tells why it is what it is."""

    __tablename__ = "tenant_change"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "the levels above say it of a tenant, which cannot say it of itself", ("insert",), governed="tenant_code", in_line=True
    )
    __table_args__ = (*_of_tenant(), Index("ix_tenant_change_tenant_code", "tenant_code", "id"))

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    tenant_code: Mapped[str] = mapped_column(CHAR(6))
    province: Mapped[str] = mapped_column(CHAR(6))
    prefecture: Mapped[str | None] = mapped_column(CHAR(6))
    act: Mapped[Str]
    """``add``, ``go_live``, ``suspend``, ``read_only``, ``resume``, ``recode``, ``close`` or another word of
    ``core.tenancy.life.ACTS``."""
    state: Mapped[Str]
    """The state after it."""
    reason: Mapped[Str]
    detail: Mapped[Json]
    """Codes, names of divisions, the profile, whom to call: never anything personal."""
    actor: Mapped[Str]
    by_tenant: Mapped[str] = mapped_column(CHAR(6))
    """The union in whose scope it was said."""
    business_date: Mapped[Day]
    at: Mapped[Instant]


class TenantPlugin(Tenanted, Base):
    """What the tenant itself last said of a plugin: on, on from a later day, or off (业务启停). Read with every scope, so that
    a switch works at the next request or task of every process; what holds also hangs on the rules of the levels above."""

    __tablename__ = "tenant_plugin"
    __rule__: ClassVar[TableRule] = TenantTable()

    plugin: Mapped[str] = mapped_column(Text, primary_key=True)
    enabled: Mapped[bool]
    on_from: Mapped[date | None]
    """The day from which it is on, where it was switched on beforehand (定期启用)."""
    version: Mapped[int] = mapped_column(default=1)


class TenantPluginChange(TenantRow):
    """Each switch of a plugin: what was said, who, why; kept for ever."""

    __tablename__ = "tenant_plugin_change"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)

    plugin: Mapped[Str]
    version: Mapped[int]
    enabled: Mapped[bool]
    on_from: Mapped[date | None]
    reason: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class PluginRule(TenantRow):
    """What a province or prefecture says of a plugin in the counties below: required, forbidden or free (启用规定). Never
    changed: of the rules for the same counties the one with the latest day that has come holds; of one day, the later."""

    __tablename__ = "plugin_rule"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.DOWNWARD, append_only=True)
    __table_args__ = (
        UniqueConstraint("tenant", "plugin", "version"),
        CheckConstraint("word in ('require', 'forbid', 'free', 'general')", name="word"),
        CheckConstraint("word <> 'general' or prefecture is not null", name="general"),
    )

    plugin: Mapped[Str]
    version: Mapped[int]
    prefecture: Mapped[str | None] = mapped_column(CHAR(6))
    """The prefecture whose counties it is for; None for all counties below."""
    word: Mapped[Str]
    """``general`` ends what was said for one prefecture: its counties follow what is said for all."""
    valid_from: Mapped[Day]
    reason: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class PluginSettingChange(TenantRow):
    """One change of a plugin's settings at one level, for the tenant and those below it (业务设置). Never changed: for each
    field the change with the latest day that has come holds, and of one day the later version."""

    __tablename__ = "plugin_setting_change"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.DOWNWARD, append_only=True, passed_on=("secrets",))
    __table_args__ = (UniqueConstraint("tenant", "plugin", "version"),)

    plugin: Mapped[Str]
    version: Mapped[int]
    valid_from: Mapped[Day]
    given: Mapped[Json]
    """Field to value, as JSON; never a secret."""
    secrets: Mapped[Json]
    """Field to sealed value, base64; opens in this tenant, plugin and field alone."""
    resets: Mapped[Texts]
    """Fields that follow the level above again."""
    locks: Mapped[Json]
    """Field to whether the levels below may not set it."""
    withdraws: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """Versions that were to hold from a later day and are taken back."""
    restores: Mapped[int | None]
    """The version whose state this change brings back."""
    reason: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class OnboardingProfile(TenantRow):
    """A version of a profile of onboarding (开通方案): with which lines and settings a county below begins. Never changed: of a
    profile the version with the latest day that has come holds, and of one day the later."""

    __tablename__ = "onboarding_profile"
    __rule__: ClassVar[TableRule] = TenantTable(policy=Policy.DOWNWARD, append_only=True)
    __table_args__ = (UniqueConstraint("tenant", "code", "version"), CheckConstraint("code ~ '^[a-z][a-z0-9_]*$'", name="code"))

    code: Mapped[Str]
    version: Mapped[int]
    title: Mapped[Str]
    valid_from: Mapped[Day]
    plugins: Mapped[Texts]
    settings: Mapped[Json]
    """Plugin to field to value, as JSON; never a secret."""
    retired: Mapped[bool]
    """From its day on the profile can be chosen no more."""
    reason: Mapped[Str]
    actor: Mapped[Str]
    business_date: Mapped[Day]
    at: Mapped[Instant]


class TenantKey(Tenanted, Base):
    """The tenant's data key, wrapped by the installation's key."""

    __tablename__ = "tenant_key"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True, passed_on=("wrapped",))

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
