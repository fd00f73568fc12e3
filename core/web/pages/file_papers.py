"""The papers of a household's file, and the file as its official form on paper (档案附件、打印档案表)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Demand
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import ADD
from core.errors import BangfuError, InvalidInput
from core.people.fields import sees
from core.people.life.steps import ENDED
from core.people.papers.attachments import (
    OF_HEALTH,
    OPEN,
    PHOTO,
    READ,
    REVEAL,
    WHOLE_NUMBERS,
    WRITE,
    NewPaper,
    add_paper,
    kinds,
    open_paper,
    papers_of,
    remove_paper,
    restore_paper,
)
from core.people.papers.prints import Made, file_to_print
from core.people.repository import household_view
from core.scope import current_scope
from core.settings import settings
from core.web.context import changed, go, requires, show
from core.web.handing_out import handed_out
from core.web.pages import words

router = APIRouter()

_READ = Depends(requires(READ))
_WRITE = Depends(requires(WRITE))
_REMOVE = Depends(requires(Demand("document.withdraw")))
_ENDINGS = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}
Reason = Annotated[str, Form(max_length=500)]


@router.get("/households/{household_id}/papers", dependencies=[_READ])
def papers(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The papers of the file: the photo, those in force, those removed."""
    return _page(request, household_id)


@router.post("/households/{household_id}/papers", dependencies=[_READ, _WRITE, Depends(requires(Demand(ADD.permission)))])
def take_in(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    kind: Annotated[str, Form(max_length=60)] = "",
    title: Annotated[str, Form(max_length=200)] = "",
    replaces: Annotated[uuid.UUID | None, Form()] = None,
    paper: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take in a paper, or one in another's place; no more is read of it than the limit allows."""
    data = paper.file.read(settings().upload_limit_bytes + 1) if paper else b""
    new = NewPaper(kind, title, data, replaces=replaces)
    return changed(
        lambda session: add_paper(session, household_id, new),
        lambda _: go(_here(tenant, household_id), "材料已替换" if replaces else "材料已登记"),
        lambda error: _page(request, household_id, error, {"kind": kind, "title": title}),
    )


@router.get("/households/{household_id}/papers/{document_id}", dependencies=[_READ, Depends(requires(OPEN))])
def paper_file(household_id: uuid.UUID, document_id: uuid.UUID) -> Response:
    """A paper's file. One that shows whole numbers is opened by the form with a reason alone."""
    with unit_of_work() as session:
        document, data = open_paper(session, household_id, document_id)
        return _file(document, data)


@router.post(
    "/households/{household_id}/papers/{document_id}",
    dependencies=[_READ, Depends(requires(OPEN)), Depends(requires(REVEAL))],
)
def open_with_reason(request: Request, household_id: uuid.UUID, document_id: uuid.UUID, reason: Reason = "") -> Response:
    """A copy of a card that shows whole numbers; who opened it and why is logged in the same transaction."""
    return changed(
        lambda session: _file(*open_paper(session, household_id, document_id, reason)),
        lambda answer: answer,
        lambda error: _page(request, household_id, error),
    )


@router.post("/households/{household_id}/papers/{document_id}/remove", dependencies=[_READ, _WRITE, _REMOVE])
def remove(request: Request, tenant: str, household_id: uuid.UUID, document_id: uuid.UUID, reason: Reason = "") -> Response:
    """Take a paper off the file; it can be put back."""
    return changed(
        lambda session: remove_paper(session, household_id, document_id, reason),
        lambda _: go(_here(tenant, household_id), "材料已移除，可在“已移除”中恢复"),
        lambda error: _page(request, household_id, error),
    )


@router.post("/households/{household_id}/papers/{document_id}/restore", dependencies=[_READ, _WRITE, _REMOVE])
def restore(request: Request, tenant: str, household_id: uuid.UUID, document_id: uuid.UUID) -> Response:
    """Put a removed paper back."""
    return changed(
        lambda session: restore_paper(session, household_id, document_id),
        lambda _: go(_here(tenant, household_id), "材料已恢复"),
        lambda error: _page(request, household_id, error),
    )


@router.get("/households/{household_id}/form.pdf", dependencies=[_READ])
def as_pdf(household_id: uuid.UUID) -> Response:
    """The official form as PDF, numbers masked."""
    return _printed(household_id, "pdf")


@router.get("/households/{household_id}/form.docx", dependencies=[_READ])
def as_word(household_id: uuid.UUID) -> Response:
    """The official form for the word processor, numbers masked."""
    return _printed(household_id, "docx")


@router.post("/households/{household_id}/form", dependencies=[_READ, Depends(requires(REVEAL))])
def in_full(
    request: Request,
    household_id: uuid.UUID,
    made: Annotated[str, Form(max_length=10)] = "pdf",
    reason: Reason = "",
) -> Response:
    """The official form with full numbers; who printed them and why is logged for each person."""
    try:
        return _printed(household_id, "docx" if made == "docx" else "pdf", reason)
    except InvalidInput as error:
        return _page(request, household_id, error, {"made": made})


def _printed(household_id: uuid.UUID, made: Made, reason: str | None = None) -> Response:
    with unit_of_work() as session:
        ready = file_to_print(session, household_id, reason)
    printing = ready.printed(made)
    return handed_out(printing.data, printing.media_type, ready.title + printing.ending)


def _file(document: Document, data: bytes) -> Response:
    name = document.title + _ENDINGS.get(document.media_type, "")
    return handed_out(data, document.media_type, name, inline=True)


def _here(tenant: str, household_id: uuid.UUID) -> str:
    return f"/{tenant}/households/{household_id}/papers"


def _page(
    request: Request,
    household_id: uuid.UUID,
    refused: BangfuError | None = None,
    typed: dict[str, str] | None = None,
) -> HTMLResponse:
    with unit_of_work() as session:
        values = _values(session, household_id)
    scope, names = current_scope(), words.staff_names(values.pop("everybody"))
    return show(
        request,
        "file_papers.html",
        refusal=refused,
        **values,
        names=names,
        kinds=kinds(),
        kind_names=words.words_of("document_kind"),
        whole_numbers=WHOLE_NUMBERS,
        closed_kinds=frozenset() if sees("health", scope) else OF_HEALTH,
        typed={"kind": "", "title": "", "made": "pdf"} | (typed or {}),
        limit_mb=settings().upload_limit_bytes // 1024**2,
        may_add=scope.may("people.write") and scope.may("document.add") and not values["closed"],
        may_remove=scope.may("people.write") and scope.may("document.withdraw") and not values["closed"],
        may_open=scope.may("document.read"),
        may_reveal=scope.may("people.reveal"),
    )


def _values(session: Session, household_id: uuid.UUID) -> dict[str, Any]:
    found = papers_of(session, household_id)
    view = household_view(session, household_id)
    file = view.file if view else None
    held = [paper for paper in found if paper.withdrawn_on is None]
    return {
        "household_id": household_id,
        "file": file,
        "name": view.members[0].person.name if view and view.members else "",
        "photo": next((one for one in held if one.kind == PHOTO), None),
        "held": held,
        "removed": [paper for paper in found if paper.withdrawn_on is not None],
        "everybody": [*(one.received_by for one in found), *(one.withdrawn_by for one in found)],
        "closed": file is not None and file.status in ENDED,
    }
