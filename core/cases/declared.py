"""What cases declare to the host (see `core.builtin`)."""

from __future__ import annotations

from core.cases.guards import documents_complete, notice_over, notice_posted
from core.host.declarations import EffectDecl, GuardDecl, NavEntry, PermissionDecl

PERMISSIONS = (
    PermissionDecl("case.open", "登记个案", "open cases", personal=True),
    PermissionDecl("case.read", "查看个案", "read cases", personal=True),
    PermissionDecl("case.advance", "办理个案", "move cases along", personal=True),
    PermissionDecl("case.decide", "审批个案", "decide cases", personal=True),
    PermissionDecl("case.withdraw", "撤回申请", "withdraw applications", personal=True),
    PermissionDecl("case.assign", "指派承办人", "assign cases", personal=True),
    PermissionDecl(
        "case.settle",
        "发放后结转（由系统办理，不授予岗位）",
        "settle paid cases (made by the platform, given to no post)",
        personal=True,
    ),
)

GUARDS = (
    GuardDecl("documents_complete", "材料齐全", "documents complete", documents_complete),
    GuardDecl("notice_posted", "已张贴公示", "notice posted", notice_posted),
    GuardDecl("notice_over", "公示期满无异议", "notice over without objection", notice_over),
)

EFFECTS: tuple[EffectDecl, ...] = ()
"""The core's own transitions have no effects; service lines bring theirs."""

NAVIGATION = (
    NavEntry(
        zh="待办期限",
        en="Deadlines",
        path="/deadlines",
        icon="clock",
        permission="case.read",
        group_zh="业务办理",
        group_en="Casework",
        order=10,
    ),
)
