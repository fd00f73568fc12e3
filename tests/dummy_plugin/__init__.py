"""A plugin of the tests with settings, permissions, navigation and a table of its own, as a stranger would write one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from core.host import hookimpl
from core.host.declarations import MigrationDecl, NavEntry, PermissionDecl, PluginInfo, RoleGrant, SettingsModel

NAME = "dummy_plugin"


class Settings(BaseModel):
    """What a county may set."""

    limit: int = Field(3, ge=1, le=9)
    note: str = ""


class DummyPlugin:
    """A service line of the tests: ``dummy_plugin``."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(NAME, "1", ">=1,<2", "测试业务", "Test line", "测试", "Test", "none")

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (PermissionDecl(f"{NAME}.read", "查看测试业务", "read the test line", personal=True),)

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (RoleGrant("caseworker", frozenset({f"{NAME}.read"})),)

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return Settings

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (NavEntry("测试业务", "Test line", "/dummy", "puzzle", f"{NAME}.read"),)

    @hookimpl
    def bangfu_migrations(self) -> MigrationDecl:
        return MigrationDecl(Path(__file__).parent / "migrations")


plugin = DummyPlugin()
