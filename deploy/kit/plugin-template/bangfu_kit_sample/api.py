"""The line's resource under ``/api/v1/{tenant}/kit_sample/visits``."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bangfu_kit_sample.names import READ, RECORD
from bangfu_kit_sample.visits import record_visit, visits
from core.db.session import unit_of_work
from core.web.context import requires
from core.web.paging import After, Limit

router = APIRouter()


class VisitOut(BaseModel):
    """A visit that was made; ``number`` is its case's."""

    id: uuid.UUID
    number: str
    made_on: date
    note: str


class VisitIn(BaseModel):
    """A visit to be kept."""

    number: Annotated[str, Field(max_length=40)]
    note: Annotated[str, Field(max_length=2000)]


@router.get("/kit_sample/visits", dependencies=[Depends(requires(READ))])
def list_visits(after: After = None, limit: Limit = 50) -> list[VisitOut]:
    """Visits, the newest first; ``after`` is the id of the last one seen."""
    with unit_of_work() as session:
        found = visits(session, after, limit)
    return [VisitOut(id=visit.id, number=number, made_on=visit.made_on, note=visit.note) for visit, number in found]


@router.post("/kit_sample/visits", dependencies=[Depends(requires(RECORD))], status_code=201)
def add_visit(visit: VisitIn) -> VisitOut:
    """Keep a visit."""
    with unit_of_work() as session:
        made = record_visit(session, visit.number, visit.note)
        return VisitOut(id=made.id, number=visit.number, made_on=made.made_on, note=made.note)
