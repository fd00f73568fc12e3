"""The annual announcement: what came in by source, what went out by purpose, to how many (domain 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.announcements.models import Announcement
from core.db.statements import tenant_sql
from core.errors import Conflict
from core.scope import current_scope
from core.trail.service import record


def yearly_figures(session: Session, year: int) -> dict[str, Any]:
    """The figures of one year, counted from the ledger and the grants in fen and heads; nothing about a person.

    What was received is what was paid, what is reserved for grants not yet paid, and what is left: all four are balances of
    the ledger. Where a county closed into this one, or this one closes, ``carried`` says what came (or, negative, went) by
    that. Households, people and grants are counted once their grant is paid in full.
    """
    moved = session.execute(
        tenant_sql(
            "select source, purpose, state, balance_fen from fund_account where tenant = :tenant and year = :year"
            " order by source, purpose, state"
        ),
        {"year": year},
    ).all()
    heads = session.execute(
        tenant_sql(
            "select g.source, g.purpose, count(distinct g.household_id) as households, count(distinct b.person_id) as people,"
            " count(distinct g.id) as grants from relief_grant g"
            " join grant_beneficiary b on b.tenant = g.tenant and b.grant_id = g.id"
            " where g.tenant = :tenant and g.year = :year and g.state = 'paid' group by 1, 2"
        ),
        {"year": year},
    ).all()
    all_heads = session.execute(
        tenant_sql(
            "select count(distinct household_id) as households from relief_grant"
            " where tenant = :tenant and year = :year and state = 'paid'"
        ),
        {"year": year},
    ).scalar_one()
    counted = {
        (row.source, row.purpose): {"households": row.households, "people": row.people, "grants": row.grants} for row in heads
    }
    nobody = {"households": 0, "people": 0, "grants": 0}
    carried = [
        {"source": row.source, "purpose": row.purpose, "fen": -row.balance_fen}
        for row in moved
        if row.state == "carried" and row.balance_fen
    ]
    return {
        "received": _balances(moved, "income"),
        "paid": [row | counted.get((row["source"], row["purpose"]), nobody) for row in _balances(moved, "paid")],
        "reserved": _balances(moved, "reserved"),
        "left": _balances(moved, "available"),
        "households": all_heads,
        **({"carried": carried} if carried else {}),
    }


def _balances(accounts: Sequence[Any], state: str) -> list[dict[str, Any]]:
    """Balances by source and purpose; the income account, the world outside, holds what came in as a negative amount."""
    return [
        {"source": row.source, "purpose": row.purpose, "fen": abs(row.balance_fen)}
        for row in accounts
        if row.state == state and row.balance_fen
    ]


def publish(session: Session, year: int, *, correction: bool = False) -> Announcement:
    """Publish the announcement of ``year``; a second one only as a ``correction``, which is a new edition.

    Raises ``Conflict`` where it is published already, or where there is nothing to correct.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("announcement.publish")
    edition = session.scalar(select(func.max(Announcement.edition)).where(Announcement.year == year)) or 0
    if edition and not correction:
        raise Conflict(
            f"{year} 年度公告已发布",
            f"the announcement of {year} is published already",
            where=str(year),
            mend_zh="如需更正，请发布更正版",
            mend_en="publish a correction instead",
        )
    if correction and not edition:
        raise Conflict(
            f"{year} 年度公告尚未发布，无可更正",
            f"the announcement of {year} is not published, so there is nothing to correct",
            where=str(year),
        )
    announcement = Announcement(
        year=year,
        edition=edition + 1,
        title=f"{year} 年度困难职工帮扶资金收支公告",
        published_on=scope.business_date,
        published_by=scope.actor,
        figures=yearly_figures(session, year),
    )
    session.add(announcement)
    session.flush()
    record(session, "announcement.published", "announcement", announcement.id, {"year": year, "edition": edition + 1})
    return announcement


def newest_announcement(session: Session) -> Announcement | None:
    """The announcement of the newest year that was published, in its newest edition."""
    newest = select(Announcement).order_by(Announcement.year.desc(), Announcement.edition.desc()).limit(1)
    return session.scalar(newest)


def latest_announcement(session: Session, year: int) -> Announcement | None:
    """The newest edition of a year's announcement of the tenant in scope."""
    return session.scalar(select(Announcement).where(Announcement.year == year).order_by(Announcement.edition.desc()).limit(1))
