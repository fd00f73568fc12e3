"""Many open cases of a line at once (批量办理): given to another handler, handed to the union above, or finished.

For a line that is to be switched off, and for work that passes to somebody else. Cases are taken as they stand together: one
workflow, one version, one state. Confidential ones are their handlers' alone and never among them. The work is a job
(``core.cases.mass_jobs``): batches by key, each all or nothing, so that thousands hold no lock for long.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.authorisation import require
from core.cases.engine import NOTE_LENGTH
from core.cases.handlers import Candidate, Office
from core.cases.models import Case, SealedCase
from core.cases.repository import of_lines_read
from core.cases.switched_off import steps_open
from core.cases.workflows import SETTLE, state_of, workflows_pinned
from core.centre.numbering import line_of_case
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.matters import HAND_OVER
from core.exchange.upward import above
from core.host.declarations import TransitionDecl, WorkflowDecl
from core.host.manager import host
from core.jobs.models import Job, JobChunk
from core.jobs.service import start_job
from core.scope import current_scope
from core.tenancy.service import system_scope
from core.text.lines import line_ends

ASSIGN, GIVE_BACK, HAND_UP, FINISH = "cases.assign", "cases.give_back", "cases.hand_up", "cases.finish"
KINDS = (ASSIGN, GIVE_BACK, HAND_UP, FINISH)
MAY_ASSIGN = "case.assign"
Act = Literal["assign", "hand_up", "finish"]
_SHOWN_JOBS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Open cases that stand together. ``count`` are here, ``outside`` with another union; ``own`` of ``count`` were filed by
    the actor, or by whom he stands in for."""

    flow: WorkflowDecl
    state: str
    count: int
    outside: int
    own: int
    endings: tuple[TransitionDecl, ...]
    """The steps by which the actor may finish them as they stand."""
    goes_up: bool
    """Whether the union above takes them: its line is on, and they hang on no household's file here."""

    @property
    def key(self) -> str:
        """What names the group in a form."""
        return f"{self.flow.name}/{self.flow.version}/{self.state}"

    @property
    def state_zh(self) -> str:
        """The state's name."""
        return state_of(self.flow, self.state).zh

    def affected(self, step: TransitionDecl) -> int:
        """How many of them the actor's step would finish: whoever filed a case never decides it."""
        return self.count - self.own if step.decision else self.count


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mass act that somebody asks for. ``seen`` is the number of cases that he was shown; ``to`` the new handler's key, or
    the step by which the cases are finished."""

    plugin: str
    act: Act
    group: str
    seen: int
    reason: str
    to: str = ""


def groups(session: Session, plugin: str) -> list[Group]:
    """The open cases of a line, as far as the actor may see them, by workflow and state: one statement beside what the scope of
    the union above costs. Needs ``case.read``; raises ``NotFound`` for no such line."""
    current_scope().require("case.read")
    host().info(plugin)
    scope = current_scope()
    here = Case.is_here()
    counted = (
        select(
            Case.workflow,
            Case.workflow_version,
            Case.state,
            func.count().filter(here),
            func.count().filter(~here),
            func.count().filter(here, Case.clerk.in_(sorted(scope.persons))),
        )
        .where(Case.plugin == plugin, Case.closed_on.is_(None), Case.handlers.is_(None), of_lines_read())
        .group_by(Case.workflow, Case.workflow_version, Case.state)
        .order_by(Case.workflow, Case.workflow_version.desc())
    )
    rows = session.execute(counted).all()
    if not rows:
        return []
    flows = workflows_pinned(session, [(name, version) for name, version, *_ in rows])
    taken = _taken_above(plugin)
    found = []
    for name, version, state, count, outside, own in rows:
        flow = flows[name, version]
        endings = _endings(flow, state)
        found.append(Group(flow, state, count, outside, own, endings, taken and not flow.needs_household))
    order = {(flow.name, flow.version, one.code): place for flow in flows.values() for place, one in enumerate(flow.states)}
    return sorted(found, key=lambda one: (one.flow.name, -one.flow.version, order[one.flow.name, one.flow.version, one.state]))


def _endings(flow: WorkflowDecl, state: str) -> tuple[TransitionDecl, ...]:
    """Steps that close a case as it stands. What approves is decided on each case by itself, never on many unseen."""
    steps = [step for step in flow.transitions if state in step.sources and state_of(flow, step.target).closed]
    goes_on, scope = steps_open(flow, steps, state), current_scope()
    return tuple(
        step
        for step in steps
        if scope.may(step.permission) and step.permission != SETTLE and step.decision != "approved" and goes_on[step.code]
    )


def _taken_above(plugin: str) -> bool:
    peer = above(current_scope())
    return peer is not None and plugin in system_scope(peer, "reporting_up").plugins


def sealed_count(session: Session, plugin: str) -> int:
    """How many confidential cases of a line are open here: a number and nothing else of them. One statement."""
    prefixes = {flow.number_prefix for flow in host().collected("bangfu_workflows") if flow.plugin == plugin}
    numbers = session.scalars(select(SealedCase.number).where(SealedCase.closed_on.is_(None)))
    return sum(line_of_case(number) in prefixes for number in numbers)


def candidates(session: Session, plugin: str) -> list[Candidate]:
    """Whom cases of a line may be given to: accounts whose posts make a step of one of its workflows."""
    office, found = Office(session), dict[str, Candidate]()
    for flow in host().collected("bangfu_workflows"):
        if flow.plugin == plugin:
            found |= {one.actor: one for one in office.candidates(flow)}
    return sorted(found.values(), key=lambda one: (one.name, one.actor))


def start(session: Session, wanted: Wanted, key: str) -> Job:
    """Start a mass act as background work in this transaction; the same ``key`` gives the same job.

    Raises ``NotFound`` (no such line or group), ``Forbidden``, ``InvalidInput`` (reason, handler, step), ``Conflict`` (the
    number of cases is another one than was shown, or the act is not possible for them).
    """
    group = _group(session, wanted)
    reason = _reason(wanted.reason)
    scope = current_scope()
    params: dict[str, Any] = {
        "plugin": wanted.plugin,
        "workflow": group.flow.name,
        "version": group.flow.version,
        "state": group.state,
        "reason": reason,
        "persons": sorted(scope.persons),
    }
    label = f"{group.flow.zh}·{group.state_zh}"
    match wanted.act:
        case "assign":
            scope.require(MAY_ASSIGN)
            new = _candidate(session, group.flow, wanted.to)
            return start_job(session, ASSIGN, key, params | {"to": new.actor}, f"{label}：改由{new.name}承办 {group.count} 件")
        case "hand_up":
            require(HAND_OVER)
            peer = above(scope)
            if peer is None or not group.goes_up:
                raise Conflict("上级工会不接收此类个案", "the union above does not take these cases", where=wanted.group)
            return start_job(session, HAND_UP, key, params | {"peer": peer}, f"{label}：移交上级 {group.count} 件")
        case "finish":
            step = _ending(group, wanted.to)
            more = {"step": step.code, "decides": step.decision is not None}
            return start_job(session, FINISH, key, params | more, f"{label}：{step.zh} {group.affected(step)} 件")


def _group(session: Session, wanted: Wanted) -> Group:
    group = next((one for one in groups(session, wanted.plugin) if one.key == wanted.group), None)
    if group is None:
        raise NotFound("没有这些在办个案", "no open cases stand so", where="group")
    if group.count != wanted.seen or not group.count:
        raise Conflict(
            f"件数已有变化：页面显示 {wanted.seen} 件，现为 {group.count} 件",
            f"{wanted.seen} cases were shown, there are {group.count} now",
            where=wanted.group,
            mend_zh="请核对后重新提交",
            mend_en="look again and send it anew",
        )
    return group


def _reason(given: str) -> str:
    text = line_ends(given).strip()
    if not text:
        raise InvalidInput(
            "请填写理由", "a reason is needed", where="reason", mend_zh="写明依据，逐件记入办理记录", mend_en="state why"
        )
    if len(text) > NOTE_LENGTH:
        raise InvalidInput(f"理由不能超过 {NOTE_LENGTH} 字，现有 {len(text)} 字", "the reason is too long", where="reason")
    return text


def _candidate(session: Session, flow: WorkflowDecl, actor: str) -> Candidate:
    found = next((one for one in Office(session).candidates(flow) if one.actor == actor), None)
    if found is None:
        raise InvalidInput(
            "所选人员在本单位没有办理该业务的岗位",
            "whoever is chosen holds no post here that makes a step of this workflow",
            where="to",
            mend_zh="请从名单中选择",
            mend_en="choose one of the list",
        )
    return found


def _ending(group: Group, code: str) -> TransitionDecl:
    step = next((one for one in group.endings if one.code == code), None)
    if step is None:
        raise InvalidInput(
            "所选环节不能由您在此批量办理",
            "no step by which you may finish these cases",
            where="to",
            mend_zh="请从列出的办结环节中选择，其余逐件办理",
            mend_en="choose one of the list; make others case by case",
        )
    if not group.affected(step):
        raise Conflict(
            "这些个案都由您或您代理的人员经办，不能由您审批",
            "you, or whom you stand in for, filed all of these cases: whoever files a case never decides it",
            where=group.key,
            mend_zh="请由其他审批人员办理",
            mend_en="ask another approver",
        )
    return step


def give_back(session: Session, job_id: uuid.UUID) -> Job:
    """Undo an assignment of many: each case that nobody touched since goes back to whom it was with. Once for each job.

    Raises ``Forbidden``, ``NotFound``, ``Conflict`` (no assignment, or still under way).
    """
    current_scope().require(MAY_ASSIGN)
    job = session.get(Job, (current_scope().tenant, job_id))
    if job is None:
        raise NotFound("没有这项后台任务", "no such job", where=str(job_id))
    if job.kind != ASSIGN or job.state in ("queued", "running"):
        raise Conflict("该任务不能撤销", "this job cannot be undone", where=job.title)
    params = {"plugin": job.params["plugin"], "job": str(job_id)}
    return start_job(session, GIVE_BACK, str(job_id), params, f"撤销：{job.title}")


@dataclass(frozen=True, slots=True)
class MassJob:
    """A mass act of a line with how far it is, in batches; ``said`` are the refusals of batches that were not made."""

    job: Job
    done: int
    failed: int
    said: tuple[str, ...]
    undone: bool

    @property
    def running(self) -> bool:
        """Whether it is not over."""
        return self.job.state in ("queued", "running")


def recent(session: Session, plugin: str) -> list[MassJob]:
    """The last mass acts of a line, newest first: two statements."""
    jobs = session.scalars(
        select(Job)
        .where(Job.kind.in_(KINDS), Job.params["plugin"].as_string() == plugin)
        .order_by(Job.created_at.desc())
        .limit(_SHOWN_JOBS)
    ).all()
    if not jobs:
        return []
    of_job = JobChunk.job_id.in_([job.id for job in jobs])
    chunks = session.execute(select(JobChunk.job_id, JobChunk.state, JobChunk.error).where(of_job).order_by(JobChunk.no)).all()
    undone = {job.params["job"] for job in jobs if job.kind == GIVE_BACK}
    return [_mass_job(job, [(s, e) for one, s, e in chunks if one == job.id], str(job.id) in undone) for job in jobs]


def _mass_job(job: Job, chunks: Sequence[tuple[str, str | None]], undone: bool) -> MassJob:
    states = [state for state, _ in chunks]
    said = tuple(dict.fromkeys(error for state, error in chunks if state == "failed" and error))
    return MassJob(job, states.count("done"), states.count("failed"), said, undone)
