"""Employers (用人单位) as resources: the list, one of them, putting on the list, changing, testing (domain 3.1, 3.4)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from core.db.session import unit_of_work
from core.people.employers.models import Employer
from core.people.employers.service import employer_view, list_employers, record_test, save_employer
from core.web.context import requires
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["employers"])

READ = Depends(requires("people.read"))
WRITE = Depends(requires("people.write"))
Text = Annotated[str, Field(max_length=1_000)]


class EmployerOut(BaseModel):
    """An employer; ``files`` counts the files of its workers that are alive."""

    id: uuid.UUID
    name: str
    credit_code: str | None
    nature: str | None
    condition: str | None
    loss_years: list[int]
    bankrupt_on: date | None
    files: int
    version: int


class EmployersOut(BaseModel):
    """One page; ``after`` starts the next one."""

    items: list[EmployerOut]
    after: uuid.UUID | None


class EmployerSeen(EmployerOut):
    """An employer with what of domain 3.1 holds of it, and the open cases of its workers by line (sealed ones never count)."""

    difficulty: list[str]
    matters: dict[str, int]


class EmployerIn(BaseModel):
    """Columns as texts, the way the form writes them; a change says why, and of which version."""

    facts: dict[str, Text]
    reason: Text = ""
    version: int | None = None


class FirmTestIn(BaseModel):
    """A test of the firm: ``tested_on``, ``workers``, ``below_line``, ``evidence`` as texts."""

    facts: dict[str, Text]


class FirmTestOut(BaseModel):
    """The finding: whether the majority of the workers is below the line."""

    id: uuid.UUID
    majority_below: bool


@router.get("/employers", dependencies=[READ])
def employers(
    request: Request,
    response: Response,
    q: Annotated[str, Query(max_length=60)] = "",
    after: After = None,
    limit: Limit = 50,
) -> EmployersOut:
    """Employers by pinyin; ``q`` is part of a name, the beginning of its pinyin or initials, or a credit code."""
    with unit_of_work() as session:
        page = cut(list_employers(session, q, after, limit + 1), limit, lambda row: row.employer.id)
        items = [EmployerOut(**_columns(row.employer), files=row.files) for row in page.rows]
    tell_next(request, response, page.after)
    return EmployersOut(items=items, after=page.after)


@router.get("/employers/{employer_id}", dependencies=[READ])
def employer(employer_id: uuid.UUID) -> EmployerSeen:
    """One employer."""
    with unit_of_work() as session:
        view = employer_view(session, employer_id, limit=1)
        told = _columns(view.employer)
    return EmployerSeen(**told, files=view.files, difficulty=list(view.difficulty), matters=dict(view.matters))


@router.post("/employers", status_code=201, dependencies=[WRITE])
def add_employer(body: EmployerIn) -> EmployerOut:
    """Put an employer on the list."""
    with unit_of_work() as session:
        return EmployerOut(**_columns(save_employer(session, None, body.facts)), files=0)


@router.put("/employers/{employer_id}", dependencies=[WRITE])
def change_employer(employer_id: uuid.UUID, body: EmployerIn) -> EmployerSeen:
    """Change an employer; 409 where ``version`` is not the present one."""
    with unit_of_work() as session:
        save_employer(session, employer_id, body.facts, reason=body.reason, version=body.version)
    return employer(employer_id)


@router.post("/employers/{employer_id}/tests", status_code=201, dependencies=[WRITE])
def test_employer(employer_id: uuid.UUID, body: FirmTestIn) -> FirmTestOut:
    """Record a test of the firm."""
    with unit_of_work() as session:
        made = record_test(session, employer_id, body.facts)
        return FirmTestOut(id=made.id, majority_below=made.majority)


def _columns(row: Employer) -> dict[str, object]:
    names = ("id", "name", "credit_code", "nature", "condition", "loss_years", "bankrupt_on", "version")
    return {name: getattr(row, name) for name in names}
