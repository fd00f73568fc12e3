"""Fixtures of all tests: the installation that authors of plugins are given too (``deploy.testing``), under short names."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path

import pytest
import typer.main
import typer.testing
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine
from xdist.scheduler import LoadScopeScheduling

import core.models
from core.db import session as db_session
from core.db.base import rule_of
from core.db.rules import TenantTable
from core.host import manager
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

_KEYCLOAK = "tests/keycloak/"

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


_DEAR = ("keycloak", "browser", "slow")
"""Marks of tests that take long: their files begin first, so that no worker is left with one alone at the end; of all others
those with many tests."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Side by side (``-n 3``) the tests of a file stay together, and those of Keycloak, which all share one server.

    Three on two cores, since there is much waiting for browsers and other processes. The groups of ``--dist loadgroup`` are
    written into the names of tests, which pytest 9.2 no longer lets a plugin do.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.split("::", 1)[0]
        return _KEYCLOAK if file.startswith(_KEYCLOAK) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """How tests are dealt out; by this hook since an option names one of xdist's own ways only."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with dear tests first; inside a file all stays as written."""
    dear: dict[Path, int] = {}
    many = Counter(item.path for item in items)
    for item in items:
        mark = next((place for place, name in enumerate(_DEAR) if item.get_closest_marker(name)), len(_DEAR))
        dear[item.path] = min(mark, dear.get(item.path, mark))
    items.sort(key=lambda item: (dear[item.path], -many[item.path], item.path))


def pytest_configure() -> None:
    """Look for cycles of garbage more seldom: with the defaults that is a tenth of what a worker does. Hypothesis asks no
    clock: a busy machine is no fault of what is tried."""
    gc.set_threshold(100_000, 20, 10)
    settings.register_profile("bangfu", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("bangfu")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and tests stay to the end, a million objects: the collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _entry_points_read_once() -> None:
    """Many tests make the host anew. What is installed does not change meanwhile, and reading it is half of the making."""
    manager.entry_points = lru_cache(manager.entry_points)  # type: ignore[attr-defined, assignment]  # what it imported


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> None:
    """Hash passwords as weakly as argon2id goes: hundreds of tests sign somebody in."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _no_pings() -> Iterator[None]:
    """Connections are not asked whether they live each time one is taken: the server of the tests does not go away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db_session, "create_engine", partial(_unasked, create_engine))
        yield


def _unasked(make: Callable[..., Engine], url: str, **options: object) -> Engine:
    return make(url, **options | {"pool_pre_ping": False})


@pytest.fixture(scope="session", autouse=True)
def _commands_put_together_once() -> None:
    """Typer reads all commands anew, with their types, whenever one is invoked, which costs more than most of them do."""
    typer.testing._get_command = lru_cache(typer.main.get_command)  # type: ignore[attr-defined]  # private: it has no cache


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
