"""The engine of all service lines: one transition, many cases, all or nothing.

Checked in this order: the case's version, permission, note, state, whether its line is on, whether the matter is here,
separation of duties, guards. Then the cases move, a decision is kept with what it rested on, steps are written, clocks turn,
effects follow, and the trail gets its entries.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.cases.deadlines import turn_clocks
from core.cases.models import Case, CaseDecision, CaseStep, SealedCase
from core.cases.repository import cases_named, last_steps
from core.cases.switched_off import permissions_with, refuse_paused
from core.cases.workflows import HERE, standing_of, state_of, stepping, transition_of, workflows_of
from core.db.bulk import insert_rows
from core.db.statements import among
from core.errors import Conflict, Forbidden, InvalidInput, Misconfigured, PreconditionFailed
from core.host.declarations import EffectDecl, GuardDecl, GuardVerdict, TransitionDecl, WorkflowDecl
from core.host.manager import host
from core.scope import current_scope, entered
from core.text.lines import line_ends
from core.trail.service import record

_NAMED_IN_ERROR = 5
NOTE_LENGTH = 2000


class GuardsNotMet(Conflict):
    """Conditions of a transition (流转条件) are not met; ``verdicts`` says which, by case."""

    code = "guards_not_met"

    def __init__(self, zh: str, en: str, verdicts: Mapping[uuid.UUID, Sequence[GuardVerdict]], *, where: str) -> None:
        super().__init__(zh, en, where=where)
        self.verdicts = verdicts


class SamePerson(Forbidden):
    """The approver is the applicant's clerk (经办与审批须分离, domain 7.4)."""

    code = "approver_is_the_clerk"


@dataclass(frozen=True, slots=True)
class Move:
    """One case about to make a transition of its pinned workflow."""

    case: Case
    workflow: WorkflowDecl
    transition: TransitionDecl
    source: str


def make(
    session: Session,
    case_ids: Sequence[uuid.UUID],
    code: str,
    note: str | None = None,
    *,
    versions: Mapping[uuid.UUID, int] | None = None,
    settling: bool = False,
) -> list[Case]:
    """Make the transition ``code`` on all cases or on none; returns them in the order given.

    ``versions`` are the case versions that the actor saw. ``settling`` marks a step that the platform makes because of
    another act that was permitted (a paid grant closes its case): the step's own permission is then not asked for.
    """
    cases = cases_named(session, case_ids, lock=True, settling=settling)
    _expect(cases, versions or {})
    flows = workflows_of(session, cases)
    moves = []
    for case in cases:
        flow = flows[case.workflow, case.workflow_version]
        moves.append(Move(case, flow, transition_of(flow, code), case.state))
    _check(session, moves, _clean(note), settling=settling)
    _refuse_unmet(judged(session, moves), moves)
    _apply(session, moves, _clean(note))
    return cases


def _clean(note: str | None) -> str | None:
    return line_ends(note or "").strip() or None


def _expect(cases: Sequence[Case], versions: Mapping[uuid.UUID, int]) -> None:
    changed = [case.number for case in cases if versions.get(case.id, case.version) != case.version]
    if changed:
        raise PreconditionFailed(
            f"个案 {_listed(changed)} 已被他人更新",
            f"changed meanwhile: {_listed(changed)}",
            where=changed[0],
            mend_zh="请刷新后再办理",
            mend_en="load it again",
        )


def _check(session: Session, moves: Sequence[Move], note: str | None, *, settling: bool) -> None:
    scope = current_scope()
    demands: dict[TransitionDecl, Demand] = {}
    for move in moves:
        if move.transition not in demands:
            demands[move.transition] = stepping(move.workflow, move.transition)
    held = scope.permissions if settling else permissions_with(session, {move.workflow.plugin for move in moves})
    for transition, demand in demands.items():
        if not settling:
            with entered(replace(scope, permissions=held)):
                require(demand)
        if transition.note_required and note is None:
            raise InvalidInput(f"“{transition.zh}”须填写理由", f"{transition.en} needs a note", where="note")
    if note is not None and len(note) > NOTE_LENGTH:
        raise InvalidInput(f"办理意见不能超过 {NOTE_LENGTH} 字", "the note is too long", where="note")
    if misplaced := [move for move in moves if not demands[move.transition].fits(move.source)]:
        first = misplaced[0]
        numbers = _listed([move.case.number for move in misplaced])
        raise Conflict(
            f"个案 {numbers} 处于“{state_of(first.workflow, first.source).zh}”，不能{first.transition.zh}",
            f"{numbers} cannot make the step {first.transition.code} from the state {first.source}",
            where=first.case.number,
            mend_zh="请刷新查看当前状态",
            mend_en="look at the present state",
        )
    if not settling:
        for move in moves:
            refuse_paused(move.workflow, move.transition, move.source, move.case.number)
    # Money that was paid closes its case wherever the matter is: the bank's return must not wait for another union.
    if not settling and (outside := [move.case.number for move in moves if not HERE.fits(standing_of(move.case))]):
        raise Conflict(
            f"个案 {_listed(outside)} 已移交其他单位办理，收到答复或退回前不能在本单位办理",
            f"{_listed(outside)}: the matter is with another union and makes no step here before its answer",
            where=outside[0],
            mend_zh="请等待对方答复或退回",
            mend_en="wait for the other union's answer",
        )
    if own := [move.case.number for move in moves if move.transition.decision and move.case.clerk in scope.persons]:
        raise SamePerson(
            f"您或您代理的人员是个案 {_listed(own)} 的经办人，不能审批自己经办的个案",
            f"you, or whom you stand in for, are the clerk of {_listed(own)}: whoever files a case never decides it",
            where=own[0],
            mend_zh="请由其他审批人员办理",
            mend_en="ask another approver",
        )


def judged(session: Session, moves: Sequence[Move]) -> dict[uuid.UUID, list[GuardVerdict]]:
    """Verdicts of each move's guards, by case, in the order of the declaration: one question per guard, not per case."""
    asked: dict[str, list[Case]] = defaultdict(list)
    for move in moves:
        for name in move.transition.guards:
            asked[name].append(move.case)
    guards = {guard.name: guard for guard in host().collected("bangfu_guards") if guard.name in asked}
    answers = {name: _named(guards, name).judge(session, cases) for name, cases in asked.items()}
    return {move.case.id: [answers[name][move.case.id] for name in move.transition.guards] for move in moves}


def _named(guards: Mapping[str, GuardDecl], name: str) -> GuardDecl:
    try:
        return guards[name]
    except KeyError:
        raise Misconfigured(f"没有名为 {name} 的流转条件", f"no guard is called {name}", where=name) from None


def _refuse_unmet(verdicts: Mapping[uuid.UUID, Sequence[GuardVerdict]], moves: Sequence[Move]) -> None:
    unmet = [(move, verdict) for move in moves for verdict in verdicts[move.case.id] if not verdict.passed]
    if not unmet:
        return
    named = unmet[:_NAMED_IN_ERROR]
    raise GuardsNotMet(
        "；".join(f"{move.case.number}：{verdict.zh}" for move, verdict in named) + ("等" if len(unmet) > len(named) else ""),
        "; ".join(f"{move.case.number}: {verdict.en}" for move, verdict in named),
        verdicts,
        where=named[0][0].case.number,
    )


def _apply(session: Session, moves: Sequence[Move], note: str | None) -> None:
    day = current_scope().business_date
    seqs = last_steps(session, [move.case.id for move in moves])
    for move in moves:
        move.case.state = move.transition.target
        move.case.version += 1
        move.case.closed_on = day if state_of(move.workflow, move.transition.target).closed else None
    session.flush()
    if sealed := [move.case.id for move in moves if move.case.handlers is not None and move.case.closed_on is not None]:
        session.execute(update(SealedCase).where(among(SealedCase.id, sealed)).values(closed_on=day))
    _write_steps(session, moves, note, seqs)
    _write_decisions(session, [move for move in moves if move.transition.decision], note)
    turn_clocks(session, moves)
    _have_effects(session, moves)
    for move in moves:
        record(
            session,
            f"case.{move.transition.code}",
            "case",
            move.case.id,
            {"source": move.source, "target": move.transition.target, "version": move.case.version},
            handlers=move.case.handlers,
        )


def _write_steps(session: Session, moves: Sequence[Move], note: str | None, seqs: Mapping[uuid.UUID, int]) -> None:
    scope = current_scope()
    insert_rows(
        session,
        CaseStep,
        [
            {
                "case_id": move.case.id,
                "seq": seqs.get(move.case.id, 0) + 1,
                "transition": move.transition.code,
                "source": move.source,
                "target": move.transition.target,
                "actor": scope.actor,
                "business_date": scope.business_date,
                "note": note,
                "handlers": move.case.handlers,
            }
            for move in moves
        ],
    )


def _write_decisions(session: Session, moves: Sequence[Move], note: str | None) -> None:
    if not moves:
        return
    from core.documents.repository import documents_of
    from core.notices.repository import notices_of

    scope, ids = current_scope(), [move.case.id for move in moves]
    papers, notices = documents_of(session, ids), notices_of(session, ids)
    rows = []
    for move in moves:
        case, notice = move.case, notices.get(move.case.id)
        sealed = case.handlers is not None
        rows.append(
            {
                "case_id": case.id,
                "clerk": case.clerk,
                "decided_by": scope.actor,
                "outcome": move.transition.decision,
                # A decision row is open to the county: the reason of a confidential case stays in its step.
                "reason": None if sealed else note,
                "business_date": scope.business_date,
                "snapshot": {
                    "workflow": [case.workflow, case.workflow_version],
                    "programme": case.programme,
                    "determination": str(case.determination_id) if case.determination_id else None,
                    "requested_fen": case.requested_fen,
                    "documents": []
                    if sealed
                    else [
                        {"id": str(paper.id), "kind": paper.kind, "sha256": paper.sha256.hex()}
                        for paper in papers[case.id]
                        if paper.withdrawn_on is None
                    ],
                    "notice": {"number": notice.number, "ends_on": notice.ends_on.isoformat()} if notice else None,
                },
            }
        )
    insert_rows(session, CaseDecision, rows)


def _have_effects(session: Session, moves: Sequence[Move]) -> None:
    touched: dict[str, list[Case]] = defaultdict(list)
    for move in moves:
        for name in move.transition.effects:
            touched[name].append(move.case)
    if not touched:
        return
    effects: dict[str, EffectDecl] = {effect.name: effect for effect in host().collected("bangfu_effects")}
    for name, cases in touched.items():
        if name not in effects:
            raise Misconfigured(f"没有名为 {name} 的办理动作", f"no effect is called {name}", where=name)
        effects[name].apply(session, cases)


def _listed(numbers: Sequence[str]) -> str:
    more = f" 等 {len(numbers)} 件" if len(numbers) > _NAMED_IN_ERROR else ""
    return "、".join(numbers[:_NAMED_IN_ERROR]) + more
