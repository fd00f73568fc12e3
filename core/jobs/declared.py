"""What the jobs declare to the host (see `core.builtin`): permissions and the entry of the navigation."""

from __future__ import annotations

from core.host.declarations import NavEntry, PermissionDecl, TrailActDecl

PERMISSIONS = (
    PermissionDecl("job.read", "查看后台任务", "See background jobs", personal=False),
    PermissionDecl("job.start", "发起后台任务", "Start background jobs", personal=False),
    PermissionDecl("job.cancel", "中止后台任务", "Cancel background jobs", personal=False),
)

TRAIL_ACTS = (
    TrailActDecl("job.start", "发起后台任务", "job started"),
    TrailActDecl("job.cancel", "中止后台任务", "job cancelled by hand"),
    TrailActDecl("job.resume", "继续后台任务", "job resumed"),
    TrailActDecl("job.done", "后台任务已完成", "job done"),
    TrailActDecl("job.failed", "后台任务未完成", "job failed"),
    TrailActDecl("job.cancelled", "后台任务已中止", "job ended unfinished"),
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
