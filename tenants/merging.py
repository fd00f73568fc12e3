"""Closing a county by two people (撤并、撤销): one of the province asks, having seen the preview, another agrees; then a job
moves what the county holds into the county that takes over, and closes it.

Doors in front of these functions ask for a fresh proof. What the job does: ``tenants.merging_jobs``.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.db.base import new_id
from core.db.statements import tenant_sql
from core.errors import Conflict, Forbidden, NotFound
from core.jobs.models import Job
from core.jobs.repository import OPEN
from core.jobs.service import end_job, start_job
from core.scope import Level, Standing, current_scope
from core.tenancy.life import move
from core.tenancy.models import Tenant
from core.text.lines import line_ends, reason_given
from core.trail.service import record
from core.transfers.models import CountyClosing
from tenants.merging_gate import Block
from tenants.merging_preview import Preview, look
from tenants.plugin import AGREE_MERGE, MERGE

MOVE_JOB, SEAL_JOB = "county.move", "county.seal"
REASON_LENGTH = 500
_PROVINCE = frozenset({Level.PROVINCE})
STATES_ZH = {
    "asked": "待同意",
    "agreed": "正在办理",
    "refused": "未同意",
    "withdrawn": "已撤回",
    "stopped": "已停止",
    "done": "已撤并",
}
CLOSING = Kind("county_closing", "县级单位撤并", STATES_ZH)
PREVIEW = Demand(MERGE, levels=_PROVINCE)
ASK = Demand(MERGE, levels=_PROVINCE)
DECIDE = Demand(AGREE_MERGE, levels=_PROVINCE, of=CLOSING, states=frozenset({"asked"}))
WITHDRAW = Demand(MERGE, levels=_PROVINCE, of=CLOSING, states=frozenset({"asked"}))
GO_ON = Demand(AGREE_MERGE, levels=_PROVINCE, of=CLOSING, states=frozenset({"agreed"}))
STOP = Demand(AGREE_MERGE, levels=_PROVINCE, of=CLOSING, states=frozenset({"agreed"}))
READ = Demand("home.read", levels=_PROVINCE)


class SamePerson(Forbidden):
    """Whoever asked, or stands in for him, does not agree."""

    code = "two_people_needed"


class NotYet(Conflict):
    """Something has to be finished first; ``blocks`` says what, with the mend and the place."""

    code = "county_not_clear"

    def __init__(self, county: str, blocks: Sequence[Block]) -> None:
        first = blocks[0]
        super().__init__(
            f"{county}还不能撤并：{'；'.join(block.zh for block in blocks)}",
            f"{county} cannot close yet: {'; '.join(block.en for block in blocks)}",
            where=first.code,
            mend_zh=first.mend_zh,
            mend_en=first.mend_en,
        )
        self.blocks = tuple(blocks)


def preview(session: Session, closing: str, successor: str | None) -> Preview:
    """What closing would mean. Raises ``Forbidden`` without tenants.merge or below the province, and as ``look``."""
    _require(PREVIEW)
    return look(session, closing, successor)


def ask_closing(session: Session, closing: str, successor: str | None, reason: str) -> CountyClosing:
    """Ask that a county be closed, into ``successor`` where one takes over; the figures of this moment are kept with it.

    Raises as ``preview``, ``NotYet`` while something has to be finished, ``InvalidInput`` without a reason, ``Conflict`` where
    that is asked or done already, or where another closing is live in which the county takes over or the successor closes.
    """
    _require(ASK)
    said, scope = reason_given(reason, "请填写批准撤并的文号或依据", REASON_LENGTH), current_scope()
    _one_by_one(session)
    _refuse_live(session, closing, successor)
    seen = look(session, closing, successor)
    if seen.blocks:
        raise NotYet(seen.closing_name, seen.blocks)
    asked = CountyClosing(
        id=new_id(),
        closing=closing,
        successor=successor,
        reason=said,
        preview=seen.as_json(),
        state="asked",
        asked_by=scope.actor,
        asked_persons=sorted(scope.persons),
        asked_on=scope.business_date,
    )
    session.add(asked)
    session.flush()
    record(session, "closing.asked", "county_closing", asked.id, {"closing": closing, "successor": successor})
    return asked


def decide_closing(session: Session, closing_id: uuid.UUID, *, agreed: bool, why: str = "") -> CountyClosing:
    """The second person's word. Agreed, the county is suspended at once and the job starts; ``why`` is needed to refuse.

    Repeated by the same person it changes nothing. Raises ``Forbidden``, ``SamePerson``, ``NotFound``, ``Conflict`` where it is
    settled, ``NotYet`` where something came up meanwhile that has to be finished first.
    """
    scope = current_scope()
    require(DECIDE)
    _one_by_one(session)
    closing = _locked(session, closing_id)
    if closing.decided_by == scope.actor and closing.state in (("agreed", "done") if agreed else ("refused",)):
        return closing
    if not DECIDE.fits(closing.state):
        raise _settled()
    if scope.persons & set(closing.asked_persons):
        raise SamePerson(
            "提出人不能同意自己提出的撤并",
            "whoever asked does not agree",
            where="state",
            mend_zh="请由另一位有权人员办理",
            mend_en="let somebody else decide it",
        )
    said = line_ends(why).strip() if agreed else reason_given(why, "请填写不同意的理由", REASON_LENGTH)
    if agreed:
        _refuse_blocked(session, closing)
    closing.state = "agreed" if agreed else "refused"
    closing.decided_by, closing.decided_on = scope.actor, scope.business_date
    closing.decided_why = said[:REASON_LENGTH] or None
    session.flush()
    record(session, f"closing.{closing.state}", "county_closing", closing.id, {"closing": closing.closing})
    if agreed:
        _begin(session, closing)
    return closing


def withdraw_closing(session: Session, closing_id: uuid.UUID) -> CountyClosing:
    """Take back what one asked. Raises ``Forbidden``, ``NotFound`` for what another asked, ``Conflict`` where it is settled."""
    require(WITHDRAW)
    closing = _locked(session, closing_id)
    if closing.asked_by != current_scope().actor:
        raise _unknown()
    if not WITHDRAW.fits(closing.state):
        raise _settled()
    closing.state = "withdrawn"
    session.flush()
    record(session, "closing.withdrawn", "county_closing", closing.id, {"closing": closing.closing})
    return closing


def go_on(session: Session, closing_id: uuid.UUID) -> CountyClosing:
    """Take a closing up again that stands still (继续办理): a new attempt plans from what is there now.

    Raises ``Forbidden``, ``NotFound``, ``Conflict`` where it is not under way, or its jobs are at work.
    """
    require(GO_ON)
    closing = _locked(session, closing_id)
    if not GO_ON.fits(closing.state):
        raise _settled()
    if at_work := [job.title for job in _jobs(session, closing) if job.state in OPEN]:
        raise Conflict(
            f"{at_work[0]}正在办理，无需继续", "its jobs are at work", where="state", mend_zh="请等待任务结束", mend_en="wait"
        )
    record(session, "closing.gone_on", "county_closing", closing.id, {"closing": closing.closing})
    _begin(session, closing)
    return closing


def stop_closing(session: Session, closing_id: uuid.UUID, why: str) -> CountyClosing:
    """End a closing that was agreed while the county has not closed (停止撤并). What has gone over stays there; the county
    stays suspended until somebody resumes it.

    Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` without a reason, ``Conflict`` where it is not under way, or a part of
    it is being done at this moment.
    """
    require(STOP)
    said, scope = reason_given(why, "请填写停止撤并的原因", REASON_LENGTH), current_scope()
    closing = _locked(session, closing_id)
    if not STOP.fits(closing.state):
        raise _settled()
    for job in _jobs(session, closing):
        if job.state in OPEN and end_job(session, job.id).state != "cancelled":
            raise Conflict(
                f"{job.title}正在办理，不能停止",
                "a part of it is being done",
                where="state",
                mend_zh="请稍候，这一段办完后再停止",
                mend_en="wait until that part is done",
            )
    closing.state, closing.stopped_why = "stopped", said
    closing.stopped_by, closing.stopped_on = scope.actor, scope.business_date
    session.flush()
    record(session, "closing.stopped", "county_closing", closing.id, {"closing": closing.closing})
    return closing


def _require(demand: Demand) -> None:
    """The platform may look and ask, on the word of a paper; only a person agrees."""
    if not current_scope().is_system:
        require(demand)


def closings(session: Session, limit: int = 50) -> Sequence[CountyClosing]:
    """The closings of the province in scope, newest first."""
    return session.scalars(select(CountyClosing).order_by(CountyClosing.id.desc()).limit(limit)).all()


def closing_of(session: Session, closing_id: uuid.UUID) -> CountyClosing:
    """One closing; raises ``NotFound``."""
    found = session.scalar(select(CountyClosing).where(CountyClosing.id == closing_id))
    if found is None:
        raise _unknown()
    return found


def job_of(session: Session, closing: CountyClosing, kind: str) -> uuid.UUID | None:
    """The newest job of a kind that works on a closing; None where it has not started."""
    return next((job.id for job in _jobs(session, closing) if job.kind == kind), None)


def _jobs(session: Session, closing: CountyClosing) -> Sequence[Job]:
    """All jobs of a closing, of the newest attempt first."""
    of_this = (Job.key == str(closing.id)) | Job.key.startswith(f"{closing.id}/")
    wanted = select(Job).where(Job.kind.in_((MOVE_JOB, SEAL_JOB)), of_this)
    return session.scalars(wanted.order_by(Job.id.desc()).execution_options(populate_existing=True)).all()


def _begin(session: Session, closing: CountyClosing) -> None:
    """Suspend the county, so that nothing new begins there, and start the work."""
    state = session.scalar(select(Tenant.state).where(Tenant.code == closing.closing))
    if state == Standing.OPEN.value:
        move(session, [closing.closing], "suspend", reason=closing.reason, detail={"into": closing.successor or ""})
    before = sum(job.kind == MOVE_JOB for job in _jobs(session, closing))
    key = f"{closing.id}/{before + 1}" if before else str(closing.id)
    params = {"closing": closing.closing, "successor": closing.successor, "reason": closing.reason, "id": str(closing.id)}
    title = f"撤并{closing.preview['closing_name']}：移转" + (f"（第 {before + 1} 次）" if before else "")
    closing.job_id = start_job(session, MOVE_JOB, key, params | {"key": key}, title).id
    session.flush()


def _refuse_blocked(session: Session, closing: CountyClosing) -> None:
    seen = look(session, closing.closing, closing.successor)
    if seen.blocks:
        raise NotYet(seen.closing_name, seen.blocks)


def _refuse_live(session: Session, closing: str, successor: str | None) -> None:
    """A county closes once, and neither takes over nor hands over while it does."""
    mine = (CountyClosing.closing == closing) | (CountyClosing.successor == closing)
    if successor is not None:
        mine |= CountyClosing.closing == successor
    live = select(CountyClosing.closing).where(mine, CountyClosing.state.in_(("asked", "agreed"))).limit(1)
    if (other := session.scalar(live)) is not None:
        raise Conflict(
            "该单位的撤并已提出" if other == closing else "该单位或承接单位正在办理另一项撤并",
            "a closing that touches that county is asked for already",
            where=closing,
            mend_zh="请先办结或撤回前一项撤并",
            mend_en="finish or withdraw that one first",
        )


def _one_by_one(session: Session) -> None:
    session.execute(tenant_sql("select pg_advisory_xact_lock(hashtext('county_closing' || :tenant))"))


def _locked(session: Session, closing_id: uuid.UUID) -> CountyClosing:
    wanted = select(CountyClosing).where(CountyClosing.id == closing_id).with_for_update()
    found = session.scalar(wanted.execution_options(populate_existing=True))
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("没有这项撤并", "no such closing", where="closing")


def _settled() -> Conflict:
    return Conflict(
        "该项撤并已有处理结果", "the closing is settled", where="state", mend_zh="请刷新查看", mend_en="load it again"
    )
