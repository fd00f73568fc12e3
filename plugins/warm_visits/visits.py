"""What came of a route: who was visited, what was handed over, who could not be met and why; then the signed list."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.service import advance
from core.db.statements import among
from core.documents.models import Document
from core.documents.service import NewDocument, add_documents, read_document
from core.errors import Conflict, InvalidInput, NotFound
from core.funds.models import Grant
from core.scope import current_scope
from core.trail.service import record
from plugins.warm_visits.models import Goods, Handed, Route, Season, SignedList, Stop, Visit
from plugins.warm_visits.names import VISIT
from plugins.warm_visits.routes import group_of, route_named
from plugins.warm_visits.seasons import still_open
from plugins.warm_visits.workflow import APPROVED, CLOSED, SEEN

_NAME_LENGTH = 60
_NOTE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Made:
    """What is told of a visit. ``goods`` is how many of each kind were handed over, by the goods' id."""

    made_on: date
    visitors: Sequence[str]
    received_by: str
    goods: Mapping[uuid.UUID, int]
    note: str = ""


def record_visit(session: Session, route_id: uuid.UUID, stop_id: uuid.UUID, told: Made) -> Visit:
    """Keep that a household was visited, and move its case on; a household is visited once in a season.

    Raises ``InvalidInput`` (day, group, receiver, quantities), ``Conflict`` (not approved, visited already, goods that are
    not there), ``NotFound``.
    """
    scope = current_scope()
    scope.require(VISIT)
    if not told.received_by.strip() or len(told.received_by) > _NAME_LENGTH:
        raise InvalidInput("请填写签收人", "say who received it", where="received_by")
    route, season, stop, case = _at(session, route_id, stop_id, told.made_on, told.note)
    visit = Visit(
        stop_id=stop.id,
        route_id=route.id,
        outcome="visited",
        made_on=told.made_on,
        visitors=group_of(session, told.visitors),
        received_by=told.received_by.strip(),
        note=told.note.strip(),
        actor=scope.actor,
    )
    session.add(visit)
    session.flush()
    _hand_over(session, season, visit, told.goods)
    if case.state == APPROVED:
        advance(session, [case.id], "visit")
    record(session, "warm_visits.visited", "case", case.id, {"visit": str(visit.id)}, handlers=case.handlers)
    return visit


def record_missed(session: Session, route_id: uuid.UUID, stop_id: uuid.UUID, made_on: date, why: str) -> Visit:
    """Keep that a household could not be visited, and why; it may be put on another route. Raises as ``record_visit`` does."""
    scope = current_scope()
    scope.require(VISIT)
    if not why.strip():
        raise InvalidInput("请填写未能走访的原因", "say why the household could not be visited", where="note")
    route, _, stop, case = _at(session, route_id, stop_id, made_on, why)
    visit = Visit(
        stop_id=stop.id,
        route_id=route.id,
        outcome="missed",
        made_on=made_on,
        visitors=route.visitors,
        note=why.strip(),
        actor=scope.actor,
    )
    session.add(visit)
    session.flush()
    record(session, "warm_visits.missed", "case", case.id, {"visit": str(visit.id)}, handlers=case.handlers)
    return visit


def _at(session: Session, route_id: uuid.UUID, stop_id: uuid.UUID, day: date, note: str) -> tuple[Route, Season, Stop, Case]:
    """Route, season, stop and case, once it is sure that a visit may be told of them; the stop stays locked."""
    if len(note) > _NOTE_LENGTH:
        raise InvalidInput(f"情况说明不超过 {_NOTE_LENGTH} 字", "the note is too long", where="note")
    route, season = route_named(session, route_id)
    still_open(season)
    stop = session.scalar(select(Stop).where(Stop.id == stop_id, Stop.route_id == route_id).with_for_update())
    if stop is None:
        raise NotFound("该路线上没有这个慰问对象", "the route has no such stop", where="stop")
    if not season.starts_on <= day <= min(season.ends_on, current_scope().business_date):
        raise InvalidInput(
            "走访日期须在慰问季内，且不晚于今天", "the day is outside the season or not come yet", where="made_on"
        )
    case = session.scalars(select(Case).where(Case.id == stop.case_id)).one()
    if session.scalar(select(func.count()).select_from(Visit).where(Visit.stop_id == stop_id, Visit.outcome == "visited")):
        raise Conflict(f"{case.number} 本季已走访", "visited in this season already", where=case.number)
    # Money may have been paid before the visit: the bank's return has then closed the case.
    if case.state not in (APPROVED, CLOSED):
        raise Conflict(
            f"{case.number} 尚未审批同意，或已终止",
            "the case is not approved",
            where=case.number,
            mend_zh="公示期满并审批同意后再走访",
            mend_en="visit once it is approved",
        )
    return route, season, stop, case


def _hand_over(session: Session, season: Season, visit: Visit, goods: Mapping[uuid.UUID, int]) -> None:
    wanted = {goods_id: number for goods_id, number in goods.items() if number}
    if any(number < 0 for number in wanted.values()):
        raise InvalidInput("慰问品数量不能为负", "a quantity is not negative", where="goods")
    if not wanted:
        return
    # Locked in one order, so that two groups that hand over the same goods wait and do not give what is not there.
    stocked = session.scalars(
        select(Goods).where(among(Goods.id, wanted), Goods.season_id == season.id).order_by(Goods.id).with_for_update()
    ).all()
    if len(stocked) != len(wanted):
        raise NotFound("没有这种慰问品", "no such goods in the season", where="goods")
    out = dict(
        session.execute(
            select(Handed.goods_id, func.sum(Handed.quantity)).where(among(Handed.goods_id, wanted)).group_by(Handed.goods_id)
        ).all()
    )
    for one in stocked:
        left = one.stocked - int(out.get(one.id, 0))
        if wanted[one.id] > left:
            raise Conflict(
                f"“{one.name}”仅剩 {left} {one.unit}",
                f"{left} of {one.name} are left",
                where="goods",
                mend_zh="请核对数量，或先登记新到的慰问品",
                mend_en="check the number, or enter what came in",
            )
    session.add_all(Handed(visit_id=visit.id, goods_id=one.id, quantity=wanted[one.id]) for one in stocked)
    session.flush()


def handed_on(session: Session, route_id: uuid.UUID) -> dict[uuid.UUID, list[tuple[str, int, str]]]:
    """What was handed over at each stop of a route: (goods, number, unit), by stop."""
    rows = session.execute(
        select(Visit.stop_id, Goods.name, Handed.quantity, Goods.unit)
        .join(Handed, (Handed.tenant == Visit.tenant) & (Handed.visit_id == Visit.id))
        .join(Goods, (Goods.tenant == Handed.tenant) & (Goods.id == Handed.goods_id))
        .where(Visit.route_id == route_id)
        .order_by(Goods.name)
    )
    given: dict[uuid.UUID, list[tuple[str, int, str]]] = defaultdict(list)
    for stop_id, name, quantity, unit in rows:
        given[stop_id].append((name, quantity, unit))
    return dict(given)


def keep_signed_list(session: Session, route_id: uuid.UUID, data: bytes, media_type: str | None = None) -> SignedList:
    """Keep the scan of the list that the households of a route signed; cases of goods alone are closed by it.

    Raises ``Conflict`` where nobody was visited on the route, and what the core says of papers that it does not take.
    """
    scope = current_scope()
    scope.require(VISIT)
    route, season = route_named(session, route_id, lock=True)
    still_open(season)
    seen = session.execute(
        select(Stop, Case)
        .join(Visit, (Visit.tenant == Stop.tenant) & (Visit.stop_id == Stop.id))
        .join(Case, (Case.tenant == Stop.tenant) & (Case.id == Stop.case_id))
        .where(Visit.route_id == route_id, Visit.outcome == "visited")
        .order_by(Stop.place)
    ).all()
    if not seen:
        raise Conflict("该路线尚无走访记录，不能登记签收表", "nobody was visited on this route yet", where="route")
    title = f"{season.year} 年送温暖第 {route.number} 路线签收表"
    # The core keeps papers of a case or of a household; a route's list stands in the file of its first household.
    (paper,) = add_documents(session, [NewDocument("other", title, data, media_type, household_id=seen[0][0].household_id)])
    kept = SignedList(route_id=route.id, document_id=paper.id, actor=scope.actor)
    session.add(kept)
    session.flush()
    record(session, "warm_visits.list_signed", "route", route.id, {"document": str(paper.id)})
    if closing := [case.id for _, case in seen if case.state == SEEN and case.programme is None]:
        advance(session, closing, "settle")
    return kept


def signed_lists(session: Session, route_id: uuid.UUID) -> list[Document]:
    """The scans of a route's signed list, the oldest first, withdrawn ones too."""
    asked = (
        select(Document)
        .join(SignedList, (SignedList.tenant == Document.tenant) & (SignedList.document_id == Document.id))
        .where(SignedList.route_id == route_id)
        .order_by(SignedList.id)
    )
    return list(session.scalars(asked))


def read_signed_list(session: Session, route_id: uuid.UUID, document_id: uuid.UUID) -> tuple[Document, bytes]:
    """One scan with its bytes; raises ``NotFound`` for a paper that is no signed list of the route."""
    if document_id not in {paper.id for paper in signed_lists(session, route_id)}:
        raise NotFound("没有这份签收表", "no such signed list", where="document")
    return read_document(session, document_id)


def grants_of_route(session: Session, route_id: uuid.UUID) -> dict[uuid.UUID, Grant]:
    """The grant of each stop of a route, by case: whether the money is reserved, paid or taken back."""
    asked = (
        select(Grant)
        .join(Stop, (Stop.tenant == Grant.tenant) & (Stop.case_id == Grant.case_id))
        .where(Stop.route_id == route_id)
    )
    return {grant.case_id: grant for grant in session.scalars(asked)}
