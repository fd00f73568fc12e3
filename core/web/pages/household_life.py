"""The life of a household's file as its page draws it: states, steps, what comes next, papers signed (档案办理)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.people.life.consents import consents_of
from core.people.life.models import Consent, FileProposal, FileStep
from core.people.life.proposals import KINDS, step_for
from core.people.life.service import StepNeeds, next_steps, open_proposals, steps_of
from core.people.life.steps import STATE, STATES, STEPS, FileState
from core.people.models import WorkerFile
from core.people.repository import HouseholdView
from core.scope import current_scope
from core.web.charts import FlowState, StateKind
from core.web.pages import words

_LINE = ("draft", "first_checked", "visited", "civil_affairs_checked", "public_notice", "on_file")


@dataclass(frozen=True, slots=True)
class Life:
    """The life of a file as the page draws it."""

    states: Sequence[FlowState]
    pairs: Sequence[tuple[str, str]]
    steps: Sequence[FileStep]
    titles: dict[str, str]
    reasons: dict[str, str]
    current: FileState
    offers: Sequence[StepNeeds]
    proposals: Sequence[tuple[FileProposal, str, str]]
    """What is proposed, in words, and the step that it asks for."""
    choices: dict[str, list[tuple[str, str]]]
    """Reasons to choose from, by step."""
    imported: bool


def life_of(session: Session, file: WorkerFile, *, twice: bool) -> Life:
    """Everything about the life of one file. ``twice``: it may be here twice, and nobody has looked."""
    made = steps_of(session, file.household_id)
    may = current_scope().may("people.write")
    proposals = open_proposals(session, file.household_id) if may else ()
    lists = {step.code: step.reasons for step in STEPS if step.reasons}
    return Life(
        _states(file, made),
        [(source, step.target) for step in STEPS for source in step.sources if source in _LINE and step.target in _LINE],
        made,
        {step.code: step.zh for step in STEPS},
        {item.code: item.zh for name in set(lists.values()) for item in code_list(name).items},
        STATE[file.status],
        next_steps(session, file, made, twice=twice),
        [(one, KINDS[one.kind], step_for(one.kind)) for one in proposals],
        {code: [(item.code, item.zh) for item in code_list(name).items] for code, name in lists.items()},
        file.import_id is not None,
    )


def _states(file: WorkerFile, made: Sequence[FileStep]) -> list[FlowState]:
    """The usual way, and where the file has gone beside it; each with the day on which it came there."""
    reached = {step.to_state: step.done_on for step in made}
    drawn = []
    for state in STATES:
        if state.code not in _LINE and state.code != file.status and state.code not in reached:
            continue
        came = reached.get(state.code)
        kind: StateKind = "now" if state.code == file.status else "done" if came else "next"
        if kind == "next" and (file.status not in _LINE or _LINE.index(state.code) < _LINE.index(file.status)):
            kind = "off"
        drawn.append(FlowState(state.code, state.zh, kind, f"{came:%m-%d}" if came else "", state.code not in _LINE))
    return drawn


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """A consent as the page lists it."""

    row: Consent
    kind: str
    whose: str
    guardian: str
    holds: bool


def consent_lines(session: Session, view: HouseholdView) -> list[ConsentLine]:
    """The papers of a household with the names of those who signed."""
    names = {member.person.id: member.person.name for member in view.members}
    kinds, today = words.words_of("consent_kind"), current_scope().business_date

    def name(one: uuid.UUID | None) -> str:
        return names.get(one, "已不在该户的成员") if one else ""

    return [
        ConsentLine(
            row,
            kinds[row.kind],
            name(row.person_id) or "全户",
            name(row.guardian_id),
            row.withdrawn_on is None and (row.until is None or row.until >= today),
        )
        for row in consents_of(session, view.household.id)
    ]
