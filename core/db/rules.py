"""What each table declares of itself: whose rows it holds, who sees them, and whether they may change.

The declarations are turned into row-level security and grants by ``core.db.ddl`` and are walked by the catalogue test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Policy(StrEnum):
    """Who sees a row of a tenant-owned table. Every policy lets a tenant write its own rows only."""

    OWN = "own"
    """Only the tenant itself."""
    CONFIDENTIAL = "confidential"
    """The tenant itself; where ``handlers`` is set only those named, or a row opened by a recorded act."""
    UPWARD = "upward"
    """Also the tenant's prefecture and province, which the row names (aggregate facts)."""
    DOWNWARD = "downward"
    """Also the tenants below (parameters, calendars): they inherit what the levels above set."""
    IDENTITY = "identity"
    """Also a transaction that has set exactly this hash, and the province's own scope (identity index)."""


KEPT_MONTHS = 6
"""How long the database itself keeps rows of a table that is ``deletable_after`` (Cybersecurity Law, art. 21: logs are kept at
least six months). The program may keep them longer, never shorter."""


@dataclass(frozen=True, slots=True)
class Token:
    """A keyed token beside a sealed value. The installation's key makes it, so it is made anew where a county moves to another
    installation."""

    column: str
    kind: str
    """A ``core.vault.tokens.TokenKind``."""
    sealed: str
    """The column that holds the value, sealed under a person's key."""
    person: str = "id"
    """The column with that person's id."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database does by itself with each row that is written: a trigger."""

    moment: str
    """``before insert``, ``after update of name``."""
    only: str
    """``when (…)``, or nothing for every row."""
    act: str
    """A statement of plpgsql; ``new`` is the row."""


@dataclass(frozen=True, slots=True)
class TenantTable:
    """A table whose rows belong to tenants: keyed by tenant first, under forced row-level security."""

    policy: Policy = Policy.OWN
    append_only: bool = False
    opened_by: str = "id"
    """Column that ``app.opened`` is compared with (confidential tables)."""
    deletable: bool = False
    mutable: tuple[str, ...] | None = None
    """The only columns that the program may change once a row is written; None leaves all to it."""
    deletable_after: tuple[str, ...] = ()
    """Columns of instants: a row may go once each of them is ``KEPT_MONTHS`` old, a row without one of them never. One at
    least must be a column that cannot change."""
    stays: str = ""
    """Why the rows stay behind when a county moves to another installation; empty: they go along (docs/county-archive.md)."""
    tokens: tuple[Token, ...] = ()
    passed_on: tuple[str, ...] = ()
    """Columns sealed or hashed under the installation's own key, which ``deploy.county_archive.passing`` knows to pass on."""
    subject: str = ""
    """A column without a foreign key that holds the id of the person, household or case of whom a row tells."""
    personal: tuple[str, ...] = ()
    """Columns that tell, or may tell, who somebody is: emptied when the person is erased, and then alone where the table does
    not let them change otherwise (docs/personal-rights.md). Rows of a ``deletable`` table go as a whole."""
    triggers: tuple[Kept, ...] = ()
    """How the database keeps columns that follow other rows."""

    @property
    def held(self) -> tuple[str, ...]:
        """The personal columns that change by an erasure and by nothing else."""
        if self.append_only:
            return self.personal
        return () if self.mutable is None else tuple(name for name in self.personal if name not in self.mutable)


@dataclass(frozen=True, slots=True)
class ReferenceTable:
    """A table without a tenant. ``reason`` says why; ``grants`` is what the application role may do beside SELECT.

    ``mutable`` and ``deletable_after`` as in ``TenantTable``; the latter puts the table under row-level security, which hides
    nothing and holds back deletes alone.
    """

    reason: str
    grants: tuple[str, ...] = ()
    mutable: tuple[str, ...] | None = None
    deletable_after: tuple[str, ...] = ()
    goes_along: str = ""
    """Which rows go along when a county moves to another installation; empty: none but the county's own of a governed table."""
    governed: str | None = None
    """The column that names the tenant of which a row tells. Such a row names the tenant's ``province`` and ``prefecture`` as
    well, and only a scope of one of these writes it, at the level that the row gives it, never the tenant's own: nobody opens
    or reopens himself."""
    begins: tuple[str, str] | None = None
    """A column of a governed table and the value with which each row is inserted: what it becomes is a change of its own."""
    in_line: bool = False
    """A governed row is seen by the tenant that it tells of and those above it alone."""


TableRule = TenantTable | ReferenceTable
