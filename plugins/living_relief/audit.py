"""The line's own check of the annual audit: would the grant still be made, by what is known today of the day of decision?"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.host.declarations import AuditCheckDecl, FindingDraft
from core.money import format_yuan
from core.surveys.service import evaluate


def ineligible_on_decision_day(session: Session, year: int) -> list[FindingDraft]:
    """Grants whose household, by the facts known now of the day of its determination, qualifies no longer or for less.

    One question selects the grants with that day; the rule definition of the line judges all households of a day at once.
    """
    rows = session.execute(
        tenant_sql(
            "select c.id, c.number, c.programme, g.household_id, g.amount_fen, d.decided_on from relief_grant g"
            " join case_record c on c.tenant = g.tenant and c.id = g.case_id"
            " join determination d on d.tenant = c.tenant and d.id = c.determination_id"
            " where g.tenant = :tenant and g.year = :year and g.state <> 'released' and c.plugin = 'living_relief'"
            " order by c.number"
        ),
        {"year": year},
    ).all()
    by_day: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        by_day[row.decided_on].append(row)
    return [draft for day, granted in by_day.items() for draft in _judged(session, day, granted)]


def _judged(session: Session, day: date, granted: Sequence[Any]) -> list[FindingDraft]:
    households: list[uuid.UUID] = sorted({row.household_id for row in granted})
    due = {outcome.household_id: outcome.amounts for outcome in evaluate(session, "living_relief", day, households)}
    drafts = []
    for row in granted:
        amount = int(due.get(row.household_id, {}).get(row.programme, 0))
        if amount >= row.amount_fen:
            continue
        said = f"只应发 {format_yuan(amount)}" if amount else "不符合条件"
        drafts.append(
            FindingDraft(
                f"case:{row.id}",
                f"{row.number} 按现有资料，{day} 认定日{said}，已批 {format_yuan(row.amount_fen)}",
                "case",
                row.id,
                {"number": row.number, "granted_fen": row.amount_fen, "due_fen": amount, "decided_on": day.isoformat()},
                None if not amount else "major",
            )
        )
    return drafts


AUDIT_CHECKS = (
    AuditCheckDecl(
        "ineligible_on_decision_day",
        "认定日不符合救助条件",
        "not eligible on the day of decision",
        "critical",
        "domain 4.4.1, 7.2",
        ineligible_on_decision_day,
    ),
)
