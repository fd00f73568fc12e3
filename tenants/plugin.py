"""What the tenants part declares to the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.host import hookimpl
from core.host.declarations import NavEntry, PermissionDecl, PluginInfo, RoleGrant
from core.scope import Level

if TYPE_CHECKING:
    from fastapi import APIRouter

SWITCH = "tenants.switch_plugins"
READ_FIGURES = "tenants.read_figures"


class TenantsPlugin:
    """Always on: without it nobody could switch anything on."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="tenants",
            version="1.0",
            api=">=1,<2",
            title_zh="单位管理",
            title_en="Tenants",
            description_zh="各级工会的开通、业务启停与汇总视图",
            description_en="Onboarding, service lines and overviews of the unions at every level",
            clause="domain 1.3, 2",
            service_line=False,
            always_on=True,
            order=1,
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl(SWITCH, "启停与配置业务", "switch and configure service lines", personal=False),
            PermissionDecl(READ_FIGURES, "查看下级汇总指标", "read the figures of the tenants below", personal=False),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("tenant_admin", frozenset({SWITCH, READ_FIGURES})),
            RoleGrant("leader", frozenset({READ_FIGURES})),
            RoleGrant("auditor", frozenset({READ_FIGURES})),
        )

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (
            NavEntry("业务启停", "Service lines", "/plugins", "puzzle", SWITCH, "本级管理", "Administration", 800),
            NavEntry(
                "汇总总览",
                "Overview",
                "/overview",
                "chart-bar",
                READ_FIGURES,
                "查询",
                "Inquiries",
                700,
                frozenset({Level.PROVINCE, Level.PREFECTURE}),
            ),
        )

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        # Late, so that the command line and the worker need not load the web.
        from tenants.pages import router

        return router

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        from tenants.api import router

        return router

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(Path(__file__).parent / "templates")


plugin = TenantsPlugin()
