"""What documents declare to the host (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import PermissionDecl, TrailActDecl

PERMISSIONS = (
    PermissionDecl("document.add", "登记证明材料", "take in documents", personal=True),
    PermissionDecl("document.read", "查阅证明材料", "read documents", personal=True),
    PermissionDecl("document.withdraw", "撤回证明材料", "withdraw documents", personal=True),
)

TRAIL_ACTS = (
    TrailActDecl("document.add", "登记证明材料", "document taken in"),
    TrailActDecl("document.withdraw", "撤回证明材料", "document withdrawn"),
    TrailActDecl("document.restore", "恢复证明材料", "document put back"),
)
