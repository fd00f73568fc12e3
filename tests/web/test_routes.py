"""Every route, signed in or not, at home and abroad, with and without the permission. A new route enters by itself."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from core.web.context import Requires, enter_public, enter_session, enter_tenant
from core.web.security import guard_form, guard_header
from tests.conftest import COUNTY, OTHER_COUNTY
from tests.web.conftest import Desk

OPEN_TO_ALL = frozenset({"/healthz", "/sign-in", "/api/v1/openapi.json"})
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Found:
    """A route of the application with what stands before it."""

    method: str
    path: str
    guards: frozenset[object]
    permissions: frozenset[str]

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")

    def url(self, tenant: str) -> str:
        filled = self.path.replace("{tenant}", tenant).replace("{year}", "2025")
        return re.sub(r"\{[^}]+\}", str(uuid.UUID(int=7)), filled)


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def routes_of(app: FastAPI) -> list[Found]:
    found = []
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        if context.path is None or not context.methods:
            continue
        calls = list(_calls(dependant)) if dependant is not None else []
        permissions = frozenset(call.permission for call in calls if isinstance(call, Requires))
        guards = frozenset(
            call for call in calls if call in (enter_tenant, enter_session, enter_public, guard_form, guard_header)
        )
        for method in sorted(context.methods - {"HEAD"}):
            found.append(Found(method, context.path, guards, permissions))
    return found


def test_every_route_stands_behind_its_guard(app: FastAPI) -> None:
    found = routes_of(app)
    assert len(found) >= 18
    for route in found:
        if route.path in OPEN_TO_ALL:
            assert not route.guards
        elif route.path.startswith("/public/"):
            assert route.guards == {enter_public}
            assert route.method in SAFE
        elif "{tenant}" in route.path:
            assert route.guards == {enter_tenant, guard_header if route.is_api else guard_form}, route
        else:
            assert enter_session in route.guards, route
            assert route.method in SAFE or guard_form in route.guards


def test_every_route_of_a_tenant_asks_for_a_permission(app: FastAPI) -> None:
    bare = [route for route in routes_of(app) if "{tenant}" in route.path and not route.permissions]
    assert {route.path for route in bare if not route.path.startswith("/public/")} <= {
        "/api/v1/{tenant}/trial/scope",
        "/api/v1/{tenant}/trial/fault",
    }


def _send(client: TestClient, route: Found, tenant: str, csrf: str | None) -> int:
    headers = {"X-CSRF-Token": csrf} if csrf else {}
    return client.request(route.method, route.url(tenant), headers=headers).status_code


def test_expected_answers_of_every_route_of_a_tenant(app: FastAPI, person: Desk) -> None:
    stranger = TestClient(app, follow_redirects=False)
    # A leader reads the first page and figures alone.
    nobody = person("nobody", role="leader")
    worker = person("worker")
    foreign = person("foreign", tenant=OTHER_COUNTY)
    for route in routes_of(app):
        if "{tenant}" not in route.path or route.path.startswith("/public/"):
            continue
        assert _send(stranger, route, COUNTY, None) == (401 if route.is_api else 303), route
        assert _send(foreign.client, route, COUNTY, foreign.csrf) == 404, route
        if route.method not in SAFE:
            assert _send(worker.client, route, COUNTY, None) == 403, route
        if route.permissions - {"home.read", "tenants.read_figures"}:
            assert _send(nobody.client, route, COUNTY, nobody.csrf) == 403, route


def test_no_get_of_a_caseworker_fails(app: FastAPI, person: Desk) -> None:
    worker = person("worker")
    for route in routes_of(app):
        if route.method == "GET" and "{tenant}" in route.path and "fault" not in route.path:
            assert _send(worker.client, route, COUNTY, None) in {200, 303, 403, 404, 422}, route


@pytest.mark.parametrize("path", ["/", "/desks"])
def test_places_of_no_tenant_need_a_session(app: FastAPI, path: str) -> None:
    answer = TestClient(app, follow_redirects=False).get(path)
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")
