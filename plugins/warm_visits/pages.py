"""The line's pages: its seasons, and one season with its plan, goods and routes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.cases.service import advance
from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages.case_opening import filled_form
from core.web.paging import After, cut, next_url
from plugins.warm_visits import route_pages
from plugins.warm_visits.models import Goods, Route, Season, Stop
from plugins.warm_visits.names import APPROVE, BY_HAND, KINDS, PLAN, READ
from plugins.warm_visits.planning import plan_by_rule, plan_named
from plugins.warm_visits.policy import settings_here
from plugins.warm_visits.routes import make_route, put_on_route, routes_of, stops_of_season
from plugins.warm_visits.seasons import (
    close_season,
    goods_of,
    open_season,
    season_named,
    seasons,
    stock_goods,
    summary,
)
from plugins.warm_visits.typed import day_in, names_in, whole_in
from plugins.warm_visits.workflow import STATES

router = APIRouter()
router.include_router(route_pages.router)

_PAGE = 50
_PLAN = Depends(requires(PLAN))
Filled = Annotated[Mapping[str, str], Depends(filled_form)]
Chosen = Annotated[list[uuid.UUID] | None, Form()]


@router.get("/warm_visits", dependencies=[Depends(requires(READ))])
def season_list(request: Request) -> HTMLResponse:
    """All seasons, and the form that opens the next one."""
    return _seasons(request)


@router.post("/warm_visits", dependencies=[_PLAN])
def season_opened(request: Request, tenant: str, filled: Filled) -> Response:
    """Open a season."""

    def act(session: Session) -> Season:
        return open_season(session, whole_in(filled, "year"), day_in(filled, "starts_on"), day_in(filled, "ends_on"))

    return changed(
        act,
        lambda season: go(f"/{tenant}/warm_visits/{season.id}", f"已设立 {season.year} 年慰问季"),
        lambda refused: _seasons(request, refused, filled),
    )


@router.get("/warm_visits/{season_id}", dependencies=[Depends(requires(READ))])
def season_page(
    request: Request, season_id: uuid.UUID, state: Annotated[str, Query(max_length=20)] = "", after: After = None
) -> HTMLResponse:
    """One season: figures, plan, goods and routes."""
    return _season(request, season_id, state=state, after=after)


@router.post("/warm_visits/{season_id}/goods", dependencies=[_PLAN])
def goods_stocked(request: Request, tenant: str, season_id: uuid.UUID, filled: Filled) -> Response:
    """Enter goods that came in."""

    def act(session: Session) -> Goods:
        numbers = whole_in(filled, "quantity"), whole_in(filled, "per_visit")
        return stock_goods(session, season_id, filled.get("name", ""), filled.get("unit", ""), *numbers)

    return changed(
        act,
        lambda goods: go(f"/{tenant}/warm_visits/{season_id}#goods", f"已登记{goods.name}，共 {goods.stocked} {goods.unit}"),
        lambda refused: _season(request, season_id, refused, filled, "goods"),
    )


@router.post("/warm_visits/{season_id}/plan", dependencies=[_PLAN])
def planned_by_rule(request: Request, tenant: str, season_id: uuid.UUID, filled: Filled) -> Response:
    """Take the households that the rule names into the plan."""
    return changed(
        lambda session: plan_by_rule(session, season_id, filled.get("kind", "")),
        lambda stops: go(f"/{tenant}/warm_visits/{season_id}", f"已列入 {len(stops)} 户，等待公示"),
        lambda refused: _season(request, season_id, refused, filled, "plan"),
    )


@router.post("/warm_visits/{season_id}/named", dependencies=[_PLAN])
def planned_by_name(request: Request, tenant: str, season_id: uuid.UUID, filled: Filled) -> Response:
    """Take one household into the plan, for a stated reason."""

    def act(session: Session) -> Stop:
        return plan_named(session, season_id, filled.get("file_number", ""), filled.get("kind", ""), filled.get("reason", ""))

    return changed(
        act,
        lambda _: go(f"/{tenant}/warm_visits/{season_id}", "已列入 1 户，等待公示"),
        lambda refused: _season(request, season_id, refused, filled, "named"),
    )


@router.post("/warm_visits/{season_id}/approve", dependencies=[Depends(requires(APPROVE))])
def approved(
    request: Request, tenant: str, season_id: uuid.UUID, step: Annotated[str, Form()], case: Chosen = None
) -> Response:
    """Decide on the cases that were ticked, all or none; the money is reserved."""

    def act(session: Session) -> int:
        season_named(session, season_id)
        if not case or step not in ("approve", "approve_goods"):
            raise InvalidInput("请选择慰问对象", "choose households", where="case")
        return len(advance(session, case, step))

    return changed(
        act,
        lambda number: go(f"/{tenant}/warm_visits/{season_id}", f"已审批同意 {number} 户"),
        lambda refused: _season(request, season_id, refused),
    )


@router.post("/warm_visits/{season_id}/routes", dependencies=[_PLAN])
def route_made(request: Request, tenant: str, season_id: uuid.UUID, filled: Filled, stop: Chosen = None) -> Response:
    """Make a route with the households that were ticked, or put them on one that is there."""

    def act(session: Session) -> Route:
        known = [route for route, _ in routes_of(session, season_id) if str(route.id) == filled.get("route")]
        made = known or [
            make_route(session, season_id, filled.get("title", ""), day_in(filled, "visit_on"), names_in(filled, "visitors"))
        ]
        if stop or known:
            put_on_route(session, made[0].id, stop or [])
        return made[0]

    return changed(
        act,
        lambda route: go(f"/{tenant}/warm_visits/routes/{route.id}", f"已排入第 {route.number} 路线"),
        lambda refused: _season(request, season_id, refused, filled, "routes", ticked=frozenset(stop or ())),
    )


@router.post("/warm_visits/{season_id}/close", dependencies=[_PLAN])
def season_closed(request: Request, tenant: str, season_id: uuid.UUID) -> Response:
    """End the season."""
    return changed(
        lambda session: close_season(session, season_id),
        lambda season: go(f"/{tenant}/warm_visits", f"{season.year} 年慰问季已结束"),
        lambda refused: _season(request, season_id, refused),
    )


def _seasons(request: Request, refused: BangfuError | None = None, filled: Mapping[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        found = seasons(session)
    scope = current_scope()
    return show(
        request,
        "plugin/warm_visits/seasons.html",
        refusal=refused,
        rows=found,
        filled=filled or {},
        next_year=scope.business_date.year + (1 if scope.business_date.month > 3 else 0),
        may_plan=scope.may(PLAN),
    )


def _season(
    request: Request,
    season_id: uuid.UUID,
    refused: BangfuError | None = None,
    filled: Mapping[str, str] | None = None,
    form: str = "",
    *,
    state: str = "",
    after: uuid.UUID | None = None,
    ticked: frozenset[uuid.UUID] = frozenset(),
) -> HTMLResponse:
    with unit_of_work() as session:
        season = season_named(session, season_id)
        page = cut(stops_of_season(session, season_id, state or None, after, _PAGE + 1), _PAGE, lambda line: line.id)
        goods, routes = goods_of(session, season_id), routes_of(session, season_id)
        figures, chosen = summary(session, season), settings_here(session).kinds
    scope = current_scope()
    return show(
        request,
        "plugin/warm_visits/season.html",
        refusal=refused,
        season=season,
        summary=figures,
        rows=page.rows,
        next=next_url(request, page.after),
        goods=goods,
        routes=routes,
        state=state,
        states=STATES,
        kinds=KINDS,
        by_rule=[(kind, KINDS[kind]) for kind in chosen],
        by_hand=[(kind, KINDS[kind]) for kind in BY_HAND],
        filled={form: filled or {}},
        ticked=ticked,
        may_plan=scope.may(PLAN) and season.closed_on is None,
        may_approve=scope.may(APPROVE) and season.closed_on is None,
    )
