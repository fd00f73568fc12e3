"""What a plugin declares: plain values that can be listed, drawn and tested.

Functions inside a declaration take many things at once (cases, households); none is called per household.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel
from sqlalchemy.orm import Session

from core.scope import Level

if TYPE_CHECKING:
    from core.cases.models import Case

ALL_LEVELS = frozenset(Level)
COUNTIES = frozenset({Level.COUNTY})
Severity = Literal["critical", "major", "minor"]
Duty = Literal["clerk", "approver", "fund_manager", "payer"]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Who a plugin is. ``name`` prefixes everything it declares; ``api`` is the range of host versions it works with."""

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
class FormField:
    """A field of an application form. ``choices`` are (code, label); ``code_list`` names a list instead."""

    name: str
    zh: str
    en: str
    kind: Literal["text", "long_text", "choice", "money", "date", "integer", "yes_no"] = "text"
    required: bool = False
    code_list: str | None = None
    choices: tuple[tuple[str, str], ...] = ()
    hint_zh: str = ""
    max_length: int = 2000


@dataclass(frozen=True, slots=True)
class FormDecl:
    """An application form (申请表) in one version."""

    name: str
    version: int
    zh: str
    en: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class DocumentRequirement:
    """A paper that a case must have before the guard ``documents_complete`` lets it pass (list document_kind)."""

    kind: str
    clause: str
    programme: str | None = None
    """Only for cases of this programme; None for all cases of the workflow."""


@dataclass(frozen=True, slots=True)
class StateDecl:
    """A state of a workflow."""

    code: str
    zh: str
    en: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class DeadlineDecl:
    """A clock: started by entering one of ``starts_in``, met by leaving it; due after a number of days that is a parameter
    (``parameter``) or fixed by law (``days``)."""

    kind: str
    zh: str
    en: str
    starts_in: tuple[str, ...]
    clock: Literal["calendar", "working"]
    clause: str
    days: int | None = None
    parameter: str | None = None
    waiting: bool = False
    """True for a period that must pass before the next step (公示期), which nobody can be late for."""


@dataclass(frozen=True, slots=True)
class TransitionDecl:
    """A step between states: who may, under which guards, with which effects (names resolved by the engine)."""

    code: str
    zh: str
    en: str
    sources: tuple[str, ...]
    target: str
    permission: str
    guards: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    clause: str = ""
    note_required: bool = False
    decision: Literal["approved", "refused"] | None = None
    """Set where the step is the decision on the case: the actor then must not be the applicant's clerk."""


@dataclass(frozen=True, slots=True)
class WorkflowDecl:
    """A workflow of one service line in one version (流程), with its form, papers and clocks."""

    name: str
    version: int
    plugin: str
    zh: str
    en: str
    number_prefix: str
    """Prefix of case numbers, e.g. SH for 生活救助."""
    initial: str
    states: tuple[StateDecl, ...]
    transitions: tuple[TransitionDecl, ...]
    form: FormDecl
    documents: tuple[DocumentRequirement, ...] = ()
    deadlines: tuple[DeadlineDecl, ...] = ()
    open_permission: str = "case.open"
    needs_household: bool = False
    """Whether a case needs a household on file (living relief does; a petition does not)."""


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """What a guard says of one case: passed, or what is missing, in words for the screen."""

    passed: bool
    zh: str
    en: str


Guard = Callable[[Session, "Sequence[Case]"], Mapping[uuid.UUID, GuardVerdict]]


@dataclass(frozen=True, slots=True)
class GuardDecl:
    """A named guard: judges many cases in one set-based question."""

    name: str
    zh: str
    en: str
    judge: Guard


Effect = Callable[[Session, "Sequence[Case]"], None]


@dataclass(frozen=True, slots=True)
class EffectDecl:
    """A named effect of a transition, in the same transaction, for many cases at once."""

    name: str
    zh: str
    en: str
    apply: Effect


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


@dataclass(frozen=True, slots=True)
class MigrationDecl:
    """Where a plugin keeps tables of its own: a Postgres schema named like the plugin, scripts in ``scripts/versions``."""

    scripts: Path


SettingsModel = type[BaseModel]
