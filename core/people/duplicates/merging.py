"""Two records of one person or household count as one (合并), and can be told apart again to the fen (撤销合并).

No row of anybody's is moved or rewritten. A merge is one row that says which record counts as which; whoever asks about aid,
cases or members asks with all ids that are one (``as_one``). The merged household's file alone gets the state ``merged`` and
has its former one back when the merge is undone. A merge leads to a record that is not merged itself, so that no chain arises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import among, tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.host.declarations import COUNTIES
from core.people.duplicates.models import DuplicateProposal, RecordMerge
from core.people.life.steps import ENDED
from core.people.models import Person, WorkerFile
from core.people.repository import members_on, refuse_members_elsewhere
from core.scope import current_scope
from core.text.lines import reason_given
from core.text.normalise import fold_name
from core.trail.service import record

MERGING: Final = Demand("people.write", levels=COUNTIES)
MERGED: Final = "merged"
REASON_LENGTH: Final = 500
WHY_ZH: Final = "请写明核对了哪些材料"
_CLOSED: Final = frozenset({"moved", MERGED})

_AS_ONE: Final = """
select merged_id, survivor_id from record_merge
where tenant = :tenant and undone_on is null and (merged_id = any (:ids) or survivor_id = any (:ids)
    or survivor_id in (
        select survivor_id from record_merge where tenant = :tenant and undone_on is null and merged_id = any (:ids)
    ))
"""
_HOMES: Final = """
select m.person_id, m.household_id, coalesce(f.status = any (:ended), false) as ended from (
    select distinct on (person_id, household_id) person_id, household_id, present from membership
    where tenant = :tenant and person_id = any (:persons) and valid_from <= :on
    order by person_id, household_id, valid_from desc, recorded_at desc
) m
left join worker_file f on f.tenant = :tenant and f.household_id = m.household_id
where m.present order by m.person_id, ended, m.household_id
"""
_MERGED_FILES: Final = """
select f.file_number, d.id from record_merge r
join worker_file f on f.tenant = :tenant and f.household_id = r.merged_id
left join record_merge p on p.tenant = :tenant and p.act_id = r.act_id and p.merged_id = f.worker_id
left join duplicate_proposal d on d.tenant = :tenant
    and d.first_id = least(p.merged_id, p.survivor_id) and d.second_id = greatest(p.merged_id, p.survivor_id)
where r.tenant = :tenant and r.subject_kind = 'household' and r.survivor_id = :household and r.undone_on is null
order by f.file_number
"""
_WHO_MERGES: Final = "select pg_advisory_xact_lock(hashtext('record_merge' || :tenant))"
_WHO_ASKS: Final = "select pg_advisory_xact_lock_shared(hashtext('record_merge' || :tenant))"


@dataclass(frozen=True, slots=True)
class MergedFile:
    """A file that counts as another one."""

    file_number: str
    proposal_id: UUID | None
    """The pair of workers by which it was merged, where it can be looked at and undone."""


def hold_merges(session: Session) -> None:
    """Until the end of the transaction nobody merges or undoes; taken before any file or person is locked."""
    session.execute(tenant_sql(_WHO_ASKS))


def survivors_of(session: Session, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Of those persons or households among ``ids`` that are merged: which record they count as."""
    standing = select(RecordMerge.merged_id, RecordMerge.survivor_id).where(*_standing(among(RecordMerge.merged_id, ids)))
    return dict(session.execute(standing).all())


def as_one(session: Session, ids: Iterable[UUID], *, until_commit: bool = False) -> dict[UUID, frozenset[UUID]]:
    """All records that are the same person or household as each of ``ids``, itself included; one statement.

    ``until_commit`` keeps it so until the end of the transaction: nobody merges or undoes meanwhile.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    if until_commit:
        hold_merges(session)
    leads: dict[UUID, UUID] = dict(session.execute(tenant_sql(_AS_ONE), {"ids": wanted}).all())
    groups: dict[UUID, set[UUID]] = {}
    for merged, survivor in leads.items():
        groups.setdefault(survivor, {survivor}).add(merged)
    return {one: frozenset(groups.get(leads.get(one, one), {one})) for one in wanted}


def households_of(session: Session, persons: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Households to which each of ``persons`` belongs on the business date, as the memberships say it. Those whose files have
    ended, as of who came back from another county, count only for somebody who is in no other."""
    found: dict[UUID, list[UUID]] = {}
    alive: set[UUID] = set()
    bound = {"persons": list(persons), "on": current_scope().business_date, "ended": sorted(ENDED)}
    for person, household, ended in session.execute(tenant_sql(_HOMES), bound):
        if not ended:
            alive.add(person)
        if not (ended and person in alive):
            found.setdefault(person, []).append(household)
    return found


def merged_files(session: Session, household_id: UUID) -> list[MergedFile]:
    """Files of other households that count as this one, by number."""
    return [MergedFile(*row) for row in session.execute(tenant_sql(_MERGED_FILES), {"household": household_id})]


def merge(session: Session, merged: UUID, survivor: UUID, reason: str, *, households: bool = False) -> UUID:
    """Let the person ``merged`` count as ``survivor`` from now on; the act's id, by which it is undone.

    With ``households`` the household of the one counts as the other's, together with all members who stand in both files by
    name and birth date. The survivor's file says who belongs: nobody is added to it. Raises ``Forbidden`` without people.write,
    ``NotFound``, ``InvalidInput`` without a reason, and ``Conflict`` where one of them is merged already, is the worker of a
    file that is not merged with him, or where a file has moved away.
    """
    scope = current_scope()
    if not scope.is_system:
        require(MERGING)
    said = reason_given(reason, WHY_ZH, REASON_LENGTH)
    session.execute(tenant_sql(_WHO_MERGES))
    pair = _pair(session, merged, survivor)
    homes = households_of(session, [merged, survivor])
    former: WorkerFile | None = None
    persons = {merged: survivor}
    if households:
        former, persons = _two_files(session, pair, homes)
    else:
        _refuse_worker(session, merged)
        _refuse_leaving_nobody(homes.get(merged, []), homes.get(survivor, []))
    act = new_id()
    told = {"act_id": act, "reason": said, "merged_by": scope.actor, "merged_on": scope.business_date, "former_status": None}
    rows = [told | {"subject_kind": "person", "merged_id": one, "survivor_id": other} for one, other in persons.items()]
    if former is not None:
        home = {"subject_kind": "household", "merged_id": former.household_id, "survivor_id": homes[survivor][0]}
        rows.append(told | home | {"former_status": former.status})
    _refuse_chains(session, rows)
    insert_rows(session, RecordMerge, rows)
    if former is not None:
        former.status = MERGED
        session.flush()
    _settle(session, persons, said)
    for row in rows:
        fields = {"into": row["survivor_id"], "act": act}
        record(session, "people.merged", str(row["subject_kind"]), UUID(str(row["merged_id"])), fields)
    return act


def undo_merge(session: Session, act_id: UUID, reason: str) -> None:
    """Tell the records of one act apart again; the merged file has its former state back, everything else was never changed.

    Raises ``Forbidden`` without people.write, ``NotFound`` where no such act stands, ``InvalidInput`` without a reason,
    ``Conflict`` where a member of the merged file has come into another one meanwhile (domain 10: nobody is in two).
    """
    scope = current_scope()
    if not scope.is_system:
        require(MERGING)
    said = reason_given(reason, WHY_ZH, REASON_LENGTH)
    session.execute(tenant_sql(_WHO_MERGES))
    rows = session.scalars(select(RecordMerge).where(*_standing(RecordMerge.act_id == act_id)).with_for_update()).all()
    if not rows:
        raise NotFound("没有这次合并，或已撤销", "no such merge stands", where=str(act_id))
    for row in rows:
        row.undone_on, row.undone_by, row.undone_why = scope.business_date, scope.actor, said
        if row.former_status is not None:
            session.execute(
                update(WorkerFile)
                .where(WorkerFile.household_id == row.merged_id, WorkerFile.status == MERGED)
                .values(status=row.former_status)
            )
        record(session, "people.unmerged", row.subject_kind, row.merged_id, {"from": row.survivor_id, "act": act_id})
    pairs = [_ordered(row.merged_id, row.survivor_id) for row in rows if row.subject_kind == "person"]
    for first, second in pairs:
        session.execute(
            update(DuplicateProposal)
            .where(
                DuplicateProposal.first_id == first,
                DuplicateProposal.second_id == second,
                DuplicateProposal.state == MERGED,
            )
            .values(state="open", decided_on=None, decided_by=None, why=None)
        )
    session.flush()
    for row in rows:
        if row.former_status is not None and row.former_status not in ENDED:
            refuse_members_elsewhere(session, row.merged_id, "不能撤销合并")


def matching_members(ours: Sequence[Person], theirs: Sequence[Person]) -> dict[UUID, UUID]:
    """Who of ``theirs`` stands among ``ours`` by name and birth date; a name that is there twice matches nobody."""
    known: dict[tuple[str, object], list[UUID]] = {}
    for person in ours:
        known.setdefault((fold_name(person.name), person.birth_date), []).append(person.id)
    found: dict[UUID, UUID] = {}
    for person in theirs:
        same = known.get((fold_name(person.name), person.birth_date), [])
        if len(same) == 1 and same[0] != person.id and same[0] not in found.values():
            found[person.id] = same[0]
    return found


def _standing(*which: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (*which, RecordMerge.undone_on.is_(None))


def _ordered(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    return (one, other) if one < other else (other, one)


def _pair(session: Session, merged: UUID, survivor: UUID) -> tuple[Person, Person]:
    if merged == survivor:
        raise InvalidInput("请选择两个不同的人", "two persons are needed", where="survivor")
    found = {one.id: one for one in session.scalars(select(Person).where(Person.id.in_([merged, survivor])))}
    if len(found) != 2 or any(one.erased_at is not None for one in found.values()):
        raise NotFound("没有此人或其信息已删除", "no such person, or the person's data were erased")
    return found[merged], found[survivor]


def _two_files(
    session: Session, pair: tuple[Person, Person], homes: dict[UUID, list[UUID]]
) -> tuple[WorkerFile, dict[UUID, UUID]]:
    """The file that is merged, locked, and who of its members counts as whom."""
    merged, survivor = pair
    of_merged, of_survivor = homes.get(merged.id, []), homes.get(survivor.id, [])
    if len(of_merged) != 1 or len(of_survivor) != 1 or of_merged == of_survivor:
        raise Conflict(
            "两人须各在一户、且不在同一户，才能合并两户档案",
            "each of the two belongs to one household, and not to the same one",
            mend_zh="只是一人重复的，请选择“合并为同一人”",
            mend_en="merge the persons alone",
        )
    files = {
        file.household_id: file
        for file in session.scalars(
            select(WorkerFile)
            .where(WorkerFile.household_id.in_([*of_merged, *of_survivor]))
            .order_by(WorkerFile.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    former, kept = files.get(of_merged[0]), files.get(of_survivor[0])
    if former is None or kept is None or former.status in _CLOSED or kept.status in _CLOSED:
        raise Conflict(
            "两户须都有档案，且未转出、未并入其他档案",
            "both households need a file that has neither moved nor been merged",
            where=former.file_number if former else None,
            files=[former.file_number] if former else (),
        )
    persons = {merged.id: survivor.id}
    persons |= {
        one: other
        for one, other in matching_members(_members(session, kept.household_id), _members(session, former.household_id)).items()
        if one not in persons and other not in persons.values()
    }
    if former.worker_id not in persons:
        raise Conflict(
            "被并入档案的户主在保留档案中没有对应的人",
            "the worker of the merged file stands not in the other one",
            where=former.file_number,
            files=[former.file_number],
            mend_zh="请先把户主登记为保留档案的成员，或先合并户主本人",
            mend_en="add the worker to the file that stays, or merge that person first",
        )
    return former, persons


def _members(session: Session, household_id: UUID) -> Sequence[Person]:
    ids = list(members_on(session, household_id, current_scope().business_date))
    return session.scalars(select(Person).where(Person.id.in_(ids)).order_by(Person.id)).all()


def _refuse_worker(session: Session, merged: UUID) -> None:
    """A worker's own file would be left without its worker."""
    alive = WorkerFile.status.not_in((*_CLOSED, "cancelled"))
    number = session.scalar(select(WorkerFile.file_number).where(WorkerFile.worker_id == merged, alive).limit(1))
    if number is not None:
        raise Conflict(
            f"被合并的人是 {number} 号档案的户主",
            f"the person is the worker of the file {number}",
            where=number,
            mend_zh="请改选此人为保留的一方，或选择“合并两户档案”",
            mend_en="keep this person instead, or merge the two files",
            files=[number],
        )


def _refuse_leaving_nobody(of_merged: Sequence[UUID], of_survivor: Sequence[UUID]) -> None:
    """Who counts as somebody in no household would be in none, and his household would be reckoned without him."""
    if of_merged and not of_survivor:
        raise Conflict(
            "保留的一方不在任何家庭，合并后该户将缺少此人",
            "the one who stays belongs to no household, so the other's would lose its member",
            where="survivor",
            mend_zh="请改选在户内的一方为保留的一方",
            mend_en="keep the one who belongs to a household",
        )


def _refuse_chains(session: Session, rows: Sequence[dict[str, object]]) -> None:
    merged = [UUID(str(row["merged_id"])) for row in rows]
    ids = [*merged, *(UUID(str(row["survivor_id"])) for row in rows)]
    standing = session.execute(
        select(RecordMerge.merged_id, RecordMerge.survivor_id).where(
            *_standing(among(RecordMerge.merged_id, ids) | among(RecordMerge.survivor_id, merged))
        )
    ).first()
    if standing is not None:
        raise Conflict(
            "其中一人或一户已与其他档案合并",
            "one of them is merged already",
            mend_zh="请先撤销原合并，再并入同一份保留的档案",
            mend_en="undo that merge first, then merge both into the record that stays",
        )


def _settle(session: Session, persons: dict[UUID, UUID], said: str) -> None:
    """Close what was proposed of the pairs."""
    scope = current_scope()
    for one, other in persons.items():
        first, second = _ordered(one, other)
        session.execute(
            update(DuplicateProposal)
            .where(
                DuplicateProposal.first_id == first,
                DuplicateProposal.second_id == second,
                DuplicateProposal.state == "open",
            )
            .values(state=MERGED, decided_on=scope.business_date, decided_by=scope.actor, why=said)
        )


def merge_of_pair(session: Session, one: UUID, other: UUID) -> RecordMerge | None:
    """The standing merge by which one of two persons counts as the other; None where there is none."""
    both = RecordMerge.merged_id.in_([one, other]), RecordMerge.survivor_id.in_([one, other])
    return session.scalar(select(RecordMerge).where(*_standing(*both)))
