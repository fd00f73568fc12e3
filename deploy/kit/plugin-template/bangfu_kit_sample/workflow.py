"""The form and the workflow (流程). A version that has been in use never changes: add the next one to ``WORKFLOWS``."""

from __future__ import annotations

from bangfu_kit_sample.names import NAME, RECORD, VISITED
from core.host.declarations import FormDecl, FormField, StateDecl, TransitionDecl, WorkflowDecl

FORM = FormDecl(
    name="kit_sample_form",
    version=1,
    zh="示例业务登记表",
    en="Sample form",
    fields=(
        FormField("reason", "走访事由", "reason for the visit", required=True, max_length=200),
        FormField(
            "occasion",
            "走访时节",
            "occasion",
            "choice",
            choices=(("new_year", "元旦春节"), ("summer", "夏季送清凉"), ("other", "其他")),
        ),
        FormField("remarks", "备注", "remarks", "long_text"),
    ),
)

WORKFLOWS = (
    WorkflowDecl(
        name=NAME,
        version=1,
        plugin=NAME,
        zh="示例业务",
        en="Sample line",
        number_prefix="KS",
        initial="registered",
        states=(
            StateDecl("registered", "已登记", "registered"),
            StateDecl("visiting", "走访中", "being visited"),
            StateDecl("closed", "已办结", "closed", closed=True),
        ),
        transitions=(
            TransitionDecl("take_up", "开始走访", "take up", ("registered",), "visiting", RECORD),
            TransitionDecl("close", "办结", "close", ("visiting",), "closed", RECORD, guards=(VISITED,), note_required=True),
            TransitionDecl("drop", "不再走访", "drop", ("registered",), "closed", RECORD, note_required=True),
        ),
        form=FORM,
        open_permission=RECORD,
    ),
)
