"""What stands around the pages and resources of a stranger's plugin: its faults are reported, its connections taken back, its
routes and catalogues left out where they cannot be used (插件页面)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from core.db.borrowed import take_back, watch_loans
from core.host import faults
from core.host.declarations import PluginInfo
from core.host.manager import PluginHost
from core.host.watching import report_loans
from core.web.errors import is_api


def watch_route(info: PluginInfo) -> Callable[[Request], AsyncIterator[None]]:
    """A dependency for the routes of one plugin: what its endpoint raises, beyond refusals in words, is reported and answered
    as any fault is. Asynchronous, so that the endpoint's thread notes its connections in the same place."""

    async def watch(request: Request) -> AsyncIterator[None]:
        route = request.scope.get("route")
        kind = "resource" if is_api(request) else "page"
        place = f"{kind} {request.method} {getattr(route, 'path', request.url.path)}"
        out = watch_loans()
        try:
            yield
        except Exception as error:
            if faults.is_fault(error) and not isinstance(error, HTTPException | RequestValidationError):
                await run_in_threadpool(faults.note, info.name, place, error, version=info.version)
            raise
        finally:
            if out:
                await run_in_threadpool(report_loans, info, place, take_back(out))

    return watch


def watched_router(router: APIRouter, info: PluginInfo) -> APIRouter:
    """The routes of a stranger's router, each with ``watch_route`` before it."""
    watched = APIRouter(dependencies=[Depends(watch_route(info))])
    watched.include_router(router)
    return watched


def with_each_plugin(
    known: PluginHost,
    hook: str,
    take: Callable[[Any, str], None],
    *,
    wrap: Callable[[Any, PluginInfo], Any] | None = None,
) -> None:
    """Have ``take`` use what each plugin answers to ``hook``, with its name. A stranger's goes through ``wrap`` first, and is
    left out and reported where it cannot be used."""
    for plugin, answer in known.installed(hook):
        if known.is_built_in(plugin):
            take(answer, plugin)
            continue
        info = known.info(plugin)
        try:
            take(wrap(answer, info) if wrap else answer, plugin)
        except Exception as error:
            known.leave_out(plugin, hook, error)
