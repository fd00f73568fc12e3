"""All hooks that a plugin may implement, in one place.

Each hook is synchronous and returns declarations (``core.host.declarations``). Implement the ones you need with
``@hookimpl`` from ``core.host``. Hooks are asked for the plugins that are switched on in the tenant, except where a docstring
says *installed*: those describe the plugin itself and are read at start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

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

if TYPE_CHECKING:
    from fastapi import APIRouter

    from core.rules.engine import RuleSet

hookspec = pluggy.HookspecMarker("bangfu")


@hookspec
def bangfu_plugin() -> PluginInfo:  # type: ignore[empty-body]
    """Who the plugin is (*installed*). Every plugin must implement this one."""


@hookspec
def bangfu_permissions() -> Sequence[PermissionDecl]:  # type: ignore[empty-body]
    """Permissions that the plugin asks for; codes start with the plugin's name (*installed*)."""


@hookspec
def bangfu_roles() -> Sequence[RoleDecl]:  # type: ignore[empty-body]
    """Roles that the plugin brings, e.g. 信访承办人 (*installed*)."""


@hookspec
def bangfu_role_grants() -> Sequence[RoleGrant]:  # type: ignore[empty-body]
    """Permissions of the plugin that roles of the core get (*installed*)."""


@hookspec
def bangfu_settings() -> SettingsModel:  # type: ignore[empty-body]
    """The plugin's settings as a pydantic model with defaults; the county's form is generated from it (*installed*)."""


@hookspec
def bangfu_parameters() -> Sequence[ParameterDecl]:  # type: ignore[empty-body]
    """Dated figures that the plugin's rules and clocks read (*installed*)."""


@hookspec
def bangfu_workflows() -> Sequence[WorkflowDecl]:  # type: ignore[empty-body]
    """Workflows with their forms, papers and clocks (*installed*: old cases stay readable when the plugin is off)."""


@hookspec
def bangfu_guards() -> Sequence[GuardDecl]:  # type: ignore[empty-body]
    """Guards that the plugin's transitions name beside the core's (*installed*)."""


@hookspec
def bangfu_effects() -> Sequence[EffectDecl]:  # type: ignore[empty-body]
    """Effects that the plugin's transitions name beside the core's (*installed*)."""


@hookspec
def bangfu_programmes() -> Sequence[ProgrammeDecl]:  # type: ignore[empty-body]
    """Kinds of aid in money with their sources, purpose and occurrence (*installed*)."""


@hookspec
def bangfu_fund_sources() -> Sequence[FundSourceDecl]:  # type: ignore[empty-body]
    """Sources of money of the plugin's own, each for named purposes alone (*installed*; received where the plugin is on)."""


@hookspec
def bangfu_rule_sets() -> Sequence[RuleSet]:  # type: ignore[empty-body]
    """Rule sets: columns, figures, predicates and amounts, evaluated singly and in batches by one definition."""


@hookspec
def bangfu_audit_checks() -> Sequence[AuditCheckDecl]:  # type: ignore[empty-body]
    """Checks of the annual audit; asked for every plugin that was on at any time in the audited year."""


@hookspec
def bangfu_facts() -> Sequence[FactDecl]:  # type: ignore[empty-body]
    """Aggregate figures that the tenant reports to its prefecture and province."""


@hookspec
def bangfu_job_kinds() -> Sequence[JobKindDecl]:  # type: ignore[empty-body]
    """Kinds of background work (*installed*)."""


@hookspec
def bangfu_trail_acts() -> Sequence[TrailActDecl]:  # type: ignore[empty-body]
    """What the entries that the plugin leaves in the trail are called (*installed*: old entries stay readable). The log shows
    a code that nobody declares as it is; steps of cases are called what the workflow calls them."""


@hookspec
def bangfu_navigation() -> Sequence[NavEntry]:  # type: ignore[empty-body]
    """Entries of the navigation, each shown to whoever holds its permission."""


@hookspec
def bangfu_page_routes() -> APIRouter:  # type: ignore[empty-body]
    """Pages under ``/{tenant}/…`` (*installed*; they answer 404 where the plugin is off)."""


@hookspec
def bangfu_api_routes() -> APIRouter:  # type: ignore[empty-body]
    """Resources under ``/api/v1/{tenant}/…`` (*installed*; they answer 404 where the plugin is off)."""


@hookspec
def bangfu_templates() -> str:  # type: ignore[empty-body]
    """Folder of the plugin's Jinja templates, found as ``plugin/<name>/…`` (*installed*)."""


@hookspec
def bangfu_translations() -> str:  # type: ignore[empty-body]
    """Folder of gettext catalogues for the texts of the plugin's templates, ``<language>/LC_MESSAGES/messages.po``
    (*installed*)."""


@hookspec
def bangfu_migrations() -> MigrationDecl:  # type: ignore[empty-body]
    """Where the plugin keeps tables of its own (*installed*)."""
