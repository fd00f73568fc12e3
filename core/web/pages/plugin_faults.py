"""Where plugins failed, and shutting one off for all tenants: the province's page (插件故障)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.authorisation import Demand
from core.db.session import unit_of_work
from core.errors import BangfuError
from core.host.declared import QUARANTINE, READ_FAULTS
from core.host.faults import SHOWN_DAYS, recent_faults
from core.host.manager import host
from core.host.quarantine import SHUT_OFF, let_in, quarantined, shut_off
from core.scope import Level, current_scope, lacks
from core.web.context import changed, go, requires, show, visit_of
from core.web.pages import words
from core.web.step_up import fresh_proof

READ = Demand(READ_FAULTS, levels=frozenset({Level.PROVINCE}))


async def of_the_province() -> None:
    """The installation's plugins are the province's affair: other levels hold the same posts and are refused."""
    if current_scope().level not in READ.levels:
        raise lacks(READ_FAULTS)


router = APIRouter(dependencies=[Depends(requires(READ)), Depends(of_the_province)])

Reason = Annotated[str, Form(max_length=500)]


@router.get("/system/plugins")
def plugin_faults(request: Request) -> HTMLResponse:
    """Each place where a plugin failed lately, with its trace; what is shut off; who is to update."""
    return _page(request)


@router.post("/system/plugins/{name}", dependencies=[Depends(requires(SHUT_OFF)), Depends(fresh_proof())])
def quarantine(request: Request, name: str, act: Annotated[str, Form(max_length=8)] = "", reason: Reason = "") -> Response:
    """Shut a plugin off for all tenants, or let it in again."""
    url = f"/{visit_of(request).scope.tenant}/system/plugins"
    if act == "release":
        told = "已恢复：各单位按各自的启停设置使用"
        return changed(
            lambda session: let_in(session, name, reason), lambda _: go(url, told), lambda e: _page(request, e, reason)
        )
    told = "已在全省停用，各单位的设置保留"
    return changed(
        lambda session: shut_off(session, name, reason), lambda _: go(url, told), lambda e: _page(request, e, reason)
    )


def _page(request: Request, refused: BangfuError | None = None, reason: str = "") -> HTMLResponse:
    known = host()
    with unit_of_work() as session:
        failed, shut = recent_faults(session), quarantined(session)
    names = {name: info.title_zh for name, info in known.infos.items()}
    switchable = [name for name in known.infos if name not in known.always_on] + [
        out.name for out in known.left_out if out.name not in known.infos
    ]
    return show(
        request,
        "plugin_faults.html",
        refusal=refused,
        faults=failed,
        shut=shut,
        names=names,
        left_out=known.left_out,
        notices=[(name, notice.zh) for name in known.infos for notice in known.notices(name)],
        switchable=[(name, names.get(name, name)) for name in dict.fromkeys(switchable) if name not in shut],
        may_shut_off=current_scope().may(QUARANTINE),
        days=SHOWN_DAYS,
        reason=reason,
        actors=words.staff_names(row.actor for row in shut.values()),
    )
