"""What the matrix stands on: a database, and acting in its tenants with every right."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.host.manager import host
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import permissions
from tests.web.county import Acting

CLERK, DECIDER, MANAGER, APPROVER, PAYER = "clerk", "decider", "manager", "approver", "payer"


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: what fills the path, what a form needs to name it, and its version where a change names one."""

    path: Mapping[str, uuid.UUID | str]
    form: Mapping[str, str] = field(default_factory=dict)
    version: int = 0


class Ground:
    """Acting in the tests' tenants, whoever it is, and what only the owner of the database brings about."""

    def __init__(self, db: Database, acting: Acting) -> None:
        self._db, self._acting, self._serial = db, acting, itertools.count(1)

    def owner(self, statement: str, **bound: object) -> None:
        """What only time or a worker would bring about."""
        with self._db.owner.begin() as connection:
            connection.execute(text(statement), bound)

    @contextmanager
    def _at(self, actor: str, on: date = TODAY, tenant: str = COUNTY) -> Iterator[Session]:
        everything = frozenset(host().infos)
        with self._acting(tenant, actor=actor, permissions=permissions(), plugins=everything, on=on), unit_of_work() as session:
            yield session
