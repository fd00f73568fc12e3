"""Roles of the core (domain 1.2, 7.1, 12). Plugins add their own roles, and grant their permissions to these."""

from __future__ import annotations

from core.host.declarations import PermissionDecl, RoleDecl
from core.scope import Level

_ALL = frozenset(Level)

PERMISSIONS = (
    PermissionDecl("home.read", "查看首页待办", "see what is due"),
    PermissionDecl("parameters.write", "设定政策参数", "set dated policy figures"),
    PermissionDecl("audit.read", "查看审计发现问题", "read audit findings"),
    PermissionDecl("audit.run", "发起审计", "run the audit"),
    PermissionDecl("audit.answer", "答复审计发现问题", "answer audit findings"),
    PermissionDecl("announcement.publish", "发布年度公告", "publish the annual announcement"),
    PermissionDecl("exchange.hand_over", "向其他单位移交事项", "hand a matter to another tenant"),
    PermissionDecl("exchange.take", "接收其他单位移交的事项", "take a matter from another tenant"),
    PermissionDecl("staff.write", "管理人员与岗位", "manage staff and posts"),
)

_CASE_WORK = frozenset({"home.read", "people.read", "case.read", "document.read", "notice.read", "survey.read"})

ROLES = (
    RoleDecl(
        "caseworker",
        "窗口经办",
        "caseworker",
        _CASE_WORK
        | {
            "people.write",
            "people.reveal",
            "people.import",
            "case.open",
            "case.advance",
            "case.withdraw",
            "case.assign",
            "document.add",
            "document.withdraw",
            "notice.post",
            "notice.register_objection",
            "survey.open",
            "exchange.hand_over",
            "exchange.take",
            "job.read",
        },
        duty="clerk",
    ),
    RoleDecl("reviewer", "审核人", "reviewer", _CASE_WORK | {"people.reveal", "case.advance"}),
    RoleDecl(
        "case_approver",
        "审批人",
        "case approver",
        _CASE_WORK | {"case.advance", "case.decide", "case.withdraw", "notice.answer_objection", "funds.read", "exchange.take"},
        duty="approver",
    ),
    RoleDecl(
        "vice_chair_in_charge",
        "分管副主席",
        "vice chair in charge",
        _CASE_WORK | {"funds.read", "audit.read", "audit.answer", "job.read", "announcement.publish"},
    ),
    RoleDecl(
        "fund_manager",
        "资金专管员",
        "fund manager",
        frozenset({"home.read", "funds.read", "funds.receive", "funds.prepare", "announcement.publish"}),
        duty="fund_manager",
    ),
    RoleDecl(
        "payment_approver",
        "支付审批人",
        "payment approver",
        frozenset({"home.read", "funds.read", "funds.approve_payment"}),
        duty="approver",
    ),
    RoleDecl("payer", "出纳", "payer", frozenset({"home.read", "funds.read", "funds.pay"}), duty="payer"),
    RoleDecl(
        "auditor",
        "审计人员",
        "auditor",
        frozenset(
            {
                "home.read",
                "people.read",
                "case.read",
                "document.read",
                "survey.read",
                "funds.read",
                "audit.read",
                "audit.run",
                "job.read",
            }
        ),
        audit_side="auditor",
    ),
    RoleDecl(
        "survey_visitor",
        "入户调查员",
        "survey visitor",
        frozenset({"home.read", "people.read"}),
        frozenset({Level.COUNTY}),
    ),
    RoleDecl("leader", "领导（只读）", "leader", frozenset({"home.read"}), audit_side=None),
    RoleDecl(
        "tenant_admin",
        "本级管理员",
        "administrator of the tenant",
        frozenset({"home.read", "parameters.write", "staff.write", "survey.open", "job.read", "job.start", "job.cancel"}),
    ),
)
