"""Petitions (信访): letters and visits, from registration to the answer (domain 2.3, 4.2, 8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from plugins.petitions.policy import GUARDS, REGISTER, Settings
from plugins.petitions.workflow import WORKFLOWS

if TYPE_CHECKING:
    from fastapi import APIRouter


class Petitions:
    """The service line of letters and visits."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="petitions",
            version="1",
            api=">=1,<2",
            title_zh="信访",
            title_en="Petitions",
            description_zh="来信来访登记、受理、答复、上报",
            description_en="Letters and visits: registration, acceptance, answer, handing up",
            clause="domain 4.2",
            icon="mail",
            order=30,
            profiles=("full",),
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl("petitions.register", "登记信访事项", "register petitions", personal=True),
            PermissionDecl("petitions.handle", "受理与办结信访事项", "accept and close petitions", personal=True),
            PermissionDecl("petitions.answer", "出具信访处理意见", "answer petitions", personal=True),
            PermissionDecl("petitions.hand_up", "上报信访事项", "hand petitions up", personal=True),
        )

    @hookimpl
    def bangfu_roles(self) -> Sequence[RoleDecl]:
        return (
            RoleDecl(
                "petition_handler",
                "信访承办人",
                "petition handler",
                frozenset(
                    {
                        "home.read",
                        "case.read",
                        "document.add",
                        "document.read",
                        "document.withdraw",
                        "exchange.hand_over",
                        "petitions.register",
                        "petitions.handle",
                        "petitions.answer",
                        "petitions.hand_up",
                    }
                ),
                levels=COUNTIES,
            ),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({"petitions.register"})),
            # Reporting up makes a package for the union above, which needs the exchange's own permission.
            RoleGrant("case_approver", frozenset({"petitions.answer", "petitions.hand_up", "exchange.hand_over"})),
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
                zh="信访",
                en="Petitions",
                path="/cases?line=petitions",
                icon="mail",
                permission="case.read",
                group_zh="业务办理",
                group_en="Casework",
                order=40,
            ),
            NavEntry(
                zh="接访安排",
                en="Reception of visitors",
                path="/petitions/reception",
                icon="calendar-time",
                permission=REGISTER,
                group_zh="业务办理",
                group_en="Casework",
                order=41,
            ),
        )

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        from plugins.petitions.pages import router

        return router

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(Path(__file__).parent / "templates")

    @hookimpl
    def bangfu_translations(self) -> str:
        return str(Path(__file__).parent / "locale")


plugin = Petitions()
