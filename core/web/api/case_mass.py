"""Many open cases of a line at once (批量办理): how they stand, and starting an act on all that stand together."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from core.cases.mass import MAY_ASSIGN, Act, Wanted, give_back, groups, start
from core.db.session import unit_of_work
from core.web.context import requires

router = APIRouter(tags=["cases"], dependencies=[Depends(requires("case.read"))])


class GroupOut(BaseModel):
    """Open cases that stand together. ``endings`` are the steps by which the account may finish all ``count`` of them, but for
    the ``own`` ones where a step decides."""

    group: str
    workflow: str
    state: str
    count: int
    outside: int
    own: int
    goes_up: bool
    endings: list[str]


class MassIn(BaseModel):
    """A mass act: ``seen`` is the number of cases that was shown, ``to`` the new handler or the step; ``key`` makes it one
    piece."""

    line: str = Field(max_length=60)
    act: Act
    group: str = Field(max_length=160)
    seen: int = Field(ge=0)
    reason: str = Field(min_length=1, max_length=4000)
    to: str = Field("", max_length=80)
    key: uuid.UUID = Field(default_factory=uuid.uuid4)


class MassOut(BaseModel):
    """The job that does it."""

    job: uuid.UUID
    title: str


@router.get("/cases/groups")
def case_groups(line: Annotated[str, Query(max_length=60)]) -> list[GroupOut]:
    """The open cases of a line, counted; confidential ones are not among them."""
    with unit_of_work() as session:
        return [
            GroupOut(
                group=one.key,
                workflow=one.flow.name,
                state=one.state,
                count=one.count,
                outside=one.outside,
                own=one.own,
                goes_up=one.goes_up,
                endings=[step.code for step in one.endings],
            )
            for one in groups(session, line)
        ]


@router.post("/cases/mass", status_code=202)
def mass_act(wanted: MassIn) -> MassOut:
    """Start the act; the same key gives the same job."""
    asked = Wanted(wanted.line, wanted.act, wanted.group, wanted.seen, wanted.reason, wanted.to)
    with unit_of_work() as session:
        job = start(session, asked, str(wanted.key))
        return MassOut(job=job.id, title=job.title)


@router.post("/cases/mass/{job_id}/undo", status_code=202, dependencies=[Depends(requires(MAY_ASSIGN))])
def undo_assignment(job_id: uuid.UUID) -> MassOut:
    """Give the cases of a mass assignment back, as far as nobody touched them since."""
    with unit_of_work() as session:
        job = give_back(session, job_id)
        return MassOut(job=job.id, title=job.title)
