"""Fixtures of all tests: the installation that authors of plugins are given too (``deploy.testing``), under short names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from argon2 import PasswordHasher

import core.models
from core.db.base import rule_of
from core.db.rules import TenantTable
from core.identity import passwords
from core.scope import Scope, entered
from deploy.testing.installation import (
    COUNTY,
    OTHER_COUNTY,
    OTHER_PREFECTURE,
    PREFECTURE,
    PROVINCE,
    TODAY,
    Database,
    empty,
    migrate_plugins,
    migrated_database,
    plant_tenants,
    scope_of,
)

__all__ = [
    "COUNTY",
    "OTHER_COUNTY",
    "OTHER_PREFECTURE",
    "PREFECTURE",
    "PROVINCE",
    "TODAY",
    "Database",
    "scope_of",
    "tenant_tables",
]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run side by side (``-n 3 --dist loadgroup``), the tests of a file stay together, and those of Keycloak share one.

    Three on two cores, since there is much waiting for browsers and other processes.
    """
    for item in items:
        group = "keycloak" if item.get_closest_marker("keycloak") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> None:
    """Hash passwords as weakly as argon2id goes: hundreds of tests sign somebody in."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bangfu")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="session")
def migrated(home: Path) -> Iterator[Database]:
    with migrated_database(home) as database:
        migrate_plugins(database)
        yield database


@pytest.fixture
def db(migrated: Database) -> Database:
    """An empty database with the tenants of one province, two prefectures and two counties."""
    with migrated.owner.begin() as connection:
        empty(connection)
        plant_tenants(connection)
    return migrated


@pytest.fixture
def acting(db: Database) -> Callable[..., AbstractContextManager[Scope]]:
    """``with acting(COUNTY, actor=…):`` runs the body in that tenant's scope."""

    def act(tenant: str = COUNTY, **more: object) -> AbstractContextManager[Scope]:
        return entered(scope_of(tenant, **more))  # type: ignore[arg-type]  # the keywords of scope_of

    return act


def tenant_tables() -> list[str]:
    """Names of all tenant-owned tables of the core."""
    tables = (table for table in core.models.metadata.sorted_tables if table.schema is None)
    return [table.fullname for table in tables if isinstance(rule_of(table), TenantTable)]
