"""Figures for the levels above and checks of the annual audit; a season counts for the year of its Spring Festival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.host.declarations import AuditCheckDecl, FactDecl, FindingDraft
from core.money import format_yuan
from plugins.warm_visits.names import CASH, occurrence_of
from plugins.warm_visits.policy import LEAST_BY_RULE

_VISITS = (
    "from warm_visits.visit v join warm_visits.stop s on s.tenant = v.tenant and s.id = v.stop_id"
    " join warm_visits.season n on n.tenant = s.tenant and n.id = s.season_id"
    " join case_record c on c.tenant = s.tenant and c.id = s.case_id"
)


def _rows(session: Session, sql: str, year: int, **more: Any) -> Sequence[Any]:
    return session.execute(tenant_sql(sql), {"year": year, **more}).all()


def households_visited(session: Session, year: int) -> list[tuple[str, str, int]]:
    """Households visited in the season of ``year``, by why."""
    rows = _rows(
        session,
        f"select s.kind, count(distinct s.household_id) {_VISITS}"
        " where v.tenant = :tenant and n.year = :year and v.outcome = 'visited' group by s.kind order by s.kind",
        year,
    )
    return [("warm_visits.households", kind, int(number)) for kind, number in rows]


def cash_paid(session: Session, year: int) -> list[tuple[str, str, int]]:
    """Money paid for the season of ``year`` in fen, by source."""
    rows = _rows(
        session,
        "select source, sum(amount_fen) from relief_grant where tenant = :tenant and programme = :programme"
        " and occurrence = :occurrence and state = 'paid' and :year > 0 group by source order by source",
        year,
        programme=CASH,
        occurrence=occurrence_of(year),
    )
    return [("warm_visits.cash_fen", source, int(fen)) for source, fen in rows]


def goods_handed(session: Session, year: int) -> list[tuple[str, str, int]]:
    """Pieces of goods handed over in the season of ``year``."""
    rows = _rows(
        session,
        f"select coalesce(sum(h.quantity), 0) {_VISITS}"
        " join warm_visits.handed h on h.tenant = v.tenant and h.visit_id = v.id where v.tenant = :tenant and n.year = :year",
        year,
    )
    return [("warm_visits.goods", "none", int(rows[0][0]))]


FACTS = (
    FactDecl("warm_visits.households", "送温暖走访户数", "households visited at new year", households_visited),
    FactDecl("warm_visits.cash_fen", "送温暖慰问金（分）", "money given at new-year visits, fen", cash_paid),
    FactDecl("warm_visits.goods", "送温暖慰问品件数", "goods handed over at new-year visits", goods_handed),
)


def cash_without_list(session: Session, year: int) -> list[FindingDraft]:
    """Money was paid, and no signed list of the route on which the household was visited is kept."""
    rows = _rows(
        session,
        """
        select c.id, c.number, g.amount_fen from relief_grant g
        join case_record c on c.tenant = g.tenant and c.id = g.case_id
        where g.tenant = :tenant and g.programme = :programme and g.occurrence = :occurrence and g.state = 'paid' and :year > 0
          and not exists (
            select from warm_visits.stop s
            join warm_visits.visit v on v.tenant = s.tenant and v.stop_id = s.id and v.outcome = 'visited'
            join warm_visits.signed_list l on l.tenant = v.tenant and l.route_id = v.route_id
            join document d on d.tenant = l.tenant and d.id = l.document_id and d.withdrawn_on is null
            where s.tenant = g.tenant and s.case_id = g.case_id)
        order by c.number
        """,
        year,
        programme=CASH,
        occurrence=occurrence_of(year),
    )
    return [
        FindingDraft(
            f"case:{case_id}",
            f"{number} 已发放慰问金 {format_yuan(fen)}，没有签收表",
            "case",
            case_id,
            {"number": number, "amount_fen": int(fen)},
        )
        for case_id, number, fen in rows
    ]


def visited_twice(session: Session, year: int) -> list[FindingDraft]:
    """One worker was visited twice in a season, in one household or through two."""
    rows = _rows(
        session,
        "select p.person_id, array_agg(c.number order by c.number) as numbers, array_agg(c.id order by c.number) as cases"
        f" {_VISITS}"
        " join party p on p.tenant = c.tenant and p.case_id = c.id and p.role = 'applicant'"
        " where v.tenant = :tenant and n.year = :year and v.outcome = 'visited' and p.person_id is not null"
        " group by p.person_id having count(*) > 1 order by 2",
        year,
    )
    return [
        FindingDraft(
            f"person:{row.person_id}",
            f"同一职工在 {year} 年慰问季被走访 {len(row.numbers)} 次：{'、'.join(dict.fromkeys(row.numbers))}",
            "case",
            row.cases[-1],
            {"numbers": list(dict.fromkeys(row.numbers)), "visits": len(row.numbers)},
        )
        for row in rows
    ]


def too_few_visitors(session: Session, year: int) -> list[FindingDraft]:
    """Fewer than two people made a visit."""
    rows = _rows(
        session,
        f"select v.id, c.id as case_id, c.number, cardinality(v.visitors) as people {_VISITS}"
        " where v.tenant = :tenant and n.year = :year and v.outcome = 'visited' and cardinality(v.visitors) < :least"
        " order by c.number",
        year,
        least=LEAST_BY_RULE,
    )
    return [
        FindingDraft(
            f"visit:{row.id}",
            f"{row.number} 走访人员不足 {LEAST_BY_RULE} 人",
            "case",
            row.case_id,
            {"number": row.number, "people": row.people},
        )
        for row in rows
    ]


AUDIT_CHECKS = (
    AuditCheckDecl(
        "warm_visits.cash_without_list",
        "慰问金无签收表",
        "money given without a signed list",
        "major",
        "domain 7.1, 7.2",
        cash_without_list,
    ),
    AuditCheckDecl(
        "warm_visits.visited_twice", "同季重复慰问", "visited twice in a season", "major", "domain 7.2", visited_twice
    ),
    AuditCheckDecl(
        "warm_visits.too_few_visitors",
        "慰问人员不足两人",
        "fewer than two visitors",
        "minor",
        "domain 7.2",
        too_few_visitors,
    ),
)
