"""Questions about people, households and files. All are set-based; none is asked per household."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, exists, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.db.statements import tenant_sql
from core.errors import Conflict, NotFound
from core.money import Fen
from core.people.duplicates.models import RecordMerge
from core.people.life.steps import ENDED
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.scope import current_scope

# Plain looks at one table each, put together here: a join would depend on how well the planner knows a tenant's share of
# the tables, which it does not know right after an import.
_FILES: Final = """
select household_id, worker_id, id as file_id, model_worker_rank, applied_programmes
from worker_file
where tenant = :tenant
    and ((cast(:households as uuid[]) is null and status = 'on_file') or household_id = any(:households))
order by household_id
"""
_HOUSEHOLD_FACTS: Final = """
select distinct on (household_id) *
from household_fact
where tenant = :tenant and valid_from <= :on
    and (cast(:households as uuid[]) is null or household_id = any(:households))
order by household_id, valid_from desc, recorded_at desc
"""
_MEMBERS: Final = """
select distinct on (household_id, person_id) household_id, person_id, relation, present
from membership
where tenant = :tenant and valid_from <= :on
    and (cast(:households as uuid[]) is null or household_id = any(:households))
    and not exists (
        select 1 from record_merge r where r.tenant = :tenant and r.merged_id = membership.person_id and r.undone_on is null
    )
order by household_id, person_id, valid_from desc, recorded_at desc
"""
_MEMBERS_ELSEWHERE: Final = """
select distinct f.file_number from (
    select distinct on (m.person_id, m.household_id) m.person_id, m.household_id, m.present
    from membership m
    where m.tenant = :tenant and m.household_id <> :household and m.person_id = any (:persons)
    order by m.person_id, m.household_id, m.valid_from desc, m.recorded_at desc
) other
join worker_file f on f.tenant = :tenant and f.household_id = other.household_id and f.status <> all (:ended)
where other.present order by f.file_number
"""
_OF_MANY_ELSEWHERE: Final = """
with members as (
    select distinct on (household_id, person_id) household_id, person_id, present from membership
    where tenant = :tenant and household_id = any (:households)
    order by household_id, person_id, valid_from desc, recorded_at desc
), other as (
    select distinct on (m.person_id, m.household_id) m.person_id, m.household_id, m.present from membership m
    where m.tenant = :tenant and m.person_id in (select person_id from members where present)
        and not m.household_id = any (:households)
    order by m.person_id, m.household_id, m.valid_from desc, m.recorded_at desc
)
select distinct members.household_id, f.file_number from members
join other on other.person_id = members.person_id and other.present
join worker_file f on f.tenant = :tenant and f.household_id = other.household_id and f.status <> all (:ended)
where members.present order by members.household_id, f.file_number
"""
_FILES_OF: Final = """
select distinct m.person_id, f.file_number from (
    select distinct on (household_id, person_id) household_id, person_id, present from membership
    where tenant = :tenant and valid_from <= :on and person_id = any (:persons)
    order by household_id, person_id, valid_from desc, recorded_at desc
) m
join worker_file f on f.tenant = :tenant and f.household_id = m.household_id
where m.present and f.status <> all (:ended)
"""
_LOCKED_MEMBERS: Final = """
select id from person where tenant = :tenant and id in (
    select person_id from membership where tenant = :tenant and household_id = any (:households)) order by id for update
"""
_PERSONS: Final = """
select id, gender, birth_date
from person
where tenant = :tenant and (cast(:persons as uuid[]) is null or id = any(:persons))
"""
_PERSON_FACTS: Final = """
select distinct on (person_id) person_id, monthly_income_fen, residents_pension_fen, identity_status, able_to_work,
    aided_elsewhere
from person_fact
where tenant = :tenant and valid_from <= :on and (cast(:persons as uuid[]) is null or person_id = any(:persons))
order by person_id, valid_from desc, recorded_at desc
"""


@dataclass(frozen=True, slots=True)
class HouseholdRow:
    """What rules read of one household on a day; amounts in fen, costs by kind of the list rigid_expense_kind."""

    household_id: UUID
    worker_id: UUID
    file_id: UUID
    model_worker_rank: str | None
    applied_programmes: tuple[str, ...]
    other_yearly_income_fen: Fen
    costs: Mapping[str, Fen]
    property_flags: tuple[str, ...]
    loss_fen: Fen
    compensation_fen: Fen


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What rules read of one member on a day. ``known`` is false where no fact is recorded; then the income is 0."""

    household_id: UUID
    person_id: UUID
    relation: str
    gender: str
    birth_date: date | None
    monthly_income_fen: Fen
    residents_pension_fen: Fen
    identity_status: str | None
    able_to_work: bool
    aided_elsewhere: bool
    known: bool


@dataclass(frozen=True, slots=True)
class FactRows:
    """Households on file and their members, both ordered by household."""

    households: list[HouseholdRow]
    persons: list[PersonRow]


def fact_rows(session: Session, on: date, household_ids: Sequence[UUID] | None = None) -> FactRows:
    """Facts in force on the valid day ``on``, as known now, of all households on file or of those named."""
    households = None if household_ids is None else list(household_ids)
    files = session.execute(tenant_sql(_FILES), {"households": households}).all()
    on_file = {file.household_id for file in files}
    bound = {"on": on, "households": households}
    stated = {fact.household_id: fact for fact in session.execute(tenant_sql(_HOUSEHOLD_FACTS), bound)}
    members = [
        member for member in session.execute(tenant_sql(_MEMBERS), bound) if member.present and member.household_id in on_file
    ]
    persons = None if households is None else list({member.person_id for member in members})
    people = {person.id: person for person in session.execute(tenant_sql(_PERSONS), {"persons": persons})}
    known = {fact.person_id: fact for fact in session.execute(tenant_sql(_PERSON_FACTS), {"on": on, "persons": persons})}
    return FactRows(
        [_household(file, stated.get(file.household_id)) for file in files],
        [_person(member, people[member.person_id], known.get(member.person_id)) for member in members],
    )


def _household(file: Row[Any], fact: Row[Any] | None) -> HouseholdRow:
    kinds = code_list("rigid_expense_kind").codes
    return HouseholdRow(
        household_id=file.household_id,
        worker_id=file.worker_id,
        file_id=file.file_id,
        model_worker_rank=file.model_worker_rank,
        applied_programmes=tuple(file.applied_programmes),
        other_yearly_income_fen=fact.other_yearly_income_fen if fact else 0,
        costs={kind: getattr(fact, f"cost_{kind}_fen") if fact else 0 for kind in kinds},
        property_flags=tuple(fact.property_flags) if fact else (),
        loss_fen=fact.loss_fen if fact else 0,
        compensation_fen=fact.compensation_fen if fact else 0,
    )


def _person(member: Row[Any], person: Row[Any], fact: Row[Any] | None) -> PersonRow:
    return PersonRow(
        household_id=member.household_id,
        person_id=member.person_id,
        relation=member.relation,
        gender=person.gender,
        birth_date=person.birth_date,
        monthly_income_fen=fact.monthly_income_fen if fact else 0,
        residents_pension_fen=fact.residents_pension_fen if fact else 0,
        identity_status=fact.identity_status if fact else None,
        able_to_work=bool(fact and fact.able_to_work),
        aided_elsewhere=bool(fact and fact.aided_elsewhere),
        known=fact is not None,
    )


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member with the fact in force; None where nothing was ever surveyed of the person."""

    person: Person
    relation: str
    since: date
    fact: PersonFact | None


@dataclass(frozen=True, slots=True)
class HouseholdView:
    """A household as its page shows it; the worker first, then the others by age."""

    household: Household
    file: WorkerFile | None
    fact: HouseholdFact | None
    members: list[MemberView]


def household_view(session: Session, household_id: UUID, on: date | None = None) -> HouseholdView | None:
    """The household with its file and its members' facts on a day (the business date by default), or None."""
    day = on or current_scope().business_date
    household = session.scalar(select(Household).where(Household.id == household_id))
    if household is None:
        return None
    file = session.scalar(select(WorkerFile).where(WorkerFile.household_id == household_id))
    fact = session.scalar(
        select(HouseholdFact)
        .where(HouseholdFact.household_id == household_id, HouseholdFact.valid_from <= day)
        .order_by(HouseholdFact.valid_from.desc(), HouseholdFact.recorded_at.desc())
        .limit(1)
    )
    members = members_on(session, household_id, day)
    ids = list(members)
    people = session.scalars(select(Person).where(Person.id.in_(ids)))
    facts = latest_facts(session, ids, day)
    views = [
        MemberView(person, members[person.id].relation, members[person.id].valid_from, facts.get(person.id))
        for person in people
    ]
    views.sort(key=lambda view: (view.relation != "head", view.person.birth_date or date.max, view.person.id))
    return HouseholdView(household, file, fact, views)


def household_named(session: Session, household_id: UUID) -> HouseholdView:
    """``household_view`` of today; raises ``NotFound`` where there is no such household."""
    view = household_view(session, household_id)
    if view is None:
        raise NotFound("没有这户家庭", "no such household", where=str(household_id))
    return view


def member_named(view: HouseholdView, person_id: UUID | None) -> MemberView:
    """A member of today; raises ``NotFound``."""
    found = next((one for one in view.members if one.person.id == person_id), None)
    if found is None:
        raise NotFound("该户没有此人", "no such member of the household", where="person_id")
    return found


def require_household(session: Session, household_id: UUID, where: str | None = "household_id") -> None:
    """Raise ``NotFound`` where there is no such household; ``where`` is what the refusal points at."""
    if session.scalar(select(Household.id).where(Household.id == household_id)) is None:
        raise NotFound("没有这户家庭", "no such household", where=where)


def members_on(session: Session, household_id: UUID, on: date) -> dict[UUID, Membership]:
    """The memberships of a household in force on a day, by person; who counts as somebody else is left out."""
    merged = exists().where(RecordMerge.merged_id == Membership.person_id, RecordMerge.undone_on.is_(None))
    asked = (
        select(Membership)
        .where(Membership.household_id == household_id, Membership.valid_from <= on, ~merged)
        .order_by(Membership.person_id, Membership.valid_from.desc(), Membership.recorded_at.desc())
        .ext(distinct_on(Membership.person_id))
    )
    return {found.person_id: found for found in session.scalars(asked) if found.present}


def files_of(session: Session, persons: Collection[UUID]) -> dict[UUID, set[str]]:
    """Who of ``persons`` belongs to a file today that is alive, with the numbers of those files: one statement."""
    bound = {"persons": list(persons), "on": current_scope().business_date, "ended": sorted(ENDED)}
    found: dict[UUID, set[str]] = {}
    for person, number in session.execute(tenant_sql(_FILES_OF), bound):
        found.setdefault(person, set()).add(number)
    return found


def files_joined_since(session: Session, person_id: UUID, but: UUID | None, since: date) -> list[str]:
    """Numbers of the files of other households than ``but`` to which a person belongs on ``since`` or from a later day on.

    Files that have ended do not count.
    """
    asked = (
        select(WorkerFile.file_number, Membership.valid_from, Membership.present)
        .join(Membership, Membership.household_id == WorkerFile.household_id)
        .where(
            Membership.person_id == person_id,
            Membership.household_id != but,
            WorkerFile.status.not_in(ENDED),
        )
        .order_by(WorkerFile.file_number, Membership.valid_from, Membership.recorded_at)
    )
    # Of several rows with one day the one recorded last counts; days up to ``since`` are one, the state that they leave.
    present: dict[tuple[str, date], bool] = {}
    for number, valid_from, there in session.execute(asked):
        present[number, max(valid_from, since)] = there
    return sorted({number for (number, _), there in present.items() if there})


def refuse_members_elsewhere(session: Session, household_id: UUID, act_zh: str) -> None:
    """Raise ``Conflict`` where a member of this household belongs to another file that is alive: before a file that has ended
    lives again. The members are locked, so that nobody takes one in at the same moment."""
    members = list(members_on(session, household_id, current_scope().business_date))
    session.execute(select(Person.id).where(Person.id.in_(members)).order_by(Person.id).with_for_update()).all()
    bound = {"household": household_id, "persons": members, "ended": sorted(ENDED)}
    if others := list(session.scalars(tenant_sql(_MEMBERS_ELSEWHERE), bound)):
        raise Conflict(
            f"该户成员现在另一户档案（{'、'.join(others)}）中，一人只能在一户建档，{act_zh}",
            "a member of the household is in another file now; nobody is on file in two",
            where="、".join(others),
            mend_zh="请先在其中一户办理迁出",
            mend_en="end the membership in one of them first",
            files=others,
        )


def members_elsewhere(session: Session, households: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Which of many households have a member who belongs to another file that is alive, with the numbers of those files: before
    files that had gone live again. The members are locked, as in ``refuse_members_elsewhere``. Two statements."""
    bound = {"households": list(households)}
    session.execute(tenant_sql(_LOCKED_MEMBERS), bound).all()
    found: dict[UUID, list[str]] = {}
    for home, number in session.execute(tenant_sql(_OF_MANY_ELSEWHERE), bound | {"ended": sorted(ENDED)}):
        found.setdefault(home, []).append(number)
    return found


def latest_facts(session: Session, person_ids: Sequence[UUID], on: date) -> dict[UUID, PersonFact]:
    """The facts of persons in force on a day, by person."""
    asked = (
        select(PersonFact)
        .where(PersonFact.person_id.in_(person_ids), PersonFact.valid_from <= on)
        .order_by(PersonFact.person_id, PersonFact.valid_from.desc(), PersonFact.recorded_at.desc())
        .ext(distinct_on(PersonFact.person_id))
    )
    return {fact.person_id: fact for fact in session.scalars(asked)}
