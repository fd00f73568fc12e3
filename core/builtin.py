"""The core's own declarations, registered with the host as the always-on plugin ``core``.

Each part of the core states its declarations in its ``declared.py`` under the names below; nothing else joins them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import core.announcements.declared
import core.audit.declared
import core.cases.declared
import core.documents.declared
import core.exchange.declared
import core.funds.declared
import core.host.declared
import core.identity.declared
import core.jobs.declared
import core.notices.declared
import core.parameters.declared
import core.people.declared
import core.rights.declared
import core.surveys.declared
import core.tenancy.declared
import core.trail.declared
import core.transfers.declared
import core.web.declared
from core.centre.settings import CentreSettings
from core.host import hookimpl
from core.host.declarations import (
    AuditCheckDecl,
    EffectDecl,
    FactDecl,
    GuardDecl,
    JobKindDecl,
    NavEntry,
    ParameterDecl,
    PermissionDecl,
    PluginInfo,
    RoleDecl,
    RoleGrant,
    SettingsModel,
    TrailActDecl,
)

_PARTS: tuple[ModuleType, ...] = (
    core.announcements.declared,
    core.audit.declared,
    core.cases.declared,
    core.documents.declared,
    core.exchange.declared,
    core.funds.declared,
    core.host.declared,
    core.identity.declared,
    core.jobs.declared,
    core.notices.declared,
    core.parameters.declared,
    core.people.declared,
    core.rights.declared,
    core.surveys.declared,
    core.tenancy.declared,
    core.trail.declared,
    core.transfers.declared,
    core.web.declared,
)


def _joined(name: str) -> list[Any]:
    return [declaration for part in _PARTS for declaration in getattr(part, name, ())]


class CorePlugin:
    """The core seen as a plugin: always on, no service line."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo(
            name="core",
            version="1",
            api=">=1,<2",
            title_zh="平台基础",
            title_en="Platform",
            description_zh="人员、个案、资金、调查与审计",
            description_en="People, cases, funds, surveys and audit",
            clause="domain 1",
            service_line=False,
            always_on=True,
            order=0,
        )

    @hookimpl
    def bangfu_permissions(self) -> Sequence[PermissionDecl]:
        return _joined("PERMISSIONS")

    @hookimpl
    def bangfu_roles(self) -> Sequence[RoleDecl]:
        return _joined("ROLES")

    @hookimpl
    def bangfu_role_grants(self) -> Sequence[RoleGrant]:
        return _joined("ROLE_GRANTS")

    @hookimpl
    def bangfu_settings(self) -> SettingsModel:
        return CentreSettings

    @hookimpl
    def bangfu_parameters(self) -> Sequence[ParameterDecl]:
        return _joined("PARAMETERS")

    @hookimpl
    def bangfu_guards(self) -> Sequence[GuardDecl]:
        return _joined("GUARDS")

    @hookimpl
    def bangfu_effects(self) -> Sequence[EffectDecl]:
        return _joined("EFFECTS")

    @hookimpl
    def bangfu_audit_checks(self) -> Sequence[AuditCheckDecl]:
        return _joined("AUDIT_CHECKS")

    @hookimpl
    def bangfu_facts(self) -> Sequence[FactDecl]:
        return _joined("FACTS")

    @hookimpl
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        return _joined("JOB_KINDS")

    @hookimpl
    def bangfu_trail_acts(self) -> Sequence[TrailActDecl]:
        return _joined("TRAIL_ACTS")

    @hookimpl
    def bangfu_navigation(self) -> Sequence[NavEntry]:
        return _joined("NAVIGATION")


core_plugin = CorePlugin()
