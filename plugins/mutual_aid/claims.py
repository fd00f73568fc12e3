"""Claims: what a member is due for a stay in hospital or an illness, explained, and filed as a case (给付)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.opening import NewCase, NewParty, open_cases
from core.cases.repository import open_one_by_one
from core.cases.workflows import programme_named
from core.db.statements import tenant_sql
from core.errors import Conflict, InvalidInput
from core.funds.service import GrantDraft, approve_grants
from core.host.declarations import EffectDecl, GuardDecl, GuardVerdict
from core.money import format_yuan
from core.parameters.service import resolve
from core.scope import current_scope
from core.trail.service import record
from plugins.mutual_aid.members import MemberLine, is_renewed, member_named
from plugins.mutual_aid.models import Claim
from plugins.mutual_aid.names import (
    BENEFIT,
    COVERED,
    GRANT,
    NAME,
    PER_DAY,
    PER_ILLNESS,
    REGISTER,
    WAITING_DAYS,
    YEARLY_CAP,
    occurrence_of,
)
from plugins.mutual_aid.policy import settings_here
from plugins.mutual_aid.workflow import ENDED

_TEXT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: admission and discharge, or twice the day on which an illness was found."""

    begun_on: date
    ended_on: date
    diagnosis: str


@dataclass(frozen=True, slots=True)
class Due:
    """What a member is due for an event, in fen, and how it was found."""

    amount_fen: int
    basis: str


def work_out(session: Session, member: MemberLine, event: Event) -> Due:
    """What is due by the figures of the day on which the event began.

    Raises ``InvalidInput`` for an event outside the membership, within the waiting period or told too late, ``Conflict``
    where the contribution is not in, the event was claimed before or the year's most is used up.
    """
    _check_event(session, member, event)
    figures = resolve(session, event.begun_on)
    waiting = int(figures.value(WAITING_DAYS))
    if event.begun_on < member.valid_from + timedelta(days=waiting) and not is_renewed(session, member):
        raise InvalidInput(
            f"事件发生在等待期内（参保后 {waiting} 天），不予给付",
            f"within the waiting period of {waiting} days",
            where="event_from",
        )
    others = _claims_of(session, member)
    _refuse_second(others, member.plan, event)
    if member.plan == "hospital":
        days = max((min(event.ended_on, member.valid_to) - event.begun_on).days, 1)
        rate = int(figures.value(PER_DAY))
        whole, told = days * rate, f"住院 {days} 天 × {format_yuan(rate)} = {format_yuan(days * rate)}"
        source = figures[PER_DAY].source
    else:
        whole = int(figures.value(PER_ILLNESS))
        told, source = f"重大疾病每次 {format_yuan(whole)}", figures[PER_ILLNESS].source
    cap, used = int(figures.value(YEARLY_CAP)), sum(other.amount_fen for other in others)
    amount = min(whole, cap - used)
    if amount <= 0:
        raise Conflict(
            f"本年度已申请 {format_yuan(used)}，达到封顶 {format_yuan(cap)}",
            "the most that is paid a year is used up",
            where="event_from",
        )
    limit = f"年度封顶 {format_yuan(cap)}，本年度此前 {format_yuan(used)}"
    return Due(amount, f"{told}；{limit}；应给付 {format_yuan(amount)}。依据：{source}（{event.begun_on}）")


def _check_event(session: Session, member: MemberLine, event: Event) -> None:
    today = current_scope().business_date
    if not event.diagnosis.strip() or len(event.diagnosis) > _TEXT_LENGTH:
        raise InvalidInput("请填写诊断", "say what the diagnosis is", where="diagnosis")
    if not event.begun_on <= event.ended_on <= today:
        raise InvalidInput(
            "日期不正确：出院不早于入院，且不晚于今天", "the days are not in order or not come yet", where="event_to"
        )
    if not member.valid_from <= event.begun_on <= member.valid_to:
        raise InvalidInput(
            f"不在保障期内（{member.valid_from} 至 {member.valid_to}）", "outside the membership", where="event_from"
        )
    within = settings_here(session).claim_within_days
    if event.ended_on + timedelta(days=within) < today:
        raise InvalidInput(f"已超过申请期限（{within} 天）", f"told more than {within} days later", where="event_to")
    if not member.covered:
        raise Conflict(
            "会费尚未到账，不能申请给付",
            "the contribution is not in",
            where=member.batch_number,
            mend_zh="请资金专管员先登记会费到账",
            mend_en="have the fund manager book it first",
        )


_CLAIMS = """
select l.id, l.case_id, c.number, c.state, m.plan, l.event_from, l.event_to, l.amount_fen
from mutual_aid.claim l
join mutual_aid.member m on m.tenant = l.tenant and m.id = l.member_id
join case_record c on c.tenant = l.tenant and c.id = l.case_id
where l.tenant = :tenant and m.worker_id = :worker and m.year = :year
order by l.id
"""


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A claim as lists show it."""

    id: uuid.UUID
    case_id: uuid.UUID
    number: str
    state: str
    plan: str
    event_from: date
    event_to: date
    amount_fen: int


def claims_of_year(session: Session, member: MemberLine) -> list[ClaimLine]:
    """All claims of the worker in the membership's year, the oldest first."""
    rows = session.execute(tenant_sql(_CLAIMS), {"worker": member.worker_id, "year": member.year})
    return [ClaimLine(**row) for row in rows.mappings()]


def _claims_of(session: Session, member: MemberLine) -> list[ClaimLine]:
    return [claim for claim in claims_of_year(session, member) if claim.state not in ENDED]


def _refuse_second(others: Sequence[ClaimLine], plan: str, event: Event) -> None:
    """One event is claimed once: no two stays that touch the same night, no illness found on the same day."""
    for other in others:
        same = other.event_from == event.begun_on or (other.event_from < event.ended_on and event.begun_on < other.event_to)
        if other.plan == plan and same:
            raise Conflict(
                f"该事件已由 {other.number} 申请给付",
                f"claimed already by {other.number}",
                where=other.number,
                mend_zh="请办理原申请；原申请有误的，先撤回",
                mend_en="go on with that claim, or withdraw it first",
            )


def file_claim(session: Session, member_id: uuid.UUID, event: Event) -> Case:
    """File a claim: a case with the amount and how it was found; papers follow on the case. Raises as ``work_out`` does."""
    current_scope().require(REGISTER)
    member = member_named(session, member_id)
    # Before looking at other claims: what is found must stay so until the commit.
    open_one_by_one(session)
    due = work_out(session, member, event)
    parties = (
        NewParty("applicant", person_id=member.worker_id, label=member.name),
        NewParty("household", household_id=member.household_id, label=member.name),
    )
    form = {
        "plan": member.plan,
        "event_from": event.begun_on.isoformat(),
        "event_to": event.ended_on.isoformat(),
        "diagnosis": event.diagnosis.strip(),
        "basis": due.basis,
    }
    draft = NewCase(NAME, NAME, parties, programme=BENEFIT, form=form, requested_fen=due.amount_fen)
    (case,) = open_cases(session, [draft])
    session.add(
        Claim(
            member_id=member.id,
            case_id=case.id,
            event_from=event.begun_on,
            event_to=event.ended_on,
            amount_fen=due.amount_fen,
        )
    )
    session.flush()
    record(session, "mutual_aid.claimed", "case", case.id, {"amount_fen": due.amount_fen}, handlers=case.handlers)
    return case


_COVERS = """
select l.case_id, m.plan, m.worker_id, m.household_id, l.event_from, l.amount_fen,
       b.entry_id is not null and l.event_from between b.valid_from and b.valid_to as covered
from mutual_aid.claim l
join mutual_aid.member m on m.tenant = l.tenant and m.id = l.member_id
join mutual_aid.batch b on b.tenant = m.tenant and b.id = m.batch_id
where l.tenant = :tenant and l.case_id = any (:cases)
"""


def _covers(session: Session, cases: Sequence[Case]) -> dict[uuid.UUID, Any]:
    rows = session.execute(tenant_sql(_COVERS), {"cases": [case.id for case in cases]})
    return {row.case_id: row for row in rows}


def covered(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The case was filed by a member whose contribution is in, for an event of the membership and for this amount."""
    found = _covers(session, cases)
    return {case.id: _verdict(case, found.get(case.id)) for case in cases}


def _verdict(case: Case, row: Any) -> GuardVerdict:
    if row is None:
        return GuardVerdict(False, "没有对应的会员，请从会员页面申请", "no member claims: file it from the member's page")
    if not row.covered or row.amount_fen != case.requested_fen:
        return GuardVerdict(False, "不在保障期内或会费未到账", "outside the membership, or the contribution is not in")
    return GuardVerdict(True, "会员在保障期内", "the member is covered")


def grant(session: Session, cases: Sequence[Case]) -> None:
    """Give each member what was worked out, once an event, from the members' own money. Raises ``Conflict`` without one."""
    found, programme = _covers(session, cases), programme_named(BENEFIT)
    drafts = []
    for case in cases:
        row = found.get(case.id)
        if row is None:
            raise Conflict(f"个案 {case.number} 没有对应的会员", f"no member claims by {case.number}", where=case.number)
        drafts.append(
            GrantDraft(
                case_id=case.id,
                clerk=case.clerk,
                programme=programme,
                occurrence=occurrence_of(row.plan, row.event_from.isoformat(), row.worker_id),
                household_id=row.household_id,
                beneficiaries=((row.worker_id, row.amount_fen),),
            )
        )
    approve_grants(session, drafts)


GUARDS = (GuardDecl(COVERED, "会员在保障期内", "the member is covered", covered),)
EFFECTS = (EffectDecl(GRANT, "决定互助金并预留资金", "grant and reserve the money", grant),)
