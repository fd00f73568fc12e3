"""A plugin of the tests that implements every hook, as a stranger would write one; docs/hooks.md shows it as the example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    EffectDecl,
    FactDecl,
    FundSourceDecl,
    GuardDecl,
    JobKindDecl,
    MigrationDecl,
    NavEntry,
    ParameterDecl,
    PermissionDecl,
    PluginInfo,
    ProgrammeDecl,
    RoleDecl,
    RoleGrant,
    SettingsModel,
    TrailActDecl,
    WorkflowDecl,
)
from tests.dummy_plugin import parts

if TYPE_CHECKING:
    from fastapi import APIRouter

    from core.rules.engine import RuleSet

NAME = parts.NAME


class Settings(BaseModel):
    """What a county may set."""

    limit: int = Field(3, ge=1, le=9, title="每次份数")
    note: str = Field("", title="说明")


class DummyPlugin:
    """A service line of the tests: ``dummy_plugin``."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="dummy_plugin",
            version="1",
            api=">=1,<2",
            title_zh="测试业务",
            title_en="Test line",
            description_zh="分发包裹",
            description_en="Handing out parcels",
            clause="none",
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl("dummy_plugin.read", "查看测试业务", "read the test line", personal=True),
            PermissionDecl("dummy_plugin.decide", "审批测试业务", "decide in the test line", personal=True, duty="approver"),
        )

    @hookimpl
    def bangfu_roles(self) -> Sequence[RoleDecl]:
        held = frozenset({"home.read", "case.read", "dummy_plugin.read"})
        return (RoleDecl("dummy_plugin_packer", "打包员", "packer", held),)

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({"dummy_plugin.read"})),
            RoleGrant("case_approver", frozenset({"dummy_plugin.decide"})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return Settings

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        return (ParameterDecl("dummy_plugin.most_parcels", "最多份数", "most parcels", "count", "none", parts.MOST_PARCELS),)

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        return (parts.WORKFLOW,)

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        return (GuardDecl("dummy_plugin.packed", "已打包", "packed", parts.packed),)

    @hookimpl
    def bangfu_effects(self) -> Sequence[EffectDecl]:
        return (EffectDecl("dummy_plugin.hand_out", "发放包裹", "hand the parcel out", parts.hand_out),)

    @hookimpl
    def bangfu_programmes(self) -> Sequence[ProgrammeDecl]:
        return (
            ProgrammeDecl(
                code="dummy_plugin_parcel",
                zh="包裹折价",
                en="Parcels in money",
                plugin="dummy_plugin",
                purpose="living",
                sources=("union",),
                occurrence="civil_year",
                clause="none",
            ),
        )

    @hookimpl
    def bangfu_fund_sources(self) -> Sequence[FundSourceDecl]:
        return (FundSourceDecl("dummy_plugin_fees", "包裹收费", "fees for parcels", ("dummy_plugin",), "none"),)

    @hookimpl
    def bangfu_rule_sets(self) -> Sequence[RuleSet]:
        from tests.dummy_plugin.rules import LARGE_FAMILIES

        return (LARGE_FAMILIES,)

    @hookimpl
    def bangfu_audit_checks(self) -> Sequence[AuditCheckDecl]:
        return (
            AuditCheckDecl("dummy_plugin.unpacked", "未打包即发放", "handed out unpacked", "minor", "none", parts.unpacked),
        )

    @hookimpl
    def bangfu_facts(self) -> Sequence[FactDecl]:
        return (FactDecl("dummy_plugin.parcels", "包裹数", "parcels", parts.parcels),)

    @hookimpl
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        return (JobKindDecl("dummy_plugin.pack", "打包", "pack", parts.plan_packing, parts.pack),)

    @hookimpl
    def bangfu_trail_acts(self) -> Sequence[TrailActDecl]:
        return (TrailActDecl("dummy_plugin.handed_out", "登记包裹发放", "parcel handed out"),)

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (NavEntry("测试业务", "Test line", "/dummy_plugin", "puzzle", "dummy_plugin.read"),)

    @hookimpl
    def bangfu_page_routes(self) -> APIRouter:
        # Late: the command line and the worker do without the web.
        from tests.dummy_plugin.routes import pages

        return pages

    @hookimpl
    def bangfu_api_routes(self) -> APIRouter:
        from tests.dummy_plugin.routes import resources

        return resources

    @hookimpl
    def bangfu_templates(self) -> str:
        return str(Path(__file__).parent / "templates")

    @hookimpl
    def bangfu_translations(self) -> str:
        return str(Path(__file__).parent / "locale")

    @hookimpl
    def bangfu_migrations(self) -> MigrationDecl:
        return MigrationDecl(Path(__file__).parent / "migrations")


plugin = DummyPlugin()
