"""Acts on people and households: a new member, a corrected income, a look at a full value (domain 10, 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.errors import Conflict, InvalidInput, NotFound
from core.money import FEN_PER_YUAN, Fen
from core.people.changes.act import refuse_ended
from core.people.changes.persons import Checked, person_of, settle_marks
from core.people.damage import opened
from core.people.duplicates.merging import hold_merges
from core.people.identity_number import check_identity_number
from core.people.imports.importer import import_roster
from core.people.life.steps import ENDED
from core.people.listing import list_files
from core.people.models import CIRCUMSTANCES, INCOME_LINES, Household, Membership, Person, PersonFact, WorkerFile
from core.people.repository import fact_rows, files_joined_since, household_view, latest_facts, members_on, require_household
from core.people.search.finding import find
from core.rules.batch import MAX_FEN
from core.scope import current_scope
from core.trail.service import record, record_read

__all__ = [
    "add_member",
    "correct_income",
    "fact_rows",
    "find",
    "household_view",
    "import_roster",
    "list_files",
    "reveal",
]

REVEALED: Final = ("identity_number", "phone", "account", "address")
"""Fields that ``reveal`` knows: 身份证号, 电话, 银行卡号, 住址."""


def add_member(
    session: Session, household_id: UUID, *, name: str, identity_number: str, relation: str, valid_from: date
) -> Person:
    """Record that a person belongs to a household from a day on (新增成员); the person gets no facts. What a clerk records with
    a reason goes by ``core.people.changes.membership``.

    ``relation`` is a code of relationship_form other than head. A person already known here is taken as known, one
    who counts as another as that one. Raises
    ``Forbidden`` without people.write, ``NotFound`` for an unknown household, ``InvalidInput``, and ``Conflict`` for one who
    belongs to it already, belongs to another household on file here (domain 10: one household, one file), or is known here
    by another name; ``SealedDamaged``.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    hold_merges(session)
    # Locked before the person, as every act on a household does.
    require_household(session, household_id, None)
    _touch(session, [household_id])
    if code_list("relationship_form").item(relation).code == "head":
        raise InvalidInput("新增成员不能是户主", "a new member is not the head of the household", where="relation")
    given = name.strip()
    if not given:
        raise InvalidInput("请填写姓名", "the name is missing", where="name")
    identity = check_identity_number(identity_number, scope.business_date)
    new = Checked(given, relation, identity.sex.value, identity.birth_date, identity, None)
    person, _ = person_of(session, new)
    if person.id in members_on(session, household_id, max(valid_from, scope.business_date)):
        raise Conflict("此人已是该户家庭成员", "the person belongs to the household already", where=person.identity_masked)
    others = files_joined_since(session, person.id, household_id, valid_from)
    if others:
        raise Conflict(
            "此人是本单位另一户的家庭成员，一人只能在一户建档",
            "the person belongs to another household on file here; nobody is on file in two",
            where="、".join(others),
            mend_zh="请核对两份档案；确已迁出的，先在原户登记迁出",
            mend_en="compare the two files; where the person has moved, end the membership there first",
            files=others,
        )
    session.add(Membership(household_id=household_id, person_id=person.id, relation=relation, valid_from=valid_from))
    session.flush()
    settle_marks(session, [person])
    record(
        session,
        "people.member_added",
        "household",
        household_id,
        {"person": person.id, "relation": relation, "valid_from": valid_from},
    )
    return person


def _touch(session: Session, homes: Sequence[UUID]) -> None:
    """Note on the files of these households, locked, that something of substance changed today. Those that have ended stay as
    they are; raises ``Conflict`` where all of them have."""
    wanted = select(WorkerFile).where(WorkerFile.household_id.in_(homes)).order_by(WorkerFile.id)
    files = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()
    alive = [file for file in files if file.status not in ENDED]
    if files and not alive:
        refuse_ended(files[0])
    for file in alive:
        file.updated_on = max(file.updated_on, current_scope().business_date)
        file.version += 1


def correct_income(session: Session, person_id: UUID, *, lines: Mapping[str, Fen], valid_from: date) -> PersonFact:
    """Record the lines of a person's monthly income from a day on (收入更正); all else is as known for that day.

    ``lines`` are amounts by names of ``INCOME_LINES``; a line that is left out is 0. Former facts stay: what was decided on
    them can be seen. Raises ``Forbidden`` without people.write, ``NotFound`` for an unknown person or one without facts on
    that day, ``InvalidInput`` for an unknown line, or an amount below zero or beyond what rules reckon with.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    if unknown := lines.keys() - set(INCOME_LINES):
        raise InvalidInput("没有这一收入项", f"no such line of income: {', '.join(sorted(unknown))}", where="lines")
    if min(lines.values(), default=0) < 0 or (total := sum(lines.values())) > MAX_FEN:
        raise InvalidInput(
            f"月收入应在 0 至 {MAX_FEN // FEN_PER_YUAN:,} 元之间",
            f"a monthly income is from 0 to {MAX_FEN // FEN_PER_YUAN:,} yuan",
            where="lines",
            mend_zh="请核对录入的金额",
            mend_en="check the amount that was entered",
        )
    former = latest_facts(session, [person_id], valid_from).get(person_id)
    if former is None:
        raise NotFound("此人在该日没有核定信息", "nothing is recorded of the person for that day")
    fact = PersonFact(
        person_id=person_id,
        valid_from=valid_from,
        source="correction",
        **{name: getattr(former, name) for name in CIRCUMSTANCES},
        **dict.fromkeys(INCOME_LINES, 0) | dict(lines),
    )
    session.add(fact)
    _touch(session, _households_of(session, person_id))
    session.flush()
    record(
        session,
        "people.income_corrected",
        "person",
        person_id,
        {"former_fen": former.monthly_income_fen, "fen": total, "valid_from": valid_from},
    )
    return fact


def _households_of(session: Session, person_id: UUID) -> list[UUID]:
    """Households that the person belongs to on the business date."""
    asked = (
        select(Membership)
        .where(Membership.person_id == person_id, Membership.valid_from <= current_scope().business_date)
        .order_by(Membership.household_id, Membership.valid_from.desc(), Membership.recorded_at.desc())
        .ext(distinct_on(Membership.household_id))
    )
    return [found.household_id for found in session.scalars(asked) if found.present]


def reveal(session: Session, person_id: UUID, field: str, reason: str) -> str:
    """The full value of one of ``REVEALED``; that it was looked at, by whom and why, is logged (留痕查阅).

    Account and address belong to the worker's file. Raises ``Forbidden`` without people.reveal, ``InvalidInput`` for an
    unknown field or a missing reason, ``NotFound`` where there is no such value or it was erased, ``SealedDamaged``.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.reveal")
    why = reason.strip()
    if not why:
        raise InvalidInput("请填写查阅原因", "a reason is needed", where="reason")
    if field not in REVEALED:
        raise InvalidInput("不能查阅此项", f"no such field: {', '.join(REVEALED)}", where="field")
    person = session.scalar(select(Person).where(Person.id == person_id))
    if person is None or person.wrapped_key is None:
        raise NotFound("没有此人或其信息已删除", "no such person, or the person's data were erased")
    column, blob, open_part = _sealed(session, person, field)
    if blob is None and not open_part:
        raise NotFound("没有登记此项信息", "nothing is recorded there", where=field)
    record_read(session, field, "person", person_id, why)
    if blob is None:
        return open_part
    return open_part + opened(session, person, column, blob)


def _sealed(session: Session, person: Person, field: str) -> tuple[str, bytes | None, str]:
    """Column, ciphertext, and the part of the value that stands open before it."""
    if field == "identity_number":
        return "identity_cipher", person.identity_cipher, ""
    if field == "phone":
        return "phone_cipher", person.phone_cipher, ""
    if field == "account":
        asked = select(WorkerFile.account_cipher).where(WorkerFile.worker_id == person.id)
        return "account_cipher", session.scalar(asked.order_by(WorkerFile.id.desc()).limit(1)), ""
    lived = session.execute(
        select(Household.address, Household.house_number_cipher)
        .join(WorkerFile, WorkerFile.household_id == Household.id)
        .where(WorkerFile.worker_id == person.id)
        .order_by(WorkerFile.id.desc())
        .limit(1)
    ).one_or_none()
    return ("house_number_cipher", lived[1], lived[0]) if lived else ("house_number_cipher", None, "")
