"""The line's page: the visits, and a form for the next one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from bangfu_kit_sample.names import READ, RECORD
from bangfu_kit_sample.policy import settings_here
from bangfu_kit_sample.visits import record_visit, visits
from core.db.session import unit_of_work
from core.errors import BangfuError
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.paging import After, cut, next_url

router = APIRouter()

_PAGE = 30


@router.get("/kit_sample", dependencies=[Depends(requires(READ))])
def visit_page(request: Request, after: After = None) -> HTMLResponse:
    """The visits, the newest first."""
    return _page(request, after)


@router.post("/kit_sample", dependencies=[Depends(requires(RECORD))])
def visit_made(
    request: Request,
    tenant: str,
    number: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Keep a visit."""
    return changed(
        lambda session: record_visit(session, number, note),
        lambda _: go(f"/{tenant}/kit_sample", "已记录走访"),
        lambda refused: _page(request, None, refused, number, note),
    )


def _page(
    request: Request, after: After = None, refused: BangfuError | None = None, number: str = "", note: str = ""
) -> HTMLResponse:
    with unit_of_work() as session:
        page = cut(visits(session, after, _PAGE + 1), _PAGE, lambda row: row[0].id)
        greeting = settings_here(session).greeting
    return show(
        request,
        "plugin/kit_sample/visits.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        greeting=greeting,
        may_record=current_scope().may(RECORD),
        number=number,
        note=note,
    )
