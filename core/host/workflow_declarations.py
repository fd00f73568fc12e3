"""What a workflow is declared of: form, papers, states, clocks, steps, guards and effects. ``core.host.declarations`` names
them beside all others; import them from there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from core.cases.models import Case


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
