"""Rows of the importer (导入): one spreadsheet each, what is kept of it while it waits, what was found in it.

What waits to be looked through is kept sealed under the tenant's key and deleted when the import is committed, discarded or
too old. What is shown of it holds masked values only.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import CheckConstraint, Date, DateTime, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import TenantRow, TenantTable, tenant_fk
from core.db.rules import TableRule
from core.db.types import Day, Instant, Json, Ref, Str

STATES: Final = {
    "checking": "正在核对",
    "checked": "待确认导入",
    "refused": "不能读取",
    "committing": "正在导入",
    "committed": "已导入",
    "discarded": "已放弃",
}
"""States of an import with their names on the screen."""


class RosterImport(TenantRow):
    """One spreadsheet (导入批次): what was understood of it, what became of it. Kept for ever, without what was discarded."""

    __tablename__ = "roster_import"
    __table_args__ = (
        # A file that was written may come again (households were held back); of those that wait each is there once.
        Index(
            "uq_roster_import_digest",
            "tenant",
            "digest",
            unique=True,
            postgresql_where=text("state not in ('committed', 'discarded')"),
        ),
        Index("ix_roster_import_digest", "tenant", "digest"),
        CheckConstraint(f"state in ({', '.join(map(repr, STATES))})", name="state"),
    )

    digest: Mapped[Str]
    """SHA-256 of the file's bytes in hexadecimal."""
    file_name: Mapped[Str]
    size: Mapped[int] = mapped_column(default=0)
    """Bytes of the file."""
    state: Mapped[Str]
    business_date: Mapped[Day]
    actor: Mapped[Str]
    understanding: Mapped[Json] = mapped_column(JSONB, default=dict)
    """What was understood of sheets and columns, as ``core.people.roster`` tells it."""
    samples: Mapped[Json] = mapped_column(JSONB, default=dict)
    """Masked values of the first rows, by number of the sheet and of the column."""
    refusal: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """Why the file cannot be read: kind, words, mend."""
    counts: Mapped[Json] = mapped_column(JSONB, default=dict)
    """Households and persons by what becomes of them, errors and warnings."""
    households: Mapped[int] = mapped_column(default=0)
    """Households written or to be written: new and changed ones."""
    persons: Mapped[int] = mapped_column(default=0)
    held_back: Mapped[int] = mapped_column(default=0)
    rounds: Mapped[int] = mapped_column(default=0)
    """How often it was checked: once, and once more for each change of the mapping."""
    job_id: Mapped[uuid.UUID | None]
    """The work under way, or the last."""
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    committed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    committed_by: Mapped[str | None]
    kept_until: Mapped[date | None] = mapped_column(Date)
    """The last day on which a file that waits is kept; None where none is."""
    at: Mapped[Instant]


class RosterPart(TenantRow):
    """A sealed piece of a file that waits, or of what was read from it."""

    __tablename__ = "roster_part"
    __rule__: ClassVar[TableRule] = TenantTable(
        deletable=True, stays="spreadsheets that wait to be looked through; the office sends them again at the new installation"
    )
    __table_args__ = (
        UniqueConstraint("tenant", "import_id", "what", "no"),
        CheckConstraint("what in ('file', 'drafts')", name="what"),
        tenant_fk("import_id", "roster_import"),
    )

    import_id: Mapped[Ref]
    what: Mapped[Str]
    no: Mapped[int]
    sealed: Mapped[bytes]


class RosterProblem(TenantRow):
    """What is wrong with, or doubtful in, one cell or row of an import; the value is masked."""

    __tablename__ = "roster_problem"
    __rule__: ClassVar[TableRule] = TenantTable(deletable=True)
    __table_args__ = (
        UniqueConstraint("tenant", "import_id", "no"),
        CheckConstraint("severity in ('error', 'warning')", name="severity"),
        tenant_fk("import_id", "roster_import"),
    )

    import_id: Mapped[Ref]
    no: Mapped[int]
    """Errors first, then warnings, each in the order of the file."""
    severity: Mapped[Str]
    compared: Mapped[bool]
    """Whether what is on file has shown it, and not the spreadsheet alone."""
    kind: Mapped[Str]
    sheet: Mapped[Str]
    row: Mapped[int]
    letter: Mapped[Str]
    column: Mapped[Str]
    value: Mapped[Str]
    household: Mapped[Str]
    zh: Mapped[Str]
    en: Mapped[Str]
    mend_zh: Mapped[Str]
    mend_en: Mapped[Str]


class RosterChange(TenantRow):
    """One value on file that differs from the file's (变更): what it was, what it becomes, and whether it is taken over."""

    __tablename__ = "roster_change"
    __rule__: ClassVar[TableRule] = TenantTable(deletable=True, personal=("name", "was", "becomes"))
    __table_args__ = (
        UniqueConstraint("tenant", "import_id", "no"),
        Index("ix_roster_change_household", "tenant", "household_id"),
        Index("ix_roster_change_person", "tenant", "person_id"),
        tenant_fk("import_id", "roster_import"),
        tenant_fk("household_id", "household"),
        tenant_fk("person_id", "person"),
    )

    import_id: Mapped[Ref]
    no: Mapped[int]
    household: Mapped[Str]
    """Key of the household in the file."""
    household_id: Mapped[Ref]
    person_id: Mapped[uuid.UUID | None]
    """None where the household itself changes."""
    name: Mapped[Str]
    """Whose value it is: the person's name, the worker's for the household's."""
    part: Mapped[Str]
    """Which table of the file of the household holds it."""
    column: Mapped[Str]
    was: Mapped[Str]
    becomes: Mapped[Str]
    contested: Mapped[bool]
    """The value on file was set by somebody here after the last import: it stays unless the importer says otherwise."""
    by: Mapped[str | None]
    """Who set it, where that is known."""
    taken: Mapped[bool]


class RosterHeading(TenantRow):
    """What a heading means to the county (列名对应), remembered from a correction of the mapping."""

    __tablename__ = "roster_heading"
    __rule__: ClassVar[TableRule] = TenantTable(deletable=True)
    __table_args__ = (UniqueConstraint("tenant", "heading"),)

    heading: Mapped[Str]
    field: Mapped[str | None]
    """The field of the file; None: the column is left alone."""
    actor: Mapped[Str]
    at: Mapped[Instant]
