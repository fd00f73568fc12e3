"""Persons as an act of a clerk meets them: known here by the number, or made new, and locked till the act is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import among, tenant_core, tenant_sql
from core.errors import BangfuError, Conflict, InvalidInput
from core.exchange.identity_index import ON_FILE, mark
from core.people.damage import whole_key
from core.people.duplicates.merging import survivors_of
from core.people.entry import TEXT_LENGTH, Faults
from core.people.identity_number import IdentityNumber, check_identity_number
from core.people.models import Person, SearchToken
from core.people.repository import files_of
from core.people.sealing import Sealer
from core.people.search.words import renew_search_words
from core.scope import current_scope
from core.tenancy.keys import tenant_key, tokens
from core.text.normalise import fold_name, squash
from core.text.pinyin import name_pinyin
from core.trail.service import record
from core.vault import masking
from core.vault.errors import SealBroken
from core.vault.sensitive import Sensitive
from core.vault.tokens import TokenKind, normalised

NAME_LENGTH: Final = 50
_UNMARK: Final = "delete from identity_mark where tenant = :tenant and matter = :on_file and hash = any (:hashes)"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who joins a household, as typed. A newborn may have no identity number yet: then sex and birth date are told."""

    name: str
    relation: str
    identity_number: str = ""
    phone: str = ""
    gender: str = ""
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A newcomer whose particulars hold together."""

    name: str
    relation: str
    gender: str
    birth_date: date
    identity: IdentityNumber | None
    phone: Sensitive[str] | None


def checked(new: Newcomer, faults: Faults, prefix: str = "", *, newborn: bool = False) -> Checked | None:
    """What was typed of a newcomer, with every fault at its field; None where there is one."""
    before, on = len(faults.found), current_scope().business_date
    name = " ".join(new.name.split())
    if not name:
        faults.add(prefix + "name", "姓名", "请填写姓名", "the name is missing")
    elif len(name) > NAME_LENGTH:
        faults.add(prefix + "name", "姓名", f"不能超过 {NAME_LENGTH} 字", f"a name has at most {NAME_LENGTH} characters")
    if new.relation not in code_list("relationship_form"):
        faults.add(prefix + "relation", "与户主关系", "请选择关系", "the relation is missing")
    identity: IdentityNumber | None = None
    gender, birth_date = new.gender, new.birth_date
    if squash(new.identity_number):
        try:
            identity = check_identity_number(new.identity_number, on)
        except BangfuError as refusal:
            faults.take(prefix + "identity_number", "身份证号", refusal)
        else:
            gender, birth_date = identity.sex.value, identity.birth_date
            if new.birth_date is not None and new.birth_date != birth_date:
                faults.add(prefix + "birth_date", "出生日期", "与身份证号不符", "it differs from the identity number")
            if new.gender and new.gender != gender:
                faults.add(prefix + "gender", "性别", "与身份证号不符", "it differs from the identity number")
    elif not newborn:
        faults.add(prefix + "identity_number", "身份证号", "请填写身份证号", "the identity number is missing")
    else:
        if gender not in ("1", "2"):
            faults.add(prefix + "gender", "性别", "没有身份证号的须选择性别", "without a number the sex is told")
        if birth_date is None:
            faults.add(
                prefix + "birth_date", "出生日期", "没有身份证号的须填写出生日期", "without a number the birth date is told"
            )
    phone = _phone(new.phone, faults, prefix + "phone")
    if len(faults.found) > before or birth_date is None:
        return None
    return Checked(name, new.relation, gender, birth_date, identity, phone)


def _phone(text: str, faults: Faults, where: str) -> Sensitive[str] | None:
    if not text.strip():
        return None
    try:
        return Sensitive(normalised(TokenKind.PHONE, text), masking.phone)
    except BangfuError as refusal:
        faults.take(where, "手机", refusal)
        return None


def person_of(session: Session, new: Checked) -> tuple[Person, bool]:
    """The person with the newcomer's number, made new where the tenant does not know one, and whether he was made now.

    Of somebody who counts as another one (合并), it is that one. The row is locked; the caller has called ``hold_merges``.
    Raises ``Conflict`` for a number that is known here by another name, and for one who died, ``SealedDamaged`` where the key
    is damaged: such a one is taken in nowhere, since the identity index could not be told.
    """
    if new.identity is None:
        return _unnumbered(session, new), True
    sealer = Sealer(session)
    token = sealer.identity_token(new.identity.number.reveal())
    by_number = select(Person).where(Person.identity_token == token).execution_options(populate_existing=True)
    if (known := session.scalar(by_number.with_for_update())) is not None:
        return _taken_in(session, _known(known, new)), False
    columns = {"name": new.name, "gender": new.gender, "birth_date": new.birth_date}
    sealed = sealer.person(new.identity, columns, phone=new.phone)
    # Another clerk may be adding the same number at this moment: whoever comes second takes the first one's row.
    adding = pg_insert(Person).values(tenant=current_scope().tenant, **sealed.row).on_conflict_do_nothing()
    made = session.scalar(tenant_core(adding.returning(Person.id)))
    person = session.scalars(by_number.with_for_update()).one()
    if made is None:
        return _taken_in(session, _known(person, new)), False
    insert_rows(session, SearchToken, sealed.searches)
    return person, True


def _known(person: Person, new: Checked) -> Person:
    masked = new.identity.masked if new.identity else None
    if fold_name(person.name) != fold_name(new.name):
        raise Conflict(
            f"此身份证号在本单位登记的姓名为“{masking.public_name(person.name)}”，与所填不符",
            f"the identity number is on record here under another name, {masking.public_name(person.name)}",
            where=masked,
            mend_zh="请与身份证核对姓名和号码；登记有误的，先办理信息更正",
            mend_en="compare name and number with the card; correct the record first where it is wrong",
        )
    if person.died_on is not None:
        raise Conflict("此人已登记死亡", "the person is recorded as dead", where=masked, mend_zh="请核对身份证号")
    return person


def _taken_in(session: Session, person: Person) -> Person:
    """As whom the person counts, locked and with a whole key."""
    lead = survivors_of(session, [person.id]).get(person.id)
    counts_as = person if lead is None else locked_persons(session, [lead])[lead]
    if counts_as.wrapped_key is not None:
        whole_key(session, counts_as)
    return counts_as


def _unnumbered(session: Session, new: Checked) -> Person:
    """A child without an identity number: nothing by which the index would know it, the rest as with anybody."""
    spoken, person_id = name_pinyin(new.name), new_id()
    _, wrapped = tenant_key(session).new_person_key(person_id)
    person = Person(
        id=person_id,
        name=new.name,
        pinyin=spoken.sort_key,
        gender=new.gender,
        birth_date=new.birth_date,
        wrapped_key=wrapped,
    )
    session.add(person)
    session.flush()
    renew_search_words(session, [person_id])
    return person


def locked_persons(session: Session, ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Persons by id, locked in one order."""
    wanted = sorted(set(ids))
    asked = select(Person).where(among(Person.id, wanted)).order_by(Person.id).with_for_update()
    found = session.scalars(asked.execution_options(populate_existing=True))
    return {person.id: person for person in found}


def settle_marks(session: Session, persons: Iterable[Person]) -> None:
    """Bring the identity index into step: who belongs to a file here that is alive is marked, the others are not. Of whose
    number cannot be opened the marks stay as they are, which the trail tells: nobody's leaving or death waits for a backup."""
    keys, digests = tenant_key(session), {}
    for person in persons:
        if person.identity_cipher is None or person.wrapped_key is None:
            continue
        try:
            number = keys.person_key(person.id, person.wrapped_key).open("identity_cipher", person.identity_cipher)
        except SealBroken:
            record(session, "identity_index.not_settled", "person", person.id, {})
        else:
            digests[person.id] = tokens().identity_index_hash(number)
    if not digests:
        return
    here = files_of(session, digests)
    mark(session, [digests[one] for one in digests if one in here], current_scope().business_date.year, ON_FILE)
    gone = [digest for one, digest in digests.items() if one not in here]
    if gone:
        session.execute(tenant_sql(_UNMARK), {"on_file": ON_FILE, "hashes": gone})


def text_of(value: str, where: str, label: str, most: int = TEXT_LENGTH) -> str:
    """A text that must be there; raises ``InvalidInput``."""
    given = value.strip()
    if not given:
        raise InvalidInput(f"请填写{label}", f"{where} is missing", where=where)
    if len(given) > most:
        raise InvalidInput(f"{label}不能超过 {most} 字", f"{where} has at most {most} characters", where=where)
    return given
