"""The workflow of job seeking (求职登记): registration, counselling, placement, follow-up (domain 4.1).

From the second version on registering asks for a right of its own, so that a job officer opens no cases of other lines; from
the third on a follow-up waits for as long as the tenant has set.
"""

from __future__ import annotations

from dataclasses import replace

from core.host.declarations import DocumentRequirement, FormDecl, FormField, StateDecl, TransitionDecl, WorkflowDecl
from plugins.employment.policy import SETTLED

NAME = "job_seeking"

FORM = FormDecl(
    name="job_seeker",
    version=1,
    zh="求职及培训登记表",
    en="Job-seeking and training form",
    fields=(
        FormField("employment_status", "就业状况", "employment status", "choice", True, code_list="employment_status"),
        FormField("education", "文化程度", "education", "choice", True, code_list="education"),
        FormField("title", "专业技术职称", "professional title", max_length=60),
        FormField("skills", "技能特长", "skills", "long_text"),
        FormField("wanted_work", "求职意向", "work wanted", required=True, max_length=200),
        FormField("wanted_pay", "期望月薪（元）", "monthly pay wanted", "money"),
        FormField("wants_training", "需要技能培训", "wants training", "yes_no"),
        FormField(
            "certificate",
            "持有证件",
            "certificate held",
            "choice",
            choices=(("laid_off", "下岗证"), ("unemployment", "失业证（就业创业证）"), ("none", "无")),
            hint_zh="持下岗证、失业证的，职业介绍免费，培训优惠",
        ),
    ),
)

_FIRST = WorkflowDecl(
    name=NAME,
    version=1,
    plugin="employment",
    zh="求职登记",
    en="Job seeking",
    number_prefix="QZ",
    initial="registered",
    states=(
        StateDecl("registered", "已登记", "registered"),
        StateDecl("counselled", "已指导", "counselled"),
        StateDecl("placed", "已上岗", "placed"),
        StateDecl("closed", "已办结", "closed", closed=True),
    ),
    transitions=(
        TransitionDecl(
            "counsel",
            "职业指导",
            "counsel",
            ("registered",),
            "counselled",
            "employment.counsel",
            guards=("documents_complete",),
            clause="domain 4.1.1",
            note_required=True,
        ),
        TransitionDecl(
            "place",
            "推荐上岗",
            "place",
            ("counselled",),
            "placed",
            "employment.place",
            clause="domain 4.1.1",
            note_required=True,
        ),
        TransitionDecl(
            "follow_up",
            "回访办结",
            "follow up and close",
            ("placed",),
            "closed",
            "employment.place",
            clause="domain 4.1.5",
            note_required=True,
        ),
        TransitionDecl(
            "seek_again", "重新求职", "seek again", ("placed",), "counselled", "employment.counsel", note_required=True
        ),
        TransitionDecl(
            "close",
            "终止求职",
            "close",
            ("registered", "counselled"),
            "closed",
            "employment.counsel",
            note_required=True,
        ),
    ),
    form=FORM,
    documents=(
        DocumentRequirement("identity_card", "domain 4.1.3"),
        DocumentRequirement("education_certificate", "domain 4.1.3"),
        DocumentRequirement("photo", "domain 4.1.3"),
    ),
)

_SECOND = replace(_FIRST, version=2, open_permission="employment.register")


def _waiting(step: TransitionDecl) -> TransitionDecl:
    return replace(step, guards=(*step.guards, SETTLED)) if step.code == "follow_up" else step


WORKFLOW = replace(_SECOND, version=3, transitions=tuple(_waiting(step) for step in _FIRST.transitions))

WORKFLOWS = (_FIRST, _SECOND, WORKFLOW)
