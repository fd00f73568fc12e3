"""Recovery: what was written but not sent, and jobs whose process is gone, are found in the rows and sent again."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.session import reference_work, unit_of_work
from core.jobs import outbox, recurring, repository
from core.jobs.models import Pulse
from core.jobs.outbox import SWEEP
from core.scope import Standing, entered
from core.tenancy.life import is_there
from core.tenancy.models import Tenant
from core.tenancy.service import business_date, scope_of, system_scope

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=30)
"""How long nobody may work on an open job before it is sent again. A chunk at work is never taken away: its row is locked."""

SILENT_AFTER = timedelta(seconds=60)
"""How long no sweep may begin before the background counts as stopped."""

_GONE = "办理进程中断 / the process that did this part was lost"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did for one tenant."""

    sent: int
    failed: int
    jobs: tuple[uuid.UUID, ...]


def sweep(tenant: str, *, stale_after: timedelta = STALE_AFTER) -> Swept:
    """Carry out the tenant's waiting outbox items and send its open jobs again that nobody has worked on for that long."""
    relayed = outbox.relay(tenant)
    before = datetime.now(UTC) - stale_after
    with entered(system_scope(tenant, "sweep")), unit_of_work() as session:
        stale = repository.lock_stale(session, before)
        if stale:
            repository.free_orphans(session, stale, before, _GONE)
        for job_id in stale:
            repository.beat(session, job_id)
    for job_id in stale:
        outbox.send(outbox.JOB, [tenant, str(job_id)])
    return Swept(relayed.sent, relayed.failed, tuple(stale))


def free(tenant: str, job_id: uuid.UUID) -> None:
    """Give back the chunks of one job whose process is gone."""
    before = datetime.now(UTC) - STALE_AFTER
    with entered(system_scope(tenant, "sweep")), unit_of_work() as session:
        repository.job_of(session, job_id, lock=True)
        repository.free_orphans(session, [job_id], before, _GONE)


def sweep_all(*, stale_after: timedelta = STALE_AFTER) -> int:
    """Start recurring work that is due, then sweep every tenant that has something to sweep; all are asked together. A tenant
    that fails stops no other.

    Returns how many were swept.
    """
    with reference_work() as session:
        _note_pulse(session)
        today = business_date(session)
        # where the database takes no writes, nothing is carried out
        swept_ones = is_there() & (Tenant.state != Standing.READ_ONLY.value)
        tenants = session.scalars(select(Tenant).where(swept_ones).order_by(Tenant.code)).all()
        due = recurring.due(session, *recurring.now_here())
    recurring.start(due, [tenant for tenant in tenants if tenant.state == Standing.OPEN.value])
    swept = 0
    scopes = [scope_of(tenant, "system:sweep", today) for tenant in tenants]
    for code in sorted(repository.anything_to_sweep(scopes, datetime.now(UTC) - stale_after)):
        try:
            sweep(code, stale_after=stale_after)
            swept += 1
        except Exception:
            log.exception("sweep of %s failed", code)
    return swept


def _note_pulse(session: Session) -> None:
    now = datetime.now(UTC)
    session.execute(insert(Pulse).values(name=SWEEP, at=now).on_conflict_do_update(index_elements=["name"], set_={"at": now}))


def swept_at() -> datetime | None:
    """When the last sweep began, in any process of the installation; None before the first."""
    with reference_work() as session:
        return session.scalar(select(Pulse.at).where(Pulse.name == SWEEP))


def is_swept() -> bool:
    """Whether sweeps recur: without them nothing that was interrupted goes on, and nothing that waits is sent again."""
    last = swept_at()
    return last is not None and datetime.now(UTC) - last < SILENT_AFTER
