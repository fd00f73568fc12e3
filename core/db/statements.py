"""Statements: the one place where a Core or textual one gets the tenant's condition and its mark; lists of ids as one array."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Insert, TextClause, any_, literal, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.visitors import iterate

from core.scope import current_scope

SCOPED = "bangfu_scoped"

_E = TypeVar("_E", bound=Executable)
_TENANT = re.compile(r"(?<!:):tenant\b")


def tenant_sql(sql: str) -> TextClause:
    """A textual statement for the tenant in scope. ``sql`` must compare ``tenant`` with ``:tenant``, which is bound here.

    Raises ValueError where it does not.
    """
    if not _TENANT.search(sql):
        raise ValueError("a tenant's statement must name :tenant")
    marked: TextClause = text(sql).bindparams(tenant=current_scope().tenant).execution_options(**{SCOPED: True})
    return marked


def tenant_core(statement: _E) -> _E:
    """Mark a Core statement that already states the tenant's condition in its WHERE clause or its values.

    Raises ValueError where it does not.
    """
    if not _states_tenant(statement):
        raise ValueError("a tenant's statement must state the tenant")
    options: dict[str, Any] = {SCOPED: True}
    return statement.execution_options(**options)


def _states_tenant(statement: Executable) -> bool:
    """Whether the condition, or the table that is written to, names a tenant column; asked of the parts where they tell, since
    compiling the whole costs more than sending it."""
    if isinstance(statement, Insert):
        return "tenant" in statement.table.c
    condition = getattr(statement, "whereclause", None)
    if condition is not None and any(getattr(part, "name", None) == "tenant" for part in iterate(condition)):
        return True
    return "tenant" in str(statement)


def among(column: InstrumentedAttribute[Any], ids: Iterable[uuid.UUID]) -> ColumnElement[bool]:
    """``column`` is one of ``ids``, sent as one array however many they are."""
    return column == any_(literal(list(ids), ARRAY(UUID(as_uuid=True))))
