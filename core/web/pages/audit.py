"""What the audit found, with the evidence and the answer side by side (审计问题)."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from core.audit.own_work import OwnWork
from core.audit.service import ANSWER, FINDING, answer_finding, finding_detail, last_run, list_findings, not_made
from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.scope import current_scope
from core.web.context import go, requires, show
from core.web.pages import words
from core.web.paging import After, cut, next_url

router = APIRouter()

READ = Depends(requires("audit.read"))
_PAGE = 30
Year = Annotated[int | None, Query(ge=2000, le=2100)]
Severity = Literal["critical", "major", "minor"]
State = Literal["open", "explained", "rectified", "dismissed"]


@router.get("/audit/findings", dependencies=[READ])
def findings(
    request: Request, year: Year = None, severity: Severity | None = None, state: State | None = None, after: After = None
) -> HTMLResponse:
    """Findings by severity and state, oldest first."""
    return _list(request, year, severity, state, after)


@router.post("/audit/findings/{finding_id}/answer", dependencies=[Depends(requires(ANSWER))])
def answer(
    request: Request,
    tenant: str,
    finding_id: uuid.UUID,
    state: Annotated[str, Form(max_length=20)] = "",
    text: Annotated[str, Form(alias="answer", max_length=4000)] = "",
    version: Annotated[int | None, Form()] = None,
) -> Response:
    """Answer one finding on the version that the page showed."""
    try:
        with unit_of_work() as session:
            answer_finding(session, finding_id, state=state, answer=text, expected_version=version)
    except (Forbidden, NotFound) as error:
        if not isinstance(error, OwnWork):
            raise
        return _list(request, None, None, "open", None, error, (str(finding_id), text))
    except BangfuError as error:
        return _list(request, None, None, "open", None, error, (str(finding_id), text))
    return go(f"/{tenant}/audit/findings?state=open", "已答复")


def _list(
    request: Request,
    year: int | None,
    severity: str | None,
    state: str | None,
    after: uuid.UUID | None,
    refused: BangfuError | None = None,
    typed: tuple[str, str] = ("", ""),
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        found = list_findings(session, year, severity=severity, state=state, after=after, limit=_PAGE + 1)
        run = last_run(session, year)
    page = cut(found, _PAGE, lambda row: row.id)
    base = f"/{scope.tenant}/audit/findings"
    tabs = [words.Tab("全部", base, state is None)]
    tabs += [words.Tab(zh, f"{base}?state={code}", state == code) for code, zh in FINDING.states.items()]
    return show(
        request,
        "findings.html",
        refusal=refused,
        rows=[(finding, finding_detail(finding)["link"]) for finding in page.rows],
        next=next_url(request, page.after),
        run=run,
        missing=not_made(run),
        tabs=tabs,
        severities=words.SEVERITIES,
        states=FINDING.states,
        names=words.staff_names(finding.answered_by for finding in page.rows),
        may_answer=scope.may("audit.answer"),
        typed=typed,
        today=scope.business_date,
    )
