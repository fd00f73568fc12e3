"""How visitors are received here: hours, place, notice, and which department takes what (接访安排)."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from core.db.session import unit_of_work
from core.web.context import requires, show
from plugins.petitions.policy import REGISTER, settings_here

router = APIRouter()


@router.get("/petitions/reception", dependencies=[Depends(requires(REGISTER))])
def reception(request: Request) -> HTMLResponse:
    """What the tenant has set, as it is read to a visitor or put up at the window."""
    with unit_of_work() as session:
        found = settings_here(session)
    return show(request, "plugin/petitions/reception.html", found=found)
