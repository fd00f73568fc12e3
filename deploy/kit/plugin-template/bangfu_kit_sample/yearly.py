"""What is done without anybody clicking: a job, a check of the annual audit, figures for the levels above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from bangfu_kit_sample.names import RECORD
from bangfu_kit_sample.policy import settings_here
from core.db.statements import tenant_sql
from core.host.declarations import AuditCheckDecl, ChunkPlan, FactDecl, FindingDraft, JobKindDecl
from core.scope import current_scope

_WITHOUT_VISIT = (
    "select c.id, c.number from case_record c left join kit_sample.visit v on v.tenant = c.tenant and v.case_id = c.id"
    " where c.tenant = :tenant and c.plugin = 'kit_sample' and v.id is null"
)


def _plan(_session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return [ChunkPlan("本单位", {})]


def _remind(session: Session, _params: Mapping[str, Any], _chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    before = current_scope().business_date - timedelta(days=settings_here(session).remind_after_days)
    rows = session.execute(
        tenant_sql(f"{_WITHOUT_VISIT} and c.closed_on is null and c.opened_on <= :before order by c.number"), {"before": before}
    ).all()
    return {"waiting": [number for _, number in rows]}


JOB_KINDS = (
    JobKindDecl("kit_sample.remind", "列出待走访个案", "list cases without a visit", _plan, _remind, permission=RECORD),
)


def _closed_without_visit(session: Session, year: int) -> Sequence[FindingDraft]:
    rows = session.execute(
        tenant_sql(
            f"{_WITHOUT_VISIT} and c.state = 'closed' and extract(year from c.closed_on) = :year"
            " and exists (select from case_step s where s.tenant = c.tenant and s.case_id = c.id and s.transition = 'close')"
            " order by c.number"
        ),
        {"year": year},
    ).all()
    return [
        FindingDraft(f"case:{case_id}", f"{number} 未走访即办结", "case", case_id, {"number": number})
        for case_id, number in rows
    ]


AUDIT_CHECKS = (
    AuditCheckDecl(
        "kit_sample.closed_without_visit", "未走访即办结", "closed without a visit", "minor", "domain 2", _closed_without_visit
    ),
)


def _visits_of(session: Session, year: int) -> Sequence[tuple[str, str, int]]:
    count = session.execute(
        tenant_sql("select count(*) from kit_sample.visit where tenant = :tenant and extract(year from made_on) = :year"),
        {"year": year},
    ).scalar_one()
    return [("kit_sample.visits", "none", int(count))]


FACTS = (FactDecl("kit_sample.visits", "走访次数", "visits", _visits_of),)
