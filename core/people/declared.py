"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from datetime import date

from core.host.declarations import (
    COUNTIES,
    JobKindDecl,
    NavEntry,
    ParameterDecl,
    ParameterValue,
    PermissionDecl,
    Recurrence,
    TrailActDecl,
)
from core.people.duplicates import jobs as duplicate_jobs
from core.people.imports import jobs as import_jobs
from core.people.life import proposals
from core.people.life.proposals import BY_ITSELF, MONTHS
from core.people.papers import batches as file_batches

PERMISSIONS = (
    PermissionDecl("people.read", "查看困难职工档案", "see files of workers in difficulty", personal=True),
    PermissionDecl("people.write", "登记和更正家庭信息", "record and correct facts of households", personal=True),
    PermissionDecl(
        "people.reveal", "查阅完整身份证号、电话、账号", "look at full identity numbers, phones and accounts", personal=True
    ),
    PermissionDecl("people.decide", "审批建档、不予建档和注销", "decide on opening and ending files", personal=True),
    PermissionDecl("people.import", "导入困难职工档案", "import rosters", personal=True),
)

TRAIL_ACTS = (
    TrailActDecl("people.imported", "导入困难职工档案", "roster imported"),
    TrailActDecl("people.import_changed", "导入时更新档案", "file changed by an import"),
    TrailActDecl("people.import_sent", "上传导入文件", "file to be imported sent"),
    TrailActDecl("people.import_mapped", "指定导入列名", "mapping of an import corrected"),
    TrailActDecl("people.import_confirmed", "确认导入", "import confirmed"),
    TrailActDecl("people.import_discarded", "放弃导入", "import given up"),
    TrailActDecl("people.member_added", "登记家庭成员", "member of a household added"),
    TrailActDecl("people.income_corrected", "更正收入", "income corrected"),
    TrailActDecl("people.household_changed", "登记家庭变动", "change of a household recorded"),
    TrailActDecl("people.change_undone", "撤销误登的家庭变动", "slip about a household undone"),
    TrailActDecl("people.facts_recorded", "登记核实情况", "facts of a household recorded"),
    TrailActDecl("people.particulars_changed", "更改档案信息", "particulars of a file changed"),
    TrailActDecl("people.address_changed", "更改住址", "address changed"),
    TrailActDecl("people.corrected", "更正姓名或身份证号", "name or identity number corrected"),
    TrailActDecl("employer.added", "登记用人单位", "employer added"),
    TrailActDecl("employer.changed", "更改用人单位", "employer changed"),
    TrailActDecl("employer.tested", "登记单位核查", "test of an employer recorded"),
    TrailActDecl("people.duplicates_proposed", "找出疑似重复人员", "possible duplicates found"),
    TrailActDecl("people.paired_by_hand", "人工提出疑似重复人员", "pair of possible duplicates put together by hand"),
    TrailActDecl("people.kept_apart", "核为不是同一人", "told apart from a possible duplicate"),
    TrailActDecl("people.merged", "合并重复档案", "merged into another record"),
    TrailActDecl("people.unmerged", "撤销合并", "merge undone"),
    TrailActDecl("file.step", "办理档案环节", "step in the life of a file"),
    TrailActDecl("file.proposal_declined", "不采纳待核事项", "proposal about a file declined"),
    TrailActDecl("people.printed", "批量打印或导出档案", "many files printed or exported"),
    TrailActDecl("consent.given", "登记授权同意", "consent recorded"),
    TrailActDecl("consent.withdrawn", "登记撤回同意", "consent withdrawn"),
)

PARAMETERS = (
    ParameterDecl(
        MONTHS,
        "高于困难标准多少个月后脱困退出",
        "months above the line after which difficulty ends",
        "months",
        "domain 10",
        (ParameterValue(date(2020, 1, 1), 6, "省级解困脱困退出通行做法：连续六个月高于标准", "domain 10"),),
        least=1,
    ),
    ParameterDecl(
        BY_ITSELF,
        "到期自动脱困退出（否：由经办人确认）",
        "difficulty ends by itself instead of on a clerk's word",
        "flag",
        "domain 10",
        (ParameterValue(date(2020, 1, 1), False, "退出须经人工核实，为各地通行做法", "domain 10"),),
    ),
)

JOB_KINDS = (
    *import_jobs.JOB_KINDS,
    JobKindDecl(
        kind="file_proposals",
        zh="档案动态核查",
        en="look at files for what has to be done",
        plan=proposals.plan,
        run=proposals.run,
        finish=proposals.finish,
        permission="survey.open",
        levels=COUNTIES,
        recurs=Recurrence(hour=5, day=2),
        listed=False,
    ),
    *duplicate_jobs.JOBS,
    *file_batches.JOBS,
)

NAVIGATION = (
    NavEntry(
        zh="困难职工档案",
        en="Files",
        path="/files",
        icon="folders",
        permission="people.read",
        group_zh="档案",
        group_en="Files",
        order=20,
        levels=COUNTIES,
    ),
)
