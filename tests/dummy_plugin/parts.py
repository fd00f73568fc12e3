"""What the dummy plugin's declarations hold: a workflow, and the functions behind guard, effect, check, figure and job."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.db.base import new_id
from core.db.statements import tenant_sql
from core.host.declarations import (
    ChunkPlan,
    FindingDraft,
    FormDecl,
    FormField,
    GuardVerdict,
    ParameterValue,
    StateDecl,
    TransitionDecl,
    WorkflowDecl,
)
from core.trail.service import record

NAME = "dummy_plugin"
MOST_PARCELS = (ParameterValue(date(2020, 1, 1), 3, "测试", "none"),)

WORKFLOW = WorkflowDecl(
    name=NAME,
    version=1,
    plugin=NAME,
    zh="包裹发放",
    en="Parcels",
    number_prefix="DP",
    initial="asked",
    states=(
        StateDecl("asked", "已申请", "asked"),
        StateDecl("granted", "已同意", "granted"),
        StateDecl("closed", "已发放", "closed", closed=True),
    ),
    transitions=(
        TransitionDecl("grant", "同意", "grant", ("asked",), "granted", "dummy_plugin.decide", decision="approved"),
        TransitionDecl(
            "hand_out",
            "发放",
            "hand out",
            ("granted",),
            "closed",
            "dummy_plugin.read",
            guards=("dummy_plugin.packed",),
            effects=("dummy_plugin.hand_out",),
        ),
        TransitionDecl("paid", "折价发放", "paid", ("granted",), "closed", "case.settle"),
    ),
    form=FormDecl("dummy_plugin_form", 1, "包裹申请表", "Form", (FormField("what", "所需物品", "what", required=True),)),
    open_permission="dummy_plugin.read",
)


def packed(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """Whether the tenant has a parcel left for each of the cases."""
    left = parcels(session, 0)[0][2]
    verdict = GuardVerdict(left >= len(cases), f"已打包 {left} 份", f"{left} parcels are packed")
    return {case.id: verdict for case in cases}


def hand_out(session: Session, cases: Sequence[Case]) -> None:
    """Each case gets a parcel of its own in the table."""
    statement = tenant_sql("insert into dummy_plugin.parcel (tenant, id, what, grams) values (:tenant, :id, :what, 500)")
    session.execute(statement, [{"id": new_id(), "what": case.number} for case in cases])
    for case in cases:
        record(session, "dummy_plugin.handed_out", "case", case.id, handlers=case.handlers)


def unpacked(session: Session, year: int) -> Sequence[FindingDraft]:
    """A tenant that reports cases and has packed nothing."""
    count = parcels(session, year)[0][2]
    return [] if count else [FindingDraft(f"none:{year}", "全年没有打包", "tenant", None, {"year": year})]


def parcels(session: Session, _year: int) -> Sequence[tuple[str, str, int]]:
    """How many parcels there are."""
    found = session.execute(tenant_sql("select count(*) from dummy_plugin.parcel where tenant = :tenant"))
    return [("dummy_plugin.parcels", "none", int(found.scalar_one()))]


def plan_packing(_session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    """One chunk for each parcel that is asked for."""
    return [ChunkPlan(f"第 {number} 份", {"number": number}) for number in range(1, int(params.get("parcels", 1)) + 1)]


def pack(session: Session, _params: Mapping[str, Any], chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Pack one parcel."""
    statement = tenant_sql("insert into dummy_plugin.parcel (tenant, id, what, grams) values (:tenant, :id, '米', 500)")
    session.execute(statement, {"id": new_id()})
    return {"packed": chunk["number"]}
