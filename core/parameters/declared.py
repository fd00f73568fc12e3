"""Dated figures (政策参数) that the core itself reads, and who reads, proposes and adopts figures."""

from __future__ import annotations

from datetime import date

from core.host.declarations import NavEntry, ParameterDecl, ParameterValue, PermissionDecl, RoleGrant, TrailActDecl
from core.parameters.jobs import JOBS
from core.parameters.names import ADOPT_RIGHT, FORECAST_RIGHT, READ_RIGHT

_FROM = date(2020, 1, 1)

PARAMETERS = (
    ParameterDecl(
        "notice_working_days",
        "公示期",
        "days of public notice",
        "working_days",
        "domain 7.4",
        (ParameterValue(_FROM, 5, "各地工会帮扶工作通行做法：公示不少于五个工作日", "domain 10"),),
    ),
    ParameterDecl(
        "stale_after_days",
        "档案更新期限",
        "days after which an unchanged file is stale",
        "days",
        "domain 10",
        (ParameterValue(_FROM, 365, "各地工会帮扶工作通行做法：档案一年未更新的另行处理", "domain 10"),),
    ),
)

PERMISSIONS = (
    PermissionDecl(READ_RIGHT, "查看政策参数", "read the figures of policy", personal=False),
    PermissionDecl(ADOPT_RIGHT, "核准政策参数调整", "adopt changes of the figures", personal=False),
    PermissionDecl(FORECAST_RIGHT, "测算政策参数调整的影响", "count what a change would bring about", personal=False),
)

ROLE_GRANTS = (
    RoleGrant("tenant_admin", frozenset({READ_RIGHT, ADOPT_RIGHT, FORECAST_RIGHT})),
    RoleGrant("vice_chair_in_charge", frozenset({READ_RIGHT, ADOPT_RIGHT, FORECAST_RIGHT})),
    *(
        RoleGrant(role, frozenset({READ_RIGHT}))
        for role in ("caseworker", "reviewer", "case_approver", "fund_manager", "auditor", "leader")
    ),
)

JOB_KINDS = JOBS

TRAIL_ACTS = (
    TrailActDecl("parameter.set", "设定政策参数", "figure of policy set"),
    TrailActDecl("parameter.proposed", "提出政策参数调整", "change of a figure proposed"),
    TrailActDecl("parameter.forecast", "测算政策参数调整影响", "effects of a change counted"),
    TrailActDecl("parameter.adopted", "核准政策参数调整", "change of a figure adopted"),
    TrailActDecl("parameter.refused", "不同意政策参数调整", "change of a figure refused"),
    TrailActDecl("parameter.withdrawn", "撤回政策参数调整", "change of a figure withdrawn"),
)

NAVIGATION = (
    NavEntry("政策参数", "Figures of policy", "/parameters", "adjustments", READ_RIGHT, "本级管理", "Administration", 805),
)
