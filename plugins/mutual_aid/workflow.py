"""A claim (给付申请): filed, checked, under notice, approved, paid."""

from __future__ import annotations

from core.host.declarations import (
    DeadlineDecl,
    DocumentRequirement,
    FormDecl,
    FormField,
    StateDecl,
    TransitionDecl,
    WorkflowDecl,
)
from plugins.mutual_aid.names import APPROVE, CHECK, COVERED, GRANT, NAME, PLANS, REGISTER

FORM = FormDecl(
    name="mutual_aid_claim",
    version=1,
    zh="职工互助保障给付申请表",
    en="Claim of a member",
    fields=(
        FormField("plan", "保障计划", "plan", "choice", required=True, choices=tuple(PLANS.items())),
        FormField("event_from", "入院（确诊）日期", "admitted or found on", "date", required=True),
        FormField("event_to", "出院日期", "discharged on", "date"),
        FormField("diagnosis", "诊断", "diagnosis", required=True, max_length=200),
        FormField("basis", "给付计算说明", "how the amount was found", "long_text"),
    ),
)

_CLAUSE = "domain 10"

WORKFLOW = WorkflowDecl(
    name=NAME,
    version=1,
    plugin=NAME,
    zh="职工互助保障给付",
    en="Mutual-aid claim",
    number_prefix="HZ",
    initial="filed",
    states=(
        StateDecl("filed", "已申请", "filed"),
        StateDecl("checked", "已核实", "checked"),
        StateDecl("noticed", "公示中", "under notice"),
        StateDecl("approved", "待给付", "approved, to be paid"),
        StateDecl("closed", "已给付", "paid", closed=True),
        StateDecl("refused", "不予给付", "refused", closed=True),
        StateDecl("withdrawn", "已撤回", "withdrawn", closed=True),
    ),
    transitions=(
        TransitionDecl("check", "核实", "check", ("filed",), "checked", CHECK, guards=("documents_complete", COVERED)),
        TransitionDecl("send_back", "退回补正", "send back", ("checked",), "filed", CHECK, note_required=True),
        TransitionDecl(
            "post_notice",
            "张贴公示",
            "post the notice",
            ("checked",),
            "noticed",
            "notice.post",
            guards=("notice_posted",),
            clause="domain 7.4",
        ),
        TransitionDecl(
            "approve",
            "审批同意",
            "approve",
            ("noticed",),
            "approved",
            APPROVE,
            guards=("documents_complete", "notice_over", COVERED),
            effects=(GRANT,),
            clause="domain 7.4",
            decision="approved",
        ),
        TransitionDecl(
            "refuse",
            "不予给付",
            "refuse",
            ("filed", "checked", "noticed"),
            "refused",
            APPROVE,
            note_required=True,
            decision="refused",
        ),
        TransitionDecl("paid", "给付完毕", "paid in full", ("approved",), "closed", "case.settle", clause="domain 7.1"),
        TransitionDecl(
            "withdraw",
            "撤回申请",
            "withdraw",
            ("filed", "checked", "noticed"),
            "withdrawn",
            "case.withdraw",
            note_required=True,
        ),
    ),
    form=FORM,
    documents=(DocumentRequirement("medical_record", _CLAUSE), DocumentRequirement("medical_receipt", _CLAUSE)),
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
    open_permission=REGISTER,
    needs_household=True,
)

WORKFLOWS = (WORKFLOW,)
STATES = {state.code: state.zh for state in WORKFLOW.states}
ENDED = ("refused", "withdrawn")
"""States of claims that count for nothing any more."""
