"""Living relief (生活救助): yearly relief, medical aid, schooling aid (domain 2.4, 4.4, 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    EffectDecl,
    GuardDecl,
    NavEntry,
    ParameterDecl,
    PermissionDecl,
    PluginInfo,
    ProgrammeDecl,
    RoleGrant,
    SettingsModel,
    WorkflowDecl,
)
from plugins.living_relief.determined import GUARD, determination_current
from plugins.living_relief.grants import grant
from plugins.living_relief.parameters import PARAMETERS
from plugins.living_relief.policy import GUARDS, Settings
from plugins.living_relief.programmes import PROGRAMMES
from plugins.living_relief.workflow import GRANT, WORKFLOWS

if TYPE_CHECKING:
    from core.rules.engine import RuleSet


class LivingRelief:
    """The service line of living relief."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="living_relief",
            version="1",
            api=">=1,<2",
            title_zh="生活救助",
            title_en="Living relief",
            description_zh="年度生活救助、医疗救助、金秋助学：受理、核实、公示、审批、发放",
            description_en="Yearly relief, medical and schooling aid: from application to payment",
            clause="domain 4.4",
            icon="heart-handshake",
            order=10,
            profiles=("full", "relief"),
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return (
            PermissionDecl("living_relief.verify", "核实救助申请", "verify applications for relief", personal=True),
            PermissionDecl(
                "living_relief.approve", "审批救助申请", "decide applications for relief", personal=True, duty="approver"
            ),
        )

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return (
            RoleGrant("caseworker", frozenset({"living_relief.verify"})),
            RoleGrant("reviewer", frozenset({"living_relief.verify"})),
            RoleGrant("case_approver", frozenset({"living_relief.approve"})),
        )

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return Settings

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        return PARAMETERS

    @hookimpl
    def bangfu_workflows(self) -> Sequence[WorkflowDecl]:
        return WORKFLOWS

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        return (GuardDecl(GUARD, "依据有效认定", "rests on the present determination", determination_current), *GUARDS)

    @hookimpl
    def bangfu_effects(self) -> Sequence[EffectDecl]:
        return (EffectDecl(GRANT, "作出救助决定并预留资金", "grant and reserve the money", grant),)

    @hookimpl
    def bangfu_programmes(self) -> Sequence[ProgrammeDecl]:
        return PROGRAMMES

    @hookimpl
    def bangfu_rule_sets(self) -> Sequence[RuleSet]:
        from plugins.living_relief.rules import RULE_SETS

        return RULE_SETS

    @hookimpl
    def bangfu_audit_checks(self) -> Sequence[AuditCheckDecl]:
        from plugins.living_relief.audit import AUDIT_CHECKS

        return AUDIT_CHECKS

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return (
            NavEntry(
                zh="生活救助",
                en="Living relief",
                path="/cases?line=living_relief",
                icon="heart-handshake",
                permission="case.read",
                group_zh="业务办理",
                group_en="Casework",
                order=20,
            ),
        )


plugin = LivingRelief()
