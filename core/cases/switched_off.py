"""Cases of a line that was switched off here: read as before, and going on as far as the law obliges (业务停用后的在办个案).

A clock that was started runs on, and with it goes each step that it obliges to: those that leave a state in which a clock of
the case runs, by the posts that would make them with the line on. What the platform makes because of an approved payment goes
on as well, and the applicant may take back what he asked for. All other steps wait until the line is on again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind
from core.cases.workflows import WITHDRAW
from core.errors import Conflict
from core.host.declarations import TransitionDecl, WorkflowDecl
from core.host.manager import host
from core.identity.mapping import own_mapping
from core.identity.service import permissions_of
from core.scope import current_scope

LINE = Kind("line", "业务", {"on": "启用", "owed": "已停用，时限须办", "paused": "已停用，暂停办理"})
GOES_ON = Demand(of=LINE, states=frozenset({"on", "owed"}))
"""What every step of a case asks of its line."""


def line_state(flow: WorkflowDecl, step: TransitionDecl, state: str, plugins: Collection[str]) -> str:
    """The state of a case's line for one step, where ``plugins`` are on."""
    if flow.plugin in plugins:
        return "on"
    return "owed" if is_obliged(flow, step, state) else "paused"


def is_off(plugin: str) -> bool:
    """Whether the line is off in the tenant in scope."""
    return plugin not in current_scope().plugins


def is_obliged(flow: WorkflowDecl, step: TransitionDecl, state: str) -> bool:
    """Whether a case in ``state`` may make the step although its line is off: a clock by which a step is owed runs there, or
    the applicant withdraws."""
    owed = any(state in clock.starts_in and not clock.waiting for clock in flow.deadlines)
    return owed or step.permission == WITHDRAW


def refuse_paused(flow: WorkflowDecl, step: TransitionDecl, state: str, number: str) -> None:
    """Raise ``Conflict`` for a step that waits until the line is on again."""
    if not GOES_ON.fits(line_state(flow, step, state, current_scope().plugins)):
        title = host().infos[flow.plugin].title_zh if flow.plugin in host().infos else flow.plugin
        raise Conflict(
            f"本单位已停用{title}，个案 {number} 暂停办理；法定时限内必须办理的环节除外",
            f"the line {flow.plugin} is off here: {number} makes no step that no clock obliges to",
            where=number,
            mend_zh="请联系本级管理员启用该业务",
            mend_en="ask the tenant's administrator to switch it on",
        )


def permissions_with(session: Session, plugins: Iterable[str]) -> frozenset[str]:
    """What the actor's posts may do with these lines on, for the steps that a running clock obliges to: one statement, and none
    where the lines are on."""
    scope = current_scope()
    off = frozenset(plugins) - scope.plugins
    if not off or not scope.roles:
        return scope.permissions
    codes, on = sorted(scope.roles), scope.plugins | off
    return scope.permissions | permissions_of(codes, on, own_mapping(session, codes, on, scope.business_date))


def steps_open(flow: WorkflowDecl, steps: Sequence[TransitionDecl], state: str) -> Mapping[str, bool]:
    """Of the steps that leave a state, which may be made as far as the line's being off is concerned."""
    off = is_off(flow.plugin)
    return {step.code: not off or is_obliged(flow, step, state) for step in steps}
