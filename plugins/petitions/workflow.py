"""The workflow of letters and visits (信访): registration, acceptance, answer, closing (domain 4.2, 8).

From the second version on, reporting up (上报) sends the matter to the union above; on its answer the case goes on here. From
the third on, the tenant may want two people for accepting and answering.

An appeal, accusation or report is confidential from its registration on: the code list petition_kind says so.
"""

from __future__ import annotations

from dataclasses import replace

from core.host.declarations import DeadlineDecl, FormDecl, FormField, StateDecl, TransitionDecl, WorkflowDecl
from plugins.petitions.policy import ANOTHER

NAME = "petition"

FORM = FormDecl(
    name="petition_register",
    version=1,
    zh="信访登记表",
    en="Register of a petition",
    fields=(
        FormField(
            "kind",
            "信访目的",
            "kind",
            "choice",
            True,
            code_list="petition_kind",
            hint_zh="申诉、控告、检举自登记起保密，只有承办人可见",
        ),
        FormField("channel", "信访形式", "channel", "choice", True, code_list="petition_channel"),
        FormField("subject", "主要事由", "subject", required=True, max_length=200),
        FormField("content", "反映内容", "what was said", "long_text", True, max_length=20_000),
        FormField("people", "涉及人数", "people concerned", "integer"),
        FormField("employer", "涉及单位", "employer concerned", max_length=200),
        FormField("major", "重大信访事项", "major matter", "yes_no", hint_zh="重大上访应立即报告分管主席"),
    ),
)

_STATES = (
    StateDecl("registered", "已登记", "registered"),
    StateDecl("accepted", "已受理", "accepted"),
    StateDecl("answered", "已答复", "answered"),
    StateDecl("handed_up", "已上报", "handed up"),
    StateDecl("closed", "已办结", "closed", closed=True),
)

_TRANSITIONS = (
    TransitionDecl(
        "accept",
        "受理",
        "accept",
        ("registered",),
        "accepted",
        "petitions.handle",
        clause="信访工作条例第二十三条",
        note_required=True,
    ),
    TransitionDecl(
        "answer",
        "出具处理意见",
        "answer",
        ("accepted",),
        "answered",
        "petitions.answer",
        clause="信访工作条例第三十二条",
        note_required=True,
    ),
    TransitionDecl(
        "decline",
        "不予受理并告知",
        "decline and tell why",
        ("registered",),
        "closed",
        "petitions.answer",
        clause="信访工作条例第二十三条",
        note_required=True,
    ),
    TransitionDecl(
        "hand_up",
        "上报上级",
        "hand up",
        ("registered", "accepted"),
        "handed_up",
        "petitions.hand_up",
        clause="domain 4.2.3",
        note_required=True,
    ),
    TransitionDecl(
        "take_back",
        "上级退回本级办理",
        "take back",
        ("handed_up",),
        "registered",
        "petitions.handle",
        clause="domain 4.2.3",
        note_required=True,
    ),
    TransitionDecl(
        "close",
        "办结归档",
        "close and archive",
        ("answered", "handed_up"),
        "closed",
        "petitions.handle",
        clause="domain 4.2.1",
        note_required=True,
    ),
)

_FIRST = WorkflowDecl(
    name=NAME,
    version=1,
    plugin="petitions",
    zh="信访",
    en="Petition",
    number_prefix="XF",
    initial="registered",
    states=_STATES,
    transitions=_TRANSITIONS,
    form=FORM,
    deadlines=(
        DeadlineDecl(
            "acceptance",
            "告知是否受理",
            "tell whether it is accepted",
            ("registered",),
            "calendar",
            "信访工作条例第二十三条",
            days=15,
        ),
        DeadlineDecl("answer", "办结答复", "answer", ("accepted",), "calendar", "信访工作条例第三十四条", days=60),
    ),
    open_permission="petitions.register",
)


def _reporting(step: TransitionDecl) -> TransitionDecl:
    if step.code == "hand_up":
        return replace(step, guards=("union_above_takes",), effects=("hand_up",))
    if step.code == "answer":
        # The written opinion may rest on what the union above answered; every petitioner gets one (domain 4.2.5).
        return replace(step, sources=("accepted", "handed_up"))
    return step


def _by_another(step: TransitionDecl) -> TransitionDecl:
    return replace(step, guards=(*step.guards, ANOTHER)) if step.code == "answer" else step


_SECOND = replace(_FIRST, version=2, transitions=tuple(_reporting(step) for step in _TRANSITIONS))
WORKFLOW = replace(_SECOND, version=3, transitions=tuple(_by_another(step) for step in _SECOND.transitions))

WORKFLOWS = (_FIRST, _SECOND, WORKFLOW)
"""All versions, the newest last; cases stay with the version that they were opened with."""
