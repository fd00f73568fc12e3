"""Who looked at a household's file: for auditors and the vice chair, and as a statement for the family (查阅记录)."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from core.calendar.working_days import CHINA_TIME
from core.db.session import unit_of_work
from core.errors import InvalidInput
from core.rights.names import HANDLE, SEE_VIEWS
from core.rights.requests import names_of
from core.rights.views import MOST, Period, View, statement, views_of
from core.scope import current_scope
from core.spreadsheets.writing import SpreadsheetWriting
from core.web.context import requires, show
from core.web.paging import After, cut, next_url

router = APIRouter()
_PAGE: Final = 50
_HEADINGS: Final = ("时间", "查阅人", "岗位", "方式", "对象", "内容", "事由")
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Day = Annotated[str, Query(pattern=r"^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Typed = Annotated[str, Form(max_length=10)]


def period_of(since: str, until: str) -> Period:
    """The days that were typed; raises ``InvalidInput`` for a day that there is not."""
    try:
        found = Period(*(date.fromisoformat(day) if day else None for day in (since, until)))
    except ValueError:
        raise InvalidInput("没有这一天", "there is no such day", where="since") from None
    if found.since and found.until and found.until < found.since:
        raise InvalidInput("止日不能早于起日", "the period ends before it begins", where="until")
    return found


@router.get("/households/{household_id}/views", dependencies=[Depends(requires(SEE_VIEWS))])
def views_page(
    request: Request, household_id: uuid.UUID, since: Day = "", until: Day = "", after: After = None
) -> HTMLResponse:
    """Looks at a household's file, its members and its cases, newest first."""
    days = period_of(since, until)
    with unit_of_work() as session:
        found = views_of(session, household_id, days, after=after, limit=_PAGE + 1)
    page = cut(found, _PAGE, lambda row: row.id)
    return show(
        request, "views_log.html", rows=page.rows, next=next_url(request, page.after), household_id=household_id, days=days
    )


@router.post("/rights/{request_id}/statement", dependencies=[Depends(requires(HANDLE))])
def statement_page(request: Request, request_id: uuid.UUID, since: Typed = "", until: Typed = "") -> HTMLResponse:
    """The statement that the person is given, to be printed. Giving it out is an act on record, and answers the request."""
    days = period_of(since.strip(), until.strip())
    with unit_of_work() as session:
        asked, rows = statement(session, request_id, days)
        names = names_of(session, [asked.person_id])
    return show(
        request,
        "views_statement.html",
        asked=asked,
        rows=rows,
        name=names.get(asked.person_id, ""),
        days=days,
        most=MOST,
        union=current_scope().union_name,
    )


@router.post("/rights/{request_id}/statement.xlsx", dependencies=[Depends(requires(HANDLE))])
def statement_file(request_id: uuid.UUID, since: Typed = "", until: Typed = "") -> Response:
    """The statement as a workbook."""
    days = period_of(since.strip(), until.strip())
    with unit_of_work() as session:
        asked, rows = statement(session, request_id, days)
    headers = {"Content-Disposition": f'attachment; filename="{asked.number}.xlsx"', "Cache-Control": "no-store"}
    return Response(_workbook(rows), media_type=XLSX, headers=headers)


def _workbook(rows: Sequence[View]) -> bytes:
    made = io.BytesIO()
    with SpreadsheetWriting(made, title="查阅记录") as book:
        sheet = book.sheet("查阅记录")
        sheet.widths(dict.fromkeys(range(len(_HEADINGS)), 20.0))
        sheet.header(1, _HEADINGS)
        for number, row in enumerate(rows, 2):
            sheet.row(number, cells_of(row))
    return made.getvalue()


def cells_of(row: View) -> tuple[str, ...]:
    """One look as a line of the statement."""
    at = f"{row.at.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S}"
    return at, row.who, row.posts, row.act, row.whom, row.fields, row.reason
