"""The annual audit (年度审计, domain 7.2): checks run over one tenant's year, each set-based, and their findings kept."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.audit.models import AuditFinding, AuditRun
from core.audit.own_work import refuse_own_work
from core.authorisation import Demand, Kind, require
from core.db.base import new_id
from core.db.statements import tenant_core
from core.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from core.host.apart import apart
from core.host.declarations import AuditCheckDecl, FindingDraft
from core.host.manager import host
from core.jobs.failures import told
from core.scope import current_scope
from core.tenancy.plugin_state import on_between
from core.trail.service import record

ANSWER_DAYS = {"critical": 15, "major": 30, "minor": 60}
FINDING = Kind(
    "audit_finding", "审计问题", {"open": "待答复", "explained": "已说明", "rectified": "已整改", "dismissed": "不成立"}
)
STATES = tuple(state for state in FINDING.states if state != "open")
ANSWER = Demand("audit.answer", of=FINDING, states=frozenset({"open"}))


def plugins_on_in(session: Session, year: int) -> frozenset[str]:
    """Plugins that were on in the tenant in scope at any time of ``year``: their checks are owed even if they are off now."""
    return on_between(session, date(year, 1, 1), date(year, 12, 31))


class Kept(NamedTuple):
    """What became of the findings of one check: how many are new, and how many were rectified and are there again."""

    new: int
    reopened: int


def keep_findings(session: Session, check: AuditCheckDecl, year: int, drafts: Sequence[FindingDraft]) -> Kept:
    """Keep the findings of one check.

    What was found before stays with its state and answer, except a finding that was said to be rectified: it is open again
    with a new term, the former answer beside it, and the trail says so.
    """
    today = current_scope().business_date
    # one statement may not touch a row twice, and a check may come upon the same deviation twice
    once = {draft.fingerprint: draft for draft in drafts}
    rows = [
        {
            "tenant": current_scope().tenant,
            "id": new_id(),
            "year": year,
            "check_code": check.code,
            "severity": (severity := draft.severity or check.severity),
            "fingerprint": draft.fingerprint,
            "title": draft.title,
            "detail": dict(draft.detail),
            "subject_kind": draft.subject_kind,
            "subject_id": draft.subject_id,
            "clause": check.clause,
            "state": "open",
            "found_on": today,
            "due_on": today + timedelta(days=ANSWER_DAYS[severity]),
        }
        for draft in once.values()
    ]
    if not rows:
        return Kept(0, 0)
    fresh = insert(AuditFinding)
    statement = fresh.on_conflict_do_update(
        index_elements=["tenant", "year", "check_code", "fingerprint"],
        set_={
            "state": "open",
            "reopened_on": today,
            "due_on": fresh.excluded.due_on,
            "title": fresh.excluded.title,
            "detail": fresh.excluded.detail,
            "version": AuditFinding.version + 1,
        },
        where=AuditFinding.state == "rectified",
    ).returning(AuditFinding.id, AuditFinding.reopened_on.is_(None))
    kept = session.execute(tenant_core(statement), rows).all()
    reopened = [finding_id for finding_id, new in kept if not new]
    for finding_id in reopened:
        record(session, "finding.reopened", "audit_finding", finding_id, {"check": check.code, "year": year})
    return Kept(len(kept) - len(reopened), len(reopened))


def run_audit(session: Session, year: int) -> dict[str, Kept]:
    """Run all checks owed for ``year`` over the tenant in scope. Returns by check what is new and what is there again.

    Safe to run twice. A check of a stranger's plugin that fails is noted in the run as not made, with the reason, and stops no
    other; so is a plugin whose checks could not be read at all.
    """
    found: dict[str, Kept] = {}
    owed = plugins_on_in(session, year)
    looked = _unread(owed)
    failed = [str(row["check"]) for row in looked]
    for plugin, checks in host().asked("bangfu_audit_checks", owed):
        for check in checks:
            why: list[Exception] = []
            drafts = apart(session, plugin, partial(check.run, session, year), why.append)
            if drafts is None:
                failed.append(check.code)
                looked.append({"check": check.code, "zh": check.zh, "failed": True, "why": told(why[0])})
                continue
            kept = found[check.code] = keep_findings(session, check, year, drafts)
            looked.append({"check": check.code, "found": len(drafts), "new": kept.new, "reopened": kept.reopened})
    run = AuditRun(year=year, run_on=current_scope().business_date, actor=current_scope().actor, checks=looked)
    session.add(run)
    session.flush()
    new, reopened = (sum(counted) for counted in zip(*found.values(), strict=True))
    record(session, "audit.run", "audit_run", run.id, {"year": year, "new": new, "reopened": reopened, "failed": failed})
    return found


def _unread(owed: Collection[str]) -> list[dict[str, Any]]:
    """A row for each stranger's plugin that owes checks which could not be read: it answered nonsense to the hook."""
    host().asked("bangfu_audit_checks", owed)
    return [
        {"check": out.name, "zh": host().info(out.name).title_zh, "failed": True, "why": out.reason}
        for out in host().left_out
        if out.name in owed and out.reason.startswith("bangfu_audit_checks:")
    ]


def last_run(session: Session, year: int | None = None) -> AuditRun | None:
    """The newest run of the tenant in scope, of ``year`` or of any."""
    asked = select(AuditRun).order_by(AuditRun.at.desc()).limit(1)
    return session.scalar(asked if year is None else asked.where(AuditRun.year == year))


def not_made(run: AuditRun | None) -> list[tuple[str, str]]:
    """The checks that a run could not make: name and why."""
    return [(row.get("zh") or row["check"], row.get("why", "")) for row in run.checks if row.get("failed")] if run else []


def findings_by_severity(session: Session, year: int) -> dict[str, int]:
    """Number of findings of the tenant in scope by severity."""
    rows = session.execute(
        select(AuditFinding.severity, func.count()).where(AuditFinding.year == year).group_by(AuditFinding.severity)
    )
    return {row[0]: row[1] for row in rows}


def list_findings(
    session: Session,
    year: int | None = None,
    *,
    severity: str | None = None,
    state: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[AuditFinding]:
    """Findings by keyset (``after`` is the last id of the page before), oldest first."""
    wanted = select(AuditFinding).order_by(AuditFinding.id).limit(limit)
    if year is not None:
        wanted = wanted.where(AuditFinding.year == year)
    if severity is not None:
        wanted = wanted.where(AuditFinding.severity == severity)
    if state is not None:
        wanted = wanted.where(AuditFinding.state == state)
    if after is not None:
        wanted = wanted.where(AuditFinding.id > after)
    return list(session.scalars(wanted))


def answer_finding(
    session: Session, finding_id: uuid.UUID, *, state: str, answer: str, expected_version: int | None = None
) -> AuditFinding:
    """Answer a finding: explained, rectified or dismissed, with words (整改). Raises ``OwnWork`` for whoever had a part in what
    it is about."""
    scope = current_scope()
    require(ANSWER)
    if state not in STATES:
        raise InvalidInput("办理结果不在可选范围", f"the state is one of {', '.join(STATES)}", where="state")
    if not answer.strip():
        raise InvalidInput("请填写说明", "an answer has a text", where="answer")
    finding = session.scalar(select(AuditFinding).where(AuditFinding.id == finding_id).with_for_update())
    if finding is None:
        raise NotFound("没有该发现问题", "no such finding")
    if expected_version is not None and finding.version != expected_version:
        raise PreconditionFailed("该问题已被他人更新", "the finding was changed meanwhile")
    if not ANSWER.fits(finding.state):
        raise Conflict("该问题已答复", "the finding was answered already")
    refuse_own_work(session, finding)
    finding.state, finding.answer = state, answer.strip()
    finding.answered_by, finding.answered_on = scope.actor, scope.business_date
    finding.version += 1
    record(session, "finding.answered", "audit_finding", finding.id, {"state": state})
    return finding


def finding_detail(finding: AuditFinding) -> Mapping[str, Any]:
    """The evidence of a finding: ids and figures, with the path of the page that shows it."""
    paths = {"case": "/cases/{id}", "household": "/households/{id}"}
    path = paths.get(finding.subject_kind)
    link = path.format(id=finding.subject_id) if path and finding.subject_id else None
    return {**finding.detail, "link": link}
