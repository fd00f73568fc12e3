"""Figures of policy under ``/api/v1/{tenant}/parameters`` and changes of them under ``…/parameter-proposals`` (政策参数)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.parameters.forecasts import START, forecast
from core.parameters.names import ADOPT_RIGHT
from core.parameters.proposals import PROPOSE, READ, adopt, proposals, propose, refuse, withdraw
from core.parameters.service import NewParameter, declared_parameter
from core.parameters.typed import said
from core.web.context import requires
from core.web.step_up import fresh_proof
from tenants import parameters as seen

router = APIRouter(tags=["parameters"], dependencies=[Depends(requires(READ))])


class ComingOut(BaseModel):
    """A day from which another value will hold, with it in words."""

    on: date
    words: str


class ParameterOut(BaseModel):
    """A figure as it holds here today; money in fen, shares in basis points."""

    name: str
    zh: str
    unit: str
    group: str
    value: Any
    words: str
    level: str | None
    tenant: str | None
    valid_from: date | None
    source: str | None
    clause: str | None
    coming: list[ComingOut]
    waiting: uuid.UUID | None


class EntryOut(BaseModel):
    """One word of one level in the history of a figure."""

    id: uuid.UUID | None
    valid_from: date
    words: str
    level: str
    source: str
    clause: str
    state: str
    proposal: uuid.UUID | None


class ParameterDetailOut(ParameterOut):
    """A figure with its history, the latest day first."""

    history: list[EntryOut]


class ProposalIn(BaseModel):
    """A change: the value in the unit of the figure, or null to follow the level above again."""

    value: Any = None
    valid_from: date
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    clause: Annotated[str, Field(max_length=1000)] = ""
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    restores: uuid.UUID | None = None


class ForecastOut(BaseModel):
    """What would follow, in households and fen a year; ``figures`` is null while it is counted. No household is named."""

    id: uuid.UUID
    on: date
    rules: list[str]
    stale: bool
    job: uuid.UUID | None
    figures: dict[str, Any] | None


class ProposalOut(BaseModel):
    """A proposed change with its state and what would follow."""

    id: uuid.UUID
    name: str
    valid_from: date
    value: Any
    was_words: str
    words: str
    source: str
    clause: str
    reason: str
    state: str
    business_date: date
    decided_on: date | None
    note: str | None
    forecast: ForecastOut | None


class ProposalLineOut(BaseModel):
    """A proposed change as lists show it."""

    id: uuid.UUID
    name: str
    valid_from: date
    words: str
    state: str
    reason: str


class DecisionIn(BaseModel):
    """The second person's decision; a refusal says why."""

    decision: Literal["adopted", "refused"]
    note: Annotated[str, Field(max_length=1000)] = ""


class NoteIn(BaseModel):
    """Why a proposal is taken back."""

    note: Annotated[str, Field(min_length=1, max_length=1000)]


def _parameter(line: seen.Line, group: str) -> dict[str, Any]:
    held = line.held
    return {
        "name": line.declared.name,
        "zh": line.declared.zh,
        "unit": line.declared.unit,
        "group": group,
        "value": held.value if held else None,
        "words": line.words,
        "level": held.level if held else None,
        "tenant": held.tenant if held else None,
        "valid_from": held.valid_from if held else None,
        "source": held.source if held else None,
        "clause": held.clause if held else None,
        "coming": [{"on": on, "words": words} for on, words in line.coming],
        "waiting": line.waiting,
    }


def _proposal(session: Session, proposal_id: uuid.UUID) -> ProposalOut:
    found = seen.weighed(session, proposal_id)
    row = found.row
    counted = found.under_way or found.forecast
    told = None
    if counted is not None:
        told = ForecastOut(
            id=counted.id,
            on=counted.on,
            rules=counted.rules,
            stale=found.stale,
            job=counted.job_id,
            figures=counted.figures,
        )
    return ProposalOut(
        id=row.id,
        name=row.name,
        valid_from=row.valid_from,
        value=row.value,
        was_words=found.was,
        words=found.now,
        source=row.source,
        clause=row.clause,
        reason=row.reason,
        state=row.state,
        business_date=row.business_date,
        decided_on=row.decided_on,
        note=row.note,
        forecast=told,
    )


@router.get("/parameters")
def list_parameters() -> list[ParameterOut]:
    """The figures that are known here, by what they belong to."""
    with unit_of_work() as session:
        found = seen.lines(session)
    return [ParameterOut(**_parameter(found[one.name], code)) for code, _, declared in seen.groups() for one in declared]


@router.get("/parameters/{name}")
def read_parameter(name: str) -> ParameterDetailOut:
    """One figure with all that any level has said of it."""
    declared = declared_parameter(name)
    group = next((code for code, _, found in seen.groups() if declared in found), "")
    with unit_of_work() as session:
        line = seen.lines(session, [name])[name]
        entries = seen.history(session, declared)
    history = [
        EntryOut(
            id=one.id,
            valid_from=one.valid_from,
            words=one.words,
            level=one.level,
            source=one.source,
            clause=one.clause,
            state=one.state,
            proposal=one.proposal_id,
        )
        for one in entries
    ]
    return ParameterDetailOut(**_parameter(line, group), history=history)


@router.post("/parameters/{name}/proposals", status_code=201, dependencies=[Depends(requires(PROPOSE))])
def make_proposal(name: str, wanted: ProposalIn, tenant: str, response: Response) -> ProposalOut:
    """Propose a change; a second person adopts it."""
    new = NewParameter(name, wanted.valid_from, wanted.value, wanted.source, wanted.clause)
    with unit_of_work() as session:
        row = propose(session, new, reason=wanted.reason, restores=wanted.restores)
        session.refresh(row)
        found = _proposal(session, row.id)
    response.headers["Location"] = f"/api/v1/{tenant}/parameter-proposals/{found.id}"
    return found


@router.get("/parameter-proposals")
def list_proposals(state: Literal["open", "adopted", "refused", "withdrawn"] | None = None) -> list[ProposalLineOut]:
    """The newest proposals of the tenant itself."""
    with unit_of_work() as session:
        rows = proposals(session, state=state)
        return [
            ProposalLineOut(
                id=row.id,
                name=row.name,
                valid_from=row.valid_from,
                words=said(declared_parameter(row.name), row.value),
                state=row.state,
                reason=row.reason,
            )
            for row in rows
        ]


@router.get("/parameter-proposals/{proposal_id}")
def read_proposal(proposal_id: uuid.UUID) -> ProposalOut:
    """One proposal with what would follow."""
    with unit_of_work() as session:
        return _proposal(session, proposal_id)


@router.post("/parameter-proposals/{proposal_id}/forecast", dependencies=[Depends(requires(START))])
def start_forecast(proposal_id: uuid.UUID) -> ProposalOut:
    """Count what would follow: at once, or by the job that the answer names."""
    with unit_of_work() as session:
        forecast(session, proposal_id)
        session.flush()
        return _proposal(session, proposal_id)


@router.post(
    "/parameter-proposals/{proposal_id}/decision", dependencies=[Depends(requires(ADOPT_RIGHT)), Depends(fresh_proof())]
)
def decide(proposal_id: uuid.UUID, wanted: DecisionIn) -> ProposalOut:
    """Adopt or refuse, as the second person; 403 for whoever proposed it, 409 where it is decided or was not counted."""
    with unit_of_work() as session:
        if wanted.decision == "adopted":
            adopt(session, proposal_id, note=wanted.note)
        else:
            refuse(session, proposal_id, note=wanted.note)
        return _proposal(session, proposal_id)


@router.post("/parameter-proposals/{proposal_id}/withdrawal", dependencies=[Depends(requires(PROPOSE))])
def take_back(proposal_id: uuid.UUID, wanted: NoteIn) -> ProposalOut:
    """Take a proposal back before it is decided."""
    with unit_of_work() as session:
        withdraw(session, proposal_id, note=wanted.note)
        return _proposal(session, proposal_id)
