"""What anybody may read without signing in: the annual announcement and notices (公告, 公示). No script, no cookie needed."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from core.announcements.service import latest_announcement
from core.centre.settings import CentreSettings, centre_settings
from core.db.session import unit_of_work
from core.errors import NotFound
from core.funds.sources import source_names
from core.notices.service import notice_view
from core.scope import current_scope
from core.settings import settings
from core.web.context import CENTRE_NAME
from core.web.pages import words
from core.web.preferences import keep_preferences, language_of, large_type_of, other_language_url, other_type_url
from core.web.render import render_public

router = APIRouter()


def _show(request: Request, template: str, centre: CentreSettings, **values: object) -> HTMLResponse:
    html = render_public(
        language_of(request),
        template,
        tenant_name=current_scope().union_name,
        centre_name=centre.centre_name or CENTRE_NAME,
        centre=centre,
        demo=settings().demo,
        language_url=other_language_url(request),
        large_type=large_type_of(request),
        large_type_url=other_type_url(request),
        **values,
    )
    response = HTMLResponse(html)
    keep_preferences(request, response)
    return response


@router.get("/annual/{year}")
def annual(request: Request, year: Annotated[int, Path(ge=2000, le=2100)]) -> HTMLResponse:
    """The announcement of a year in its newest edition; not found before it is published."""
    with unit_of_work() as session:
        found, centre = latest_announcement(session, year), centre_settings(session)
    if found is None:
        raise NotFound("该年度公告尚未发布", "the announcement is not published", where=str(year))
    figures = found.figures
    return _show(
        request,
        "public_annual.html",
        centre,
        announcement=found,
        received=figures["received"],
        paid=figures["paid"],
        reserved=figures["reserved"],
        left=figures["left"],
        carried=figures.get("carried", []),
        households=figures["households"],
        received_fen=sum(row["fen"] for row in figures["received"]),
        paid_fen=sum(row["fen"] for row in figures["paid"]),
        reserved_fen=sum(row["fen"] for row in figures["reserved"]),
        left_fen=sum(row["fen"] for row in figures["left"]),
        sources=source_names(),
        purposes=words.purposes(),
    )


@router.get("/notices/{batch_id}")
def notice(request: Request, batch_id: uuid.UUID) -> HTMLResponse:
    """A notice as it hangs on the wall: names masked."""
    with unit_of_work() as session:
        batch, items = notice_view(session, batch_id)
        centre = centre_settings(session)
    over = current_scope().business_date > batch.ends_on
    return _show(request, "public_notice.html", centre, batch=batch, items=items, over=over)
