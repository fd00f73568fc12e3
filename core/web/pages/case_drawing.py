"""A case as its page draws it: the way through its workflow, its clocks, its form in words (办理流程, 法定时限)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.cases.models import Case, CaseStep, Deadline
from core.codes import code_list
from core.host.declarations import FormDecl, WorkflowDecl
from core.web.charts import FlowState, StateKind
from core.web.filters import yuan

_SOON_DAYS = 3


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline as the macro ``clock_card`` takes it."""

    title: str
    rule: str
    value: str
    share: float
    state: str
    ends: tuple[str, ...]


def main_line(flow: WorkflowDecl) -> list[str]:
    """States from the first one to the usual end: from each, the first transition onward that is no refusal."""
    line = [flow.initial]
    while True:
        onward = [
            step.target
            for step in flow.transitions
            if line[-1] in step.sources and step.target not in line and step.decision != "refused"
        ]
        if not onward:
            return line
        line.append(onward[0])


def flow_states(flow: WorkflowDecl, case: Case, steps: Sequence[CaseStep]) -> list[FlowState]:
    """The states in the order in which they are drawn, with the day on which the case came to each."""
    line = main_line(flow)
    reached = {step.target: step.business_date for step in steps}
    by_code = {state.code: state for state in flow.states}
    order = [by_code[code] for code in line] + [state for state in flow.states if state.code not in line]
    drawn = []
    for state in order:
        came = reached.get(state.code)
        note = f"{came:%m-%d}" if came else ""
        drawn.append(FlowState(state.code, state.zh, _kind(case, state.code, came, line), note, state.code not in line))
    return drawn


def _kind(case: Case, state: str, came: date | None, line: Sequence[str]) -> StateKind:
    if state == case.state:
        return "wait" if case.is_outside else "now"
    if came is not None:
        return "done"
    return "off" if case.closed_on is not None or state not in line else "next"


def flow_pairs(flow: WorkflowDecl) -> list[tuple[str, str]]:
    """The transitions as pairs of states."""
    return [(source, step.target) for step in flow.transitions for source in step.sources]


def clocks(flow: WorkflowDecl, deadlines: Sequence[Deadline], today: date) -> list[Clock]:
    """The clocks of a case that were not cancelled, as of ``today``."""
    titles = {clock.kind: clock.zh for clock in flow.deadlines}
    waiting = {clock.kind for clock in flow.deadlines if clock.waiting}
    return [
        _clock(titles.get(found.kind, found.kind), found, today, waiting=found.kind in waiting)
        for found in deadlines
        if found.cancelled_on is None
    ]


def _clock(title: str, found: Deadline, today: date, *, waiting: bool) -> Clock:
    ends = (f"{found.started_on:%m-%d} 起", f"{found.due_on:%m-%d} 到期" + ("（暂定）" if found.provisional else ""))
    whole = max((found.due_on - found.started_on).days, 1)
    if waiting and (found.met_on or today) > found.due_on:
        return Clock(title, found.clause, "已满", 100.0, "kept", ends)
    if found.met_on is not None:
        late = (found.met_on - found.due_on).days
        share = min(100.0, 100 * (found.met_on - found.started_on).days / whole)
        value = f"超 {late} 天办结" if late > 0 else f"{found.met_on:%m-%d} 已办"
        return Clock(title, found.clause, value, share, "over" if late > 0 else "kept", ends)
    left = (found.due_on - today).days
    share = min(100.0, max(0.0, 100 * (whole - left) / whole))
    if left < 0:
        return Clock(title, found.clause, f"超 {-left} 天", 100.0, "over", ends)
    value = "今天到期" if left == 0 else f"剩 {left} 天"
    return Clock(title, found.clause, value, share, "due" if left <= _SOON_DAYS else "running", ends)


def form_words(form: FormDecl, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the application form says, in words: (label, text); empty fields are left out."""
    return [(field.zh, _words(field.kind, field.code_list, field.choices, values[field.name])) for field in form.fields
            if field.name in values]  # fmt: skip


def _words(kind: str, list_name: str | None, choices: Sequence[tuple[str, str]], value: Any) -> str:
    if kind == "money":
        return yuan(int(value))
    if kind == "yes_no":
        return "是" if value else "否"
    if kind == "choice":
        return code_list(list_name).item(str(value)).zh if list_name else dict(choices).get(str(value), str(value))
    return str(value)
