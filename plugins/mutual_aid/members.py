"""Members by year: registered in batches, covered once the contribution is in the fund's ledger (参保)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import among, tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.funds.service import receive
from core.parameters.service import resolve
from core.people.models import WorkerFile
from core.scope import current_scope
from core.tenancy.service import next_numbers
from core.trail.service import record
from plugins.mutual_aid.models import Batch, Member
from plugins.mutual_aid.names import NAME, PLANS, REGISTER, SOURCE, contribution_parameter

AT_ONCE = 500
"""Members of one batch at most."""
_NAME_LENGTH = 100
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who is enrolled: the unit that pays, the plan, the period (at most a year, of the year in which it begins) and the
    numbers of the workers' files."""

    unit_name: str
    plan: str
    valid_from: date
    valid_to: date
    file_numbers: Sequence[str]


def register_batch(session: Session, told: Enrolment) -> Batch:
    """Register members together; each pays the contribution that holds on the first day of the period.

    Raises ``InvalidInput`` (plan, period, numbers that no file has), ``Conflict`` for workers who are members of the plan
    in that year already.
    """
    scope = current_scope()
    scope.require(REGISTER)
    _check(told)
    lines = _lines_of(told.file_numbers)
    files = {
        file.file_number: file
        for file in session.scalars(
            select(WorkerFile).where(WorkerFile.file_number.in_(lines), WorkerFile.status.in_(("on_file", "out_of_difficulty")))
        )
    }
    if unknown := [line for number, line in lines.items() if number not in files]:
        raise InvalidInput(
            f"{_rows(unknown)}没有编号相符的档案", f"no file has the number in line {_listed(unknown)}", where="file_numbers"
        )
    # One batch after the other: two clerks who enrol the same worker wait for each other.
    session.execute(tenant_sql("select pg_advisory_xact_lock(hashtext('mutual_aid' || :tenant))"))
    _refuse_members(session, told, {file.worker_id: lines[number] for number, file in files.items()})
    batch = Batch(
        number=f"CB-{told.valid_from.year}-{next_numbers(session, NAME, told.valid_from.year)[0]:04d}",
        unit_name=told.unit_name.strip(),
        plan=told.plan,
        year=told.valid_from.year,
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        members=len(lines),
        contribution_fen=int(resolve(session, told.valid_from).value(contribution_parameter(told.plan))),
        registered_by=scope.actor,
        registered_on=scope.business_date,
    )
    session.add(batch)
    session.flush()
    session.add_all(
        Member(
            batch_id=batch.id,
            year=batch.year,
            plan=batch.plan,
            worker_id=files[number].worker_id,
            household_id=files[number].household_id,
        )
        for number in lines
    )
    session.flush()
    record(session, "mutual_aid.registered", "batch", batch.id, {"number": batch.number, "members": batch.members})
    return batch


def _check(told: Enrolment) -> None:
    if told.plan not in PLANS:
        raise InvalidInput("请选择保障计划", "choose a plan", where="plan")
    if not told.unit_name.strip() or len(told.unit_name) > _NAME_LENGTH:
        raise InvalidInput("请填写参保单位", "say which unit enrols them", where="unit_name")
    if not told.valid_from <= told.valid_to < _a_year_after(told.valid_from):
        raise InvalidInput(
            "保障期不正确，最长一年", "a period is a year at most", where="valid_to", mend_zh="例如 2026-01-01 至 2026-12-31"
        )


def _a_year_after(day: date) -> date:
    return date(day.year + 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)


def _lines_of(told: Sequence[str]) -> dict[str, int]:
    """The numbers with the line in which each stands. Refusals name lines: a page hides long numbers."""
    lines: dict[str, int] = {}
    doubled = []
    for line, number in enumerate(told, start=1):
        if number.strip() in lines:
            doubled.append(line)
        elif number.strip():
            lines[number.strip()] = line
    if doubled:
        raise InvalidInput(f"{_rows(doubled)}档案编号重复", f"named before: line {_listed(doubled)}", where="file_numbers")
    if not 0 < len(lines) <= AT_ONCE:
        raise InvalidInput(
            f"请填写 1 至 {AT_ONCE} 个档案编号，每行一个", f"1 to {AT_ONCE} numbers of files, one a line", where="file_numbers"
        )
    return lines


def _refuse_members(session: Session, told: Enrolment, workers: dict[uuid.UUID, int]) -> None:
    """Refuse workers, each with the line that names him, who are members of the plan in that year already."""
    held = session.scalars(
        select(Member.worker_id).where(
            among(Member.worker_id, workers), Member.year == told.valid_from.year, Member.plan == told.plan
        )
    ).all()
    if held:
        lines = sorted(workers[worker] for worker in held)
        raise Conflict(
            f"{_rows(lines)}的职工 {told.valid_from.year} 年已参加该计划",
            f"members of the plan in that year already: line {_listed(lines)}",
            where="file_numbers",
            mend_zh="请从名单中去掉后再登记",
            mend_en="take them out of the list",
        )


def _rows(lines: Sequence[int]) -> str:
    return f"第 {_listed(lines)} 行"


def _listed(lines: Sequence[int]) -> str:
    return "、".join(str(line) for line in lines[:_NAMED]) + ("等" if len(lines) > _NAMED else "")


def receive_contribution(session: Session, batch_id: uuid.UUID, slip: str) -> Batch:
    """Book the contribution of a batch that came in, by the number of the bank's slip; its members are covered from now on.

    Raises ``Forbidden`` without ``funds.receive``, ``Conflict`` where it was booked before or who registered it books it,
    ``InvalidInput`` without a slip.
    """
    scope = current_scope()
    scope.require("funds.receive")
    if not slip.strip() or len(slip) > _NAME_LENGTH:
        raise InvalidInput("请填写银行回单号", "the number of the bank's slip is missing", where="slip")
    batch = batch_named(session, batch_id, lock=True)
    if batch.entry_id is not None:
        raise Conflict(f"{batch.number} 的会费已到账", "the contribution is booked already", where=batch.number)
    if batch.registered_by in scope.persons:
        raise Conflict(
            "参保登记人不得登记会费到账",
            "who registered the members does not book their money",
            where=batch.number,
            mend_zh="请由资金专管员登记",
            mend_en="ask the fund manager",
        )
    entry = receive(
        session,
        year=scope.business_date.year,
        source=SOURCE,
        purpose=NAME,
        amount_fen=batch.members * batch.contribution_fen,
        key=f"{NAME}:{slip.strip()}",
        note=f"{batch.number} 互助会费",
    )
    batch.entry_id, batch.received_on, batch.received_by = entry.id, scope.business_date, scope.actor
    session.flush()
    record(session, "mutual_aid.received", "batch", batch.id, {"number": batch.number, "entry": str(entry.id)})
    return batch


def batch_named(session: Session, batch_id: uuid.UUID, *, lock: bool = False) -> Batch:
    """The batch with this id; raises ``NotFound``."""
    asked = select(Batch).where(Batch.id == batch_id)
    batch = session.scalar(asked.with_for_update() if lock else asked)
    if batch is None:
        raise NotFound("没有这个参保批次", "no such batch", where="batch")
    return batch


def batches(session: Session, after: uuid.UUID | None = None, limit: int = 50) -> Sequence[Batch]:
    """Batches, the newest first; ``after`` is the id of the last one seen."""
    asked = select(Batch).order_by(Batch.id.desc()).limit(limit)
    return session.scalars(asked if after is None else asked.where(Batch.id < after)).all()


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A member as lists show it; ``covered`` says whether the contribution is in."""

    id: uuid.UUID
    worker_id: uuid.UUID
    household_id: uuid.UUID
    name: str
    file_number: str
    year: int
    plan: str
    unit_name: str
    batch_number: str
    valid_from: date
    valid_to: date
    contribution_fen: int
    covered: bool


_MEMBERS = """
select m.id, m.worker_id, m.household_id, p.name, f.file_number, m.year, m.plan, b.unit_name, b.number as batch_number,
       b.valid_from, b.valid_to, b.contribution_fen, b.entry_id is not null as covered
from mutual_aid.member m
join mutual_aid.batch b on b.tenant = m.tenant and b.id = m.batch_id
join person p on p.tenant = m.tenant and p.id = m.worker_id
join worker_file f on f.tenant = m.tenant and f.household_id = m.household_id
where m.tenant = :tenant
"""


def members(session: Session, year: int, after: uuid.UUID | None = None, limit: int = 50) -> list[MemberLine]:
    """Members of a year, the newest first; ``after`` is the id of the last one seen."""
    rows = session.execute(
        tenant_sql(
            _MEMBERS + "and m.year = :year and (cast(:after as uuid) is null or m.id < :after) order by m.id desc limit :limit"
        ),
        {"year": year, "after": after, "limit": limit},
    )
    return [MemberLine(**row) for row in rows.mappings()]


def member_named(session: Session, member_id: uuid.UUID) -> MemberLine:
    """One member; raises ``NotFound``."""
    row = session.execute(tenant_sql(_MEMBERS + "and m.id = :id"), {"id": member_id}).mappings().one_or_none()
    if row is None:
        raise NotFound("没有这名会员", "no such member", where="member")
    return MemberLine(**row)


def is_renewed(session: Session, member: MemberLine) -> bool:
    """Whether the member was covered by the same plan up to the day before: who goes on does not wait again."""
    before = (
        select(Member.id)
        .join(Batch, (Batch.tenant == Member.tenant) & (Batch.id == Member.batch_id))
        .where(
            Member.worker_id == member.worker_id,
            Member.plan == member.plan,
            Member.id != member.id,
            Batch.entry_id.is_not(None),
            Batch.valid_from < member.valid_from,
            Batch.valid_to >= member.valid_from - timedelta(days=1),
        )
        .limit(1)
    )
    return session.scalar(before) is not None
