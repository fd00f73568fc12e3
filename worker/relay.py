"""How a process reaches the workers: the sender that `core.jobs.outbox` is given, made of Celery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.jobs.outbox import set_sender
from core.settings import settings


def send(task: str, arguments: Sequence[Any]) -> None:
    """Put a task into the queue by its name. Raises kombu's ``OperationalError`` where the queue is out of reach."""
    from worker.app import app

    app.send_task(task, args=list(arguments), ignore_result=True)


def use_queue() -> bool:
    """Have this process (web, worker, launcher) tell the workers after each commit; False where no queue is set up."""
    if not settings().celery_broker_url:
        return False
    set_sender(send)
    return True
