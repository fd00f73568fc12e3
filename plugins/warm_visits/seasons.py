"""Seasons and their goods: opened, stocked, summed up, closed (慰问季)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.statements import tenant_core, tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.scope import current_scope
from core.trail.service import record
from plugins.warm_visits.models import Goods, Handed, Season, Stop
from plugins.warm_visits.names import CASH, PLAN, occurrence_of

_YEARS = range(2000, 2101)
_NAME_LENGTH = 60
_MOST = 1_000_000


def open_season(session: Session, year: int, starts_on: date, ends_on: date) -> Season:
    """Open the season of ``year``, or give it where it is open with these days. Raises ``InvalidInput``, ``Conflict``."""
    scope = current_scope()
    scope.require(PLAN)
    if year not in _YEARS:
        raise InvalidInput("年度不正确", "not a year", where="year")
    if not starts_on < ends_on or ends_on.year != year or starts_on.year not in (year - 1, year):
        raise InvalidInput(
            "起止日期不正确",
            "the days do not fit the season",
            where="ends_on",
            mend_zh=f"从 {year - 1} 年底或 {year} 年初开始，到 {year} 年春节前后结束",
            mend_en=f"from the end of {year - 1} or the beginning of {year} to about the Spring Festival of {year}",
        )
    values = {"tenant": scope.tenant, "year": year, "starts_on": starts_on, "ends_on": ends_on, "opened_by": scope.actor}
    fresh = insert(Season).values(**values).on_conflict_do_nothing(index_elements=["tenant", "year"]).returning(Season.id)
    made = session.scalar(tenant_core(fresh))
    season = session.scalars(select(Season).where(Season.year == year)).one()
    if made is not None:
        record(session, "warm_visits.season_opened", "season", season.id, {"year": year})
    elif (season.starts_on, season.ends_on) != (starts_on, ends_on):
        raise Conflict(f"{year} 年慰问季已设立，起止日期不同", f"the season of {year} is open with other days", where="year")
    return season


def seasons(session: Session) -> Sequence[Season]:
    """All seasons, the newest first; one a year."""
    return session.scalars(select(Season).order_by(Season.year.desc())).all()


def season_named(session: Session, season_id: uuid.UUID, *, lock: bool = False) -> Season:
    """The season with this id; raises ``NotFound``."""
    asked = select(Season).where(Season.id == season_id)
    season = session.scalar(asked.with_for_update() if lock else asked)
    if season is None:
        raise NotFound("没有这个慰问季", "no such season", where="season")
    return season


def still_open(season: Season) -> Season:
    """The season, where it is not closed; raises ``Conflict``."""
    if season.closed_on is not None:
        raise Conflict(f"{season.year} 年慰问季已于 {season.closed_on} 结束", "the season is closed", where="season")
    return season


def close_season(session: Session, season_id: uuid.UUID) -> Season:
    """End the season once each household's case is closed. Raises ``Conflict`` naming some that are not."""
    scope = current_scope()
    scope.require(PLAN)
    season = still_open(season_named(session, season_id, lock=True))
    waiting = select(Case.number).join(Stop, (Stop.tenant == Case.tenant) & (Stop.case_id == Case.id))
    numbers = session.scalars(
        waiting.where(Stop.season_id == season_id, Case.closed_on.is_(None)).order_by(Case.number).limit(6)
    ).all()
    if numbers:
        raise Conflict(
            f"尚有未办结的慰问对象：{'、'.join(numbers[:5])}{'等' if len(numbers) > 5 else ''}",
            f"cases are open: {', '.join(numbers[:5])}",
            where=numbers[0],
            mend_zh="发放慰问金、上传签收表，或撤销未能走访的慰问",
            mend_en="pay, keep the signed list, or give up what could not be visited",
        )
    season.closed_on = scope.business_date
    session.flush()
    record(session, "warm_visits.season_closed", "season", season.id, {"year": season.year})
    return season


def stock_goods(session: Session, season_id: uuid.UUID, name: str, unit: str, quantity: int, per_visit: int) -> Goods:
    """Goods that came in: a new kind, or more of one that is there. Raises ``InvalidInput``, ``Conflict`` (other unit)."""
    current_scope().require(PLAN)
    name, unit = name.strip(), unit.strip()
    if not name or len(name) > _NAME_LENGTH or not unit or len(unit) > _NAME_LENGTH:
        raise InvalidInput("请填写慰问品名称和计量单位", "goods need a name and a unit", where="name")
    if not 0 < quantity <= _MOST or not 0 < per_visit <= _MOST:
        raise InvalidInput("数量须为大于零的整数", "a quantity is a whole number above zero", where="quantity")
    # The season's row stays locked: two people who enter the same goods wait for each other.
    still_open(season_named(session, season_id, lock=True))
    goods = session.scalar(select(Goods).where(Goods.season_id == season_id, Goods.name == name))
    if goods is None:
        goods = Goods(season_id=season_id, name=name, unit=unit, stocked=0, per_visit=per_visit)
        session.add(goods)
    elif (goods.unit, goods.per_visit) != (unit, per_visit):
        raise Conflict(
            f"“{name}”已登记，每户 {goods.per_visit} {goods.unit}",
            "the goods are there with another unit or another number a household",
            where="unit",
            mend_zh="请按原单位和每户数量登记，或改用其他名称",
            mend_en="use that unit and number, or another name",
        )
    goods.stocked += quantity
    session.flush()
    record(session, "warm_visits.goods_stocked", "goods", goods.id, {"quantity": quantity})
    return goods


def goods_of(session: Session, season_id: uuid.UUID) -> list[tuple[Goods, int]]:
    """The season's goods by name, each with how many are left."""
    handed = select(Handed.goods_id, func.sum(Handed.quantity).label("handed")).group_by(Handed.goods_id).subquery()
    asked = (
        select(Goods, func.coalesce(handed.c.handed, 0))
        .join(handed, handed.c.goods_id == Goods.id, isouter=True)
        .where(Goods.season_id == season_id)
        .order_by(Goods.name)
    )
    return [(goods, goods.stocked - int(out)) for goods, out in session.execute(asked)]


@dataclass(frozen=True, slots=True)
class Summary:
    """A season in figures: households by their case's state, visits, money in fen, goods handed over."""

    states: Mapping[str, int]
    visited: int
    granted_fen: int
    paid_fen: int
    goods: int

    @property
    def planned(self) -> int:
        """All households of the plan."""
        return sum(self.states.values())


def summary(session: Session, season: Season) -> Summary:
    """The season in figures: three statements."""
    bound = {"season": season.id}
    states = session.execute(
        tenant_sql(
            "select c.state, count(*) from warm_visits.stop s join case_record c on c.tenant = s.tenant and c.id = s.case_id"
            " where s.tenant = :tenant and s.season_id = :season group by c.state"
        ),
        bound,
    ).all()
    visited, goods = session.execute(
        tenant_sql(
            "select count(distinct s.household_id), coalesce(sum(h.quantity), 0) from warm_visits.visit v"
            " join warm_visits.stop s on s.tenant = v.tenant and s.id = v.stop_id"
            " left join warm_visits.handed h on h.tenant = v.tenant and h.visit_id = v.id"
            " where v.tenant = :tenant and s.season_id = :season and v.outcome = 'visited'"
        ),
        bound,
    ).one()
    granted, paid = session.execute(
        tenant_sql(
            "select coalesce(sum(amount_fen) filter (where state <> 'released'), 0),"
            " coalesce(sum(amount_fen) filter (where state = 'paid'), 0) from relief_grant"
            " where tenant = :tenant and programme = :programme and occurrence = :occurrence"
        ),
        {"programme": CASH, "occurrence": occurrence_of(season.year)},
    ).one()
    return Summary({state: int(number) for state, number in states}, int(visited), int(granted), int(paid), int(goods))
