"""What personal rights declare to the host (see `core.builtin`)."""

from __future__ import annotations

from datetime import date

from core.host.declarations import ParameterDecl, ParameterValue, PermissionDecl, RoleGrant, TrailActDecl
from core.rights import partners
from core.rights.jobs import JOBS
from core.rights.names import ANSWER_DAYS, DECIDE, HANDLE, KEPT_YEARS, KEPT_YEARS_AIDED, SEE_VIEWS

PERMISSIONS = (
    PermissionDecl(HANDLE, "办理个人信息权利请求", "handle requests by personal right", personal=True),
    PermissionDecl(DECIDE, "复核个人信息删除", "confirm the erasure of personal data", personal=True),
    PermissionDecl(SEE_VIEWS, "查看档案的查阅记录", "see who looked at a file", personal=True),
)
ROLE_GRANTS = (
    RoleGrant("caseworker", frozenset({HANDLE})),
    RoleGrant("case_approver", frozenset({DECIDE})),
    RoleGrant("vice_chair_in_charge", frozenset({DECIDE, SEE_VIEWS})),
    RoleGrant("auditor", frozenset({SEE_VIEWS})),
)

PARAMETERS = (
    ParameterDecl(
        ANSWER_DAYS,
        "个人信息权利请求答复期限",
        "days within which a request by personal right is answered",
        "working_days",
        "《个人信息保护法》第五十条",
        (
            ParameterValue(
                date(2021, 11, 1),
                15,
                "《个人信息保护法》要求及时办理；期限取《App违法违规收集使用个人信息行为认定方法》的十五个工作日",
                "国信办秘字〔2019〕191号第六条",
            ),
        ),
        least=1,
    ),
    ParameterDecl(
        KEPT_YEARS,
        "未受助档案保存年限",
        "years for which the file of a household without aid is kept",
        "years",
        "《个人信息保护法》第十九条",
        (
            ParameterValue(
                date(2021, 11, 1), 10, "《机关文件材料归档范围和文书档案保管期限规定》：定期十年", "国家档案局令第8号"
            ),
        ),
        least=1,
    ),
    ParameterDecl(
        KEPT_YEARS_AIDED,
        "受助档案保存年限",
        "years for which the file of a household that received aid is kept",
        "years",
        "《个人信息保护法》第四十七条",
        (
            ParameterValue(
                date(2016, 1, 1), 30, "《会计档案管理办法》附表：会计凭证最低保管三十年", "财政部、国家档案局令第79号"
            ),
        ),
        least=30,
    ),
)

JOB_KINDS = JOBS
KINDS = (partners.TOLD, partners.ANSWER)

TRAIL_ACTS = (
    TrailActDecl("rights.asked", "登记个人信息权利请求", "request by personal right registered"),
    TrailActDecl("rights.answered", "个人信息权利请求已办理", "request by personal right answered"),
    TrailActDecl("rights.refused", "个人信息权利请求未予办理", "request by personal right refused"),
    TrailActDecl("rights.withdrawn", "个人信息权利请求已撤回", "request by personal right withdrawn"),
    TrailActDecl("rights.views_given", "提供查阅记录", "statement of views given"),
    TrailActDecl("rights.copy_given", "提供个人信息副本", "copy of personal data given"),
    TrailActDecl("rights.erasure_proposed", "提出删除个人信息", "erasure proposed"),
    TrailActDecl("rights.erasure_refused", "删除个人信息未通过", "erasure refused"),
    TrailActDecl("rights.erasure_withdrawn", "撤回删除个人信息", "erasure withdrawn"),
    TrailActDecl("rights.erased", "个人信息已删除", "personal data erased"),
    TrailActDecl(
        "rights.receiver_told", "告知转户对方单位已删除个人信息", "other county of a moved household told of an erasure"
    ),
    TrailActDecl("rights.erased_there", "转户对方单位告知已删除个人信息", "told that the other county erased a household"),
    TrailActDecl("rights.receiver_decided", "答复对方单位的删除告知", "notice of an erasure answered"),
    TrailActDecl("rights.receiver_answered", "对方单位的删除告知已有结果", "notice of an erasure ended"),
    TrailActDecl("rights.erased_again", "恢复备份后再次删除个人信息", "personal data erased again after a restore"),
)

__all__ = ["JOB_KINDS", "KINDS", "PARAMETERS", "PERMISSIONS", "ROLE_GRANTS", "TRAIL_ACTS"]
