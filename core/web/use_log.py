"""Every use of a right, on record (查阅留痕): around all pages and resources, so that no route can forget it.

What shows persons' data leaves a row in the read log: an answer to a reading request, or to a search that was sent by POST, for
which a right was used that its declaration calls ``personal``. The row is written before the first byte of the answer: where it
cannot be written, nothing is shown. Changes stand in the trail. On which day each right was last used is noted as well, once a
day for each actor, right and process; that is for the review of access alone and stops nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final
from urllib.parse import parse_qs

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from core.db.session import unit_of_work
from core.host.manager import PluginHost, host
from core.scope import Scope, current_scope, entered, note_rights
from core.trail.service import note_permissions, record_page
from core.web.errors import API_PREFIX

log = logging.getLogger("bangfu.web")

LIST: Final = "list"
"""The subject of a list or search, which names no row."""
_BY_QUERY: Final = ("household",)
"""Rows that a page is asked for in its query."""
_KINDS: Final = {"/notices/{batch_id}": "notice_batch", "/funds/payments/{batch_id}": "payment_batch"}
"""What the trail calls a row, where an address calls it otherwise."""
_MOST_NOTED: Final = 200_000

_noted: dict[tuple[str, str, str], str] = {}
"""On which business date this process has last noted the use of a right: by tenant, actor and permission."""


@dataclass(frozen=True, slots=True)
class Read:
    """What an answer shows: the address as its route names it, and the row that it names."""

    what: str
    kind: str
    row: uuid.UUID | None


class UseLog:
    """Around every request, inside whatever answers a fault."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        used = note_rights()

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start" and used and message["status"] < 400:
                await _note(scope, message["status"], tuple(used))
            await send(message)

        await self._app(scope, receive, send_on)


@lru_cache(maxsize=2)
def _personal(plugins: PluginHost) -> frozenset[str]:
    return frozenset(declared.code for declared in plugins.collected("bangfu_permissions") if declared.personal)


async def _note(request: AsgiScope, status: int, used: Sequence[str]) -> None:
    scope = current_scope()
    shown_by = next((permission for permission in used if permission in _personal(host())), None)
    read = _read_of(request) if shown_by is not None and _shows(request, status) else None
    today = scope.business_date.isoformat()
    fresh = [permission for permission in used if _noted.get((scope.tenant, scope.actor, permission)) != today]
    if read is not None:
        await run_in_threadpool(partial(_write, scope, fresh, shown_by, read))
    elif fresh:
        try:
            await run_in_threadpool(partial(_write, scope, fresh))
        except Exception as error:
            # the change itself is done and in the trail; the day is noted with the next use
            log.warning("use of rights not noted: %s", type(error).__name__)


def _shows(request: AsgiScope, status: int) -> bool:
    """Whether an answer shows something: a page's change leads elsewhere (303), a resource's gives back what it made."""
    if request["method"] in {"GET", "HEAD"}:
        return status < 300
    return status == 200 and not request["path"].startswith(API_PREFIX)


def _read_of(request: AsgiScope) -> Read:
    named: Mapping[str, str] = request.get("path_params", {})
    values = {str(value): name for name, value in named.items()}
    parts = [f"{{{values[part]}}}" if part in values else part for part in request["path"].split("/")]
    what = "/".join(part for part in parts if part != "{tenant}")
    rows = [(name.removesuffix("_id"), str(value)) for name, value in named.items() if name.endswith("_id")]
    query = parse_qs(request.get("query_string", b"").decode("latin-1"))
    rows = rows or [(name, query[name][0]) for name in _BY_QUERY if name in query]
    if not rows:
        return Read(what, LIST, None)
    name, text = rows[-1]
    kind = _KINDS.get(what, name)
    try:
        return Read(what, kind, uuid.UUID(text))
    except ValueError:
        return Read(what, kind, None)


def _write(scope: Scope, fresh: Sequence[str], permission: str | None = None, read: Read | None = None) -> None:
    with entered(scope), unit_of_work() as session:
        if read is not None:
            record_page(session, read.what, permission, read.kind, read.row)
        if fresh:
            note_permissions(session, fresh)
    if len(_noted) > _MOST_NOTED:
        _noted.clear()
    today = scope.business_date.isoformat()
    _noted.update(((scope.tenant, scope.actor, used), today) for used in fresh)
