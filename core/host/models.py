"""What is kept of plugins for the whole installation: where they failed, and which are shut off in all counties."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, ReferenceTable
from core.db.rules import TableRule
from core.db.types import Instant, Str


class PluginFault(Base):
    """A place where a plugin failed, once for each place, however often (插件故障). Holds kinds of errors and lines of code, no
    text of an error that arose while rows were at hand."""

    __tablename__ = "plugin_fault"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "a plugin fails for the installation, often before there is a scope",
        grants=("insert", "update"),
    )

    plugin: Mapped[str] = mapped_column(Text, primary_key=True)
    place: Mapped[str] = mapped_column(Text, primary_key=True)
    """What failed: ``start``, ``migration``, a hook, a guard, a route."""
    version: Mapped[Str]
    """The plugin's version at the last time; empty where it could not say."""
    said: Mapped[Str]
    trace: Mapped[Str]
    count: Mapped[int]
    first_at: Mapped[Instant]
    last_at: Mapped[Instant]


class PluginQuarantine(Base):
    """A plugin that is shut off in all counties by one act (停用隔离), whatever each of them has switched on; read with every
    scope."""

    __tablename__ = "plugin_quarantine"
    __rule__: ClassVar[TableRule] = ReferenceTable(
        "one row shuts a plugin off for the whole installation",
        grants=("insert", "update"),
    )

    plugin: Mapped[str] = mapped_column(Text, primary_key=True)
    reason: Mapped[Str]
    actor: Mapped[Str]
    at: Mapped[Instant]
    lifted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was let in again; None while it is shut off."""
