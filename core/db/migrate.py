"""Bring the database to the present schema: the core first, then each plugin in its own Postgres schema.

Runs as the owner, in processes of their own; the web and the worker never hold the owner's password.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text

from core.db.base import Base
from core.db.ddl import APP_ROLE
from core.errors import Misconfigured

CORE_MIGRATIONS = Path(__file__).parent / "migrations"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class PluginSchema:
    """Where a plugin keeps its tables: Postgres schema and folder of its Alembic scripts (``versions/`` inside)."""

    schema: str
    scripts: Path
    built_in: bool = True
    """Whether the platform does not run without it."""


def _config(connection: Connection, scripts: Path, schema: str | None, metadata: MetaData) -> Config:
    config = Config()
    config.set_main_option("script_location", str(CORE_MIGRATIONS))
    config.set_main_option("version_locations", str(scripts / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, schema=schema, metadata=metadata)
    return config


def migrate_core(connection: Connection) -> None:
    """Bring the core's tables to the newest version. ``connection`` belongs to the owner role.

    Until the first release the first migration may be written anew; a database made from another one is refused with
    ``Misconfigured``, before anything is changed.
    """
    first = hashlib.sha256((CORE_MIGRATIONS / "versions" / "0001_first_schema.sql").read_bytes()).hexdigest()
    _refuse_other_beginning(connection, first)
    command.upgrade(_config(connection, CORE_MIGRATIONS, None, Base.metadata), "head")
    connection.exec_driver_sql(f"comment on table alembic_version is '{first}'")
    connection.commit()


def _refuse_other_beginning(connection: Connection, first: str) -> None:
    if connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return
    made_from = connection.scalar(text("select obj_description('alembic_version'::regclass)"))
    connection.rollback()
    if made_from != first:
        raise Misconfigured(
            "数据由另一个开发版本建立，表结构与本版本不同",
            "this data was made by another development version, whose tables differ",
            where="0001_first_schema",
            mend_zh="请用 --home 指定新的数据目录，或移走原目录（默认 .bangfu）；正式版之间可以升级",
            mend_en="use another folder with --home, or move the old one (.bangfu) away; releases will upgrade their data",
        )


def migrate_plugin(connection: Connection, plugin: PluginSchema) -> None:
    """Bring one plugin's schema to its newest version; raises what the plugin's script raises, leaving the rest as it is."""
    if not _NAME.fullmatch(plugin.schema) or plugin.schema in ("public", "pg_catalog", "information_schema"):
        raise ValueError(f"not a schema name for a plugin: {plugin.schema!r}")
    connection.exec_driver_sql(f"create schema if not exists {plugin.schema}")
    connection.exec_driver_sql(f"grant usage on schema {plugin.schema} to {APP_ROLE}")
    connection.commit()
    command.upgrade(_config(connection, plugin.scripts, plugin.schema, MetaData(schema=plugin.schema)), "head")
    connection.commit()


def migrate_all(connection: Connection, plugins: Iterable[PluginSchema]) -> dict[str, Exception]:
    """Core first, then the plugins in the order given. Returns by schema why the scripts of strangers' plugins failed: the
    others are up to date all the same. Raises what a script of a built-in one raises."""
    migrate_core(connection)
    failed: dict[str, Exception] = {}
    for plugin in plugins:
        try:
            migrate_plugin(connection, plugin)
        except Exception as error:
            if plugin.built_in:
                raise
            connection.rollback()
            failed[plugin.schema] = error
    return failed
