"""The second wall: every ORM statement carries the tenant's condition; what cannot carry it is refused.

Row-level security stands behind this. The criterion exists so that a slip is found in the program, with its place,
before the database has to catch it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from core.db.base import Tenanted
from core.db.statements import SCOPED
from core.errors import BangfuError
from core.scope import NoScope, Scope, current_scope


class UnscopedStatement(BangfuError):
    """A statement that the criterion cannot filter, not built by ``core.db.statements``."""

    code = "unscoped_statement"
    status = 500


def _refuse(what: str) -> UnscopedStatement:
    return UnscopedStatement(
        f"语句未限定租户：{what}",
        f"statement without the tenant's condition: {what}",
        mend_zh="请用 core.db.statements 的构造函数",
        mend_en="build it with tenant_sql or tenant_core of core.db.statements",
    )


def _touches_tenants(state: ORMExecuteState) -> bool:
    return any(issubclass(mapper.class_, Tenanted) for mapper in state.all_mappers)


@lru_cache(maxsize=512)
def _of_tenant(tenant: str) -> Any:
    """The condition of one tenant. Kept, since SQLAlchemy takes the lambda apart anew for each that is made, which cost more
    than all else that is done here; the tenant is a bound value, so that all tenants share one compiled statement."""
    return with_loader_criteria(Tenanted, lambda cls: cls.tenant == tenant, include_aliases=True)


def _check(state: ORMExecuteState) -> None:
    scope: Scope | None = state.session.info.get("scope")
    if state.execution_options.get(SCOPED):
        if scope is None:
            raise NoScope("没有作用域，拒绝访问数据", "a tenant's statement in a session without scope")
        return
    if not state.is_orm_statement:
        raise _refuse("Core or text() statement")
    if state.is_from_statement:
        raise _refuse("from_statement()")
    if (state.is_update or state.is_delete) and state.is_executemany:
        raise _refuse("bulk update by primary key")
    if not _touches_tenants(state):
        return
    if scope is None:
        raise NoScope("没有作用域，拒绝访问数据", "tenant-owned rows asked for in a session without scope")
    if current_scope() != scope:
        raise _refuse("session used in another scope than it was opened in")
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(_of_tenant(scope.tenant))


def guard_statements(session_class: type[Session]) -> None:
    """Put the criterion in front of every statement of ``session_class``."""
    event.listen(session_class, "do_orm_execute", _check)
