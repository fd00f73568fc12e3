"""What stands before every route. Who gets what from which of them is tried in ``tests.matrix``."""

from __future__ import annotations

from collections.abc import Callable

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
from tests.web.routes import SAFE, routes_of

OF_A_PROVIDER = ("/oidc/start", "/oidc/callback", "/oidc/back-channel-logout")
OPEN_TO_ALL = frozenset({"/healthz", "/sign-in", "/sign-in/code", "/api/v1/openapi.json", *OF_A_PROVIDER})
WITHOUT_PERMISSION = frozenset({"/api/v1/{tenant}/trial/scope", "/api/v1/{tenant}/trial/fault"})
"""Of the trial line alone: its scope is shown to every post."""
PAGES_OF_A_CASEWORKER = frozenset(
    {
        "/",
        "/deadlines",
        "/files",
        "/files/printing",
        "/files/twice",
        "/imports",
        "/duplicates",
        "/province-queries",
        "/households",
        "/households/new",
        "/employers/new",
        "/employers",
        "/find",
        "/cases",
        "/cases/new",
        "/cases/mass",
        "/cases/mass/news",
        "/cases/handlers",
        "/rights",
        "/rights/partners",
        "/notices",
        "/matters",
        "/transfers",
        "/jobs",
        "/parameters",
        "/trial",
        "/delegations",
        "/petitions/reception",
        "/legal_aid/panel",
    }
)
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


@pytest.mark.slow
def test_expected_answers_of_every_route_of_a_tenant(app: FastAPI, browser: Callable[[], TestClient], person: Desk) -> None:
    stranger = browser()
    worker = person("worker")
    for route in routes_of(app):
        if route.of_tenant:
            assert route.send(stranger, COUNTY) == (401 if route.is_api else 303), route
            if route.method not in SAFE:
                assert route.send(worker.client, COUNTY) == 403, route


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


def test_where_a_line_is_off_its_own_routes_are_gone_for_every_role(
    app: FastAPI, db: Database, holder: Callable[[RoleDecl], tuple[Person, str]]
) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("update tenant_plugin set enabled = false"))
    gone = [route for route in routes_of(app) if route.plugin == "trial"]
    assert {"/{tenant}/trial", "/api/v1/{tenant}/trial/scope"} <= {route.path for route in gone}
    for role in roles().values():
        who, home = holder(role)
        assert {route.send(who.client, home, who.csrf) for route in gone} == {404}, role.code


def test_no_page_of_a_caseworker_fails(app: FastAPI, db: Database, person: Desk) -> None:
    install(db)
    switch_lines(db, COUNTY)
    worker = person("worker")
    here = {None, "tenants", "trial", *LINES}
    pages = [
        route
        for route in routes_of(app)
        if route.of_tenant and route.method == "GET" and not route.is_api and route.plugin in here
    ]
    answers = {route: route.send(worker.client, COUNTY) for route in pages}
    assert set(answers.values()) == {200, 403, 404}
    stands = {route.path.removeprefix("/{tenant}") for route, status in answers.items() if status == 200}
    assert stands == PAGES_OF_A_CASEWORKER
    assert all(route.names_a_row for route, status in answers.items() if status == 404)


@pytest.mark.parametrize("path", ["/", "/desks"])
def test_places_of_no_tenant_need_a_session(app: FastAPI, path: str) -> None:
    answer = TestClient(app, follow_redirects=False).get(path)
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")
