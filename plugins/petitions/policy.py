"""What a tenant may set of petitions (业务设置): how visitors are received, and who answers; with the guard that reads it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case, CaseStep
from core.db.statements import among
from core.host.declarations import GuardDecl, GuardVerdict
from core.scope import current_scope
from core.tenancy.settings import plugin_settings

LINE = "petitions"
ANOTHER = "petitions.another_answers"
REGISTER = "petitions.register"


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    hours: str = Field(
        "工作日 9:00—12:00，13:30—17:00", max_length=100, title="接访时间", json_schema_extra={"group": "接访安排"}
    )
    place: str = Field("", max_length=100, title="接访地点", json_schema_extra={"group": "接访安排"})
    notice: str = Field(
        "",
        max_length=2000,
        title="来访须知",
        description="来访人须知的事项，可在接访窗口打印张贴",
        json_schema_extra={"group": "接访安排", "long": True},
    )
    departments: list[str] = Field(
        default=[],
        max_length=30,
        title="归口办理部门",
        description="每行一个：部门、受理事项、电话",
        json_schema_extra={"group": "接访安排"},
    )
    another_answers: bool = Field(
        False,
        title="处理意见由受理人以外的人出具",
        description="选“是”的，受理与出具处理意见须由两人分别办理",
        json_schema_extra={"group": "办理"},
    )


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, LINE, model=Settings)


def another_answers(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """Whoever answers did not accept the petition, where the tenant wants two people (受理与答复分开)."""
    own: set[uuid.UUID] = set()
    if settings_here(session).another_answers:
        asked = select(CaseStep.case_id).where(
            among(CaseStep.case_id, [case.id for case in cases]),
            CaseStep.transition == "accept",
            CaseStep.actor.in_(sorted(current_scope().persons)),
        )
        own = set(session.scalars(asked))
    return {case.id: _OWN if case.id in own else _OTHER for case in cases}


_OWN = GuardVerdict(
    False, "您或您代理的人员受理了本件，须由他人出具处理意见", "you, or whom you stand in for, accepted it: another answers"
)
_OTHER = GuardVerdict(True, "由受理人以外的人出具处理意见", "answered by another than who accepted it")

GUARDS = (GuardDecl(ANOTHER, "受理与答复由两人办理", "accepted and answered by two", another_answers),)
