"""The work behind a mass act: batches of cases by key, each in one transaction, all or nothing, safe to run twice."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.cases.mass import ASSIGN, FINISH, GIVE_BACK, HAND_UP, MAY_ASSIGN
from core.cases.models import Case
from core.cases.repository import cases_named
from core.cases.service import advance
from core.db.statements import among
from core.exchange.matters import HAND_OVER, hand_over
from core.host.declarations import ChunkPlan, JobKindDecl
from core.jobs.models import JobChunk
from core.trail.service import record

BATCH = 50
"""Cases in one transaction: what a refusal holds up, and how long their rows are locked."""

Params = Mapping[str, Any]


def _plan(session: Session, params: Params) -> Sequence[ChunkPlan]:
    ids = _ids(session, params)
    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    return [
        ChunkPlan(f"第 {number * BATCH + 1} 至 {number * BATCH + len(batch)} 件", {"from": str(batch[0]), "to": str(batch[-1])})
        for number, batch in enumerate(batches)
    ]


def _ids(session: Session, params: Params, payload: Params | None = None) -> list[uuid.UUID]:
    """The cases that still stand so, oldest first: all, or those between the keys of a batch. What was done before, and what
    somebody else has moved since, is no longer among them."""
    asked = (
        select(Case.id)
        .where(
            Case.plugin == params["plugin"],
            Case.workflow == params["workflow"],
            Case.workflow_version == params["version"],
            Case.state == params["state"],
            Case.closed_on.is_(None),
            Case.handlers.is_(None),
            Case.is_here(),
        )
        .order_by(Case.id)
    )
    if params.get("decides"):
        # A job knows its actor alone, not for whom he stood in when he started it.
        asked = asked.where(Case.clerk.not_in(params["persons"]))
    if payload is not None:
        asked = asked.where(Case.id.between(uuid.UUID(payload["from"]), uuid.UUID(payload["to"])))
    return list(session.scalars(asked))


def _give(session: Session, params: Params, payload: Params) -> Params:
    """Give a batch to another handler; the result says whom each case was with, for the undoing."""
    cases = cases_named(session, _ids(session, params, payload), lock=True)
    moved = [case for case in cases if case.assigned_to != params["to"]]
    before = [[str(case.id), case.assigned_to, case.version + 1] for case in moved]
    _set_handler(session, [case.id for case in moved], params["to"])
    for case in moved:
        record(session, "case.assign", "case", case.id, {"to": params["to"]})
    return {"cases": len(moved), "before": before}


def _set_handler(session: Session, ids: Sequence[uuid.UUID], actor: str | None) -> None:
    session.execute(
        update(Case)
        .where(among(Case.id, ids))
        .values(assigned_to=actor, version=Case.version + 1)
        .execution_options(synchronize_session=False)
    )


def _plan_back(session: Session, params: Params) -> Sequence[ChunkPlan]:
    done = select(JobChunk.no, JobChunk.label).where(JobChunk.job_id == uuid.UUID(params["job"]), JobChunk.state == "done")
    return [ChunkPlan(label, {"no": no}) for no, label in session.execute(done.order_by(JobChunk.no))]


def _give_back(session: Session, params: Params, payload: Params) -> Params:
    made = select(JobChunk.result).where(JobChunk.job_id == uuid.UUID(params["job"]), JobChunk.no == payload["no"])
    before = {uuid.UUID(case): (former, version) for case, former, version in (session.scalar(made) or {})["before"]}
    cases = cases_named(session, list(before), lock=True)
    untouched = [case for case in cases if case.version == before[case.id][1]]
    former = {case.id: before[case.id][0] for case in untouched}
    for actor in set(former.values()):
        _set_handler(session, [case for case, was in former.items() if was == actor], actor)
    for case in untouched:
        record(session, "case.assign", "case", case.id, {"to": former[case.id], "undoes": params["job"]})
    return {"cases": len(untouched), "left": len(cases) - len(untouched)}


def _hand_up(session: Session, params: Params, payload: Params) -> Params:
    ids = _ids(session, params, payload)
    for case_id in ids:
        hand_over(session, case_id, params["peer"], params["reason"])
    return {"cases": len(ids)}


def _finish(session: Session, params: Params, payload: Params) -> Params:
    ids = _ids(session, params, payload)
    if ids:
        advance(session, ids, params["step"], params["reason"])
    return {"cases": len(ids)}


def _sum(_session: Session, _params: Params, results: Sequence[Params]) -> Params:
    return {name: sum(result[name] for result in results) for name in ("cases", "left") if any(name in one for one in results)}


JOB_KINDS = (
    JobKindDecl(ASSIGN, "批量改派承办人", "give cases to another handler", _plan, _give, _sum, MAY_ASSIGN, listed=False),
    JobKindDecl(GIVE_BACK, "撤销批量改派", "give cases back", _plan_back, _give_back, _sum, MAY_ASSIGN, listed=False),
    JobKindDecl(
        HAND_UP, "批量移交上级", "hand cases to the union above", _plan, _hand_up, _sum, str(HAND_OVER.permission), listed=False
    ),
    # Each step asks for a permission of its own; whoever may make one of them reads cases.
    JobKindDecl(FINISH, "批量办结", "finish cases", _plan, _finish, _sum, "case.read", listed=False),
)
