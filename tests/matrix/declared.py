"""The table's axes as the declarations give them: roles, seats, and the errands that routes allow. No right is typed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module

from fastapi import FastAPI

from core.authorisation import Demand, Kind
from core.cases.switched_off import GOES_ON
from core.cases.workflows import HERE, STANDING, opening, stepping
from core.documents.service import DOCUMENT
from core.exchange.matters import RECEIVED
from core.funds.payments import BATCH
from core.host.declarations import JobKindDecl, RoleDecl, TransitionDecl, WorkflowDecl
from core.host.manager import host
from core.identity.service import roles
from core.jobs.service import JOB, resuming, starting
from core.notices.service import OBJECTION
from core.scope import Level
from core.web.app import make_app
from core.web.pages.words import newest_workflows
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE
from tests.core.lines import LINES
from tests.web.routes import Found, routes_of

SAFE = frozenset({"GET", "HEAD"})
RESUMED = "survey"
"""The kind of work that stands for all in the states of a job."""
POSTED = "living_relief"
"""The workflow whose cases are put up for notice."""
OPENING = frozenset(
    {
        ("GET", "/{tenant}/cases/new"),
        ("POST", "/{tenant}/cases/new"),
        ("POST", "/api/v1/{tenant}/cases"),
        ("GET", "/api/v1/{tenant}/cases/handlers"),
    }
)
"""Where cases of a workflow are opened, which the query or the body names."""
SEEN = {
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
    """Where a post is held and which tenant is addressed from there."""

    home: str
    level: Level
    addressed: str
    relation: Relation


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


_OWN = {Level.COUNTY: COUNTY, Level.PREFECTURE: PREFECTURE, Level.PROVINCE: PROVINCE}
_SIBLING = {Level.COUNTY: OTHER_COUNTY, Level.PREFECTURE: OTHER_PREFECTURE}
_PARENT = {Level.COUNTY: PREFECTURE, Level.PREFECTURE: PROVINCE}


def home_of(role: RoleDecl) -> Level:
    """The lowest level at which a role exists: where it is tried."""
    return next(level for level in (Level.COUNTY, Level.PREFECTURE, Level.PROVINCE) if level in role.levels)


def seats(role: RoleDecl, errand: Errand) -> Iterator[Seat]:
    """Where a role is tried: at its lowest level with the neighbours; at each level where the errand asks for levels."""
    low = home_of(role)
    yield Seat(_OWN[low], low, _OWN[low], Relation.OWN)
    if any(demand.levels != frozenset(Level) for demand in errand.demands):
        for level in sorted(role.levels - {low}):
            yield Seat(_OWN[level], level, _OWN[level], Relation.OWN)
    yield Seat(_OWN[low], low, _SIBLING[low], Relation.SIBLING)
    yield Seat(_OWN[low], low, _PARENT[low], Relation.PARENT)
    if Level.PREFECTURE in role.levels:
        yield Seat(PREFECTURE, Level.PREFECTURE, COUNTY, Relation.CHILD)


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
    if "{case_id}" in place and place.endswith("/{code}"):
        return [made for flow in flows for made in _steps(route, flow)]
    if place == "/notices" and route.method == "POST":
        flow = next(flow for flow in flows if flow.name == POSTED)
        return [made for made in _steps(route, flow) if made.variant == "post_notice"]
    if (route.method, route.path) in OPENING:
        return [Errand(route, (*route.demands, opening(flow)), flow.name) for flow in flows]
    if place == "/cases/{case_id}":
        return [
            Errand(route, route.demands, thing=(f"case:{flow.name}", state.code)) for flow in flows for state in flow.states
        ]
    if place == "/jobs" and route.method == "POST":
        kinds: list[JobKindDecl] = host().collected("bangfu_job_kinds")
        return [Errand(route, (*route.demands, starting(kind)), kind.kind) for kind in kinds]
    if place == "/jobs/{job_id}/resume":
        kind = next(kind for kind in host().collected("bangfu_job_kinds") if kind.kind == RESUMED)
        return _in_each_state(route, (*route.demands, resuming(kind)), JOB)
    acted = next((demand.of for demand in route.demands if demand.of is not None), SEEN.get(route.path))
    return [Errand(route, route.demands)] if acted is None else _in_each_state(route, route.demands, acted)


def _in_each_state(route: Found, demands: tuple[Demand, ...], kind: Kind) -> list[Errand]:
    return [Errand(route, demands, thing=(kind.code, state), states=((kind.code, state),)) for state in kind.states]


def _steps(route: Found, flow: WorkflowDecl) -> Iterator[Errand]:
    """Each step of a workflow in each of its states, and once on a case that is with another union."""
    for step in flow.transitions:
        demands = (*route.demands, stepping(flow, step), GOES_ON, HERE)
        code = f"case:{flow.name}"
        tried = [(state.code, state.code, "closed" if state.closed else "open") for state in flow.states]
        if flow.initial in step.sources:
            tried.append(("outside", flow.initial, "outside"))
        for thing, state, standing in tried:
            states = ((code, state), (STANDING.code, standing))
            yield Errand(route, demands, step.code, (code, thing), states, (flow, step, state))


def errands() -> list[Errand]:
    """Everything that can be tried."""
    return [made for route in routes() for made in errands_of(route)]
