"""The annual survey and its determinations (调查摸底、困难认定, domain 7.5, 10)."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.errors import NotFound
from core.host.manager import host
from core.parameters.service import Parameters, resolve
from core.people.models import WorkerFile
from core.people.repository import fact_rows
from core.rules.batch import Snapshot
from core.rules.engine import Outcome, RuleSet, decide, explained, snapshots_of
from core.rules.errors import OutOfBounds, RulesUnknown
from core.rules.sheet import ExplanationSheet, SheetParameter
from core.scope import current_scope
from core.surveys import repository
from core.surveys.models import Determination, ParameterSet, SurveyRound
from core.trail.service import record

ROUND = Kind("survey_round", "调查批次", {"none": "尚未开展", "open": "正在调查", "decided": "已作出认定"})
OPEN = Demand("survey.open", of=ROUND, states=frozenset(ROUND.states))
"""A year's survey begins with it, goes on with it, and takes in later those whom it left out: none of them twice."""


def rule_set_named(name: str, version: str | None = None) -> RuleSet:
    """The rule set called ``name`` in ``version``, or the newest that its plugin lists last; raises ``RulesUnknown``."""
    found: list[RuleSet] = [rules for rules in host().collected("bangfu_rule_sets") if rules.name == name]
    fitting = [rules for rules in found if version is None or rules.version == version]
    if not fitting:
        raise RulesUnknown(
            f"没有规则 {name} 的 {version or '任何'} 版本", f"no rule set {name} in version {version or 'any'}", where=name
        )
    return fitting[-1]


def survey_rules() -> RuleSet:
    """The rule set by which the survey determines in the tenant in scope; raises ``RulesUnknown`` where none is on."""
    here: list[RuleSet] = [rules for rules in host().collected_here("bangfu_rule_sets") if rules.surveyed]
    if not here:
        known = host()
        able = [known.info(name) for name, sets in known.installed("bangfu_rule_sets") if any(rules.surveyed for rules in sets)]
        raise RulesUnknown(
            "本单位未启用带有困难认定规则的业务",
            "no plugin with rules for the survey is on in this tenant",
            mend_zh=f"请先启用带有认定规则的业务：{'、'.join(info.title_zh for info in able) or '本安装尚无此类业务'}",
            mend_en=f"switch on a line that has such rules: {', '.join(info.title_en for info in able) or 'none is installed'}",
        )
    return rule_set_named(here[0].name)


def open_round(session: Session, year: int) -> SurveyRound:
    """Open the survey round of ``year``, or give the one that is open. Needs ``survey.open`` unless a job acts."""
    scope = current_scope()
    if not scope.is_system:
        require(OPEN)
    known = repository.round_of_year(session, year)
    if known is not None:
        return known
    opened = repository.open_round(session, year, scope.business_date)
    record(session, "survey.opened", "survey_round", opened.id, {"year": year})
    return opened


def evaluate(
    session: Session,
    rule_set_name: str,
    on: date,
    household_ids: Sequence[uuid.UUID] | None = None,
    *,
    supposing: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """What the rules find of households by the facts and figures of ``on`` as known now; writes nothing.

    ``supposing`` puts other values in place of some figures of policy.
    """
    rules = rule_set_named(rule_set_name)
    parameters = resolve(session, on)
    if supposing:
        parameters = parameters.supposing(supposing)
    facts = fact_rows(session, on, household_ids)
    return _decided(session, rules, on, parameters.values_of(rules.parameters), snapshots_of(rules, facts))


def _decided(
    session: Session, rules: RuleSet, day: date, values: Mapping[str, Any], snapshots: Sequence[tuple[uuid.UUID, Snapshot]]
) -> list[Outcome]:
    """What ``decide`` finds; a household that stops it is named by its file's number, which a clerk can look up."""
    try:
        return decide(rules, day, values, snapshots)
    except OutOfBounds as error:
        if error.household is not None:
            asked = select(WorkerFile.file_number).where(WorkerFile.household_id == error.household)
            error.where = f"{session.scalar(asked)} / {error.column}"
        raise


def determine(session: Session, round_id: uuid.UUID | None, household_ids: Sequence[uuid.UUID] | None = None) -> int:
    """Determine households and keep what was found with its inputs; the number of new determinations.

    In a round each household is determined once: households that it has already are passed over, so that a repeated run
    does no harm, and all are decided by the day of the round's first run. Without a round (None) each call decides anew by
    the business date. The kind of difficulty is put on the worker's file.
    """
    rules = survey_rules()
    day = current_scope().business_date
    if round_id is not None:
        day = repository.settle_day(session, round_id, day)
        if household_ids is not None:
            household_ids = repository.undetermined(session, round_id, household_ids)
    if household_ids is not None and not household_ids:
        return 0
    parameters = resolve(session, day)
    snapshots = snapshots_of(rules, fact_rows(session, day, household_ids))
    outcomes = _decided(session, rules, day, parameters.values_of(rules.parameters), snapshots)
    if not outcomes:
        return 0
    stored = _stored_parameters(session, rules, parameters)
    rows = [_row(outcome, round_id, day, rules, stored) for outcome in outcomes]
    written = repository.write_determinations(session, rows)
    repository.mark_files(session, written)
    record(
        session,
        "survey.determined",
        "survey_round",
        round_id,
        {"households": len(written), "parameter_set": stored, "rules": f"{rules.name} {rules.version}", "decided_on": day},
    )
    return len(written)


def _stored_parameters(session: Session, rules: RuleSet, parameters: Parameters) -> uuid.UUID:
    entries = {name: parameters[name].plain() for name in rules.parameters if name in parameters}
    text = json.dumps([parameters.on.isoformat(), entries], sort_keys=True, ensure_ascii=False)
    return repository.parameter_set(session, hashlib.sha256(text.encode()).hexdigest(), parameters.on, entries)


def _row(
    outcome: Outcome, round_id: uuid.UUID | None, day: date, rules: RuleSet, parameter_set_id: uuid.UUID
) -> dict[str, Any]:
    return {
        "household_id": outcome.household_id,
        "round_id": round_id,
        "decided_on": day,
        "rule_set": rules.name,
        "rule_version": rules.version,
        "parameter_set_id": parameter_set_id,
        "inputs": list(outcome.inputs),
        "eligible": outcome.eligible,
        "kind": outcome.kind,
        "reasons": list(outcome.reasons),
        "amounts": dict(outcome.amounts),
    }


def latest_determinations(session: Session, year: int) -> list[Determination]:
    """The latest determination of every household in ``year``."""
    return list(repository.latest(session, year))


def newest_determinations(session: Session, household_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, repository.Newest]:
    """The newest determination of each household, whenever it was made; a household without any is left out."""
    return repository.newest(session, household_ids)


def working(session: Session, household_id: uuid.UUID, parameters: Parameters) -> ExplanationSheet | None:
    """The working of a household's means (试算) by the figures of policy, and the facts of their day as known now, by the rules
    that the survey determines with; None where no line with such rules is on. Writes nothing.

    Raises ``NotFound`` for a household without a file, ``ParameterMissing`` and ``OutOfBounds`` where the rules cannot reckon.
    """
    day = parameters.on
    try:
        rules = survey_rules()
    except RulesUnknown:
        return None
    snapshots = snapshots_of(rules, fact_rows(session, day, [household_id]))
    if not snapshots:
        raise NotFound("该户没有档案", "the household has no file", where=str(household_id))
    figures = [parameters[name] for name in sorted(rules.parameters) if name in parameters]
    return explained(rules, day, figures, household_id, snapshots[0][1])


def _sheet_parameters(stored: ParameterSet) -> list[SheetParameter]:
    return [SheetParameter.from_plain(name, plain) for name, plain in sorted(stored.entries.items())]


def rerun_from_snapshot(session: Session, determinations: Sequence[Determination]) -> dict[uuid.UUID, Outcome]:
    """Run the rules again on what was laid down with each determination, by its id; needs no fact that may have changed.

    Raises ``RulesUnknown`` where the version of the rules is not installed any more.
    """
    sets = repository.parameter_sets(session, list({row.parameter_set_id for row in determinations}))
    groups: dict[tuple[str, str, uuid.UUID, date], list[Determination]] = defaultdict(list)
    for row in determinations:
        groups[row.rule_set, row.rule_version, row.parameter_set_id, row.decided_on].append(row)
    found: dict[uuid.UUID, Outcome] = {}
    for (name, version, set_id, day), rows in groups.items():
        values = {entry.name: entry.value for entry in _sheet_parameters(sets[set_id])}
        outcomes = decide(rule_set_named(name, version), day, values, [(row.household_id, row.inputs) for row in rows])
        found.update((row.id, outcome) for row, outcome in zip(rows, outcomes, strict=True))
    return found


def shares_of(
    session: Session, determination_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Mapping[str, tuple[tuple[uuid.UUID, int], ...]]]:
    """Who benefits from each programme that a determination found, with how many fen: (person, fen) by programme."""
    rows = session.scalars(select(Determination).where(Determination.id.in_(determination_ids))).all()
    return {row_id: outcome.shares for row_id, outcome in rerun_from_snapshot(session, rows).items()}


def explain(session: Session, determination_id: uuid.UUID) -> ExplanationSheet:
    """The explanation of one determination from what was laid down with it (认定说明书); raises ``NotFound``."""
    row = session.scalar(select(Determination).where(Determination.id == determination_id))
    if row is None:
        raise NotFound("没有这份认定", "no such determination", where=str(determination_id))
    stored = repository.parameter_sets(session, [row.parameter_set_id])[row.parameter_set_id]
    rules = rule_set_named(row.rule_set, row.rule_version)
    return explained(rules, row.decided_on, _sheet_parameters(stored), row.household_id, row.inputs)
