"""Employment (就业服务): job seekers from registration to placement (domain 2.1, 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from core.host import hookimpl
from core.host.declarations import (
    COUNTIES,
    GuardDecl,
    NavEntry,
    PermissionDecl,
    PluginInfo,
    RoleDecl,
    RoleGrant,
    SettingsModel,
    WorkflowDecl,
)
from plugins.employment.policy import GUARDS, Settings
from plugins.employment.workflow import WORKFLOWS


class Employment:
    """The service line of employment."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="employment",
            version="1",
            api=">=1,<2",
            title_zh="就业服务",
            title_en="Employment",
            description_zh="求职登记、职业指导、推荐上岗、回访",
            description_en="Job seekers: registration, counselling, placement, follow-up",
            clause="domain 4.1",
            icon="briefcase",
            order=20,
            profiles=("full",),
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl("employment.register", "求职登记", "register job seekers", personal=True),
            PermissionDecl("employment.counsel", "职业指导", "counsel job seekers", personal=True),
            PermissionDecl("employment.place", "推荐上岗与回访", "place job seekers and follow up", personal=True),
        )

    @hookimpl
    def bangfu_roles(self) -> Sequence[RoleDecl]:
        return (
            RoleDecl(
                "employment_officer",
                "职介员",
                "employment officer",
                frozenset(
                    {
                        "home.read",
                        "case.read",
                        "document.add",
                        "document.read",
                        "document.withdraw",
                        "employment.register",
                        "employment.counsel",
                        "employment.place",
                    }
                ),
                levels=COUNTIES,
            ),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({"employment.register", "employment.counsel"})),
            RoleGrant("case_approver", frozenset({"employment.place"})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return Settings

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        return GUARDS

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        return WORKFLOWS

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (
            NavEntry(
                zh="就业服务",
                en="Employment",
                path="/cases?line=employment",
                icon="briefcase",
                permission="case.read",
                group_zh="业务办理",
                group_en="Casework",
                order=30,
            ),
        )


plugin = Employment()
