"""Accounts, posts and sessions of the staff (domain 1.2, 12)."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import CHAR, CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, ReferenceTable, new_id
from core.db.rules import TableRule
from core.db.types import Day, Instant, Str


class Account(Base):
    """A member of staff who can sign in (账号)."""

    __tablename__ = "account"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "a person may hold posts in several tenants and signs in before a scope exists", ("insert", "update")
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    login: Mapped[str] = mapped_column(Text, unique=True)
    display_name: Mapped[Str]
    password_hash: Mapped[str | None]
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[Instant]


class Post(Base):
    """A role that an account holds in a tenant, with dates (岗位)."""

    __tablename__ = "post"
    __rule__: ClassVar[TableRule] = ReferenceTable("read when a scope is built, before the tenant is set", ("insert", "update"))
    __table_args__ = (
        UniqueConstraint("account_id", "tenant_code", "role", "valid_from"),
        CheckConstraint("valid_to is null or valid_to > valid_from", name="dates"),
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    tenant_code: Mapped[str] = mapped_column(CHAR(6), ForeignKey("tenant.code"), index=True)
    role: Mapped[Str]
    title: Mapped[Str]
    """What the post is called on the screen, e.g. 窗口经办."""
    valid_from: Mapped[Day]
    valid_to: Mapped[date | None]


class StaffSession(Base):
    """A signed-in browser. The cookie holds a random token; only its hash is stored."""

    __tablename__ = "staff_session"
    __rule__: ClassVar[TableRule] = ReferenceTable("found by the cookie before a scope exists", ("insert", "update"))
    __table_args__ = (Index("ix_staff_session_account_id", "account_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    csrf_token: Mapped[Str]
    created_at: Mapped[Instant]
    last_seen_at: Mapped[Instant]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    address: Mapped[str | None]
    agent: Mapped[str | None]
