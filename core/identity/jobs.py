"""Switching off accounts that nobody uses, as background work: one tenant's own, or all below a province (账号闲置停用)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.host.declarations import ChunkPlan, JobKindDecl, Recurrence
from core.identity.directory.drift import DRIFT
from core.identity.directory.sign_ins import SIGN_INS
from core.identity.names import WRITE_STAFF
from core.identity.review import switch_off_dormant
from core.jobs.service import tree_chunks
from core.scope import Level


def _plan_own(_session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return [ChunkPlan("本单位", {})]


def _plan_all(session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return tree_chunks(session)


def _run(session: Session, _params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"switched_off": len(switch_off_dormant(session))}


def _sum(_session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"switched_off": sum(int(result["switched_off"]) for result in results)}


JOBS = (
    JobKindDecl("dormant", "停用闲置账号", "switch off dormant accounts", _plan_own, _run, permission=WRITE_STAFF),
    JobKindDecl(
        "dormant.below",
        "停用本级及下级闲置账号",
        "switch off dormant accounts here and below",
        _plan_all,
        _run,
        _sum,
        WRITE_STAFF,
        fan_out=True,
        levels=frozenset({Level.PROVINCE, Level.PREFECTURE}),
        recurs=Recurrence(hour=2),
    ),
    DRIFT,
    SIGN_INS,
)
