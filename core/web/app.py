"""The web application, put together from the core's own routes and those of the installed plugins (网页应用).

Pages stand under ``/{tenant}/``, resources under ``/api/v1/{tenant}/``, what anybody may read under ``/public/{tenant}/``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Scope as AsgiScope

from core.db.safety import refuse_unsafe_role
from core.db.session import app_engine
from core.errors import BangfuError
from core.host.manager import host
from core.jobs.recovery import is_swept
from core.web import api, pages
from core.web.context import PluginOn, enter_public, enter_session, enter_tenant, platform_version
from core.web.errors import install_handlers
from core.web.plugin_watch import watched_router, with_each_plugin
from core.web.render import STATIC, STATIC_URL, mount_translations, shared_environment
from core.web.security import Envelope, guard_form, guard_header
from core.web.use_log import UseLog

API_ROOT = "/api/v1"


class NotReady(BangfuError):
    """The database does not answer."""

    code = "not_ready"
    status = 503


class KeptFiles(StaticFiles):
    """Static files: with their content's hash in the address kept for ever, without it asked for each time."""

    async def get_response(self, path: str, scope: AsgiScope) -> Response:
        response = await super().get_response(path, scope)
        hashed = scope.get("query_string", b"").startswith(b"v=") and response.status_code in {200, 304}
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response


ops = APIRouter()


@ops.get("/healthz", tags=["operation"])
def healthz() -> dict[str, str]:
    """Whether the application and its database answer, and whether background work recurs (健康检查)."""
    try:
        with app_engine().connect() as connection:
            connection.exec_driver_sql("select 1")
    except SQLAlchemyError:
        raise NotReady("数据库没有响应", "the database does not answer") from None
    return {"status": "ok", "version": platform_version(), "background": "ok" if is_swept() else "late"}


def _include_plugins(app: FastAPI) -> None:
    def resources(router: APIRouter, plugin: str) -> None:
        guards = [Depends(enter_tenant), Depends(guard_header), Depends(PluginOn(plugin))]
        app.include_router(router, prefix=f"{API_ROOT}/{{tenant}}", dependencies=guards, tags=[plugin])

    def pages_of(router: APIRouter, plugin: str) -> None:
        guards = [Depends(enter_tenant), Depends(guard_form), Depends(PluginOn(plugin))]
        app.include_router(router, prefix="/{tenant}", dependencies=guards, include_in_schema=False)

    with_each_plugin(host(), "bangfu_api_routes", resources, wrap=watched_router)
    with_each_plugin(host(), "bangfu_page_routes", pages_of, wrap=watched_router)


def _include_core(app: FastAPI) -> None:
    app.include_router(ops)
    for router in pages.OPEN_ROUTERS:
        app.include_router(router, include_in_schema=False)
    for router in pages.PUBLIC_ROUTERS:
        app.include_router(router, prefix="/public/{tenant}", dependencies=[Depends(enter_public)], include_in_schema=False)
    for router in pages.SESSION_ROUTERS:
        app.include_router(router, dependencies=[Depends(enter_session), Depends(guard_form)], include_in_schema=False)
    app.include_router(api.session.router, prefix=API_ROOT, dependencies=[Depends(enter_session)])
    for router in api.ROUTERS:
        app.include_router(router, prefix=f"{API_ROOT}/{{tenant}}", dependencies=[Depends(enter_tenant), Depends(guard_header)])
    for router in pages.ROUTERS:
        app.include_router(
            router,
            prefix="/{tenant}",
            dependencies=[Depends(enter_tenant), Depends(guard_form)],
            include_in_schema=False,
        )


async def _admit(request: Request) -> None:
    """What the dependencies of the address would have asked first: who sends it, and may they enter there."""
    tenant = request.path_params.get("tenant")
    if tenant is None:
        await enter_session(request)
    elif not request.url.path.startswith("/public/"):
        await enter_tenant(request, tenant)


@asynccontextmanager
async def _checked(_app: FastAPI) -> AsyncIterator[None]:
    # before the first request: as a role that sees past the counties, every page would
    await run_in_threadpool(refuse_unsafe_role, app_engine())
    yield


def make_app() -> FastAPI:
    """The application of this installation, with everything that its plugins bring.

    Its start raises ``Misconfigured`` where the database role owns or bypasses anything.
    """
    app = FastAPI(
        lifespan=_checked,
        title="帮扶工作平台 Bangfu",
        version=platform_version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API_ROOT}/openapi.json",
        # Such redirects would lead to whatever host the request names.
        redirect_slashes=False,
    )
    install_handlers(app, _admit)
    app.add_middleware(UseLog)
    app.add_middleware(Envelope)
    app.mount(STATIC_URL, KeptFiles(directory=STATIC), name="static")
    for plugin, folder in host().installed("bangfu_templates"):
        shared_environment().mount_plugin(plugin, Path(folder))
    with_each_plugin(host(), "bangfu_translations", lambda folder, plugin: mount_translations(plugin, Path(folder)))
    _include_core(app)
    _include_plugins(app)
    return app
