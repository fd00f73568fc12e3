"""Counting what proposed figures of policy would bring about, as background work (测算): a county's households in chunks
by id; a prefecture's or province's counties one by one, of which figures alone come back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.host.declarations import COUNTIES, ChunkPlan, JobKindDecl
from core.jobs.service import county_chunks
from core.parameters import forecasts
from core.parameters.models import ParameterForecast, ParameterProposal
from core.parameters.names import FORECAST, FORECAST_BELOW, FORECAST_RIGHT
from core.scope import Level, current_scope
from core.surveys.repository import chunks, households_between

CHUNK = 5_000
"""Households of one chunk: a few seconds of work."""


def _row(session: Session, forecast_id: str) -> ParameterForecast:
    return session.scalars(select(ParameterForecast).where(ParameterForecast.id == uuid.UUID(forecast_id))).one()


def _asked(session: Session, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is to be counted: the forecast that was begun, else one for each proposal that waits."""
    if "forecast" in params:
        rows = [_row(session, params["forecast"])]
    else:
        waiting = session.scalars(select(ParameterProposal).where(ParameterProposal.state == "open")).all()
        rows = [forecasts.begin(session, proposal) for proposal in waiting if forecasts.readers(proposal.name)]
    wanted = select(ParameterProposal).where(ParameterProposal.id.in_([row.proposal_id for row in rows]))
    proposals = {proposal.id: proposal for proposal in session.scalars(wanted)}
    return [forecasts.asked_of(proposals[row.proposal_id], row) for row in rows]


def plan(session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    """Cut the county's households into chunks."""
    asked = _asked(session, params)
    found = chunks(session, CHUNK) if asked else []
    if asked and not found:
        for one in asked:
            forecasts.settle(session, _row(session, one["forecast"]), [])
    return [
        ChunkPlan(f"第 {number} 批（{chunk['households']} 户）", {**chunk, "asked": asked})
        for number, chunk in enumerate(found, start=1)
    ]


def plan_below(session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    """A chunk for each county below."""
    asked = _asked(session, params)
    return [ChunkPlan(chunk.label, {**chunk.payload, "asked": asked}) for chunk in county_chunks(session) if asked]


def run(session: Session, _params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Count one chunk of households."""
    homes = households_between(session, uuid.UUID(payload["first"]), uuid.UUID(payload["last"]))
    return {"counted": {one["forecast"]: forecasts.count(session, one, homes) for one in payload["asked"]}}


def run_below(session: Session, _params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Count one county, in its scope."""
    counted = {one["forecast"]: forecasts.count(session, one) for one in payload["asked"]}
    return {"tenant": current_scope().tenant, "counted": counted}


def finish(session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Sum up each forecast; how many households were counted."""
    ids = {uuid.UUID(one) for result in results for one in result["counted"]}
    total = 0
    for row in session.scalars(select(ParameterForecast).where(ParameterForecast.id.in_(ids))):
        parts = [result["counted"][str(row.id)] for result in results]
        counties = [(result["tenant"], result["counted"][str(row.id)]) for result in results if "tenant" in result]
        forecasts.settle(session, row, parts, counties)
        total += sum(part["households"] for part in parts)
    return {"forecasts": len(ids), "households": total}


JOBS = (
    JobKindDecl(
        FORECAST,
        "政策参数测算",
        "forecast of a change of figures",
        plan,
        run,
        finish,
        permission=FORECAST_RIGHT,
        levels=COUNTIES,
    ),
    JobKindDecl(
        FORECAST_BELOW,
        "政策参数测算（所辖各县）",
        "forecast of a change of figures, all counties",
        plan_below,
        run_below,
        finish,
        permission=FORECAST_RIGHT,
        fan_out=True,
        levels=frozenset({Level.PROVINCE, Level.PREFECTURE}),
    ),
)
