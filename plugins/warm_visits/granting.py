"""Conditions and effects of the line's steps: each for many cases in a fixed number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.repository import parties_of
from core.cases.workflows import programme_named
from core.db.statements import among
from core.documents.models import Document
from core.errors import Conflict
from core.funds.models import Grant
from core.funds.service import GrantDraft, approve_grants, release_grants
from core.host.declarations import EffectDecl, GuardDecl, GuardVerdict
from plugins.warm_visits.models import SignedList, Stop, Visit
from plugins.warm_visits.names import CASH, GOODS_ONLY, GRANT, IN_PLAN, RELEASE, SIGNED, VISITED, occurrence_of
from plugins.warm_visits.planning import stops_of_cases

_NO = GuardVerdict(False, "不在慰问计划中，请从慰问季列入", "the case stands in no plan: plan the household in its season")
_OVER = GuardVerdict(False, "慰问季已结束", "the season is closed")
_YES = GuardVerdict(True, "已列入慰问计划", "in the plan")


def in_plan(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The case is of a household in the plan of a season that is open."""
    found = stops_of_cases(session, cases)
    return {case.id: _of_plan(found[case.id][1].closed_on is None) if case.id in found else _NO for case in cases}


def _of_plan(is_open: bool) -> GuardVerdict:
    return _YES if is_open else _OVER


def goods_only(_session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """No money is given: what is closed by the bank's return, and posted first, is not closed or decided here."""
    verdicts = {
        True: GuardVerdict(True, "只发放慰问品", "goods alone are given"),
        False: GuardVerdict(
            False, "含慰问金，须经公示，发放后自动办结", "money is given: it is posted first, and closed once paid"
        ),
    }
    return {case.id: verdicts[case.programme is None] for case in cases}


def visited(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The visit was recorded."""
    asked = (
        select(Stop.case_id)
        .join(Visit, (Visit.tenant == Stop.tenant) & (Visit.stop_id == Stop.id))
        .where(among(Stop.case_id, [case.id for case in cases]), Visit.outcome == "visited")
    )
    return _told(session.scalars(asked), cases, "已登记走访", "the visit is recorded", "尚未登记走访", "no visit is recorded")


def signed(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The signed list of the route on which the household was visited is there and not withdrawn."""
    asked = (
        select(Stop.case_id)
        .join(Visit, (Visit.tenant == Stop.tenant) & (Visit.stop_id == Stop.id))
        .join(SignedList, (SignedList.tenant == Visit.tenant) & (SignedList.route_id == Visit.route_id))
        .join(Document, (Document.tenant == SignedList.tenant) & (Document.id == SignedList.document_id))
        .where(among(Stop.case_id, [case.id for case in cases]), Visit.outcome == "visited", Document.withdrawn_on.is_(None))
    )
    return _told(
        session.scalars(asked), cases, "签收表齐全", "the signed list is there", "缺少签收表", "no signed list is kept"
    )


def _told(
    found: Iterable[uuid.UUID], cases: Sequence[Case], zh: str, en: str, lacking_zh: str, lacking_en: str
) -> dict[uuid.UUID, GuardVerdict]:
    met = set(found)
    yes, no = GuardVerdict(True, zh, en), GuardVerdict(False, lacking_zh, lacking_en)
    return {case.id: yes if case.id in met else no for case in cases}


def grant(session: Session, cases: Sequence[Case]) -> None:
    """Give each case what was posted for it, once a season, and reserve the money. Raises ``Conflict`` for one in no plan."""
    paying = [case for case in cases if case.programme is not None]
    places, parties = stops_of_cases(session, paying), parties_of(session, [case.id for case in paying])
    programme = programme_named(CASH)
    drafts = []
    for case in paying:
        worker = next((party.person_id for party in parties[case.id] if party.role == "applicant"), None)
        if case.id not in places or worker is None or not case.requested_fen:
            raise Conflict(f"个案 {case.number} 不在慰问计划中", f"{case.number} stands in no plan", where=case.number)
        stop, season = places[case.id]
        drafts.append(
            GrantDraft(
                case_id=case.id,
                clerk=case.clerk,
                programme=programme,
                occurrence=occurrence_of(season.year),
                household_id=stop.household_id,
                beneficiaries=((worker, case.requested_fen),),
            )
        )
    approve_grants(session, drafts)


def release(session: Session, cases: Sequence[Case]) -> None:
    """Take back the money of households that could not be visited. Raises ``Conflict`` where it is being paid."""
    held = session.scalars(
        select(Grant.id).where(among(Grant.case_id, [case.id for case in cases]), Grant.state == "reserved")
    ).all()
    if held:
        release_grants(session, held, "未能走访，撤销慰问")


GUARDS = (
    GuardDecl(IN_PLAN, "列入慰问计划", "in the plan", in_plan),
    GuardDecl(GOODS_ONLY, "仅发放慰问品", "goods alone", goods_only),
    GuardDecl(VISITED, "已登记走访", "the visit is recorded", visited),
    GuardDecl(SIGNED, "签收表齐全", "the signed list is kept", signed),
)
EFFECTS = (
    EffectDecl(GRANT, "决定慰问金并预留资金", "grant and reserve the money", grant),
    EffectDecl(RELEASE, "撤销慰问金并释放资金", "take the money back", release),
)
