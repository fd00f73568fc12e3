"""Persons who may be here twice (疑似重复): found by features that they share, scored in the program, decided by people.

Nobody is merged by itself. A pair that somebody has decided is never proposed again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import among, tenant_sql
from core.errors import Conflict, NotFound
from core.host.declarations import COUNTIES
from core.people.duplicates.merging import REASON_LENGTH, WHY_ZH
from core.people.duplicates.models import DuplicateProposal
from core.people.duplicates.scores import THRESHOLD, Compared, score
from core.people.models import Person
from core.scope import current_scope
from core.text.lines import reason_given
from core.text.pinyin import confused, name_pinyin
from core.trail.service import record

DECIDING: Final = Demand("people.write", levels=COUNTIES)
_CHUNK: Final = 5000
_MOST_ALIKE: Final = 50
"""Of more persons with the same features, e.g. the telephone of a village, nobody is told anything."""

# Whom a whole county is looked through for: groups of one feature, so that no plan depends on how well the planner knows how
# alike people are.
_GROUPS: Final = """
select unnest(array_agg(p.id)) as id from person p
where p.tenant = :tenant and p.erased_at is null and p.birth_date is not null and p.sounds is not null
group by p.sounds, p.birth_date having count(*) > 1
union
select unnest(array_agg(p.id)) from person p
where p.tenant = :tenant and p.erased_at is null and p.identity_masked is not null and p.sounds is not null
group by p.sounds, p.identity_masked having count(*) > 1
union
select unnest(array_agg(p.id)) from person p
where p.tenant = :tenant and p.erased_at is null and p.phone_token is not null
group by p.phone_token having count(*) > 1
union
select unnest(array_agg(f.worker_id)) from worker_file f
where f.tenant = :tenant and f.account_token is not null group by f.account_token having count(*) > 1
"""
_NEIGHBOURS: Final = """
with lives as materialized (
    select distinct on (person_id, household_id) person_id, household_id, present
    from membership where tenant = :tenant and valid_from <= :on
    order by person_id, household_id, valid_from desc, recorded_at desc
),
known as materialized (
    select p.id, p.sounds, p.birth_date, left(p.name, 1) as surname, h.address, h.id as home from lives
    join household h on h.tenant = :tenant and h.id = lives.household_id
    join person p on p.tenant = :tenant and p.id = lives.person_id and p.erased_at is null
    where lives.present
)
select unnest(array_agg(id)) as id from known where sounds is not null group by address, sounds having count(distinct home) > 1
union
select unnest(array_agg(id)) from known where birth_date is not null
group by address, birth_date, surname having count(distinct home) > 1
"""
_NEAR: Final = """
select b.id from person a join person b on b.tenant = :tenant and b.sounds = a.sounds
where a.tenant = :tenant and a.id = any (:persons)
union
select b.id from person a join person b on b.tenant = :tenant and b.phone_token = a.phone_token
where a.tenant = :tenant and a.id = any (:persons)
union
select b.worker_id from worker_file a join worker_file b on b.tenant = :tenant and b.account_token = a.account_token
where a.tenant = :tenant and a.worker_id = any (:persons)
"""
# Persons of households that moved away or are merged are nobody's duplicates here any more.
_COMPARED: Final = """
select p.id, p.name, p.gender, p.birth_date, p.identity_token, p.identity_masked, p.phone_token, f.account_token,
    lives.household_id, h.address
from person p
left join lateral (
    select m.household_id from (
        select distinct on (household_id) household_id, present from membership
        where tenant = :tenant and person_id = p.id and valid_from <= :on
        order by household_id, valid_from desc, recorded_at desc
    ) m where m.present order by m.household_id limit 1
) lives on true
left join household h on h.tenant = :tenant and h.id = lives.household_id
left join worker_file f on f.tenant = :tenant and f.household_id = lives.household_id and f.worker_id = p.id
left join worker_file alive on alive.tenant = :tenant and alive.household_id = lives.household_id
where p.tenant = :tenant and p.id = any (:ids) and p.erased_at is null
    and coalesce(alive.status not in ('moved', 'merged'), true)
    and not exists (
        select 1 from record_merge r where r.tenant = :tenant and r.merged_id = p.id and r.undone_on is null
    )
order by p.id
"""
_KNOWN: Final = """
select first_id, second_id from duplicate_proposal where tenant = :tenant and first_id = any (:ids)
"""


def propose_duplicates(session: Session, persons: Sequence[UUID] | None = None) -> int:
    """Propose whom of the county, or whom of the county beside ``persons``, somebody should compare; how many pairs are new."""
    scope = current_scope()
    session.flush()
    bound = {"persons": list(persons or ()), "on": scope.business_date}
    ids: set[UUID] = set()
    for question in (_GROUPS, _NEIGHBOURS) if persons is None else (_NEAR,):
        ids.update(session.scalars(tenant_sql(question), bound))
    known = compared(session, ids)
    pairs = _alike(known, None if persons is None else set(persons))
    told = (
        {
            (first, second)
            for first, second in session.execute(tenant_sql(_KNOWN), {"ids": sorted({one.id for one, _ in pairs})})
        }
        if pairs
        else set()
    )
    found: list[dict[str, Any]] = []
    for one, other in pairs:
        points, reasons = score(one, other)
        if points >= THRESHOLD and (one.id, other.id) not in told:
            pair = {"id": new_id(), "first_id": one.id, "second_id": other.id, "found_on": scope.business_date}
            found.append(pair | {"score": points, "reasons": reasons})
    for start in range(0, len(found), _CHUNK):
        insert_rows(session, DuplicateProposal, found[start : start + _CHUNK], keep_former=True)
    if found:
        record(session, "people.duplicates_proposed", "person", None, {"pairs": len(found)})
    return len(found)


def compared(session: Session, ids: Iterable[UUID]) -> list[Compared]:
    """What is compared of persons, by id; who was erased or merged, or moved away with the household, is not among them."""
    bound = {"ids": sorted(ids), "on": current_scope().business_date}
    return [Compared(**row._mapping) for row in session.execute(tenant_sql(_COMPARED), bound)]


def _alike(known: Sequence[Compared], wanted: set[UUID] | None) -> list[tuple[Compared, Compared]]:
    """Pairs that share a feature, each once, the smaller id first; of them those with one of ``wanted``."""
    bands: dict[tuple[object, ...], list[Compared]] = defaultdict(list)
    for one in known:
        sounds = confused(name_pinyin(one.name).full)
        for number, feature in enumerate(
            (
                (sounds, one.birth_date),
                (sounds, one.identity_masked),
                (sounds, one.address),
                (one.phone_token,),
                (one.account_token,),
                (one.birth_date, one.address, one.name[:1]),
            )
        ):
            if None not in feature:
                bands[number, *feature].append(one)
    pairs: dict[tuple[UUID, UUID], tuple[Compared, Compared]] = {}
    for band in bands.values():
        if len(band) > _MOST_ALIKE:
            continue
        for one, other in combinations(band, 2):
            if wanted is None or one.id in wanted or other.id in wanted:
                pairs[one.id, other.id] = (one, other)
    return list(pairs.values())


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A line in the list of proposals: two persons by name, numbers masked."""

    id: UUID
    score: int
    reasons: list[str]
    state: str
    first: Person
    second: Person


def proposals(session: Session, state: str = "open", after: UUID | None = None, limit: int = 50) -> list[ProposalRow]:
    """The next ``limit`` proposals in a state behind ``after``, most alike first; without those of whom one was erased."""
    place = (-DuplicateProposal.score, DuplicateProposal.id)
    erased = select(Person.id).where(Person.erased_at.is_not(None))
    here = DuplicateProposal.first_id.not_in(erased), DuplicateProposal.second_id.not_in(erased)
    asked = select(DuplicateProposal).where(DuplicateProposal.state == state, *here).order_by(*place).limit(limit)
    if after is not None:
        last = proposal_named(session, after)
        asked = asked.where(tuple_(*place) > (-last.score, last.id))
    found = session.scalars(asked).all()
    ids = {one for row in found for one in (row.first_id, row.second_id)}
    people = {person.id: person for person in session.scalars(select(Person).where(among(Person.id, ids)))}
    return [
        ProposalRow(row.id, row.score, row.reasons, row.state, people[row.first_id], people[row.second_id]) for row in found
    ]


def count_open(session: Session) -> int:
    """How many pairs wait for somebody to look."""
    counted: int = session.execute(
        tenant_sql("select count(*) from duplicate_proposal where tenant = :tenant and state = 'open'")
    ).scalar_one()
    return counted


def proposal_named(session: Session, proposal_id: UUID) -> DuplicateProposal:
    """One proposal; raises ``NotFound``."""
    found = session.scalar(select(DuplicateProposal).where(DuplicateProposal.id == proposal_id))
    if found is None:
        raise NotFound("没有这一对疑似重复", "no such pair", where=str(proposal_id))
    return found


def keep_apart(session: Session, proposal_id: UUID, reason: str) -> DuplicateProposal:
    """Say that two persons are not the same (不是同一人); they are not proposed again.

    Raises ``Forbidden`` without people.write, ``NotFound``, ``InvalidInput`` without a reason, ``Conflict`` once decided.
    """
    scope = current_scope()
    if not scope.is_system:
        require(DECIDING)
    said = reason_given(reason, WHY_ZH, REASON_LENGTH)
    found = session.scalar(select(DuplicateProposal).where(DuplicateProposal.id == proposal_id).with_for_update())
    if found is None:
        raise NotFound("没有这一对疑似重复", "no such pair", where=str(proposal_id))
    if found.state != "open":
        raise Conflict("这一对已有核对结果", "this pair was decided already", where="state")
    found.state, found.decided_on, found.decided_by, found.why = "different", scope.business_date, scope.actor, said
    session.flush()
    record(session, "people.kept_apart", "person", found.first_id, {"other": found.second_id})
    return found
