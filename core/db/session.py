"""One way to the database: a unit of work inside a scope.

``unit_of_work`` opens one transaction, tells the database the scope with SET LOCAL, and commits at the end. The ORM
criterion of ``core.db.criterion`` stands in front of row-level security.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, SessionTransaction

from core.db.criterion import guard_statements
from core.db.statements import tenant_sql
from core.errors import BangfuError
from core.scope import Scope, Standing, current_scope
from core.settings import settings

_HEX = re.compile(r"[0-9a-f]{64}")
_LOGS = "logs"
_UNWRITTEN = frozenset({Standing.READ_ONLY, Standing.CLOSED})


def make_engine(url: str, *, pool_size: int = 10, statement_timeout_ms: int | None = None) -> Engine:
    """An engine on ``url`` with a bounded pool; connections are checked before use."""
    options = f"-c statement_timeout={statement_timeout_ms}" if statement_timeout_ms else ""
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        # a driver's error message would print the values of the statement, personal ones too
        hide_parameters=True,
        connect_args={"options": options} if options else {},
    )


@lru_cache(maxsize=1)
def app_engine() -> Engine:
    """The engine of the web and the worker: the application role, which row-level security binds."""
    own = settings()
    return make_engine(own.database_url, pool_size=own.pool_size, statement_timeout_ms=own.statement_timeout_ms)


class ScopedSession(Session):
    """A session bound to the scope that it was opened in, or to none (reference tables only)."""

    @property
    def scope(self) -> Scope | None:
        """The scope whose rows this session may touch."""
        found: Scope | None = self.info.get("scope")
        return found


def _settings_of(scope: Scope | None) -> str:
    """The SET LOCAL statements of a scope. All parts match strict patterns (``Scope.__post_init__``)."""
    if scope is None:
        return "set local app.tenant = ''; set local app.level = ''; set local app.actor = ''"
    return "; ".join(_settings_apart(scope))


def _settings_apart(scope: Scope) -> list[str]:
    return [
        f"set local app.{name} = '{value}'"
        for name, value in (
            ("tenant", scope.tenant),
            ("level", scope.level.value),
            ("prefecture", scope.prefecture or ""),
            ("province", scope.province),
            ("actor", scope.actor),
        )
    ]


@event.listens_for(ScopedSession, "after_begin")
def _tell_the_database(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if connection.in_nested_transaction():
        return
    scope = session.info.get("scope")
    stated = _settings_of(scope)
    if scope is not None and scope.standing in _UNWRITTEN and not session.info.get(_LOGS):
        stated += "; set transaction read only"
    connection.exec_driver_sql(stated)


guard_statements(ScopedSession)


@contextmanager
def _work(scope: Scope | None, engine: Engine | None, *, logs: bool = False) -> Iterator[ScopedSession]:
    info: dict[str, Any] = {} if scope is None else {"scope": scope, _LOGS: logs}
    with ScopedSession(engine or app_engine(), info=info, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def unit_of_work(*, engine: Engine | None = None) -> Iterator[ScopedSession]:
    """One transaction in the current scope, committed at the end of the body, rolled back if it raises.

    In the scope of a tenant that is closed or left for reading the database refuses every write.
    """
    with _work(current_scope(), engine) as session:
        yield session


@contextmanager
def log_work() -> Iterator[ScopedSession]:
    """``unit_of_work`` for what goes on in a closed tenant: the log of reads and of rights, and erasures done again."""
    with _work(current_scope(), None, logs=True) as session:
        yield session


@contextmanager
def reference_work(*, engine: Engine | None = None) -> Iterator[ScopedSession]:
    """One transaction without a scope, for reference tables alone (signing in, the list of tenants).

    Row-level security shows no tenant's row in it, and the criterion refuses tenant-owned entities.
    """
    with _work(None, engine) as session:
        yield session


def ask_each(scopes: Sequence[Scope], question: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The one value that ``question`` has in each of many scopes, by tenant: for what the platform asks of all tenants again
    and again, where a unit of work for each would cost more than the answers. Each is asked under row-level security in its
    own tenant; the statements travel together.

    ``question`` is static SQL in the driver's form that compares ``tenant`` with ``%(tenant)s``; raises ValueError where it
    does not.
    """
    if "%(tenant)s" not in question:
        raise ValueError("a tenant's statement must name its tenant")
    with app_engine().begin() as connection:
        driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # it is psycopg's
        answers = {}
        in_force: set[str] = set()
        with driver.pipeline():
            for scope in scopes:
                wanted = _settings_apart(scope)
                for setting in wanted:
                    if setting not in in_force:
                        driver.execute(setting, prepare=False)
                in_force = set(wanted)
                answers[scope.tenant] = driver.execute(question, {**parameters, "tenant": scope.tenant})
        return {tenant: row[0] for tenant, cursor in answers.items() if (row := cursor.fetchone()) is not None}


@contextmanager
def looking_up(session: Session, identity_hash: bytes) -> Iterator[None]:
    """Let this transaction see the rows of the identity index with exactly this hash, for the time of the body."""
    digest = identity_hash.hex()
    if not _HEX.fullmatch(digest):
        raise ValueError("an identity hash has 32 bytes")
    connection = session.connection()
    connection.exec_driver_sql(f"set local app.lookup = '{digest}'")
    try:
        yield
    finally:
        connection.exec_driver_sql("set local app.lookup = ''")


class NoRecordedAct(BangfuError):
    """A confidential case was to be opened, or a person erased, without an act of two people that is recorded in the same
    transaction: always a programming error, and always refused."""

    code = "no_recorded_act"
    status = 500


@contextmanager
def opening(session: Session, case_id: uuid.UUID, act_id: uuid.UUID) -> Iterator[None]:
    """Let this transaction see and change the rows of one confidential case, for the time of the body (domain 4.2.4).

    ``act_id`` is the change of its handlers that was agreed in this very transaction, so that an act opens a case once;
    raises ``NoRecordedAct`` otherwise.
    """
    session.flush()
    act = tenant_sql(
        "select 1 from handler_change where tenant = :tenant and id = :act and case_id = :case and state = 'agreed'"
        " and xmin = pg_current_xact_id()::xid"
    )
    if session.execute(act, {"act": act_id, "case": case_id}).first() is None:
        raise NoRecordedAct("没有两人办理的记录，不能打开保密件", "no act of two people opens this case in this transaction")
    connection = session.connection()
    connection.exec_driver_sql(f"set local app.opened = '{case_id}'")
    try:
        yield
    finally:
        connection.exec_driver_sql("set local app.opened = ''")


@contextmanager
def erasing(session: Session, erasure_id: uuid.UUID) -> Iterator[None]:
    """Let this transaction empty personal columns that do not change otherwise, for the time of the body (PIPL Art. 47).

    ``erasure_id`` is the erasure that a second person confirmed, or that is replayed, in this very transaction; raises
    ``NoRecordedAct`` otherwise.
    """
    session.flush()
    act = tenant_sql(
        "select 1 from erasure where tenant = :tenant and id = :act and state = 'done' and xmin = pg_current_xact_id()::xid"
    )
    if session.execute(act, {"act": erasure_id}).first() is None:
        raise NoRecordedAct("没有两人办理的删除记录，不能清除", "no erasure by two people was recorded in this transaction")
    connection = session.connection()
    connection.exec_driver_sql(f"set local app.erasing = '{erasure_id}'")
    try:
        yield
    finally:
        connection.exec_driver_sql("set local app.erasing = ''")
