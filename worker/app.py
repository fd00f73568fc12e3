"""The Celery application. Messages carry ids only; rows hold the truth (`core.jobs`), so no result is kept anywhere.

``celery -A worker.app worker`` does the work, ``celery -A worker.app beat`` beside it, once per installation, has it sweep.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import beat_embedded_init, worker_init, worker_process_init
from kombu.entity import Queue

from core.jobs.outbox import CHUNK
from core.settings import settings
from worker.beat import SCHEDULE
from worker.lifeline import end_with_parent

_queue: Any = Queue

VISIBILITY_TIMEOUT_S = 120
"""After this a message that nobody has acknowledged is handed out again; a second copy finds its row locked or done."""
SOFT_LIMIT_S, HARD_LIMIT_S = 300, 330
"""A task past the first limit gets an error and notes it; past the second its process is ended."""


def make_app() -> Celery:
    """The application on ``BANGFU_CELERY_BROKER_URL``."""
    made = Celery("bangfu", broker=settings().celery_broker_url or None, include=["worker.tasks"])
    made.conf.update(
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_default_queue="bangfu",
        # long chunks wait in a queue of their own, so that prompt deliveries pass them
        task_queues=tuple(_queue(name) for name in ("bangfu", "bangfu.chunks")),
        task_routes={CHUNK: {"queue": "bangfu.chunks"}},
        task_soft_time_limit=SOFT_LIMIT_S,
        task_time_limit=HARD_LIMIT_S,
        task_publish_retry=False,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
        },
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule=SCHEDULE,
        enable_utc=True,
    )
    return made


app = make_app()


def _check_the_role(**_: Any) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from core.db.safety import refuse_unsafe_role
    from core.db.session import app_engine
    from core.errors import BangfuError
    from core.jobs.failures import told

    try:
        refuse_unsafe_role(app_engine())
    except (BangfuError, SQLAlchemyError) as error:
        # Celery swallows an Exception of a signal's receiver; only an exit stops the worker
        raise SystemExit(told(error)) from error


def _own_connections(**_: Any) -> None:
    from core.db.session import app_engine

    app_engine().dispose(close=False)


worker_init.connect(_check_the_role)
worker_process_init.connect(_own_connections)
worker_process_init.connect(end_with_parent)
beat_embedded_init.connect(end_with_parent)
