"""Declarative base and the two kinds of tables: tenant-owned and reference."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import ClassVar

import uuid_utils
from sqlalchemy import CHAR, ForeignKeyConstraint, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from core.db.rules import Policy, ReferenceTable, TableRule, TenantTable
from core.scope import current_scope

__all__ = [
    "Base",
    "Policy",
    "ReferenceTable",
    "TenantRow",
    "TenantTable",
    "new_id",
    "new_id_text",
    "rule_of",
    "tenant_fk",
    "tenant_of_scope",
]


def new_id() -> uuid.UUID:
    """A new UUID of version 7: sortable by time, made in the program so that rows can refer to each other."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def new_id_text() -> str:
    """The same as its text: for rows in bulk, of which making the object would be a good part of the cost."""
    return str(uuid_utils.uuid7())


def tenant_of_scope() -> str:
    """The tenant in whose scope a row is written."""
    return current_scope().tenant


class Base(DeclarativeBase):
    """Base of all mapped tables. Subclasses state ``__rule__``."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    __rule__: ClassVar[TableRule]
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - SQLAlchemy declares it as an instance variable
    """Instants that the database gives are read when somebody asks: inserts need no RETURNING and travel together."""


class Tenanted:
    """Mixin of every tenant-owned table: the tenant column, first in every key."""

    tenant: Mapped[str] = mapped_column(CHAR(6), primary_key=True, default=tenant_of_scope, sort_order=-20)


class TenantRow(Tenanted, Base):
    """A tenant-owned row with the key ``(tenant, id)``."""

    __abstract__ = True
    __rule__: ClassVar[TableRule] = TenantTable()

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id, sort_order=-10)


class Handled:
    """Mixin of rows that can be confidential: ``handlers`` names those who alone may see the row (domain 4.2.4)."""

    @declared_attr
    def handlers(cls) -> Mapped[list[str] | None]:
        return mapped_column(ARRAY(Text), nullable=True, default=None)


def tenant_fk(
    columns: str | Sequence[str], target: str, target_columns: str | Sequence[str] = "id", *, follows: bool = False
) -> ForeignKeyConstraint:
    """A foreign key inside one tenant: ``tenant`` and ``columns`` refer to ``tenant`` and ``target_columns``.

    ``follows``: when the target's columns change, the database changes ``columns`` with them.
    """
    own = [columns] if isinstance(columns, str) else list(columns)
    others = [target_columns] if isinstance(target_columns, str) else list(target_columns)
    return ForeignKeyConstraint(
        ["tenant", *own],
        [f"{target}.tenant", *(f"{target}.{column}" for column in others)],
        onupdate="CASCADE" if follows else None,
    )


def rule_of(table: Table) -> TableRule:
    """The rule that the mapped class of ``table`` states."""
    for mapper in Base.registry.mappers:
        if mapper.local_table is table:
            rule: TableRule = mapper.class_.__rule__
            return rule
    raise LookupError(f"table {table.fullname} has no mapped class, so nobody states whose rows it holds")
