"""示例业务 (Sample line): visits to workers in difficulty, from the application to the record of each visit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bangfu_kit_sample.names import NAME, READ, RECORD
from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    FactDecl,
    GuardDecl,
    JobKindDecl,
    MigrationDecl,
    NavEntry,
    ParameterDecl,
    PermissionDecl,
    PluginInfo,
    RoleGrant,
    SettingsModel,
    TrailActDecl,
    WorkflowDecl,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

    from core.rules.engine import RuleSet

_HERE = Path(__file__).parent


class KitSample:
    """What the line answers to each hook. Modules are imported when they are asked for: the command line needs no web."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name=NAME,
            version="0.1.0",
            api=">=1.1,<2",
            title_zh="示例业务",
            title_en="Sample line",
            description_zh="登记走访对象，记录每次走访",
            description_en="Who is to be visited, and each visit",
            clause="domain 2",
            icon="users",
            order=80,
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl(READ, "查看示例业务", "read the sample line", personal=True),
            PermissionDecl(RECORD, "办理示例业务", "work in the sample line", personal=True),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({READ, RECORD})),
            RoleGrant("case_approver", frozenset({READ})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        from bangfu_kit_sample.policy import Settings

        return Settings

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        from bangfu_kit_sample.policy import PARAMETERS

        return PARAMETERS

    @hookimpl
    def bangfu_rule_sets(self) -> Sequence[RuleSet]:
        from bangfu_kit_sample.policy import RULE_SETS

        return RULE_SETS

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        from bangfu_kit_sample.workflow import WORKFLOWS

        return WORKFLOWS

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        from bangfu_kit_sample.guards import GUARDS

        return GUARDS

    @hookimpl
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        from bangfu_kit_sample.yearly import JOB_KINDS

        return JOB_KINDS

    @hookimpl
    def bangfu_audit_checks(self) -> Sequence[AuditCheckDecl]:
        from bangfu_kit_sample.yearly import AUDIT_CHECKS

        return AUDIT_CHECKS

    @hookimpl
    def bangfu_facts(self) -> Sequence[FactDecl]:
        from bangfu_kit_sample.yearly import FACTS

        return FACTS

    @hookimpl
    def bangfu_trail_acts(self) -> Sequence[TrailActDecl]:
        return (TrailActDecl("kit_sample.visited", "登记走访", "visit recorded"),)

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (NavEntry("示例业务", "Sample line", "/kit_sample", "users", READ, "业务办理", "Casework", 80),)

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        from bangfu_kit_sample.pages import router

        return router

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        from bangfu_kit_sample.api import router

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


plugin = KitSample()
