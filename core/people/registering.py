"""A household that a clerk registers by hand (登记新户): looked up first, then put down as a file in its first state.

Whoever applies comes with a card and a story; a file is opened step by step from here (`core.people.life.steps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.errors import BangfuError, Conflict
from core.exchange.identity_index import elsewhere, this_and_last_year
from core.people.changes.act import Act, Why
from core.people.changes.facts import TOWNSHIP
from core.people.changes.membership import ADDRESS_LENGTH, found_file
from core.people.changes.persons import Checked, Newcomer, checked, person_of
from core.people.duplicates.merging import hold_merges, survivors_of
from core.people.duplicates.service import propose_duplicates
from core.people.employers.service import link_columns
from core.people.entry import Fault, Faults, Item, Refused, read
from core.people.life.steps import ENDED
from core.people.models import Person, WorkerFile
from core.people.sealing import Sealer
from core.scope import current_scope

PARTICULARS: Final = (
    TOWNSHIP,
    Item("employer_name", "工作单位", "employer"),
    Item("employer_nature", "单位性质", "nature of the employer", "code", codes="employer_nature"),
    Item("employer_condition", "企业状况", "condition of the employer", "code", codes="employer_condition"),
    Item("categories", "帮扶对象类别", "whom the centre helps", "codes", codes="worker_category"),
    Item("main_cause", "主要致困原因", "main cause", "code", codes="main_cause"),
    Item("other_contact", "其他联系方式", "other contact"),
    Item("remark", "备注", "remark", "long_text", most=500),
)
"""What the form asks of the file at the start; the rest is told later."""
MOST_MEMBERS: Final = 20
_IN_FILES: Final = """
select p.id as person, f.file_number from person p
join lateral (
    select distinct on (m.household_id) m.household_id, m.present from membership m
    where m.tenant = :tenant and m.person_id = p.id
    order by m.household_id, m.valid_from desc, m.recorded_at desc
) m on m.present
join worker_file f on f.tenant = :tenant and f.household_id = m.household_id and f.status <> all (:ended)
where p.tenant = :tenant and p.id = any (:persons) order by f.file_number
"""


@dataclass(frozen=True, slots=True)
class NewHousehold:
    """A household as typed; the first member is the head. ``particulars`` are texts by names of ``PARTICULARS``."""

    members: Sequence[Newcomer]
    address: str
    particulars: Mapping[str, str] = field(default_factory=dict)
    employer_id: UUID | None = None
    reason: str = "登记新户"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a look before a registration found of a member: ``place`` counts from 0."""

    place: int
    name: str
    on_file: bool
    aided: bool


def look_up(session: Session, new: NewHousehold) -> list[LookedUp]:
    """Check what was typed, and whether anybody of it is on file here already or, by the identity index, elsewhere.

    Each question to the index is logged, so the caller commits whatever the answer. Those whom it knows nothing of are left
    out. Raises ``Refused`` with every fault at its field, those on file here among them (one household, one file), and
    ``TooManyQuestions``.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    people, _ = _checked(session, new)
    asked = [(place, one.name, one.identity.number.reveal()) for place, one in enumerate(people) if one.identity is not None]
    answers = elsewhere(session, [number for _, _, number in asked], this_and_last_year(), new.reason)
    return [
        LookedUp(place, name, answer.on_file, answer.aided)
        for (place, name, _), answer in zip(asked, answers, strict=True)
        if answer.known
    ]


def register_household(session: Session, new: NewHousehold) -> WorkerFile:
    """Put a household down: persons, membership, a file with a number in its first state. Raises what ``look_up`` raises, and
    ``Conflict`` for somebody whom another clerk has just registered."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    hold_merges(session)
    people, columns = _checked(session, new)
    made: dict[int, Person] = {}
    # In one order of numbers, so that two registrations of the same people wait for each other.
    for place in sorted(range(len(people)), key=lambda one: _number(people[one])):
        try:
            made[place], _ = person_of(session, people[place])
        except Conflict as refusal:
            raise Refused([Fault(f"members.{place}.identity_number", people[place].name, refusal)]) from None
    day = scope.business_date
    file = found_file(session, made[0], new.address.strip(), columns)
    act = Act(session, "registered", day, Why(new.reason), [])
    act.begins(file.household_id, file)
    for place, one in enumerate(people):
        act.knows(made[place])
        act.joins(file.household_id, made[place].id, one.relation)
    act.write()
    propose_duplicates(session, [person.id for person in made.values()])
    return file


def _number(one: Checked) -> str:
    return one.identity.number.reveal() if one.identity else ""


def _checked(session: Session, new: NewHousehold) -> tuple[list[Checked], dict[str, Any]]:
    """All members and the file's columns, or every fault at once."""
    faults, people = Faults(), []
    if not 1 <= len(new.members) <= MOST_MEMBERS:
        faults.add("members", "家庭成员", f"应有 1 至 {MOST_MEMBERS} 名成员", f"from 1 to {MOST_MEMBERS} members")
    numbers: dict[str, int] = {}
    for place, one in enumerate(new.members):
        where = f"members.{place}."
        if (one.relation == "head") != (place == 0):
            faults.add(where + "relation", "与户主关系", "只有第一人是户主", "the first of them alone is the head")
        found = checked(one, faults, where, newborn=place > 0)
        if found is None:
            continue
        if found.identity is not None and numbers.setdefault(_number(found), place) != place:
            faults.add(where + "identity_number", "身份证号", "与前面的成员重复", "it stands twice")
        people.append(found)
    address = new.address.strip()
    if not address or len(address) > ADDRESS_LENGTH:
        faults.add(
            "address", "住址", f"请填写住址，不超过 {ADDRESS_LENGTH} 字", f"at most {ADDRESS_LENGTH} characters are needed"
        )
    columns = read(PARTICULARS, new.particulars, faults)
    if len(people) == len(new.members):
        _refuse_on_file(session, people, faults)
    faults.raise_any()
    try:
        columns |= link_columns(session, new.employer_id)
    except BangfuError as refusal:
        raise Refused([Fault("employer_id", "工作单位", refusal)]) from None
    return people, columns


def _refuse_on_file(session: Session, people: Sequence[Checked], faults: Faults) -> None:
    sealer = Sealer(session)
    token_of = {sealer.identity_token(_number(one)): place for place, one in enumerate(people) if one.identity is not None}
    known = session.execute(select(Person.id, Person.identity_token).where(Person.identity_token.in_(list(token_of)))).all()
    if not known:
        return
    leads = survivors_of(session, [row.id for row in known])
    places = {leads.get(row.id, row.id): token_of[bytes(row.identity_token)] for row in known}
    for row in session.execute(tenant_sql(_IN_FILES), {"persons": list(places), "ended": sorted(ENDED)}):
        place = places[row.person]
        faults.add(
            f"members.{place}.identity_number",
            f"第 {place + 1} 人",
            f"本单位 {row.file_number} 号档案已有此人，一户一档",
            f"the person is in file {row.file_number} here already",
            "请打开该档案核对；确已分开生活的，从该档案办理分户或迁出",
            "open that file; where they live apart, record a split or a move there",
            files=[row.file_number],
        )
