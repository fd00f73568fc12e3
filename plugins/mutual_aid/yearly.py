"""Figures for the levels above and checks of the annual audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.host.declarations import AuditCheckDecl, FactDecl, FindingDraft
from core.money import format_yuan
from core.parameters.service import resolve
from plugins.mutual_aid.names import BENEFIT, SOURCE, YEARLY_CAP


def _rows(session: Session, sql: str, year: int, **more: Any) -> Sequence[Any]:
    return session.execute(tenant_sql(sql), {"year": year, **more}).all()


def members_covered(session: Session, year: int) -> list[tuple[str, str, int]]:
    """Members whose contribution is in, by plan."""
    rows = _rows(
        session,
        "select plan, sum(members) from mutual_aid.batch where tenant = :tenant and year = :year and entry_id is not null"
        " group by plan order by plan",
        year,
    )
    return [("mutual_aid.members", plan, int(number)) for plan, number in rows]


def contributions(session: Session, year: int) -> list[tuple[str, str, int]]:
    """Contributions that came in for a year, in fen, by plan."""
    rows = _rows(
        session,
        "select plan, sum(members * contribution_fen) from mutual_aid.batch"
        " where tenant = :tenant and year = :year and entry_id is not null group by plan order by plan",
        year,
    )
    return [("mutual_aid.contributions_fen", plan, int(fen)) for plan, fen in rows]


def benefits(session: Session, year: int) -> list[tuple[str, str, int]]:
    """What was paid to members in the fund's year, in fen, by plan."""
    rows = _rows(
        session,
        "select m.plan, sum(g.amount_fen) from relief_grant g"
        " join mutual_aid.claim l on l.tenant = g.tenant and l.case_id = g.case_id"
        " join mutual_aid.member m on m.tenant = l.tenant and m.id = l.member_id"
        " where g.tenant = :tenant and g.year = :year and g.state = 'paid' group by m.plan order by m.plan",
        year,
    )
    return [("mutual_aid.paid_fen", plan, int(fen)) for plan, fen in rows]


FACTS = (
    FactDecl("mutual_aid.members", "互助保障会员数", "members of mutual aid", members_covered),
    FactDecl("mutual_aid.contributions_fen", "互助会费（分）", "contributions of members, fen", contributions),
    FactDecl("mutual_aid.paid_fen", "互助金给付（分）", "benefits paid to members, fen", benefits),
)


def claim_without_member(session: Session, year: int) -> list[FindingDraft]:
    """A benefit was granted for an event that no membership with its contribution covers."""
    rows = _rows(
        session,
        """
        select c.id, c.number, g.amount_fen from relief_grant g
        join case_record c on c.tenant = g.tenant and c.id = g.case_id
        where g.tenant = :tenant and g.year = :year and g.programme = :programme and g.state <> 'released'
          and not exists (
            select from mutual_aid.claim l
            join mutual_aid.member m on m.tenant = l.tenant and m.id = l.member_id
            join mutual_aid.batch b on b.tenant = m.tenant and b.id = m.batch_id
            where l.tenant = g.tenant and l.case_id = g.case_id and b.entry_id is not null
              and l.event_from between b.valid_from and b.valid_to)
        order by c.number
        """,
        year,
        programme=BENEFIT,
    )
    return [
        FindingDraft(
            f"case:{case_id}",
            f"{number} 给付 {format_yuan(fen)}，没有在保会员",
            "case",
            case_id,
            {"number": number, "amount_fen": int(fen)},
        )
        for case_id, number, fen in rows
    ]


def cap_exceeded(session: Session, year: int) -> list[FindingDraft]:
    """A worker was granted more for events of a year than the most that held at its end."""
    most = int(resolve(session, date(year, 12, 31)).value(YEARLY_CAP))
    rows = _rows(
        session,
        """
        select m.worker_id, sum(g.amount_fen) as fen, array_agg(c.number order by c.number) as numbers,
               array_agg(c.id order by c.number) as cases
        from relief_grant g
        join case_record c on c.tenant = g.tenant and c.id = g.case_id
        join mutual_aid.claim l on l.tenant = g.tenant and l.case_id = g.case_id
        join mutual_aid.member m on m.tenant = l.tenant and m.id = l.member_id
        where g.tenant = :tenant and m.year = :year and g.state <> 'released'
        group by m.worker_id having sum(g.amount_fen) > :most order by 3
        """,
        year,
        most=most,
    )
    return [
        FindingDraft(
            f"worker:{row.worker_id}",
            f"同一会员 {year} 年给付 {format_yuan(int(row.fen))}，超过封顶 {format_yuan(most)}：{'、'.join(row.numbers)}",
            "case",
            row.cases[-1],
            {"numbers": list(row.numbers), "granted_fen": int(row.fen), "most_fen": most},
        )
        for row in rows
    ]


def contribution_without_member(session: Session, year: int) -> list[FindingDraft]:
    """Money of members came in that no batch accounts for, or not as much as the batch's members owe."""
    rows = _rows(
        session,
        """
        select e.id, e.voucher, e.amount_fen, b.number, coalesce(owed.fen, 0) as fen
        from ledger_entry e
        join fund_account a on a.tenant = e.tenant and a.id = e.target_id and a.source = :source
        left join mutual_aid.batch b on b.tenant = e.tenant and b.entry_id = e.id
        left join lateral (
            select count(*) * b.contribution_fen as fen from mutual_aid.member m
            where m.tenant = e.tenant and m.batch_id = b.id) owed on true
        where e.tenant = :tenant and e.year = :year and e.kind = 'receipt' and coalesce(owed.fen, 0) <> e.amount_fen
        order by e.voucher
        """,
        year,
        source=SOURCE,
    )
    return [
        FindingDraft(
            f"entry:{row.id}",
            f"第 {row.voucher} 号凭证到账会费 {format_yuan(row.amount_fen)}，"
            + (f"{row.number} 会员应缴 {format_yuan(int(row.fen))}" if row.number else "没有对应会员"),
            "ledger_entry",
            row.id,
            {"voucher": row.voucher, "received_fen": row.amount_fen, "owed_fen": int(row.fen)},
        )
        for row in rows
    ]


AUDIT_CHECKS = (
    AuditCheckDecl(
        "mutual_aid.claim_without_member",
        "无会员资格给付",
        "benefit without membership",
        "critical",
        "domain 7.2",
        claim_without_member,
    ),
    AuditCheckDecl(
        "mutual_aid.cap_exceeded", "给付超过年度封顶", "more than the year's most", "major", "domain 7.2", cap_exceeded
    ),
    AuditCheckDecl(
        "mutual_aid.contribution_without_member",
        "会费无对应会员",
        "contribution without members",
        "major",
        "domain 7.1, 7.2",
        contribution_without_member,
    ),
)
