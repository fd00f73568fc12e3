"""What the jobs declare to the host (see `core.builtin`): permissions and the entry of the navigation."""

from __future__ import annotations

from core.host.declarations import NavEntry, PermissionDecl

PERMISSIONS = (
    PermissionDecl("job.read", "查看后台任务", "See background jobs", personal=False),
    PermissionDecl("job.start", "发起后台任务", "Start background jobs", personal=False),
    PermissionDecl("job.cancel", "中止后台任务", "Cancel background jobs", personal=False),
)

NAVIGATION = (
    NavEntry(
        zh="后台任务",
        en="Jobs",
        path="/jobs",
        icon="progress",
        permission="job.read",
        group_zh="系统管理",
        group_en="Administration",
        order=920,
    ),
)
