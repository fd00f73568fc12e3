"""The routes of the application with what stands before each, read from the application itself."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from core.authorisation import Demand
from core.web.context import PluginOn, Requires, enter_public, enter_session, enter_tenant
from core.web.security import guard_form, guard_header
from core.web.step_up import FreshProof

SAFE = frozenset({"GET", "HEAD"})
QUERIES = {
    "/{tenant}/cases/new": "?workflow=petition",
    "/{tenant}/cases/mass": "?line=petitions",
    "/{tenant}/cases/mass/news": "?line=petitions",
    "/{tenant}/cases/mass/{job_id}/undo": "?line=petitions",
    "/api/v1/{tenant}/cases/groups": "?line=petitions",
    "/api/v1/{tenant}/cases/handlers": "?workflow=petition",
}
"""What an address needs beside its path to be answered."""
_GUARDS = (enter_tenant, enter_session, enter_public, guard_form, guard_header)


@dataclass(frozen=True)
class Found:
    """A route of the application with what stands before it."""

    method: str
    path: str
    guards: frozenset[object]
    demands: tuple[Demand, ...]
    """What is asked for before the endpoint runs, in this order."""
    looks_below: bool = False
    """Whether ``?of=`` names a tenant below that the page is about."""

    @property
    def permissions(self) -> frozenset[str]:
        return frozenset(demand.permission for demand in self.demands if demand.permission is not None)

    @property
    def plugin(self) -> str | None:
        return next((demand.plugin for demand in self.demands if demand.plugin is not None), None)

    @property
    def asks_again(self) -> bool:
        """Whether it needs a fresh proof of the person."""
        return any(demand.fresh_proof for demand in self.demands)

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")

    @property
    def of_tenant(self) -> bool:
        """Whether it is for the posts of a tenant."""
        return "{tenant}" in self.path and not self.path.startswith("/public/")

    @property
    def names_a_row(self) -> bool:
        """Whether its address names one row, which in an empty county nobody has."""
        return bool(set(re.findall(r"{([^}]+)}", self.path)) - {"tenant", "year"})

    def url(self, tenant: str) -> str:
        filled = self.path.replace("{tenant}", tenant).replace("{year}", "2025")
        return re.sub(r"\{[^}]+\}", str(uuid.UUID(int=7)), filled) + QUERIES.get(self.path, "")

    def send(self, client: TestClient, tenant: str, csrf: str | None = None) -> int:
        """The status of an answer to a request without a body."""
        headers = {"X-CSRF-Token": csrf} if csrf else {}
        return client.request(self.method, self.url(tenant), headers=headers).status_code


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _queries(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _queries(inner)


def routes_of(app: FastAPI) -> list[Found]:
    """Every route, once for each of its methods."""
    found = []
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        if context.path is None or not context.methods:
            continue
        calls = list(_calls(dependant)) if dependant is not None else []
        demands = tuple(call.demand for call in calls if isinstance(call, Requires | PluginOn | FreshProof))
        guards = frozenset(call for call in calls if call in _GUARDS)
        looks_below = dependant is not None and "of" in _queries(dependant)
        for method in sorted(context.methods - {"HEAD"}):
            found.append(Found(method, context.path, guards, demands, looks_below))
    return found
