"""The rule engine: one definition decides a whole county at once, and explains one household (规则引擎).

A single decision is a batch of one. What a batch reads is laid down in a snapshot first and computed from the snapshot,
so that a stored determination can be run again from its own row.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.codes.loader import code_list
from core.people.repository import FactRows
from core.rules.batch import Batch, Snapshot
from core.rules.declarations import Column, Figure, KindLabel, Predicate, ProgrammeRule, RuleSet
from core.rules.sheet import ExplanationSheet, SheetParameter, SheetPredicate, SheetProgramme, SheetValue

__all__ = [
    "Column",
    "Figure",
    "KindLabel",
    "Outcome",
    "Predicate",
    "ProgrammeRule",
    "RuleSet",
    "decide",
    "explained",
    "snapshots_of",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules found of one household (认定结果). ``kind`` is None where there is no difficulty; ``amounts`` holds fen
    by programme for which it qualifies, ``shares`` who benefits from each with how much of it."""

    household_id: uuid.UUID
    eligible: bool
    kind: str | None
    reasons: tuple[str, ...]
    amounts: Mapping[str, int]
    shares: Mapping[str, tuple[tuple[uuid.UUID, int], ...]]
    inputs: Snapshot


def snapshots_of(rules: RuleSet, rows: FactRows) -> list[tuple[uuid.UUID, Snapshot]]:
    """For each household the values of the rule set's columns in its order, then those of its members; JSON-plain."""
    own, theirs = rules.columns_of("household"), rules.columns_of("person")
    members: dict[uuid.UUID, list[list[Any]]] = defaultdict(list)
    for person in sorted(rows.persons, key=lambda row: row.person_id):
        members[person.household_id].append([column.plain(person) for column in theirs])
    return [(row.household_id, [*(column.plain(row) for column in own), members[row.household_id]]) for row in rows.households]


def decide(
    rules: RuleSet, day: date, parameters: Mapping[str, Any], snapshots: Sequence[tuple[uuid.UUID, Snapshot]]
) -> list[Outcome]:
    """Evaluate all rules for many households at once; ``parameters`` are plain values by name.

    Raises ``ParameterMissing``, and ``OutOfBounds`` with the household in question in ``where``.
    """
    if not snapshots:
        return []
    batch = Batch(rules, day, parameters, snapshots)
    kinds = batch.array(rules.kind).tolist()
    eligible = batch.array(rules.eligible).tolist()
    reasons = _reasons(batch)
    amounts = _amounts(batch)
    shares = _shares(batch, amounts)
    return [
        Outcome(
            household_id=household_id,
            eligible=eligible[place],
            kind=rules.kinds[kinds[place]].code if kinds[place] else None,
            reasons=reasons[place],
            amounts=amounts[place],
            shares=shares[place],
            inputs=snapshot,
        )
        for place, (household_id, snapshot) in enumerate(snapshots)
    ]


def _reasons(batch: Batch) -> list[tuple[str, ...]]:
    """Names of the predicates that held, per household: texts are made once per distinct mask."""
    import numpy as np

    names = [predicate.name for predicate in batch.rules.predicates]
    mask = np.zeros(batch.size, dtype=np.int64)
    for place, name in enumerate(names):
        mask |= batch.array(name).astype(np.int64) << place
    texts = {value: tuple(name for place, name in enumerate(names) if value >> place & 1) for value in np.unique(mask).tolist()}
    return [texts[value] for value in mask.tolist()]


def _amounts(batch: Batch) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{} for _ in range(batch.size)]
    for programme in batch.rules.programmes:
        qualifies = batch.array(programme.qualifies).nonzero()[0].tolist()
        amounts = batch.array(programme.amount).tolist()
        for place in qualifies:
            found[place][programme.code] = amounts[place]
    return found


Shares = dict[str, tuple[tuple[uuid.UUID, int], ...]]


def _shares(batch: Batch, amounts: Sequence[Mapping[str, int]]) -> list[Shares]:
    """Who benefits. The worker of each household is named by the column ``worker_id``, members by ``person_id``."""
    ends = batch.sizes.cumsum().tolist()
    persons = batch.texts("person_id")
    workers = batch.texts("worker_id")
    by_person = {rule.code: batch.array(rule.shares).tolist() for rule in batch.rules.programmes if rule.shares is not None}
    found: list[Shares] = []
    for place, mine in enumerate(amounts):
        members = range(ends[place] - int(batch.sizes[place]), ends[place])
        shares: Shares = {}
        for code, amount in mine.items():
            if code in by_person:
                values = by_person[code]
                shares[code] = tuple((uuid.UUID(persons[at]), values[at]) for at in members if values[at])
            else:
                shares[code] = ((uuid.UUID(workers[place]), amount),)
        found.append(shares)
    return found


def explained(
    rules: RuleSet,
    day: date,
    parameters: Sequence[SheetParameter],
    household_id: uuid.UUID,
    snapshot: Snapshot,
) -> ExplanationSheet:
    """The explanation sheet of one household: the batch's rules on a batch of one."""
    values = {parameter.name: parameter.value for parameter in parameters}
    [outcome] = decide(rules, day, values, [(household_id, snapshot)])
    batch = Batch(rules, day, values, [(household_id, snapshot)])
    own = rules.columns_of("household")
    place = int(batch.array(rules.kind)[0])
    predicates = {predicate.name: _predicate(batch, predicate) for predicate in rules.predicates}
    return ExplanationSheet(
        household_id=household_id,
        decided_on=day,
        rule_set=rules.name,
        rule_version=rules.version,
        title_zh=rules.zh,
        title_en=rules.en,
        clause=rules.clause,
        eligible=outcome.eligible,
        kind=outcome.kind,
        kind_zh=rules.kinds[place].zh,
        kind_en=rules.kinds[place].en,
        parameters=tuple(parameter for parameter in parameters if parameter.name in rules.parameters),
        stated=tuple(_stated(column, value) for column, value in zip(own, snapshot, strict=False)),
        persons=tuple(_person(batch, at, person) for at, person in enumerate(snapshot[len(own)])),
        figures=tuple(_figure(batch, figure, 0) for figure in rules.figures if figure.of == "household"),
        predicates=tuple(predicates.values()),
        programmes=tuple(_programme(rule, outcome, predicates) for rule in rules.programmes),
    )


def _stated(column: Column, value: Any) -> SheetValue:
    label = None
    if column.code_list is not None and value:
        known = code_list(column.code_list)
        codes = [value] if isinstance(value, str) else value
        label = "、".join(known.item(code).zh if code in known else code for code in codes)
    return SheetValue(column.name, column.zh, column.en, column.kind, column.clause, value, label)


def _person(batch: Batch, at: int, person: Sequence[Any]) -> tuple[SheetValue, ...]:
    stated = [_stated(column, value) for column, value in zip(batch.rules.columns_of("person"), person, strict=True)]
    return (*stated, *(_figure(batch, figure, at) for figure in batch.rules.figures if figure.of == "person"))


def _figure(batch: Batch, figure: Figure, at: int) -> SheetValue:
    value = batch.array(figure.name)[at].item()
    label = batch.rules.kinds[value].zh if figure.name == batch.rules.kind else None
    return SheetValue(figure.name, figure.zh, figure.en, figure.unit, figure.clause, value, label, figure.reads)


def _predicate(batch: Batch, predicate: Predicate) -> SheetPredicate:
    held = bool(batch.array(predicate.name)[0])
    return SheetPredicate(predicate.name, predicate.zh, predicate.en, predicate.clause, held, predicate.reads)


def _programme(rule: ProgrammeRule, outcome: Outcome, predicates: Mapping[str, SheetPredicate]) -> SheetProgramme:
    return SheetProgramme(
        code=rule.code,
        zh=rule.zh,
        en=rule.en,
        clause=rule.clause,
        qualifies=rule.code in outcome.amounts,
        amount_fen=outcome.amounts.get(rule.code, 0),
        grounds=tuple(predicates[name] for name in rule.grounds),
        shares=outcome.shares.get(rule.code, ()),
    )
