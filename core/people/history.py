"""What is on record of a household over time: who belonged to it and when, and what was found of it, was and is (档案沿革)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.people.changes.facts import HOUSEHOLD_ITEMS, PERSON_ITEMS
from core.people.entry import said
from core.people.models import HouseholdFact, Membership, Person, PersonFact
from core.scope import current_scope

HEALTH: Final = frozenset(
    {
        "health_status",
        "disability_kind",
        "disability_grade",
        "cost_illness_fen",
        "cost_disability_fen",
        "cost_long_term_care_fen",
    }
)
"""Columns of facts that tell of somebody's health."""
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Belonged:
    """One time that a person belongs or belonged to a household; ``until`` is the first day on which he does no more."""

    person_id: UUID
    name: str
    relation: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record of facts: from which day they hold, who wrote them when and from where, and what differs from what was known
    before: (label, was, is). ``of`` is the person's name; empty for the household."""

    of: str
    valid_from: date
    recorded_at: datetime
    recorded_by: str | None
    source: str
    changes: tuple[tuple[str, str, str], ...]


def membership_history(session: Session, household_id: UUID) -> list[Belonged]:
    """Everybody who belongs or belonged to a household, the first to come first."""
    rows = session.execute(
        select(Membership, Person.name)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.household_id == household_id)
        .order_by(Membership.valid_from, Membership.recorded_at)
    ).all()
    by_person: dict[UUID, list[tuple[Membership, str]]] = defaultdict(list)
    for membership, name in rows:
        by_person[membership.person_id].append((membership, name))
    found = [spell for spells in by_person.values() for spell in _spells(spells)]
    return sorted(found, key=lambda one: (one.since, one.name))


def _spells(rows: Sequence[tuple[Membership, str]]) -> Iterable[Belonged]:
    """Rows of one person joined to spells; of several with one day the one recorded last counts."""
    newest = {row.valid_from: (row, name) for row, name in rows}
    since: date | None = None
    relation, called = "", ""
    for day, (row, name) in sorted(newest.items()):
        if row.present:
            since, relation, called = since or day, row.relation, name
        elif since is not None:
            yield Belonged(row.person_id, called, relation, since, day)
            since = None
    if since is not None:
        yield Belonged(rows[0][0].person_id, called, relation, since, None)


def fact_history(
    session: Session, household_id: UUID, names: Mapping[UUID, str], *, hidden: Collection[str] = ()
) -> list[Recorded]:
    """What was recorded of these persons (ids with names) and the household, the newest first; columns of ``hidden`` are left
    out."""
    people = session.scalars(
        select(PersonFact).where(PersonFact.person_id.in_(list(names))).order_by(PersonFact.recorded_at.desc()).limit(_MOST)
    ).all()
    of_home = session.scalars(
        select(HouseholdFact)
        .where(HouseholdFact.household_id == household_id)
        .order_by(HouseholdFact.recorded_at.desc())
        .limit(_MOST)
    ).all()
    groups: dict[UUID, list[PersonFact | HouseholdFact]] = defaultdict(list)
    for fact in people:
        groups[fact.person_id].append(fact)
    groups[household_id] += of_home
    found = [_told(fact, facts, names.get(subject, ""), hidden) for subject, facts in groups.items() for fact in facts]
    return sorted(found, key=lambda one: one.recorded_at, reverse=True)


def _told(
    fact: PersonFact | HouseholdFact, others: Sequence[PersonFact | HouseholdFact], of: str, hidden: Collection[str]
) -> Recorded:
    before = [one for one in others if one.recorded_at < fact.recorded_at and one.valid_from <= fact.valid_from]
    former = max(before, key=lambda one: (one.valid_from, one.recorded_at), default=None)
    changes = []
    for item in PERSON_ITEMS if isinstance(fact, PersonFact) else HOUSEHOLD_ITEMS:
        was, now = getattr(former, item.name) if former else None, getattr(fact, item.name)
        empty = now in (None, 0, []) and former is None
        if item.name not in hidden and was != now and not empty:
            changes.append((item.zh, said(item, was) if former else "", said(item, now)))
    return Recorded(of, fact.valid_from, fact.recorded_at, fact.recorded_by, fact.source, tuple(changes))


def today_of(spells: Sequence[Belonged]) -> dict[UUID, Belonged]:
    """Those who belong today, by person."""
    today = current_scope().business_date
    return {one.person_id: one for one in spells if one.since <= today and (one.until is None or one.until > today)}
