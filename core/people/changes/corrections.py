"""A name or an identity number put right (信息更正), with history: who, why, when, and whether the person asked for it.

What stood before is sealed under the person's key: the history says that it changed, not what it was (PIPL Art. 46).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.identity_index import mark
from core.people.changes.act import REASON_LENGTH, refuse_ended, refuse_no_paper
from core.people.changes.models import PersonCorrection
from core.people.changes.persons import NAME_LENGTH, settle_marks, text_of
from core.people.damage import opened, whole_key
from core.people.identity_number import check_identity_number
from core.people.models import Membership, Person, WorkerFile
from core.people.search.words import renew_search_words
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.text.pinyin import name_pinyin
from core.trail.service import record
from core.vault.tokens import TokenKind

_MARKS = "select year, matter from identity_mark where tenant = :tenant and hash = :hash"
_UNMARK = "delete from identity_mark where tenant = :tenant and hash = :hash"


@dataclass(frozen=True, slots=True)
class Ground:
    """Why something is put right. ``asked_on`` is the day on which the person asked for it; None where the office found it.
    ``document_id``: the paper that proves it, among those of a household of the person."""

    reason: str
    asked_on: date | None = None
    document_id: UUID | None = None


def correct_name(session: Session, person_id: UUID, name: str, ground: Ground) -> Person:
    """Put a person's name right (更正姓名): sort key and search words follow. Raises ``InvalidInput``, ``NotFound``,
    ``Conflict`` where it is the same already or the file is closed, ``SealedDamaged``."""
    person = _open_person(session, person_id, ground)
    given = text_of(" ".join(name.split()), "name", "姓名", NAME_LENGTH)
    if given == person.name:
        raise Conflict("与现在登记的姓名相同", "that is the name on record", where="name")
    former = _seal(session, person, "former_name_cipher", person.name)
    person.name, person.pinyin = given, name_pinyin(given).sort_key
    _keep(session, person, "name", ground, {"former_name_cipher": former})
    return person


def correct_identity(session: Session, person_id: UUID, number: str, ground: Ground) -> Person:
    """Put a person's identity number right (更正身份证号), or add that of a child who had none; sex and birth date follow it.

    Seal, token, mask, search words and marks of the identity index are those of the new number. Raises ``InvalidInput``,
    ``NotFound``, ``Conflict`` for the same number, one that is another person's here, or a closed file, and ``SealedDamaged``:
    what stood before, and what the index knows of it, could not be kept.
    """
    person, scope = _open_person(session, person_id, ground), current_scope()
    identity = check_identity_number(number, scope.business_date)
    plain = identity.number.reveal()
    token = tokens().tenant_token(scope.tenant, TokenKind.IDENTITY, plain)
    if person.identity_token is not None and bytes(person.identity_token) == token:
        raise Conflict("与现在登记的身份证号相同", "that is the number on record", where="identity_number")
    if session.scalar(select(Person.id).where(Person.identity_token == token)) is not None:
        raise Conflict(
            "此身份证号在本单位已登记为另一人", "the number is another person's here", where="identity_number",
            mend_zh="请在查重中核对两人是否为同一人", mend_en="compare the two on the page of duplicates",
        )  # fmt: skip
    if person.died_on is not None and identity.birth_date > person.died_on:
        raise Conflict("出生日期晚于登记的死亡日期", "born after the day of death on record", where="identity_number")
    former: dict[str, Any] = {
        "former_identity_masked": person.identity_masked,
        "former_identity_token": person.identity_token,
    }
    old = _open(session, person)
    if old is not None:
        former["former_identity_cipher"] = _seal(session, person, "former_identity_cipher", old)
    person.identity_cipher = _seal(session, person, "identity_cipher", plain)
    person.identity_masked, person.identity_token = identity.masked, token
    person.gender, person.birth_date = identity.sex.value, identity.birth_date
    _carry_marks(session, old, plain)
    _keep(session, person, "identity_number", ground, former)
    settle_marks(session, [person])
    return person


def corrections_of(session: Session, persons: list[UUID]) -> list[PersonCorrection]:
    """What was put right of these persons, the newest first."""
    asked = select(PersonCorrection).where(PersonCorrection.person_id.in_(persons))
    return list(session.scalars(asked.order_by(PersonCorrection.id.desc()).limit(200)))


def by_former_number(session: Session, number: str) -> list[UUID]:
    """Persons who once stood here under this identity number; for whoever may look at full numbers."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.reveal")
    token = tokens().tenant_token(scope.tenant, TokenKind.IDENTITY, number)
    asked = select(PersonCorrection.person_id).where(PersonCorrection.former_identity_token == token)
    return list(dict.fromkeys(session.scalars(asked.order_by(PersonCorrection.id))))


def _open_person(session: Session, person_id: UUID, ground: Ground) -> Person:
    """The person, locked after the files that hold him, as every act does. The paper of ``ground`` is one of these files'."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    homes = select(Membership.household_id).where(Membership.person_id == person_id)
    files = session.scalars(
        select(WorkerFile)
        .where(WorkerFile.household_id.in_(homes))
        .order_by(WorkerFile.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    asked = select(Person).where(Person.id == person_id).with_for_update()
    person = session.scalar(asked.execution_options(populate_existing=True))
    if person is None or person.wrapped_key is None:
        raise NotFound("没有此人或其信息已删除", "no such person, or the person's data were erased")
    refuse_no_paper(session, ground.document_id, [file.household_id for file in files])
    standing = [file for file in files if file.status != "moved"]
    if files and not standing:
        refuse_ended(files[0])
    for file in standing:
        file.version += 1
        file.updated_on = max(file.updated_on, scope.business_date)
    return person


def _keep(session: Session, person: Person, field: str, ground: Ground, former: dict[str, Any]) -> None:
    scope = current_scope()
    if ground.asked_on is not None and ground.asked_on > scope.business_date:
        raise InvalidInput("本人申请日期不能晚于今天", "asked for on a day to come", where="asked_on")
    row = PersonCorrection(
        person_id=person.id,
        field=field,
        reason=text_of(ground.reason, "reason", "更正原因", REASON_LENGTH),
        asked_on=ground.asked_on,
        answered_on=scope.business_date,
        document_id=ground.document_id,
        actor=scope.actor,
        **former,
    )
    session.add(row)
    session.flush()
    renew_search_words(session, [person.id])
    fields = {"correction": row.id, "field": field, "at_own_request": ground.asked_on is not None}
    record(session, "people.corrected", "person", person.id, fields)


def _carry_marks(session: Session, old: str | None, new: str) -> None:
    """What the index knows of the person, that aid was given too, stands under the right number from now on."""
    if old is None:
        return
    digest, right = tokens().identity_index_hash(old), tokens().identity_index_hash(new)
    for year, matter in session.execute(tenant_sql(_MARKS), {"hash": digest}).all():
        mark(session, [right], year, matter)
    session.execute(tenant_sql(_UNMARK), {"hash": digest})


def _seal(session: Session, person: Person, column: str, plain: str) -> bytes:
    return whole_key(session, person).seal(column, plain)


def _open(session: Session, person: Person) -> str | None:
    return None if person.identity_cipher is None else opened(session, person, "identity_cipher", person.identity_cipher)
