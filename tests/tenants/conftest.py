"""What the tests of lines and settings share: the lines of ``tests.tenants.steered``, installed for the time of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date

import pytest
from sqlalchemy import event

from core.db.session import app_engine
from core.host.manager import host
from core.scope import Scope
from tenants.plugin import SWITCH
from tests.conftest import TODAY, Database
from tests.tenants.steered import LINES

Acting = Callable[..., AbstractContextManager[Scope]]


@contextmanager
def asked() -> Iterator[list[str]]:
    """The statements that the application sends during the body."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    engine = app_engine()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def steered(db: Database) -> Iterator[None]:
    """The lines of the tests beside the installed ones."""
    host.cache_clear()
    for name, plugin in LINES.items():
        host().register(plugin, name)
    yield
    host.cache_clear()


@pytest.fixture
def admin(acting: Acting) -> Callable[..., AbstractContextManager[Scope]]:
    """``with admin(COUNTY):`` acts as the tenant's administrator."""

    def at(tenant: str, on: date = TODAY) -> AbstractContextManager[Scope]:
        return acting(tenant, actor="admin", permissions=frozenset({SWITCH}), on=on)

    return at
