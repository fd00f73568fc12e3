"""Roles of the core (domain 1.2, 7.1, 12). Plugins add their own roles, and grant their permissions to these.

Topics of the outbox enter with the modules of moves, of one's own account, and of the directory.
"""

from __future__ import annotations

from datetime import date

from core.host.declarations import NavEntry, ParameterDecl, ParameterValue, PermissionDecl, RoleDecl
from core.host.manager import host
from core.identity import moves, own_account
from core.identity.acts import TRAIL_ACTS
from core.identity.directory import groups, people
from core.identity.jobs import JOBS
from core.identity.names import (
    COUNTY_GRANTS,
    DORMANT_DAYS,
    GRANT_ADMINISTRATORS,
    READ_LOG,
    READ_SYSTEM,
    REVIEW_ACCESS,
    REVIEW_MONTHS,
    SEE_REVIEW,
    WRITE_PROGRAMS,
    WRITE_STAFF,
)
from core.scope import Level

_UPPER = frozenset({Level.PROVINCE, Level.PREFECTURE})


def _role_names() -> dict[str, str]:
    """Working roles that a tenant may give, by code: the core's and those of installed plugins."""
    declared: list[RoleDecl] = host().collected("bangfu_roles")
    return {role.code: role.zh for role in declared if role.granted_by == "tenant"}


PERMISSIONS = (
    PermissionDecl("home.read", "查看首页待办", "see what is due", personal=False),
    PermissionDecl("parameters.write", "拟订政策参数与岗位权限", "propose figures of policy, map roles", personal=False),
    PermissionDecl("audit.read", "查看审计发现问题", "read audit findings", personal=True),
    PermissionDecl("audit.run", "发起审计", "run the audit", personal=False),
    PermissionDecl("audit.answer", "答复审计发现问题", "answer audit findings", personal=True),
    PermissionDecl("announcement.publish", "发布年度公告", "publish the annual announcement", personal=False),
    PermissionDecl("exchange.hand_over", "向其他单位移交事项", "hand a matter to another tenant", personal=True),
    PermissionDecl("exchange.take", "接收其他单位移交的事项", "take a matter from another tenant", personal=True),
    PermissionDecl(WRITE_STAFF, "管理人员与岗位", "manage staff and posts", personal=False),
    PermissionDecl(GRANT_ADMINISTRATORS, "授予管理员岗位", "grant administrators' roles", personal=False),
    PermissionDecl(WRITE_PROGRAMS, "管理外部系统接入", "let other systems in", personal=False),
    PermissionDecl(SEE_REVIEW, "查看岗位权限复核", "see who holds which post", personal=False),
    PermissionDecl(REVIEW_ACCESS, "确认岗位权限", "confirm who holds which post", personal=False),
    # The trail holds ids and codes; content of confidential matters is shown to their handlers alone.
    PermissionDecl(READ_LOG, "查看操作日志", "read the log", personal=False),
    PermissionDecl(READ_SYSTEM, "查看系统状况", "see how the system does", personal=False),
)

PARAMETERS = (
    ParameterDecl(
        COUNTY_GRANTS,
        "县级可自行授予的岗位",
        "roles that counties may grant themselves",
        "codes",
        "domain 1.2, 12",
        options=_role_names,
        strictest="common",
    ),
    ParameterDecl(
        DORMANT_DAYS,
        "账号闲置停用天数",
        "days after which an unused account is switched off",
        "days",
        "domain 12",
        (ParameterValue(date(2020, 1, 1), 90, "网络安全等级保护第三级通行做法：闲置账号定期停用", "domain 12"),),
    ),
    ParameterDecl(
        REVIEW_MONTHS,
        "岗位权限年度复核期限（自年初起的月数）",
        "months of a year within which its review of access is done",
        "months",
        "GB/T 22239-2019 8.1.4.2",
        (
            ParameterValue(
                date(2020, 1, 1), 3, "网络安全等级保护第三级：及时清理多余的账户和权限；每年三月底前复核为通行做法", "domain 12"
            ),
        ),
        least=1,
    ),
)

JOB_KINDS = JOBS

NAVIGATION = (
    NavEntry("人员与岗位", "Staff", "/staff", "users", WRITE_STAFF, "本级管理", "Administration", 810),
    NavEntry("岗位权限", "Permissions", "/staff/permissions", "key", "parameters.write", "本级管理", "Administration", 820),
    NavEntry("外部系统", "Other systems", "/programs", "world", WRITE_PROGRAMS, "本级管理", "Administration", 815),
    NavEntry("权限复核", "Access review", "/staff/review", "user-check", SEE_REVIEW, "监督", "Oversight", 610),
    NavEntry("操作日志", "Log", "/log", "history", READ_LOG, "监督", "Oversight", 620),
    NavEntry("系统状况", "System", "/system", "activity", READ_SYSTEM, "系统管理", "Administration", 910),
)

_CASE_WORK = frozenset({"home.read", "people.read", "case.read", "document.read", "notice.read", "survey.read"})

ROLES = (
    RoleDecl(
        "caseworker",
        "经办人",
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
        _CASE_WORK
        | {"case.advance", "case.decide", "case.withdraw", "notice.answer_objection", "funds.read", "exchange.take"}
        | {"people.decide"},
        duty="approver",
    ),
    RoleDecl(
        "vice_chair_in_charge",
        "分管主席",
        "vice chair in charge",
        _CASE_WORK
        | {"funds.read", "audit.read", "audit.answer", "job.read", "announcement.publish", SEE_REVIEW, REVIEW_ACCESS}
        | {"handlers.break_glass", "handlers.agree"},
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
                READ_LOG,
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
    # Reads figures only; the second person of an emergency change of handlers, which shows him a number and names of staff.
    RoleDecl(
        "leader",
        "领导（只读）",
        "leader",
        frozenset({"home.read", "handlers.agree_break_glass"}),
        audit_side=None,
        sees_persons=False,
    ),
    RoleDecl(
        "tenant_admin",
        "本级管理员",
        "tenant admin",
        frozenset(
            {"home.read", "parameters.write", WRITE_STAFF, SEE_REVIEW, "survey.open", "job.read", "job.start", "job.cancel"}
        ),
        sees_persons=False,
        granted_by="security",
    ),
    RoleDecl(
        "system_administrator",
        "系统管理员",
        "system administrator",
        frozenset({"home.read", READ_SYSTEM, "job.read", "job.cancel"}),
        _UPPER,
        audit_side=None,
        administers="system",
        sees_persons=False,
        granted_by="security",
    ),
    RoleDecl(
        "security_administrator",
        "安全管理员",
        "security administrator",
        frozenset({"home.read", WRITE_STAFF, WRITE_PROGRAMS, GRANT_ADMINISTRATORS, SEE_REVIEW, REVIEW_ACCESS}),
        _UPPER,
        audit_side=None,
        administers="security",
        sees_persons=False,
        granted_by="security",
    ),
    RoleDecl(
        "audit_administrator",
        "审计管理员",
        "audit administrator",
        frozenset({"home.read", READ_LOG}),
        _UPPER,
        audit_side=None,
        administers="audit",
        sees_persons=False,
        granted_by="security",
    ),
)

__all__ = [
    "JOB_KINDS",
    "NAVIGATION",
    "PARAMETERS",
    "PERMISSIONS",
    "ROLES",
    "TRAIL_ACTS",
    "groups",
    "moves",
    "own_account",
    "people",
]
