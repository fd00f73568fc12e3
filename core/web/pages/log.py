"""The log for those who audit: who did what when, and who looked at what, as ids and codes (操作日志)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from core.db.session import reference_work
from core.identity.models import Account
from core.identity.names import READ_LOG
from core.identity.subtree import administering
from core.trail import log
from core.web.context import requires, show, visit_of
from core.web.pages import words
from core.web.pages.staff_common import Of, Typed, tail, unions
from core.web.paging import After, cut, next_url

router = APIRouter(dependencies=[Depends(requires(READ_LOG))])
_PAGE = 50
_NOBODY = str(uuid.UUID(int=0))
WHY = "查看下级操作日志"

Day = Annotated[str, Query(pattern=r"^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="business date")]


@router.get("/log")
def lines(
    request: Request,
    of: Of = None,
    what: Literal["changes", "reads"] = "changes",
    actor: Typed = "",
    action: Typed = "",
    day: Day = "",
    after: After = None,
) -> HTMLResponse:
    """Changes or reads, newest first; of one actor (login, or ``system``), of one kind, of one business date."""
    on = _day(day)
    asked = log.changes if what == "changes" else log.reads
    with administering(of, WHY) as session:
        found = asked(session, actor=_actor(actor.strip()), action=action.strip() or None, day=on, after=after, limit=_PAGE + 1)
    page = cut(found, _PAGE, lambda row: row.id)
    base = f"/{visit_of(request).scope.tenant}/log"
    filters = {"actor": actor, "action": action, "day": day}
    return show(
        request,
        "log.html",
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=[
            words.Tab("办理", base + tail(of, **filters), what == "changes"),
            words.Tab("查阅", base + tail(of, what="reads", **filters), what == "reads"),
        ],
        unions=unions(visit_of(request).scope.union_name),
        of=of or "",
        names=words.staff_names(row.actor for row in page.rows),
        what=what,
        unreadable=bool(day) and on is None,
        actor=actor,
        action=action,
        day=day,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _actor(login: str) -> str | None:
    """The actor key of a login; a key of the platform's own acts (``system:audit``) stands for itself."""
    if not login or login.startswith("system:"):
        return login or None
    with reference_work() as session:
        found = session.scalar(select(Account.id).where(Account.login == login.lower()))
    return str(found) if found else _NOBODY
