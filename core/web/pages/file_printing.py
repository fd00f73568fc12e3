"""Printing and exporting many files: what to print, and the documents that wait to be fetched (批量打印、导出)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.people.listing import NEVER
from core.people.papers.batches import LIST_AT_ONCE, READ, Made, Wanted, fetch_made, list_now, matching, recent, start
from core.printing.waiting import KEPT_DAYS, waiting
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.handing_out import handed_out
from core.web.pages import words

router = APIRouter()

_READ = Depends(requires(READ))
Code = Annotated[str, Form(max_length=40)]


@router.get("/files/printing", dependencies=[_READ])
def printing(
    request: Request,
    status: Annotated[str, Query(max_length=40)] = "on_file",
    kind: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """What can be printed or exported, what is being made, what waits to be fetched."""
    return _page(request, None, {"status": status, "kind": kind})


@router.post("/files/printing", dependencies=[_READ])
def make(
    request: Request,
    tenant: str,
    made: Code = "forms",
    status: Code = "",
    kind: Code = "",
    full: Annotated[bool, Form()] = False,
    reason: Annotated[str, Form(max_length=500)] = "",
    key: Annotated[uuid.UUID | None, Form()] = None,
) -> Response:
    """Start the work; a list that is short is handed out at once. Full numbers need the right and a reason."""
    what: Made = "list" if made == "list" else "forms"
    wanted = Wanted(what, status or None, kind or None, reason.strip() if full else None)
    typed = {"made": made, "status": status, "kind": kind, "full": "1" if full else "", "reason": reason}
    try:
        with unit_of_work() as session:
            if what == "list" and matching(session, wanted) <= LIST_AT_ONCE:
                ready = list_now(session, wanted)
                return handed_out(ready.data, ready.media_type, f"困难职工档案表{ready.ending}")
            title = start(session, wanted, str(key or uuid.uuid4())).title
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _page(request, error, typed)
    return go(f"/{tenant}/files/printing", f"已开始：{title}，完成后在此下载")


@router.post("/files/printing/{file_id}", dependencies=[_READ])
def fetch_once(request: Request, file_id: uuid.UUID) -> Response:
    """Hand a document out to whoever had it made, once."""
    return changed(
        lambda session: fetch_made(session, file_id),
        lambda found: handed_out(found.data, found.media_type, found.file_name),
        lambda error: _page(request, error),
    )


def _page(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        jobs, files = recent(session), waiting(session)
    kinds = words.words_of("difficulty_category")
    return show(
        request,
        "file_printing.html",
        refusal=refused,
        jobs=jobs,
        running=any(job.state in ("queued", "running") for job in jobs),
        files=files,
        statuses=[("", "全部状态"), *words.FILE_STATES.items()],
        kinds=[("", "全部困难类别"), *kinds.items(), (NEVER, "未认定")],
        may_reveal=current_scope().may("people.reveal"),
        kept_days=KEPT_DAYS,
        at_once=LIST_AT_ONCE,
        key=str(uuid.uuid4()),
        typed={"made": "forms", "status": "on_file", "kind": "", "full": "", "reason": ""} | dict(typed or {}),
    )
