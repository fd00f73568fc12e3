"""What is finished by itself: papers of erasures whose process was killed between the commit and the last file, and notices
to counties that have closed before they answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.host.declarations import ChunkPlan, JobKindDecl, Recurrence
from core.jobs.service import tree_chunks
from core.rights.emptying import settle
from core.rights.partners import lead_on
from core.scope import Level


def _plan(session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return tree_chunks(session)


def _run(session: Session, _params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"finished": settle(session), "led_on": lead_on(session)}


def _sum(_session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {name: sum(int(result.get(name, 0)) for result in results) for name in ("finished", "led_on")}


JOBS = (
    JobKindDecl(
        "rights.settle",
        "删除收尾",
        "finish erasures",
        _plan,
        _run,
        _sum,
        fan_out=True,
        levels=frozenset({Level.PROVINCE}),
        recurs=Recurrence(hour=4),
        listed=False,
    ),
)
