"""Work that starts by itself (定期任务): which kinds are due, started once a period for each tenant that has them.

The sweep asks what is due in one statement, whatever the number of tenants. A period begins on the day and at the hour
(Asia/Shanghai, by the clock: a demonstration's moved date has no nights) that its declaration names. One that was missed, since
the installation was off, is caught up once. The period in which a kind is first seen is none that was missed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from core.calendar.working_days import CHINA_TIME
from core.db.session import reference_work, unit_of_work
from core.host.declarations import JobKindDecl, Recurrence
from core.host.manager import host
from core.jobs.models import Job, RecurringStart
from core.jobs.service import start_job
from core.scope import Level, current_scope, entered
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope

log = logging.getLogger(__name__)

_KEY = "recurring/"


@dataclass(frozen=True, slots=True)
class Due:
    """A kind of work whose period has begun and which nobody has started in it yet."""

    kind: JobKindDecl
    period: date


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Recurring work of the tenant in scope: its last job, None before the first, and the day of the next."""

    kind: JobKindDecl
    when: str
    last: Job | None
    next_on: date


def now_here() -> tuple[date, int]:
    """The civil date and the hour in Asia/Shanghai."""
    now = datetime.now(UTC).astimezone(CHINA_TIME)
    return now.date(), now.hour


def begun(recurs: Recurrence, day: date, hour: int) -> date:
    """The day on which the period began that runs at ``hour`` of ``day``."""
    latest = day if hour >= recurs.hour else day - timedelta(days=1)
    if recurs.day is None:
        return latest
    if recurs.month is None:
        start = latest.replace(day=recurs.day)
        return start if start <= latest else (latest.replace(day=1) - timedelta(days=1)).replace(day=recurs.day)
    start = date(latest.year, recurs.month, recurs.day)
    return start if start <= latest else start.replace(year=latest.year - 1)


def following(recurs: Recurrence, period: date) -> date:
    """The day on which the next period begins."""
    if recurs.day is None:
        return period + timedelta(days=1)
    if recurs.month is None:
        return (period.replace(day=28) + timedelta(days=4)).replace(day=recurs.day)
    return period.replace(year=period.year + 1)


def in_words(recurs: Recurrence) -> str:
    """When the work recurs, as a page says it."""
    day = "每日" if recurs.day is None else f"每月 {recurs.day} 日"
    if recurs.month is not None:
        day = f"每年 {recurs.month} 月 {recurs.day} 日"
    return f"{day} {recurs.hour}:00"


def due(session: Session, day: date, hour: int) -> list[Due]:
    """What is due in the installation at ``hour`` of ``day``: one statement. A day before a period that was started is none."""
    recurring = [
        Due(kind, begun(kind.recurs, day, hour)) for kind in host().collected("bangfu_job_kinds") if kind.recurs is not None
    ]
    if not recurring:
        return []
    started = dict(session.execute(select(RecurringStart.kind, RecurringStart.period)).all())
    return [one for one in recurring if _waits(one, started.get(one.kind.kind))]


def _waits(one: Due, started: date | None) -> bool:
    return started is None or started < one.period


def start(found: Sequence[Due], tenants: Sequence[Tenant]) -> int:
    """Start what is due in the tenants that have it, as the platform; how many jobs that makes. Of a kind that is seen for the
    first time the present period is noted, and nothing starts.

    Of several processes one does it, and the others pass. A tenant in which it fails stops no other; what failed is tried
    again by the next sweep, which finds the jobs of the others there.
    """
    if not found or not tenants:
        return 0
    names = sorted(one.kind.kind for one in found)
    with reference_work() as session:
        first_seen = [{"kind": one.kind.kind, "period": one.period} for one in found]
        session.execute(insert(RecurringStart).values(first_seen).on_conflict_do_nothing())
    with reference_work() as session:
        wanted = select(RecurringStart).where(RecurringStart.kind.in_(names)).order_by(RecurringStart.kind)
        rows = {row.kind: row for row in session.scalars(wanted.with_for_update(skip_locked=True))}
        mine = [one for one in found if one.kind.kind in rows and _waits(one, rows[one.kind.kind].period)]
        jobs, failed = 0, set[str]()
        for tenant in tenants:
            here = [one for one in mine if _concerns(one.kind, Level(tenant.level))]
            try:
                jobs += _start_in(tenant.code, here) if here else 0
            except Exception:
                log.exception("recurring work of %s not started", tenant.code)
                failed |= {one.kind.kind for one in here}
        for one in mine:
            if one.kind.kind not in failed:
                rows[one.kind.kind].period = one.period
                rows[one.kind.kind].at = datetime.now(UTC)
    return jobs


def _concerns(kind: JobKindDecl, level: Level) -> bool:
    """Whether the work recurs at a level: what fans out is started by the province alone."""
    return level in kind.levels and (level is Level.PROVINCE or not kind.fan_out)


def _start_in(tenant: str, wanted: Sequence[Due]) -> int:
    with entered(system_scope(tenant, "schedule")), unit_of_work() as session:
        on = {kind.kind for kind in host().collected_here("bangfu_job_kinds")}
        mine = [one for one in wanted if one.kind.kind in on]
        for one in mine:
            start_job(session, one.kind.kind, f"{_KEY}{one.period}", {"year": one.period.year, "period": str(one.period)})
        return len(mine)


def schedule(session: Session) -> list[Scheduled]:
    """What recurs in the tenant in scope, with its last job and its next day: one statement."""
    scope = current_scope()
    kinds: list[JobKindDecl] = host().collected_here("bangfu_job_kinds")
    recurring = [kind for kind in kinds if kind.recurs is not None and _concerns(kind, scope.level)]
    if not recurring:
        return []
    newest = (
        select(Job)
        .ext(distinct_on(Job.kind))
        .where(Job.kind.in_([kind.kind for kind in recurring]), Job.key.startswith(_KEY))
        .order_by(Job.kind, Job.created_at.desc())
    )
    last = {job.kind: job for job in session.scalars(newest)}
    day, hour = now_here()
    return [
        Scheduled(kind, in_words(kind.recurs), last.get(kind.kind), following(kind.recurs, begun(kind.recurs, day, hour)))
        for kind in recurring
        if kind.recurs is not None
    ]
