"""What is known here of the identity provider's directory (名录): how far each account's entry there follows, and where both
were found to differ."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from sqlalchemy import CHAR, DateTime, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, ReferenceTable, new_id
from core.db.rules import TableRule
from core.db.types import Instant, Moment, Str


class DirectoryEntry(Base):
    """How far an account's entry at the identity provider follows the account (名录条目).

    Changes are counted, not timed: the entry is in step where as many were carried out as were told.
    """

    __tablename__ = "directory_entry"
    __rule__: ClassVar[TableRule] = ReferenceTable("belongs to an account, which has no tenant", ("insert", "update"))

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    told: Mapped[int] = mapped_column(default=0)
    """How many changes were told."""
    done: Mapped[int] = mapped_column(default=0)
    """How many of them the entry follows."""
    told_at: Mapped[Instant]
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[str | None]
    """Why the last try failed; None where it did not, or nothing was tried yet."""
    password_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A first password on its way there, under the installation's key; None once it has arrived."""
    password_before: Mapped[str | None]
    """Which password stood there before that one was sent for the first time, by its stamp: a second try after a crash tells
    by it whether the first has arrived. None before the first."""
    drops_second_factor: Mapped[bool] = mapped_column(default=False)
    """Whether the second factor goes when the first password arrives."""


class DirectoryDifference(Base):
    """One thing in which the directory was found to differ from the accounts (名录差异). It goes when both agree again."""

    __tablename__ = "directory_difference"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "accounts belong to no tenant; lists are kept to the subtree of whoever reads", ("insert", "update", "delete")
    )
    __table_args__ = (UniqueConstraint("kind", "key"), Index("ix_directory_difference_account_id", "account_id"))

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)
    kind: Mapped[Str]
    key: Mapped[Str]
    """What makes it the same difference when it is found again: ids and paths."""
    area: Mapped[Str]
    """Which part of a comparison finds it, and lets it go."""
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    tenant_code: Mapped[str | None] = mapped_column(CHAR(6))
    """Whose staff or group it is about; None where that is nobody's."""
    subject: Mapped[str | None]
    """The user's id there."""
    group_path: Mapped[str | None]
    here: Mapped[Str]
    there: Mapped[Str]
    found_at: Mapped[Instant]
    seen_at: Mapped[Moment]
