"""Every route, every role, at home and abroad, with its line on and off. A new route and a new role enter by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from core.db.session import reference_work
from core.host.declarations import RoleDecl
from core.host.manager import host
from core.identity.service import give_post, roles
from core.scope import Level
from core.web.context import enter_public, enter_session, enter_tenant
from core.web.security import guard_form, guard_header
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, Database
from tests.core.lines import LINES, install
from tests.web.conftest import SINCE, Desk, Person, switch_trial
from tests.web.county import switch_lines
from tests.web.routes import SAFE, Found, routes_of

OF_A_PROVIDER = ("/oidc/start", "/oidc/callback", "/oidc/back-channel-logout")
OPEN_TO_ALL = frozenset({"/healthz", "/sign-in", "/sign-in/code", "/api/v1/openapi.json", *OF_A_PROVIDER})
WITHOUT_PERMISSION = frozenset({"/api/v1/{tenant}/trial/scope", "/api/v1/{tenant}/trial/fault"})
"""Of the trial line alone: its scope is shown to every post."""
FAULT = "/api/v1/{tenant}/trial/fault"
PAGES_OF_A_CASEWORKER = frozenset(
    {
        "/",
        "/deadlines",
        "/files",
        "/households",
        "/find",
        "/cases",
        "/cases/new",
        "/notices",
        "/matters",
        "/jobs",
        "/trial",
        "/delegations",
    }
)
ASKED_INSIDE = {
    ("GET", "/{tenant}/cases/new"): frozenset({"petitions.register"}),
    ("GET", "/api/v1/{tenant}/cases/handlers"): frozenset({"petitions.register"}),
}
"""What an address asks for beyond its route's permissions, because its query names it (see ``QUERIES``)."""
HOMES = {Level.COUNTY: COUNTY, Level.PREFECTURE: PREFECTURE, Level.PROVINCE: PROVINCE}


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
    declared = {permission.code for permission in host().collected("bangfu_permissions")} | {"trial.never"}
    for route in routes_of(app):
        if route.of_tenant:
            assert route.permissions or route.path in WITHOUT_PERMISSION, route
            assert route.permissions <= declared, route


def test_expected_answers_of_every_route_of_a_tenant(app: FastAPI, person: Desk) -> None:
    stranger = TestClient(app, follow_redirects=False)
    worker = person("worker")
    for route in routes_of(app):
        if route.of_tenant:
            assert route.send(stranger, COUNTY) == (401 if route.is_api else 303), route
            if route.method not in SAFE:
                assert route.send(worker.client, COUNTY) == 403, route


def _declared(role: RoleDecl, lines: Iterable[str]) -> frozenset[str]:
    """What the declarations alone say that a role may do where these lines are on."""
    on = {*lines, *host().always_on}
    grants = [grant for plugin, found in host().installed("bangfu_role_grants") if plugin in on for grant in found]
    return role.permissions.union(*(grant.permissions for grant in grants if grant.role == role.code))


def _fits(route: Found, held: frozenset[str], status: int) -> bool:
    """Whether an answer in the own tenant is what the route's permissions say."""
    if not route.permissions | ASKED_INSIDE.get((route.method, route.path), frozenset()) <= held:
        return status == 403
    if route.names_a_row:
        return status in {404, 422, 428} if route.method not in SAFE else status == 404
    return status == 200 if route.method in SAFE else status != 403 and status < 500


@pytest.fixture
def holder(app: FastAPI, db: Database, person: Desk) -> Callable[[RoleDecl], tuple[Person, str]]:
    """One account that holds, at each call, one role alone, in a tenant where that role exists; the account and the tenant."""
    install(db)
    for tenant in (*HOMES.values(), OTHER_COUNTY):
        switch_lines(db, tenant)
        switch_trial(db, tenant, True)
    # signing in costs more than all else, so it is done once
    who = person("holder", role=None)

    def posted(role: RoleDecl) -> tuple[Person, str]:
        with db.owner.begin() as connection:
            connection.execute(text("delete from post where account_id = :account"), {"account": who.account_id})
        with reference_work() as session:
            give_post(session, who.account_id, _home(role), role.code, valid_from=SINCE)
        return who, _home(role)

    return posted


def _home(role: RoleDecl) -> str:
    return next(tenant for level, tenant in HOMES.items() if level in role.levels)


def test_every_role_may_read_the_first_page(holder: Callable[[RoleDecl], tuple[Person, str]]) -> None:
    answers = {}
    for code, role in roles().items():
        who, home = holder(role)
        answers[code] = who.client.get(f"/{home}/").status_code
    assert set(answers.values()) == {200}, answers


@pytest.mark.slow
def test_every_role_gets_from_every_route_what_is_declared(
    app: FastAPI, holder: Callable[[RoleDecl], tuple[Person, str]]
) -> None:
    routes = [route for route in routes_of(app) if route.of_tenant and route.path != FAULT]
    wrong: list[tuple[str, str, str, str, int]] = []
    for code, role in roles().items():
        (who, home), held = holder(role), _declared(role, {*LINES, "trial"})
        for route in routes:
            own = route.send(who.client, home, who.csrf)
            if not _fits(route, held, own):
                wrong.append((code, route.method, route.path, "at home", own))
            abroad = route.send(who.client, OTHER_COUNTY, who.csrf)
            if abroad != 404:
                wrong.append((code, route.method, route.path, "abroad", abroad))
    assert wrong == []


def test_where_a_line_is_off_its_routes_and_its_permissions_are_gone(
    app: FastAPI, db: Database, holder: Callable[[RoleDecl], tuple[Person, str]]
) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("update tenant_plugin set enabled = false"))
    routes = [route for route in routes_of(app) if route.of_tenant and route.path != FAULT]
    assert {route.plugin for route in routes} >= {"trial", "tenants"}
    wrong = []
    for code, role in roles().items():
        (who, home), held = holder(role), _declared(role, ())
        for route in routes:
            gone = route.plugin is not None and route.plugin not in host().always_on
            # where a line grants a permission of the core's own routes, that is gone with it
            if gone or route.permissions & (_declared(role, LINES) - held):
                own = route.send(who.client, home, who.csrf)
                if own != 404 if gone else own != 403:
                    wrong.append((code, route.method, route.path, own))
    assert wrong == []


def test_no_page_of_a_caseworker_fails(app: FastAPI, db: Database, person: Desk) -> None:
    install(db)
    switch_lines(db, COUNTY)
    worker = person("worker")
    pages = [route for route in routes_of(app) if route.of_tenant and route.method == "GET" and not route.is_api]
    answers = {route: route.send(worker.client, COUNTY) for route in pages}
    assert set(answers.values()) == {200, 403, 404}
    stands = {route.path.removeprefix("/{tenant}") for route, status in answers.items() if status == 200}
    assert stands == PAGES_OF_A_CASEWORKER
    assert all(route.names_a_row for route, status in answers.items() if status == 404)


@pytest.mark.parametrize("path", ["/", "/desks"])
def test_places_of_no_tenant_need_a_session(app: FastAPI, path: str) -> None:
    answer = TestClient(app, follow_redirects=False).get(path)
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")
