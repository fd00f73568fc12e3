"""What a tenant may set of employment (业务设置), and the condition that reads it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import BaseModel, Field
from sqlalchemy import Date, cast, func, select
from sqlalchemy.orm import Session

from core.cases.models import Case, CaseStep
from core.db.statements import among
from core.host.declarations import GuardDecl, GuardVerdict
from core.scope import current_scope
from core.tenancy.settings import plugin_settings

LINE = "employment"
SETTLED = "employment.settled"


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    follow_up_months: int = Field(
        0,
        ge=0,
        le=12,
        title="上岗满几个月后回访",
        description="满期后才能回访办结；填 0 的，随时可以回访",
        json_schema_extra={"unit": "个月"},
    )


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, LINE, model=Settings)


def settled(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """Whoever was placed has worked for as long as the tenant waits before it follows up (domain 4.1.5)."""
    months = settings_here(session).follow_up_months
    due: dict[uuid.UUID, date] = {}
    if months:
        placed = func.max(CaseStep.business_date)
        asked = (
            select(CaseStep.case_id, cast(placed + func.make_interval(0, months), Date))
            .where(among(CaseStep.case_id, [case.id for case in cases]), CaseStep.transition == "place")
            .group_by(CaseStep.case_id)
        )
        due = dict(session.execute(asked).all())
    return {case.id: _judged(due.get(case.id), months) for case in cases}


def _judged(due: date | None, months: int) -> GuardVerdict:
    if due is not None and current_scope().business_date < due:
        return GuardVerdict(
            False,
            f"上岗满 {months} 个月（{due.isoformat()}）后方可回访办结",
            f"followed up {months} months after the placement, from {due.isoformat()}",
        )
    return GuardVerdict(True, "已到回访时间", "time to follow up")


GUARDS = (GuardDecl(SETTLED, "已到回访时间", "time to follow up", settled),)
