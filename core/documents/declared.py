"""What documents declare to the host (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import PermissionDecl

PERMISSIONS = (
    PermissionDecl("document.add", "登记证明材料", "take in documents"),
    PermissionDecl("document.read", "查阅证明材料", "read documents"),
    PermissionDecl("document.withdraw", "撤回证明材料", "withdraw documents"),
)
