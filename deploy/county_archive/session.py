"""One transaction of the owner, who alone sees all rows of a county, confidential ones among them (decision 0019)."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from core.db.session import ScopedSession, reference_work
from core.errors import Conflict, Misconfigured, NotFound
from core.scope import Level, Scope, entered
from core.settings import settings
from core.tenancy.models import Tenant
from core.tenancy.service import business_date
from core.vault.key_file import InstallationKey, load_installation_key
from deploy.connection import OWNER, owner_engine
from deploy.county_archive.tables import Driver

ACTOR = "system:county-archive"
_SETTINGS = (
    # every row or an error, never some of the rows: whoever runs this must bypass the policies
    "set local row_security = off",
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO, YMD'",
    "set local intervalstyle = 'iso_8601'",
    "set local bytea_output = 'hex'",
    "set local extra_float_digits = 1",
    "set local statement_timeout = 0",
    # tables that were filled a moment ago have no statistics, and a loop over them in a loop takes for ever
    "set local enable_nestloop = off",
)


@dataclass(frozen=True, slots=True)
class Work:
    """The owner's connection inside of one transaction."""

    connection: Connection
    driver: Driver


@contextmanager
def owner_work(*, alone: str | None = None, snapshot: bool = True) -> Iterator[Work]:
    """One transaction on one snapshot of the database, committed at the end.

    Without ``snapshot`` each statement sees what is committed by then, and waits for rows that others hold instead of failing.
    With ``alone`` nobody else works on the county of that code so meanwhile, and the snapshot shows what the one before has
    committed. Raises ``Misconfigured`` without the owner, ``Conflict`` while somebody else is at the county.
    """
    engine = owner_engine()
    try:
        level: Any = "REPEATABLE READ" if snapshot else "READ COMMITTED"
        with (
            engine.connect().execution_options(isolation_level=level) as connection,
            _held(connection, alone),
            connection.begin(),
        ):
            for statement in _SETTINGS:
                connection.exec_driver_sql(statement)
            _refuse_blind(connection)
            driver: Any = connection.connection.driver_connection
            yield Work(connection, driver)
    finally:
        engine.dispose()


@contextmanager
def _held(connection: Connection, county: str | None) -> Iterator[None]:
    """The county's lock, taken before the snapshot and given back after the commit: the session holds it, no transaction."""
    if county is None:
        yield
        return
    key = select(func.hashtextextended(f"bangfu county archive {county}", 0)).scalar_subquery()
    got = connection.scalar(select(func.pg_try_advisory_lock(key)))
    connection.commit()
    if not got:
        raise Conflict("该单位正在导入", "the county is being taken in at this moment", where=county)
    try:
        yield
    finally:
        # where the connection is lost, so is the lock
        with suppress(DBAPIError):
            connection.execute(select(func.pg_advisory_unlock(key)))
            connection.commit()


def _refuse_blind(connection: Connection) -> None:
    """Refuse a role that would not see all rows, before it is found by a statement that fails."""
    seeing = "select rolbypassrls or rolsuper from pg_roles where rolname = current_user"
    if not connection.exec_driver_sql(seeing).scalar_one():
        raise Misconfigured(
            "数据库所有者账号不能越过行级安全，看不到全部数据",
            "the owner's role does not bypass row-level security and would miss rows",
            where=OWNER,
            mend_zh="请使用带 BYPASSRLS 的 bangfu_owner 账号（见运行维护文档）",
            mend_en="use the role bangfu_owner with BYPASSRLS (docs/operations.md)",
        )


def own_key() -> InstallationKey:
    """This installation's key."""
    return load_installation_key(settings().installation_key_file)


def operator() -> str:
    """Who runs the command, as the machine calls him; whoever became somebody else by sudo is named."""
    known = os.environ.get("SUDO_USER")
    try:
        return known or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def today() -> date:
    """The installation's business date."""
    with reference_work() as session:
        return business_date(session)


def scope_in(row: Any, on: date, actor: str) -> Scope:
    """The scope of a tenant whose row only this transaction sees, perhaps."""
    return Scope(
        tenant=row.code,
        level=Level(row.level),
        province=row.province,
        prefecture=row.prefecture,
        union_name=row.union_name,
        actor=actor,
        business_date=on,
    )


@contextmanager
def in_county(work: Work, code: str, on: date, actor: str) -> Iterator[ScopedSession]:
    """Services of the platform in the scope of ``code``, inside of the owner's transaction; raises ``NotFound``."""
    columns = (Tenant.code, Tenant.level, Tenant.province, Tenant.prefecture, Tenant.union_name)
    row = work.connection.execute(select(*columns).where(Tenant.code == code, Tenant.level == Level.COUNTY)).one_or_none()
    if row is None:
        raise NotFound(f"没有代码为 {code} 的县级单位", f"no county has the code {code}", where=code)
    scope = scope_in(row, on, actor)
    with (
        entered(scope),
        ScopedSession(work.connection, info={"scope": scope}, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session
