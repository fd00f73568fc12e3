"""The panel of lawyers with what each was assigned this year, and whose turn it is (援助律师轮值)."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from core.db.session import unit_of_work
from core.scope import current_scope
from core.web.context import requires, show
from plugins.legal_aid.policy import ASSIGN, panel

router = APIRouter()


@router.get("/legal_aid/panel", dependencies=[Depends(requires(ASSIGN))])
def lawyers(request: Request) -> HTMLResponse:
    """The panel as the tenant has set it."""
    with unit_of_work() as session:
        found = panel(session)
    return show(request, "plugin/legal_aid/panel.html", lawyers=found, year=current_scope().business_date.year)
