"""The monthly look for duplicates as background work, for what no registration or import brought up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.host.declarations import COUNTIES, ChunkPlan, JobKindDecl, Recurrence
from core.people.duplicates.service import propose_duplicates


def _plan(_session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return [ChunkPlan("本单位", {})]


def _run(session: Session, _params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"pairs": propose_duplicates(session)}


JOBS = (
    JobKindDecl(
        kind="duplicates",
        zh="查找疑似重复人员",
        en="look for persons who may be here twice",
        plan=_plan,
        run=_run,
        permission="people.write",
        levels=COUNTIES,
        recurs=Recurrence(hour=4, day=3),
        listed=False,
    ),
)
