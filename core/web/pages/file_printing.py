"""Printing and exporting many files: what to print, and the documents that wait to be fetched (批量打印、导出)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.people.employers.service import employer_view
from core.people.life.proposals import KINDS
from core.people.listing import FileFilter, townships
from core.people.papers.batches import LIST_AT_ONCE, READ, Made, Wanted, fetch_made, list_now, matching, recent, start
from core.printing.waiting import KEPT_DAYS, waiting
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.file_filter import Asked, query_of
from core.web.handing_out import handed_out
from core.web.pages.files import choices

router = APIRouter()

_READ = Depends(requires(READ))


@router.get("/files/printing", dependencies=[_READ])
def printing(request: Request, asked: Asked) -> HTMLResponse:
    """What can be printed or exported of the files of the filter, what is being made, what waits to be fetched."""
    return _page(request, asked)


@router.post("/files/printing", dependencies=[_READ])
def make(
    request: Request,
    tenant: str,
    asked: Asked,
    made: Annotated[str, Form(max_length=40)] = "forms",
    full: Annotated[bool, Form()] = False,
    reason: Annotated[str, Form(max_length=500)] = "",
    key: Annotated[uuid.UUID | None, Form()] = None,
) -> Response:
    """Start the work on the files of the filter; a list that is short is handed out at once. Full numbers need the right and a
    reason."""
    what: Made = "list" if made == "list" else "forms"
    wanted = Wanted(what, asked, reason.strip() if full else None)
    typed = {"made": made, "full": "1" if full else "", "reason": reason}
    try:
        with unit_of_work() as session:
            if what == "list" and matching(session, wanted) <= LIST_AT_ONCE:
                ready = list_now(session, wanted)
                return handed_out(ready.data, ready.media_type, f"困难职工档案表{ready.ending}")
            title = start(session, wanted, str(key or uuid.uuid4())).title
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _page(request, asked, error, typed)
    return go(f"/{tenant}/files/printing?{query_of(asked)}", f"已开始：{title}，完成后在此下载")


@router.post("/files/printing/{file_id}", dependencies=[_READ])
def fetch_once(request: Request, file_id: uuid.UUID) -> Response:
    """Hand a document out to whoever had it made, once."""
    return changed(
        lambda session: fetch_made(session, file_id),
        lambda found: handed_out(found.data, found.media_type, found.file_name),
        lambda error: _page(request, FileFilter(), error),
    )


def _page(
    request: Request, asked: FileFilter, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        jobs, files = recent(session), waiting(session)
        known, count = townships(session), matching(session, Wanted("forms", asked))
        employer = employer_view(session, asked.employer_id, limit=1).employer.name if asked.employer_id else None
    return show(
        request,
        "file_printing.html",
        refusal=refused,
        jobs=jobs,
        running=any(job.state in ("queued", "running") for job in jobs),
        files=files,
        asked=asked,
        query=query_of(asked),
        choices=choices(known),
        proposals=KINDS,
        employer=employer,
        count=count,
        may_reveal=current_scope().may("people.reveal"),
        kept_days=KEPT_DAYS,
        at_once=LIST_AT_ONCE,
        key=str(uuid.uuid4()),
        typed={"made": "forms", "full": "", "reason": ""} | dict(typed or {}),
    )
