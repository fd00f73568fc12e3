"""Warmth at New Year (送温暖慰问): visits with goods and money, by routes and with signed lists (domain 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    EffectDecl,
    FactDecl,
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
from plugins.warm_visits.names import APPROVE, NAME, PLAN, READ, VISIT

if TYPE_CHECKING:
    from fastapi import APIRouter

_HERE = Path(__file__).parent


class WarmVisits:
    """What the line answers to each hook; its modules are imported when they are asked for."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name=NAME,
            version="1",
            api=">=1.1,<2",
            title_zh="送温暖慰问",
            title_en="New-year visits",
            description_zh="元旦春节走访慰问：计划、公示、审批、路线、慰问品与慰问金、签收表",
            description_en="Visits at New Year: plan, notice, decision, routes, goods and money, signed lists",
            clause="domain 1.1",
            icon="gift",
            order=50,
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl(READ, "查看送温暖慰问", "read new-year visits", personal=True),
            PermissionDecl(PLAN, "编制慰问计划", "plan new-year visits", personal=True),
            PermissionDecl(APPROVE, "审批慰问", "decide on new-year visits", personal=True, duty="approver"),
            PermissionDecl(VISIT, "登记慰问走访", "record new-year visits", personal=True),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({READ, PLAN, VISIT})),
            RoleGrant("reviewer", frozenset({READ, VISIT})),
            RoleGrant("case_approver", frozenset({READ, APPROVE})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        from plugins.warm_visits.policy import Settings

        return Settings

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        from plugins.warm_visits.policy import PARAMETERS

        return PARAMETERS

    @hookimpl
    def bangfu_programmes(self) -> Sequence[ProgrammeDecl]:
        from plugins.warm_visits.policy import PROGRAMMES

        return PROGRAMMES

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        from plugins.warm_visits.workflow import WORKFLOWS

        return WORKFLOWS

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        from plugins.warm_visits.granting import GUARDS

        return GUARDS

    @hookimpl
    def bangfu_effects(self) -> Sequence[EffectDecl]:
        from plugins.warm_visits.granting import EFFECTS

        return EFFECTS

    @hookimpl
    def bangfu_audit_checks(self) -> Sequence[AuditCheckDecl]:
        from plugins.warm_visits.yearly import AUDIT_CHECKS

        return AUDIT_CHECKS

    @hookimpl
    def bangfu_facts(self) -> Sequence[FactDecl]:
        from plugins.warm_visits.yearly import FACTS

        return FACTS

    @hookimpl
    def bangfu_trail_acts(self) -> Sequence[TrailActDecl]:
        from plugins.warm_visits.acts import TRAIL_ACTS

        return TRAIL_ACTS

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (NavEntry("送温暖慰问", "New-year visits", "/warm_visits", "gift", READ, "业务办理", "Casework", 60),)

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        from plugins.warm_visits.pages import router

        return router

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        from plugins.warm_visits.api import router

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


plugin = WarmVisits()
