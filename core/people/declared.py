"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import COUNTIES, NavEntry, PermissionDecl, TrailActDecl

PERMISSIONS = (
    PermissionDecl("people.read", "查看困难职工档案", "see files of workers in difficulty", personal=True),
    PermissionDecl("people.write", "登记和更正家庭信息", "record and correct facts of households", personal=True),
    PermissionDecl(
        "people.reveal", "查阅完整身份证号、电话、账号", "look at full identity numbers, phones and accounts", personal=True
    ),
    PermissionDecl("people.import", "导入困难职工档案", "import rosters", personal=True),
)

TRAIL_ACTS = (
    TrailActDecl("people.imported", "导入困难职工档案", "roster imported"),
    TrailActDecl("people.member_added", "登记家庭成员", "member of a household added"),
    TrailActDecl("people.income_corrected", "更正收入", "income corrected"),
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
