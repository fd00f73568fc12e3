"""Routes: a day, a group of two or more people, and stops in order (慰问路线)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.statements import among, tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.parameters.service import resolve
from core.scope import current_scope
from core.trail.service import record
from plugins.warm_visits.models import Route, Season, Stop, Visit
from plugins.warm_visits.names import LEAST_VISITORS, PLAN
from plugins.warm_visits.policy import settings_here
from plugins.warm_visits.seasons import season_named, still_open

_MOST_VISITORS = 20
_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class StopLine:
    """A household of the plan as a list shows it. ``missed`` says why it could not be visited the last time."""

    id: uuid.UUID
    case_id: uuid.UUID
    number: str
    state: str
    name: str
    address: str
    kind: str
    amount_fen: int | None
    route_id: uuid.UUID | None
    place: int | None
    visited_on: date | None
    received_by: str | None
    missed: str | None


_LINES = """
select s.id, s.case_id, c.number, c.state, p.label as name, h.address, s.kind, c.requested_fen as amount_fen,
       s.route_id, s.place, seen.made_on as visited_on, seen.received_by, missed.note as missed
from warm_visits.stop s
join case_record c on c.tenant = s.tenant and c.id = s.case_id
join party p on p.tenant = s.tenant and p.case_id = s.case_id and p.role = 'applicant'
join household h on h.tenant = s.tenant and h.id = s.household_id
left join lateral (
    select made_on, received_by from warm_visits.visit v
    where v.tenant = s.tenant and v.stop_id = s.id and v.outcome = 'visited' order by v.id limit 1) seen on true
left join lateral (
    select note from warm_visits.visit v
    where v.tenant = s.tenant and v.stop_id = s.id and v.outcome = 'missed' order by v.id desc limit 1) missed on true
where s.tenant = :tenant
"""


def _lines(session: Session, ending: str, values: Mapping[str, Any]) -> list[StopLine]:
    rows = session.execute(tenant_sql(_LINES + ending), values)
    return [StopLine(**row) for row in rows.mappings()]


def stops_of_season(
    session: Session, season_id: uuid.UUID, state: str | None = None, after: uuid.UUID | None = None, limit: int = 50
) -> list[StopLine]:
    """The plan's households in the order in which they were taken in; ``after`` is the id of the last one seen."""
    return _lines(
        session,
        "and s.season_id = :season and (cast(:state as text) is null or c.state = :state)"
        " and (cast(:after as uuid) is null or s.id > :after) order by s.id limit :limit",
        {"season": season_id, "state": state, "after": after, "limit": limit},
    )


def stops_of_route(session: Session, route_id: uuid.UUID) -> list[StopLine]:
    """The stops of a route in order."""
    return _lines(session, "and s.route_id = :route order by s.place", {"route": route_id})


def routes_of(session: Session, season_id: uuid.UUID) -> list[tuple[Route, int]]:
    """The season's routes by number, each with how many stops it has."""
    asked = (
        select(Route, func.count(Stop.id))
        .join(Stop, (Stop.tenant == Route.tenant) & (Stop.route_id == Route.id), isouter=True)
        .where(Route.season_id == season_id)
        .group_by(Route.tenant, Route.id)
        .order_by(Route.number)
    )
    return [(route, int(stops)) for route, stops in session.execute(asked)]


def route_named(session: Session, route_id: uuid.UUID, *, lock: bool = False) -> tuple[Route, Season]:
    """A route with its season; raises ``NotFound``."""
    asked = select(Route).where(Route.id == route_id)
    route = session.scalar(asked.with_for_update() if lock else asked)
    if route is None:
        raise NotFound("没有这条慰问路线", "no such route", where="route")
    return route, season_named(session, route.season_id)


def group_of(session: Session, names: Sequence[str]) -> list[str]:
    """The visiting group: names trimmed, each once. Raises ``InvalidInput`` for fewer than the figure of policy asks for."""
    group = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    least = int(resolve(session, current_scope().business_date).value(LEAST_VISITORS))
    if not least <= len(group) <= _MOST_VISITORS or any(len(name) > _NAME_LENGTH for name in group):
        raise InvalidInput(
            f"慰问人员须有 {least} 至 {_MOST_VISITORS} 人，逐一写明姓名",
            f"a group has {least} to {_MOST_VISITORS} people, each by name",
            where="visitors",
            mend_zh="每行填写一人",
            mend_en="one name a line",
        )
    return group


def _day_of(season: Season, day: date) -> date:
    if not season.starts_on <= day <= season.ends_on:
        raise InvalidInput(
            f"日期须在慰问季内（{season.starts_on} 至 {season.ends_on}）",
            "the day lies outside the season",
            where="visit_on",
        )
    return day


def make_route(session: Session, season_id: uuid.UUID, title: str, visit_on: date, visitors: Sequence[str]) -> Route:
    """A new route without stops. Raises ``InvalidInput`` (title, day, group), ``Conflict`` (season closed)."""
    scope = current_scope()
    scope.require(PLAN)
    if not title.strip() or len(title) > _NAME_LENGTH:
        raise InvalidInput(f"请填写路线名称，不超过 {_NAME_LENGTH} 字", "a route needs a title", where="title")
    season = still_open(season_named(session, season_id, lock=True))
    last = session.scalar(select(func.max(Route.number)).where(Route.season_id == season_id)) or 0
    route = Route(
        season_id=season_id,
        number=last + 1,
        title=title.strip(),
        visit_on=_day_of(season, visit_on),
        visitors=group_of(session, visitors),
        made_by=scope.actor,
    )
    session.add(route)
    session.flush()
    record(session, "warm_visits.route_made", "route", route.id, {"number": route.number, "visitors": len(route.visitors)})
    return route


def change_route(session: Session, route_id: uuid.UUID, visit_on: date, visitors: Sequence[str]) -> Route:
    """Another day or group. Raises ``InvalidInput``, ``Conflict`` (season closed)."""
    current_scope().require(PLAN)
    route, season = route_named(session, route_id, lock=True)
    still_open(season)
    route.visit_on, route.visitors = _day_of(season, visit_on), group_of(session, visitors)
    session.flush()
    record(session, "warm_visits.route_changed", "route", route.id, {"visit_on": visit_on, "visitors": len(route.visitors)})
    return route


def put_on_route(session: Session, route_id: uuid.UUID, stop_ids: Sequence[uuid.UUID]) -> list[Stop]:
    """Put households at the end of a route, in the order given; from another route too, where they were not visited yet.

    Raises ``NotFound`` for one of another season, ``Conflict`` where it was visited or its case is closed, and where the
    route would be longer than the setting ``stops_per_route`` allows.
    """
    current_scope().require(PLAN)
    wanted = list(dict.fromkeys(stop_ids))
    if not wanted:
        raise InvalidInput("请选择慰问对象", "choose households", where="stop")
    _, season = route_named(session, route_id, lock=True)
    still_open(season)
    found = {
        stop.id: stop
        for stop in session.scalars(
            select(Stop).where(among(Stop.id, wanted), Stop.season_id == season.id).order_by(Stop.id).with_for_update()
        )
    }
    if len(found) != len(wanted):
        raise NotFound("没有这个慰问对象", "no such household in the season's plan", where="stop")
    _refuse_over(session, wanted)
    held = session.execute(
        select(func.count(), func.max(Stop.place)).where(Stop.route_id == route_id, Stop.id.not_in(wanted))
    ).one()
    most = settings_here(session).stops_per_route
    if held[0] + len(wanted) > most:
        raise Conflict(
            f"每条路线最多 {most} 户，本路线已有 {held[0]} 户",
            f"a route has at most {most} stops; this one has {held[0]}",
            where="stop",
            mend_zh="请另设一条路线",
            mend_en="make another route",
        )
    for place, stop_id in enumerate(wanted, start=(held[1] or 0) + 1):
        found[stop_id].route_id, found[stop_id].place = route_id, place
    session.flush()
    record(session, "warm_visits.route_filled", "route", route_id, {"stops": len(wanted)})
    return [found[stop_id] for stop_id in wanted]


def _refuse_over(session: Session, stop_ids: Sequence[uuid.UUID]) -> None:
    """Refuse households that were visited, or whose case is closed without a visit."""
    seen = select(Visit.stop_id).where(Visit.outcome == "visited")
    over = session.scalars(
        select(Case.number)
        .join(Stop, (Stop.tenant == Case.tenant) & (Stop.case_id == Case.id))
        .where(
            among(Stop.id, stop_ids),
            Stop.id.in_(seen) | Case.state.in_(("refused", "dropped", "withdrawn")),
        )
        .order_by(Case.number)
    ).all()
    if over:
        raise Conflict(
            f"{'、'.join(over[:5])} 已走访或已终止，不能再排入路线", f"over already: {', '.join(over[:5])}", where=over[0]
        )


def move_up(session: Session, route_id: uuid.UUID, stop_id: uuid.UUID) -> None:
    """Let a stop change places with the one before it; the first one stays. Raises ``NotFound``."""
    current_scope().require(PLAN)
    route_named(session, route_id, lock=True)
    stops = session.scalars(select(Stop).where(Stop.route_id == route_id).order_by(Stop.place)).all()
    at = next((at for at, stop in enumerate(stops) if stop.id == stop_id), None)
    if at is None:
        raise NotFound("该路线上没有这个慰问对象", "the route has no such stop", where="stop")
    if at:
        stops[at].place, stops[at - 1].place = stops[at - 1].place, stops[at].place
        session.flush()
        record(session, "warm_visits.route_ordered", "route", route_id, {"stop": str(stop_id)})
