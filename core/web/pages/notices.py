"""Public notices and objections: batches, what is ready for one, one batch with its objections (公示与异议)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.cases.repository import CaseLine
from core.cases.service import list_cases
from core.cases.workflows import POST_NOTICE
from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden
from core.notices.repository import batches, items_of, open_objections
from core.notices.service import (
    ANSWER,
    answer_objection,
    contact_of,
    is_clerks_own,
    not_listed,
    notice_view,
    post_notice,
    raise_objection,
)
from core.people.listing import FileFilter, list_files
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import queries, words
from core.web.paging import After, cut, next_url

router = APIRouter()

READ = Depends(requires("notice.read"))
_PAGE = 50
_TOGETHER = 200
REGISTER = "register"


@dataclass(frozen=True, slots=True)
class Typed:
    """What was sent before a refusal, and in which form of the page: ``REGISTER``, an objection's id for its answer, or that
    with ``:contact``. ``choice`` is the name or the outcome chosen."""

    form: str
    text: str
    choice: str = ""
    contact: str = ""


NOTHING = Typed("", "")


@router.get("/notices", dependencies=[READ])
def notice_list(request: Request, after: After = None) -> HTMLResponse:
    """Batches, newest first; objections without an answer; cases that wait for a notice."""
    return _list(request, after)


@router.post("/notices", dependencies=[Depends(requires("notice.post"))])
def post_batch(
    request: Request,
    tenant: str,
    title: Annotated[str, Form()] = "",
    case: Annotated[list[uuid.UUID] | None, Form()] = None,
) -> Response:
    """Post the chosen cases together."""
    try:
        with unit_of_work() as session:
            batch = post_notice(session, case or [], title)
            url, number = f"/{tenant}/notices/{batch.id}", batch.number
    except Forbidden:
        raise
    except BangfuError as error:
        return _list(request, None, error, title, frozenset(case or []))
    return go(url, f"已张贴 {number}")


@router.get("/notices/{batch_id}", dependencies=[READ])
def one_batch(request: Request, batch_id: uuid.UUID) -> HTMLResponse:
    """One batch as it hangs, and what was said against it."""
    return _batch(request, batch_id)


@router.post("/notices/{batch_id}/objections", dependencies=[Depends(requires("notice.register_objection"))])
def register(
    request: Request,
    tenant: str,
    batch_id: uuid.UUID,
    text: Annotated[str, Form()] = "",
    case: Annotated[str, Form()] = "",
    contact: Annotated[str, Form()] = "",
) -> Response:
    """Register an objection against one of the names, or against the whole batch where none is named."""

    def act(session: Session) -> None:
        case_id, household_id = _against(session, batch_id, case) if case else (None, None)
        more = {"case_id": case_id, "household_id": household_id}
        raise_objection(session, text, batch_id=batch_id, contact=contact.strip() or None, **more)

    return _change(request, tenant, batch_id, "异议已登记", act, Typed(REGISTER, text, case, contact))


def _against(session: Session, batch_id: uuid.UUID, given: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The case or household of the notice that was chosen."""
    found = {str(item.case_id or item.household_id): item for item in items_of(session, batch_id)}
    if given not in found:
        raise not_listed()
    return found[given].case_id, found[given].household_id


@router.post("/notices/{batch_id}/objections/{objection_id}", dependencies=[Depends(requires(ANSWER))])
def reply(
    request: Request,
    tenant: str,
    batch_id: uuid.UUID,
    objection_id: uuid.UUID,
    outcome: Annotated[str, Form()] = "",
    answer: Annotated[str, Form()] = "",
) -> Response:
    """Answer an objection."""
    return _change(
        request,
        tenant,
        batch_id,
        "异议已答复",
        lambda session: answer_objection(session, objection_id, outcome, answer),
        Typed(str(objection_id), answer, outcome),
    )


@router.post(
    "/notices/{batch_id}/objections/{objection_id}/contact", dependencies=[Depends(requires("notice.answer_objection"))]
)
def reveal_contact(
    request: Request, batch_id: uuid.UUID, objection_id: uuid.UUID, reason: Annotated[str, Form()] = ""
) -> Response:
    """Show how to reach whoever objected, once; who looked and why is recorded in the same transaction."""
    return changed(
        lambda session: contact_of(session, batch_id, objection_id, reason),
        lambda contact: _batch(request, batch_id, shown=(objection_id, contact)),
        lambda error: _batch(request, batch_id, error, Typed(f"{objection_id}:contact", reason)),
    )


def _change(
    request: Request, tenant: str, batch_id: uuid.UUID, done: str, act: Callable[[Session], object], typed: Typed
) -> Response:
    try:
        with unit_of_work() as session:
            act(session)
    except Forbidden:
        raise
    except BangfuError as error:
        return _batch(request, batch_id, error, typed)
    return go(f"/{tenant}/notices/{batch_id}", done)


def file_notices_refused(request: Request, refused: BangfuError, title: str, ticked: frozenset[uuid.UUID]) -> HTMLResponse:
    """The list again, after files could not be posted, with what was chosen."""
    return _list(request, None, refused, file_title=title, ticked_files=ticked)


def _ready(session: Session) -> Sequence[CaseLine]:
    """Cases in a state from which a notice is posted."""
    found: list[CaseLine] = []
    for flow in words.newest_workflows().values():
        for step in flow.transitions:
            if step.code == POST_NOTICE:
                for state in step.sources:
                    found += list_cases(session, flow.plugin, state, None, _TOGETHER)
    return [line for line in found if not line.confidential]


def _list(
    request: Request,
    after: uuid.UUID | None,
    refused: BangfuError | None = None,
    title: str = "",
    ticked: frozenset[uuid.UUID] | None = None,
    *,
    file_title: str = "",
    ticked_files: frozenset[uuid.UUID] | None = None,
) -> HTMLResponse:
    """The list; ``ticked`` are the cases that were chosen before a refusal, all of them where nothing was sent yet."""
    scope = current_scope()
    may_post = scope.may("notice.post") and scope.may("case.read")
    with unit_of_work() as session:
        page = cut(batches(session, after, _PAGE + 1), _PAGE, lambda row: row.id)
        ready = _ready(session) if may_post else []
        objections = open_objections(session)
        reads_files = scope.may("notice.post") and scope.may("people.read")
        files = list_files(session, FileFilter(status="civil_affairs_checked"), None, _TOGETHER) if reads_files else []
    return show(
        request,
        "notices.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        ready=ready,
        may_post=may_post,
        files=files,
        file_title=file_title,
        ticked_files={row.household_id for row in files} if ticked_files is None else ticked_files,
        objections=objections,
        title=title,
        ticked={line.id for line in ready} if ticked is None else ticked,
        programmes=words.programme_titles(),
        line_title=words.line_title,
        today=scope.business_date,
    )


def _batch(
    request: Request,
    batch_id: uuid.UUID,
    refused: BangfuError | None = None,
    typed: Typed = NOTHING,
    shown: tuple[uuid.UUID, str] | None = None,
) -> HTMLResponse:
    scope = current_scope()
    may_answer = scope.may("notice.answer_objection")
    with unit_of_work() as session:
        batch, items = notice_view(session, batch_id)
        objections = queries.objections_of(session, batch_id)
        own = {one.id for one in objections if may_answer and is_clerks_own(session, one)}
    names = words.staff_names([batch.posted_by, *(found.answered_by for found in objections)])
    return show(
        request,
        "notice.html",
        refusal=refused,
        batch=batch,
        items=items,
        objections=objections,
        names=names,
        outcomes=words.words_of("objection_outcome"),
        may_register=scope.may("notice.register_objection"),
        may_answer=may_answer,
        own=own,
        typed=typed,
        shown=shown,
        today=scope.business_date,
    )
