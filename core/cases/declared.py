"""What cases declare to the host (see `core.builtin`)."""

from __future__ import annotations

from datetime import date

from core.cases.guards import documents_complete, notice_over, notice_posted
from core.cases.handler_changes import AGREE, AGREE_BREAK_GLASS, BREAK_GLASS, LASTS
from core.cases.handler_lists import emergencies_found
from core.cases.mass_jobs import JOB_KINDS
from core.host.declarations import (
    AuditCheckDecl,
    EffectDecl,
    GuardDecl,
    NavEntry,
    ParameterDecl,
    ParameterValue,
    PermissionDecl,
    TrailActDecl,
)

__all__ = ["AUDIT_CHECKS", "EFFECTS", "GUARDS", "JOB_KINDS", "NAVIGATION", "PARAMETERS", "PERMISSIONS", "TRAIL_ACTS"]

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
    # These show a case's number and names of staff, nothing of the case: whoever asks or agrees does not see it.
    PermissionDecl(BREAK_GLASS, "提出紧急变更保密件承办人", "ask for an emergency change of handlers", personal=False),
    PermissionDecl(AGREE, "同意变更保密件承办人", "agree to a change of handlers", personal=False),
    PermissionDecl(AGREE_BREAK_GLASS, "同意紧急变更保密件承办人", "agree to an emergency change of handlers", personal=False),
)

PARAMETERS = (
    ParameterDecl(
        LASTS,
        "承办人变更申请有效天数",
        "days in which a change of handlers must be agreed",
        "days",
        "domain 4.2.4",
        (ParameterValue(date(2020, 1, 1), 7, "平台默认值，省级可另行规定", "domain 4.2.4"),),
    ),
)

AUDIT_CHECKS = (
    AuditCheckDecl(
        "handlers_by_emergency",
        "保密件紧急变更承办人须逐件核查",
        "each emergency change of handlers is looked at",
        "minor",
        "domain 4.2.4",
        emergencies_found,
    ),
)

GUARDS = (
    GuardDecl("documents_complete", "材料齐全", "documents complete", documents_complete),
    GuardDecl("notice_posted", "已张贴公示", "notice posted", notice_posted),
    GuardDecl("notice_over", "公示期满无异议", "notice over without objection", notice_over),
)

EFFECTS: tuple[EffectDecl, ...] = ()
"""The core's own transitions have no effects; service lines bring theirs."""

TRAIL_ACTS = (
    TrailActDecl("case.open", "登记个案", "case opened"),
    TrailActDecl("case.assign", "指派承办人", "case assigned"),
    TrailActDecl("case.handlers", "承办人已变更", "handlers changed"),
    TrailActDecl("handlers.asked", "提出变更承办人", "change of handlers asked"),
    TrailActDecl("handlers.agreed", "同意变更承办人", "change of handlers agreed"),
    TrailActDecl("handlers.refused", "不同意变更承办人", "change of handlers refused"),
    TrailActDecl("handlers.withdrawn", "撤回承办人变更申请", "change of handlers withdrawn"),
)

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
    NavEntry(
        zh="承办人紧急变更",
        en="Emergency change of handlers",
        path="/cases/handlers",
        icon="lock",
        permission=BREAK_GLASS,
        group_zh="监督",
        group_en="Oversight",
        order=605,
    ),
)
