"""The line's resources under ``/api/v1/{tenant}/warm_visits``: seasons, routes, visits and signed lists."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, File, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.settings import settings
from core.web.context import requires
from core.web.paging import After, Limit
from plugins.warm_visits.models import Route
from plugins.warm_visits.names import READ, VISIT
from plugins.warm_visits.routes import StopLine, route_named, routes_of, stops_of_route, stops_of_season
from plugins.warm_visits.seasons import season_named, seasons, summary
from plugins.warm_visits.visits import Made, keep_signed_list, record_missed, record_visit, signed_lists

router = APIRouter()

_READ, _VISIT = Depends(requires(READ)), Depends(requires(VISIT))
Name = Annotated[str, Field(max_length=60)]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SeasonOut(_Out):
    """A season; ``year`` is that of its Spring Festival."""

    id: uuid.UUID
    year: int
    starts_on: date
    ends_on: date
    closed_on: date | None


class SummaryOut(_Out):
    """A season in figures: households by state, visits, money in fen, pieces of goods."""

    planned: int
    states: dict[str, int]
    visited: int
    granted_fen: int
    paid_fen: int
    goods: int


class StopOut(_Out):
    """A household of the plan; ``missed`` says why it could not be visited the last time."""

    id: uuid.UUID
    case_id: uuid.UUID
    number: str
    state: str
    name: str
    kind: str
    amount_fen: int | None
    route_id: uuid.UUID | None
    place: int | None
    visited_on: date | None
    received_by: str | None
    missed: str | None


class RouteOut(_Out):
    """A route and its group."""

    id: uuid.UUID
    number: int
    title: str
    visit_on: date
    visitors: list[str]
    stops: int


class ListOut(_Out):
    """A scan of the signed list."""

    id: uuid.UUID
    title: str
    received_on: date
    withdrawn_on: date | None


class WholeRouteOut(RouteOut):
    """A route with its stops in order and the scans of its signed list."""

    lines: list[StopOut]
    lists: list[ListOut]


class HandedIn(BaseModel):
    """How many of a kind of goods were handed over."""

    model_config = ConfigDict(extra="forbid")

    goods_id: uuid.UUID
    quantity: Annotated[int, Field(strict=True, gt=0, le=1_000_000)]


class VisitIn(BaseModel):
    """A visit that was made."""

    model_config = ConfigDict(extra="forbid")

    made_on: date
    visitors: Annotated[list[Name], Field(max_length=20)]
    received_by: Name
    goods: Annotated[list[HandedIn], Field(max_length=50)] = []
    note: Annotated[str, Field(max_length=500)] = ""


class MissedIn(BaseModel):
    """That a household could not be visited, and why."""

    model_config = ConfigDict(extra="forbid")

    made_on: date
    why: Annotated[str, Field(max_length=500)]


class VisitOut(BaseModel):
    """A visit that was kept."""

    id: uuid.UUID
    outcome: str


@router.get("/warm_visits/seasons", dependencies=[_READ])
def season_list() -> list[SeasonOut]:
    """All seasons, the newest first."""
    with unit_of_work() as session:
        return [SeasonOut.model_validate(season) for season in seasons(session)]


@router.get("/warm_visits/seasons/{season_id}/summary", dependencies=[_READ])
def season_figures(season_id: uuid.UUID) -> SummaryOut:
    """A season in figures."""
    with unit_of_work() as session:
        return SummaryOut.model_validate(summary(session, season_named(session, season_id)))


@router.get("/warm_visits/seasons/{season_id}/stops", dependencies=[_READ])
def season_stops(season_id: uuid.UUID, after: After = None, limit: Limit = 50) -> list[StopOut]:
    """The plan's households; ``after`` is the id of the last one seen."""
    with unit_of_work() as session:
        season_named(session, season_id)
        return [_stop(line) for line in stops_of_season(session, season_id, None, after, limit)]


@router.get("/warm_visits/seasons/{season_id}/routes", dependencies=[_READ])
def season_routes(season_id: uuid.UUID) -> list[RouteOut]:
    """The season's routes by number."""
    with unit_of_work() as session:
        season_named(session, season_id)
        return [_route(route, stops) for route, stops in routes_of(session, season_id)]


@router.get("/warm_visits/routes/{route_id}", dependencies=[_READ])
def one_route(route_id: uuid.UUID) -> WholeRouteOut:
    """A route with its stops and its signed lists."""
    with unit_of_work() as session:
        route, _ = route_named(session, route_id)
        lines, papers = stops_of_route(session, route_id), signed_lists(session, route_id)
    told = _route(route, len(lines)).model_dump()
    return WholeRouteOut(**told, lines=[_stop(line) for line in lines], lists=[ListOut.model_validate(one) for one in papers])


@router.post("/warm_visits/routes/{route_id}/stops/{stop_id}/visit", dependencies=[_VISIT], status_code=201)
def visit_made(route_id: uuid.UUID, stop_id: uuid.UUID, body: VisitIn) -> VisitOut:
    """Keep a visit."""
    goods = {one.goods_id: one.quantity for one in body.goods}
    with unit_of_work() as session:
        made = record_visit(session, route_id, stop_id, Made(body.made_on, body.visitors, body.received_by, goods, body.note))
        return VisitOut(id=made.id, outcome=made.outcome)


@router.post("/warm_visits/routes/{route_id}/stops/{stop_id}/missed", dependencies=[_VISIT], status_code=201)
def visit_missed(route_id: uuid.UUID, stop_id: uuid.UUID, body: MissedIn) -> VisitOut:
    """Keep why a household could not be visited."""
    with unit_of_work() as session:
        made = record_missed(session, route_id, stop_id, body.made_on, body.why)
        return VisitOut(id=made.id, outcome=made.outcome)


@router.post("/warm_visits/routes/{route_id}/lists", dependencies=[_VISIT], status_code=201)
def list_signed(route_id: uuid.UUID, paper: Annotated[UploadFile, File()]) -> list[ListOut]:
    """Keep the scan of the signed list; gives all scans of the route."""
    data = paper.file.read(settings().upload_limit_bytes + 1)
    with unit_of_work() as session:
        keep_signed_list(session, route_id, data)
        return [ListOut.model_validate(one) for one in signed_lists(session, route_id)]


def _stop(line: StopLine) -> StopOut:
    return StopOut.model_validate(line)


def _route(route: Route, stops: int) -> RouteOut:
    return RouteOut(
        id=route.id,
        number=route.number,
        title=route.title,
        visit_on=route.visit_on,
        visitors=route.visitors,
        stops=stops,
    )
