"""Keeping that rights were used, whatever the door (查阅留痕): who was shown persons' data by which right, and on which day a
right was last used. The web asks here around every request, the command line around every act of an account.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from core.db.session import log_work
from core.host.manager import PluginHost, host
from core.people.fields import shown_on
from core.scope import Scope, entered
from core.trail.service import note_permissions, record_page

LIST: Final = "list"
"""The subject of a list or search, which names no row."""
_MOST_NOTED: Final = 200_000

_noted: dict[tuple[str, str, str], str] = {}
"""On which business date this process has last noted the use of a right: by tenant, actor and permission."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was shown: the page, resource or command as it is named for all its rows, and the row that it names."""

    what: str
    kind: str = LIST
    row: uuid.UUID | None = None


@lru_cache(maxsize=2)
def _personal(plugins: PluginHost) -> frozenset[str]:
    return frozenset(declared.code for declared in plugins.collected("bangfu_permissions") if declared.personal)


def shown_by(used: Iterable[str]) -> str | None:
    """The first of the rights used that shows persons' data, by its declaration; None where none does."""
    return next((permission for permission in used if permission in _personal(host())), None)


def not_noted(scope: Scope, used: Iterable[str]) -> list[str]:
    """Of the rights used, those whose use this process has not noted today."""
    today = scope.business_date.isoformat()
    return [permission for permission in used if _noted.get((scope.tenant, scope.actor, permission)) != today]


def write_use(scope: Scope, fresh: Sequence[str], permission: str | None = None, read: Read | None = None) -> None:
    """Write what was shown by which right, and that the ``fresh`` rights were used today, in a transaction of its own."""
    with entered(scope), log_work() as session:
        if read is not None:
            record_page(session, read.what, permission, read.kind, read.row, shown_on(read.what, scope))
        if fresh:
            note_permissions(session, fresh)
    if len(_noted) > _MOST_NOTED:
        _noted.clear()
    today = scope.business_date.isoformat()
    _noted.update(((scope.tenant, scope.actor, used), today) for used in fresh)
