"""A second installation beside the tests' own: another database in the same server, another home, another installation key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from sqlalchemy import Engine, create_engine, make_url

from core.db.session import app_engine
from core.settings import settings
from core.tenancy import setting_secrets
from core.tenancy.keys import key_ring, tokens
from core.vault.key_file import create_installation_key
from deploy.connection import OWNER
from tests.conftest import Database

_NAME = "bangfu_elsewhere"
_NAMES = ("BANGFU_HOME", "BANGFU_DATABASE_URL", OWNER)


@dataclass(frozen=True)
class Installation:
    """A database with its home; ``owner`` sees all of it."""

    home: Path
    app_url: str
    owner_url: str
    owner: Engine

    @contextmanager
    def here(self) -> Iterator[None]:
        """Have the process be this installation's for the body, with the owner's address as a command of the operator."""
        former = {name: os.environ.get(name) for name in _NAMES}
        _become({"BANGFU_HOME": str(self.home), "BANGFU_DATABASE_URL": self.app_url, OWNER: self.owner_url})
        try:
            yield
        finally:
            _become(former)


def _become(environment: dict[str, str | None] | dict[str, str]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    app_engine().dispose()
    for cached in (settings, app_engine, key_ring, tokens, setting_secrets._key):
        cached.cache_clear()


def first(database: Database) -> Installation:
    """The tests' own installation."""
    return Installation(
        database.home,
        settings().database_url,
        database.owner.url.render_as_string(hide_password=False),
        database.owner,
    )


@contextmanager
def another(database: Database, home: Path) -> Iterator[Installation]:
    """An installation with the same tables, made from a copy of the tests' database, which nobody may use meanwhile."""
    own = first(database)
    app_engine().dispose()
    database.owner.dispose()
    url = database.owner.url
    password = quote((database.home / "secrets" / "postgres").read_text(encoding="ascii"), safe="")
    sockets = str(url.query["host"])
    server = f"postgresql://postgres:{password}@/postgres?host={quote(sockets)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {_NAME}")
        connection.execute(f"create database {_NAME} owner bangfu_owner template bangfu")
        connection.execute(f"revoke all on database {_NAME} from public")
        connection.execute(f"grant connect, temporary on database {_NAME} to bangfu_app")
    home.mkdir(mode=0o700)
    (home / "secrets").mkdir(mode=0o700)
    create_installation_key(home / "secrets" / "installation.key")
    there = [make_url(text).set(database=_NAME).render_as_string(hide_password=False) for text in (own.app_url, own.owner_url)]
    owner = create_engine(there[1])
    try:
        yield Installation(home, there[0], there[1], owner)
    finally:
        owner.dispose()
        app_engine().dispose()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"drop database {_NAME} with (force)")
