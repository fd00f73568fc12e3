"""How an erasure is carried out (删除个人信息): set-based, over every table that tells of a person, in one transaction.

Keys, masks, tokens, names, search tokens, marks of the identity index, texts and papers go; amounts, decisions, dates, codes
and ids stay, so that ledger and counts are the same as before. A text in a file or case that is somebody else's as well keeps
its words without the persons' names and numbers.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, Column, Table, func, select, update
from sqlalchemy.orm import Session

from core.db.base import Base
from core.db.session import erasing
from core.db.statements import among, tenant_sql
from core.documents.models import Document
from core.documents.store import remove
from core.people.changes.models import PersonCorrection
from core.people.models import FOUND_BY, Person, WorkerFile
from core.printing.waiting import discard
from core.rights.catalogue import ERASED, IN_JSON, About, Subjects, emptied, is_text, ways, without
from core.rights.listed import Listed, list_erasures
from core.rights.models import Erasure
from core.scope import current_scope
from core.tenancy.keys import person_key_if_whole, tenant_key, tokens
from core.trail.service import record
from core.vault.errors import SealBroken
from core.vault.keys import PersonKey

_BESIDE: Final = """
select distinct household_id from membership
where tenant = :tenant and person_id = any (:persons) and not household_id = any (:households)
"""
_KIN: Final = """
select distinct person_id from membership
where tenant = :tenant and household_id = any (:beside) and not person_id = any (:persons)
"""
_OWN: Final = "select household_id from worker_file where tenant = :tenant and worker_id = any (:persons)"
"""Households whose worker is erased: also those that count as the household's by a merger."""
_NAMED_BESIDE: Final = """
select distinct name from person where tenant = :tenant and (id = any (:persons) or id in (
    select person_id from party where tenant = :tenant and case_id = any (:cases))) and not id = any (:gone)
"""
_OF_HOUSEHOLD: Final = "t.household_id = any (:households)"
_CASES: Final = """
select p.case_id, bool_and((p.person_id is null or p.person_id = any (:persons))
    and (p.household_id is null or p.household_id = any (:households))) as alone
from party p
where p.tenant = :tenant and p.handlers is null and p.case_id in (
    select q.case_id from party q where q.tenant = :tenant and q.handlers is null
        and (q.person_id = any (:persons) or q.household_id = any (:households) or q.household_id = any (:beside)))
group by p.case_id
"""
_NAMELESS: Final = f"""
update person set pinyin = '', gender = '0', erased_at = clock_timestamp(), {", ".join(f"{name} = null" for name in FOUND_BY)}
where tenant = :tenant and id = any (:persons) and erased_at is null
"""  # noqa: S608 - names come from the model
_UNMARK: Final = "delete from identity_mark where tenant = :tenant and hash = any (:hashes)"
_MINE: Final = "t.tenant = :tenant"
_OF_MANY: Final[Mapping[str, Sequence[str]]] = {
    "roster_import": ("file_name", "understanding", "samples", "refusal"),
    "roster_problem": ("sheet", "household", "column", "value", "zh", "en", "mend_zh", "mend_en"),
    "job": ("title", "params", "error"),
}
"""Tables of many at once, with the columns in which an office may have named one of them."""
_REPLAY: Final = "system:replay"
_SIGNS: Final = 0xE000
"""From here on Unicode has signs for private use: they stand for names that are kept, while texts are taken out."""
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
            if about.table.name == "worker_file":
                # the file goes with its household, also where its worker stays for the sake of another file
                _empty(session, About(about.table, _OF_HOUSEHOLD), whole)
        if words.texts and (beside.households or beside.cases):
            kept = _names_with(session, beside, whole.persons, words.texts)
            for about in known:
                _take_out(session, about, beside, words.texts, kept)
        if words.texts:
            _take_out_of_many(session, words.texts)
        hashes = [tokens().identity_index_hash(number) for number in words.numbers]
        session.execute(tenant_sql(_UNMARK), {"hashes": hashes})
        session.execute(tenant_sql(_NAMELESS), whole.bound())
    discard(session)
    session.flush()
    session.expire_all()


def gone_whole(session: Session, erasure: Erasure) -> set[uuid.UUID]:
    """Households whose file is erased as a whole; none where one person alone is erased."""
    if not erasure.whole:
        return set()
    return {erasure.household_id, *session.scalars(tenant_sql(_OWN), {"persons": list(erasure.persons)})}


def _subjects(session: Session, erasure: Erasure) -> tuple[Subjects, Subjects]:
    """What is erased as a whole; and files and cases of others as well, out of which the persons' names are taken."""
    bound: dict[str, Any] = {"persons": list(erasure.persons), "households": sorted(gone_whole(session, erasure))}
    beside = tuple(session.scalars(tenant_sql(_BESIDE), bound))
    cases = session.execute(tenant_sql(_CASES), bound | {"beside": list(beside)}).all()
    alone = tuple(row.case_id for row in cases if row.alone)
    others = tuple(row.case_id for row in cases if not row.alone)
    kin = session.scalars(tenant_sql(_KIN), bound | {"beside": list(beside)})
    whole = Subjects(tuple(erasure.persons), tuple(bound["households"]), alone)
    return whole, Subjects(tuple(kin), beside, others)


def _words(session: Session, persons: Sequence[uuid.UUID]) -> _Words:
    """Names and numbers of persons, in full and masked, former ones too; without those that a damaged key or cipher keeps from
    being opened, since nobody is kept from being erased by that."""
    keys, texts, numbers = tenant_key(session), set[str](), []
    people = {person.id: person for person in session.scalars(select(Person).where(among(Person.id, persons)))}
    sealed = {id_: person_key_if_whole(keys, id_, one.wrapped_key) for id_, one in people.items()}
    for person in people.values():
        texts |= {person.name, person.identity_masked or "", person.phone_masked or ""}
        if (key := sealed.get(person.id)) is None:
            continue
        numbers.append(_opened(key, "identity_cipher", person.identity_cipher))
        texts.add(_opened(key, "phone_cipher", person.phone_cipher))
    for file in session.scalars(select(WorkerFile).where(among(WorkerFile.worker_id, persons))):
        texts |= {file.account_masked or "", _opened(sealed.get(file.worker_id), "account_cipher", file.account_cipher)}
    for former in session.scalars(select(PersonCorrection).where(among(PersonCorrection.person_id, persons))):
        key = sealed.get(former.person_id)
        numbers.append(_opened(key, "former_identity_cipher", former.former_identity_cipher))
        texts |= {former.former_identity_masked or "", _opened(key, "former_name_cipher", former.former_name_cipher)}
    numbers = [number for number in numbers if number]
    told = {text for text in (*texts, *numbers) if len(text) >= _SHORTEST and text != ERASED}
    return _Words(sorted(told, key=lambda text: (-len(text), text)), numbers)


def _opened(key: PersonKey | None, column: str, blob: bytes | None) -> str:
    """A sealed value; empty where there is none, or where it does not open: it is destroyed all the same."""
    try:
        return "" if key is None or blob is None else key.open(column, blob)
    except SealBroken:
        return ""


def _names_with(session: Session, beside: Subjects, gone: Sequence[uuid.UUID], texts: Sequence[str]) -> list[str]:
    """Names of others of which a text that is taken out is a part: 张伟明, where 张伟 is erased. They stay whole."""
    bound = {"persons": list(beside.persons), "cases": list(beside.cases), "gone": list(gone)}
    names = session.scalars(tenant_sql(_NAMED_BESIDE), bound)
    return sorted({name for name in names if any(text in name and text != name for text in texts)}, key=len, reverse=True)


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


def _take_out(session: Session, about: About, beside: Subjects, texts: Sequence[str], kept: Sequence[str]) -> None:
    """Take the texts out of what is told of others; who these are, and their masks, is theirs."""
    columns = [
        column
        for name in about.rule.personal
        if is_text(column := about.table.columns[name]) and not name.endswith("_masked") and about.table is not Person.__table__
    ]
    if not columns:
        return
    _write_without(session, about.table, columns, _where(about), beside.bound(), texts, kept)


def _take_out_of_many(session: Session, texts: Sequence[str]) -> None:
    """Take the texts out of what tells of many at once: an office may call a spreadsheet, or a sheet of it, by somebody's name,
    and write one where it says why it prints."""
    for name, of_it in _OF_MANY.items():
        table = Base.metadata.tables[name]
        _write_without(session, table, [table.columns[column] for column in of_it], _MINE, {}, texts, ())


def _write_without(
    session: Session,
    table: Table,
    columns: Sequence[Column[Any]],
    where: str,
    bound: Mapping[str, Any],
    texts: Sequence[str],
    kept: Sequence[str],
) -> None:
    plain = {f"n{number}": text for number, text in enumerate(texts)}
    in_json = {f"j{number}": _pattern(text) for number, text in enumerate(texts)}
    spared = {f"k{number}": name for number, name in enumerate(kept)}
    signs = {f"s{number}": chr(_SIGNS + number) for number in range(len(kept))}
    pairs = list(zip(spared, signs, strict=True))
    changes = ", ".join(
        f'"{column.name}" = {without(column, list(in_json if isinstance(column.type, JSON) else plain), pairs)}'
        for column in columns
    )
    held = " or ".join(f't."{column.name}"::text like any (:patterns)' for column in columns)
    told = f"update {table.fullname} t set {changes} where {where} and ({held})"  # noqa: S608 - mapped names
    patterns = {"patterns": [f"%{_literally(text)}%" for text in texts]}
    session.execute(tenant_sql(told), {**bound, **plain, **in_json, **spared, **signs, **patterns})


def _pattern(text: str) -> str:
    return re.escape(json.dumps(text, ensure_ascii=False)[1:-1]) + IN_JSON


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


def destroy_papers(session: Session) -> None:
    """Destroy what a restored file store has brought back of papers whose destruction stands in the database."""
    remove(session.scalars(select(Document.storage_name).where(Document.erased_on.is_not(None))).all())


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


def erase_again(session: Session, one: Listed, *, always: bool = False) -> bool:
    """Erase again what the list says was erased, in the tenant in scope; whether anything was there. ``settle`` follows.
    ``always`` also where the persons themselves are not back: single tables may have been restored."""
    stands, scope = _standing(session, one), current_scope()
    if not stands.known or not (stands.back or always):
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
