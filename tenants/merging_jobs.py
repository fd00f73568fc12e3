"""The work of closing a county (撤并办理): first what it holds goes over in packages, then everything is checked and it closes.

Two jobs, since all packages must have arrived before the second begins. The first has a part for each run of files, one for
cases of people without a file, one for money; each takes what is still there, so it may be done twice and gone on with after a
kill. The second closes only where both sides' figures are equal.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core.audit.service import run_audit
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import Conflict
from core.exchange.envelopes import hold_arrivals
from core.exchange.facts import report_facts
from core.exchange.models import Envelope
from core.funds.carrying import batches_to, carried, carry_over
from core.host.declarations import ChunkPlan, JobKindDecl
from core.jobs.models import OutboxItem
from core.jobs.outbox import relay
from core.jobs.service import start_job
from core.money import format_yuan
from core.people.models import WorkerFile
from core.scope import Level, Standing, current_scope, entered
from core.tenancy.life import tenants_to_move
from core.tenancy.models import Tenant, TenantDivision
from core.tenancy.plugin_state import enabled_plugins
from core.tenancy.service import system_scope
from core.trail.service import record
from core.transfers.departing import MOVING, depart, depart_cases, travelling_workflows
from core.transfers.models import CountyClosing, HouseholdTransfer
from tenants.divisions_of import covered
from tenants.lifecycle import close
from tenants.merging import MOVE_JOB, SEAL_JOB, NotYet, closing_of
from tenants.merging_gate import blocks, holdings
from tenants.merging_preview import visiting
from tenants.plugin import AGREE_MERGE, KEEP

HOUSEHOLDS_AT_ONCE, CASES_AT_ONCE = 200, 200
_LOOKS, _PAUSE_S = 30, 1.0
_LOOSE = """
select c.id from case_record c
where c.tenant = :tenant and c.closed_on is null and c.handlers is null and c.workflow = any (:travelling)
    and not exists (
        select from party p join worker_file f on f.tenant = p.tenant and f.household_id = p.household_id
        where p.tenant = c.tenant and p.case_id = c.id and f.status = any (:moving))
order by c.id
"""


def _plan_moves(session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    _refuse_unless_agreed(session, params)
    if params["successor"] is None:
        return ()
    with visiting(params["closing"], params["reason"]) as there:
        files = there.scalars(select(WorkerFile.id).where(WorkerFile.status.in_(MOVING)).order_by(WorkerFile.id)).all()
        loose = _loose(there)
    plans = [_run("households", "家庭档案", run) for run in _runs(files, HOUSEHOLDS_AT_ONCE)]
    plans += [_run("cases", "未建档人员的事项", run) for run in _runs(loose, CASES_AT_ONCE)]
    plans.append(ChunkPlan("专项资金余额", {"part": "money"}))
    return [replace(plan, payload={**plan.payload, "tenant": params["closing"]}) for plan in plans]


def _refuse_unless_agreed(session: Session, params: Mapping[str, Any]) -> CountyClosing:
    """Nothing moves but while the closing is under way: not when it was stopped, nor when a job is resumed after the end."""
    closing = closing_of(session, uuid.UUID(str(params["id"])))
    if closing.state != "agreed":
        raise Conflict(
            "该项撤并已停止或已办结，不再移转",
            f"the closing is {closing.state}: nothing is moved any more",
            where=closing.closing,
            mend_zh="请在县级撤并页查看该项撤并的情况",
            mend_en="see the page of the closing",
        )
    return closing


def _runs(ids: Sequence[uuid.UUID], size: int) -> list[Sequence[uuid.UUID]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _run(part: str, label: str, ids: Sequence[uuid.UUID]) -> ChunkPlan:
    return ChunkPlan(f"{label}（{len(ids)}）", {"part": part, "first": str(ids[0]), "last": str(ids[-1])})


def _loose(session: Session) -> Sequence[uuid.UUID]:
    """Open cases that travel and go with no household, in the order of their ids."""
    return session.scalars(tenant_sql(_LOOSE), {"travelling": travelling_workflows(), "moving": list(MOVING)}).all()


def _move(session: Session, params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """One part, in the closing county's scope."""
    with entered(system_scope(current_scope().province, "closing")), unit_of_work() as above:
        _refuse_unless_agreed(above, params)
    peer, reason = str(params["successor"]), str(params["reason"])
    if payload["part"] == "money":
        rows = carry_over(session, peer, reason)
        return {"accounts": len(rows), "amount_fen": sum(row.available_fen for row in rows)}
    first, last = uuid.UUID(payload["first"]), uuid.UUID(payload["last"])
    if payload["part"] == "cases":
        loose = [case for case in _loose(session) if first <= case <= last]
        return depart_cases(session, peer, loose, reason).as_json()
    homes = session.scalars(select(WorkerFile.household_id).where(WorkerFile.id.between(first, last))).all()
    return depart(session, peer, homes, reason).as_json()


def _moved(session: Session, params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """When all parts are done the second job starts; while something is still there it does not, and this one has failed."""
    with visiting(params["closing"], params["reason"]) as there:
        found = holdings(there)
    travelling = sum(row.count for row in found.cases if row.travels)
    if params["successor"] is not None and (found.households or found.available_fen or travelling):
        raise Conflict(
            f"还有 {found.households} 户、{travelling} 件事项和资金 {format_yuan(found.available_fen)}没有移转",
            f"{found.households} households, {travelling} cases and {found.available_fen} fen are left",
            where=str(params["closing"]),
            mend_zh="请在该项撤并的页面继续办理：按现有档案重新安排移转，已移转的不会重复",
            mend_en="go on with the closing on its page: what is there is planned anew",
        )
    sums = {name: sum(int(one.get(name, 0)) for one in results) for name in ("households", "persons", "cases", "papers")}
    sums["amount_fen"] = sum(int(one.get("amount_fen", 0)) for one in results)
    start_job(session, SEAL_JOB, str(params["key"]), dict(params), "撤并：核对并关闭")
    return sums


def _plan_seal(_session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return (ChunkPlan("核对两侧并关闭", {"closing": params["closing"]}),)


def _seal(session: Session, params: Mapping[str, Any], _payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Deliver what is still on its way, compare both sides, close. In the scope of the province."""
    closing = closing_of(session, uuid.UUID(str(params["id"])))
    if closing.state == "done":
        return closing.result
    _refuse_unless_agreed(session, params)
    _deliver_all(closing)
    _compared(closing)
    findings = _last_look(closing)
    # A transaction of its own, in which whoever agreed may close: what is done stays done if this process dies right after.
    with entered(replace(current_scope(), permissions=current_scope().permissions | {KEEP})), unit_of_work() as own:
        return _close(own, closing.id, findings)


def _close(session: Session, closing_id: uuid.UUID, findings: int) -> Mapping[str, Any]:
    """The comparison that counts and the closing are one act: packages under way there are waited for, none arrives between the
    two, and the county's row is locked, so that it is not at work again."""
    closing = session.scalars(select(CountyClosing).where(CountyClosing.id == closing_id).with_for_update()).one()
    if closing.state == "done":
        return closing.result
    if closing.state != "agreed":
        raise Conflict("该项撤并已停止", "the closing was stopped", where=closing.closing)
    hold_arrivals(session, closing.closing)
    [county] = tenants_to_move(session, [closing.closing])
    if county.state == Standing.OPEN.value:
        raise Conflict(
            f"{county.union_name}已恢复办理，不能关闭",
            "the county is at work again",
            where=closing.closing,
            mend_zh="请在该项撤并的页面继续办理，该单位将重新暂停",
            mend_en="go on with the closing on its page: the county is suspended again",
        )
    result = _compared(closing, noted=False) | {"findings": findings}
    if closing.successor is not None:
        _cover(session, closing.closing, closing.successor)
    close(session, closing.closing, closing.reason, closing.successor)
    closing.state, closing.done_on, closing.result = "done", current_scope().business_date, dict(result)
    session.flush()
    record(session, "closing.done", "county_closing", closing.id, {"closing": closing.closing, "successor": closing.successor})
    return result


def _deliver_all(closing: CountyClosing) -> None:
    """Have every package and every answer between the two arrive. Another process may be carrying one at this moment."""
    counties = [code for code in (closing.closing, closing.successor) if code]
    for _ in range(_LOOKS):
        for code in (*counties, *counties):
            relay(code)
        left = _on_its_way(closing)
        if not left:
            return
        time.sleep(_PAUSE_S)
    raise Conflict(
        f"还有 {left} 个移交包或后台事项没有送达",
        f"{left} packages have not arrived",
        where=closing.closing,
        mend_zh="请查看系统运行页的失败原因，处理后继续本任务",
        mend_en="see why they fail on the page of the system, then take up this job again",
    )


def _on_its_way(closing: CountyClosing) -> int:
    with visiting(closing.closing, closing.reason, noted=False) as there:
        waiting = (
            select(func.count(OutboxItem.id)).where(OutboxItem.sent_at.is_(None)),
            select(func.count(Envelope.id)).where(Envelope.direction == "out", Envelope.state == "sealed"),
            select(func.count(HouseholdTransfer.id)).where(
                HouseholdTransfer.direction == "out", HouseholdTransfer.state == "sent"
            ),
        )
        return sum(there.scalar(counted) or 0 for counted in waiting)


def _compared(closing: CountyClosing, *, noted: bool = True) -> dict[str, Any]:
    """The figures of both sides; raises where something is left here, or is not equal there to the fen."""
    with visiting(closing.closing, closing.reason, noted=noted) as there:
        batches = batches_to(there, closing.successor) if closing.successor else []
        found, given = holdings(there), carried(there, batches)
        went = _transfers(there, "out", closing.successor)
        name = str(closing.preview["closing_name"])
        if standing := blocks(found, heir=closing.successor is not None):
            raise NotYet(name, standing)
        if found.households or found.available_fen or found.cases:
            raise Conflict(
                f"{name}还有未移转的档案、事项或资金",
                "something was left behind",
                where=closing.closing,
                mend_zh="请在该项撤并的页面继续办理",
                mend_en="go on with the closing on its page",
            )
    result = {"households": len(went), "carried_fen": sum(given.values()), "accounts": len(given), "twice": 0}
    if closing.successor is None:
        return result
    with visiting(closing.successor, closing.reason, noted=noted) as there:
        came, taken = _transfers(there, "in", closing.closing), carried(there, batches)
        twice = select(func.count(HouseholdTransfer.id)).where(
            HouseholdTransfer.direction == "in", HouseholdTransfer.peer == closing.closing, HouseholdTransfer.twice != []
        )
        result["twice"] = there.scalar(twice) or 0
    # More may have come than went to this successor: what was meant for a county that it took over earlier.
    if not went <= came or any(taken.get(key) != fen for key, fen in given.items()):
        raise Conflict(
            "两侧户数或资金不一致，不能关闭",
            "the two sides are not equal",
            where=closing.closing,
            mend_zh="请联系系统管理员核对移交包",
            mend_en="compare the packages of both sides",
        )
    return result


def _last_look(closing: CountyClosing) -> int:
    """The audit and the figures of this year and the last, while they can still be written there, with the lines that were on;
    how many findings stand open."""
    with visiting(closing.closing, closing.reason, noted=False) as there:
        lines = enabled_plugins(there)
    scope, years = current_scope(), (current_scope().business_date.year - 1, current_scope().business_date.year)
    own = system_scope(closing.closing, "closing", on=scope.business_date, guest_reason=closing.reason)
    with entered(replace(own, plugins=own.plugins | lines)), unit_of_work() as session:
        for year in years:
            run_audit(session, year)
            report_facts(session, year)
        return holdings(session).counts["findings"]


def _transfers(session: Session, direction: str, peer: str | None) -> set[uuid.UUID]:
    if peer is None:
        return set()
    wanted = select(HouseholdTransfer.transfer_id).where(
        HouseholdTransfer.direction == direction, HouseholdTransfer.peer == peer, HouseholdTransfer.state == "arrived"
    )
    return set(session.scalars(wanted))


def _cover(session: Session, closing: str, successor: str) -> None:
    """From today on the divisions of the county that closes are the successor's: their codes lead there."""
    heir = session.scalars(select(Tenant).where(Tenant.code == successor)).one()
    codes = dict.fromkeys([closing, *(row.division_code for row in covered(session, closing))])
    already = {row.division_code for row in covered(session, successor)}
    rows = [
        {
            "tenant_code": successor,
            "division_code": code,
            "valid_from": current_scope().business_date,
            "name": heir.name,
            "union_name": heir.union_name,
            "province": heir.province,
            "prefecture": heir.prefecture,
            "former_tenant": closing,
        }
        for code in codes
        if code not in already
    ]
    if rows:
        session.execute(insert(TenantDivision), rows)


JOB_KINDS = (
    JobKindDecl(
        MOVE_JOB,
        "撤并移转",
        "move what a closing county holds",
        plan=_plan_moves,
        run=_move,
        finish=_moved,
        permission=AGREE_MERGE,
        fan_out=True,
        levels=frozenset({Level.PROVINCE}),
        listed=False,
    ),
    JobKindDecl(
        SEAL_JOB,
        "撤并核对与关闭",
        "compare both sides and close the county",
        plan=_plan_seal,
        run=_seal,
        permission=AGREE_MERGE,
        levels=frozenset({Level.PROVINCE}),
        listed=False,
    ),
)
