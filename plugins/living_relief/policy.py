"""What a tenant may ask for beside the law before it verifies and decides (业务设置), and the conditions that read it.

What the law asks for stands in the workflow, for everybody; what is set here is added to it and never takes it away.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.codes import label
from core.documents.repository import kinds_of
from core.host.declarations import GuardDecl, GuardVerdict
from core.tenancy.settings import plugin_settings

NAME = "living_relief"
VISITED, PAPERS = "living_relief.visited", "living_relief.local_papers"
VISIT_RECORD = "home_visit_record"

Paper = Literal["application_letter", "economy_check_authorisation", "bank_card_copy", "meeting_minutes"]
_PAPERS: Mapping[str, str] = {
    "application_letter": "困难申请书",
    "economy_check_authorisation": "家庭经济状况核对授权书",
    "bank_card_copy": "银行卡复印件",
    "meeting_minutes": "审核会议纪要",
}


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    visit_needed: bool = Field(
        False,
        title="核实前须入户",
        description="选“是”的，登记入户调查表后才能核实",
        json_schema_extra={"group": "核实"},
    )
    papers: list[Paper] = Field(
        default=[],
        title="审批前另须的材料",
        description="法定材料以外，本单位要求在审批前备齐的材料",
        json_schema_extra={"group": "审批", "labels": dict(_PAPERS)},
    )


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, NAME, model=Settings)


def visited(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The record of the visit is there, where the tenant wants one (入户核实)."""
    wanted = [VISIT_RECORD] if settings_here(session).visit_needed else []
    return _held(session, cases, wanted)


def local_papers(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The papers are there that the tenant wants beside the lawful ones (本单位要求的材料)."""
    return _held(session, cases, settings_here(session).papers)


def _held(session: Session, cases: Sequence[Case], wanted: Sequence[str]) -> Mapping[uuid.UUID, GuardVerdict]:
    held = kinds_of(session, [case.id for case in cases]) if wanted else {}
    return {case.id: _verdict([kind for kind in wanted if kind not in held[case.id]]) for case in cases}


def _verdict(missing: Sequence[str]) -> GuardVerdict:
    if not missing:
        return GuardVerdict(True, "本单位要求的材料齐全", "what this union asks for is there")
    names = "、".join(label("document_kind", kind) for kind in missing)
    return GuardVerdict(False, f"缺少本单位要求的材料：{names}", f"this union asks for: {', '.join(missing)}")


GUARDS = (
    GuardDecl(VISITED, "已按本单位规定入户", "visited where this union wants it", visited),
    GuardDecl(PAPERS, "本单位要求的材料齐全", "papers that this union asks for", local_papers),
)
