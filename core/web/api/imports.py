"""Imports of spreadsheets (导入): a file sent, what was found in it, the mapping of its columns, its commit or its end."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.people.imports.models import RosterImport
from core.people.imports.service import (
    COMMIT,
    CORRECT,
    DISCARD,
    READ,
    SEND,
    changes,
    choose_changes,
    correct_columns,
    discard,
    import_named,
    imports,
    problems,
    send,
    start_commit,
)
from core.web.context import requires
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["imports"])
_READS = Depends(requires(READ))

Number = Annotated[int, Query(ge=0, le=2**31 - 1, description="number of the last row of the page before")]


class ImportLineOut(BaseModel):
    """An import as lists show it. ``households`` are those written, or to be written on a commit."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    file_name: str
    state: str
    households: int
    persons: int
    held_back: int
    at: datetime
    committed_at: datetime | None


class ImportsOut(BaseModel):
    """One page of imports; ``after`` starts the next one."""

    items: list[ImportLineOut]
    after: uuid.UUID | None


class ImportOut(ImportLineOut):
    """An import with what was understood of its sheets and columns, and masked ``samples`` of their values. ``job_id`` is the
    work under way, or the last."""

    size: int
    digest: str
    kept_until: date | None
    job_id: uuid.UUID | None
    counts: dict[str, Any]
    refusal: dict[str, Any] | None
    understanding: dict[str, Any]
    samples: dict[str, Any]


class ProblemOut(BaseModel):
    """What is wrong in one cell or row; the value is masked."""

    model_config = ConfigDict(from_attributes=True)

    no: int
    severity: str
    kind: str
    sheet: str
    row: int
    letter: str
    column: str
    value: str
    household: str
    zh: str
    en: str
    mend_zh: str
    mend_en: str


class ProblemsOut(BaseModel):
    """One page of problems; ``after`` starts the next one."""

    items: list[ProblemOut]
    after: int | None


class ChangeOut(BaseModel):
    """A value on file that differs from the file's. A contested one was set by somebody here; it changes only where taken."""

    model_config = ConfigDict(from_attributes=True)

    no: int
    household: str
    household_id: uuid.UUID
    person_id: uuid.UUID | None
    part: str
    column: str
    was: str
    becomes: str
    contested: bool
    taken: bool


class ChangesOut(BaseModel):
    """One page of changes; ``after`` starts the next one."""

    items: list[ChangeOut]
    after: int | None


class ColumnsIn(BaseModel):
    """What headings mean, by the keys that ``understanding`` gives them: a field, ``-`` for none, ``*`` to find it again."""

    columns: dict[Annotated[str, Field(max_length=400)], Annotated[str, Field(max_length=80)]] = Field(max_length=600)


class ChoicesIn(BaseModel):
    """Numbers of contested changes: those decided on, and of these the ones for which the file's value is taken."""

    decided: list[int] = Field(max_length=10_000)
    taken: list[int] = Field(max_length=10_000)


@router.get("/imports", dependencies=[_READS])
def import_list(request: Request, response: Response, after: After = None, limit: Limit = 50) -> ImportsOut:
    """Imports, the newest first."""
    with unit_of_work() as session:
        page = cut(imports(session, after, limit + 1), limit, lambda row: row.id)
    tell_next(request, response, page.after)
    return ImportsOut(items=[ImportLineOut.model_validate(row) for row in page.rows], after=page.after)


@router.post(
    "/imports",
    status_code=201,
    dependencies=[Depends(requires(SEND))],
    responses={200: {"model": ImportOut, "description": "The same file was sent before"}},
)
def upload(tenant: str, response: Response, file: Annotated[UploadFile, File()]) -> ImportOut:
    """Send a file to be checked in the background; nothing of it is written before the commit."""
    with unit_of_work() as session:
        sent = send(session, file.filename or "", file.file)
        response.headers["Location"] = f"/api/v1/{tenant}/imports/{sent.made.id}"
        if not sent.new:
            response.status_code = 200
        return _out(sent.made)


@router.get("/imports/{import_id}", dependencies=[_READS])
def one_import(import_id: uuid.UUID) -> ImportOut:
    """Its state, counts, and what was understood."""
    with unit_of_work() as session:
        return _out(import_named(session, import_id))


@router.get("/imports/{import_id}/problems", dependencies=[_READS])
def problem_list(
    request: Request,
    response: Response,
    import_id: uuid.UUID,
    severity: Annotated[str | None, Query(pattern="^(error|warning)$")] = None,
    kind: Annotated[str | None, Query(max_length=60)] = None,
    sheet: Annotated[str | None, Query(max_length=200)] = None,
    after: Number = 0,
    limit: Limit = 50,
) -> ProblemsOut:
    """Errors, then warnings."""
    with unit_of_work() as session:
        import_named(session, import_id)
        found = problems(session, import_id, severity=severity, kind=kind, sheet=sheet, after=after, limit=limit + 1)
    last = found[limit - 1].no if len(found) > limit else None
    tell_next(request, response, None if last is None else str(last))
    return ProblemsOut(items=[ProblemOut.model_validate(one) for one in found[:limit]], after=last)


@router.get("/imports/{import_id}/changes", dependencies=[_READS])
def change_list(request: Request, response: Response, import_id: uuid.UUID, after: Number = 0, limit: Limit = 50) -> ChangesOut:
    """Values that change, household by household."""
    with unit_of_work() as session:
        import_named(session, import_id)
        found = changes(session, import_id, after=after, limit=limit + 1)
    last = found[limit - 1].no if len(found) > limit else None
    tell_next(request, response, None if last is None else str(last))
    return ChangesOut(items=[ChangeOut.model_validate(one) for one in found[:limit]], after=last)


@router.post("/imports/{import_id}/columns", dependencies=[Depends(requires(CORRECT))])
def columns(import_id: uuid.UUID, wanted: ColumnsIn) -> ImportOut:
    """Correct the mapping; remembered for the county's later files. Where something changed the file is checked again."""
    with unit_of_work() as session:
        return _out(correct_columns(session, import_id, wanted.columns))


@router.post("/imports/{import_id}/choices", dependencies=[Depends(requires(COMMIT))])
def choices(import_id: uuid.UUID, wanted: ChoicesIn) -> ImportOut:
    """Decide on contested changes; those of which nothing is said keep what is on file."""
    with unit_of_work() as session:
        return _out(choose_changes(session, import_id, wanted.decided, wanted.taken))


@router.post("/imports/{import_id}/commit", dependencies=[Depends(requires(COMMIT))])
def commit(import_id: uuid.UUID) -> ImportOut:
    """Have it written, in one transaction in the background: ``job_id`` is the work."""
    with unit_of_work() as session:
        return _out(start_commit(session, import_id))


@router.post("/imports/{import_id}/discard", dependencies=[Depends(requires(DISCARD))])
def give_up(import_id: uuid.UUID) -> ImportOut:
    """Give it up; nothing of it was written."""
    with unit_of_work() as session:
        return _out(discard(session, import_id))


def _out(made: RosterImport) -> ImportOut:
    return ImportOut.model_validate(made)
