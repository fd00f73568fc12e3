"""What a plugin declares: plain values that can be listed, drawn and tested.

Functions inside a declaration take many things at once (cases, households); none is called per household.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy.orm import Session

from core.host.workflow_declarations import DeadlineDecl as DeadlineDecl
from core.host.workflow_declarations import DocumentRequirement as DocumentRequirement
from core.host.workflow_declarations import Effect as Effect
from core.host.workflow_declarations import EffectDecl as EffectDecl
from core.host.workflow_declarations import FormDecl as FormDecl
from core.host.workflow_declarations import FormField as FormField
from core.host.workflow_declarations import Guard as Guard
from core.host.workflow_declarations import GuardDecl as GuardDecl
from core.host.workflow_declarations import GuardVerdict as GuardVerdict
from core.host.workflow_declarations import StateDecl as StateDecl
from core.host.workflow_declarations import TransitionDecl as TransitionDecl
from core.host.workflow_declarations import WorkflowDecl as WorkflowDecl
from core.scope import Level

ALL_LEVELS = frozenset(Level)
COUNTIES = frozenset({Level.COUNTY})
Severity = Literal["critical", "major", "minor"]
Duty = Literal["clerk", "approver", "fund_manager", "payer"]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Who a plugin is: ``name`` prefixes all it declares, ``api`` is a range of host versions, ``profiles`` have it on."""

    name: str
    version: str
    api: str
    title_zh: str
    title_en: str
    description_zh: str
    description_en: str
    clause: str
    service_line: bool = True
    always_on: bool = False
    icon: str = "puzzle"
    order: int = 100
    requires: tuple[str, ...] = ()
    """Plugins without which it does not work: it can be on only where they are, and is left out where one is not installed."""
    conflicts: tuple[str, ...] = ()
    """Plugins beside which it cannot be on."""
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PermissionDecl:
    """Something that a post may be allowed to do. Each declaration judges for itself whether it shows persons' data."""

    code: str
    zh: str
    en: str
    personal: bool
    """Whether it opens pages, files or answers that show single persons or households: administrators and whoever reads
    figures only never hold it (domain 12)."""
    duty: Duty | None = None
    """The duty that it belongs to, where it decides or pays: a tenant may give it to roles of this duty alone."""


@dataclass(frozen=True, slots=True)
class RoleDecl:
    """A role (岗位角色): the permissions it brings and the levels it exists at."""

    code: str
    zh: str
    en: str
    permissions: frozenset[str]
    levels: frozenset[Level] = ALL_LEVELS
    duty: Duty | None = None
    """Duties that exclude each other: one person holds at most one of them in a tenant (domain 7.1, 12)."""
    audit_side: Literal["auditor", "audited"] | None = "audited"
    """Whether the role audits, is audited, or neither (whoever reads figures only, the administrators)."""
    administers: Literal["system", "security", "audit"] | None = None
    """One of the three administrators (三员), who hold no other post."""
    sees_persons: bool = True
    """False for the administrators and for whoever reads figures only: they hold no permission that is ``personal``."""
    granted_by: Literal["tenant", "security"] = "tenant"
    """Who gives the role: the tenant's administrator, or the security administrator alone (domain 12)."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """Permissions that a plugin adds to a role of the core."""

    role: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class TrailActDecl:
    """What an entry of the trail (操作日志) is called: ``code`` is what ``core.trail.service.record`` is told."""

    code: str
    zh: str
    """A few words, as an official would say what was done (登记走访)."""
    en: str


@dataclass(frozen=True, slots=True)
class ProgrammeDecl:
    """A kind of aid in money (救助项目): from which sources, for which purpose, how often."""

    code: str
    zh: str
    en: str
    plugin: str
    purpose: str
    sources: tuple[str, ...]
    """Sources in the order in which they are drawn on; a grant comes from the first that covers it whole."""
    occurrence: Literal["civil_year", "school_year", "event"]
    clause: str


@dataclass(frozen=True, slots=True)
class FundSourceDecl:
    """A source of money (资金来源) beside donations, appropriation and the union's own funds, whose money goes to named
    purposes alone. Money of it comes in where the plugin is on; what is there can be paid whether it is on or not."""

    code: str
    zh: str
    en: str
    purposes: tuple[str, ...]
    """The only purposes for which its money can be booked; programmes are paid from their own purpose."""
    clause: str


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """One national value of a parameter with the day from which it holds and where it comes from."""

    valid_from: date
    value: Any
    source: str
    clause: str


@dataclass(frozen=True, slots=True)
class ParameterDecl:
    """A dated figure of policy that every level may set for itself and those below (政策参数)."""

    name: str
    zh: str
    en: str
    unit: Literal["fen", "days", "working_days", "basis_points", "years", "months", "flag", "codes", "count"]
    clause: str
    defaults: tuple[ParameterValue, ...] = ()
    least: int = 0
    """The smallest figure that the law leaves to the levels."""
    options: Callable[[], Mapping[str, str]] | None = None
    """Of ``codes``: which there are, with their Chinese names. None leaves it to whoever reads them."""
    strictest: Literal["common", "longest", "least"] | None = None
    """Where a lower level may tighten but not loosen: what counts is the codes that all levels name, their longest term, or the
    least figure from the province down (``core.parameters.service.least_of_levels``)."""


@dataclass(frozen=True, slots=True)
class FindingDraft:
    """One deviation that a check found. ``fingerprint`` is stable for the same deviation."""

    fingerprint: str
    title: str
    subject_kind: str
    subject_id: uuid.UUID | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None
    """Only where it differs from the check's own."""


@dataclass(frozen=True, slots=True)
class AuditCheckDecl:
    """A check of the annual audit (审计核查项): one set-based look at a tenant's year."""

    code: str
    zh: str
    en: str
    severity: Severity
    clause: str
    run: Callable[[Session, int], Sequence[FindingDraft]]
    """(session in the tenant's scope, year) -> findings."""


@dataclass(frozen=True, slots=True)
class FactDecl:
    """Aggregate figures that a tenant reports upward: one set-based question gives (name, dimension, value) rows."""

    name: str
    zh: str
    en: str
    measure: Callable[[Session, int], Sequence[tuple[str, str, int]]]


@dataclass(frozen=True, slots=True)
class NavEntry:
    """An entry of the navigation; absent where the permission is not held. ``path`` follows ``/{tenant}``."""

    zh: str
    en: str
    path: str
    icon: str
    permission: str
    group_zh: str = ""
    group_en: str = ""
    order: int = 100
    levels: frozenset[Level] = ALL_LEVELS


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """One chunk of a job: a label for the screen and what the chunk's run is told."""

    label: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When work starts by itself, in Asia/Shanghai: at an hour of every day, of a day of every month, or of one day a year.

    Plain days and not Celery's ``crontab``: plugins import the core alone, and a crontab knows neither the business date nor
    that a period which was missed is caught up once.
    """

    hour: int
    day: int | None = None
    """Day of the month, at most 28, so that every month has it; None for every day."""
    month: int | None = None
    """With ``day``: the month, for once a year."""

    def __post_init__(self) -> None:
        day_fits = self.month is None if self.day is None else 1 <= self.day <= 28
        if not (0 <= self.hour <= 23 and day_fits and (self.month is None or 1 <= self.month <= 12)):
            raise ValueError("an hour of the day, a day up to 28, and a month only beside a day")


@dataclass(frozen=True, slots=True)
class JobKindDecl:
    """A kind of background work. ``plan`` splits it into short chunks; ``run`` does one chunk in one transaction and must be
    safe to run twice; ``finish`` sums up. ``fan_out`` marks a province's job whose chunks are counties: ``run`` then is
    called in the county's scope (payload ``tenant``)."""

    kind: str
    zh: str
    en: str
    plan: Callable[[Session, Mapping[str, Any]], Sequence[ChunkPlan]]
    run: Callable[[Session, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
    """(session, job params, chunk payload) -> result (a JSON object)."""
    finish: Callable[[Session, Mapping[str, Any], Sequence[Mapping[str, Any]]], Mapping[str, Any]] | None = None
    """(session, job params, results of all chunks) -> result of the job."""
    permission: str = "job.start"
    fan_out: bool = False
    levels: frozenset[Level] = ALL_LEVELS
    """Levels of tenants that may have such work done."""
    recurs: Recurrence | None = None
    """When the platform starts it by itself, once a period: for the highest tenant where it fans out, else for each tenant of
    its levels; nowhere where the plugin is off."""
    listed: bool = True
    """Whether the page of jobs offers it for a year; False for work that is started in a place of its own."""


@dataclass(frozen=True, slots=True)
class MigrationDecl:
    """Where a plugin keeps tables of its own: a Postgres schema named like the plugin, scripts in ``scripts/versions``."""

    scripts: Path


SettingsModel = type[BaseModel]
