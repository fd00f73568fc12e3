"""A real PostgreSQL with the real schema and roles, and two counties so that a leak shows: for the tests of Bangfu and of its
plugins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import psycopg
from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text

import core.models
from core.db.migrate import PluginSchema, migrate_core, migrate_plugin
from core.db.session import app_engine
from core.identity import passwords
from core.scope import Level, Scope
from core.settings import settings
from core.vault.key_file import create_installation_key
from deploy.embedded.cluster import SUPERUSER
from deploy.embedded.postgres import EmbeddedPostgres

PROVINCE, PREFECTURE, OTHER_PREFECTURE = "510000", "510100", "510700"
COUNTY, OTHER_COUNTY = "510104", "510704"
TODAY = date(2025, 9, 1)

_TENANTS = (
    (PROVINCE, "四川省", "province", PROVINCE, None, None),
    (PREFECTURE, "成都市", "prefecture", PROVINCE, PREFECTURE, PROVINCE),
    (OTHER_PREFECTURE, "绵阳市", "prefecture", PROVINCE, OTHER_PREFECTURE, PROVINCE),
    (COUNTY, "锦江区", "county", PROVINCE, PREFECTURE, PREFECTURE),
    (OTHER_COUNTY, "游仙区", "county", PROVINCE, OTHER_PREFECTURE, OTHER_PREFECTURE),
)


@dataclass(frozen=True)
class Database:
    """A migrated database: the owner's engine (bulk and planting) and the application's."""

    owner: Engine
    home: Path

    @property
    def app(self) -> Engine:
        """The application's engine of this moment: a command that was run in the process may have made a new one."""
        return app_engine()


@contextmanager
def migrated_database(home: Path) -> Iterator[Database]:
    """A database with the core's tables under ``home``, and this process set to use it; passwords of its invented people are
    hashed as weakly as argon2id goes, since every test signs somebody in."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with EmbeddedPostgres(home, durable=False) as urls:
        os.environ.update(
            BANGFU_HOME=str(home), BANGFU_DATABASE_URL=urls.app, BANGFU_MOVABLE_BUSINESS_DATE="true", BANGFU_DEMO="true"
        )
        settings.cache_clear()
        app_engine.cache_clear()
        create_installation_key(settings().installation_key_file)
        owner = create_engine(urls.owner)
        _let_owner_empty(owner, home)
        with owner.connect() as connection:
            migrate_core(connection)
        yield Database(owner, home)
        app_engine().dispose()
        owner.dispose()


def _let_owner_empty(owner: Engine, home: Path) -> None:
    """Let the owner leave out the checks of foreign keys where rows all come or all go, which is all that this right is for."""
    url, password = owner.url, (home / "secrets" / "postgres").read_text(encoding="ascii")
    with psycopg.connect(host=str(url.query["host"]), dbname=url.database, user=SUPERUSER, password=password) as connection:
        connection.execute(f"grant set on parameter session_replication_role to {url.username}")


def migrate_plugins(database: Database) -> None:
    """Make the tables of all installed plugins, and store their workflows and national figures."""
    from core.cases.workflows import sync_workflows
    from core.host.manager import host
    from core.parameters.service import sync_national

    with database.owner.connect() as connection:
        for name, declared in host().installed("bangfu_migrations"):
            migrate_plugin(connection, PluginSchema(name, declared.scripts))
    with database.owner.begin() as connection:
        sync_workflows(connection)
        sync_national(connection)


def empty(connection: Connection) -> None:
    """Delete what the test before left, for good, before ``connection`` writes anything.

    A truncate of all tables costs far more than any test.
    """
    filled = filled_tables(connection)
    with unchecked(connection.engine).begin() as sweeping:
        for table in reversed(filled):
            sweeping.execute(text(f"delete from {table}"))  # noqa: S608 - a mapped table


@lru_cache(maxsize=8)
def unchecked(owner: Engine) -> Engine:
    """The owner's own connection for rows that all come or all go: nothing asks for each whether another refers to it.

    Apart from all others, since to switch the checks off makes a connection forget how it had planned its statements.
    """
    made = create_engine(owner.url, pool_size=1, connect_args={"options": "-c session_replication_role=replica"})
    event.listen(owner, "engine_disposed", lambda _owner: made.dispose())
    return made


def filled_tables(connection: Connection) -> list[str]:
    """The mapped tables that hold rows, referred ones first."""
    mapped = _in_order(len(core.models.metadata.tables))
    there = set(connection.scalars(_THERE, {"names": [table for table in mapped if "." in table]}))
    tables = tuple(table for table in mapped if "." not in table or table in there)
    filled = set(connection.scalars(_filled(tables)))
    return [table for table in tables if table in filled]


_THERE = text("select name from unnest(cast(:names as text[])) name where to_regclass(name) is not null")


@lru_cache(maxsize=8)
def _in_order(_count: int) -> tuple[str, ...]:
    """Mapped tables, referred ones first; sorted anew where a plugin has added some."""
    return tuple(table.fullname for table in core.models.metadata.sorted_tables)


@lru_cache(maxsize=8)
def _filled(names: tuple[str, ...]) -> TextClause:
    asked = (f"select '{name}' where exists (select from {name})" for name in names)  # noqa: S608 - mapped tables
    return text(" union all ".join(asked))


def plant_tenants(connection: Connection) -> None:
    """Plant one province, two prefectures, and a county in each."""
    names = ("codes", "names", "levels", "provinces", "prefectures", "parents")
    connection.execute(_PLANTED, dict(zip(names, map(list, zip(*_TENANTS, strict=True)), strict=True)))


_PLANTED = text(
    "insert into tenant (code, name, union_name, level, province, prefecture, parent, state, onboarded_on)"
    " select code, name, name || '总工会', level, province, prefecture, parent, 'open', '2025-01-02'"
    " from unnest(cast(:codes as text[]), cast(:names as text[]), cast(:levels as text[]), cast(:provinces as text[]),"
    " cast(:prefectures as text[]), cast(:parents as text[])) planted(code, name, level, province, prefecture, parent)"
)


def scope_of(
    tenant: str = COUNTY,
    *,
    actor: str = "system:test",
    permissions: frozenset[str] = frozenset(),
    plugins: frozenset[str] = frozenset(),
    on: date = TODAY,
) -> Scope:
    """A scope in one of the tests' tenants."""
    levels = {PROVINCE: Level.PROVINCE, PREFECTURE: Level.PREFECTURE, OTHER_PREFECTURE: Level.PREFECTURE}
    prefecture = {COUNTY: PREFECTURE, OTHER_COUNTY: OTHER_PREFECTURE}.get(tenant, tenant if tenant != PROVINCE else None)
    return Scope(
        tenant=tenant,
        level=levels.get(tenant, Level.COUNTY),
        province=PROVINCE,
        prefecture=prefecture,
        actor=actor,
        business_date=on,
        permissions=permissions,
        plugins=plugins,
    )
