"""The application as browsers and programs meet it: real database, real sessions, accounts in two counties."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import text

from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.host import hookimpl
from core.host.declarations import (
    ChunkPlan,
    FormDecl,
    FormField,
    JobKindDecl,
    NavEntry,
    PluginInfo,
    StateDecl,
    TransitionDecl,
    WorkflowDecl,
)
from core.host.manager import host
from core.scope import current_scope
from core.web.app import make_app
from core.web.context import go, requires, show
from deploy.sample.generate import generate
from deploy.testing.browsers import PASSWORD, SINCE, Person, signed_in
from tests.conftest import COUNTY, OTHER_COUNTY, Database

__all__ = ["PASSWORD", "SINCE", "Person", "signed_in"]

pages_of_trial = APIRouter()
api_of_trial = APIRouter()


@pages_of_trial.get("/trial", dependencies=[Depends(requires("home.read"))])
def trial_page(request: Request) -> object:
    return show(request, "plugin/trial/trial.html", heading="办理页")


@pages_of_trial.post("/trial", dependencies=[Depends(requires("home.read"))])
def trial_change(tenant: str) -> object:
    return go(f"/{tenant}/trial", "已保存")


@pages_of_trial.get("/trial/refused", dependencies=[Depends(requires("trial.never"))])
def trial_refused() -> str:
    return "seen"


@api_of_trial.get("/trial/scope")
def trial_scope() -> dict[str, str | None]:
    with unit_of_work() as session:
        row = session.execute(
            tenant_sql(
                "select current_setting('app.tenant') as tenant, current_setting('app.actor') as actor, :tenant as bound"
            )
        ).one()
    scope = current_scope()
    return {"scope": scope.tenant, "actor": scope.actor, "db": row.tenant, "db_actor": row.actor, "bound": row.bound}


@api_of_trial.get("/trial/fault")
def trial_fault() -> None:
    raise RuntimeError("张三 510104197001011234")


TRIAL_FLOW = WorkflowDecl(
    name="trial",
    version=1,
    plugin="trial",
    zh="试用流程",
    en="Trial",
    number_prefix="SY",
    initial="opened",
    states=(StateDecl("opened", "已登记", "opened"), StateDecl("closed", "已办结", "closed", True)),
    transitions=(TransitionDecl("close", "办结", "close", ("opened",), "closed", "case.advance"),),
    form=FormDecl("trial", 1, "试用表", "Trial form", (FormField("matter", "事项", "matter", required=True),)),
)
TRIAL_JOB = JobKindDecl(
    kind="trial",
    zh="试用任务",
    en="trial job",
    plan=lambda _session, _params: [ChunkPlan("第一段", {})],
    run=lambda _session, _params, _payload: {},
)


class TrialPlugin:
    """A service line with one page and two resources, which counties switch on and off."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="trial",
            version="1",
            api=">=1,<2",
            title_zh="试用业务",
            title_en="Trial",
            description_zh="仅用于测试",
            description_en="for tests alone",
            clause="domain 2",
        )

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(Path(__file__).parent / "trial")

    @hookimpl
    def bangfu_navigation(self) -> list[NavEntry]:
        return [
            NavEntry("试用", "Trial", "/trial", "puzzle", "home.read", order=1),
            NavEntry("看不见", "Hidden", "/trial/refused", "puzzle", "trial.never"),
        ]

    @hookimpl
    def bangfu_workflows(self) -> list[WorkflowDecl]:
        return [TRIAL_FLOW]

    @hookimpl
    def bangfu_job_kinds(self) -> list[JobKindDecl]:
        return [TRIAL_JOB]

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        return pages_of_trial

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        return api_of_trial


@pytest.fixture(scope="session")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county's list of households."""
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY], households=24)[0]


@lru_cache(maxsize=1)
def _made() -> FastAPI:
    """Made once a process: its first request puts all routes together, which costs more than most tests."""
    return make_app()


@pytest.fixture
def app(db: Database) -> Iterator[FastAPI]:
    """The application with the installed plugins and the trial one. Whoever adds to it makes one of his own."""
    host.cache_clear()
    host().register(TrialPlugin(), "trial")
    yield _made()
    host.cache_clear()


Desk = Callable[..., Person]


def switch_trial(db: Database, tenant: str, enabled: bool) -> None:
    """Switch the trial line on or off, as the administrator's act would leave it."""
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into tenant_plugin (tenant, plugin, enabled, version) values (:tenant, 'trial', :on, 1)"
                " on conflict (tenant, plugin) do update set enabled = excluded.enabled"
            ),
            {"tenant": tenant, "on": enabled},
        )


@cache
def _loop() -> BlockingPortal:
    """One event loop for all browsers of a process, till its end: else each request starts one, with a thread of its own."""
    opened = start_blocking_portal()
    atexit.register(opened.__exit__, None, None, None)
    return opened.__enter__()


@pytest.fixture
def browser(app: FastAPI) -> Callable[[], TestClient]:
    """A new browser without any cookie that follows no redirect by itself."""

    def opened() -> TestClient:
        client = TestClient(app, follow_redirects=False)
        client.portal = _loop()
        return client

    return opened


@pytest.fixture
def person(db: Database, browser: Callable[[], TestClient]) -> Desk:
    """``person("li", role="caseworker")``: an account with a post (default: in the first county), signed in."""
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_trial(db, tenant, True)

    def made(login: str, *, tenant: str = COUNTY, role: str | None = "caseworker") -> Person:
        return signed_in(browser(), login, tenant=tenant, role=role)

    return made
