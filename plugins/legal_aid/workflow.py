"""The workflow of legal aid (法律援助): application, check, decision, assignment, outcome (domain 4.3, 9).

From the second version on an assignment keeps to the tenant's panel of lawyers, where it has said so.
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
from plugins.legal_aid.policy import ON_PANEL

NAME = "legal_aid"

FORM = FormDecl(
    name="legal_aid_application",
    version=1,
    zh="法律援助申请表",
    en="Application for legal aid",
    fields=(
        FormField("matter", "援助事项", "matter", "choice", True, code_list="legal_aid_matter"),
        FormField("way", "援助方式", "way of aid", "choice", True, code_list="legal_aid_way"),
        FormField("person_kind", "援助对象", "who applies", "choice", True, code_list="legal_aid_person_kind"),
        FormField("opponent", "对方当事人", "opposing party", required=True, max_length=200),
        FormField("facts", "事实与理由", "facts and reasons", "long_text", True, max_length=20_000),
        FormField("claim", "请求事项", "claim", "long_text"),
        FormField(
            "hardship_waiver",
            "免予核查经济困难状况的情形",
            "waiver of the hardship check",
            "choice",
            code_list="legal_aid_hardship_waiver",
        ),
    ),
)

_LAW = "法律援助法第四十三条"

_FIRST = WorkflowDecl(
    name=NAME,
    version=1,
    plugin="legal_aid",
    zh="法律援助",
    en="Legal aid",
    number_prefix="FY",
    initial="applied",
    states=(
        StateDecl("applied", "已申请", "applied"),
        StateDecl("checked", "已审查", "checked"),
        StateDecl("granted", "给予援助", "granted"),
        StateDecl("assigned", "已指派", "assigned"),
        StateDecl("refused", "不予援助", "refused", closed=True),
        StateDecl("closed", "已办结", "closed", closed=True),
    ),
    transitions=(
        TransitionDecl(
            "check",
            "审查",
            "check",
            ("applied",),
            "checked",
            "legal_aid.check",
            guards=("documents_complete",),
            clause="domain 4.3.4",
        ),
        TransitionDecl(
            "grant", "给予援助", "grant", ("checked",), "granted", "legal_aid.decide", clause=_LAW, decision="approved"
        ),
        TransitionDecl(
            "refuse",
            "不予援助",
            "refuse",
            ("applied", "checked"),
            "refused",
            "legal_aid.decide",
            clause=_LAW,
            note_required=True,
            decision="refused",
        ),
        TransitionDecl(
            "assign",
            "指派援助律师",
            "assign a lawyer",
            ("granted",),
            "assigned",
            "legal_aid.assign",
            clause=_LAW,
            note_required=True,
        ),
        TransitionDecl(
            "close",
            "办结",
            "close",
            ("assigned",),
            "closed",
            "legal_aid.conclude",
            clause="domain 4.3.4",
            note_required=True,
        ),
        TransitionDecl(
            "withdraw", "撤回申请", "withdraw", ("applied", "checked"), "closed", "case.withdraw", note_required=True
        ),
    ),
    form=FORM,
    documents=(
        DocumentRequirement("identity_card", "domain 4.3.4"),
        DocumentRequirement("work_unit_certificate", "domain 4.3.4"),
        DocumentRequirement("evidence", "domain 4.3.4"),
    ),
    deadlines=(
        DeadlineDecl("decision", "作出是否援助的决定", "decide", ("applied", "checked"), "calendar", _LAW, days=7),
        DeadlineDecl("assignment", "指派援助人员", "assign a lawyer", ("granted",), "calendar", _LAW, days=3),
    ),
)


def _on_panel(step: TransitionDecl) -> TransitionDecl:
    return replace(step, effects=(ON_PANEL,)) if step.code == "assign" else step


WORKFLOW = replace(_FIRST, version=2, transitions=tuple(_on_panel(step) for step in _FIRST.transitions))

WORKFLOWS = (_FIRST, WORKFLOW)
"""All versions, the newest last; cases stay with the version that they were opened with."""
