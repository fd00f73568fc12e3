"""The workflow of living relief (生活救助): application, check, public notice, decision, payment (domain 4.4, 7.4, 10).

From the second version on, approval waits for the household's present determination (domain 7.5); from the third on, checking
and approval wait for what the tenant asks for beside the law.
"""

from __future__ import annotations

from dataclasses import replace

from core.host.declarations import (
    DeadlineDecl,
    DocumentRequirement,
    FormDecl,
    FormField,
    StateDecl,
    TransitionDecl,
    WorkflowDecl,
)
from plugins.living_relief.determined import GUARD
from plugins.living_relief.policy import PAPERS, VISITED

NAME = "living_relief"
GRANT = "living_relief.grant"

FORM = FormDecl(
    name="relief_application",
    version=1,
    zh="困难职工救助申请表",
    en="Application for relief",
    fields=(
        FormField("main_cause", "主要致困原因", "main cause", "choice", code_list="main_cause"),
        FormField("statement", "困难情况说明", "statement of the difficulty", "long_text"),
        FormField("verified_by_visit", "已入户核实", "verified by a visit", "yes_no"),
    ),
)

_STATES = (
    StateDecl("applied", "已受理", "applied"),
    StateDecl("verified", "已核实", "verified"),
    StateDecl("noticed", "公示中", "under notice"),
    StateDecl("approved", "待发放", "approved, to be paid"),
    StateDecl("closed", "已发放", "paid", closed=True),
    StateDecl("refused", "不予救助", "refused", closed=True),
    StateDecl("withdrawn", "已撤回", "withdrawn", closed=True),
)

_TRANSITIONS = (
    TransitionDecl("verify", "核实", "verify", ("applied",), "verified", "living_relief.verify", clause="domain 4.4.1"),
    TransitionDecl("send_back", "退回补正", "send back", ("verified",), "applied", "living_relief.verify", note_required=True),
    TransitionDecl(
        "post_notice",
        "张贴公示",
        "post the notice",
        ("verified",),
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
        "living_relief.approve",
        guards=("documents_complete", "notice_over"),
        effects=(GRANT,),
        clause="domain 7.4",
        decision="approved",
    ),
    TransitionDecl(
        "refuse",
        "不予救助",
        "refuse",
        ("applied", "verified", "noticed"),
        "refused",
        "living_relief.approve",
        clause="domain 4.4",
        note_required=True,
        decision="refused",
    ),
    TransitionDecl("paid", "发放完毕", "paid in full", ("approved",), "closed", "case.settle", clause="domain 7.1"),
    TransitionDecl(
        "withdraw",
        "撤回申请",
        "withdraw",
        ("applied", "verified", "noticed"),
        "withdrawn",
        "case.withdraw",
        note_required=True,
    ),
)

_FILE_RULE = "domain 10"
_FIRST = WorkflowDecl(
    name=NAME,
    version=1,
    plugin="living_relief",
    zh="生活救助",
    en="Living relief",
    number_prefix="SH",
    initial="applied",
    states=_STATES,
    transitions=_TRANSITIONS,
    form=FORM,
    documents=(
        DocumentRequirement("identity_card", _FILE_RULE),
        DocumentRequirement("household_book", _FILE_RULE),
        DocumentRequirement("income_proof", _FILE_RULE),
        DocumentRequirement("work_unit_certificate", "domain 4.4.2"),
        DocumentRequirement("school_certificate", "domain 4.4.2c", programme="schooling"),
        DocumentRequirement("medical_receipt", "domain 4.4.2b", programme="medical"),
    ),
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
    needs_household=True,
)


def _resting(step: TransitionDecl) -> TransitionDecl:
    return replace(step, guards=(*step.guards, GUARD)) if step.code == "approve" else step


_SECOND = replace(_FIRST, version=2, transitions=tuple(_resting(step) for step in _TRANSITIONS))
_LOCAL = {"verify": VISITED, "approve": PAPERS}


def _local(step: TransitionDecl) -> TransitionDecl:
    return replace(step, guards=(*step.guards, _LOCAL[step.code])) if step.code in _LOCAL else step


WORKFLOW = replace(_SECOND, version=3, transitions=tuple(_local(step) for step in _SECOND.transitions))

WORKFLOWS = (_FIRST, _SECOND, WORKFLOW)
"""All versions, the newest last; cases stay with the version that they were opened with."""
