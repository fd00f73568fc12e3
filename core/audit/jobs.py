"""The audit as background work: one tenant's own, or a province's over all its counties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.audit.elsewhere import tell_both
from core.audit.service import findings_by_severity, last_run, not_made, run_audit
from core.exchange.facts import report_facts
from core.host.declarations import ChunkPlan, JobKindDecl
from core.jobs.service import county_chunks
from core.scope import Level


def _plan_own(_session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return [ChunkPlan("本单位", {})]


def _plan_counties(session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return county_chunks(session)


def _run(session: Session, params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    year = int(params["year"])
    found = run_audit(session, year).values()
    report_facts(session, year)
    missing = not_made(last_run(session, year))
    return {
        "not_made": [f"{name}：{why}" for name, why in missing],
        "new": sum(kept.new for kept in found),
        "reopened": sum(kept.reopened for kept in found),
        "findings": findings_by_severity(session, year),
    }


def _tell(session: Session, params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    summed = {name: sum(int(result[name]) for result in results) for name in ("new", "reopened")}
    missing = sorted({line for result in results for line in result.get("not_made", ())})
    return {**summed, "not_made": missing, "sealed": tell_both(session, int(params["year"]))}


JOBS = (
    JobKindDecl("audit", "年度审计", "annual audit", _plan_own, _run, permission="audit.run"),
    JobKindDecl(
        "audit.province",
        "全省年度审计",
        "annual audit of all counties",
        _plan_counties,
        _run,
        _tell,
        "audit.run",
        fan_out=True,
        # who is aided in two counties stands in the identity index, which the province alone may compare
        levels=frozenset({Level.PROVINCE}),
    ),
)
