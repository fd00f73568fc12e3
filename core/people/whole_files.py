"""Whole files, many at once: each household with its file, its members' facts and, on a recorded choice, the full values.

A fixed number of statements, however many households there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.statements import among
from core.people.duplicates.models import RecordMerge
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, WorkerFile
from core.people.repository import HouseholdView, MemberView
from core.scope import current_scope
from core.tenancy.keys import person_key_if_whole, tenant_key
from core.text.lines import reason_given
from core.trail.service import record_read
from core.vault.errors import SealBroken
from core.vault.keys import PersonKey

REVEAL: Final = Demand("people.reveal")
REASON_LENGTH: Final = 500
DAMAGED: Final = "（加密信息已损坏）"
"""What stands for a value that does not open."""


@dataclass(frozen=True, slots=True)
class FullValues:
    """What is sealed of one person, opened: identity number and phone, and of a worker account and house number too."""

    identity_number: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    account: str = field(default="", repr=False)
    house_number: str = field(default="", repr=False)


def whole_files(session: Session, household_ids: Sequence[UUID], on: date | None = None) -> list[HouseholdView]:
    """The households named, in the order given, as they stand on a day (the business date by default); the worker first, then
    the others by age. Those that the tenant does not have are left out."""
    day = on or current_scope().business_date
    households = {one.id: one for one in session.scalars(select(Household).where(among(Household.id, household_ids)))}
    files = {
        one.household_id: one
        for one in session.scalars(select(WorkerFile).where(among(WorkerFile.household_id, household_ids)))
    }
    facts = {
        one.household_id: one
        for one in session.scalars(
            select(HouseholdFact)
            .where(among(HouseholdFact.household_id, household_ids), HouseholdFact.valid_from <= day)
            .order_by(HouseholdFact.household_id, HouseholdFact.valid_from.desc(), HouseholdFact.recorded_at.desc())
            .ext(distinct_on(HouseholdFact.household_id))
        )
    }
    members = _members(session, household_ids, day)
    return [
        HouseholdView(households[one], files.get(one), facts.get(one), members[one])
        for one in household_ids
        if one in households
    ]


def _members(session: Session, household_ids: Sequence[UUID], day: date) -> Mapping[UUID, list[MemberView]]:
    merged = exists().where(RecordMerge.merged_id == Membership.person_id, RecordMerge.undone_on.is_(None))
    asked = (
        select(Membership)
        .where(among(Membership.household_id, household_ids), Membership.valid_from <= day, ~merged)
        .order_by(Membership.household_id, Membership.person_id, Membership.valid_from.desc(), Membership.recorded_at.desc())
        .ext(distinct_on(Membership.household_id, Membership.person_id))
    )
    belonging = [one for one in session.scalars(asked) if one.present]
    ids = {one.person_id for one in belonging}
    people = {one.id: one for one in session.scalars(select(Person).where(among(Person.id, ids)))}
    known = {
        one.person_id: one
        for one in session.scalars(
            select(PersonFact)
            .where(among(PersonFact.person_id, ids), PersonFact.valid_from <= day)
            .order_by(PersonFact.person_id, PersonFact.valid_from.desc(), PersonFact.recorded_at.desc())
            .ext(distinct_on(PersonFact.person_id))
        )
    }
    found: defaultdict[UUID, list[MemberView]] = defaultdict(list)
    for one in belonging:
        person = people[one.person_id]
        found[one.household_id].append(MemberView(person, one.relation, one.valid_from, known.get(one.person_id)))
    for views in found.values():
        views.sort(key=lambda view: (view.relation != "head", view.person.birth_date or date.max, view.person.id))
    return found


def full_reason(reason: str) -> str:
    """Why full values are printed, as it is logged; raises ``InvalidInput`` where nothing was written."""
    return reason_given(reason, "请填写打印或导出完整号码的事由", REASON_LENGTH)


def full_values(session: Session, files: Sequence[HouseholdView], reason: str) -> dict[UUID, FullValues]:
    """The sealed values of all persons of ``files``, by person; that they were opened, by whom and why, is logged for each
    person and field (留痕查阅). Those whose data were erased have none; where a value is damaged that stands in its place, and
    keeps nobody's file from being printed.

    Raises ``Forbidden`` without people.reveal, ``InvalidInput`` without a reason.
    """
    require(REVEAL)
    why = full_reason(reason)
    keys, opened = tenant_key(session), {}
    for view in files:
        for member in view.members:
            person = member.person
            if person.wrapped_key is None:
                continue
            key = person_key_if_whole(keys, person.id, person.wrapped_key)
            of_worker = view.file is not None and view.file.worker_id == person.id
            sealed = {"identity_cipher": person.identity_cipher, "phone_cipher": person.phone_cipher}
            if of_worker and view.file is not None:
                sealed |= {"account_cipher": view.file.account_cipher}
                sealed |= {"house_number_cipher": view.household.house_number_cipher}
            plain = {column: _opened(key, column, blob) for column, blob in sealed.items() if blob is not None}
            opened[person.id] = FullValues(
                plain.get("identity_cipher", ""),
                plain.get("phone_cipher", ""),
                plain.get("account_cipher", ""),
                plain.get("house_number_cipher", ""),
            )
            for column in (column for column, value in plain.items() if value != DAMAGED):
                record_read(session, _SHOWN[column], "person", person.id, why)
    return opened


def _opened(key: PersonKey | None, column: str, blob: bytes) -> str:
    try:
        return DAMAGED if key is None else key.open(column, blob)
    except SealBroken:
        return DAMAGED


_SHOWN: Final = {
    "identity_cipher": "identity_number",
    "phone_cipher": "phone",
    "account_cipher": "account",
    "house_number_cipher": "address",
}
"""What the log calls a column, as ``core.people.service.reveal`` does."""
