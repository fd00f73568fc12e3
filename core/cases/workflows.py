"""Workflows as data (流程): checked when written, pinned by version, read back for old cases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, insert, select, tuple_
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind
from core.cases.models import Case, WorkflowVersion
from core.errors import BangfuError, Conflict, Misconfigured, NotFound
from core.host.declarations import FormDecl, ProgrammeDecl, StateDecl, TransitionDecl, WorkflowDecl
from core.host.manager import host

_WORKFLOW: TypeAdapter[WorkflowDecl] = TypeAdapter(WorkflowDecl)
_FORM: TypeAdapter[FormDecl] = TypeAdapter(FormDecl)
Pin = tuple[str, int]

PAID, SETTLE = "paid", "case.settle"
"""The step that closes a case whose grants are paid in full, and its permission: the payments look for both."""
WITHDRAW = "case.withdraw"
"""The permission of steps by which the applicant takes the application back (撤回申请)."""
POST_NOTICE, _NOTICE_PERMISSION = "post_notice", "notice.post"
"""The step that posting a batch of names makes, and its permission."""
_NOTICE_GUARDS = frozenset({"notice_posted", "notice_over"})
STANDING = Kind("case", "个案", {"open": "在本单位办理中", "outside": "已移交其他单位", "closed": "已办结"})
"""Where a case stands, whatever its workflow."""
HERE = Demand(of=STANDING, states=frozenset({"open"}))
"""What every step of a case asks for besides its own."""


def standing_of(case: Case) -> str:
    """The state of a case as ``STANDING`` names it."""
    return "closed" if case.closed_on is not None else "outside" if case.is_outside else "open"


def kind_of(workflow: WorkflowDecl) -> Kind:
    """The cases of a workflow as objects with states."""
    return Kind(f"case:{workflow.name}", workflow.zh, {state.code: state.zh for state in workflow.states})


def opening(workflow: WorkflowDecl) -> Demand:
    """What opening a case of a workflow asks for."""
    return Demand(workflow.open_permission, plugin=workflow.plugin)


def reading(workflow: WorkflowDecl) -> Demand:
    """What every act on a case of a workflow asks for besides its right: that the post reads the line's cases."""
    return Demand(case_of=workflow.plugin)


def stepping(workflow: WorkflowDecl, step: TransitionDecl) -> Demand:
    """What a step of a workflow asks for."""
    return Demand(step.permission, of=kind_of(workflow), states=frozenset(step.sources))


def declared_workflows() -> dict[Pin, WorkflowDecl]:
    """All workflows of installed plugins by name and version."""
    return {(found.name, found.version): found for found in host().collected("bangfu_workflows")}


def workflow_named(name: str) -> WorkflowDecl:
    """The newest installed version of a workflow; raises ``NotFound``."""
    versions = [found for found in declared_workflows().values() if found.name == name]
    if not versions:
        listed = sorted({found.name for found in declared_workflows().values()})
        raise NotFound(
            "没有这种流程",
            "no such workflow",
            where="workflow",
            mend_zh=f"可选：{'、'.join(listed)}",
            mend_en=f"workflows: {', '.join(listed)}",
        )
    return max(versions, key=lambda found: found.version)


def programme_named(code: str) -> ProgrammeDecl:
    """The programme of relief (救助项目) with this code, of any installed plugin; raises ``NotFound``."""
    known = {found.code: found for found in host().collected("bangfu_programmes") if isinstance(found, ProgrammeDecl)}
    if code not in known:
        raise NotFound(
            "没有这个救助项目",
            "no such programme",
            where="programme",
            mend_zh=f"可选：{'、'.join(known)}",
            mend_en=f"programmes: {', '.join(known)}",
        )
    return known[code]


def workflows_of(session: Session, cases: Iterable[Case]) -> dict[Pin, WorkflowDecl]:
    """The pinned workflow of each case: as installed where the version matches, else as stored when it was in use."""
    return workflows_pinned(session, [(case.workflow, case.workflow_version) for case in cases])


def workflows_pinned(session: Session, pins: Iterable[Pin]) -> dict[Pin, WorkflowDecl]:
    """Workflows by name and version, as ``workflows_of`` gives them."""
    wanted = set(pins)
    installed = declared_workflows()
    found = {pin: installed[pin] for pin in wanted if pin in installed}
    if rest := sorted(wanted - found.keys()):
        rows = session.scalars(select(WorkflowVersion).where(tuple_(WorkflowVersion.name, WorkflowVersion.version).in_(rest)))
        found |= {(row.name, row.version): _read(row.definition, row.form) for row in rows}
    if absent := wanted - found.keys():
        name, version = min(absent)
        raise Misconfigured(
            f"流程 {name} 第 {version} 版没有保存",
            f"version {version} of the workflow {name} is neither installed nor stored",
            where=name,
            mend_zh="请重新安装该业务插件",
            mend_en="install the plugin again",
        )
    return found


def workflow_of(session: Session, case: Case) -> WorkflowDecl:
    """The workflow that one case is pinned to."""
    return workflows_of(session, [case])[case.workflow, case.workflow_version]


def state_of(workflow: WorkflowDecl, code: str) -> StateDecl:
    """The state called ``code``."""
    return next(state for state in workflow.states if state.code == code)


def transition_of(workflow: WorkflowDecl, code: str) -> TransitionDecl:
    """The transition called ``code``; raises ``NotFound``."""
    for transition in workflow.transitions:
        if transition.code == code:
            return transition
    steps = [transition.code for transition in workflow.transitions]
    raise NotFound(
        f"{workflow.zh}没有这一环节",
        f"the workflow {workflow.name} has no such step",
        where="transition",
        mend_zh=f"可选：{'、'.join(steps)}",
        mend_en=f"steps: {', '.join(steps)}",
    )


def sync_workflows(connection: Connection, leave_out: Callable[[str, BangfuError], object] | None = None) -> int:
    """Store the workflows of installed plugins; run by the owner at each start. Returns how many were new.

    ``leave_out`` is told (plugin, error) of a stranger's workflow that cannot be stored; the others are. Otherwise raises
    ``Misconfigured`` for a declaration that does not hold together or names unknown guards and effects, and ``Conflict`` where
    a stored version now reads differently: cases rely on what a version said.
    """
    guards = {guard.name for guard in host().collected("bangfu_guards")}
    effects = {effect.name for effect in host().collected("bangfu_effects")}
    paying = {programme.plugin for programme in host().collected("bangfu_programmes")}
    rows = connection.execute(select(*WorkflowVersion.__table__.columns))
    stored = {(row.name, row.version): (row.definition, row.form) for row in rows}
    fresh = []
    for (name, version), workflow in sorted(declared_workflows().items()):
        try:
            _refuse_broken(workflow, guards, effects, paying)
            _refuse_rewritten(workflow, stored.get((name, version)))
        except BangfuError as error:
            if leave_out is None or host().is_built_in(workflow.plugin):
                raise
            leave_out(workflow.plugin, error)
            continue
        if (name, version) not in stored:
            definition, form = _written(workflow)
            fresh.append({"name": name, "version": version, "plugin": workflow.plugin, "definition": definition, "form": form})
    if fresh:
        connection.execute(insert(WorkflowVersion), fresh)
    return len(fresh)


def _refuse_rewritten(workflow: WorkflowDecl, stored: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
    if stored is not None and not _same(stored, workflow):
        raise Conflict(
            f"流程 {workflow.name} 第 {workflow.version} 版的内容与已保存的不同",
            f"version {workflow.version} of the workflow {workflow.name} reads differently from what is stored",
            where=workflow.name,
            mend_zh="修改流程或表格时请提高版本号",
            mend_en="raise its version when a workflow or its form changes",
        )


def _written(workflow: WorkflowDecl) -> tuple[dict[str, Any], dict[str, Any]]:
    definition: dict[str, Any] = _WORKFLOW.dump_python(workflow, mode="json")
    form: dict[str, Any] = definition.pop("form")
    return definition, form


def _read(definition: dict[str, Any], form: dict[str, Any]) -> WorkflowDecl:
    return _WORKFLOW.validate_python({**definition, "form": _FORM.validate_python(form)})


def _same(stored: tuple[dict[str, Any], dict[str, Any]], workflow: WorkflowDecl) -> bool:
    """Whether what is stored is ``workflow``: compared as declarations, so that a new optional part of the host's own classes
    changes nothing."""
    try:
        return _read(*stored) == workflow
    except ValidationError:
        return False


def problems_of(
    workflow: WorkflowDecl, guards: Collection[str], effects: Collection[str], paying: Collection[str] = ()
) -> list[str]:
    """What does not hold together in a declaration, in English; empty where all does.

    ``guards`` and ``effects`` are the names that there are, ``paying`` the plugins that declare programmes.
    """
    states = {state.code for state in workflow.states}
    problems = _repeated("state", [state.code for state in workflow.states])
    problems += _repeated("transition", [step.code for step in workflow.transitions])
    problems += _repeated("deadline", [clock.kind for clock in workflow.deadlines])
    used = {workflow.initial, *(code for clock in workflow.deadlines for code in clock.starts_in)}
    for step in workflow.transitions:
        used |= {*step.sources, step.target}
        problems += [f"{step.code} names the unknown guard {name}" for name in step.guards if name not in guards]
        problems += [f"{step.code} names the unknown effect {name}" for name in step.effects if name not in effects]
        closed = [state.code for state in workflow.states if state.closed and state.code in step.sources]
        problems += [f"{step.code} leaves the closed state {code}" for code in closed]
    problems += [f"unknown state {code}" for code in sorted(used - states)]
    problems += [f"nothing leads to the state {code}" for code in sorted(states - _reachable(workflow))]
    for clock in workflow.deadlines:
        if (clock.days is None) == (clock.parameter is None):
            problems.append(f"the deadline {clock.kind} needs either days or a parameter")
    return problems + _unpaid(workflow, paying) + _unposted(workflow)


def _unpaid(workflow: WorkflowDecl, paying: Collection[str]) -> list[str]:
    """What would stop the bank's return: it closes the cases that were approved and paid, whatever else is true of them."""
    settling = {step.code: step for step in workflow.transitions if step.permission == SETTLE or step.code == PAID}
    problems = [f"{code} needs {SETTLE}, which no post holds: its name is {PAID}" for code in settling if code != PAID]
    approved = sorted({step.target for step in workflow.transitions if step.decision == "approved"})
    paid = settling.get(PAID)
    if paid is None:
        lacks = workflow.plugin in paying and approved
        return [*problems, f"cases are granted money, and no step {PAID} closes them"] if lacks else problems
    if paid.permission != SETTLE:
        problems.append(f"{PAID} is made by the payments alone: its permission is {SETTLE}")
    if paid.note_required or paid.guards or paid.decision:
        problems.append(f"{PAID} has a note, a guard or a decision, for which the payments cannot stop")
    if paid.target not in {state.code for state in workflow.states if state.closed}:
        problems.append(f"{PAID} leads to {paid.target}, which is not closed")
    return problems + [f"{PAID} does not leave the approved state {code}" for code in approved if code not in paid.sources]


def _unposted(workflow: WorkflowDecl) -> list[str]:
    """What would keep a case from ever being under notice, where a step waits for that."""
    waits = [step.code for step in workflow.transitions if _NOTICE_GUARDS & set(step.guards)]
    posting = next((step for step in workflow.transitions if step.code == POST_NOTICE), None)
    if posting is None:
        return [f"{code} waits for a notice, and there is no step {POST_NOTICE}" for code in waits]
    if posting.permission != _NOTICE_PERMISSION or posting.note_required:
        return [f"{POST_NOTICE} is made for a batch: its permission is {_NOTICE_PERMISSION} and it needs no note"]
    return []


def _repeated(what: str, codes: Sequence[str]) -> list[str]:
    return [f"the {what} {code} stands twice" for code in sorted({code for code in codes if codes.count(code) > 1})]


def _reachable(workflow: WorkflowDecl) -> set[str]:
    reached, former = {workflow.initial}, set[str]()
    while reached != former:
        former = set(reached)
        reached |= {step.target for step in workflow.transitions if reached & set(step.sources)}
    return reached


def _refuse_broken(workflow: WorkflowDecl, guards: Collection[str], effects: Collection[str], paying: Collection[str]) -> None:
    if problems := problems_of(workflow, guards, effects, paying):
        raise Misconfigured(
            f"流程 {workflow.name} 的声明有误：{problems[0]}",
            f"the workflow {workflow.name} is not sound: {'; '.join(problems)}",
            where=workflow.plugin,
        )
