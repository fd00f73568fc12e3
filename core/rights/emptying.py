"""How an erasure is carried out (删除个人信息): set-based, over every table that tells of a person, in one transaction.

Keys, masks, tokens, names, search tokens, marks of the identity index, texts and papers go; amounts, decisions, dates, codes
and ids stay, so that ledger and counts are the same as before. A text in a file or case that is somebody else's as well keeps
its words without the persons' names and numbers.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.db.session import erasing
from core.db.statements import among, tenant_sql
from core.documents.store import remove
from core.people.models import Person, WorkerFile
from core.printing.waiting import discard
from core.rights.catalogue import ERASED, About, Subjects, emptied, is_text, ways, without
from core.rights.listed import Listed, list_erasures
from core.rights.models import Erasure
from core.scope import current_scope
from core.tenancy.keys import tenant_key, tokens
from core.trail.service import record

_BESIDE: Final = """
select distinct household_id from membership
where tenant = :tenant and person_id = any (:persons) and not household_id = any (:households)
"""
_KIN: Final = """
select distinct person_id from membership
where tenant = :tenant and household_id = any (:beside) and not person_id = any (:persons)
"""
_CASES: Final = """
select p.case_id, bool_and((p.person_id is null or p.person_id = any (:persons))
    and (p.household_id is null or p.household_id = any (:households))) as alone
from party p
where p.tenant = :tenant and p.handlers is null and p.case_id in (
    select q.case_id from party q where q.tenant = :tenant and q.handlers is null
        and (q.person_id = any (:persons) or q.household_id = any (:households) or q.household_id = any (:beside)))
group by p.case_id
"""
_NAMELESS: Final = """
update person set pinyin = '', gender = '0', erased_at = clock_timestamp()
where tenant = :tenant and id = any (:persons) and erased_at is null
"""
_UNMARK: Final = "delete from identity_mark where tenant = :tenant and hash = any (:hashes)"
_REPLAY: Final = "system:replay"
_SHORTEST: Final = 2
"""Shortest text that is taken out of others': a single character would stand in every second word."""


@dataclass(frozen=True, slots=True)
class _Words:
    """What tells of the persons in words: to be taken out of texts, and by which the identity index knows them."""

    texts: Sequence[str]
    numbers: Sequence[str]


def erase(session: Session, erasure: Erasure) -> None:
    """Empty everything that tells who the persons are, in this transaction, in which the erasure's row is written as well.
    ``settle`` follows the commit."""
    session.flush()
    whole, beside = _subjects(session, erasure)
    words = _words(session, whole.persons)
    known = ways(session)
    erasure.objects = sorted({*erasure.objects, *_papers(session, known, whole)})
    erasure.objects_gone_at = None
    with erasing(session, erasure.id):
        for about in known:
            _empty(session, about, whole)
        if words.texts and (beside.households or beside.cases):
            for about in known:
                _take_out(session, about, beside, words.texts)
        hashes = [tokens().identity_index_hash(number) for number in words.numbers]
        session.execute(tenant_sql(_UNMARK), {"hashes": hashes})
        session.execute(tenant_sql(_NAMELESS), whole.bound())
    discard(session)
    session.flush()
    session.expire_all()


def _subjects(session: Session, erasure: Erasure) -> tuple[Subjects, Subjects]:
    """What is erased as a whole; and files and cases of others as well, out of which the persons' names are taken."""
    bound: dict[str, Any] = {
        "persons": list(erasure.persons),
        "households": [erasure.household_id] if erasure.whole else [],
    }
    beside = tuple(session.scalars(tenant_sql(_BESIDE), bound))
    cases = session.execute(tenant_sql(_CASES), bound | {"beside": list(beside)}).all()
    alone = tuple(row.case_id for row in cases if row.alone)
    others = tuple(row.case_id for row in cases if not row.alone)
    kin = session.scalars(tenant_sql(_KIN), bound | {"beside": list(beside)})
    whole = Subjects(tuple(erasure.persons), tuple(bound["households"]), alone)
    return whole, Subjects(tuple(kin), beside, others)


def _words(session: Session, persons: Sequence[uuid.UUID]) -> _Words:
    """Names and numbers of persons, in full and masked."""
    keys, texts, numbers = tenant_key(session), set[str](), []
    people = {person.id: person for person in session.scalars(select(Person).where(among(Person.id, persons)))}
    sealed = {id_: keys.person_key(id_, one.wrapped_key) for id_, one in people.items() if one.wrapped_key is not None}
    for person in people.values():
        texts |= {person.name, person.identity_masked or "", person.phone_masked or ""}
        if (key := sealed.get(person.id)) is None:
            continue
        if person.identity_cipher is not None:
            numbers.append(key.open("identity_cipher", person.identity_cipher))
        if person.phone_cipher is not None:
            texts.add(key.open("phone_cipher", person.phone_cipher))
    for file in session.scalars(select(WorkerFile).where(among(WorkerFile.worker_id, persons))):
        texts.add(file.account_masked or "")
        if file.account_cipher is not None and (key := sealed.get(file.worker_id)) is not None:
            texts.add(key.open("account_cipher", file.account_cipher))
    told = {text for text in (*texts, *numbers) if len(text) >= _SHORTEST and text != ERASED}
    return _Words(sorted(told, key=lambda text: (-len(text), text)), numbers)


def _papers(session: Session, known: Sequence[About], found: Subjects) -> Sequence[str]:
    """Storage names of their papers."""
    (about,) = (one for one in known if one.table.fullname == "document")
    asked = f"select t.storage_name from document t where {_where(about)}"  # noqa: S608 - mapped names
    return session.scalars(tenant_sql(asked), found.bound()).all()


def _where(about: About) -> str:
    """Rows of the tenant that tell of the subjects. Confidential ones are their handlers', also where the actor is one."""
    open_to_all = " and t.handlers is null" if "handlers" in about.table.columns else ""
    return f"t.tenant = :tenant and ({about.condition}){open_to_all}"


def _empty(session: Session, about: About, found: Subjects) -> None:
    rule, name = about.rule, about.table.fullname
    if rule.deletable:
        session.execute(tenant_sql(f"delete from {name} t where {_where(about)}"), found.bound())  # noqa: S608 - mapped names
        return
    changes = [f"{column} = {emptied(about.table.columns[column])}" for column in rule.personal]
    if name == "document":
        changes.append("erased_on = :on")
    if changes:
        told = f"update {name} t set {', '.join(changes)} where {_where(about)}"  # noqa: S608 - mapped names
        on = {"on": current_scope().business_date} if name == "document" else {}
        session.execute(tenant_sql(told), found.bound() | on)


def _take_out(session: Session, about: About, beside: Subjects, texts: Sequence[str]) -> None:
    columns = [column for name in about.rule.personal if is_text(column := about.table.columns[name])]
    if not columns:
        return
    bound = {f"n{number}": text for number, text in enumerate(texts)}
    changes = ", ".join(f"{column.name} = {without(column, list(bound))}" for column in columns)
    held = " or ".join(f"t.{column.name}::text like any (:patterns)" for column in columns)
    told = f"update {about.table.fullname} t set {changes} where {_where(about)} and ({held})"  # noqa: S608 - mapped names
    session.execute(tenant_sql(told), beside.bound() | bound | {"patterns": [f"%{_literally(text)}%" for text in texts]})


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def settle(session: Session) -> int:
    """After the commit of an erasure: write what was erased into the list, then destroy its papers; how many erasures were
    finished. Safe to run twice and to be killed between any two steps."""
    done = session.scalars(select(Erasure).where(Erasure.state == "done").order_by(Erasure.id)).all()
    list_erasures([listed(one) for one in done])
    left = [one for one in done if one.objects_gone_at is None]
    for one in left:
        remove(one.objects)
    ids = [one.id for one in left]
    session.execute(update(Erasure).where(among(Erasure.id, ids)).values(objects_gone_at=func.now(), objects=[]))
    return len(left)


def listed(erasure: Erasure) -> Listed:
    """The line of the list for an erasure."""
    return Listed(
        erasure.id,
        erasure.tenant,
        erasure.household_id,
        erasure.whole,
        tuple(erasure.persons),
        erasure.ground,
        str(erasure.decided_on),
    )


_BACK: Final = """
select exists (select from person where tenant = :tenant and id = any (:persons)
        and (erased_at is null or wrapped_key is not null)) as back,
    exists (select from household where tenant = :tenant and id = :household) as known
"""


def is_back(session: Session, one: Listed) -> bool:
    """Whether the database holds persons whom the list says were erased: a restore has brought them back."""
    return bool(_standing(session, one).back)


def _standing(session: Session, one: Listed) -> Any:
    bound = {"persons": list(one.persons), "household": one.household}
    return session.execute(tenant_sql(_BACK), bound).one()


def erase_again(session: Session, one: Listed) -> bool:
    """Erase again what the list says was erased, in the tenant in scope; whether anything was there. ``settle`` follows."""
    stands, scope = _standing(session, one), current_scope()
    if not stands.back or not stands.known:
        return False
    session.scalars(select(Person.id).where(among(Person.id, one.persons)).order_by(Person.id).with_for_update()).all()
    found = session.scalar(select(Erasure).where(Erasure.id == one.erasure).with_for_update())
    if found is None:
        found = Erasure(
            id=one.erasure,
            household_id=one.household,
            whole=one.whole,
            persons=list(one.persons),
            ground=one.ground,
            reason=ERASED,
            proposed_by=scope.actor,
            proposed_persons=[scope.actor],
            proposed_on=scope.business_date,
        )
        session.add(found)
    found.persons = list(one.persons)
    found.state, found.decided_by, found.decided_on = "done", _REPLAY, scope.business_date
    found.replayed_at = func.now()
    erase(session, found)
    record(session, "rights.erased_again", "household", one.household, {"erasure": one.erasure})
    return True
