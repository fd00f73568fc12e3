"""Accounts, posts and sessions of the staff (domain 1.2, 12).

Duties that exclude each other are kept apart by the database itself: posts carry what their role excludes, and exclusion
constraints compare them. The table is small, so they cost nothing that matters.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    column,
    func,
)
from sqlalchemy.dialects.postgresql import UUID, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import Function

from core.db.base import Base, ReferenceTable, TenantRow, TenantTable, new_id
from core.db.rules import TableRule
from core.db.types import Day, Instant, Str


class Account(Base):
    """A member of staff who can sign in (账号)."""

    __tablename__ = "account"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "a person may hold posts in several tenants and signs in before a scope exists",
        ("insert", "update"),
        goes_along="whoever holds or held a post in the county or stands in its trail; no password, no second factor",
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    login: Mapped[str] = mapped_column(Text, unique=True)
    display_name: Mapped[Str]
    password_hash: Mapped[str | None]
    """argon2id; None for whoever signs in elsewhere (Keycloak) alone, and for a program."""
    subject: Mapped[str | None] = mapped_column(Text, unique=True)
    """Who the account is at the identity provider: its user id there. None for a local account."""
    is_program: Mapped[bool] = mapped_column(default=False)
    """True for another system's service account (client credentials), which never opens a session."""
    must_change_password: Mapped[bool] = mapped_column(default=False)
    """Set with a first or a reset password: nothing else can be done before it is changed."""
    totp_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The secret of the second factor, under the installation's key; None where none is set up."""
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    """The time step of the last code that was accepted: a code works once."""
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    disabled_why: Mapped[str | None]
    """``dormant``, or the reason that the administrator gave."""
    enabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was last let in again; dormancy counts from here where nobody has signed in since."""
    signed_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When somebody last signed in; dormancy counts from here, or from ``created_at``."""
    created_at: Mapped[Instant]


class RecoveryCode(Base):
    """A code that stands in for the second factor, once (恢复码). Only its hash is stored."""

    __tablename__ = "recovery_code"
    __rule__: ClassVar[TableRule] = ReferenceTable("belongs to an account, which has no tenant", ("insert", "update", "delete"))

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def _apart(name: str, *same: str, differs: str) -> ExcludeConstraint:
    """No two posts with the same ``same`` whose ``differs`` differ may hold on one day; null excludes nothing."""
    return ExcludeConstraint(*((column, "=") for column in same), (differs, "<>"), (_period(), "&&"), name=name, using="gist")


def _period() -> Function[Any]:
    """The days on which a post holds. A post that was taken back before its first day has none, and excludes nothing."""
    return func.daterange(column("valid_from"), column("valid_to"))


def _once(name: str, *same: str) -> ExcludeConstraint:
    """No two posts with the same ``same`` may hold on one day."""
    return ExcludeConstraint(*((column, "=") for column in same), (_period(), "&&"), name=name, using="gist")


class Post(Base):
    """A role that an account holds in a tenant, with dates (岗位)."""

    __tablename__ = "post"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "read when a scope is built, before the tenant is set", ("insert", "update"), goes_along="the county's posts"
    )
    __table_args__ = (
        CheckConstraint("valid_to is null or valid_to >= valid_from", name="dates"),
        CheckConstraint("delegated_from is null or valid_to is not null", name="a_delegation_ends"),
        CheckConstraint("granted_by is null or granted_by <> account_id::text", name="not_given_by_oneself"),
        CheckConstraint("reviewed_by is null or reviewed_by <> account_id::text", name="not_confirmed_by_oneself"),
        _once("ex_post_once", "account_id", "tenant_code", "role"),
        _apart("ex_post_duties_apart", "account_id", "tenant_code", differs="duty"),
        _apart("ex_post_auditor_apart", "account_id", "tenant_code", differs="audit_side"),
        _apart("ex_post_administrators_apart", "account_id", differs="administers"),
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    tenant_code: Mapped[str] = mapped_column(CHAR(6), ForeignKey("tenant.code"), index=True)
    role: Mapped[Str]
    title: Mapped[Str]
    """What the post is called on the screen, e.g. 经办人."""
    valid_from: Mapped[Day]
    valid_to: Mapped[date | None]
    duty: Mapped[str | None]
    """Which of the duties that exclude each other in a tenant the role has: clerk, approver, fund_manager, payer."""
    audit_side: Mapped[str | None]
    """``auditor`` or ``audited``: nobody audits the tenant that he works in (domain 7.2)."""
    administers: Mapped[str] = mapped_column(default="nothing")
    """``system``, ``security`` or ``audit`` for the three administrators, who hold no other post anywhere (domain 12)."""
    delegated_from: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("post.id"))
    """The post that this one stands in for during its holder's leave (代理), within its dates."""
    granted_by: Mapped[str | None]
    """Actor key of who gave the post; None for those made at onboarding by the platform."""
    reason: Mapped[str | None]
    ended_by: Mapped[str | None]
    """Actor key of who ended it; None where it runs, or ran out by itself."""
    end_reason: Mapped[str | None]
    last_used_on: Mapped[date | None]
    """The last business date on which its holder acted in the tenant (kept to the day)."""
    reviewed_on: Mapped[date | None]
    """When the yearly review of access last confirmed it."""
    reviewed_by: Mapped[str | None]


class RolePermission(TenantRow):
    """What a tenant itself says about one permission of a service line and one role (岗位权限). Never changed: of the rows
    whose day has come, the latest day holds, and for one day what was recorded last."""

    __tablename__ = "role_permission"
    __rule__: ClassVar[TableRule] = TenantTable(append_only=True)
    __table_args__ = (Index("ix_role_permission_role", "tenant", "role"),)

    role: Mapped[Str]
    permission: Mapped[Str]
    granted: Mapped[bool]
    """True adds the permission to the role, False takes it away, whatever the line itself proposes."""
    valid_from: Mapped[Day]
    reason: Mapped[Str]
    actor: Mapped[Str]
    at: Mapped[Instant]


class StaffSession(Base):
    """A signed-in browser. The cookie holds a random token; only its hash is stored."""

    __tablename__ = "staff_session"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "found by the cookie before a scope exists",
        ("insert", "update"),
        mutable=(
            "last_seen_at",
            "ended_at",
            "authenticated_at",
            "assurance",
            "provider_sid",
            "refresh_cipher",
            "id_token_cipher",
            "fresh_until",
        ),
        deletable_after=("created_at",),
    )
    __table_args__ = (
        Index("ix_staff_session_account_id", "account_id"),
        Index("ix_staff_session_provider_sid", "provider_sid"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    csrf_token: Mapped[Str]
    created_at: Mapped[Instant]
    last_seen_at: Mapped[Instant]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    address: Mapped[str | None]
    agent: Mapped[str | None]
    authenticated_at: Mapped[Instant]
    """When the person last proved who he is; a step up sets it anew."""
    assurance: Mapped[int] = mapped_column(default=1)
    """1 for a password, 2 where a second factor was shown (``acr``)."""
    provider_sid: Mapped[str | None]
    """The session's id at the identity provider, by which a back-channel logout names it."""
    refresh_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The provider's refresh token, under the installation's key."""
    id_token_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The provider's ID token, which signing out there is asked with."""
    fresh_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the provider is asked again whether the session still holds; None for a local session."""


class SeenToken(Base):
    """Numbers (``jti``) of one-time tokens that were used, until they expire: none is taken twice."""

    __tablename__ = "seen_token"
    __rule__: ClassVar[TableRule] = ReferenceTable("a provider's token names no tenant", ("insert", "delete"))

    number: Mapped[str] = mapped_column(Text, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
