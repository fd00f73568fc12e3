"""How far the work at one chunk is (办理进度), told while the chunk's own transaction is open."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, update

from core.db.session import unit_of_work
from core.jobs.models import Job
from core.jobs.repository import OPEN
from core.scope import current_scope, entered
from core.tenancy.service import system_scope


def tell(job_id: uuid.UUID, said: Mapping[str, Any]) -> None:
    """Say in the row of an open job of the tenant in scope how far it is: at once, by a transaction of its own, for all to see.

    ``said`` stands as the job's result until the job is summed up. It is a sign of life as well.
    """
    keeper = system_scope(current_scope().tenant, "jobs")
    with entered(keeper), unit_of_work() as session:
        session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state.in_(OPEN))
            .values(result=dict(said), heartbeat_at=func.clock_timestamp())
            .execution_options(synchronize_session=False)
        )
