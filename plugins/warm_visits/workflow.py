"""The case of one household in a season: planned, under notice, approved, visited, closed (domain 1.1, 7.4)."""

from __future__ import annotations

from core.host.declarations import DeadlineDecl, FormDecl, FormField, StateDecl, TransitionDecl, WorkflowDecl
from plugins.warm_visits.names import (
    APPROVE,
    GOODS_ONLY,
    GRANT,
    IN_PLAN,
    KINDS,
    NAME,
    PLAN,
    RELEASE,
    SIGNED,
    VISIT,
    VISITED,
)

APPROVED, SEEN, CLOSED = "approved", "visited", "closed"

FORM = FormDecl(
    name="warm_visits_form",
    version=1,
    zh="送温暖慰问登记表",
    en="Registration of a new-year visit",
    fields=(
        FormField("kind", "慰问对象类别", "why it is visited", "choice", required=True, choices=tuple(KINDS.items())),
        FormField("reason", "列入理由", "why it is in the plan", required=True, max_length=200),
        FormField("basis", "慰问金标准及依据", "amount and where it comes from", "long_text"),
    ),
)

_TRANSITIONS = (
    TransitionDecl(
        "post_notice",
        "张贴公示",
        "post the notice",
        ("planned",),
        "noticed",
        "notice.post",
        ("notice_posted",),
        (),
        "domain 7.4",
    ),
    TransitionDecl(
        "approve",
        "审批同意",
        "approve",
        ("noticed",),
        APPROVED,
        APPROVE,
        guards=(IN_PLAN, "notice_over"),
        effects=(GRANT,),
        clause="domain 7.4",
        decision="approved",
    ),
    TransitionDecl(
        "approve_goods",
        "同意（仅慰问品）",
        "approve, goods alone",
        ("planned",),
        APPROVED,
        APPROVE,
        guards=(IN_PLAN, GOODS_ONLY),
        decision="approved",
    ),
    TransitionDecl(
        "refuse",
        "不予慰问",
        "refuse",
        ("planned", "noticed"),
        "refused",
        APPROVE,
        note_required=True,
        decision="refused",
    ),
    TransitionDecl("visit", "登记走访", "visited", (APPROVED,), SEEN, VISIT, guards=(VISITED,)),
    TransitionDecl("settle", "办结", "close", (SEEN,), CLOSED, VISIT, guards=(GOODS_ONLY, SIGNED)),
    TransitionDecl(
        "drop",
        "未能走访，撤销慰问",
        "not visited, given up",
        (APPROVED,),
        "dropped",
        APPROVE,
        effects=(RELEASE,),
        note_required=True,
    ),
    TransitionDecl("paid", "慰问金发放完毕", "paid in full", (APPROVED, SEEN), CLOSED, "case.settle", clause="domain 7.1"),
    TransitionDecl("withdraw", "撤回", "withdraw", ("planned", "noticed"), "withdrawn", "case.withdraw", note_required=True),
)

WORKFLOW = WorkflowDecl(
    name=NAME,
    version=1,
    plugin=NAME,
    zh="送温暖慰问",
    en="New-year visit",
    number_prefix="SWN",
    initial="planned",
    states=(
        StateDecl("planned", "已列入计划", "planned"),
        StateDecl("noticed", "公示中", "under notice"),
        StateDecl(APPROVED, "待走访", "approved, to be visited"),
        StateDecl(SEEN, "已走访", "visited"),
        StateDecl(CLOSED, "已办结", "closed", closed=True),
        StateDecl("refused", "不予慰问", "refused", closed=True),
        StateDecl("dropped", "未能走访", "not visited", closed=True),
        StateDecl("withdrawn", "已撤回", "withdrawn", closed=True),
    ),
    transitions=_TRANSITIONS,
    form=FORM,
    deadlines=(
        DeadlineDecl(
            "notice_period",
            "公示期",
            "notice period",
            ("noticed",),
            "working",
            "domain 7.4",
            parameter="notice_working_days",
            waiting=True,
        ),
    ),
    open_permission=PLAN,
    needs_household=True,
)

WORKFLOWS = (WORKFLOW,)
STATES = {state.code: state.zh for state in WORKFLOW.states}
