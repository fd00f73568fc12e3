"""What the plugin host declares: who sees where plugins failed, and who may shut one off for all tenants."""

from __future__ import annotations

from core.host.declarations import PermissionDecl, RoleGrant, TrailActDecl

READ_FAULTS = "plugin.read_faults"
QUARANTINE = "plugin.quarantine"

PERMISSIONS = (
    PermissionDecl(READ_FAULTS, "查看插件故障", "see where plugins failed", personal=False),
    PermissionDecl(QUARANTINE, "全省停用故障插件", "shut a plugin off for all tenants", personal=False),
)
ROLE_GRANTS = (
    RoleGrant("system_administrator", frozenset({READ_FAULTS, QUARANTINE})),
    RoleGrant("tenant_admin", frozenset({READ_FAULTS})),
)

TRAIL_ACTS = (
    TrailActDecl("plugin.quarantined", "全省停用故障插件", "plugin shut off for all"),
    TrailActDecl("plugin.released", "恢复使用插件", "plugin let in again"),
)
