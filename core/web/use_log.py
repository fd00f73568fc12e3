"""Every use of a right, on record (查阅留痕): around all pages and resources, so that no route can forget it.

What shows persons' data leaves a row in the read log: an answer to a reading request, to a search that was sent by POST, or to
a change that was refused and whose page is drawn again, for which a right was used that its declaration calls ``personal``. The
row is written before the first byte of the answer: where it cannot be written, nothing is shown. Changes stand in the trail. On
which day each right was last used is noted as well, once a day for each actor, right and process; that is for the review of
access alone and stops nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import parse_qs

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from core.scope import current_scope, note_rights
from core.trail.use import LIST, Read, not_noted, shown_by, write_use
from core.web.errors import API_PREFIX

log = logging.getLogger("bangfu.web")

_BY_QUERY: Final = ("household",)
"""Rows that a page is asked for in its query."""
_KINDS: Final = {"/notices/{batch_id}": "notice_batch", "/funds/payments/{batch_id}": "payment_batch"}
"""What the trail calls a row, where an address calls it otherwise."""


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
            if message["type"] == "http.response.start" and used and (message["status"] < 400 or _drawn_again(scope)):
                await _note(scope, message["status"], tuple(used))
            await send(message)

        await self._app(scope, receive, send_on)


async def _note(request: AsgiScope, status: int, used: Sequence[str]) -> None:
    scope = current_scope()
    permission, fresh = shown_by(used), not_noted(scope, used)
    if permission is not None and _shows(request, status):
        await run_in_threadpool(partial(write_use, scope, fresh, permission, _read_of(request)))
    elif fresh:
        try:
            await run_in_threadpool(partial(write_use, scope, fresh))
        except Exception as error:
            # the change itself is done and in the trail; the day is noted with the next use
            log.warning("use of rights not noted: %s", type(error).__name__)


def _drawn_again(request: AsgiScope) -> bool:
    """Whether a page of the tenant says what was refused (``core.web.context.show``): it shows as much as before. An error's
    own page shows nobody."""
    return bool(request.get("state", {}).get("drawn_again"))


def _shows(request: AsgiScope, status: int) -> bool:
    """Whether an answer shows something: a page's change leads elsewhere (303), a resource's gives back what it made."""
    if _drawn_again(request):
        return True
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
