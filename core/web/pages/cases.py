"""Cases of all service lines: the list, and one case with its way, clocks, papers and next steps (个案)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Verdict, answer
from core.cases.models import Case
from core.cases.service import CaseView, StepOffer, advance, case_counts, case_view, list_cases
from core.cases.workflows import POST_NOTICE, SETTLE
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import (
    ADD,
    WITHDRAW,
    NewDocument,
    add_documents,
    read_document,
    required_kinds,
    withdraw_document,
)
from core.errors import BangfuError, NotFound
from core.exchange.matters import HAND_OVER, AnswerHere, answers_of, hand_over, matter_behind
from core.host.manager import host
from core.scope import Level, current_scope
from core.settings import settings
from core.transfers.service import brought_case
from core.web.context import changed, go, requires, show
from core.web.handing_out import saved_as
from core.web.pages import case_drawing, queries, words
from core.web.paging import After, cut, next_url

router = APIRouter()

READ = Depends(requires("case.read"))
_PAGE = 50


@router.get("/cases", dependencies=[READ])
def case_list(
    request: Request,
    tenant: str,
    line: Annotated[str | None, Query(max_length=60)] = None,
    state: Annotated[str | None, Query(max_length=60)] = None,
    after: After = None,
) -> HTMLResponse:
    """Cases of one line or of all, newest first; confidential ones only for their handlers."""
    with unit_of_work() as session:
        page = cut(list_cases(session, line, state, after, _PAGE + 1), _PAGE, lambda row: row.id)
        counts = case_counts(session, line)
    titles = words.state_titles()
    base = f"/{tenant}/cases" + (f"?line={quote(line)}" if line else "")
    tabs = [words.Tab("全部", base, state is None, sum(counts.values()))]
    if line:
        tabs += [
            words.Tab(titles.get((line, code), code), f"{base}&state={code}", code == state, number)
            for (_, code), number in counts.items()
        ]
    scope = current_scope()
    openable = [
        (flow.name, flow.zh)
        for flow in words.newest_workflows().values()
        if flow.plugin in scope.plugins and scope.may(flow.open_permission) and line in (None, flow.plugin)
    ]
    return show(
        request,
        "cases.html",
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=tabs,
        titles=titles,
        heading=words.line_title(line) if line else "全部个案",
        line_off=line is not None and line not in scope.plugins,
        mass_line=line if line in host().infos and counts else None,
        openable=openable,
        line_title=words.line_title,
        programmes=words.programme_titles(),
    )


@router.get("/cases/{case_id}", dependencies=[READ])
def one_case(request: Request, case_id: uuid.UUID) -> HTMLResponse:
    """One case."""
    return _page(request, case_id)


@router.post("/cases/{case_id}/steps/{code}", dependencies=[READ])
def make_step(
    request: Request,
    tenant: str,
    case_id: uuid.UUID,
    code: str,
    note: Annotated[str, Form()] = "",
    version: Annotated[int, Form(ge=0)] = 0,
) -> Response:
    """Make one step on the version of the case that the page showed."""
    return _change(
        request,
        tenant,
        case_id,
        "已办理",
        lambda session: advance(session, [case_id], code, note.strip() or None, versions={case_id: version}),
        {"note": note, "step": code},
    )


@router.post("/cases/{case_id}/hand-over", dependencies=[Depends(requires(HAND_OVER))])
def hand_up(request: Request, tenant: str, case_id: uuid.UUID, reason: Annotated[str, Form()] = "") -> Response:
    """Hand the matter to the prefecture."""

    def act(session: Session) -> None:
        prefecture = current_scope().prefecture
        if prefecture is None or prefecture == tenant:
            raise NotFound("没有可移交的上级", "there is no prefecture to hand to", where="peer")
        hand_over(session, case_id, prefecture, reason)

    return _change(request, tenant, case_id, "已移交市级，对方签收后在此显示", act, {"reason": reason})


@router.post("/cases/{case_id}/documents", dependencies=[Depends(requires(ADD))])
def add_paper(
    request: Request,
    tenant: str,
    case_id: uuid.UUID,
    kind: Annotated[str, Form(max_length=60)] = "",
    title: Annotated[str, Form(max_length=200)] = "",
    paper: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take in a paper of the case; no more is read of it than the limit allows."""
    data = paper.file.read(settings().upload_limit_bytes + 1) if paper else b""
    new = NewDocument(kind, title, data, case_id=case_id)
    return _change(
        request, tenant, case_id, "材料已登记", lambda session: add_documents(session, [new]), {"kind": kind, "title": title}
    )


@router.post("/cases/{case_id}/documents/{document_id}/withdraw", dependencies=[Depends(requires(WITHDRAW))])
def withdraw_paper(
    request: Request,
    tenant: str,
    case_id: uuid.UUID,
    document_id: uuid.UUID,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Withdraw a paper; row and file stay."""

    def act(session: Session) -> None:
        withdraw_document(session, document_id, reason, case_id=case_id)

    return _change(request, tenant, case_id, "材料已撤回", act, {})


@router.get("/cases/{case_id}/documents/{document_id}", dependencies=[Depends(requires("document.read"))])
def paper_file(case_id: uuid.UUID, document_id: uuid.UUID) -> Response:
    """A paper's file, to be saved; it is never shown within this site."""
    with unit_of_work() as session:
        document, data = read_document(session, document_id, case_id=case_id)
        name, media_type = _file_name(document), document.media_type
    headers = {"Content-Disposition": saved_as(name)}
    return Response(data, media_type=media_type, headers=headers)


def _file_name(document: Document) -> str:
    ending = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}.get(document.media_type, "")
    return document.title + ending


def _change(
    request: Request,
    tenant: str,
    case_id: uuid.UUID,
    done: str,
    act: Callable[[Session], object],
    typed: dict[str, str],
) -> Response:
    """A change that leads on to the case's page."""
    return changed(act, lambda _: go(f"/{tenant}/cases/{case_id}", done), lambda error: _page(request, case_id, error, typed))


def _page(
    request: Request, case_id: uuid.UUID, refused: BangfuError | None = None, typed: dict[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        view = case_view(session, case_id)
        values = _values(view)
        may_see = current_scope().may("survey.read")
        values["why"] = queries.sheet_of(session, view.case.determination_id if may_see else None)
        values["outside_answers"] = _outside_answers(answers_of(session, case_id))
        values["behind"] = matter_behind(session, case_id)
        brought = brought_case(session, case_id)
    values["brought"] = brought
    values["brought_union"] = words.union_names({brought.peer})[brought.peer] if brought else ""
    actors = [step.actor for step in view.steps] + [view.case.clerk, view.case.assigned_to]
    empty = {"note": "", "step": "", "reason": "", "kind": "", "title": ""}
    return show(
        request,
        "case.html",
        refusal=refused,
        names=words.staff_names(actors),
        typed=empty | (typed or {}),
        **values,
    )


def _values(view: CaseView) -> dict[str, Any]:
    scope, case, flow = current_scope(), view.case, view.workflow
    kinds = words.words_of("document_kind")
    held = {paper.kind for paper in view.documents if paper.withdrawn_on is None}
    needed = required_kinds(flow, case.programme)
    return {
        "view": view,
        "case": case,
        "state": next(state.zh for state in flow.states if state.code == case.state),
        "steps": {step.code: step.zh for step in flow.transitions},
        "state_names": {state.code: state.zh for state in flow.states},
        "offers": [offer for offer in view.offers if offer.transition.permission != SETTLE],
        "needs": _needs(view.offers),
        "flow_states": case_drawing.flow_states(flow, case, view.steps),
        "flow_pairs": case_drawing.flow_pairs(flow),
        "clocks_shown": case_drawing.clocks(flow, view.deadlines, scope.business_date),
        "answers": case_drawing.form_words(flow.form, view.form),
        "papers": [(paper, kinds.get(paper.kind, paper.kind)) for paper in view.documents],
        "missing": [kinds.get(kind, kind) for kind in needed if kind not in held],
        "needed": len(needed),
        "kinds": _offered_kinds(needed, kinds),
        "line": words.line_title(case.plugin),
        "line_off": case.plugin not in scope.plugins,
        "programme": words.programme_titles().get(case.programme or "", ""),
        "roles": words.PARTY_ROLES,
        "may_add": scope.may("document.add") and case.closed_on is None,
        "may_withdraw": scope.may("document.withdraw"),
        "may_read": scope.may("document.read"),
        "may_hand_over": _may_hand_over(case),
        "notice_step": POST_NOTICE,
    }


def _outside_answers(found: Sequence[AnswerHere]) -> list[tuple[str, AnswerHere]]:
    """What other unions answered, each with the union's name and what kind of answer it is."""
    names = words.union_names(answer.peer for answer in found)
    return [(f"{names.get(answer.peer, answer.peer)} · {words.ENVELOPE_STATES[answer.outcome]}", answer) for answer in found]


def _needs(offers: Sequence[StepOffer]) -> list[dict[str, str]]:
    """What the next steps still need, each thing once."""
    found: dict[str, dict[str, str]] = {}
    for offer in offers:
        if offer.transition.permission == SETTLE:
            continue
        for verdict in offer.verdicts:
            state = "met" if verdict.passed else "open"
            found.setdefault(verdict.zh, {"text": verdict.zh, "state": state, "note": offer.transition.zh})
    return list(found.values())


def _offered_kinds(needed: list[str], kinds: dict[str, str]) -> list[tuple[str, str]]:
    """Kinds of papers to choose from, those that are needed first."""
    rest = [kind for kind in kinds if kind not in needed]
    return [(kind, kinds[kind]) for kind in [*needed, *rest]]


def _may_hand_over(case: Case) -> bool:
    scope = current_scope()
    movable = case.closed_on is None and not case.is_outside and case.handlers is None
    return (
        movable and scope.level is Level.COUNTY and scope.prefecture is not None and answer(HAND_OVER, scope) is Verdict.ALLOWED
    )
