"""The table's axes as the declarations give them: roles, seats, and the errands that routes allow. No right is typed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from importlib import import_module

from fastapi import FastAPI

from core.authorisation import Demand, Kind
from core.cases.handler_changes import CHANGE, deciding
from core.cases.switched_off import GOES_ON
from core.cases.workflows import HERE, STANDING, opening, reading, stepping
from core.documents.service import DOCUMENT
from core.exchange.matters import RECEIVED
from core.funds.payments import BATCH
from core.host.declarations import JobKindDecl, RoleDecl, TransitionDecl, WorkflowDecl
from core.host.manager import host
from core.identity.service import roles
from core.identity.staff import ACCOUNT
from core.jobs.service import JOB, resuming, starting
from core.notices.service import OBJECTION
from core.scope import Level
from core.surveys.service import OPEN as ROUND_OPENS
from core.surveys.service import ROUND
from core.web.app import make_app
from core.web.pages.words import newest_workflows
from tenants.switching import SWITCHED, switching
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE
from tests.core.lines import LINES
from tests.web.routes import Found, routes_of

SAFE = frozenset({"GET", "HEAD"})
RESUMED = "survey"
"""The kind of work that stands for all in the states of a job."""
POSTED = "living_relief"
"""The workflow whose cases are put up for notice."""
CASES_OF = {"case": "petition", "document": "job_seeking"}
"""The workflow whose cases stand for all where an act on a case, or on its papers, is the same in every line."""
OPENING = frozenset(
    {
        ("GET", "/{tenant}/cases/new"),
        ("POST", "/{tenant}/cases/new"),
        ("POST", "/api/v1/{tenant}/cases"),
        ("GET", "/api/v1/{tenant}/cases/handlers"),
    }
)
"""Where cases of a workflow are opened, which the query or the body names."""
SWITCHING = frozenset({("POST", "/{tenant}/plugins/{name}"), ("PUT", "/api/v1/{tenant}/plugins/{name}")})
DECIDING = frozenset({"/cases/handlers/{change_id}", "/handler-changes/{change_id}/decision"})
ELSEWHERE = frozenset({"county_closing"})
"""Kinds of objects that take two counties and a morning to make: their states are tried where they are tested
(tests/tenants), here who may come to them at all."""
ALIKE = frozenset({SWITCHED.code, ROUND.code})
"""Things that every tenant has of its own under the same name."""
SEEN = {
    "/{tenant}/staff/{account_id}": ACCOUNT,
    "/api/v1/{tenant}/staff/{account_id}": ACCOUNT,
    "/{tenant}/cases/{case_id}/documents/{document_id}": DOCUMENT,
    "/{tenant}/funds/payments/{batch_id}": BATCH,
    "/{tenant}/jobs/{job_id}": JOB,
    "/{tenant}/jobs/{job_id}/progress": JOB,
    "/{tenant}/matters/{envelope_id}": RECEIVED,
    "/{tenant}/notices/{batch_id}": OBJECTION,
    "/api/v1/{tenant}/jobs/{job_id}": JOB,
}
"""What a page shows that has states, where the page itself asks for none."""


class Relation(StrEnum):
    """How the tenant that is addressed stands to the one where the post is."""

    OWN = "own"
    SIBLING = "sibling"
    PARENT = "parent"
    CHILD = "child"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a post is held, which tenant is addressed from there, and which one ``?of=`` names, where a page asks for it.
    ``relation`` is that of the one named last."""

    home: str
    level: Level
    addressed: str
    relation: Relation
    of: str | None = None

    @property
    def about(self) -> str:
        """The tenant whose rows are dealt with."""
        return self.of or self.addressed


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to try at a route. ``thing`` is what it is done to: a kind of object with its state; ``states`` the same for
    the demands; ``variant`` fills what the path leaves open: a step, a workflow, a kind of work."""

    route: Found
    demands: tuple[Demand, ...]
    variant: str = ""
    thing: tuple[str, str] | None = None
    states: tuple[tuple[str, str], ...] = ()
    step: tuple[WorkflowDecl, TransitionDecl, str] | None = field(default=None, compare=False)
    """The step that it is, with its workflow and the state in which it is tried; None for all else."""

    @property
    def changes(self) -> bool:
        return self.route.method not in SAFE

    @property
    def case_line(self) -> str | None:
        """The line of the case that it is done to, or whose paper it is."""
        kind = self.thing[0] if self.thing else ""
        flow = newest_workflows().get(CASES_OF.get(kind, kind.removeprefix("case:")))
        return flow.plugin if flow else None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: somebody in a role, at a seat, with all service lines on or off, on an errand."""

    errand: Errand
    role: str
    seat: Seat
    on: bool


def with_lines() -> None:
    """See to it that the built-in lines are installed, also where their entry points are not."""
    for name in sorted(LINES - set(host().infos)):
        host().register(import_module(f"plugins.{name}").plugin, name)


def application() -> FastAPI:
    """The application with the built-in lines and nothing else."""
    host.cache_clear()
    with_lines()
    return _made()


@lru_cache(maxsize=1)
def _made() -> FastAPI:
    return make_app()


def lines(on: bool) -> frozenset[str]:
    """The plugins of a tenant with all its service lines on, or off."""
    return frozenset(host().infos) if on else host().always_on


def held(role: RoleDecl, on: bool, line: str | None = None) -> frozenset[str]:
    """What the declarations alone say that a role may do: its own permissions and those granted it, of lines that are on;
    ``line`` is taken as on in any case."""
    plugins = lines(on) | ({line} if line else set())
    known = dict(host().installed("bangfu_permissions"))
    there = {permission.code for name in plugins for permission in known.get(name, ())}
    grants = [grant for name, found in host().installed("bangfu_role_grants") if name in plugins for grant in found]
    return role.permissions.union(*(grant.permissions for grant in grants if grant.role == role.code)) & there


def reads_line(role: RoleDecl, on: bool, line: str) -> bool:
    """What the declarations alone say: a role that a line brings reads its cases and those of lines where it has a right."""
    brought = next(plugin for plugin, found in host().installed("bangfu_roles") if role in found)
    known = dict(host().installed("bangfu_permissions"))
    works_there = any(permission.code in held(role, on) for permission in known.get(line, ()))
    return not host().info(brought).service_line or line == brought or works_there


_OWN = {Level.COUNTY: COUNTY, Level.PREFECTURE: PREFECTURE, Level.PROVINCE: PROVINCE}
_SIBLING = {Level.COUNTY: OTHER_COUNTY, Level.PREFECTURE: OTHER_PREFECTURE}
_PARENT = {Level.COUNTY: PREFECTURE, Level.PREFECTURE: PROVINCE}
_CHILD = {Level.PREFECTURE: COUNTY, Level.PROVINCE: COUNTY}


def home_of(role: RoleDecl) -> Level:
    """The lowest level at which a role exists: where it is tried."""
    return next(level for level in (Level.COUNTY, Level.PREFECTURE, Level.PROVINCE) if level in role.levels)


def seats(role: RoleDecl, errand: Errand) -> Iterator[Seat]:
    """Where a role is tried: at its lowest level with the neighbours; at each level where the errand asks for levels."""
    low = home_of(role)
    if errand.thing is not None and errand.thing[0] == CHANGE.code and low is not Level.COUNTY:
        # confidential cases are a county's: who has his post above has none whose handlers change
        return
    yield Seat(_OWN[low], low, _OWN[low], Relation.OWN)
    if any(demand.levels != frozenset(Level) for demand in errand.demands):
        for level in sorted(role.levels - {low}):
            yield Seat(_OWN[level], level, _OWN[level], Relation.OWN)
    yield Seat(_OWN[low], low, _SIBLING[low], Relation.SIBLING)
    yield Seat(_OWN[low], low, _PARENT[low], Relation.PARENT)
    if Level.PREFECTURE in role.levels:
        yield Seat(PREFECTURE, Level.PREFECTURE, COUNTY, Relation.CHILD)
    if errand.route.looks_below:
        for level in sorted(role.levels):
            yield from (Seat(_OWN[level], level, _OWN[level], relation, of) for relation, of in _named_from(level))


def _named_from(level: Level) -> Iterator[tuple[Relation, str]]:
    """Whom a level may name as the tenant that a page is about."""
    yield Relation.OWN, _OWN[level]
    for relation, near in ((Relation.SIBLING, _SIBLING), (Relation.PARENT, _PARENT), (Relation.CHILD, _CHILD)):
        if level in near:
            yield relation, near[level]


def cells(errands: Iterable[Errand]) -> Iterator[Cell]:
    """Every cell of the table."""
    for errand in errands:
        for role in roles().values():
            for seat in seats(role, errand):
                for on in (True, False):
                    yield Cell(errand, role.code, seat, on)


def routes() -> list[Found]:
    """The routes for the posts of a tenant, pages and resources."""
    return sorted((route for route in routes_of(application()) if route.of_tenant), key=lambda one: (one.path, one.method))


def errands_of(route: Found) -> list[Errand]:
    """What can be tried at a route: each step in each state, each kind of work, each state of what it acts on or shows."""
    flows = sorted(newest_workflows().values(), key=lambda flow: flow.name)
    place = re.sub(r"^(/api/v1)?/\{tenant\}", "", route.path)
    if (route.method, route.path) in SWITCHING:
        return [made for on in (True, False) for made in _switching(route, on=on)]
    if place in DECIDING:
        return [made for decides in ("vice_chair", "leader") for made in _deciding(route, decides)]
    if "{case_id}" in place and place.endswith("/{code}"):
        return [made for flow in flows for made in _steps(route, flow)]
    if place == "/notices" and route.method == "POST":
        flow = next(flow for flow in flows if flow.name == POSTED)
        return [made for made in _steps(route, flow) if made.variant == "post_notice"]
    if (route.method, route.path) in OPENING:
        return [Errand(route, (*route.demands, opening(flow)), flow.name) for flow in flows]
    if place == "/cases/{case_id}":
        return [
            Errand(route, (*route.demands, reading(flow)), thing=(f"case:{flow.name}", state.code))
            for flow in flows
            for state in flow.states
        ]
    if place == "/jobs" and route.method == "POST":
        kinds: list[JobKindDecl] = host().collected("bangfu_job_kinds")
        return [made for kind in kinds if kind.listed for made in _starting(route, kind)]
    if place == "/jobs/{job_id}/resume":
        kind = next(kind for kind in host().collected("bangfu_job_kinds") if kind.kind == RESUMED)
        return _in_each_state(route, (*route.demands, resuming(kind)), JOB)
    acted = next((demand.of for demand in route.demands if demand.of is not None), SEEN.get(route.path))
    if acted is None or acted.code in ELSEWHERE:
        return [Errand(route, route.demands)]
    line = (reading(newest_workflows()[CASES_OF[acted.code]]),) if acted.code in CASES_OF else ()
    return _in_each_state(route, (*route.demands, *line), acted)


def _in_each_state(route: Found, demands: tuple[Demand, ...], kind: Kind, variant: str = "") -> list[Errand]:
    return [Errand(route, demands, variant, (kind.code, state), ((kind.code, state),)) for state in kind.states]


def _starting(route: Found, kind: JobKindDecl) -> list[Errand]:
    """The survey in each state of the year's round; any other kind once."""
    demands = (*route.demands, starting(kind))
    if kind.kind != RESUMED:
        return [Errand(route, demands, kind.kind)]
    return _in_each_state(route, (*demands, ROUND_OPENS), ROUND, kind.kind)


def _switching(route: Found, *, on: bool) -> list[Errand]:
    return _in_each_state(route, (*route.demands, switching(on=on)), SWITCHED, "on" if on else "off")


def _deciding(route: Found, decides: str) -> list[Errand]:
    """The second person's word on a change that ``decides`` decides."""
    return [
        replace(made, thing=(f"{CHANGE.code}:{decides}", state))
        for made in _in_each_state(route, (*route.demands, deciding(decides)), CHANGE, decides)
        for _, state in made.states
    ]


def _steps(route: Found, flow: WorkflowDecl) -> Iterator[Errand]:
    """Each step of a workflow in each of its states, and once on a case that is with another union."""
    for step in flow.transitions:
        demands = (*route.demands, reading(flow), stepping(flow, step), GOES_ON, HERE)
        code = f"case:{flow.name}"
        tried = [(state.code, state.code, "closed" if state.closed else "open") for state in flow.states]
        if flow.initial in step.sources:
            tried.append(("outside", flow.initial, "outside"))
        for thing, state, standing in tried:
            states = ((code, state), (STANDING.code, standing))
            yield Errand(route, demands, step.code, (code, thing), states, (flow, step, state))


@lru_cache(maxsize=1)
def errands() -> Sequence[Errand]:
    """Everything that can be tried; the application is made for it once."""
    return [made for route in routes() for made in errands_of(route)]
