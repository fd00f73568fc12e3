"""Fixtures for authors of plugins, found by pytest through the entry point ``pytest11`` wherever Bangfu is installed.

Nothing of Bangfu is imported before a test asks for a fixture: in the runs of other projects this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from core.cases.models import Case
    from core.scope import Scope
    from deploy.testing.browsers import Person
    from deploy.testing.installation import Database
    from deploy.testing.trial import Family, Trial


@pytest.fixture(scope="session")
def bangfu_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A real PostgreSQL with the core's tables, as the owner and as the application see it."""
    from deploy.testing.installation import migrated_database

    home = tmp_path_factory.mktemp("bangfu")
    home.chmod(0o700)
    with migrated_database(home) as database:
        yield database


@pytest.fixture(scope="session")
def bangfu_queue(bangfu_database: Database) -> Iterator[str]:
    """A real Valkey beside the database; gives its address. Sign-in counts its tries there, and a worker takes its tasks."""
    import os

    from core.settings import settings
    from deploy.embedded.valkey import EmbeddedValkey

    with EmbeddedValkey(bangfu_database.home) as urls:
        os.environ.update(BANGFU_VALKEY_URL=urls.redis, BANGFU_CELERY_BROKER_URL=urls.celery)
        settings.cache_clear()
        yield urls.redis
        for name in ("BANGFU_VALKEY_URL", "BANGFU_CELERY_BROKER_URL"):
            os.environ.pop(name, None)
        settings.cache_clear()


@pytest.fixture
def bangfu(bangfu_database: Database) -> Trial:
    """An empty installation with a province, two prefectures and two counties, and the tables of all installed plugins."""
    from deploy.testing.trial import Trial

    return Trial(bangfu_database)


@pytest.fixture
def county_scope(bangfu: Trial) -> Callable[..., AbstractContextManager[Scope]]:
    """``with county_scope():`` acts in the first county with every permission; ``tenant``, ``actor``, ``on``."""
    return bangfu.scope


@pytest.fixture
def switch_on(bangfu: Trial) -> Callable[..., None]:
    """``switch_on("visits")``: the plugin is on in the first county; ``tenant``, ``enabled=False``."""
    return bangfu.switch_on


@pytest.fixture
def signed_in(bangfu: Trial) -> Callable[..., Person]:
    """``signed_in("caseworker")``: a browser (``.client``) and its token against forged requests (``.csrf``)."""
    return bangfu.signed_in


@pytest.fixture
def families(bangfu: Trial) -> Callable[..., list[Family]]:
    """``families(3)``: invented households on file in the first county."""
    return bangfu.families


@pytest.fixture
def open_case(bangfu: Trial) -> Callable[..., Case]:
    """``open_case("visits", {"reason": "…"})``: a case of the workflow, with its papers."""
    return bangfu.open_case


@pytest.fixture
def walk(bangfu: Trial) -> Callable[..., Case]:
    """``walk(case, "take_up", "close")``: the case after these steps."""
    return bangfu.walk
