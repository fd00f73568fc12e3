"""The papers of a household's file and its official form (档案附件、档案表)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from core.authorisation import Demand
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import ADD
from core.people.papers.attachments import (
    OPEN,
    READ,
    REVEAL,
    WHOLE_NUMBERS,
    WRITE,
    NewPaper,
    add_paper,
    open_paper,
    papers_of,
    remove_paper,
    restore_paper,
)
from core.people.papers.prints import Made, file_to_print
from core.settings import settings
from core.web.context import requires
from core.web.handing_out import handed_out

router = APIRouter(tags=["papers of a file"], dependencies=[Depends(requires(READ))])
_REMOVE = [Depends(requires(WRITE)), Depends(requires(Demand("document.withdraw")))]


class PaperOut(BaseModel):
    """A paper of a file. One with ``whole_numbers`` opens with a reason alone."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: str
    title: str
    media_type: str
    size: int
    received_on: date
    received_by: str
    withdrawn_on: date | None
    withdrawn_reason: str | None
    whole_numbers: bool


class PapersOut(BaseModel):
    """All papers of a file, newest first."""

    items: list[PaperOut]


class Why(BaseModel):
    """The reason that is logged."""

    reason: str = Field(min_length=1, max_length=500)


class InFull(Why):
    """A form with full numbers."""

    made: Made = "pdf"


@router.get("/households/{household_id}/papers")
def paper_list(household_id: uuid.UUID) -> PapersOut:
    """Papers of the household, removed ones too."""
    with unit_of_work() as session:
        return PapersOut(items=[_out(paper) for paper in papers_of(session, household_id)])


@router.post(
    "/households/{household_id}/papers",
    status_code=201,
    dependencies=[Depends(requires(WRITE)), Depends(requires(Demand(ADD.permission)))],
)
def take_in(
    household_id: uuid.UUID,
    paper: Annotated[UploadFile, File()],
    kind: Annotated[str, Form(max_length=60)],
    title: Annotated[str, Form(max_length=200)] = "",
    replaces: Annotated[uuid.UUID | None, Form()] = None,
) -> PaperOut:
    """Take in a paper: PDF, JPEG or PNG by content. Pictures are made anew, without what a camera writes into them."""
    data = paper.file.read(settings().upload_limit_bytes + 1)
    with unit_of_work() as session:
        return _out(add_paper(session, household_id, NewPaper(kind, title, data, replaces=replaces)))


@router.get("/households/{household_id}/papers/{document_id}", dependencies=[Depends(requires(OPEN))], response_class=Response)
def paper_file(household_id: uuid.UUID, document_id: uuid.UUID) -> Response:
    """A paper's bytes; refused for one that shows whole numbers."""
    with unit_of_work() as session:
        document, data = open_paper(session, household_id, document_id)
        return handed_out(data, document.media_type, document.title)


@router.post(
    "/households/{household_id}/papers/{document_id}/open",
    dependencies=[Depends(requires(OPEN)), Depends(requires(REVEAL))],
    response_class=Response,
)
def open_with_reason(household_id: uuid.UUID, document_id: uuid.UUID, why: Why) -> Response:
    """The bytes of a paper that shows whole numbers; the look is logged with the reason."""
    with unit_of_work() as session:
        document, data = open_paper(session, household_id, document_id, why.reason)
        return handed_out(data, document.media_type, document.title)


@router.post("/households/{household_id}/papers/{document_id}/remove", dependencies=_REMOVE)
def remove(household_id: uuid.UUID, document_id: uuid.UUID, why: Why) -> PaperOut:
    """Take a paper off the file."""
    with unit_of_work() as session:
        return _out(remove_paper(session, household_id, document_id, why.reason))


@router.post("/households/{household_id}/papers/{document_id}/restore", dependencies=_REMOVE)
def restore(household_id: uuid.UUID, document_id: uuid.UUID) -> PaperOut:
    """Put a removed paper back."""
    with unit_of_work() as session:
        return _out(restore_paper(session, household_id, document_id))


@router.get("/households/{household_id}/form.pdf", response_class=Response)
def as_pdf(household_id: uuid.UUID) -> Response:
    """The official form as PDF, numbers masked."""
    return _printed(household_id, "pdf", None)


@router.get("/households/{household_id}/form.docx", response_class=Response)
def as_word(household_id: uuid.UUID) -> Response:
    """The official form as .docx, numbers masked."""
    return _printed(household_id, "docx", None)


@router.post("/households/{household_id}/form", dependencies=[Depends(requires(REVEAL))], response_class=Response)
def in_full(household_id: uuid.UUID, wanted: InFull) -> Response:
    """The official form with full numbers; every value on it is logged with the reason."""
    return _printed(household_id, wanted.made, wanted.reason)


def _printed(household_id: uuid.UUID, made: Made, reason: str | None) -> Response:
    with unit_of_work() as session:
        ready = file_to_print(session, household_id, reason)
    printing = ready.printed(made)
    return handed_out(printing.data, printing.media_type, ready.title + printing.ending)


def _out(paper: Document) -> PaperOut:
    return PaperOut(
        id=paper.id,
        kind=paper.kind,
        title=paper.title,
        media_type=paper.media_type,
        size=paper.size,
        received_on=paper.received_on,
        received_by=paper.received_by,
        withdrawn_on=paper.withdrawn_on,
        withdrawn_reason=paper.withdrawn_reason,
        whole_numbers=paper.kind in WHOLE_NUMBERS,
    )
