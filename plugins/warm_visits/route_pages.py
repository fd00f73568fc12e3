"""Pages of one route: its stops, what came of them, the list to be signed and its scans."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError
from core.scope import current_scope
from core.settings import settings
from core.web.context import changed, go, requires, show
from core.web.pages.case_opening import filled_form
from plugins.warm_visits.names import KINDS, PLAN, READ, VISIT
from plugins.warm_visits.policy import settings_here
from plugins.warm_visits.routes import change_route, move_up, route_named, stops_of_route
from plugins.warm_visits.seasons import goods_of
from plugins.warm_visits.typed import day_in, made_in, names_in
from plugins.warm_visits.visits import (
    grants_of_route,
    handed_on,
    keep_signed_list,
    read_signed_list,
    record_missed,
    record_visit,
    signed_lists,
)
from plugins.warm_visits.workflow import STATES

router = APIRouter()

_READ, _PLAN, _VISIT = (Depends(requires(permission)) for permission in (READ, PLAN, VISIT))
_MONEY = {"reserved": "待发放", "paid": "已发放", "released": "已撤销"}
_ENDINGS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}
Filled = Annotated[Mapping[str, str], Depends(filled_form)]


@router.get("/warm_visits/routes/{route_id}", dependencies=[_READ])
def route_page(request: Request, route_id: uuid.UUID) -> HTMLResponse:
    """One route with its stops."""
    return _route(request, route_id)


@router.post("/warm_visits/routes/{route_id}", dependencies=[_PLAN])
def route_changed(request: Request, tenant: str, route_id: uuid.UUID, filled: Filled) -> Response:
    """Give the route another day or group."""
    return changed(
        lambda session: change_route(session, route_id, day_in(filled, "visit_on"), names_in(filled, "visitors")),
        lambda _: go(f"/{tenant}/warm_visits/routes/{route_id}", "路线已修改"),
        lambda refused: _route(request, route_id, refused, filled, "route"),
    )


@router.post("/warm_visits/routes/{route_id}/stops/{stop_id}/up", dependencies=[_PLAN])
def stop_moved(request: Request, tenant: str, route_id: uuid.UUID, stop_id: uuid.UUID) -> Response:
    """Let a stop change places with the one before it."""
    return changed(
        lambda session: move_up(session, route_id, stop_id),
        lambda _: go(f"/{tenant}/warm_visits/routes/{route_id}"),
        lambda refused: _route(request, route_id, refused),
    )


@router.post("/warm_visits/routes/{route_id}/stops/{stop_id}/visit", dependencies=[_VISIT])
def visit_made(request: Request, tenant: str, route_id: uuid.UUID, stop_id: uuid.UUID, filled: Filled) -> Response:
    """Keep a visit."""
    return changed(
        lambda session: record_visit(session, route_id, stop_id, made_in(filled)),
        lambda _: go(f"/{tenant}/warm_visits/routes/{route_id}", "已登记走访"),
        lambda refused: _route(request, route_id, refused, filled, str(stop_id)),
    )


@router.post("/warm_visits/routes/{route_id}/stops/{stop_id}/missed", dependencies=[_VISIT])
def visit_missed(request: Request, tenant: str, route_id: uuid.UUID, stop_id: uuid.UUID, filled: Filled) -> Response:
    """Keep why a household could not be visited."""
    return changed(
        lambda session: record_missed(session, route_id, stop_id, day_in(filled, "made_on"), filled.get("note", "")),
        lambda _: go(f"/{tenant}/warm_visits/routes/{route_id}", "已登记未能走访的原因"),
        lambda refused: _route(request, route_id, refused, filled, str(stop_id)),
    )


@router.get("/warm_visits/routes/{route_id}/sheet", dependencies=[_READ])
def list_to_sign(request: Request, route_id: uuid.UUID) -> HTMLResponse:
    """The list that the households of the route sign, made to be printed (签收表)."""
    with unit_of_work() as session:
        route, season = route_named(session, route_id)
        stops, goods = stops_of_route(session, route_id), goods_of(session, route.season_id)
        greeting = settings_here(session).greeting
    return show(
        request,
        "plugin/warm_visits/sheet.html",
        route=route,
        season=season,
        stops=stops,
        goods=[one for one, _ in goods],
        greeting=greeting,
        kinds=KINDS,
    )


@router.post("/warm_visits/routes/{route_id}/lists", dependencies=[_VISIT])
def list_signed(
    request: Request, tenant: str, route_id: uuid.UUID, paper: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Keep the scan of the signed list; no more is read of it than the limit allows."""
    data = paper.file.read(settings().upload_limit_bytes + 1) if paper else b""

    def act(session: Session) -> None:
        keep_signed_list(session, route_id, data)

    return changed(
        act,
        lambda _: go(f"/{tenant}/warm_visits/routes/{route_id}#lists", "签收表已登记"),
        lambda refused: _route(request, route_id, refused),
    )


@router.get("/warm_visits/routes/{route_id}/lists/{document_id}", dependencies=[Depends(requires("document.read"))])
def signed_list_file(route_id: uuid.UUID, document_id: uuid.UUID) -> Response:
    """A scan, to be saved; it is never shown within this site."""
    with unit_of_work() as session:
        document, data = read_signed_list(session, route_id, document_id)
        name, media_type = document.title + _ENDINGS.get(document.media_type, ""), document.media_type
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return Response(data, media_type=media_type, headers=headers)


def _route(
    request: Request,
    route_id: uuid.UUID,
    refused: BangfuError | None = None,
    filled: Mapping[str, str] | None = None,
    form: str = "",
) -> HTMLResponse:
    with unit_of_work() as session:
        route, season = route_named(session, route_id)
        values: dict[str, Any] = {
            "stops": stops_of_route(session, route_id),
            "goods": goods_of(session, season.id),
            "handed": handed_on(session, route_id),
            "papers": signed_lists(session, route_id),
            "grants": grants_of_route(session, route_id),
        }
    scope, running = current_scope(), season.closed_on is None
    return show(
        request,
        "plugin/warm_visits/route.html",
        refusal=refused,
        route=route,
        season=season,
        kinds=KINDS,
        states=STATES,
        money=_MONEY,
        filled={form: filled or {}},
        today=scope.business_date,
        may_plan=scope.may(PLAN) and running,
        may_visit=scope.may(VISIT) and running,
        may_read=scope.may("document.read"),
        **values,
    )
