"""Many open cases of a line at once: given to another handler, handed to the union above, or finished (批量办理)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Verdict, answer
from core.cases.mass import MAY_ASSIGN, Act, Wanted, candidates, give_back, groups, recent, sealed_count, start
from core.db.session import unit_of_work
from core.errors import BangfuError
from core.exchange.matters import HAND_OVER
from core.exchange.upward import above
from core.host.manager import host
from core.jobs.service import STATES_ZH
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words

router = APIRouter(dependencies=[Depends(requires("case.read"))])

Line = Annotated[str, Query(max_length=60)]


@router.get("/cases/mass")
def open_cases_of_line(request: Request, line: Line) -> HTMLResponse:
    """The open cases of a line as they stand together, with what may be done with all of them."""
    return _page(request, line)


@router.get("/cases/mass/news")
def news(request: Request, line: Line) -> HTMLResponse:
    """How far the mass acts are; when none is under way any more the browser loads the whole page anew."""
    with unit_of_work() as session:
        values = _jobs(session, line)
    answer = show(request, "case_mass_jobs.html", line=line, **values)
    if not values["running"]:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/cases/mass")
def act(
    request: Request,
    tenant: str,
    line: Line,
    act: Annotated[Literal["assign", "hand_up", "finish"], Form()],
    group: Annotated[str, Form(max_length=160)] = "",
    seen: Annotated[int, Form(ge=0)] = 0,
    key: Annotated[uuid.UUID | None, Form()] = None,
    to: Annotated[str, Form(max_length=80)] = "",
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Do one act with all cases of a group; sent twice, the form does it once."""
    wanted = Wanted(line, act, group, seen, reason, to)
    return changed(
        lambda session: start(session, wanted, str(key or uuid.uuid4())).title,
        lambda title: go(f"/{tenant}/cases/mass?line={line}", f"已开始办理：{title}"),
        lambda error: _page(request, line, error, {"act": act, "group": group, "to": to, "reason": reason}),
    )


@router.post("/cases/mass/{job_id}/undo", dependencies=[Depends(requires(MAY_ASSIGN))])
def undo(request: Request, tenant: str, line: Line, job_id: uuid.UUID) -> Response:
    """Give the cases of a mass assignment back to whom they were with."""
    return changed(
        lambda session: give_back(session, job_id).title,
        lambda title: go(f"/{tenant}/cases/mass?line={line}", f"已开始办理：{title}"),
        lambda error: _page(request, line, error),
    )


def _jobs(session: Session, line: str) -> dict[str, Any]:
    found = recent(session, line)
    return {
        "jobs": found,
        "running": any(one.running for one in found),
        "states": STATES_ZH,
        "names": words.staff_names(one.job.actor for one in found),
        "may_assign": current_scope().may(MAY_ASSIGN),
    }


def _page(
    request: Request, line: str, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        found = groups(session, line)
        people = candidates(session, line) if scope.may(MAY_ASSIGN) and found else []
        values = _jobs(session, line)
        sealed = sealed_count(session, line)
    acts: list[tuple[Act, str]] = []
    if people:
        acts.append(("assign", "改由他人承办"))
    peer = above(scope)
    if peer and answer(HAND_OVER, scope) is Verdict.ALLOWED:
        acts.append(("hand_up", f"移交{words.union_names([peer]).get(peer, peer)}"))
    return show(
        request,
        "case_mass.html",
        refusal=refused,
        line=line,
        line_title=host().info(line).title_zh,
        line_off=line not in scope.plugins,
        groups=found,
        sealed=sealed,
        people=[(one.actor, f"{one.name}（{'、'.join(one.titles)}）") for one in people],
        acts=acts,
        key=str(uuid.uuid4()),
        typed={"act": "", "group": "", "to": "", "reason": ""} | dict(typed or {}),
        **values,
    )
