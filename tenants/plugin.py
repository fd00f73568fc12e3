"""What the tenants part declares to the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.host import hookimpl
from core.host.declarations import JobKindDecl, NavEntry, ParameterDecl, PermissionDecl, PluginInfo, RoleGrant, TrailActDecl
from core.scope import Level
from tenants.acts import TRAIL_ACTS

if TYPE_CHECKING:
    from fastapi import APIRouter

SWITCH = "tenants.switch_plugins"
READ_FIGURES = "tenants.read_figures"
KEEP = "tenants.keep"
MERGE, AGREE_MERGE = "tenants.merge", "tenants.agree_merge"
PREFECTURES_KEEP = "prefectures_keep_counties"


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
            PermissionDecl(KEEP, "开通与管理下级单位", "open and steer the tenants below", personal=False),
            PermissionDecl(MERGE, "提出县级单位撤并", "ask that a county be closed", personal=False),
            PermissionDecl(AGREE_MERGE, "同意县级单位撤并", "agree that a county be closed", personal=False),
        )

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        return (
            ParameterDecl(
                PREFECTURES_KEEP,
                "市级管理所属县的开通、暂停与变更",
                "prefectures open and steer their counties themselves",
                "flag",
                "domain 1.3",
            ),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("tenant_admin", frozenset({SWITCH, READ_FIGURES, KEEP, MERGE})),
            RoleGrant("leader", frozenset({READ_FIGURES, AGREE_MERGE})),
            RoleGrant("auditor", frozenset({READ_FIGURES})),
        )

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (
            NavEntry("本级设置", "Settings", "/settings", "settings", SWITCH, "本级管理", "Administration", 795),
            NavEntry("业务启停", "Service lines", "/plugins", "puzzle", SWITCH, "本级管理", "Administration", 800),
            NavEntry(
                "单位管理",
                "Tenants",
                "/tenants",
                "building-community",
                KEEP,
                "本级管理",
                "Administration",
                805,
                frozenset({Level.PROVINCE, Level.PREFECTURE}),
            ),
            NavEntry(
                "县级撤并",
                "Mergers",
                "/mergers",
                "building",
                MERGE,
                "本级管理",
                "Administration",
                807,
                frozenset({Level.PROVINCE}),
            ),
            NavEntry(
                "县级撤并",
                "Mergers",
                "/mergers",
                "building",
                AGREE_MERGE,
                "查询",
                "Inquiries",
                705,
                frozenset({Level.PROVINCE}),
            ),
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
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        # Late: the work needs what this module declares.
        from tenants.merging_jobs import JOB_KINDS

        return JOB_KINDS

    @hookimpl
    def bangfu_trail_acts(self) -> Sequence[TrailActDecl]:
        return TRAIL_ACTS

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        # Late, so that the command line and the worker need not load the web.
        from tenants.pages import router

        return router

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        from tenants.interface import router

        return router

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(Path(__file__).parent / "templates")


plugin = TenantsPlugin()
