"""Faults of the vault. Their texts name no content and no key."""

from __future__ import annotations

from core.errors import BangfuError


class SealBroken(BangfuError):
    """A sealed value cannot be opened: altered, moved to another row, or sealed with another key."""

    code = "vault.seal_broken"
    status = 500

    def __init__(self) -> None:
        super().__init__(
            "加密数据无法解开，可能被改动或移到了别处",
            "a sealed value cannot be opened: altered, moved or sealed with another key",
            mend_zh="请联系系统管理员核对备份与密钥文件",
            mend_en="compare backup and key file",
        )


class PrintedOnly(TypeError):
    """A sensitive value was about to leave the process in a form that keeps it whole (pickle)."""
