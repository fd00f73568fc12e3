"""What notices declare to the host (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import NavEntry, PermissionDecl, TrailActDecl

PERMISSIONS = (
    PermissionDecl("notice.read", "查看公示与异议", "read notices and objections", personal=True),
    PermissionDecl("notice.post", "张贴公示", "post notices", personal=True),
    PermissionDecl("notice.register_objection", "登记异议", "register objections", personal=True),
    PermissionDecl("notice.answer_objection", "答复异议", "answer objections", personal=True),
)

TRAIL_ACTS = (
    TrailActDecl("notice.post", "张贴公示", "notice posted"),
    TrailActDecl("objection.raise", "登记异议", "objection registered"),
    TrailActDecl("objection.answer", "答复异议", "objection answered"),
)

NAVIGATION = (
    NavEntry(
        zh="公示与异议",
        en="Notices",
        path="/notices",
        icon="speakerphone",
        permission="notice.read",
        group_zh="业务办理",
        group_en="Casework",
        order=60,
    ),
)
