"""Mutual aid of workers (职工互助保障): members by year, contributions, claims paid from the members' own money (domain 10)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    EffectDecl,
    FactDecl,
    FundSourceDecl,
    GuardDecl,
    MigrationDecl,
    NavEntry,
    ParameterDecl,
    PermissionDecl,
    PluginInfo,
    ProgrammeDecl,
    RoleGrant,
    SettingsModel,
    TrailActDecl,
    WorkflowDecl,
)
from plugins.mutual_aid.names import APPROVE, BATCHES, CHECK, NAME, READ, REGISTER

if TYPE_CHECKING:
    from fastapi import APIRouter

_HERE = Path(__file__).parent


class MutualAid:
    """What the line answers to each hook; its modules are imported when they are asked for."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name=NAME,
            version="1",
            api=">=1.1,<2",
            title_zh="职工互助保障",
            title_en="Mutual aid",
            description_zh="会员参保、会费到账、住院与重大疾病给付",
            description_en="Members by year, contributions, claims for stays in hospital and grave illness",
            clause="domain 10",
            icon="shield-check",
            order=55,
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl(READ, "查看互助保障会员", "read members of mutual aid", personal=True),
            PermissionDecl(REGISTER, "登记参保与给付申请", "register members and claims", personal=True),
            PermissionDecl(CHECK, "核实给付申请", "check claims of members", personal=True),
            PermissionDecl(APPROVE, "审批给付申请", "decide claims of members", personal=True, duty="approver"),
            PermissionDecl(
                BATCHES,
                "查看参保批次与会费",
                "read batches of members and what is owed",
                personal=True,
                duty="fund_manager",
            ),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({READ, REGISTER})),
            RoleGrant("reviewer", frozenset({READ, CHECK})),
            RoleGrant("case_approver", frozenset({READ, APPROVE})),
            RoleGrant("fund_manager", frozenset({BATCHES})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        from plugins.mutual_aid.policy import Settings

        return Settings

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        from plugins.mutual_aid.policy import PARAMETERS

        return PARAMETERS

    @hookimpl
    def bangfu_programmes(self) -> Sequence[ProgrammeDecl]:
        from plugins.mutual_aid.policy import PROGRAMMES

        return PROGRAMMES

    @hookimpl
    def bangfu_fund_sources(self) -> Sequence[FundSourceDecl]:
        from plugins.mutual_aid.policy import FUND_SOURCES

        return FUND_SOURCES

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        from plugins.mutual_aid.workflow import WORKFLOWS

        return WORKFLOWS

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        from plugins.mutual_aid.claims import GUARDS

        return GUARDS

    @hookimpl
    def bangfu_effects(self) -> Sequence[EffectDecl]:
        from plugins.mutual_aid.claims import EFFECTS

        return EFFECTS

    @hookimpl
    def bangfu_audit_checks(self) -> Sequence[AuditCheckDecl]:
        from plugins.mutual_aid.yearly import AUDIT_CHECKS

        return AUDIT_CHECKS

    @hookimpl
    def bangfu_facts(self) -> Sequence[FactDecl]:
        from plugins.mutual_aid.yearly import FACTS

        return FACTS

    @hookimpl
    def bangfu_trail_acts(self) -> Sequence[TrailActDecl]:
        from plugins.mutual_aid.acts import TRAIL_ACTS

        return TRAIL_ACTS

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (
            NavEntry("互助保障会员", "Mutual aid", "/mutual_aid", "shield-check", READ, "业务办理", "Casework", 65),
            NavEntry(
                "参保批次", "Batches of members", "/mutual_aid/batches", "users-group", BATCHES, "业务办理", "Casework", 66
            ),
        )

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        from plugins.mutual_aid.pages import router

        return router

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        from plugins.mutual_aid.api import router

        return router

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(_HERE / "templates")

    @hookimpl
    def bangfu_translations(self) -> str:
        return str(_HERE / "locale")

    @hookimpl
    def bangfu_migrations(self) -> MigrationDecl:
        return MigrationDecl(_HERE / "migrations")


plugin = MutualAid()
