"""Fixtures of all tests: a real PostgreSQL with the real schema and roles, and two counties so that a leak shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

import core.models
from core.db.base import rule_of
from core.db.migrate import migrate_core
from core.db.rules import TenantTable
from core.db.session import app_engine
from core.scope import Level, Scope, entered
from core.settings import settings
from core.vault.key_file import create_installation_key
from deploy.embedded.postgres import EmbeddedPostgres

PROVINCE, PREFECTURE, OTHER_PREFECTURE = "510000", "510100", "510700"
COUNTY, OTHER_COUNTY = "510104", "510704"
TODAY = date(2025, 9, 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run side by side (``-n 2 --dist loadgroup``), the tests of a file stay together, and those of Keycloak share one."""
    for item in items:
        group = "keycloak" if item.get_closest_marker("keycloak") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@dataclass(frozen=True)
class Database:
    """A migrated database: the owner's engine (bulk and planting) and the application's."""

    owner: Engine
    app: Engine
    home: Path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bangfu")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="session")
def migrated(home: Path) -> Iterator[Database]:
    with EmbeddedPostgres(home, durable=False) as urls:
        os.environ.update(
            BANGFU_HOME=str(home), BANGFU_DATABASE_URL=urls.app, BANGFU_MOVABLE_BUSINESS_DATE="true", BANGFU_DEMO="true"
        )
        settings.cache_clear()
        app_engine.cache_clear()
        create_installation_key(settings().installation_key_file)
        owner = create_engine(urls.owner)
        with owner.connect() as connection:
            migrate_core(connection)
        yield Database(owner, app_engine(), home)
        app_engine().dispose()
        owner.dispose()


def _plant_tenants(connection: Connection) -> None:
    rows = (
        (PROVINCE, "四川省", "province", PROVINCE, None, None),
        (PREFECTURE, "成都市", "prefecture", PROVINCE, PREFECTURE, PROVINCE),
        (OTHER_PREFECTURE, "绵阳市", "prefecture", PROVINCE, OTHER_PREFECTURE, PROVINCE),
        (COUNTY, "锦江区", "county", PROVINCE, PREFECTURE, PREFECTURE),
        (OTHER_COUNTY, "游仙区", "county", PROVINCE, OTHER_PREFECTURE, OTHER_PREFECTURE),
    )
    for code, name, level, province, prefecture, parent in rows:
        connection.execute(
            text(
                "insert into tenant (code, name, union_name, level, province, prefecture, parent, onboarded_on)"
                " values (:code, :name, :name || '总工会', :level, :province, :prefecture, :parent, '2025-01-02')"
            ),
            {
                "code": code,
                "name": name,
                "level": level,
                "province": province,
                "prefecture": prefecture,
                "parent": parent,
            },
        )


@pytest.fixture
def db(migrated: Database) -> Database:
    """An empty database with the tenants of one province, two prefectures and two counties."""
    with migrated.owner.begin() as connection:
        _empty(connection)
        _plant_tenants(connection)
    return migrated


_TABLES = core.models.metadata.sorted_tables
_FILLED = text(" union all ".join(f"select '{t.fullname}' where exists (select from {t.fullname})" for t in _TABLES))


def _empty(connection: Connection) -> None:
    """Delete what the test before left, referring tables first: a truncate of all tables costs far more than any test."""
    filled = set(connection.scalars(_FILLED))
    for table in reversed(_TABLES):
        if table.fullname in filled:
            connection.execute(text(f"delete from {table.fullname}"))


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


@pytest.fixture
def acting(db: Database) -> Callable[..., AbstractContextManager[Scope]]:
    """``with acting(COUNTY, actor=…):`` runs the body in that tenant's scope."""

    def act(tenant: str = COUNTY, **more: object) -> AbstractContextManager[Scope]:
        return entered(scope_of(tenant, **more))  # type: ignore[arg-type]  # the keywords of scope_of

    return act


def tenant_tables() -> list[str]:
    """Names of all tenant-owned tables of the core."""
    return [t.fullname for t in core.models.metadata.sorted_tables if isinstance(rule_of(t), TenantTable)]
