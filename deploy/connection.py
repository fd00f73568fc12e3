"""Where an installation's engines are: running under ``bangfu up``, to be started for one command, or given by environment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.db.migrate import PluginSchema, migrate_all
from core.db.safety import refuse_unsafe_role
from core.db.session import app_engine
from core.errors import Misconfigured
from core.host.faults import note
from core.host.manager import host
from core.host.quarantine import shut_off_by_migration
from core.settings import settings
from core.tenancy.keys import key_ring, tokens
from core.vault.key_file import create_installation_key
from deploy.embedded import EmbeddedStack, Running
from deploy.embedded.private import write_private
from deploy.keycloak.addresses import identity_environment

OWNER = "BANGFU_OWNER_DATABASE_URL"


def _addresses(home: Path) -> Path:
    return home / "secrets" / "addresses.json"


def remember(home: Path, running: Running) -> None:
    """Write down (0600) where the engines of ``home`` are, for commands run beside a running installation."""
    write_private(_addresses(home), json.dumps({**running.env, OWNER: running.owner_url}))


def use(environment: Mapping[str, str]) -> None:
    """Have this process use the engines that ``environment`` names (settings ``BANGFU_*``)."""
    os.environ.update(environment)
    if app_engine.cache_info().currsize:
        app_engine().dispose()
    for cached in (settings, app_engine, key_ring, tokens):
        cached.cache_clear()
    if not settings().installation_key_file.exists() and settings().environment == "embedded":
        create_installation_key(settings().installation_key_file)


def owner_engine() -> Engine:
    """An engine of the owner's role, for migrations, reference tables and bulk loads; raises ``Misconfigured`` without."""
    url = settings().owner_database_url
    if not url:
        raise Misconfigured(
            "此命令需要数据库所有者账号",
            "this command needs the owner's database role",
            where=OWNER,
            mend_zh="请设置该环境变量",
            mend_en="set that variable",
        )
    return create_engine(url, pool_size=1, max_overflow=1)


def bring_up_to_date() -> None:
    """Migrate core and plugins, and write what the installed plugins declare into the reference tables, as the owner.

    A stranger's plugin whose scripts or workflows fail is reported and shut off for all tenants until a later run is sound.
    """
    from core.cases.workflows import sync_workflows
    from core.parameters.service import sync_national

    known = host()
    schemas = [PluginSchema(name, decl.scripts, known.is_built_in(name)) for name, decl in known.installed("bangfu_migrations")]
    engine = owner_engine()
    try:
        with engine.connect() as connection:
            failed = migrate_all(connection, schemas)
        with engine.begin() as connection:
            sync_workflows(connection, lambda name, error: failed.setdefault(name, error))
            sync_national(connection)
            for name, error in failed.items():
                note(name, "migration", error, version=known.info(name).version, with_text=True)
            shut_off_by_migration(connection, failed, frozenset(known.infos) - failed.keys())
    finally:
        engine.dispose()
    refuse_unsafe_role(app_engine())


def _answers(home: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(_addresses(home).read_text(encoding="utf-8"))
        engine = create_engine(found["BANGFU_DATABASE_URL"])
        with engine.connect() as connection:
            connection.execute(text("select 1"))
        engine.dispose()
    except (OSError, ValueError, KeyError, SQLAlchemyError):
        return None
    return found


def is_running(home: Path) -> bool:
    """Whether the engines of ``home`` are there already: an installation that runs, or one that the environment names."""
    return bool(os.environ.get("BANGFU_DATABASE_URL")) or _answers(home.resolve()) is not None


@contextmanager
def connected(home: Path) -> Iterator[None]:
    """Engines for one command: those that the environment names, those running on ``home``, or started for the command."""
    if os.environ.get("BANGFU_DATABASE_URL"):
        use({"BANGFU_HOME": str(home)})
        yield
        return
    found = _answers(home.resolve())
    if found is not None:
        use({**found, **identity_environment(home)})
        yield
        return
    stack = EmbeddedStack(home)
    with stack as running:
        use({**running.env, OWNER: running.owner_url})
        bring_up_to_date()
        yield
        app_engine().dispose()
