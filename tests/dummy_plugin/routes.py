"""The dummy plugin's page and resource."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from core.db.session import unit_of_work
from core.web.context import requires, show
from tests.dummy_plugin.parts import parcels

pages = APIRouter()
resources = APIRouter()


@pages.get("/dummy_plugin", dependencies=[Depends(requires("dummy_plugin.read"))])
def parcels_page(request: Request) -> HTMLResponse:
    with unit_of_work() as session:
        count = parcels(session, 0)[0][2]
    return show(request, "plugin/dummy_plugin/parcels.html", count=count)


@resources.get("/dummy_plugin/parcels", dependencies=[Depends(requires("dummy_plugin.read"))])
def parcels_count() -> dict[str, int]:
    with unit_of_work() as session:
        return {"parcels": parcels(session, 0)[0][2]}
