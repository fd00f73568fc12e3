"""What keeps data from being erased yet, and which files are due (删除的条件, PIPL Art. 19, 47)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy.orm import Session

from core.authorisation import require
from core.db.statements import tenant_sql
from core.parameters.service import resolve
from core.people.duplicates.merging import MERGED, as_one
from core.people.life.steps import STATES
from core.rights.names import KEPT_YEARS, KEPT_YEARS_AIDED
from core.rights.requests import HANDLING
from core.scope import current_scope

CLOSED: Final = tuple(state.code for state in STATES if state.closed)
_ENDED: Final = """coalesce((select max(s.done_on) from file_step s
    where s.tenant = f.tenant and s.household_id = f.household_id and s.to_state = f.status), f.updated_on)"""
_AIDED: Final = """exists (select from relief_grant g
    where g.tenant = f.tenant and g.household_id = f.household_id and not g.released)"""
_DUE: Final = f"""
select f.id, f.household_id, f.file_number, f.status, f.ended_on, f.aided, p.name
from (select f.*, {_ENDED} as ended_on, {_AIDED} as aided from worker_file f
    where f.tenant = :tenant and f.status = any (:closed) and (cast(:after as uuid) is null or f.id > :after)) f
join person p on p.tenant = :tenant and p.id = f.worker_id and p.erased_at is null
where f.ended_on <= case when f.aided then cast(:aided as date) else cast(:plain as date) end
    and not exists (select from erasure e where e.tenant = :tenant and e.household_id = f.household_id
        and (e.state = 'proposed' or (e.state = 'done' and e.whole)))
order by f.id limit :most
"""  # noqa: S608 - put together of the texts above
_FILE: Final = f"""
select f.status, f.file_number, {_ENDED} as ended_on, {_AIDED} as aided
from worker_file f where f.tenant = :tenant and f.household_id = any (:files) order by f.id
"""  # noqa: S608 - put together of the texts above
_HELD: Final = """
with cases as (
    select c.id, c.closed_on from case_record c where c.tenant = :tenant and c.handlers is null and c.id in (
        select p.case_id from party p where p.tenant = :tenant
            and (p.person_id = any (:persons) or p.household_id = any (:households)))
)
select
    exists (select from cases where closed_on is null) as open_case,
    exists (select from relief_grant g where g.tenant = :tenant and g.state = 'reserved'
        and (g.household_id = any (:households) or g.case_id in (select id from cases))) as unpaid,
    exists (select from payment_attempt a where a.tenant = :tenant and a.payee_id = any (:persons) and (a.state = 'open'
        or exists (select from payment_reversal r where r.tenant = :tenant and r.attempt_id = a.id
            and r.state = 'told'))) as paying,
    exists (select from audit_finding n where n.tenant = :tenant and n.state = 'open' and (n.subject_id = any (:persons)
        or n.subject_id = any (:households) or n.subject_id in (select id from cases))) as finding,
    exists (select from job j where j.tenant = :tenant and j.kind = 'audit' and j.state in ('queued', 'running')) as audit,
    exists (select from household_transfer h where h.tenant = :tenant and h.state in ('offered', 'accepted', 'sent')
        and (h.household_id = any (:files) or h.household_id in (select m.household_id from membership m
            where m.tenant = :tenant and m.person_id = any (:persons)))) as moving,
    exists (select from rights_request r where r.tenant = :tenant and r.state = 'open' and r.kind <> 'erasure'
        and r.person_id = any (:persons)) as asked,
    exists (select from membership m join worker_file f on f.tenant = :tenant and f.household_id = m.household_id
        where m.tenant = :tenant and m.person_id = any (:persons) and not f.status = any (:closed)
        and not m.household_id = any (:files)) as elsewhere,
    exists (select from roster_import i where i.tenant = :tenant and i.state in ('checking', 'checked', 'committing'))
        as importing
"""
_KEPT: Final = """
select m.person_id from membership m
join worker_file f on f.tenant = :tenant and f.household_id = m.household_id
join person w on w.tenant = :tenant and w.id = f.worker_id and w.erased_at is null
where m.tenant = :tenant and m.person_id = any (:persons) and not m.household_id = any (:homes)
    and not exists (select from erasure e where e.tenant = :tenant and e.household_id = m.household_id
        and e.state = 'done' and e.whole)
"""
"""Who belongs to another file here that still stands: one that was erased keeps nobody."""
_WORKERS: Final = "select distinct worker_id from worker_file where tenant = :tenant and household_id = any (:homes)"
_ALSO: Final = """
select f.household_id from worker_file f where f.tenant = :tenant and f.worker_id = any (:workers)
    and not f.household_id = any (:homes) and not exists (select from erasure e where e.tenant = :tenant
        and e.household_id = f.household_id and e.state = 'done' and e.whole)
"""
_WORDS: Final = {
    "open_case": ("有未办结的个案", "a case is open"),
    "unpaid": ("有已审批未发放的救助", "an approved grant is unpaid"),
    "paying": ("有未回盘的发放或未处理的退汇", "a payment or its return is under way"),
    "finding": ("有未答复的审计问题", "an audit finding is open"),
    "audit": ("本单位正在审计", "an audit is running"),
    "moving": ("正在办理转移", "a transfer is under way"),
    "importing": ("有正在核对或待确认的导入，其中可能有此人", "an import waits, in which the person may stand"),
    "asked": ("有未答复的个人信息权利请求", "another request by personal right is open"),
}


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why the data cannot be erased now."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class DueFile:
    """A file whose period of retention is over."""

    id: uuid.UUID
    household_id: uuid.UUID
    file_number: str
    status: str
    ended_on: date
    aided: bool
    name: str


def due_files(session: Session, after: uuid.UUID | None = None, limit: int = 50) -> list[DueFile]:
    """Files that ended so long ago that they need not be kept (到期档案), by keyset of their ids; without those for which an
    erasure is proposed. Needs rights.handle."""
    require(HANDLING)
    today, years = current_scope().business_date, _years(session)
    bound = {
        "closed": [code for code in CLOSED if code != MERGED],  # goes with the file of which it counts as a part
        "after": after,
        "most": limit,
        "plain": before(today, years[0]),
        "aided": before(today, years[1]),
    }
    return [DueFile(*row) for row in session.execute(tenant_sql(_DUE), bound)]


def _years(session: Session) -> tuple[int, int]:
    found = resolve(session, current_scope().business_date)
    return int(found.value(KEPT_YEARS)), int(found.value(KEPT_YEARS_AIDED))


def before(day: date, years: int) -> date:
    """The same day so many years earlier; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def kept_by_others(session: Session, persons: Collection[uuid.UUID], homes: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of ``persons`` who belong to a file here that still stands, besides those of ``homes``."""
    return set(session.scalars(tenant_sql(_KEPT), {"persons": sorted(persons), "homes": sorted(homes)}))


def homes_of(session: Session, household: uuid.UUID, *, wish: bool, until_commit: bool = False) -> list[uuid.UUID]:
    """Households that go together where the file of one is erased as a whole: those that count as one with it; and the worker's
    other files here, of somebody who moved away and came back, where all of them are over, since each would keep him else."""
    homes = set(as_one(session, [household], until_commit=until_commit)[household])
    named = session.scalars(tenant_sql(_WORKERS), {"homes": sorted(homes)}).all()
    same = as_one(session, named, until_commit=until_commit)
    workers = {one for worker in named for one in same[worker]}
    others = session.scalars(tenant_sql(_ALSO), {"workers": sorted(workers), "homes": sorted(homes)}).all()
    if not others:
        return sorted(homes)
    groups = as_one(session, others, until_commit=until_commit)
    more = {one for other in others for one in groups[other]}
    if _not_over(session, more, wish=wish) or kept_by_others(session, workers, homes | more):
        return sorted(homes)
    return sorted(homes | more)


def _not_over(session: Session, files: Collection[uuid.UUID], *, wish: bool) -> list[Hindrance]:
    """Files of households that have not ended, or whose period of retention runs."""
    found = []
    for file in session.execute(tenant_sql(_FILE), {"files": sorted(files)}).all():
        if file.status not in CLOSED:
            found.append(Hindrance("live", f"{file.file_number} 号档案尚未终止", "the file has not ended"))
        elif file.aided or not wish:
            plain, aided = _years(session)
            years = aided if file.aided else plain
            if file.ended_on > before(current_scope().business_date, years):
                found.append(
                    Hindrance(
                        "retention",
                        f"保存期未满：{file.file_number} 号档案终止于 {file.ended_on}，须保存 {years} 年",
                        f"the file ended on {file.ended_on} and is kept for {years} years",
                    )
                )
    return found


def hindrances(
    session: Session, household: uuid.UUID, persons: Sequence[uuid.UUID], *, whole: bool, wish: bool
) -> list[Hindrance]:
    """What stands in the way of erasing ``persons``, and with ``whole`` the household's file; empty where nothing does. A
    confidential case is nobody's business here: it is neither looked for nor told. Files that go together are looked at
    together.

    At the person's ``wish`` the period of retention counts where aid was paid, since its vouchers are kept by law.
    """
    files = homes_of(session, household, wish=wish) if whole else sorted(as_one(session, [household])[household])
    bound = {
        "files": files,
        "households": files if whole else [],
        "persons": list(persons),
        "closed": list(CLOSED),
    }
    found = _not_over(session, files, wish=wish)
    held = session.execute(tenant_sql(_HELD), bound).one()
    found += [Hindrance(code, *words) for code, words in _WORDS.items() if getattr(held, code)]
    if held.elsewhere and not whole:
        found.append(Hindrance("elsewhere", "此人是本单位另一在办档案的家庭成员", "the person belongs to another file here"))
    return found
