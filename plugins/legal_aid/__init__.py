"""Legal aid (法律援助): from the application to the outcome (domain 2.2, 4.3, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.host import hookimpl
from core.host.declarations import (
    COUNTIES,
    EffectDecl,
    NavEntry,
    PermissionDecl,
    PluginInfo,
    RoleDecl,
    RoleGrant,
    SettingsModel,
    WorkflowDecl,
)
from plugins.legal_aid.policy import ASSIGN, EFFECTS, Settings
from plugins.legal_aid.workflow import WORKFLOWS

if TYPE_CHECKING:
    from fastapi import APIRouter


class LegalAid:
    """The service line of legal aid."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="legal_aid",
            version="1",
            api=">=1,<2",
            title_zh="法律援助",
            title_en="Legal aid",
            description_zh="申请、审查、决定、指派律师、办结",
            description_en="Application, check, decision, assignment of a lawyer, outcome",
            clause="domain 4.3",
            icon="scale",
            order=40,
            profiles=("full",),
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl("legal_aid.check", "审查法律援助申请", "check applications for legal aid", personal=True),
            PermissionDecl("legal_aid.decide", "决定是否给予法律援助", "decide on legal aid", personal=True, duty="approver"),
            PermissionDecl("legal_aid.assign", "指派援助律师", "assign lawyers", personal=True),
            PermissionDecl("legal_aid.conclude", "登记援助结果", "record the outcome", personal=True),
        )

    @hookimpl
    def bangfu_roles(self) -> Sequence[RoleDecl]:
        return (
            RoleDecl(
                "legal_aid_lawyer",
                "援助律师",
                "legal-aid lawyer",
                frozenset({"home.read", "case.read", "document.add", "document.read", "legal_aid.conclude"}),
                levels=COUNTIES,
            ),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({"legal_aid.check", "legal_aid.assign"})),
            RoleGrant("case_approver", frozenset({"legal_aid.decide"})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return Settings

    @hookimpl
    def bangfu_effects(self) -> Sequence[EffectDecl]:
        return EFFECTS

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        return WORKFLOWS

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (
            NavEntry(
                zh="法律援助",
                en="Legal aid",
                path="/cases?line=legal_aid",
                icon="scale",
                permission="case.read",
                group_zh="业务办理",
                group_en="Casework",
                order=50,
            ),
            NavEntry(
                zh="援助律师轮值",
                en="Panel of lawyers",
                path="/legal_aid/panel",
                icon="users-group",
                permission=ASSIGN,
                group_zh="业务办理",
                group_en="Casework",
                order=51,
            ),
        )

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        from plugins.legal_aid.pages import router

        return router

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(Path(__file__).parent / "templates")

    @hookimpl
    def bangfu_translations(self) -> str:
        return str(Path(__file__).parent / "locale")


plugin = LegalAid()
