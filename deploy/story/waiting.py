"""Waiting for background work in front of the user: the worker does it, the terminal shows how far it is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.progress import Progress as Bars
from sqlalchemy import func, select

from core.db.session import unit_of_work
from core.errors import BangfuError
from core.jobs.models import OutboxItem
from core.jobs.service import progress as job_progress
from core.scope import entered
from core.tenancy.service import system_scope
from deploy.story.bars import SAID_ONE_BY_ONE, bars
from deploy.story.ledger import Progress

_LOOK_EVERY_S = 0.1


class JobFailed(BangfuError):
    """A job that the story depends on did not end well."""

    code = "job_failed"
    status = 500


def wait_for_job(tenant: str, job_id: uuid.UUID, progress: Progress) -> dict[str, Any]:
    """Wait until a job is over, with a bar; its progress. Raises ``JobFailed`` with the first chunk's error."""
    [(_, seen)] = wait_for_jobs({tenant: job_id}, progress)
    return seen


def wait_for_jobs(jobs: Mapping[str, uuid.UUID], progress: Progress) -> Iterator[tuple[str, dict[str, Any]]]:
    """Wait for one job of each of several tenants; each tenant with its job's progress, in the order given.

    Raises ``JobFailed`` with the first failed chunk's error.
    """
    batches = 0
    with bars() as shown:
        for number, (tenant, job_id) in enumerate(jobs.items(), start=1):
            seen = _over(tenant, job_id, shown, f"{number}/{len(jobs)}", progress.check)
            batches += seen["done"]
            if len(jobs) <= SAID_ONE_BY_ONE:
                progress.say(f"  {tenant}  {seen['title']}：{seen['done']} 批完成")
            yield tenant, seen
    if len(jobs) > SAID_ONE_BY_ONE:
        progress.say(f"  {len(jobs)} 县  {seen['title']}：{batches} 批完成")


def _over(tenant: str, job_id: uuid.UUID, shown: Bars, place: str, check: Callable[[], None]) -> dict[str, Any]:
    task = shown.add_task(tenant, total=None)
    while True:
        with entered(system_scope(tenant, "story")), unit_of_work() as session:
            seen = job_progress(session, job_id)
        shown.update(
            task, total=seen["total"] or None, completed=seen["done"] + seen["failed"], description=f"{place} {seen['title']}"
        )
        if seen["state"] in ("done", "failed", "cancelled"):
            break
        check()
        time.sleep(_LOOK_EVERY_S)
    shown.remove_task(task)
    if seen["state"] != "done":
        failed = [chunk for chunk in seen["chunks"] if chunk["state"] == "failed"]
        why = failed[0]["error"] if failed else seen.get("error") or seen["state"]
        raise JobFailed(
            f"后台任务“{seen['title']}”未完成：{why}",
            f"the job {seen['title']!r} did not end well: {why}",
            where=tenant,
            mend_zh="修复后再次运行，将从中断处继续",
            mend_en="run again once mended: it goes on from here",
        )
    return seen


def wait_for_outbox(tenant: str, progress: Progress) -> None:
    """Wait until everything that a tenant posted has been carried out."""
    while True:
        with entered(system_scope(tenant, "story")), unit_of_work() as session:
            left = session.scalar(select(func.count()).select_from(OutboxItem).where(OutboxItem.sent_at.is_(None)))
        if not left:
            return
        progress.check()
        time.sleep(_LOOK_EVERY_S)
